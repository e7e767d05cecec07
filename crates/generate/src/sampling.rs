//! From logits to one token: the greatest, or one drawn at random in a way that can be repeated.
//!
//! The order is that of `transformers` and vLLM: bias, repetition penalty, presence and frequency
//! penalties, temperature, top-k, top-p, min-p.
//! A draw is a race (Gumbel-max, Maddison 2014): token i arrives after eᵢ/pᵢ, eᵢ being exponential
//! waiting times, and the first to arrive is taken, which happens with probability pᵢ. The wait eᵢ
//! depends on nothing but (seed, position, i): not on what was drawn before, on what else is in a batch or on which tokens
//! were filtered out. So the same seed gives the same text, and a draft that guesses with the same
//! noise guesses the same token wherever the two distributions are close: speculation can be added
//! without changing a text.
//!
//! Deliberately absent: anything that remembers more than which tokens occurred (Mirostat, dynamic
//! temperature).

mod draw;
mod noise;
mod occurred;

pub(crate) use draw::{largest, likeliest, log_sum_exp};
pub use occurred::Occurred;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How the next token is chosen. The default is greedy: temperature 0, nothing filtered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Divides the positive logits of tokens that have occurred, prompt included, and multiplies
    /// their negative ones (Keskar 2019); 1 changes nothing.
    pub repetition_penalty: f32,
    /// Taken from the logits of tokens that have been written (OpenAI: −2 … 2); 0 changes nothing.
    pub presence_penalty: f32,
    /// Taken from a token's logit for every time it has been written (OpenAI: −2 … 2).
    pub frequency_penalty: f32,
    /// Added to the logits of some tokens (OpenAI: −100 … 100); a token may be named once.
    pub logit_bias: Vec<(u32, f32)>,
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
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: 0,
        }
    }
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

    /// Whether the settings mean something for a vocabulary of this size.
    ///
    /// # Errors
    /// A sentence that names the setting that does not.
    pub fn check(&self, vocabulary: usize) -> Result<()> {
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
        for (name, penalty) in [
            ("presence_penalty", self.presence_penalty),
            ("frequency_penalty", self.frequency_penalty),
        ] {
            ensure!(
                penalty.is_finite(),
                "{name} must be a number (0 changes nothing); it is {penalty}"
            );
        }
        let mut named: Vec<u32> = self.logit_bias.iter().map(|(id, _)| *id).collect();
        named.sort_unstable();
        for (id, bias) in &self.logit_bias {
            ensure!(
                bias.is_finite() && (*id as usize) < vocabulary,
                "logit_bias wants finite numbers for token ids below {vocabulary}; \
                 it has {bias} for {id}"
            );
        }
        if let Some(twice) = named.windows(2).find(|pair| pair[0] == pair[1]) {
            anyhow::bail!("logit_bias names token {} twice; name it once", twice[0]);
        }
        Ok(())
    }

    /// Whether a choice depends on what occurred before.
    pub fn remembers(&self) -> bool {
        self.repetition_penalty != 1.0
            || self.presence_penalty != 0.0
            || self.frequency_penalty != 0.0
    }

    /// Chooses the token at `position` of its sequence; `logits` are those of all tokens that may be
    /// chosen (−∞ for those that may not), and are changed on the way.
    ///
    /// # Errors
    /// Logits that are not numbers, or none at all.
    pub fn choose(&self, logits: &mut [f32], occurred: &Occurred, position: u64) -> Result<u32> {
        for (id, bias) in &self.logit_bias {
            if let Some(logit) = logits.get_mut(*id as usize) {
                *logit += bias;
            }
        }
        if self.remembers() {
            occurred.penalise(logits, self);
        }
        let largest = draw::largest(logits)?;
        ensure!(
            largest > f32::NEG_INFINITY,
            "a token was to be chosen among {}, but no logit is finite",
            logits.len()
        );
        Ok(match self.temperature == 0.0 {
            true => draw::first(logits, largest),
            false => self.draw(logits, largest, position),
        })
    }
}

#[cfg(test)]
mod tests;
