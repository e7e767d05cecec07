//! `kanana show`: one artifact, or what the store holds.

use super::Where;
use crate::terminal;
use anyhow::Result;
use clap::Args;
use page::terminal::Ink;
use page::{Cell, Column, Table};
use recipe::{Manifest, Origin, Store, Stored};
use serde_json::json;

/// Show an artifact.
#[derive(Args)]
pub(crate) struct Show {
    /// A name, name-key, key, or the path of its folder [default: a list of all]
    artifact: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

impl Show {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.store.existing()?;
        let Some(name) = &self.artifact else {
            return self.list(&store);
        };
        let artifact = store.find(name)?;
        let manifest = Manifest::read(&artifact.path)?;
        if self.json {
            return terminal::json(&json!({ "path": artifact.path, "manifest": manifest }));
        }
        let mut lines = vec![
            format!("{} ({})", artifact.folder(), manifest.kind),
            format!("  in {}", artifact.path.display()),
        ];
        match &manifest.origin {
            Origin::Made {
                stage, settings, ..
            } => lines.push(format!("  by {stage} with {settings}")),
            Origin::Outside { path } => lines.push(format!("  from {}", path.display())),
        }
        for (binding, inputs) in &manifest.inputs {
            let names: Vec<_> = inputs
                .records()
                .iter()
                .map(recipe::InputRecord::folder)
                .collect();
            lines.push(format!("  {binding} = {}", names.join(", ")));
        }
        for (key, value) in &manifest.notes {
            lines.push(format!("  {key}: {value}"));
        }
        for file in &manifest.files {
            lines.push(format!(
                "  {:>14} {}",
                page::fixed(file.bytes as f64, 0),
                file.name
            ));
        }
        terminal::say(&lines.join("\n"));
        Ok(())
    }

    fn list(&self, store: &Store) -> Result<()> {
        let usage = store.usage()?;
        if self.json {
            let rows = usage.iter().map(|(artifact, usage)| json!({ "artifact": artifact.folder(), "finished": artifact.manifest.is_some(), "bytes": usage.total() }));
            return terminal::json(&rows.collect::<Vec<_>>());
        }
        let mut table = Table::new([
            Column::text("artifact"),
            Column::text("kind"),
            Column::number("MB", 1),
            Column::text("of which unfinished state"),
        ]);
        for (artifact, usage) in &usage {
            let kind = |stored: &Stored| {
                stored
                    .manifest
                    .as_ref()
                    .map_or("unfinished".to_owned(), |manifest| manifest.kind.clone())
            };
            let partial = if usage.partial > 0 {
                format!("{:.1} MB", usage.partial as f64 / 1e6)
            } else {
                String::new()
            };
            table.row([
                Cell::from(artifact.folder()),
                Cell::from(kind(artifact)),
                Cell::from(usage.total() as f64 / 1e6),
                Cell::from(partial),
            ]);
        }
        terminal::say(&page::terminal::table(&table, 120, Ink::Plain));
        let total: u64 = usage.iter().map(|(_, usage)| usage.total()).sum();
        terminal::say(&format!(
            "{} artifacts, {:.1} MB",
            usage.len(),
            total as f64 / 1e6
        ));
        Ok(())
    }
}
