//! From logits to one token: the greatest, or one drawn at random in a way that can be repeated.
//!
//! The order is that of `transformers`: repetition penalty, temperature, top-k, top-p, min-p.
//! A draw is a race (Gumbel-max, Maddison 2014): token i arrives after −ln(uᵢ)/pᵢ, and the first to
//! arrive is taken, which happens with probability pᵢ. The noise uᵢ depends on nothing but
//! (seed, position, i): not on what was drawn before, on what else is in a batch or on which tokens
//! were filtered out. So the same seed gives the same text, and a draft that guesses with the same
//! noise guesses the same token wherever the two distributions are close: speculation can be added
//! without changing a text.
//!
//! Deliberately absent: anything that remembers (Mirostat, dynamic temperature).

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// How the next token is chosen. The default is greedy: temperature 0, nothing filtered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Divides the logits; 0 takes the greatest one.
    pub temperature: f32,
    /// Only so many of the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Only the most likely tokens that together reach this share; 1 keeps all.
    pub top_p: f32,
    /// Only tokens at least this many times as likely as the most likely one; 0 keeps all.
    pub min_p: f32,
    /// Divides the positive logits of tokens that have occurred, and multiplies their negative
    /// ones (Keskar 2019); 1 changes nothing.
    pub repetition_penalty: f32,
    /// Which of all possible texts.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

/// The token that was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its id.
    pub id: u32,
    /// ln p of it under the decoder's own distribution: before penalty, temperature and filters.
    pub log_probability: f32,
}

impl Sampling {
    /// Always the most likely token.
    pub fn greedy() -> Self {
        Sampling::default()
    }

    /// Draws at a temperature.
    pub fn temperature(temperature: f32, seed: u64) -> Self {
        Sampling {
            temperature,
            seed,
            ..Sampling::default()
        }
    }

    /// Whether the settings mean something.
    ///
    /// # Errors
    /// A sentence that names the setting that does not.
    pub fn check(&self) -> Result<()> {
        let Sampling {
            temperature,
            top_p,
            min_p,
            repetition_penalty,
            ..
        } = *self;
        ensure!(
            temperature.is_finite() && temperature >= 0.0,
            "temperature must be 0 (greedy) or a positive number; it is {temperature}"
        );
        ensure!(
            top_p > 0.0 && top_p <= 1.0,
            "top_p must lie above 0 and be at most 1; it is {top_p}"
        );
        ensure!(
            (0.0..=1.0).contains(&min_p),
            "min_p must lie between 0 and 1; it is {min_p}"
        );
        ensure!(
            repetition_penalty.is_finite() && repetition_penalty > 0.0,
            "repetition_penalty must be a positive number (1 changes nothing); it is {repetition_penalty}"
        );
        Ok(())
    }

    /// Chooses the token at `position` of its sequence among those below `vocabulary` (an embedding
    /// may have been padded with rows that are no token). `occurred` are the tokens of the sequence
    /// so far, in any order; `logits` are changed on the way.
    ///
    /// # Errors
    /// Logits that are not numbers, or none at all.
    pub fn choose(
        &self,
        logits: &mut [f32],
        vocabulary: usize,
        occurred: &[u32],
        position: u64,
    ) -> Result<Choice> {
        let normalizer = log_sum_exp(logits)?;
        let tokens = vocabulary.min(logits.len());
        let logits = &mut logits[..tokens];
        ensure!(
            logits.iter().any(|logit| *logit > f32::NEG_INFINITY),
            "a token was to be chosen among {tokens}, but no logit is finite"
        );
        let penalised = self.repetition_penalty != 1.0;
        let before = if penalised {
            logits.to_vec()
        } else {
            Vec::new()
        };
        if penalised {
            penalise(logits, occurred, self.repetition_penalty);
        }
        let id = if self.temperature == 0.0 {
            greatest(logits)
        } else {
            self.draw(logits, position)
        };
        let chosen = if penalised {
            before[id as usize]
        } else {
            logits[id as usize]
        };
        Ok(Choice {
            id,
            log_probability: (f64::from(chosen) - normalizer) as f32,
        })
    }

    /// The race. Weights are relative to the most likely token, whose weight is 1.
    fn draw(&self, logits: &[f32], position: u64) -> u32 {
        let largest = logits[greatest(logits) as usize];
        let scale = 1.0 / f64::from(self.temperature);
        let weight =
            |id: u32| ((f64::from(logits[id as usize]) - f64::from(largest)) * scale).exp();
        let noise = Noise::new(self.seed, position);
        let mut winner = (f64::INFINITY, greatest(logits));
        let mut enter = |id: u32| {
            let weight = weight(id);
            let late = noise.of(id);
            // −ln(1 − v) ≥ v: most tokens have lost before any logarithm is taken.
            if weight > 0.0 && late < winner.0 * weight {
                let arrival = -(-late).ln_1p() / weight;
                if arrival < winner.0 {
                    winner = (arrival, id);
                }
            }
        };
        match self.kept(logits, &weight) {
            Some(ids) => ids.into_iter().for_each(&mut enter),
            None => (0..logits.len() as u32).for_each(&mut enter),
        }
        winner.1
    }

    /// The tokens that pass the filters; `None` where nothing is filtered.
    fn kept(&self, logits: &[f32], weight: &impl Fn(u32) -> f64) -> Option<Vec<u32>> {
        let all = || 0..logits.len() as u32;
        let by_logit = |a: &u32, b: &u32| {
            logits[*b as usize]
                .total_cmp(&logits[*a as usize])
                .then(a.cmp(b))
        };
        let mut ids: Option<Vec<u32>> = None;
        if self.top_k > 0 && self.top_k < logits.len() {
            let mut sorted: Vec<u32> = all().collect();
            sorted.select_nth_unstable_by(self.top_k - 1, by_logit);
            sorted.truncate(self.top_k);
            ids = Some(sorted);
        }
        if self.top_p < 1.0 {
            let mut sorted = ids.unwrap_or_else(|| all().collect());
            let wanted = f64::from(self.top_p) * sorted.iter().map(|id| weight(*id)).sum::<f64>();
            // The share is nearly always reached by few: sort no more than needed.
            let mut most = 256.min(sorted.len());
            loop {
                if most < sorted.len() {
                    sorted.select_nth_unstable_by(most - 1, by_logit);
                }
                sorted[..most].sort_unstable_by(by_logit);
                let mut sum = 0.0;
                let reached = sorted[..most].iter().position(|id| {
                    sum += weight(*id);
                    sum >= wanted
                });
                if let Some(last) = reached {
                    sorted.truncate(last + 1);
                    break;
                }
                if most == sorted.len() {
                    break;
                }
                most = (most * 8).min(sorted.len());
            }
            ids = Some(sorted);
        }
        if self.min_p > 0.0 {
            let least = f64::from(self.min_p);
            let mut passing = ids.unwrap_or_else(|| all().collect());
            passing.retain(|id| weight(*id) >= least);
            ids = Some(passing);
        }
        ids
    }
}

/// ln Σ exp of the logits, which must be numbers (−∞ is allowed beside others).
fn log_sum_exp(logits: &[f32]) -> Result<f64> {
    let mut largest = f32::NEG_INFINITY;
    for (id, logit) in logits.iter().enumerate() {
        if logit.is_nan() || *logit == f32::INFINITY {
            bail!(
                "the logit of token {id} is {logit}; the decoder's weights are damaged, or its \
                 activations overflow in this precision"
            );
        }
        largest = largest.max(*logit);
    }
    if largest == f32::NEG_INFINITY {
        return Ok(f64::NEG_INFINITY);
    }
    let sum: f64 = logits
        .iter()
        .map(|logit| f64::from(logit - largest).exp())
        .sum();
    Ok(f64::from(largest) + sum.ln())
}

/// The id of the greatest logit, the smallest id among equals.
fn greatest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    best as u32
}

fn penalise(logits: &mut [f32], occurred: &[u32], penalty: f32) {
    let mut once = occurred.to_vec();
    once.sort_unstable();
    once.dedup();
    for id in once {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = if *logit > 0.0 {
                *logit / penalty
            } else {
                *logit * penalty
            };
        }
    }
}

/// Numbers from 0 (included) to 1 (excluded) that depend on (seed, position, id) alone.
struct Noise(u64);

impl Noise {
    fn new(seed: u64, position: u64) -> Self {
        Noise(mix(mix(seed) ^ position.wrapping_mul(GOLDEN)))
    }
    fn of(&self, id: u32) -> f64 {
        let bits = mix(self.0.wrapping_add(u64::from(id).wrapping_mul(GOLDEN)));
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele 2014), a bijection that leaves no pattern.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(GOLDEN);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
