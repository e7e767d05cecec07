//! Questions drawn again, with replacement, within their groups; and what the draws say.
//!
//! Draws are the same in every run: the generator (SplitMix64, Steele 2014) begins at a constant.

use std::ops::Range;

/// Draws in all of one bootstrap, as far as the bounds allow.
const WORK: usize = 4_000_000;
/// Bounds of the number of resamples.
const RESAMPLES: (usize, usize) = (1_000, 4_000);

/// How items lie in groups, one group after the other.
#[derive(Clone, Debug)]
pub(crate) struct Strata {
    sizes: Vec<usize>,
}

impl Strata {
    pub(crate) fn new(sizes: Vec<usize>) -> Self {
        Strata { sizes }
    }

    /// Where each group lies.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut start = 0;
        self.sizes.iter().map(move |size| {
            let range = start..start + size;
            start += size;
            range
        })
    }

    /// The statistic of every resample, sorted; those that are no numbers are left out.
    pub(crate) fn draws(&self, mut statistic: impl FnMut(&[usize]) -> f64) -> Vec<f64> {
        let items: usize = self.sizes.iter().sum();
        let resamples = (WORK / items.max(1)).clamp(RESAMPLES.0, RESAMPLES.1);
        let mut random = Random::new(0x6b61_6e61_6e61);
        let mut indices = vec![0; items];
        let mut draws = Vec::with_capacity(resamples);
        for _ in 0..resamples {
            for range in self.ranges() {
                for at in range.clone() {
                    indices[at] = range.start + random.below(range.len());
                }
            }
            draws.push(statistic(&indices));
        }
        draws.retain(|draw| !draw.is_nan());
        draws.sort_by(f64::total_cmp);
        draws
    }
}

/// The middle 95 % of sorted draws.
pub(crate) fn interval(draws: &[f64]) -> (f64, f64) {
    let at = |share: f64| {
        let last = draws.len().saturating_sub(1);
        let index = (share * last as f64).round() as usize;
        draws.get(index).copied().unwrap_or(f64::NAN)
    };
    (at(0.025), at(0.975))
}

/// The standard deviation of draws.
pub(crate) fn deviation(draws: &[f64]) -> f64 {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt()
}

/// A stream of numbers that follows from its seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n` − 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}
