//! `config.json` of a Llama checkpoint: read in the spellings of transformers 4 and 5, written in both.
//!
//! `rope_theta` with `rope_scaling` and `torch_dtype` are version 4's, `rope_parameters` and `dtype`
//! version 5's; inside, `type` and `rope_type` are the same. What this decoder does not have (biases,
//! another activation, sliding windows, partial or dynamic rotation, quantisation) is refused in a
//! sentence, because computing something else silently would be worse.

use super::Dtype;
use crate::{Rope, Scaling, Shape, SpecialTokens};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Reads `config.json` of a checkpoint directory.
///
/// # Errors
/// A sentence that says what is missing, or what this decoder does not do.
pub fn read_config(directory: &Path) -> Result<(Shape, SpecialTokens)> {
    let path = directory.join("config.json");
    let text = std::fs::read(&path).with_context(|| {
        format!(
            "a checkpoint needs {}, and it could not be read",
            path.display()
        )
    })?;
    serde_json::from_slice(&text)
        .map_err(anyhow::Error::from)
        .and_then(understand)
        .with_context(|| format!("{} does not describe a decoder of ours", path.display()))
}

/// What is read of a configuration; everything else in it is ignored.
#[derive(Deserialize)]
struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    num_hidden_layers: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    tie_word_embeddings: Option<bool>,
    rms_norm_eps: Option<f64>,
    max_position_embeddings: Option<usize>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    sliding_window: Option<Value>,
    partial_rotary_factor: Option<f64>,
    quantization_config: Option<Value>,
    rope_theta: Option<f64>,
    rope_scaling: Option<Map<String, Value>>,
    rope_parameters: Option<Map<String, Value>>,
    bos_token_id: Option<Value>,
    eos_token_id: Option<Value>,
    pad_token_id: Option<Value>,
}

fn understand(config: Config) -> Result<(Shape, SpecialTokens)> {
    refuse_what_we_do_not_do(&config)?;
    let context = config.max_position_embeddings.unwrap_or(2048);
    let head_dim = match config.head_dim {
        Some(head_dim) => head_dim,
        None => {
            ensure!(
                config.num_attention_heads > 0,
                "num_attention_heads must be at least 1"
            );
            config.hidden_size / config.num_attention_heads
        }
    };
    // The defaults are those of LlamaConfig.
    let shape = Shape {
        layers: config.num_hidden_layers,
        width: config.hidden_size,
        ffn: config.intermediate_size,
        query_heads: config.num_attention_heads,
        kv_heads: config
            .num_key_value_heads
            .unwrap_or(config.num_attention_heads),
        head_dim,
        vocabulary: config.vocab_size,
        tied: config.tie_word_embeddings.unwrap_or(false),
        norm_epsilon: config.rms_norm_eps.unwrap_or(1e-6) as f32,
        rope: rope(&config, context)?,
        context,
    };
    shape.check()?;
    let special = SpecialTokens {
        bos: ids(config.bos_token_id).first().copied(),
        eos: ids(config.eos_token_id),
        pad: ids(config.pad_token_id).first().copied(),
    };
    Ok((shape, special))
}

fn refuse_what_we_do_not_do(config: &Config) -> Result<()> {
    let architecture = match (&config.architectures, &config.model_type) {
        (Some(names), _) if !names.is_empty() => names.join(", "),
        (_, Some(model_type)) => model_type.clone(),
        _ => bail!(
            "it names neither `architectures` nor `model_type`, so nobody can know what it is"
        ),
    };
    ensure!(
        matches!(
            architecture.as_str(),
            "LlamaForCausalLM" | "MistralForCausalLM" | "llama" | "mistral"
        ),
        "its architecture is {architecture}, and only decoders of the Llama family are read \
         (LlamaForCausalLM, or MistralForCausalLM without a sliding window)"
    );
    if let Some(activation) = &config.hidden_act {
        ensure!(
            activation == "silu",
            "hidden_act is \"{activation}\", and only \"silu\" is computed"
        );
    }
    for (what, biased) in [
        ("attention_bias", config.attention_bias),
        ("mlp_bias", config.mlp_bias),
    ] {
        ensure!(
            biased != Some(true),
            "{what} is true, and no product here adds a bias"
        );
    }
    ensure!(
        matches!(config.sliding_window, None | Some(Value::Null)),
        "it has a sliding_window, and attention here has none"
    );
    ensure!(
        config.partial_rotary_factor.is_none_or(|f| f == 1.0),
        "partial_rotary_factor is not 1, and whole heads are rotated here"
    );
    ensure!(
        matches!(config.quantization_config, None | Some(Value::Null)),
        "it has a quantization_config; quantised checkpoints are not read, only F32, BF16 and F16"
    );
    Ok(())
}

fn rope(config: &Config, context: usize) -> Result<Rope> {
    let inner = |map: &Option<Map<String, Value>>| -> Option<f64> {
        map.as_ref()?.get("rope_theta")?.as_f64()
    };
    let bases: Vec<f64> = [
        config.rope_theta,
        inner(&config.rope_parameters),
        inner(&config.rope_scaling),
    ]
    .into_iter()
    .flatten()
    .collect();
    ensure!(
        bases.windows(2).all(|pair| pair[0] == pair[1]),
        "rope_theta is given more than once and differs: {bases:?}"
    );
    let mut scalings = [&config.rope_parameters, &config.rope_scaling]
        .into_iter()
        .flatten()
        .map(|map| scaling(map, context));
    let scaling = match (scalings.next(), scalings.next()) {
        (None, _) => None,
        (Some(only), None) => only?,
        (Some(new), Some(old)) => {
            let (new, old) = (new?, old?);
            ensure!(
                new == old,
                "rope_parameters and rope_scaling disagree: {new:?} and {old:?}"
            );
            new
        }
    };
    Ok(Rope {
        base: bases.first().copied().unwrap_or(10_000.0),
        scaling,
    })
}

fn scaling(map: &Map<String, Value>, context: usize) -> Result<Option<Scaling>> {
    let number = |what: &str| map.get(what).and_then(Value::as_f64);
    let kind = map
        .get("rope_type")
        .or_else(|| map.get("type"))
        .and_then(Value::as_str)
        .unwrap_or("default");
    let wanted = |what: &str| {
        number(what)
            .with_context(|| format!("a rope scaling of type \"{kind}\" needs the number {what}"))
    };
    // A zero counts as absent, as in transformers.
    let original = || match map.get("original_max_position_embeddings") {
        Some(Value::Number(n)) => match n.as_f64().unwrap_or(0.0) as usize {
            0 => context,
            positions => positions,
        },
        _ => context,
    };
    if let Some(part) = number("partial_rotary_factor") {
        ensure!(
            part == 1.0,
            "partial_rotary_factor is not 1, and whole heads are rotated here"
        );
    }
    Ok(match kind {
        "default" => None,
        "linear" => Some(Scaling::Linear {
            factor: wanted("factor")?,
        }),
        "llama3" => {
            wanted("original_max_position_embeddings")?;
            Some(Scaling::Llama3 {
                factor: wanted("factor")?,
                low_frequency_factor: wanted("low_freq_factor")?,
                high_frequency_factor: wanted("high_freq_factor")?,
                original_context: original(),
            })
        }
        "yarn" => {
            let or = |what: &str, usual: f64| match number(what) {
                Some(given) if given != 0.0 => given,
                _ => usual,
            };
            Some(Scaling::Yarn {
                factor: wanted("factor")?,
                original_context: original(),
                beta_fast: or("beta_fast", 32.0),
                beta_slow: or("beta_slow", 1.0),
                attention_factor: number("attention_factor"),
                mscale: number("mscale"),
                mscale_all_dim: number("mscale_all_dim"),
                truncate: map.get("truncate").and_then(Value::as_bool).unwrap_or(true),
            })
        }
        other => bail!(
            "its rope scaling is of type \"{other}\"; \"default\", \"linear\", \"llama3\" and \
             \"yarn\" are computed"
        ),
    })
}

/// An id, a list of ids, or nothing; −1 stands for nothing in old configurations.
fn ids(value: Option<Value>) -> Vec<u32> {
    let values = match value {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => vec![],
    };
    values
        .iter()
        .filter_map(|value| u32::try_from(value.as_u64()?).ok())
        .collect()
}

/// The configuration that stands for a decoder, in both spellings.
pub fn config(shape: &Shape, special: &SpecialTokens, dtype: Dtype) -> Value {
    let scaling = shape.rope.scaling.as_ref().map(scaling_json);
    let mut parameters = scaling
        .clone()
        .unwrap_or_else(|| json!({ "rope_type": "default" }));
    parameters["rope_theta"] = json!(shape.rope.base);
    // 1e-5 as f32 would become 9.999999747378752e-6: write the shortest number that reads back.
    let epsilon: f64 = shape.norm_epsilon.to_string().parse().unwrap_or(1e-5);
    json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": special.bos,
        "dtype": dtype.torch_name(),
        "eos_token_id": eos(special),
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "initializer_range": 0.02,
        "intermediate_size": shape.ffn,
        "max_position_embeddings": shape.context,
        "mlp_bias": false,
        "model_type": "llama",
        "num_attention_heads": shape.query_heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pad_token_id": special.pad,
        "pretraining_tp": 1,
        "rms_norm_eps": epsilon,
        "rope_parameters": parameters,
        "rope_scaling": scaling,
        "rope_theta": shape.rope.base,
        "tie_word_embeddings": shape.tied,
        "torch_dtype": dtype.torch_name(),
        "use_cache": true,
        "vocab_size": shape.vocabulary,
    })
}

/// What `generation_config.json` says: which tokens begin and end.
pub(super) fn generation_config(special: &SpecialTokens) -> Value {
    let mut config = Map::new();
    config.insert("_from_model_config".to_owned(), json!(true));
    if let Some(bos) = special.bos {
        config.insert("bos_token_id".to_owned(), json!(bos));
    }
    if !special.eos.is_empty() {
        config.insert("eos_token_id".to_owned(), eos(special));
    }
    if let Some(pad) = special.pad {
        config.insert("pad_token_id".to_owned(), json!(pad));
    }
    Value::Object(config)
}

fn eos(special: &SpecialTokens) -> Value {
    match special.eos[..] {
        [] => Value::Null,
        [only] => json!(only),
        ref several => json!(several),
    }
}

fn scaling_json(scaling: &Scaling) -> Value {
    let mut map = match scaling {
        Scaling::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
        Scaling::Llama3 {
            factor,
            low_frequency_factor,
            high_frequency_factor,
            original_context,
        } => json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low_frequency_factor,
            "high_freq_factor": high_frequency_factor,
            "original_max_position_embeddings": original_context,
        }),
        Scaling::Yarn {
            factor,
            original_context,
            beta_fast,
            beta_slow,
            attention_factor,
            mscale,
            mscale_all_dim,
            truncate,
        } => {
            let mut yarn = json!({
                "rope_type": "yarn",
                "factor": factor,
                "original_max_position_embeddings": original_context,
                "beta_fast": beta_fast,
                "beta_slow": beta_slow,
            });
            for (what, number) in [
                ("attention_factor", attention_factor),
                ("mscale", mscale),
                ("mscale_all_dim", mscale_all_dim),
            ] {
                if let Some(number) = number {
                    yarn[what] = json!(number);
                }
            }
            if !truncate {
                yarn["truncate"] = json!(false);
            }
            yarn
        }
    };
    // The older spelling beside the newer: each is read by someone.
    map["type"] = map["rope_type"].clone();
    map
}

#[cfg(test)]
mod tests;
