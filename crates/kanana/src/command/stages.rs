//! `kanana stages`: what a recipe can name, with settings and defaults.

use crate::{stages, terminal};
use anyhow::{Result, bail};
use clap::Args;
use recipe::{Description, Setting};
use serde_json::Value;
use std::fmt::Write as _;

/// Columns of what a setting means.
const COLUMNS: usize = 100;

/// List the stages.
#[derive(Args)]
pub(crate) struct Stages {
    /// Only this one
    stage: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Answer in Markdown, as in docs/stages.md
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

impl Stages {
    pub(crate) fn run(self) -> Result<()> {
        let mut all: Vec<Description> = stages::registry().descriptions().collect();
        if let Some(name) = &self.stage {
            let names: Vec<_> = all.iter().map(|stage| stage.name.clone()).collect();
            all.retain(|stage| &stage.name == name);
            if all.is_empty() {
                bail!(
                    "there is no stage called {name:?}; there are {}",
                    names.join(", ")
                );
            }
        }
        if self.json {
            return terminal::json(&all);
        }
        let text = if self.markdown {
            markdown(&all)
        } else {
            plain(&all)
        };
        terminal::say(text.trim_end());
        Ok(())
    }
}

/// What a setting is where nobody gives it, and what it can be.
fn value(setting: &Setting) -> String {
    let default = match (setting.required, &setting.default) {
        (true, _) => "must be given".to_owned(),
        (false, Some(Value::Null)) => "not given by default".to_owned(),
        (false, Some(default)) => format!("default {default}"),
        (false, None) => String::new(),
    };
    let which = match setting.default {
        Some(Value::Array(_)) => "any",
        _ => "one",
    };
    let choices = match setting.choices.is_empty() {
        true => String::new(),
        false => format!("{which} of {}", setting.choices.join(", ")),
    };
    let said = [default, choices]
        .into_iter()
        .filter(|part| !part.is_empty());
    said.collect::<Vec<_>>().join("; ")
}

fn plain(all: &[Description]) -> String {
    let mut text = String::new();
    for stage in all {
        let _ = writeln!(text, "{} — {}", stage.name, stage.summary);
        let inputs: Vec<_> = stage.inputs.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "    reads {}",
            if inputs.is_empty() {
                "nothing".to_owned()
            } else {
                inputs.join(", ")
            }
        );
        let _ = writeln!(text, "    writes `{}`", stage.output);
        for setting in &stage.settings {
            let said = match value(setting) {
                said if said.is_empty() => said,
                said => format!(": {said}"),
            };
            let _ = writeln!(text, "    with {}{said}", setting.name);
            if !setting.about.is_empty() {
                for line in page::wrap(&setting.about, COLUMNS) {
                    let _ = writeln!(text, "        {line}");
                }
            }
        }
        text.push('\n');
    }
    text
}

fn markdown(all: &[Description]) -> String {
    let mut text =
        "# Stages\n\nWhat a recipe can name, as `kanana stages --markdown` prints it.\n\n"
            .to_owned();
    for stage in all {
        let _ = writeln!(text, "## `{}`\n\nIt {}.\n", stage.name, stage.summary);
        let inputs: Vec<_> = stage.inputs.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "Reads {}. Writes `{}`.\n",
            if inputs.is_empty() {
                "nothing".to_owned()
            } else {
                inputs.join(", ")
            },
            stage.output
        );
        for setting in &stage.settings {
            let said = match value(setting) {
                said if said.is_empty() => said,
                said => format!(" ({said})"),
            };
            let about = match setting.about.is_empty() {
                true => String::new(),
                false => format!(": {}", setting.about),
            };
            let _ = writeln!(text, "- `{}`{said}{about}", setting.name);
        }
        text.push('\n');
    }
    text
}
