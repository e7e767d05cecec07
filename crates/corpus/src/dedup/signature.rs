//! MinHash signatures: of every permutation of the shingles the smallest, and bands of them as keys.
//!
//! Broder 1997; Leskovec, Rajaraman and Ullman, chapter 3. Permutation i is x ↦ aᵢ·x + bᵢ
//! mod 2³², aᵢ odd, on hashes that are mixed already. Two texts of similarity s agree in one row with
//! probability s, in one of b bands of r rows with 1 − (1 − sʳ)ᵇ: with 14 × 8, as FineWeb has it, 56 %
//! at s = 0.70 and 92 % at 0.8. The permutations are the same for ever, so that signatures of different runs can meet.
//! The loop is written for vectors and compiled for each instruction set; which one runs is decided when it runs.

use pulp::Arch;

use super::shingles::multiply;

/// Permutations that are computed side by side: a vector of AVX-512.
const LANES: usize = 16;

/// The permutations, and how their minima are put into bands.
#[derive(Clone, Debug)]
pub(crate) struct Bands {
    bands: usize,
    rows: usize,
    multipliers: Vec<[u32; LANES]>,
    addends: Vec<[u32; LANES]>,
    arch: Arch,
}

impl Bands {
    pub(crate) fn new(bands: usize, rows: usize) -> Self {
        let blocks = (bands * rows).div_ceil(LANES);
        let mut state = 0x6b61_6e61_6e61_0001; // "kanana": any fixed number will do
        let mut draw = |odd: u32| -> Vec<[u32; LANES]> {
            (0..blocks)
                .map(|_| std::array::from_fn(|_| next(&mut state) as u32 | odd))
                .collect()
        };
        let (multipliers, addends) = (draw(1), draw(0));
        Self {
            bands,
            rows,
            multipliers,
            addends,
            arch: Arch::new(),
        }
    }

    /// The key of each band, for shingles of which there is at least one.
    pub(crate) fn keys(&self, shingles: &[u32], keys: &mut Vec<u64>) {
        let mut minima = vec![[u32::MAX; LANES]; self.multipliers.len()];
        self.arch.dispatch(Minima {
            shingles,
            multipliers: &self.multipliers,
            addends: &self.addends,
            minima: &mut minima,
        });
        let minima = minima.as_flattened();
        keys.clear();
        keys.extend(
            minima
                .chunks(self.rows)
                .take(self.bands)
                .enumerate()
                .map(|(band, rows)| {
                    let start = (band as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    rows.iter().fold(start, |key, row| {
                        multiply(key ^ u64::from(*row), 0xd134_2543_de82_ef95)
                    })
                }),
        );
    }

    /// The share of permutations with the same minimum: an estimate of the similarity.
    #[cfg(test)]
    pub(crate) fn similarity(&self, a: &[u32], b: &[u32]) -> f64 {
        let of = |shingles| {
            let mut minima = vec![[u32::MAX; LANES]; self.multipliers.len()];
            Minima {
                shingles,
                multipliers: &self.multipliers,
                addends: &self.addends,
                minima: &mut minima,
            }
            .run();
            minima
        };
        let (a, b) = (of(a), of(b));
        let pairs = a.as_flattened().iter().zip(b.as_flattened());
        pairs.filter(|(a, b)| a == b).count() as f64 / a.as_flattened().len() as f64
    }
}

struct Minima<'a> {
    shingles: &'a [u32],
    multipliers: &'a [[u32; LANES]],
    addends: &'a [[u32; LANES]],
    minima: &'a mut [[u32; LANES]],
}

impl Minima<'_> {
    #[inline(always)]
    fn run(self) {
        for ((multipliers, addends), minima) in
            self.multipliers.iter().zip(self.addends).zip(self.minima)
        {
            let mut smallest = [u32::MAX; LANES];
            for shingle in self.shingles {
                for lane in 0..LANES {
                    smallest[lane] = smallest[lane].min(
                        multipliers[lane]
                            .wrapping_mul(*shingle)
                            .wrapping_add(addends[lane]),
                    );
                }
            }
            *minima = smallest;
        }
    }
}

impl pulp::NullaryFnOnce for Minima<'_> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        self.run();
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut x = *state;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sets of shingles of which `same` of each thousand of the union are shared.
    fn pair(state: &mut u64, same: usize, union: usize) -> (Vec<u32>, Vec<u32>) {
        let all: Vec<u32> = (0..union).map(|_| next(state) as u32).collect();
        let shared = union * same / 1000;
        let half = shared + (union - shared) / 2;
        (
            all[..half].to_vec(),
            [&all[..shared], &all[half..]].concat(),
        )
    }

    #[test]
    #[allow(clippy::print_stdout)] // figures, shown by --nocapture
    fn bands_meet_as_theory_says() {
        let bands = Bands::new(14, 8);
        let (mut state, pairs) = (5, 400);
        for same in [400, 600, 700, 800, 900] {
            let (mut met, mut estimate) = (0, 0.0);
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for _ in 0..pairs {
                let (one, other) = pair(&mut state, same, 300);
                bands.keys(&one, &mut a);
                bands.keys(&other, &mut b);
                met += usize::from(a.iter().zip(&b).any(|(a, b)| a == b));
                estimate += bands.similarity(&one, &other) / f64::from(pairs);
            }
            let s = same as f64 / 1000.0;
            let theory = 1.0 - (1.0 - s.powi(8)).powi(14);
            let found = met as f64 / f64::from(pairs);
            let spread = (theory * (1.0 - theory) / f64::from(pairs)).sqrt();
            println!(
                "s = {s}: {found:.3} of pairs met, {theory:.3} by theory; similarity estimated {estimate:.3}"
            );
            assert!(
                (found - theory).abs() < 4.0 * spread + 0.005,
                "s = {s}: {found} for {theory}"
            );
            assert!((estimate - s).abs() < 0.01, "s = {s}: {estimate}");
        }
    }

    #[test]
    fn any_shape_has_its_keys() {
        let mut keys = Vec::new();
        for (bands, rows) in [(1, 1), (20, 5), (3, 7)] {
            Bands::new(bands, rows).keys(&[1, 2, 3], &mut keys);
            assert_eq!(keys.len(), bands);
        }
    }
}
