//! Whether two models' tokens mean the same, and what else of a tokenizer travels with a model.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;

/// How a chat is written for a model.
const TEMPLATE: &str = "chat_template.jinja";

/// In what two tokenizers differ; `None` where they do not, or where one of the two has none.
pub(super) fn difference(one: &Path, other: &Path) -> Result<Option<String>> {
    let files = [one, other].map(|folder| folder.join(tokenizer::TOKENIZER));
    if !files.iter().all(|file| file.is_file()) {
        return Ok(None);
    }
    let [one, other] = files.map(|file| {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice::<Value>(&bytes)
            .with_context(|| format!("{} is no tokenizer", file.display()))
    });
    let (one, other) = (one?, other?);
    // Truncation, padding and templates may differ; what an id stands for may not.
    for (what, path) in [
        ("the vocabulary", "/model/vocab"),
        ("the merges", "/model/merges"),
        ("the added tokens", "/added_tokens"),
    ] {
        if one.pointer(path).map(ids) != other.pointer(path).map(ids) {
            return Ok(Some(format!("{what} is not the same")));
        }
    }
    Ok(None)
}

/// Of added tokens their ids and texts, of everything else all.
fn ids(value: &Value) -> Value {
    match value {
        Value::Array(list) if list.iter().all(Value::is_object) => list
            .iter()
            .map(|token| Value::from(vec![token["id"].clone(), token["content"].clone()]))
            .collect(),
        other => other.clone(),
    }
}

/// Copies a chat template that lies in a file of its own.
pub(super) fn copy_template(from: &Path, to: &Path) -> Result<()> {
    let file = from.join(TEMPLATE);
    if file.is_file() {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        disk::write(&to.join(TEMPLATE), &bytes)?;
    }
    Ok(())
}
