//! The one-step recipe that a merge stands for, as a person would write it.

use super::mergekit::Folders;
use anyhow::{Context as _, Result};
use model::merge::Config;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::Path;

/// The order in which a person would write what is in a table.
const ORDER: [&str; 12] = [
    "merge_method",
    "base_model",
    "model",
    "layer_range",
    "filter",
    "value",
    "sources",
    "models",
    "slices",
    "parameters",
    "dtype",
    "out_dtype",
];

/// The name of the step.
pub(super) const STEP: &str = "merged";

pub(super) fn write(from: &Path, seed: u64, config: &Config, folders: &Folders) -> Result<String> {
    let mut text = format!(
        "# The merge of {}, as a recipe: `kanana run` makes the same of it.\nseed = {seed}\n\n[inputs]\n",
        from.file_name().map_or(from, Path::new).display()
    );
    for (name, folder) in folders {
        let folder = std::path::absolute(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let folder = folder.to_str().with_context(|| {
            format!(
                "the path {} is not valid UTF-8: rename it",
                folder.display()
            )
        })?;
        writeln!(
            text,
            "{} = {{ kind = \"model\", path = {} }}",
            key(name),
            quoted(folder)
        )?;
    }
    let names: Vec<String> = folders.iter().map(|(name, _)| quoted(name)).collect();
    writeln!(
        text,
        "\n[[step]]\nname = \"{STEP}\"\nstage = \"merge\"\ninputs = {{ models = [{}] }}\n\n[step.with]",
        names.join(", ")
    )?;
    let settings = serde_json::to_value(config)?;
    for (name, value) in settings.as_object().map(in_order).into_iter().flatten() {
        let nothing = match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if nothing {
            continue;
        }
        match value {
            Value::Array(list) => {
                writeln!(text, "{name} = [")?;
                for one in list {
                    writeln!(text, "  {},", inline(one))?;
                }
                writeln!(text, "]")?;
            }
            one => writeln!(text, "{name} = {}", inline(one))?,
        }
    }
    Ok(text)
}

/// A value on one line; what is empty or not given is left out of tables.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(inline).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Object(map) => {
            let given = in_order(map).into_iter().filter(|(_, value)| {
                !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty())
            });
            let pairs: Vec<String> = given
                .map(|(name, value)| format!("{name} = {}", inline(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        plain => plain.to_string(),
    }
}

fn in_order(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_key(|(name, _)| {
        ORDER
            .iter()
            .position(|known| known == name)
            .unwrap_or(ORDER.len())
    });
    pairs
}

/// A key of TOML, in quotes only where it needs them.
fn key(name: &str) -> String {
    match name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// A basic string of TOML, whose escapes are JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
