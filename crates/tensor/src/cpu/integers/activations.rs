//! Rows quantised to 8 bits for a product with integers: e = max |x| / 127 in each block of 32,
//! s = x / e to the nearest integer (ties to even), and the sum of the s.
//!
//! llama.cpp does the same, but for e, which it rounds to f16. A block with a number that is none
//! gets such a scale, so that the product says so too.

use super::BLOCK;
use crate::cpu::lanes::{Element, Lanes, Work};
use crate::cpu::pack::Rows;

/// Quantised rows.
#[derive(Clone, Copy)]
pub(crate) struct Activations<'a> {
    /// `[n][blocks][32]`, and room for the other rows of a tile.
    pub(crate) bytes: &'a [i8],
    /// `[n][blocks]`, likewise.
    pub(crate) scales: &'a [f32],
    /// As `scales`: Σ s.
    pub(crate) sums: &'a [i32],
    /// Blocks of a row.
    pub(crate) blocks: usize,
}

/// Quantises some rows.
pub(crate) struct Quantise<'a, S> {
    pub(crate) x: Rows<'a, S>,
    pub(crate) rows: std::ops::Range<usize>,
    /// Those of the rows.
    pub(crate) bytes: &'a mut [i8],
    pub(crate) scales: &'a mut [f32],
    pub(crate) sums: &'a mut [i32],
}

impl<S: Element> Work for Quantise<'_, S> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let k = self.x.stride();
        let blocks = k / BLOCK;
        let count = self.rows.len() * blocks;
        assert!(k.is_multiple_of(BLOCK) && self.bytes.len() >= count * BLOCK);
        assert!(self.scales.len() >= count && self.sums.len() >= count);
        let mut pointers = self.x.pointers(self.rows.clone(), 0..k);
        let parts = BLOCK / L::COUNT;
        for row in 0..self.rows.len() {
            let from = pointers.next();
            for b in 0..blocks {
                let at = row * blocks + b;
                let mut x = [L::splat(0.0); 4];
                let (mut largest, mut poison) = (L::splat(0.0), L::splat(0.0));
                for (part, x) in x.iter_mut().enumerate().take(parts) {
                    // SAFETY: the row holds whole blocks.
                    *x = unsafe { S::load(from.add(b * BLOCK + part * L::COUNT), L::COUNT) };
                    largest = L::splat(0.0).sub(*x).max(*x).max(largest);
                    poison = x.mul_add(L::splat(0.0), poison);
                }
                let largest = largest.largest();
                let scale = largest / 127.0;
                let inverse = if scale > 0.0 { 127.0 / largest } else { 0.0 };
                let inverse = L::splat(if inverse.is_finite() { inverse } else { 0.0 });
                let mut sum = L::splat(0.0);
                for (part, x) in x.iter().enumerate().take(parts) {
                    let s = x.mul(inverse).round();
                    sum = sum.add(s);
                    let to = at * BLOCK + part * L::COUNT;
                    // SAFETY: the length of the bytes was checked above.
                    unsafe { s.store_bytes(self.bytes.as_mut_ptr().add(to)) };
                }
                let poison = poison.sum();
                self.scales[at] = if poison == 0.0 { scale } else { f32::NAN };
                self.sums[at] = sum.sum() as i32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kernels;

    #[test]
    fn every_kind_gives_the_same_integers() {
        let mut x: Vec<f32> = (0..96u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8e6 - 1.0)
            .collect();
        x[32..64].fill(0.0);
        x[70] = f32::NAN;
        for kernels in Kernels::available() {
            let (mut bytes, mut scales, mut sums) = ([9; 96], [9.0; 3], [9; 3]);
            kernels.apply(Quantise {
                x: Rows::one(&x[..], 96),
                rows: 0..1,
                bytes: &mut bytes,
                scales: &mut scales,
                sums: &mut sums,
            });
            let largest = x[..32].iter().fold(0f32, |m, x| m.max(x.abs()));
            assert_eq!(scales[0], largest / 127.0, "{kernels}");
            assert_eq!(scales[1], 0.0, "{kernels}");
            assert!(scales[2].is_nan(), "{kernels}");
            for (x, s) in x[..32].iter().zip(bytes) {
                let wanted = (x * (127.0 / largest)).round_ties_even();
                assert_eq!(f32::from(s), wanted, "{kernels}");
            }
            assert_eq!(
                sums[0],
                bytes[..32].iter().map(|&s| i32::from(s)).sum::<i32>()
            );
            assert!(bytes[32..64].iter().all(|&s| s == 0) && sums[1] == 0);
        }
    }
}
