//! Seeded numbers for tests, and the distance between two lists of numbers.

/// A counter-based generator (SplitMix64): the same numbers on every machine.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn seeded(seed: u64) -> Self {
        Numbers(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Numbers in (−1, 1), times `size`.
    pub(crate) fn list(&mut self, len: usize, size: f32) -> Vec<f32> {
        let unit = |bits: u64| (bits >> 40) as f32 / (1 << 23) as f32 - 1.0;
        (0..len).map(|_| unit(self.bits()) * size).collect()
    }

    /// Whole numbers below `end`.
    pub(crate) fn below(&mut self, len: usize, end: u32) -> Vec<u32> {
        (0..len)
            .map(|_| (self.bits() % u64::from(end)) as u32)
            .collect()
    }
}

/// ‖a − b‖ / ‖b‖; infinite where a number is not finite or the lengths differ.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() || a.iter().any(|x| !x.is_finite()) {
        return f64::INFINITY;
    }
    let square = |x: f64| x * x;
    let apart: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| square(f64::from(a) - f64::from(b)))
        .sum();
    let length: f64 = b.iter().map(|&b| square(f64::from(b))).sum();
    if apart == 0.0 {
        0.0
    } else {
        (apart / length).sqrt()
    }
}

#[test]
fn distance_sees_what_is_wrong() {
    assert_eq!(distance(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
    assert_eq!(distance(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
    assert!((distance(&[3.0, 4.5], &[3.0, 4.0]) - 0.1).abs() < 1e-12);
    assert_eq!(distance(&[f32::NAN], &[1.0]), f64::INFINITY);
    assert_eq!(distance(&[1.0], &[1.0, 1.0]), f64::INFINITY);
}
