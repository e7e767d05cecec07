//! Trains a classifier of texts on two corpora, or on one with grades.
//!
//! Reads: documents that are wanted and documents that are not, or `graded` ones whose metadata holds
//! a number (the 0–5 of an educational rubric, say).
//! Writes: `classifier.bin` in the format of fastText; `classifier.json`: what it is made of, and how it
//! does on held-out documents at every threshold, by which `classify` finds one to a stated precision.
//! Mathematics in `corpus::classify`. Which documents are wanted is the recipe's business.

use crate::device::Machine;
use crate::kinds::{self, Corpus};
use anyhow::{Context as _, Result, ensure};
use corpus::Document;
use corpus::classify::{Calibrate, Classifier, Curve, Examples, Judged, TrainSettings};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Documents scored at once.
const BATCH: usize = 1024;

/// Settings: those of training, and these.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrainClassifier {
    /// How to train.
    train: TrainSettings,
    /// What the wanted class is called.
    positive: String,
    /// What the other one is called.
    negative: String,
    /// Where `graded` documents have their grade, and from which on they are wanted:
    /// `{ field = "edu", at_least = 3 }`.
    grade: Option<Grade>,
    /// Share of the documents that are held out to judge it by, chosen by a hash of the id. Default 0.1.
    validation: f64,
}

/// A number in the metadata.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grade {
    /// The field of the metadata that holds the number.
    field: String,
    /// From here on a text is an example of what is wanted.
    at_least: f64,
}

impl Default for TrainClassifier {
    fn default() -> Self {
        TrainClassifier {
            train: TrainSettings::default(),
            positive: "hq".into(),
            negative: "lq".into(),
            grade: None,
            validation: 0.1,
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    positives: Option<Vec<Artifact<Corpus>>>,
    negatives: Option<Vec<Artifact<Corpus>>>,
    graded: Option<Vec<Artifact<Corpus>>>,
}

/// `classifier.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    /// The class that is wanted.
    pub(crate) positive: String,
    /// Examples of each class.
    pub(crate) examples: BTreeMap<String, u64>,
    /// What every threshold does on held-out documents; none where none were held out.
    pub(crate) held_out: Option<Curve>,
}

impl Stage for TrainClassifier {
    const NAME: &'static str = "train-classifier";
    const VERSION: u32 = 2; // documents of one id are several examples
    const SUMMARY: &'static str = "trains a linear classifier of texts, in the format of fastText";
    type Inputs = Inputs;
    type Output = kinds::Classifier;

    fn estimate(&self, _: &Inputs) -> Vec<Quantity> {
        let rows = self.train.buckets as f64;
        vec![Quantity::disk(4.0 * rows * self.train.dimension as f64)]
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        self.train.check().context("with.train")?;
        ensure!(
            (0.0..1.0).contains(&self.validation),
            "validation = {}: wanted a share of at least 0 and less than 1",
            self.validation
        );
        let plain = |name: &str| !name.is_empty() && !name.contains(char::is_whitespace);
        ensure!(
            plain(&self.positive) && plain(&self.negative) && self.positive != self.negative,
            "the classes are called {:?} and {:?}: wanted two different words",
            self.positive,
            self.negative
        );
        let pairs = inputs.positives.is_some() && inputs.negatives.is_some();
        ensure!(
            pairs || inputs.graded.is_some(),
            "there is nothing to learn from: give `positives` and `negatives`, or `graded` corpora"
        );
        ensure!(
            inputs.graded.is_some() == self.grade.is_some(),
            "`graded` corpora need `grade = {{ field = \"edu\", at_least = 3 }}`, and it needs them"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<kinds::Classifier>,
    ) -> Result<()> {
        let scratch = context.scratch()?.to_path_buf();
        let mut examples = Examples::new(context.seed(), &self.train);
        let mut ungraded = 0_u64;
        self.each(&inputs, context, |positive, document| {
            let Some(positive) = positive else {
                ungraded += 1;
                return Ok(());
            };
            if !corpus::held_out(&document.id, self.validation) {
                let label = match positive {
                    true => &self.positive,
                    false => &self.negative,
                };
                examples.add(label, &document);
            }
            Ok(())
        })?;
        if ungraded > 0 {
            context.message(&format!(
                "{ungraded} documents have no grade, and were left out."
            ));
        }
        let counts = examples.counts();
        context.message(&format!(
            "Training on {} and {} examples.",
            counts.get(&self.positive).unwrap_or(&0),
            counts.get(&self.negative).unwrap_or(&0)
        ));
        context.check_cancelled()?;
        let path = out.path().join(kinds::Classifier::FILE);
        examples.train(&self.train, &scratch, &path)?;
        let threads = corpus::pool(context.resource::<Machine>()?.threads())?;
        let curve = self.judge(&inputs, &Classifier::open(&path)?, &threads, context)?;
        if let Some(curve) = &curve {
            let half = curve.at(0.5);
            context.message(&format!(
                "On {} held-out documents: average precision {:.3}; at 0.5 precision {:.3}, recall {:.3}, \
                 {:.1} % kept.",
                curve.documents,
                curve.average_precision(),
                half.precision,
                half.recall,
                100.0 * half.retention
            ));
            out.note("average precision", curve.average_precision());
            out.note("precision at 0.5", half.precision);
            out.note("recall at 0.5", half.recall);
        }
        for (label, count) in &counts {
            out.note(&format!("examples of {label}"), *count);
        }
        out.json(
            kinds::Classifier::ABOUT,
            &About {
                positive: self.positive.clone(),
                examples: counts,
                held_out: curve,
            },
        )
    }
}

impl TrainClassifier {
    /// Every document with whether it is wanted; `None` where it has no grade.
    fn each(
        &self,
        inputs: &Inputs,
        context: &Context<'_>,
        mut take: impl FnMut(Option<bool>, Document) -> Result<()>,
    ) -> Result<()> {
        let known = |positive| move |_: &Document| Some(positive);
        let graded = |document: &Document| {
            let grade = self.grade.as_ref()?;
            let value = document.metadata.get(&grade.field)?;
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
            Some(number >= grade.at_least)
        };
        type Judge<'a> = &'a dyn Fn(&Document) -> Option<bool>;
        let groups: [(&Option<Vec<Artifact<Corpus>>>, Judge<'_>); 3] = [
            (&inputs.positives, &known(true)),
            (&inputs.negatives, &known(false)),
            (&inputs.graded, &graded),
        ];
        let mut seen = 0;
        for (artifacts, judge) in groups {
            for artifact in artifacts.iter().flatten() {
                let corpus = corpus::Corpus::open(artifact.path())?;
                for document in corpus.documents() {
                    let document = document?;
                    take(judge(&document), document)?;
                    seen += 1;
                    if seen % BATCH as u64 == 0 {
                        context.reached(seen, 0, "documents", "")?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the held-out documents, some at a time: there may be more of them than memory holds.
    fn judge(
        &self,
        inputs: &Inputs,
        classifier: &Classifier,
        threads: &corpus::Threads,
        context: &Context<'_>,
    ) -> Result<Option<Curve>> {
        if self.validation == 0.0 {
            return Ok(None);
        }
        let label = classifier.label(&self.positive)?;
        let mut judged = Vec::new();
        let mut score = |waiting: &mut Vec<(bool, Document)>| {
            let texts: Vec<&str> = waiting
                .iter()
                .map(|(_, document)| &*document.text)
                .collect();
            let scores = classifier.scores(threads, label, &texts);
            let truths = waiting.iter().map(|(positive, _)| *positive);
            judged.extend(
                truths
                    .zip(scores)
                    .map(|(positive, score)| Judged { score, positive }),
            );
            waiting.clear();
        };
        let mut waiting: Vec<(bool, Document)> = Vec::new();
        self.each(inputs, context, |positive, document| {
            let held_out = corpus::held_out(&document.id, self.validation);
            if let Some(positive) = positive.filter(|_| held_out) {
                waiting.push((positive, document));
            }
            if waiting.len() == BATCH {
                score(&mut waiting);
            }
            Ok(())
        })?;
        score(&mut waiting);
        match judged.is_empty() {
            true => Ok(None),
            false => Curve::new(judged).map(Some),
        }
    }
}

impl About {
    /// The threshold that does as is asked, found on the held-out documents.
    pub(crate) fn threshold(&self, how: Calibrate) -> Result<f32> {
        let curve = self.held_out.as_ref().context(
            "the classifier was trained without held-out documents (validation = 0), so that nothing is \
             known of its precision",
        )?;
        curve.threshold(how)
    }
}
