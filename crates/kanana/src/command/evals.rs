//! `kanana evals`: the benchmarks there are, what each needs, and whether it is there.

use crate::{evaluation, terminal};
use anyhow::Result;
use clap::Args;
use evals::tasks::KINDS;
use evals::{Kind, Protocol, Setup};
use page::terminal::Ink;
use page::{Cell, Column, Page, Table};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// List the benchmarks.
#[derive(Args)]
pub(crate) struct Evals {
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

impl Evals {
    pub(crate) fn run(self) -> Result<()> {
        let kinds: Vec<&Kind> = KINDS.iter().copied().flatten().collect();
        let rows: Vec<Value> = kinds
            .into_iter()
            .map(|kind| describe(kind, &self.data, self.protocol))
            .collect();
        if self.json {
            return terminal::json(&rows);
        }
        let mut page = Page::new("Benchmarks");
        page.lead(format!(
            "What is missing is wanted below {}, in the benchmark's original format (--data names another \
             folder).",
            self.data.display()
        ));
        page.table(table(&rows));
        terminal::say(
            page.terminal(evaluation::COLUMNS + 20, Ink::Plain)
                .trim_end(),
        );
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
    // A task that cannot describe itself without its files is listed all the same.
    match (kind.open)(&setup) {
        Ok(task) => row["about"] = json!(task.about()),
        Err(error) => row["error"] = json!(format!("{error:#}")),
    }
    row
}

fn table(rows: &[Value]) -> Table {
    let mut table = Table::new([
        Column::text("task"),
        Column::text("how it is put"),
        Column::text("language"),
        Column::text("metric"),
        Column::text("needs"),
        Column::text("there"),
        Column::text("to be had from"),
    ]);
    for row in rows {
        let text = |path: &str| {
            row.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let list = |name: &str| {
            let items = row[name].as_array().into_iter().flatten();
            items
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let there = match row["there"].as_bool() {
            Some(true) => "✓".to_owned(),
            _ => format!("✗ {}", list("missing")),
        };
        table.row(
            [
                text("/name"),
                text("/about/protocol"),
                text("/about/language"),
                text("/about/metrics/0/name"),
                &list("needs"),
                &there,
                text("/about/source"),
            ]
            .map(Cell::from),
        );
    }
    table
}
