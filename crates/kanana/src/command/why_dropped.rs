//! `kanana why-dropped`: what became of documents on the way to an artifact, from the ledgers of all steps before it.

mod what_if;

use super::Where;
use crate::{stages, terminal};
use anyhow::{Result, bail};
use clap::Args;
use corpus::contamination::Contamination;
use corpus::{Entry, ledger_files, refuses, visit_ledger, visit_refused};
use page::terminal::Ink;
use page::{Cell, Column, Table};
use recipe::{Manifest, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Say what became of documents, and why.
#[derive(Args)]
pub(crate) struct WhyDropped {
    /// A name, name-key, key, or the path of its folder
    artifact: String,
    /// Documents of this address
    #[arg(long)]
    url: Option<String>,
    /// The document of this id
    #[arg(long)]
    id: Option<String>,
    /// Documents dropped for this reason
    #[arg(long)]
    reason: Option<String>,
    /// Only documents in this language (ko, en, code, other)
    #[arg(long)]
    language: Option<String>,
    /// How many documents to show
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// What another limit would change, without reading a text: ko.few_words=20, en.short_lines=off; several times
    #[arg(long = "what-if", value_name = "LIMIT", conflicts_with_all = ["url", "id", "reason"])]
    what_if: Vec<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

/// An artifact with a ledger.
struct Step {
    name: String,
    path: PathBuf,
    manifest: Manifest,
}

impl WhyDropped {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.store.existing()?;
        let artifact = store.find(&self.artifact)?;
        let mut steps = Vec::new();
        collect(
            &store,
            Manifest::read(&artifact.path)?,
            artifact.path.clone(),
            &mut BTreeSet::new(),
            &mut steps,
        )?;
        if steps.is_empty() {
            bail!(
                "neither {} nor anything it was made from has a ledger: wanted the artifact of a step such as `filter` or `dedup`",
                artifact.folder()
            );
        }
        if !self.what_if.is_empty() {
            return what_if::show(&steps, &self.what_if, self.json);
        }
        if self.url.is_none() && self.id.is_none() && self.reason.is_none() {
            return self.summary(&steps);
        }
        self.documents(&steps)
    }

    fn wanted(&self, entry: &Entry) -> bool {
        let same =
            |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        same(&self.id, &entry.id)
            && same(&self.language, &entry.language)
            && self
                .url
                .as_ref()
                .is_none_or(|url| entry.url.as_ref() == Some(url))
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| entry.reasons.split(',').any(|other| other == reason))
    }

    /// Every step's verdict on the documents asked for.
    fn documents(&self, steps: &[Step]) -> Result<()> {
        let (mut text, mut rows, mut found) = (String::new(), Vec::new(), 0u64);
        for step in steps {
            let mut clusters = BTreeMap::new();
            let mut see = |names: &[String], entry: Entry| {
                if !self.wanted(&entry) {
                    return Ok(());
                }
                found += 1;
                if rows.len() < self.limit {
                    if let (Some(cluster), false) = (entry.cluster, entry.kept()) {
                        clusters.insert(cluster, String::new());
                    }
                    rows.push((step, names.to_vec(), entry));
                }
                Ok(())
            };
            visit_ledger(&step.path, &mut see)?;
            visit_refused(&step.path, |entry| see(&[], entry))?;
            if !clusters.is_empty() {
                // What was kept instead is only known once the whole ledger is read.
                visit_ledger(&step.path, |_, entry| {
                    if let (true, Some(id)) = (
                        entry.kept(),
                        entry.cluster.and_then(|cluster| clusters.get_mut(&cluster)),
                    ) {
                        *id = entry.id;
                    }
                    Ok(())
                })?;
            }
            for (of, names, entry) in rows.iter().filter(|(of, ..)| of.name == step.name) {
                text.push_str(&describe(of, names, entry, &clusters));
            }
        }
        if found == 0 {
            let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
            bail!("no ledger of {} knows such a document", names.join(", "));
        }
        if self.json {
            let rows: Vec<_> = rows
                .iter()
                .map(|(step, names, entry)| as_json(step, names, entry))
                .collect();
            return terminal::json(&rows);
        }
        if found > rows.len() as u64 {
            text.push_str(&format!(
                "… and {} more: --limit shows more\n",
                found - rows.len() as u64
            ));
        }
        terminal::say(text.trim_end());
        Ok(())
    }

    /// How many documents each step dropped for what, by language.
    fn summary(&self, steps: &[Step]) -> Result<()> {
        let mut table = Table::new([
            Column::text("step"),
            Column::text("language"),
            Column::text("verdict"),
            Column::number("documents", 0),
            Column::number("MB", 2),
            Column::number("alone", 0),
        ]);
        let mut rows = Vec::new();
        for step in steps {
            let mut counts: BTreeMap<(String, String), [u64; 3]> = BTreeMap::new();
            let mut count = |entry: Entry| {
                if self.wanted(&entry) {
                    let alone = !entry.kept() && !entry.reasons.contains(',');
                    let count = counts
                        .entry((
                            entry.language,
                            entry.reason.unwrap_or_else(|| "kept".to_owned()),
                        ))
                        .or_default();
                    *count = [
                        count[0] + 1,
                        count[1] + entry.bytes,
                        count[2] + u64::from(alone),
                    ];
                }
                Ok(())
            };
            visit_ledger(&step.path, |_, entry| count(entry))?;
            visit_refused(&step.path, &mut count)?;
            for ((language, verdict), [documents, bytes, alone]) in counts {
                rows.push(json!({ "step": step.name, "language": language, "verdict": verdict, "documents": documents, "bytes": bytes, "alone": alone }));
                table.row([
                    Cell::from(step.name.clone()),
                    Cell::from(language),
                    Cell::from(verdict),
                    Cell::from(documents as f64),
                    Cell::from(bytes as f64 / 1e6),
                    Cell::from(alone as f64),
                ]);
            }
        }
        if self.json {
            return terminal::json(&rows);
        }
        terminal::say(&page::terminal::table(&table, 120, Ink::Plain));
        terminal::say("alone: dropped for this reason and no other");
        Ok(())
    }
}

/// The artifact and what it was made from, inputs first, as far as they have ledgers.
fn collect(
    store: &Store,
    manifest: Manifest,
    path: PathBuf,
    seen: &mut BTreeSet<String>,
    steps: &mut Vec<Step>,
) -> Result<()> {
    if !seen.insert(manifest.folder()) {
        return Ok(());
    }
    for inputs in manifest.inputs.values() {
        for record in inputs.records() {
            // An input from outside, or freed since, has nothing to say.
            let Ok(stored) = store.find(&record.folder()) else {
                continue;
            };
            if let Some(manifest) = stored.manifest {
                collect(store, manifest, stored.path, seen, steps)?;
            }
        }
    }
    if refuses(&path) || !ledger_files(&path)?.is_empty() {
        steps.push(Step {
            name: manifest.folder(),
            path,
            manifest,
        });
    }
    Ok(())
}

fn describe(
    step: &Step,
    names: &[String],
    entry: &Entry,
    clusters: &BTreeMap<u64, String>,
) -> String {
    let name = entry
        .url
        .as_ref()
        .map_or(entry.id.clone(), |url| format!("{} ({url})", entry.id));
    let mut text = match &entry.reason {
        None => format!(
            "{name}\n  {}: kept, {} of {} bytes\n",
            step.name, entry.bytes_kept, entry.bytes
        ),
        Some(reason) => format!(
            "{name}\n  {}: dropped, {reason}{}\n",
            step.name,
            meaning(step, reason, names, entry)
        ),
    };
    if let (Some(cluster), false) = (entry.cluster, entry.kept()) {
        let instead = clusters.get(&cluster).filter(|id| !id.is_empty());
        let size = entry.cluster_size.unwrap_or(1);
        text.push_str(&match instead {
            Some(id) => format!("    one of {size} alike; {id} was kept\n"),
            None if entry.reason.as_deref() == Some("seen_before") => {
                format!("    one of {size} alike, seen in an earlier crawl\n")
            }
            None => format!("    one of {size} alike, of which none was kept\n"),
        });
    }
    let others: Vec<_> = entry
        .reasons
        .split(',')
        .filter(|other| Some(*other) != entry.reason.as_deref() && !other.is_empty())
        .collect();
    if !others.is_empty() {
        text.push_str(&format!("    also {}\n", others.join(", ")));
    }
    text
}

/// What the reason says, and the number it goes by.
fn meaning(step: &Step, reason: &str, names: &[String], entry: &Entry) -> String {
    if reason == stages::CONTAMINATED {
        return question(step, names, entry).unwrap_or_default();
    }
    let Some(rule) = corpus::filter::rules().find(|rule| rule.reason == reason) else {
        return String::new();
    };
    let place = names.iter().position(|name| name == rule.signal);
    let number = place.map_or(String::new(), |place| {
        format!(" ({} {:.4})", rule.signal, entry.numbers[place])
    });
    format!(": {}{number}", rule.says)
}

/// Which question of a benchmark a document holds, from the report beside the ledger.
fn question(step: &Step, names: &[String], entry: &Entry) -> Option<String> {
    let place = names.iter().position(|name| name == stages::QUESTION)?;
    let text = std::fs::read(step.path.join(stages::CONTAMINATION)).ok()?;
    let report: Contamination = serde_json::from_slice(&text).ok()?;
    let held = report.held.get(entry.numbers[place] as usize)?;
    let share = entry.numbers[names.iter().position(|name| name == "share")?];
    Some(format!(
        ": it holds {:.0} % of {} ({})",
        100.0 * share,
        held.name.id,
        held.name.task
    ))
}

fn as_json(step: &Step, names: &[String], entry: &Entry) -> Value {
    let numbers: BTreeMap<_, _> = names
        .iter()
        .zip(&entry.numbers)
        .filter(|(_, number)| number.is_finite())
        .collect();
    json!({
        "step": step.name, "id": entry.id, "url": entry.url, "source": entry.source, "language": entry.language,
        "reason": entry.reason, "reasons": entry.reasons, "bytes": entry.bytes, "bytes_kept": entry.bytes_kept,
        "characters": entry.characters, "words": entry.words, "cluster": entry.cluster, "cluster_size": entry.cluster_size,
        "numbers": numbers,
    })
}
