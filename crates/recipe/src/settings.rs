//! From the text of `with = { … }` to a stage, and from a stage to the settings that
//! enter its key, defaults filled in.
//!
//! What cannot be hashed the same way twice is refused, not approximated.

mod said;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::mistake::{Part, parts};

pub(crate) use said::describe;

/// One setting of a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Its path below `with`: `schedule.peak`; of what a list holds `parts[].share`.
    pub name: String,
    /// What it means.
    pub about: String,
    /// Whether a recipe must give it, where it gives what it is a part of.
    pub required: bool,
    /// What it is where a recipe does not give it; nothing where it must, or where parts say it.
    pub default: Option<Value>,
    /// The words that can be said, where there is a list of them.
    pub choices: Vec<String>,
}

/// A mistake in the settings, and where below `with` it stands.
#[derive(Debug)]
pub(crate) struct SettingMistake {
    pub(crate) path: Vec<Part>,
    pub(crate) message: String,
}

/// Reads a stage from the text of its settings.
pub(crate) fn read<S: DeserializeOwned>(with: DeTable<'_>) -> Result<S, SettingMistake> {
    if let Some(path) = not_finite(&with) {
        return Err(SettingMistake {
            path,
            message: "a setting must be a finite number".to_string(),
        });
    }
    let deserializer = toml::de::Deserializer::from(Spanned::new(0..0, with));
    serde_path_to_error::deserialize(deserializer).map_err(|error| SettingMistake {
        path: parts(error.path()),
        message: error.inner().message().trim().to_string(),
    })
}

/// The settings of a stage with every default filled in.
///
/// By way of text, in which an f32 of 0.1 is 0.1: so a setting that becomes an f64 later
/// keeps its key.
pub(crate) fn resolve<S: Serialize>(stage: &S) -> Result<Value> {
    let text = serde_json::to_string(stage)
        .context("the settings cannot be written as JSON (a bug of the stage)")?;
    serde_json::from_str(&text).context("the settings cannot be read back (a bug of the stage)")
}

/// The first setting in the text that the resolved settings do not have: it would not
/// enter the key, so two different requests would pass for one.
pub(crate) fn lost(with: &DeTable<'_>, resolved: &Value) -> Option<Vec<Part>> {
    let resolved = resolved.as_object()?;
    with.iter().find_map(|(name, value)| {
        let name: &str = name.get_ref();
        let below = match (resolved.get(name), value.get_ref()) {
            (None, _) => Some(vec![]),
            (Some(resolved), DeValue::Table(table)) => lost(table, resolved),
            _ => None,
        };
        below.map(|below| [vec![Part::name(name)], below].concat())
    })
}

fn not_finite(table: &DeTable<'_>) -> Option<Vec<Part>> {
    fn below(value: &DeValue<'_>) -> Option<Vec<Part>> {
        match value {
            DeValue::Float(number) => {
                let number: f64 = number.as_str().replace('_', "").parse().ok()?;
                (!number.is_finite()).then(Vec::new)
            }
            DeValue::Table(table) => not_finite(table),
            DeValue::Array(list) => list.iter().enumerate().find_map(|(index, value)| {
                let rest = below(value.get_ref())?;
                Some([vec![Part::Index(index)], rest].concat())
            }),
            _ => None,
        }
    }
    table.iter().find_map(|(name, value)| {
        let rest = below(value.get_ref())?;
        Some([vec![Part::name(name.get_ref())], rest].concat())
    })
}
