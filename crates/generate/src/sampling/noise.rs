//! The waiting times of the race: numbers by chance that can be asked for in any order.

/// Tokens whose noise is drawn together.
pub(super) const GROUP: usize = 16;

/// Waiting times with mean 1, independent of each other, that depend on (seed, position, id) alone.
///
/// The first of a group of 16 comes after a time with mean 1/16, it is any of them, and for the
/// others the wait begins anew when it comes (an exponential wait has no memory). So one number says
/// of a whole group that it can be passed over.
pub(super) struct Noise(u64);

/// The waiting times of one group.
pub(super) struct Group {
    bits: u64,
    first: f64,
    /// Which of them is first.
    member: u32,
}

impl Noise {
    pub(super) fn new(seed: u64, position: u64) -> Self {
        Noise(mix(mix(seed) ^ position.wrapping_mul(GOLDEN)))
    }

    fn bits(&self, group: u32) -> u64 {
        mix(self.0.wrapping_add(u64::from(group).wrapping_mul(GOLDEN)))
    }

    /// Not more than the first waiting time of a group: −ln(1 − u) ≥ u.
    pub(super) fn not_before(&self, group: u32) -> f64 {
        share(self.bits(group)) / GROUP as f64
    }

    pub(super) fn group(&self, group: u32) -> Group {
        let bits = self.bits(group);
        Group {
            bits,
            first: -(-share(bits)).ln_1p() / GROUP as f64,
            member: (mix(bits) >> 32) as u32 % GROUP as u32,
        }
    }
}

impl Group {
    pub(super) fn of(&self, id: u32) -> f64 {
        let member = id % GROUP as u32;
        if member == self.member {
            return self.first;
        }
        let bits = mix(self.bits ^ u64::from(member + 1).wrapping_mul(GOLDEN));
        self.first - (-share(bits)).ln_1p()
    }
}

/// Bits as a number from 0 (included) to 1 (excluded).
fn share(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele 2014), a bijection that leaves no pattern.
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(GOLDEN);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_are_exponential_and_know_nothing_of_each_other() {
        let noise = Noise::new(3, 5);
        let (mut sum, mut squares, mut pairs, mut beyond) = (0.0, 0.0, 0.0, 0);
        let groups = 40_000u32;
        for group in 0..groups {
            let of = noise.group(group);
            assert!(noise.not_before(group) <= of.first);
            let times: Vec<f64> = (0..16).map(|i| of.of(group * 16 + i)).collect();
            assert!(times.iter().all(|time| *time >= of.first));
            sum += times.iter().sum::<f64>();
            squares += times.iter().map(|time| time * time).sum::<f64>();
            pairs += times[1] * times[7];
            beyond += times.iter().filter(|time| **time > 2.0).count();
        }
        let n = 16.0 * f64::from(groups);
        // Mean 1, second moment 2, product of two 1, and e⁻² beyond 2; a few standard deviations.
        assert!((sum / n - 1.0).abs() < 0.006, "{}", sum / n);
        assert!((squares / n - 2.0).abs() < 0.03, "{}", squares / n);
        assert!((pairs / f64::from(groups) - 1.0).abs() < 0.04, "{pairs}");
        assert!(
            (beyond as f64 / n - (-2.0f64).exp()).abs() < 0.003,
            "{beyond}"
        );
    }
}
