//! How the weights begin: normal numbers that depend on the seed, the parameter's name and the index.
//!
//! Number i of a parameter is Φ⁻¹ of a hash of (seed, name, i), so that inserting a parameter
//! disturbs no other, and neither device nor threads can matter. Φ⁻¹ is Acklam's rational
//! approximation (relative error 1.2e-9). Standard deviation 0.02, gains of norms 1, as Llama 3.
//! This is the only randomness of the crate.

use crate::table::Init;
use crate::{ParameterSpec, Shape};
use serde::{Deserialize, Serialize};

/// Settings of the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Initial {
    /// Of every matrix.
    pub standard_deviation: f32,
    /// Whether the two products of a block that write to the residual stream start smaller, by
    /// 1/√(2·layers) (GPT-2), so that the stream's variance does not grow with depth.
    pub depth_scaled: bool,
}

impl Default for Initial {
    fn default() -> Self {
        Initial {
            standard_deviation: 0.02,
            depth_scaled: false,
        }
    }
}

impl From<f32> for Initial {
    fn from(standard_deviation: f32) -> Self {
        Initial {
            standard_deviation,
            depth_scaled: false,
        }
    }
}

impl Initial {
    /// The values that a parameter begins with.
    pub fn values(&self, seed: u64, shape: &Shape, spec: &ParameterSpec) -> Vec<f32> {
        let deviation = match spec.init {
            Init::Ones => return vec![1.0; spec.len()],
            Init::NormalToResidual if self.depth_scaled => {
                f64::from(self.standard_deviation) / ((2 * shape.layers) as f64).sqrt()
            }
            Init::Normal | Init::NormalToResidual => f64::from(self.standard_deviation),
        };
        let key = stream(seed, &spec.name);
        (0..spec.len() as u64)
            .map(|index| (deviation * normal(key, index)) as f32)
            .collect()
    }
}

/// The key of a parameter's stream of numbers: FNV-1a of its name, mixed with the seed.
fn stream(seed: u64, name: &str) -> u64 {
    let name = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(mix(seed) ^ name)
}

/// The finaliser of SplitMix64 (Steele 2014): every bit of the input reaches every bit of the output.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Number `index` of a stream, standard normal.
#[inline]
fn normal(key: u64, index: u64) -> f64 {
    let bits = mix(key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    // 52 bits in the middle of their cells, so that neither 0 nor 1 can come.
    let uniform = ((bits >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64);
    inverse_normal(uniform)
}

/// Φ⁻¹: Peter Acklam's rational approximations, one for the middle and one for the tails.
#[inline]
fn inverse_normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    let polynomial = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        q * polynomial(&A, r) / polynomial(&B, r)
    }
}

#[cfg(test)]
mod tests;
