//! Questions drawn again, with replacement, within their groups; and what the draws say.
//!
//! Within a group of n questions the draws of a mean vary 1/n less than they should, and a group of one always
//! draws itself. So small groups are one stratum together ([`Strata::new`]).
//!
//! Draws are the same in every run: the generator (SplitMix64, Steele 2014) begins at a constant.

/// Draws in all of one bootstrap, as far as the bounds allow.
const WORK: usize = 4_000_000;
/// Bounds of the number of resamples.
const RESAMPLES: (usize, usize) = (1_000, 4_000);

/// Questions that a stratum needs: the draws of a mean then vary 5 % less than they should.
const ENOUGH: usize = 20;

/// Which items are drawn for each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strata(Vec<Vec<usize>>);

impl Strata {
    /// The strata of items that lie in groups of these sizes, one group after the other.
    ///
    /// A group of [`ENOUGH`] items or more is a stratum of its own. All smaller ones are one stratum together,
    /// and where even that is small, the next larger groups join it. An item takes its weight along when it is
    /// drawn, and a figure divides by the weights that were drawn: so it stays the same figure, even though a
    /// small group may be drawn more or less often than it has questions.
    pub(crate) fn new(sizes: Vec<usize>) -> Self {
        let mut start = 0;
        let group = |size: usize| {
            let group: Vec<usize> = (start..start + size).collect();
            start += size;
            group
        };
        let mut strata: Vec<Vec<usize>> = sizes.into_iter().map(group).collect();
        let mut by_size: Vec<usize> = (0..strata.len()).collect();
        by_size.sort_by_key(|at| strata[*at].len());
        let mut together: Vec<usize> = vec![];
        for at in by_size {
            if strata[at].len() >= ENOUGH && !(1..ENOUGH).contains(&together.len()) {
                break;
            }
            together.append(&mut strata[at]);
        }
        strata.push(together);
        strata.retain(|stratum| !stratum.is_empty());
        Strata(strata)
    }

    /// The statistic of every resample, sorted; those that are no numbers are left out.
    pub(crate) fn draws(&self, mut statistic: impl FnMut(&[usize]) -> f64) -> Vec<f64> {
        let items: usize = self.0.iter().map(Vec::len).sum();
        let resamples = (WORK / items.max(1)).clamp(RESAMPLES.0, RESAMPLES.1);
        let mut random = Random::new(0x6b61_6e61_6e61);
        let mut indices = Vec::with_capacity(items);
        let mut draws = Vec::with_capacity(resamples);
        for _ in 0..resamples {
            indices.clear();
            for stratum in &self.0 {
                let drawn = stratum.iter().map(|_| stratum[random.below(stratum.len())]);
                indices.extend(drawn);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_are_one_stratum() {
        let sizes = |sizes: &[usize]| -> Vec<usize> {
            let Strata(strata) = Strata::new(sizes.to_vec());
            let mut all = strata.concat();
            all.sort_unstable();
            assert!(
                all.into_iter().eq(0..sizes.iter().sum::<usize>()),
                "{strata:?}"
            );
            strata.iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[0]), Vec::<usize>::new());
        assert_eq!(sizes(&[1; 8]), [8]);
        assert_eq!(sizes(&[10; 8]), [80]);
        assert_eq!(sizes(&[20, 60, 20]), [20, 60, 20]);
        assert_eq!(sizes(&[30, 12, 40, 12]), [30, 40, 24]);
        // One question alone would always draw itself.
        assert_eq!(sizes(&[50, 1, 30, 40]), [50, 40, 31]);
        assert_eq!(Strata::new(vec![3]), Strata(vec![vec![0, 1, 2]]));
    }
}
