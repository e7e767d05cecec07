//! An arm: the steps that all arms have, with this arm's differences.
//!
//! `change` is a table of the shape of the steps it changes, by their names: tables are merged, everything
//! else (numbers, words, lists) takes the place of what stood there.

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

/// One arm as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it is called.
    pub name: String,
    /// What it is, in a sentence.
    #[serde(default)]
    pub says: String,
    /// By the name of a step: what is different there.
    #[serde(default)]
    pub change: Table,
    /// Whether its steps draw other random numbers than the other arms' (for arms that are to be independent,
    /// as in a check that nothing is found where nothing is).
    #[serde(default)]
    pub own_seed: bool,
    /// Steps that only this arm has.
    #[serde(default)]
    pub(crate) step: Vec<Table>,
}

impl Arm {
    /// What it is, in words: what is said of it, else its differences.
    pub fn in_words(&self) -> String {
        in_words(&self.says, &self.differences())
    }

    /// The differences as a person reads them: `untrained.with.shape.layers = 8`.
    pub fn differences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        spell("", &self.change, &mut lines);
        for step in &self.step {
            let name = named(step).unwrap_or_default();
            let rest = step.iter().filter(|(key, _)| *key != "name");
            let rest = rest
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            spell(name, &rest, &mut lines);
        }
        if self.own_seed {
            lines.push("draws random numbers of its own".to_owned());
        }
        lines
    }

    /// The steps with the differences in them, then the arm's own.
    ///
    /// # Errors
    /// A change of a step that is not there, or that changes nothing.
    pub(crate) fn steps(&self, all: &[Table]) -> Result<Vec<Table>> {
        let mut steps = all.to_vec();
        for (name, change) in &self.change {
            let Value::Table(change) = change else {
                bail!(
                    "the arm \"{}\" changes \"{name}\" to {change}: wanted a table of what is different in \
                     that step, such as `change.{name}.with.tokens = 1000`",
                    self.name
                );
            };
            let place = steps.iter_mut().find(|step| named(step) == Some(name));
            let Some(step) = place else {
                let names: Vec<&str> = all.iter().filter_map(named).collect();
                bail!(
                    "the arm \"{}\" changes the step \"{name}\", which is not there; there are {}",
                    self.name,
                    names.join(", ")
                );
            };
            let before = step.clone();
            merge(step, change);
            ensure!(
                before != *step,
                "the arm \"{}\" changes nothing in the step \"{name}\": it says what stands there already",
                self.name
            );
        }
        steps.extend(self.step.iter().cloned());
        Ok(steps)
    }
}

/// What is said of an arm, else its differences.
pub(crate) fn in_words(says: &str, differences: &[String]) -> String {
    match says {
        "" => differences.join("; "),
        says => says.to_owned(),
    }
}

/// The name of a step.
pub(crate) fn named(step: &Table) -> Option<&str> {
    step.get("name").and_then(Value::as_str)
}

fn merge(into: &mut Table, change: &Table) {
    for (key, value) in change {
        match (into.get_mut(key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn spell(path: &str, table: &Table, lines: &mut Vec<String>) {
    for (key, value) in table {
        let path = match path {
            "" => key.clone(),
            _ => format!("{path}.{key}"),
        };
        match value {
            Value::Table(inner) => spell(&path, inner, lines),
            _ => lines.push(format!("{path} = {value}")),
        }
    }
}
