//! mergekit's configuration as this program's: the same words, folders exchanged for names.
//!
//! What mergekit knows and this program does not is refused by name, with what is supported instead.

use anyhow::{Context as _, Result, bail, ensure};
use model::merge::{Config, Method};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Keys that mean something to mergekit, and what to do without them.
#[rustfmt::skip]
const UNSUPPORTED: [(&str, &str); 5] = [
    ("modules",         "models of one module are merged: use `models` or `slices`"),
    ("tokenizer",       "tokens are not moved about: merge models that share a tokenizer, with `tokenizer_source: base` or without the key"),
    ("chat_template",   "the template of the base model is kept: put another into the result afterwards"),
    ("residual_weight", "no residual is mixed in: give the model as one more source with a `weight`"),
    ("lora_merge_dtype", "adapters are not read: merge them into their model first"),
];

/// Names and the folders that they stand for.
pub(super) type Folders = Vec<(String, PathBuf)>;

/// Reads the file: the merge with models by names, and where these lie.
pub(super) fn read(path: &Path) -> Result<(Config, Folders)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8(bytes)
        .with_context(|| format!("{} is not UTF-8 text", path.display()))?;
    understand(&text).with_context(|| format!("{} cannot be used", path.display()))
}

fn understand(text: &str) -> Result<(Config, Folders)> {
    let mut value: Value = serde_saphyr::from_str(text).context("it is not valid YAML")?;
    let Some(top) = value.as_object_mut() else {
        bail!("wanted `merge_method`, and `models` or `slices`; found {value}");
    };
    refuse(top)?;
    let mut folders = Folders::new();
    name_models(&mut value, &mut folders)?;
    ensure!(!folders.is_empty(), "it names no model");
    without_nulls(&mut value);
    let config: Config = serde_json::from_value(value)?;
    config.check()?;
    Ok((config, folders))
}

/// Says of what is not supported what is.
fn refuse(top: &Map<String, Value>) -> Result<()> {
    fn keys<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    found.push(key);
                    // Parameters go by names of their own.
                    if key != "parameters" {
                        keys(value, found);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (key, value) in top {
        if !value.is_null() {
            found.push(key.as_str());
            keys(value, &mut found);
        }
    }
    for (key, instead) in UNSUPPORTED {
        ensure!(!found.contains(&key), "`{key}` is not supported: {instead}");
    }
    match top.get("merge_method").and_then(Value::as_str) {
        Some(method) => ensure!(
            Method::NAMES.contains(&method),
            "merge_method: {method} is not supported; there are {}",
            Method::NAMES.join(", ")
        ),
        None => bail!(
            "`merge_method` is missing; there are {}",
            Method::NAMES.join(", ")
        ),
    }
    if let Some(source) = top
        .get("tokenizer_source")
        .filter(|source| !source.is_null())
    {
        ensure!(
            source == "base",
            "tokenizer_source: {source} is not supported: vocabularies are not united or moved about; \
             give `base`, or leave it out, and merge models that share a tokenizer"
        );
    }
    for key in ["dtype", "out_dtype"] {
        if let Some(dtype) = top.get(key).and_then(Value::as_str) {
            ensure!(
                ["float32", "bfloat16", "float16"].contains(&dtype),
                "{key}: {dtype} is not supported; there are float32, bfloat16, float16"
            );
        }
    }
    Ok(())
}

/// Exchanges every folder of a model for a name, wherever a model may stand.
fn name_models(value: &mut Value, folders: &mut Folders) -> Result<()> {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match key.as_str() {
                    "model" | "base_model" if !value.is_null() => {
                        *value = Value::from(name(folder(value)?, folders));
                    }
                    "parameters" => {}
                    _ => name_models(value, folders)?,
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                name_models(value, folders)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The folder that a reference to a model means: a path, or `{ model: { path } }`.
fn folder(reference: &Value) -> Result<PathBuf> {
    let mut inner = reference;
    while let Some(map) = inner.as_object() {
        for key in ["lora", "revision", "override_architecture"] {
            ensure!(
                map.get(key).is_none_or(Value::is_null),
                "`{key}` of a model is not supported: give the path of a local directory with the whole model"
            );
        }
        inner = map
            .get("model")
            .or_else(|| map.get("path"))
            .with_context(|| {
                format!("{reference} names no model: wanted the path of a local directory")
            })?;
    }
    let Some(path) = inner.as_str() else {
        bail!("{reference} names no model: wanted the path of a local directory");
    };
    let folder = PathBuf::from(path);
    if folder.is_dir() {
        return Ok(folder);
    }
    ensure!(
        !path.contains('+'),
        "{path} means a model with an adapter, and adapters are not read: merge it into its model first"
    );
    bail!(
        "the model {path} is not a local directory: nothing is fetched from a hub, so download it and give its path"
    )
}

/// The name that a folder goes by: its own, made fit, and told apart from others.
fn name(folder: PathBuf, folders: &mut Folders) -> String {
    if let Some((name, _)) = folders.iter().find(|(_, known)| *known == folder) {
        return name.clone();
    }
    let own = folder
        .file_name()
        .map_or("model".into(), |name| name.to_string_lossy());
    let fit: String = own
        .chars()
        .map(|c| match c {
            c if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') => c,
            _ => '-',
        })
        .collect();
    let fit = fit
        .trim_start_matches(['.', '-'])
        .chars()
        .take(40)
        .collect::<String>();
    // The step itself has a name too.
    let mut taken: BTreeSet<&str> = folders.iter().map(|(name, _)| name.as_str()).collect();
    taken.insert(super::recipe_text::STEP);
    let stem = if fit.is_empty() {
        "model".to_owned()
    } else {
        fit
    };
    let mut name = stem.clone();
    let mut number = 2;
    while taken.contains(name.as_str()) {
        name = format!("{stem}-{number}");
        number += 1;
    }
    folders.push((name.clone(), folder));
    name
}

/// A key with nothing after it is a key that is not there.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
