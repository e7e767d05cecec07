//! A classifier trained in rounds, each of which learns from what the one before has selected.
//!
//! The report's way to a Korean educational filter (section on data curation): few documents are known
//! to be educational, so the first classifier calls almost everything uneducational; each further
//! round adds to the educational class what the round before selected out of a pool that nobody has
//! labelled. How fast the class may grow is bounded, because a filter that feeds on itself can also
//! run away; a held-out set with labels, which no round learns from, shows which of the two happened.

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Classifier, Curve, CurvePoint, Examples, Judged, TrainSettings};
use crate::{Corpus, Document};

/// Documents scored at once.
const BATCH: usize = 1024;
/// Points of a curve that are kept for pictures.
const POINTS: usize = 50;

/// How many rounds, and what is selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoundSettings {
    /// How many classifiers are trained, one after the other.
    pub rounds: usize,
    /// A document of the pool is selected when its probability of being educational is at least this.
    pub threshold: f32,
    /// The educational class may become at most so many times as large from one round to the next; the
    /// highest scores come first.
    pub growth: f64,
    /// What the class is called.
    pub positive: String,
    /// What the other class is called.
    pub negative: String,
    /// How each is trained.
    pub train: TrainSettings,
}

impl Default for RoundSettings {
    fn default() -> Self {
        RoundSettings {
            rounds: 4,
            threshold: 0.5,
            growth: 2.0,
            positive: "edu".to_owned(),
            negative: "other".to_owned(),
            train: TrainSettings::default(),
        }
    }
}

impl RoundSettings {
    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// A sentence that names the one that does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            (1..=100).contains(&self.rounds),
            "rounds = {}: wanted 1 to 100",
            self.rounds
        );
        ensure!(
            (0.0..=1.0).contains(&self.threshold),
            "threshold = {}: wanted a probability from 0 to 1",
            self.threshold
        );
        ensure!(
            self.growth > 1.0 && self.growth.is_finite(),
            "growth = {}: wanted a number above 1, or no round would add anything",
            self.growth
        );
        let plain = |name: &str| !name.is_empty() && !name.contains(char::is_whitespace);
        ensure!(
            plain(&self.positive) && plain(&self.negative) && self.positive != self.negative,
            "the classes are called {:?} and {:?}: wanted two different words",
            self.positive,
            self.negative
        );
        self.train.check()
    }
}

/// What a round is trained and judged on.
pub struct Rounds<'a> {
    /// Known to be educational.
    pub seed: &'a [Corpus],
    /// Known not to be.
    pub negatives: &'a [Corpus],
    /// What is selected from.
    pub pool: &'a [Corpus],
    /// Held out: each corpus with its name and whether it is educational.
    pub held_out: &'a [(String, Corpus, bool)],
}

/// What a round came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Counted from 1.
    pub round: usize,
    /// Examples of the educational class, and of the other.
    pub positives: u64,
    /// Examples of the other class.
    pub negatives: u64,
    /// Documents of the pool that reach the threshold.
    pub selected: u64,
    /// Their share of the pool.
    pub retention: f64,
    /// Documents of the pool that join the educational class in the next round.
    pub joined: u64,
    /// On the held-out documents, at the threshold.
    pub held_out: CurvePoint,
    /// On the held-out documents, over all thresholds.
    pub average_precision: f64,
    /// Share of each held-out corpus that is selected.
    pub by_corpus: BTreeMap<String, f64>,
    /// The curve, for a picture.
    pub curve: Vec<CurvePoint>,
}

/// Trains the rounds; the classifier of round r is `folder/round-r.bin`. `watch` is told after every
/// batch what is done and may stop the work.
///
/// # Errors
/// Settings without sense, empty classes, the disk's, and those of `watch`.
pub fn rounds(
    of: &Rounds<'_>,
    settings: &RoundSettings,
    seed: u64,
    folder: &Path,
    watch: &mut dyn FnMut(&str, u64, u64) -> Result<()>,
) -> Result<Vec<Round>> {
    settings.check()?;
    let pool_size: u64 = of.pool.iter().map(Corpus::len).sum();
    let mut done = Vec::new();
    // Places in the pool, by corpus and document.
    let mut joined: Vec<(usize, u64)> = Vec::new();
    for round in 1..=settings.rounds {
        let mut examples = Examples::new(seed, &settings.train);
        for (label, corpora) in [
            (&settings.positive, of.seed),
            (&settings.negative, of.negatives),
        ] {
            for corpus in corpora {
                for document in corpus.documents() {
                    examples.add(label, &document?);
                }
            }
        }
        add_joined(&mut examples, &settings.positive, of.pool, &joined)?;
        watch("reading examples", 0, pool_size)?;
        let path = model_path(folder, round);
        examples
            .train(&settings.train, folder, &path)
            .with_context(|| format!("round {round}"))?;
        let counts = examples.counts();
        drop(examples);

        let classifier = Classifier::open(&path)?;
        let label = classifier.label(&settings.positive)?;
        let mut judged = Vec::new();
        let mut by_corpus = BTreeMap::new();
        for (name, corpus, positive) in of.held_out {
            let before = judged.len();
            score(&classifier, label, corpus, |_, score| {
                judged.push(Judged {
                    score,
                    positive: *positive,
                });
                Ok(())
            })?;
            let these = &judged[before..];
            let selected = these.iter().filter(|one| one.score >= settings.threshold);
            let share = selected.count() as f64 / these.len().max(1) as f64;
            by_corpus.insert(name.clone(), share);
        }
        let curve = Curve::new(judged).context("the held-out corpora hold no document")?;

        let mut selected: Vec<(f32, usize, u64)> = Vec::new();
        let mut seen = 0;
        for (at, corpus) in of.pool.iter().enumerate() {
            score(&classifier, label, corpus, |index, score| {
                if score >= settings.threshold {
                    selected.push((score, at, index));
                }
                seen += 1;
                match seen % BATCH as u64 {
                    0 => watch(&format!("round {round}: scoring"), seen, pool_size),
                    _ => Ok(()),
                }
            })?;
        }
        let count = selected.len() as u64;
        // Of the seed's size, not of what has joined: what was selected before is selected anew.
        let positives = counts.get(&settings.positive).copied().unwrap_or(0);
        let known = positives.saturating_sub(joined.len() as u64);
        let most = (positives as f64 * settings.growth) as u64;
        let room = most.saturating_sub(known) as usize;
        selected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        joined = selected
            .iter()
            .take(room)
            .map(|one| (one.1, one.2))
            .collect();
        joined.sort_unstable();
        done.push(Round {
            round,
            positives,
            negatives: counts.get(&settings.negative).copied().unwrap_or(0),
            selected: count,
            retention: count as f64 / pool_size.max(1) as f64,
            joined: joined.len() as u64,
            held_out: curve.at(settings.threshold),
            average_precision: curve.average_precision(),
            by_corpus,
            curve: curve.points(POINTS),
        });
    }
    Ok(done)
}

/// Where the classifier of a round lies.
pub(super) fn model_path(folder: &Path, round: usize) -> PathBuf {
    folder.join(format!("round-{round}.bin"))
}

fn add_joined(
    examples: &mut Examples,
    label: &str,
    pool: &[Corpus],
    joined: &[(usize, u64)],
) -> Result<()> {
    let mut wanted = joined.iter().peekable();
    for (at, corpus) in pool.iter().enumerate() {
        if wanted.peek().is_none_or(|place| place.0 != at) {
            continue;
        }
        for (index, document) in (0..).zip(corpus.documents()) {
            let document = document?;
            if wanted.next_if(|place| **place == (at, index)).is_some() {
                examples.add(label, &document);
            }
        }
    }
    Ok(())
}

/// The score of every document of a corpus, in order, with its index.
fn score(
    classifier: &Classifier,
    label: usize,
    corpus: &Corpus,
    mut take: impl FnMut(u64, f32) -> Result<()>,
) -> Result<()> {
    let mut documents = corpus.documents();
    let mut index = 0;
    loop {
        let batch: Vec<Document> = documents.by_ref().take(BATCH).collect::<Result<_>>()?;
        if batch.is_empty() {
            return Ok(());
        }
        let scores: Vec<f32> = batch
            .par_iter()
            .map(|document| classifier.score(label, &document.text))
            .collect();
        for score in scores {
            take(index, score)?;
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests;
