//! Drops documents that hold questions of benchmarks, or only marks them, and says which.
//!
//! Reads: a corpus; files with questions in the benchmarks' own formats (JSON lines, JSON, CSV, TSV, text).
//! Writes: what is kept as a corpus, where `drop = false` with the questions in the metadata `contaminated`;
//! `ledger/*.parquet`; `contamination.json`, by task and question; `curated.json`.
//! How a question is told is in `corpus/src/contamination.rs`.

use super::filter::{conclude, disk};
use crate::kinds::{Corpus, Files};
use anyhow::Result;
use corpus::contamination::{
    Contamination, Hit, Index, Indexer, OverlapSettings, Survey, visit_questions,
};
use corpus::{Curation, Entry, Verdict};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What was found, in the artifact.
pub(crate) const CONTAMINATION: &str = "contamination.json";
/// The number in the ledger that leads to a question there.
pub(crate) const QUESTION: &str = "question";
/// Why a document was dropped.
pub(crate) const REASON: &str = "contaminated";

/// Settings: those of the `corpus` crate, and what follows.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Decontaminate {
    /// What counts as a question that is held.
    overlap: OverlapSettings,
    /// Whether documents that hold one are dropped; else they are only marked.
    drop: bool,
}

impl Default for Decontaminate {
    fn default() -> Self {
        Self {
            overlap: OverlapSettings::default(),
            drop: true,
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
    benchmarks: Vec<Artifact<Files>>,
}

impl Stage for Decontaminate {
    const NAME: &'static str = "decontaminate";
    const SUMMARY: &'static str = "drops documents that hold questions of benchmarks";
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        disk(&inputs.corpus, 1.2)
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        self.overlap.check()
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let corpus = corpus::Corpus::open(inputs.corpus.path())?;
        let mut indexer = Indexer::new(self.overlap.clone());
        let mut skipped = Vec::new();
        for artifact in &inputs.benchmarks {
            skipped.extend(visit_questions(artifact.path(), |question| {
                indexer.add(question)
            })?);
        }
        let index = indexer.finish();
        let threads = context.resource::<crate::device::Machine>()?.threads();
        // Twice through the corpus: once to look, once to keep.
        let survey = Survey {
            corpus: &corpus,
            index: &index,
            partial: context.partial()?,
            threads,
        };
        let found = survey.run(|done, total| {
            context.reached(done, 2 * total, "documents", "looked into, then kept")
        })?;
        let (mut report, places) = found.sum_up(&index, skipped);
        report.dropped = self.drop;
        let curation = Curation {
            corpus: &corpus,
            partial: context.partial()?,
            out: out.path(),
            threads,
            names: &["share", "questions", QUESTION],
        };
        let account = curation.run(
            |place, document| {
                let hits = found.documents.get(&place).map_or(&[][..], Vec::as_slice);
                self.judge(document, hits, &index, &places)
            },
            |done, total| {
                context.reached(
                    total + done,
                    2 * total,
                    "documents",
                    "looked into, then kept",
                )
            },
        )?;
        say(&report, context, out);
        out.json(CONTAMINATION, &report)?;
        conclude(&account, context, out)
    }
}

impl Decontaminate {
    fn judge(
        &self,
        mut document: corpus::Document,
        hits: &[Hit],
        index: &Index,
        places: &BTreeMap<u32, usize>,
    ) -> Verdict {
        let mut entry = Entry::of(&document);
        let worst = hits
            .iter()
            .reduce(|worst, hit| if hit.share > worst.share { hit } else { worst });
        entry.numbers = vec![
            worst.map_or(0.0, |hit| hit.share),
            hits.len() as f64,
            worst.map_or(f64::NAN, |hit| places[&hit.question] as f64),
        ];
        if worst.is_some() && self.drop {
            entry.drop(REASON);
            return Verdict {
                document: None,
                entry,
            };
        }
        if worst.is_some() {
            let names = hits
                .iter()
                .map(|hit| &index.names()[hit.question as usize].id);
            let names: Vec<Value> = names.map(|id| id.as_str().into()).collect();
            document = document.with(REASON, names);
        }
        Verdict {
            document: Some(document),
            entry,
        }
    }
}

fn say(report: &Contamination, context: &Context<'_>, out: &mut Writer<Corpus>) {
    let (mut questions, mut held, mut looked_for) = (0, 0, 0);
    for task in &report.tasks {
        questions += task.questions;
        held += task.held;
        looked_for += task.looked_for;
        if task.held > 0 {
            out.note(&format!("held {}", task.task), task.held);
            context.message(&format!(
                "{} of {} questions of {} are held by {} documents",
                task.held, task.looked_for, task.task, task.documents
            ));
        }
    }
    out.note("questions", questions);
    out.note("questions held", held);
    if looked_for < questions {
        out.note("questions too short", questions - looked_for);
        context.message(&format!(
            "{} of {questions} questions are too short, or too much like others, to be looked for",
            questions - looked_for
        ));
    }
    if let Some(first) = report.skipped.first() {
        context.message(&format!(
            "{} files among the benchmarks were not read, {} the first: {}",
            report.skipped.len(),
            first.name,
            first.reason
        ));
    }
}
