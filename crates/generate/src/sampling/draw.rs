//! The race, and what may take part in it: passes over a whole vocabulary, which may be large.
//!
//! Nothing is sorted that need not be. A pass over all tokens compares and adds; the exact
//! exponential, the logarithm and the sorting are for the few that a bound does not exclude, and
//! every bound errs on the side of looking closer, so the winner is the exact one.

use super::Sampling;
use super::noise::{GROUP, Group, Noise};
use anyhow::{Result, bail};

/// Logits looked at together, so that the compiler can use vectors.
const LANES: usize = 16;

impl Sampling {
    /// The race. Weights are relative to the most likely token, whose weight is 1.
    pub(super) fn draw(&self, logits: &[f32], largest: f32, position: u64) -> u32 {
        let scale = 1.0 / f64::from(self.temperature);
        let away = |logit: f32| (f64::from(logit) - f64::from(largest)) * scale;
        let noise = Noise::new(self.seed, position);
        let mut winner = (f64::INFINITY, first(logits, largest));
        let mut enter = |id: u32, group: &Group| {
            let weight = away(logits[id as usize]).exp();
            let arrival = group.of(id) / weight;
            if weight > 0.0 && arrival < winner.0 {
                winner = (arrival, id);
            }
            winner.0
        };
        if let Some(ids) = self.kept(logits, largest) {
            for id in ids {
                enter(id, &noise.group(id / GROUP as u32));
            }
            return winner.1;
        }
        let mut earliest = f64::INFINITY;
        for (number, members) in (0u32..).zip(logits.chunks(GROUP)) {
            let best = best_of(members);
            // Nobody of a group arrives before its first would with the best's weight: most groups
            // have lost before any exponential or logarithm is taken.
            let lost = noise.not_before(number) >= earliest * at_most(away(best));
            if lost || best == f32::NEG_INFINITY {
                continue;
            }
            let group = noise.group(number);
            for id in number * GROUP as u32..number * GROUP as u32 + members.len() as u32 {
                earliest = enter(id, &group);
            }
        }
        winner.1
    }

    /// The tokens that pass the filters; `None` where nothing is filtered.
    pub(super) fn kept(&self, logits: &[f32], largest: f32) -> Option<Vec<u32>> {
        let scale = 1.0 / self.temperature;
        let weight = |id: &u32| exp((logits[*id as usize] - largest) * scale);
        let mut ids: Option<Vec<u32>> = None;
        if self.top_k > 0 && self.top_k < logits.len() {
            ids = Some(likeliest(logits, self.top_k));
        }
        if self.top_p < 1.0 {
            let (ids_of_all, weights): (Vec<u32>, Vec<f32>) = match ids {
                Some(ids) => ids.iter().map(|id| (*id, weight(id))).unzip(),
                None => heavy(logits, largest, scale, self.top_p),
            };
            ids = Some(self.nucleus(logits, largest, ids_of_all, &weights));
        }
        if self.min_p > 0.0 {
            let passes = |id: &u32| weight(id) >= self.min_p;
            ids = Some(match ids {
                Some(ids) => ids.into_iter().filter(passes).collect(),
                None => (0..logits.len() as u32).filter(passes).collect(),
            });
        }
        ids
    }

    /// The fewest likeliest tokens that together have `top_p` of the weight of those that may be
    /// drawn: of `ids`, or where no other filter came before, of all.
    fn nucleus(&self, logits: &[f32], largest: f32, ids: Vec<u32>, weights: &[f32]) -> Vec<u32> {
        let sum = |weights: &[f32]| weights.iter().map(|w| f64::from(*w)).sum::<f64>();
        let total = match self.top_k > 0 && self.top_k < logits.len() {
            true => sum(weights),
            false => total(logits, largest, 1.0 / self.temperature),
        };
        let mut heavy: Vec<(f32, u32)> = weights.iter().copied().zip(ids).collect();
        heavy.sort_unstable_by(|(_, a), (_, b)| order(logits, *a, *b));
        let mut reached = 0.0;
        let last = heavy.iter().position(|(weight, _)| {
            reached += f64::from(*weight);
            reached >= f64::from(self.top_p) * total
        });
        heavy.truncate(last.map_or(heavy.len(), |last| last + 1));
        heavy.into_iter().map(|(_, id)| id).collect()
    }
}

/// The largest logit of a group.
#[inline(always)]
fn best_of(members: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let Some(whole) = members.first_chunk::<GROUP>() else {
        return members.iter().copied().fold(f32::NEG_INFINITY, larger);
    };
    // In halves, so that the comparisons do not wait for each other.
    let eight: [f32; 8] = std::array::from_fn(|i| larger(whole[i], whole[i + 8]));
    let four: [f32; 4] = std::array::from_fn(|i| larger(eight[i], eight[i + 4]));
    larger(larger(four[0], four[2]), larger(four[1], four[3]))
}

/// Tokens, with their weights, outside of which lies less than what `top_p` leaves out.
fn heavy(logits: &[f32], largest: f32, scale: f32, top_p: f32) -> (Vec<u32>, Vec<f32>) {
    let total = total(logits, largest, scale);
    // All tokens lighter than this are less, together.
    let light = ((1.0 - f64::from(top_p)) * total / logits.len() as f64 * 0.999) as f32;
    let bar = largest + (light.max(f32::MIN_POSITIVE).ln() - 1e-3) / scale;
    let (mut ids, mut weights) = (Vec::new(), Vec::new());
    for (number, members) in (0u32..).zip(logits.chunks(GROUP)) {
        if !members.iter().any(|logit| *logit >= bar) {
            continue;
        }
        for (id, logit) in (number * GROUP as u32..).zip(members) {
            if *logit >= bar {
                ids.push(id);
                weights.push(exp((*logit - largest) * scale));
            }
        }
    }
    (ids, weights)
}

/// Σ of all weights.
fn total(logits: &[f32], largest: f32, scale: f32) -> f64 {
    let mut sum = 0.0f64;
    for stretch in logits.chunks(LANES * 32) {
        let mut sums = [0.0f32; LANES];
        let (whole, rest) = stretch.as_chunks::<LANES>();
        for part in whole {
            for i in 0..LANES {
                sums[i] += exp((part[i] - largest) * scale);
            }
        }
        sum += sums.iter().map(|x| f64::from(*x)).sum::<f64>();
        let rest = rest.iter().map(|x| f64::from(exp((*x - largest) * scale)));
        sum += rest.sum::<f64>();
    }
    sum
}

/// Likelier first; of equals the smaller id.
fn order(logits: &[f32], a: u32, b: u32) -> std::cmp::Ordering {
    let by_logit = logits[b as usize].total_cmp(&logits[a as usize]);
    by_logit.then(a.cmp(&b))
}

/// The `count` likeliest tokens, likeliest first.
pub(crate) fn likeliest(logits: &[f32], count: usize) -> Vec<u32> {
    let count = count.min(logits.len());
    if count == 0 {
        return Vec::new();
    }
    // Candidates are thinned out whenever they are many, and then set the bar for those to come.
    let most = (4 * count).max(64);
    let mut ids: Vec<u32> = Vec::with_capacity(most);
    let mut bar = f32::NEG_INFINITY;
    let thin = |ids: &mut Vec<u32>| {
        if ids.len() > count {
            ids.select_nth_unstable_by(count - 1, |a, b| order(logits, *a, *b));
            ids.truncate(count);
        }
    };
    for (stretch, first) in logits.chunks(LANES).zip((0u32..).step_by(LANES)) {
        // A later equal has the larger id and loses, so only more than the bar counts.
        let open = ids.len() < count;
        if !open && !stretch.iter().any(|logit| *logit > bar) {
            continue;
        }
        for (logit, id) in stretch.iter().zip(first..) {
            if *logit > bar || ids.len() < count {
                ids.push(id);
            }
        }
        if ids.len() + LANES > most {
            thin(&mut ids);
            let least = ids.iter().map(|id| logits[*id as usize]);
            bar = least.fold(f32::INFINITY, f32::min);
        }
    }
    thin(&mut ids);
    ids.sort_unstable_by(|a, b| order(logits, *a, *b));
    ids
}

/// The largest logit. All must be numbers, −∞ allowed.
pub(crate) fn largest(logits: &[f32]) -> Result<f32> {
    let mut maxima = [f32::NEG_INFINITY; LANES];
    let mut broken = [false; LANES];
    let (whole, rest) = logits.as_chunks::<LANES>();
    for stretch in whole {
        for i in 0..LANES {
            maxima[i] = if stretch[i] > maxima[i] {
                stretch[i]
            } else {
                maxima[i]
            };
            broken[i] |= is_broken(stretch[i]);
        }
    }
    if broken.contains(&true) || rest.iter().copied().any(is_broken) {
        let at = logits.iter().copied().position(is_broken);
        let id = at.unwrap_or_default();
        bail!(
            "the logit of token {id} is {}; the decoder's weights are damaged, or its \
             activations overflow in this precision",
            logits[id]
        );
    }
    Ok(maxima
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max))
}

/// Whether a logit is none: not a number, or +∞.
#[inline(always)]
fn is_broken(logit: f32) -> bool {
    logit.is_nan() | (logit == f32::INFINITY)
}

/// The first token with this logit, which there is.
pub(super) fn first(logits: &[f32], largest: f32) -> u32 {
    logits
        .iter()
        .position(|logit| *logit == largest)
        .unwrap_or_default() as u32
}

/// ln Σ exp of logits of which `largest` is the largest, which must be finite.
///
/// Each term is 2ⁿ·eʳ with |r| ≤ ln 2 / 2 and a polynomial for eʳ (relative error 2e-7), in sums of
/// a few hundred terms that are added up in f64.
pub(crate) fn log_sum_exp(logits: &[f32], largest: f32) -> f64 {
    f64::from(largest) + total(logits, largest, 1.0).ln()
}

/// eˣ for x ≤ 0, without branches; 0 far below.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let inside = if x > -87.0 { x } else { -87.0 };
    // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
    let magic = 12_582_912.0f32;
    let shifted = inside * std::f32::consts::LOG2_E + magic;
    let n = shifted - magic;
    let r = (inside - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.0 / 720.0;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x > -87.0 { p * power } else { 0.0 }
}

/// Not less than eˣ, for x ≤ 0, and at most 7 % more: between powers of two the exponential lies
/// below the straight line.
#[inline(always)]
fn at_most(x: f64) -> f64 {
    let power = x.max(-700.0) * std::f64::consts::LOG2_E;
    // The line's bits are those of a float whose exponent and fraction are `power`.
    f64::from_bits(((power + 1023.0) * (1u64 << 52) as f64) as u64) * (1.0 + 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::noise::mix;

    #[test]
    fn the_fast_exponential_is_the_exponential() {
        for i in 0..100_000 {
            let x = -(i as f32) * 8.6e-4;
            let (fast, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (fast / exact - 1.0).abs() < 5e-7,
                "{x}: {fast} against {exact}"
            );
            let bound = at_most(f64::from(x));
            assert!(
                bound >= exact && bound < 1.07 * exact,
                "{x}: {bound} against {exact}"
            );
        }
        assert_eq!((exp(-1e9), exp(f32::NEG_INFINITY)), (0.0, 0.0));
        assert!(at_most(f64::NEG_INFINITY) < 1e-300);
    }

    #[test]
    fn the_likeliest_are_those_of_a_sort() {
        let logits: Vec<f32> = (0..1003u32)
            .map(|i| (mix(u64::from(i)) % 97) as f32)
            .collect();
        let mut sorted: Vec<u32> = (0..logits.len() as u32).collect();
        sorted.sort_by(|a, b| order(&logits, *a, *b));
        for count in [0, 1, 2, 17, 20, 100, 999, 1003, 5000] {
            let wanted = &sorted[..count.min(sorted.len())];
            assert_eq!(likeliest(&logits, count), wanted, "{count}");
        }
        let none = vec![f32::NEG_INFINITY; 40];
        assert_eq!(likeliest(&none, 2), [0, 1]);
    }
}
