//! Configurations of both versions, round trips, and what is refused.

use super::{Config, config, understand};
use crate::{Dtype, Rope, Scaling, Shape, SpecialTokens};
use anyhow::Result;
use serde_json::{Value, json};

fn read(value: &Value) -> Result<(Shape, SpecialTokens)> {
    understand(serde_json::from_value::<Config>(value.clone())?)
}

/// As published with Llama 3.2 1B: transformers 4's spelling.
fn version_4() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64,
        "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
        "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
        "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16,
        "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": { "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3" },
        "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256,
    })
}

/// The same as transformers 5 writes it.
fn version_5() -> Value {
    let mut config = version_4();
    let map = config.as_object_mut().unwrap();
    let mut rope = map.remove("rope_scaling").unwrap();
    rope["rope_theta"] = map.remove("rope_theta").unwrap();
    map.insert("rope_parameters".to_owned(), rope);
    let dtype = map.remove("torch_dtype").unwrap();
    map.insert("dtype".to_owned(), dtype);
    map.insert("pad_token_id".to_owned(), Value::Null);
    config
}

#[test]
fn both_versions_say_the_same() {
    let (shape, special) = read(&version_4()).unwrap();
    assert_eq!(
        read(&version_5()).unwrap(),
        (shape.clone(), special.clone())
    );
    assert_eq!(shape.parameters(), 1_235_814_400);
    assert_eq!(special.eos, [128001, 128008, 128009]);
    assert_eq!(
        shape.rope.scaling,
        Some(Scaling::Llama3 {
            factor: 32.0,
            low_frequency_factor: 1.0,
            high_frequency_factor: 4.0,
            original_context: 8192,
        })
    );
    // The older name of the type.
    let mut old = version_4();
    old["rope_scaling"] = json!({ "type": "linear", "factor": 2.0 });
    let rope = read(&old).unwrap().0.rope;
    assert_eq!(rope.scaling, Some(Scaling::Linear { factor: 2.0 }));
}

#[test]
fn what_is_not_said_is_as_in_transformers() {
    let bare = json!({
        "model_type": "llama", "hidden_size": 48, "intermediate_size": 64, "vocab_size": 100,
        "num_attention_heads": 4, "num_hidden_layers": 1, "head_dim": null, "rope_scaling": null,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": -1,
    });
    let (shape, special) = read(&bare).unwrap();
    assert_eq!(
        (shape.kv_heads, shape.head_dim, shape.context),
        (4, 12, 2048)
    );
    assert_eq!((shape.tied, shape.norm_epsilon), (false, 1e-6));
    assert_eq!(
        shape.rope,
        Rope {
            base: 10_000.0,
            scaling: None
        }
    );
    assert_eq!(
        (special.bos, special.eos, special.pad),
        (Some(1), vec![2], None)
    );
    // YaRN without an original context stretches from the context itself.
    let mut yarn = bare;
    yarn["rope_scaling"] = json!({ "rope_type": "yarn", "factor": 4.0, "beta_fast": null });
    let Some(Scaling::Yarn {
        original_context,
        beta_fast,
        truncate,
        ..
    }) = read(&yarn).unwrap().0.rope.scaling
    else {
        panic!("YaRN was asked for");
    };
    assert_eq!((original_context, beta_fast, truncate), (2048, 32.0, true));
}

#[test]
fn what_is_written_reads_back() {
    let yarn = |attention_factor, mscale, truncate| Scaling::Yarn {
        factor: 4.0,
        original_context: 8192,
        beta_fast: 32.0,
        beta_slow: 1.0,
        attention_factor,
        mscale,
        mscale_all_dim: mscale,
        truncate,
    };
    let scalings = [
        None,
        Some(Scaling::Linear { factor: 2.5 }),
        read(&version_4()).unwrap().0.rope.scaling,
        Some(yarn(None, None, true)),
        Some(yarn(Some(1.25), Some(0.7), false)),
    ];
    let specials = [
        SpecialTokens::default(),
        SpecialTokens {
            bos: Some(128_000),
            eos: vec![128_001],
            pad: Some(128_001),
        },
        SpecialTokens {
            bos: None,
            eos: vec![128_001, 128_009],
            pad: None,
        },
    ];
    for name in ["2.1b", "8b"] {
        for scaling in &scalings {
            for special in &specials {
                let mut shape = Shape::named(name).unwrap();
                shape.rope.scaling = scaling.clone();
                let mut written = config(&shape, special, Dtype::Bf16);
                assert_eq!(read(&written).unwrap(), (shape.clone(), special.clone()));
                // Each spelling alone is enough.
                let map = written.as_object_mut().unwrap();
                let parameters = map.remove("rope_parameters").unwrap();
                assert_eq!(read(&written).unwrap().0, shape);
                let map = written.as_object_mut().unwrap();
                map.remove("rope_scaling");
                map.remove("rope_theta");
                map.insert("rope_parameters".to_owned(), parameters);
                assert_eq!(read(&written).unwrap().0, shape);
            }
        }
    }
}

#[test]
fn both_spellings_are_written() {
    let nano = config(
        &Shape::named("2.1b").unwrap(),
        &SpecialTokens::default(),
        Dtype::Bf16,
    );
    for (key, expected) in [
        ("torch_dtype", json!("bfloat16")),
        ("dtype", json!("bfloat16")),
        ("rope_theta", json!(500_000.0)),
        ("rope_scaling", Value::Null),
        (
            "rope_parameters",
            json!({ "rope_type": "default", "rope_theta": 500_000.0 }),
        ),
        ("head_dim", json!(128)),
        ("rms_norm_eps", json!(1e-5)),
        ("tie_word_embeddings", json!(true)),
    ] {
        assert_eq!(nano[key], expected, "{key}");
    }
}

#[test]
fn what_we_do_not_compute_is_refused_in_a_sentence() {
    for (key, value, expected) in [
        (
            "architectures",
            json!(["Qwen2ForCausalLM"]),
            "its architecture is Qwen2ForCausalLM",
        ),
        (
            "architectures",
            json!(["LlamaForSequenceClassification"]),
            "only decoders of the Llama",
        ),
        ("hidden_act", json!("gelu"), "hidden_act is \"gelu\""),
        ("attention_bias", json!(true), "attention_bias is true"),
        ("mlp_bias", json!(true), "mlp_bias is true"),
        ("sliding_window", json!(4096), "sliding_window"),
        ("partial_rotary_factor", json!(0.5), "partial_rotary_factor"),
        (
            "quantization_config",
            json!({ "bits": 4 }),
            "quantised checkpoints are not read",
        ),
        (
            "rope_scaling",
            json!({ "type": "dynamic", "factor": 2.0 }),
            "of type \"dynamic\"",
        ),
        (
            "rope_scaling",
            json!({ "type": "yarn" }),
            "needs the number factor",
        ),
        (
            "rope_scaling",
            json!({ "type": "linear", "factor": 0.0 }),
            "must be at least 1",
        ),
        (
            "rope_parameters",
            json!({ "rope_type": "default" }),
            "disagree",
        ),
        (
            "rope_parameters",
            json!({ "rope_theta": 1e4 }),
            "given more than once",
        ),
        ("num_key_value_heads", json!(5), "multiple of kv_heads (5)"),
        ("head_dim", json!(63), "must be even"),
        ("hidden_size", json!("wide"), "invalid type"),
        (
            "num_attention_heads",
            json!(0),
            "`query_heads` must be at least 1",
        ),
        ("vocab_size", Value::Null, "vocab_size"),
    ] {
        let mut config = version_4();
        config[key] = value;
        let error = match serde_json::from_value::<Config>(config) {
            Err(error) => error.to_string(),
            Ok(config) => understand(config).unwrap_err().to_string(),
        };
        // serde_json names the type it wanted, not the field; the path is added by the caller.
        let expected = if key == "vocab_size" {
            "invalid type: null"
        } else {
            expected
        };
        assert!(
            error.contains(expected),
            "{error:?} should say {expected:?}"
        );
    }
    let mut nameless = version_4();
    let map = nameless.as_object_mut().unwrap();
    map.remove("architectures");
    map.remove("model_type");
    assert!(
        read(&nameless)
            .unwrap_err()
            .to_string()
            .contains("nobody can know")
    );
}
