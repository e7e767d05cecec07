//! A classifier trained in rounds, each of which learns from what the one before has selected.
//!
//! The report's way to a Korean educational filter (section on data curation): few documents are known
//! to be educational, so the first classifier calls almost everything uneducational; each further
//! round adds to the educational class what the round before selected out of a pool that nobody has
//! labelled. How fast the class may grow is bounded, because a filter that feeds on itself can also
//! run away; a held-out set with labels, which no round learns from, shows which of the two happened.

use anyhow::{Context as _, Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Classifier, Curve, CurvePoint, Examples, Judged, TrainSettings};
use crate::{Corpus, Document, held_out};

/// Documents scored at once.
const BATCH: usize = 1024;
/// Points of a curve that are kept for pictures.
const POINTS: usize = 50;

/// How many rounds, and what is selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoundSettings {
    /// How many classifiers are trained, one after the other.
    pub rounds: usize,
    /// A document is selected when its probability of being educational is at least this.
    pub threshold: f32,
    /// What joins the educational class in the next round: the best-scoring share of the pool; not given,
    /// what was selected. With few examples to begin with, the order of the scores is good long before
    /// any of them reaches a threshold.
    pub join: Option<f64>,
    /// The educational class may become at most so many times as large from one round to the next; the
    /// highest scores come first.
    pub growth: f64,
    /// Share of the negatives that no round learns from, by a hash of the id: what the other class is
    /// judged by. Documents of the pool with such an id are left out.
    pub validation: f64,
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
            join: None,
            growth: 2.0,
            validation: 0.2,
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
            self.join.is_none_or(|share| share > 0.0 && share <= 1.0),
            "join = {}: wanted a share of the pool above 0, at most 1",
            self.join.unwrap_or_default()
        );
        ensure!(
            self.growth > 1.0 && self.growth.is_finite(),
            "growth = {}: wanted a number above 1, or no round would add anything",
            self.growth
        );
        ensure!(
            self.validation > 0.0 && self.validation < 1.0,
            "validation = {}: wanted a share above 0 and below 1 of the negatives, to judge by",
            self.validation
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
    /// Known not to be, with their names.
    pub negatives: &'a [(String, Corpus)],
    /// What is selected from.
    pub pool: &'a [Corpus],
    /// Known to be educational, and held out, with their names.
    pub held_out: &'a [(String, Corpus)],
    /// Threads to score with; their number changes nothing.
    pub threads: &'a rayon::ThreadPool,
}

impl Rounds<'_> {
    /// The score and the truth of every held-out document, and how many each corpus has.
    ///
    /// # Errors
    /// The disk's.
    pub fn judge(
        &self,
        classifier: &Classifier,
        settings: &RoundSettings,
    ) -> Result<(Vec<Judged>, BTreeMap<String, f64>)> {
        let label = classifier.label(&settings.positive)?;
        let share = settings.validation;
        let (mut judged, mut by_corpus) = (Vec::new(), BTreeMap::new());
        let mut all =
            |name: &str, corpus: &Corpus, positive, wanted: &(dyn Fn(&str) -> bool + Sync)| {
                let before = judged.len();
                score(
                    (classifier, label, self.threads),
                    corpus,
                    wanted,
                    |_, score| {
                        judged.push(Judged { score, positive });
                        Ok(())
                    },
                )?;
                let these = &judged[before..];
                let selected = these.iter().filter(|one| one.score >= settings.threshold);
                let selected = selected.count() as f64 / these.len().max(1) as f64;
                by_corpus.insert(name.to_owned(), selected);
                anyhow::Ok(())
            };
        for (name, corpus) in self.held_out {
            all(name, corpus, true, &|_| true)?;
        }
        for (name, corpus) in self.negatives {
            all(name, corpus, false, &|id| held_out(id, share))?;
        }
        Ok((judged, by_corpus))
    }
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
        for corpus in of.seed {
            for document in corpus.documents() {
                examples.add(&settings.positive, &document?);
            }
        }
        for (_, corpus) in of.negatives {
            for document in corpus.documents() {
                let document = document?;
                if !held_out(&document.id, settings.validation) {
                    examples.add(&settings.negative, &document);
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
        let (judged, by_corpus) = of.judge(&classifier, settings)?;
        let curve = Curve::new(judged).context("the held-out corpora hold no document")?;

        let mut scored: Vec<(f32, usize, u64)> = Vec::new();
        let mut seen = 0_u64;
        for (at, corpus) in of.pool.iter().enumerate() {
            let wanted = |id: &str| !held_out(id, settings.validation);
            score(
                (&classifier, label, of.threads),
                corpus,
                &wanted,
                |index, score| {
                    if settings.join.is_some() || score >= settings.threshold {
                        scored.push((score, at, index));
                    }
                    seen += 1;
                    match seen.is_multiple_of(BATCH as u64) {
                        true => watch(&format!("round {round}: scoring"), seen, pool_size),
                        false => Ok(()),
                    }
                },
            )?;
        }
        let selected = scored.iter().filter(|one| one.0 >= settings.threshold);
        let count = selected.count() as u64;
        // Of the seed's size, not of what has joined: what was selected before is selected anew.
        let positives = counts.get(&settings.positive).copied().unwrap_or(0);
        let known = positives.saturating_sub(joined.len() as u64);
        let most = (positives as f64 * settings.growth) as u64;
        let share = settings.join.map(|share| (share * seen as f64) as u64);
        let room = most.saturating_sub(known).min(share.unwrap_or(count)) as usize;
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        joined = scored.iter().take(room).map(|one| (one.1, one.2)).collect();
        joined.sort_unstable();
        done.push(Round {
            round,
            positives,
            negatives: counts.get(&settings.negative).copied().unwrap_or(0),
            selected: count,
            retention: count as f64 / seen.max(1) as f64,
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

/// The score of every document of a corpus whose id is `wanted`, in order, with its index.
fn score(
    (classifier, label, threads): (&Classifier, usize, &rayon::ThreadPool),
    corpus: &Corpus,
    wanted: &(dyn Fn(&str) -> bool + Sync),
    mut take: impl FnMut(u64, f32) -> Result<()>,
) -> Result<()> {
    let mut documents = (0..).zip(corpus.documents());
    loop {
        let batch: Vec<(u64, Document)> = documents
            .by_ref()
            .take(BATCH)
            .map(|(index, document)| Ok((index, document?)))
            .collect::<Result<_>>()?;
        if batch.is_empty() {
            return Ok(());
        }
        let chosen = batch.iter().filter(|(_, document)| wanted(&document.id));
        let (places, texts): (Vec<u64>, Vec<&str>) = chosen
            .map(|(index, document)| (*index, document.text.as_str()))
            .unzip();
        let scores = classifier.scores(threads, label, &texts);
        for (index, score) in places.into_iter().zip(scores) {
            take(index, score)?;
        }
    }
}

#[cfg(test)]
mod tests;
