//! Identity before running: the key of an artifact, and the seed of a step.
//!
//! `key = blake3(canonical JSON of {stage, version, settings, seed, inputs})[..12 hex]`.
//! An input enters as `name-key`, not as its key alone, because a stage may write down
//! what its inputs are called. Canonical JSON has sorted names and no spaces, so that
//! anyone can compute a key from a manifest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Hexadecimal digits of a key.
pub(crate) const KEY_LENGTH: usize = 12;

/// The key of what a step makes. `inputs` holds, per binding, one or several `name-key`.
pub(crate) fn key(
    stage: &str,
    version: u32,
    settings: &Value,
    seed: u64,
    inputs: &BTreeMap<String, Value>,
) -> String {
    let asked = json!({
        "stage": stage,
        "version": version,
        "settings": settings,
        "seed": seed,
        "inputs": inputs,
    });
    short(canonical(&asked).as_bytes())
}

/// The seed of a step depends on the recipe's seed, or the one that the step names itself, and the
/// step's name only, so that inserting a step disturbs no other.
pub(crate) fn seed(recipe_seed: u64, step: &str) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("kanana recipe: seed of a step");
    hasher.update(&recipe_seed.to_le_bytes());
    hasher.update(step.as_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// The first digits of the hash.
pub(crate) fn short(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..KEY_LENGTH].to_string()
}

/// JSON with sorted names and no spaces. Sorted here, not left to the map: another
/// crate may switch on a feature of serde_json that keeps the order of insertion.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            text.push('{');
            for (i, (name, value)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                *text += &Value::from(name.as_str()).to_string();
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(list) => {
            text.push('[');
            for (i, value) in list.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write(value, text);
            }
            text.push(']');
        }
        plain => *text += &plain.to_string(),
    }
}

/// `name-key`, the name of an artifact's folder.
pub(crate) fn folder(name: &str, key: &str) -> String {
    format!("{name}-{key}")
}

/// The name and key in a folder's name.
pub(crate) fn split(folder: &str) -> Option<(&str, &str)> {
    let (name, key) = folder.rsplit_once('-')?;
    let digits =
        key.len() == KEY_LENGTH && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (digits && !name.is_empty()).then_some((name, key))
}
