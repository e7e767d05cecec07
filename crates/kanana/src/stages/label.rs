//! Has a language model grade documents from 0 to 5 by how much can be learnt from them.
//!
//! Reads: a corpus.
//! Writes: the documents that were graded, the grade in their metadata (what `train-classifier` takes as
//! `graded`) and the quality it falls into where `buckets` are given (what `mix` draws the corpora of
//! `edu-filter` by); `ledger/*.parquet` and `curated.json`, as `filter` does, with a reason for each
//! document that was not drawn or whose replies held no grade; `labels.json`: grades by language, and replies
//! that were none; `transcript.jsonl`: every question and its reply, which a replay needs no endpoint for.
//! Mathematics in `corpus::rubric` (the report's section on data curation).
//!
//! Questions go out in parallel and are taken in the order of the documents; what was answered once is
//! never asked again, however often the run is killed. How much may be spent is said on the command line.

mod account;
mod grading;

use super::classify::Bucket;
use super::filter::{conclude, disk};
use crate::device::Machine;
use crate::kinds::Corpus;
use account::Labels;
use anyhow::{Context as _, Result, ensure};
use corpus::rubric;
use corpus::{Curation, Document, Entry, Verdict};
use grading::{Graded, Grading, Outcome};
use recipe::{Artifact, Cancelled, Context, Quantity, Stage, Writer};
use remote::{Access, Address, Fingerprint, Stopped, in_order};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Every question and its reply.
const TRANSCRIPT: &str = "transcript.jsonl";
/// The account of grades.
const LABELS: &str = "labels.json";
/// Why a document has no grade: nobody asked.
const NOT_DRAWN: &str = "not_drawn";
/// Documents before the share of those without a grade means anything.
const ENOUGH: u64 = 50;

/// Settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Label {
    /// Who is asked: `{ url = "http://127.0.0.1:8080/v1", model = "…" }`, with `extra` fields for every request.
    endpoint: Address,
    /// How many documents, drawn by a hash of their ids; not given, all.
    #[serde(default)]
    documents: Option<u64>,
    /// What the grade is called in the metadata and in the ledger. Default `edu`.
    #[serde(default = "edu")]
    field: String,
    /// A rubric of one's own, with `{text}` where the text goes. Not given, ours: Korean for Korean texts.
    #[serde(default)]
    rubric: Option<String>,
    /// Characters of a text that are shown. Default 3000.
    #[serde(default = "characters")]
    characters: usize,
    /// Tokens of a reply. Default 512.
    #[serde(default = "limit")]
    limit: usize,
    /// 0, the default: always the likeliest reply.
    #[serde(default)]
    temperature: f32,
    /// How often a model whose reply holds no grade is told so and asked again. Default 1.
    #[serde(default = "again")]
    again: u32,
    /// The share of documents without a grade from which on it stops: the model does not understand. Default 0.5.
    #[serde(default = "tolerated")]
    tolerated: f64,
    /// Names for grades, the best first: `[{ at_least = 3, name = "edu" }, { at_least = 0, name = "other" }]`
    /// becomes `quality` in the metadata.
    #[serde(default)]
    buckets: Vec<Bucket>,
}

fn edu() -> String {
    "edu".into()
}
fn characters() -> usize {
    3000
}
fn limit() -> usize {
    512
}
fn again() -> u32 {
    1
}
fn tolerated() -> f64 {
    0.5
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
}

impl Stage for Label {
    const NAME: &'static str = "label";
    const VERSION: u32 = 2; // the words that were asked for go before other marks
    const SUMMARY: &'static str = "has a language model grade documents from 0 to 5";
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let mut all = disk(&inputs.corpus, 2.2);
        if let Ok(corpus) = corpus::Corpus::open(inputs.corpus.path()) {
            let documents = corpus.len().min(self.documents.unwrap_or(u64::MAX)) as f64;
            all.push(Quantity::new("calls", documents));
            // A token of a hosted model is some three characters, and the rubric some 900 of them.
            let mean = corpus.statistics().total.characters as f64 / corpus.len().max(1) as f64;
            let shown = mean.min(self.characters as f64) + 900.0;
            all.push(Quantity::new(
                "tokens asked",
                (documents * shown / 3.0).round(),
            ));
        }
        all
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        self.endpoint.check().context("with.endpoint")?;
        ensure!(
            !(self.field.is_empty()
                || corpus::is_ledger_column(&self.field)
                || ["text", "metadata", "quality"].contains(&self.field.as_str())),
            "field = {:?}: wanted a name of its own for the grade, none that a document or the ledger has",
            self.field
        );
        ensure!(
            self.rubric
                .as_ref()
                .is_none_or(|rubric| rubric.contains(rubric::PLACE)),
            "the rubric does not say where the text goes: wanted {} in it",
            rubric::PLACE
        );
        ensure!(
            self.documents != Some(0) && self.characters > 0 && self.limit > 0,
            "documents, characters and limit must be above 0: nothing would be asked"
        );
        ensure!(
            (0.0..=1.0).contains(&self.tolerated) && self.temperature >= 0.0,
            "wanted tolerated from 0 to 1 and a temperature of at least 0"
        );
        ensure!(
            self.buckets
                .windows(2)
                .all(|pair| pair[0].at_least > pair[1].at_least),
            "buckets are tried in their order, so the best must come first: wanted at_least to fall"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let corpus = corpus::Corpus::open(inputs.corpus.path())?;
        let mut labels = Labels::new(&self.endpoint);
        let (outcomes, requests) = self.ask(&corpus, context, &mut labels, out)?;
        let names = [self.field.as_str()];
        let curation = Curation {
            corpus: &corpus,
            partial: context.partial()?,
            out: out.path(),
            threads: context.resource::<Machine>()?.threads(),
            names: &names,
        };
        let account = curation.run(
            |place, document| self.judge(document, outcomes[place as usize]),
            |done, total| context.reached(done, total, "documents", "writing"),
        )?;
        out.note("calls", requests);
        out.note("without a grade", labels.without());
        for (grade, count) in labels.grades() {
            out.note(&format!("grade {grade}"), count);
        }
        out.json(LABELS, &labels)?;
        conclude(&account, context, out)
    }
}

impl Label {
    /// Asks about every document that is drawn: what each came to, by its place, and how many questions
    /// that took. The transcript is written in the order of the documents.
    fn ask(
        &self,
        corpus: &corpus::Corpus,
        context: &Context<'_>,
        labels: &mut Labels,
        out: &mut Writer<Corpus>,
    ) -> Result<(Vec<Outcome>, usize)> {
        let access = context.resource::<Access>()?;
        let journal = context.partial()?.join(TRANSCRIPT);
        let cancel = context.cancel();
        let caller = access.recorded(&self.endpoint, &journal, move || cancel.is_cancelled())?;
        let drawn: Option<BTreeSet<u64>> = match self.documents {
            Some(count) if count < corpus.len() => {
                Some(corpus::drawn(corpus, count, context.seed())?)
            }
            _ => None,
        };
        let total = drawn
            .as_ref()
            .map_or(corpus.len(), |drawn| drawn.len() as u64);
        let mut outcomes = vec![Outcome::NotDrawn; corpus.len() as usize];
        let mut requests: Vec<Fingerprint> = Vec::new();
        let grading = Grading {
            label: self,
            caller: &caller,
        };
        let wanted = |place: &u64| drawn.as_ref().is_none_or(|drawn| drawn.contains(place));
        let documents = (0_u64..)
            .zip(corpus.documents())
            .filter(|(place, _)| wanted(place));
        let work = |(place, document): (u64, Result<Document>)| -> Result<(u64, Graded)> {
            Ok((place, grading.grade(&document?)?))
        };
        let mut done = 0;
        let asked = in_order(access.parallel, documents, work, |graded| {
            let (place, graded) = graded?;
            outcomes[place as usize] = graded.outcome;
            requests.extend(&graded.requests);
            labels.add(graded);
            done += 1;
            if done >= ENOUGH {
                labels.tolerate(self.tolerated, &journal)?;
            }
            context.reached(done, total, "documents", "asking")
        });
        match asked {
            Err(error) if error.is::<Stopped>() => return Err(Cancelled.into()),
            other => other?,
        }
        labels.tolerate(self.tolerated, &journal)?;
        labels.usage = caller.usage();
        let damaged = match caller.damaged() {
            0 => String::new(),
            damaged => format!("; {damaged} damaged lines of the transcript were passed over"),
        };
        context.message(&format!(
            "{} calls ({} of this attempt), {} tokens read and {} written; {}{damaged}",
            labels.usage.calls,
            caller.asked(),
            labels.usage.read,
            labels.usage.written,
            labels.sentence()
        ));
        let count = requests.len();
        caller.write(requests, &out.path().join(TRANSCRIPT))?;
        Ok((outcomes, count))
    }

    fn judge(&self, document: Document, outcome: Outcome) -> Verdict {
        let mut entry = Entry::of(&document);
        entry.numbers = vec![f64::NAN];
        let reason = match outcome {
            Outcome::Grade(grade) => {
                entry.numbers = vec![f64::from(grade)];
                return Verdict {
                    document: Some(self.graded(document, grade)),
                    entry,
                };
            }
            Outcome::NotDrawn => NOT_DRAWN,
            Outcome::Without(why) => why.reason(),
        };
        entry.drop(reason);
        Verdict {
            document: None,
            entry,
        }
    }

    fn graded(&self, document: Document, grade: u8) -> Document {
        let mut document = document.with(&self.field, grade);
        if !self.buckets.is_empty() {
            document.metadata.remove("quality");
            document.metadata.sort_keys();
        }
        let bucket = self
            .buckets
            .iter()
            .find(|bucket| f32::from(grade) >= bucket.at_least);
        match bucket {
            Some(bucket) => document.with("quality", bucket.name.clone()),
            None => document,
        }
    }
}
