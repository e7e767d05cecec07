//! The rotation in a GGUF file.
//!
//! Linear scaling and YaRN are named in the metadata; a factor without a type is linear, under the key
//! of older files too, as in llama.cpp. Llama 3.1's scaling is not named: the file holds what
//! every frequency is divided by, and the settings are found back from those: a stretched frequency
//! has the whole factor F, a kept one 1, and one between, of wavelength λ, satisfies
//! `1/f = (1 − s)/F + s`, `s = (context/λ − low)/(high − low)`, a straight line in 1/λ. Only the ratios
//! of context, low and high matter, so low is taken as 1, as Meta's files have it.

use super::{Gguf, Kind, Metadata, Value};
use crate::{Rope, Scaling, Shape};
use anyhow::{Context, Result, bail, ensure};
use std::f64::consts::TAU;

/// The tensor of what frequencies are divided by.
pub(super) const FACTORS: &str = "rope_freqs.weight";

/// How far factors may be from those of the settings found.
const TOLERANCE: f64 = 1e-3;

/// The rotation of a file whose positions and head dimension are known.
pub(super) fn read(
    file: &Gguf,
    key: &dyn Fn(&str) -> String,
    head_dim: usize,
    context: usize,
) -> Result<Rope> {
    let data = &file.metadata;
    let base = data.float(&key("rope.freq_base"))?.unwrap_or(10_000.0);
    let plain = Rope {
        base,
        scaling: None,
    };
    if file.tensors.contains_key(FACTORS) {
        let factors = factors(file)?;
        let scaling = from_factors(&plain, head_dim, &factors).with_context(|| {
            format!("{FACTORS} holds no scaling of Llama 3's kind, which is the only one read")
        })?;
        return Ok(Rope { base, scaling });
    }
    let kind = data.text(&key("rope.scaling.type"))?.unwrap_or("linear");
    let factor = match data.float(&key("rope.scaling.factor"))? {
        Some(factor) => Some(factor),
        None => data.float(&key("rope.scale_linear"))?,
    };
    let scaling = match (kind, factor) {
        ("none", _) => None,
        (_, None | Some(0.0 | 1.0)) => None,
        ("linear", Some(factor)) => Some(Scaling::Linear { factor }),
        ("yarn", Some(factor)) => {
            let original = data.size(&key("rope.scaling.original_context_length"))?;
            let sharpened = data.float(&key("rope.scaling.attn_factor"))?;
            Some(Scaling::Yarn {
                factor,
                original_context: original.unwrap_or(context),
                beta_fast: data
                    .float(&key("rope.scaling.yarn_beta_fast"))?
                    .unwrap_or(32.0),
                beta_slow: data
                    .float(&key("rope.scaling.yarn_beta_slow"))?
                    .unwrap_or(1.0),
                // llama.cpp multiplies by this beside YaRN's own factor.
                attention_factor: sharpened
                    .filter(|&f| f != 1.0)
                    .map(|f| f * (1.0 + 0.1 * factor.ln())),
                mscale: None,
                mscale_all_dim: None,
                truncate: true,
            })
        }
        (other, _) => {
            bail!("its rope scaling is of type \"{other}\"; \"linear\" and \"yarn\" are computed")
        }
    };
    Ok(Rope { base, scaling })
}

fn factors(file: &Gguf) -> Result<Vec<f64>> {
    let tensor = &file.tensors[FACTORS];
    ensure!(
        tensor.kind == Kind::F32,
        "{FACTORS} is {}, and F32 was wanted",
        tensor.kind.name()
    );
    let map = disk::Map::open(file.path())?;
    let bytes = map
        .bytes()
        .get(tensor.range.clone())
        .context("the file has become shorter")?;
    let numbers = bytes.as_chunks::<4>().0.iter();
    Ok(numbers.map(|b| f64::from(f32::from_le_bytes(*b))).collect())
}

/// The settings that make these factors.
fn from_factors(plain: &Rope, head_dim: usize, factors: &[f64]) -> Result<Option<Scaling>> {
    // Before anything is made of the size that the file states.
    ensure!(
        factors.len().checked_mul(2) == Some(head_dim),
        "there are {} factors for heads of {head_dim} numbers",
        factors.len()
    );
    let frequencies = plain.frequencies(head_dim);
    ensure!(
        factors.iter().all(|f| f.is_finite() && *f > 0.0),
        "there are {} factors for {} frequencies, or some are none",
        factors.len(),
        frequencies.len()
    );
    let factor = factors.iter().copied().fold(0.0, f64::max);
    if factors.iter().all(|f| (f - 1.0).abs() < TOLERANCE) {
        return Ok(None);
    }
    // (1/λ, s) of those between.
    let between: Vec<(f64, f64)> = frequencies
        .iter()
        .zip(factors)
        .filter(|(_, f)| (**f - 1.0).abs() > TOLERANCE && (**f - factor).abs() > TOLERANCE)
        .map(|(w, f)| {
            (
                f64::from(*w) / TAU,
                (1.0 / f - 1.0 / factor) / (1.0 - 1.0 / factor),
            )
        })
        .collect();
    let (Some(first), Some(last)) = (between.first(), between.last()) else {
        bail!("no frequency lies between the kept and the stretched");
    };
    let (high, original) = if between.len() == 1 {
        // One is not enough for both: high is taken as 4, as Meta's files have it too.
        (4.0, (3.0 * first.1 + 1.0) / first.0)
    } else {
        // s = a/λ + b
        let a = (first.1 - last.1) / (first.0 - last.0);
        let high = 1.0 - 1.0 / (first.1 - a * first.0);
        (high, a * (high - 1.0))
    };
    let whole = |x: f64, near: f64| {
        if (x - x.round()).abs() < near {
            x.round()
        } else {
            x
        }
    };
    let scaling = Scaling::Llama3 {
        factor,
        low_frequency_factor: 1.0,
        high_frequency_factor: whole(high, 1e-2),
        original_context: original.round() as usize,
    };
    let rope = Rope {
        base: plain.base,
        scaling: Some(scaling.clone()),
    };
    rope.check()?;
    let found = rope.frequencies(head_dim);
    let apart = frequencies.iter().zip(&found).zip(factors);
    let apart = apart.map(|((w, found), f)| (f64::from(w / found) / f - 1.0).abs());
    let apart = apart.fold(0.0, f64::max);
    ensure!(
        apart < TOLERANCE,
        "the nearest settings, {scaling:?}, differ from the factors by {apart:.1e}"
    );
    Ok(Some(scaling))
}

/// Says a rotation in metadata; gives the factors that have to be written as a tensor.
pub(super) fn write(
    shape: &Shape,
    key: &dyn Fn(&str) -> String,
    metadata: &mut Metadata,
) -> Result<Option<Vec<f32>>> {
    let rope = &shape.rope;
    metadata.set(key("rope.freq_base"), Value::Float(rope.base));
    metadata.set(
        key("rope.dimension_count"),
        Value::Integer(shape.head_dim as i64),
    );
    let mut say = |what: &str, value| metadata.set(key(&format!("rope.scaling.{what}")), value);
    match &rope.scaling {
        None => {}
        Some(Scaling::Linear { factor }) => {
            say("type", Value::Text("linear".to_owned()));
            say("factor", Value::Float(*factor));
        }
        Some(Scaling::Llama3 { .. }) => {
            let plain = Rope {
                base: rope.base,
                scaling: None,
            };
            let pairs = plain
                .frequencies(shape.head_dim)
                .into_iter()
                .zip(rope.frequencies(shape.head_dim));
            return Ok(Some(pairs.map(|(plain, scaled)| plain / scaled).collect()));
        }
        Some(Scaling::Yarn {
            factor,
            original_context,
            beta_fast,
            beta_slow,
            truncate,
            ..
        }) => {
            ensure!(
                *truncate,
                "llama.cpp rounds the ends of YaRN's ramp to whole pairs, and this model does not"
            );
            say("type", Value::Text("yarn".to_owned()));
            say("factor", Value::Float(*factor));
            say(
                "original_context_length",
                Value::Integer(*original_context as i64),
            );
            say("yarn_beta_fast", Value::Float(*beta_fast));
            say("yarn_beta_slow", Value::Float(*beta_slow));
            let beside = rope.attention_factor() / (1.0 + 0.1 * factor.ln());
            if (beside - 1.0).abs() > 1e-6 {
                say("attn_factor", Value::Float(beside));
            }
        }
    }
    Ok(None)
}
