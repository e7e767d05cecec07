//! Rotary position embedding: how fast each pair of a head turns, and the tables that follow.
//!
//! Pair i of a head of e numbers turns by `position · base^(−2i/e)` (Su 2021, eq. 15). Linear scaling
//! divides every frequency (Chen 2023); Llama 3.1's leaves the fast ones; YaRN ramps between the two
//! and sharpens attention (Peng 2023, eq. 22 and section 3.4). Frequencies and angles are rounded to
//! f32 where `transformers` rounds them, so that long positions agree with its checkpoints.
//! Deliberately absent: scalings that depend on the length of the input.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use tensor::Rotation;

/// Settings of the rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rope {
    /// The base of the frequencies; Llama 3's is 500,000.
    #[serde(default = "llama3_base")]
    pub base: f64,
    /// How the frequencies were stretched to a longer context, if they were.
    #[serde(default)]
    pub scaling: Option<Scaling>,
}

/// A stretch of the frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Scaling {
    /// Every frequency divided by the factor.
    Linear {
        /// The stretch.
        factor: f64,
    },
    /// Llama 3.1: slow frequencies divided by the factor, fast ones kept, a ramp between.
    Llama3 {
        /// The stretch.
        factor: f64,
        /// Wavelengths above `original_context / low_frequency_factor` are stretched whole.
        low_frequency_factor: f64,
        /// Wavelengths below `original_context / high_frequency_factor` are kept.
        high_frequency_factor: f64,
        /// The context before the stretch.
        original_context: usize,
    },
    /// YaRN: a ramp over the rotations made within the original context.
    Yarn {
        /// The stretch.
        factor: f64,
        /// The context before the stretch.
        original_context: usize,
        /// Pairs that turn more often than this within the original context are kept.
        #[serde(default = "beta_fast")]
        beta_fast: f64,
        /// Pairs that turn less often than this are stretched whole.
        #[serde(default = "beta_slow")]
        beta_slow: f64,
        /// Multiplies cosines and sines; `None`: 0.1·ln(factor) + 1, or the ratio of the two
        /// `mscale`s where both are given.
        #[serde(default)]
        attention_factor: Option<f64>,
        /// DeepSeek's numerator.
        #[serde(default)]
        mscale: Option<f64>,
        /// DeepSeek's denominator.
        #[serde(default)]
        mscale_all_dim: Option<f64>,
        /// Whether the ends of the ramp are rounded outwards to whole pairs.
        #[serde(default = "yes")]
        truncate: bool,
    },
}

fn llama3_base() -> f64 {
    500_000.0
}
fn beta_fast() -> f64 {
    32.0
}
fn beta_slow() -> f64 {
    1.0
}
fn yes() -> bool {
    true
}

impl Default for Rope {
    fn default() -> Self {
        Rope {
            base: llama3_base(),
            scaling: None,
        }
    }
}

impl Rope {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// A sentence that says which does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.base.is_finite() && self.base > 1.0,
            "the base of the rotation must be above 1; it is {}",
            self.base
        );
        let factor = match &self.scaling {
            None => return Ok(()),
            Some(Scaling::Linear { factor }) => factor,
            Some(Scaling::Llama3 {
                factor,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_context,
            }) => {
                ensure!(
                    *low > 0.0 && high > low && *original_context > 0,
                    "llama3 scaling needs 0 < low_frequency_factor ({low}) < high_frequency_factor \
                     ({high}) and an original context above 0 ({original_context})"
                );
                factor
            }
            Some(Scaling::Yarn {
                factor,
                original_context,
                beta_fast,
                beta_slow,
                ..
            }) => {
                ensure!(
                    *beta_slow > 0.0 && beta_fast >= beta_slow && *original_context > 0,
                    "YaRN needs 0 < beta_slow ({beta_slow}) ≤ beta_fast ({beta_fast}) and an \
                     original context above 0 ({original_context})"
                );
                factor
            }
        };
        ensure!(
            factor.is_finite() && *factor >= 1.0,
            "the factor of a rotation's scaling must be at least 1; it is {factor}"
        );
        Ok(())
    }

    /// How far each of the e/2 pairs turns per position, in radians.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f32> {
        let half = head_dim / 2;
        // `base ** (arange(0, e, 2) / e)` and its inverse, each rounded to f32.
        let powers: Vec<f32> = (0..half)
            .map(|i| {
                let exponent = (2 * i) as f32 / head_dim as f32;
                self.base.powf(f64::from(exponent)) as f32
            })
            .collect();
        let plain = || powers.iter().map(|power| 1.0 / power);
        match &self.scaling {
            None => plain().collect(),
            Some(Scaling::Linear { factor }) => plain().map(|w| w / *factor as f32).collect(),
            Some(Scaling::Llama3 {
                factor,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_context,
            }) => {
                let context = *original_context as f64;
                let (factor, slope) = (*factor as f32, (high - low) as f32);
                plain()
                    .map(|w| {
                        let wavelength = TAU as f32 / w;
                        if wavelength > (context / low) as f32 {
                            w / factor
                        } else if wavelength < (context / high) as f32 {
                            w
                        } else {
                            let kept = (context as f32 / wavelength - *low as f32) / slope;
                            (1.0 - kept) * w / factor + kept * w
                        }
                    })
                    .collect()
            }
            Some(Scaling::Yarn {
                factor,
                original_context,
                beta_fast,
                beta_slow,
                truncate,
                ..
            }) => {
                // The pair that makes `rotations` turns within the original context.
                let pair = |rotations: f64| {
                    head_dim as f64 * (*original_context as f64 / (rotations * TAU)).ln()
                        / (2.0 * self.base.ln())
                };
                let (mut low, mut high) = (pair(*beta_fast), pair(*beta_slow));
                if *truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low, high) = (low.max(0.0), high.min((head_dim - 1) as f64));
                if low == high {
                    high += 0.001;
                }
                plain()
                    .zip(&powers)
                    .enumerate()
                    .map(|(i, (w, power))| {
                        let along = (i as f32 - low as f32) / (high - low) as f32;
                        let kept = 1.0 - along.clamp(0.0, 1.0);
                        let slow = 1.0 / (*factor as f32 * power);
                        slow * (1.0 - kept) + w * kept
                    })
                    .collect()
            }
        }
    }

    /// What multiplies cosines and sines: 1 except under YaRN.
    pub fn attention_factor(&self) -> f64 {
        let Some(Scaling::Yarn {
            factor,
            attention_factor,
            mscale,
            mscale_all_dim,
            ..
        }) = &self.scaling
        else {
            return 1.0;
        };
        let scale = |weight: f64| {
            if *factor <= 1.0 {
                1.0
            } else {
                0.1 * weight * factor.ln() + 1.0
            }
        };
        // A zero counts as absent, as in `transformers`.
        match (attention_factor, mscale, mscale_all_dim) {
            (Some(given), _, _) => *given,
            (None, Some(over), Some(under)) if *over != 0.0 && *under != 0.0 => {
                scale(*over) / scale(*under)
            }
            _ => scale(1.0),
        }
    }

    /// Cosines and sines for positions `0..positions`.
    pub fn rotation(&self, head_dim: usize, positions: usize) -> Rotation {
        let frequencies = self.frequencies(head_dim);
        let factor = self.attention_factor() as f32;
        let half = head_dim / 2;
        let mut cos = Vec::with_capacity(positions * half);
        let mut sin = Vec::with_capacity(positions * half);
        for position in 0..positions {
            for frequency in &frequencies {
                let angle = position as f32 * frequency;
                cos.push(angle.cos() * factor);
                sin.push(angle.sin() * factor);
            }
        }
        Rotation { cos, sin, half }
    }
}

#[cfg(test)]
mod tests;
