//! `kanana evals`: the benchmarks there are, what each needs, and whether it is there; `kanana evals pull` fetches them.

mod pull;

use crate::{evaluation, terminal};
use anyhow::Result;
use clap::{Args, Subcommand};
use evals::sources::Source;
use evals::tasks::KINDS;
use evals::{Kind, Protocol, Setup};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// List the benchmarks.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Evals {
    #[command(subcommand)]
    action: Option<Action>,
    /// The folder that holds a folder for each benchmark, in its original format
    #[arg(long, value_name = "FOLDER", default_value = super::eval::DATA)]
    data: PathBuf,
    /// As they are put to a base model, or to one that was tuned to converse
    #[arg(long, value_name = "PROTOCOL", value_parser = super::eval::protocol, default_value = "base")]
    protocol: Protocol,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Fetch benchmarks by their names from a hub, into the folder that `--data` reads
    Pull(pull::Pull),
}

impl Evals {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(Action::Pull(pull)) = self.action {
            return pull.run();
        }
        let kinds: Vec<&Kind> = KINDS.iter().copied().flatten().collect();
        let rows: Vec<Value> = kinds
            .into_iter()
            .map(|kind| describe(kind, &self.data, self.protocol))
            .collect();
        if self.json {
            return terminal::json(&rows);
        }
        terminal::say(&listing(&rows, &self.data));
        Ok(())
    }
}

fn describe(kind: &Kind, data: &Path, protocol: Protocol) -> Value {
    let missing = evaluation::missing(kind, data);
    let setup = Setup {
        data: data.to_owned(),
        protocol,
        shots: None,
        samples: 1,
    };
    let mut row = json!({"name": kind.name, "needs": kind.needs, "there": missing.is_empty(), "missing": missing});
    if let [source] = Source::named(kind.name)[..] {
        row["pull"] = json!({"repository": source.repository, "licence": source.licence});
    }
    // A task that cannot describe itself without its files is listed all the same.
    match (kind.open)(&setup) {
        Ok(task) => row["about"] = json!(task.about()),
        Err(error) => row["error"] = json!(format!("{error:#}")),
    }
    row
}

fn listing(rows: &[Value], data: &Path) -> String {
    let mut out = String::new();
    for row in rows {
        let text = |path: &str| {
            row.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let list = |items: &Value, name: &str| {
            let items = items.as_array().into_iter().flatten();
            let items = items.filter_map(|item| {
                if name.is_empty() {
                    item.as_str()
                } else {
                    item[name].as_str()
                }
            });
            items.collect::<Vec<_>>().join(", ")
        };
        let there = row["there"] == true;
        let mark = if there { "✓" } else { "✗" };
        let _ = writeln!(out, "{mark} {} — {}", text("/name"), text("/about/summary"));
        if let Some(error) = row["error"].as_str() {
            let _ = writeln!(out, "      {error}");
        } else {
            let metrics = list(&row["about"]["metrics"], "name");
            let _ = writeln!(
                out,
                "      {}; {}; {metrics}",
                text("/about/protocol"),
                text("/about/language")
            );
        }
        let _ = writeln!(out, "      needs {}", list(&row["needs"], ""));
        if !there {
            let _ = writeln!(
                out,
                "      not in {}: {}; to be had: {}",
                data.display(),
                list(&row["missing"], ""),
                text("/about/source")
            );
            if !row["pull"].is_null() {
                let _ = writeln!(
                    out,
                    "      `kanana evals pull {}` fetches it ({}, {})",
                    text("/name"),
                    text("/pull/repository"),
                    text("/pull/licence")
                );
            }
        }
    }
    let _ = write!(
        out,
        "\n✓ is there, ✗ is not: benchmarks are read in their original formats from a folder (--data), and never shipped."
    );
    out
}
