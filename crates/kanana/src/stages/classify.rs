//! Scores every document by a classifier; drops what scores too low, or sorts it into qualities.
//!
//! Reads: a corpus and a classifier: one of ours, or a published file of fastText (DCLM's, say).
//! Writes: the corpus with the score in the metadata, and the quality it falls into where `buckets` are
//! given, so that two `mix` steps can draw a moderate and a good mixture from it; `ledger/*.parquet`
//! and `curated.json`, as `filter` does.
//! Mathematics in `corpus::classify`. Documents of other languages than `language` pass unscored.

use super::filter::{conclude, disk};
use super::train_classifier::About;
use crate::device::Machine;
use crate::kinds::{self, Corpus};
use anyhow::{Context as _, Result, ensure};
use corpus::classify::{Calibrate, Classifier, Curve, Judged};
use corpus::{Curation, Document, Entry, Verdict};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Documents scored at once to find a threshold.
const BATCH: usize = 1024;
/// Why a document is dropped.
const LOW_SCORE: &str = "low_score";

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Classify {
    /// The label whose probability is the score; not given, the class the classifier was trained to find.
    label: Option<String>,
    /// What the score is called in the metadata and in the ledger. Default `score`.
    score: String,
    /// Only documents of this language are scored; the others pass as they are.
    language: Option<String>,
    /// What is dropped: below `{ threshold = 0.5 }`, or what `{ precision = 0.9 }` or
    /// `{ retention = 0.1 }` come to. Not given, nothing.
    keep: Option<Calibrate>,
    /// Names for scores, the best first: `[{ at_least = 0.9, name = "good" }, { at_least = 0.0, name = "moderate" }]`
    /// becomes `quality` in the metadata.
    buckets: Vec<Bucket>,
}

/// A range of scores with a name.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucket {
    /// The lowest score that is still called so.
    pub(crate) at_least: f32,
    /// What it is called.
    pub(crate) name: String,
}

impl Default for Classify {
    fn default() -> Self {
        Classify {
            label: None,
            score: "score".into(),
            language: None,
            keep: None,
            buckets: Vec::new(),
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
    classifier: Artifact<kinds::Classifier>,
}

impl Stage for Classify {
    const NAME: &'static str = "classify";
    const SUMMARY: &'static str = "scores documents by a classifier, and drops or sorts them by it";
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        disk(&inputs.corpus, 1.2)
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        ensure!(
            self.buckets
                .windows(2)
                .all(|pair| pair[0].at_least > pair[1].at_least),
            "buckets are tried in their order, so the best must come first: wanted at_least to fall"
        );
        ensure!(
            !(self.score.is_empty()
                || corpus::is_ledger_column(&self.score)
                || ["text", "metadata", "quality"].contains(&self.score.as_str())),
            "score = {:?}: wanted a name of its own for the score, none that a document or the ledger has",
            self.score
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
        let classifier = Classifier::open(&kinds::Classifier::file(inputs.classifier.path())?)?;
        let about: Option<About> = match inputs.classifier.file(kinds::Classifier::ABOUT) {
            path if path.is_file() => Some(inputs.classifier.json(kinds::Classifier::ABOUT)?),
            _ => None,
        };
        let known = about.as_ref().map(|about| about.positive.clone());
        let label = self.label.clone().or(known).with_context(|| {
            format!(
                "{} does not say which of its labels is wanted: set label to one of {}",
                inputs.classifier.name(),
                classifier.labels().join(", ")
            )
        })?;
        let label = classifier.label(&label)?;
        let threshold = self.threshold(&corpus, &classifier, label, about.as_ref(), context)?;

        let names = [self.score.as_str()];
        let curation = Curation {
            corpus: &corpus,
            partial: context.partial()?,
            out: out.path(),
            threads: context.resource::<Machine>()?.threads(),
            names: &names,
        };
        let account = curation.run(
            |_, document| self.judge(document, &classifier, label, threshold),
            |done, total| context.reached(done, total, "documents", ""),
        )?;
        if let Some(threshold) = threshold {
            out.note("threshold", f64::from(threshold));
        }
        conclude(&account, context, out)
    }
}

impl Classify {
    fn concerns(&self, document: &Document) -> bool {
        let wanted = self.language.as_deref();
        wanted.is_none() || document.language() == wanted
    }

    fn threshold(
        &self,
        corpus: &corpus::Corpus,
        classifier: &Classifier,
        label: usize,
        about: Option<&About>,
        context: &Context<'_>,
    ) -> Result<Option<f32>> {
        let threshold = match self.keep {
            None => return Ok(None),
            Some(Calibrate::Threshold(threshold)) => threshold,
            Some(how @ Calibrate::Precision(_)) => about
                .context(
                    "a threshold to a precision is found on held-out documents, which only a classifier \
                     of `train-classifier` brings along: give a threshold or a retention",
                )?
                .threshold(how)?,
            Some(how @ Calibrate::Retention(_)) => {
                let threads = corpus::pool(context.resource::<Machine>()?.threads())?;
                let mut judged = Vec::new();
                let mut documents = corpus.documents();
                loop {
                    let batch: Vec<Document> =
                        documents.by_ref().take(BATCH).collect::<Result<_>>()?;
                    if batch.is_empty() {
                        break;
                    }
                    let texts = batch.iter().filter(|one| self.concerns(one));
                    let texts: Vec<&str> = texts.map(|one| &*one.text).collect();
                    let scores = classifier.scores(&threads, label, &texts);
                    judged.extend(scores.into_iter().map(|score| Judged {
                        score,
                        positive: false,
                    }));
                    context.reached(judged.len() as u64, corpus.len(), "documents", "a threshold")?;
                }
                Curve::new(judged)
                    .context("no document is of the language that is scored")?
                    .threshold(how)?
            }
        };
        context.message(&format!("What scores below {threshold:.4} is dropped."));
        Ok(Some(threshold))
    }

    fn judge(
        &self,
        mut document: Document,
        classifier: &Classifier,
        label: usize,
        threshold: Option<f32>,
    ) -> Verdict {
        let mut entry = Entry::of(&document);
        if !self.concerns(&document) {
            entry.numbers = vec![f64::NAN];
            return Verdict {
                document: Some(document),
                entry,
            };
        }
        let score = classifier.score(label, &document.text);
        entry.numbers = vec![f64::from(score)];
        if threshold.is_some_and(|threshold| score < threshold) {
            entry.drop(LOW_SCORE);
            return Verdict {
                document: None,
                entry,
            };
        }
        // Six digits, so that the last bits of another processor do not make another corpus.
        let rounded = (f64::from(score) * 1e6).round() / 1e6;
        document.metadata.insert(self.score.clone(), rounded.into());
        if !self.buckets.is_empty() {
            document.metadata.remove("quality");
            document.metadata.sort_keys();
        }
        if let Some(bucket) = self.buckets.iter().find(|bucket| score >= bucket.at_least) {
            document
                .metadata
                .insert("quality".into(), bucket.name.clone().into());
        }
        Verdict {
            document: Some(document),
            entry,
        }
    }
}
