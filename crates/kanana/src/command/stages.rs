//! `kanana stages`: what a recipe can name, with settings and defaults.

use crate::{stages, terminal};
use anyhow::{Result, bail};
use clap::Args;
use recipe::Description;
use std::fmt::Write as _;

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

fn settings(stage: &Description, text: &mut String, bullet: &str) {
    for setting in &stage.settings {
        let default = match setting.required {
            true => "must be given".to_owned(),
            false => format!("default {}", setting.default),
        };
        let _ = writeln!(text, "{bullet}{}: {default}", setting.name);
    }
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
        settings(stage, &mut text, "    with ");
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
        settings(stage, &mut text, "- ");
        text.push('\n');
    }
    text
}
