//! The contract of a task: it asks, and it scores.

use crate::ask::{Answer, Ask, Request};
use anyhow::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Told while questions are scored how many are; an error ends the work.
pub type Told<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// A benchmark, ready to ask.
pub trait Task: Send + Sync {
    /// Name, source, metrics.
    fn about(&self) -> &About;

    /// Every question, in the benchmark's order.
    ///
    /// # Errors
    /// Files that are missing or not as the benchmark has them; the sentence names file and row.
    fn asks(&self) -> Result<Vec<Ask>>;

    /// What is asked next in the same conversation, once `answers` have come; nothing by default.
    fn next(&self, _ask: &Ask, _answers: &[Answer]) -> Option<Request> {
        None
    }

    /// What a judge is asked about the answers, in the judge's own words; nothing by default.
    fn judge(&self, _ask: &Ask, _answers: &[Answer]) -> Vec<Request> {
        vec![]
    }

    /// What the answers are worth. `answers` holds one entry for each request that was put
    /// (first [`Ask::request`], then those of [`Task::next`]), `judged` one for each of
    /// [`Task::judge`]; a judge who voted several times has as many messages in his entry.
    fn score(&self, ask: &Ask, answers: &[Answer], judged: &[Answer]) -> Score;

    /// What the model must have answered before any question can be scored: put as a whole, however
    /// few of the questions are, and worth nothing by itself. A search for passages asks for the
    /// vectors of all passages here; nothing by default.
    ///
    /// # Errors
    /// Those of [`Task::asks`].
    fn ground(&self) -> Result<Vec<Ask>> {
        Ok(vec![])
    }

    /// The scores of all questions that were put, one for each of `asked` and in its order. `ground`
    /// holds one answer for each of [`Task::ground`]. Whoever runs a task calls this alone, once;
    /// by default it is [`Task::score`] of each question, on as many threads as there are processors.
    /// `told` hears how many are scored where that takes long.
    ///
    /// # Errors
    /// Those of `told`.
    fn scores(
        &self,
        _ground: &[Answer],
        asked: &[Asked<'_>],
        told: &mut Told<'_>,
    ) -> Result<Vec<Score>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let next = &AtomicUsize::new(0);
        let mut scores = vec![Score::default(); asked.len()];
        std::thread::scope(|scope| {
            let (send, found) = mpsc::channel();
            for _ in 0..threads.min(asked.len()) {
                let send = send.clone();
                // Short work is shared out as well as long work, such as running a program.
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(one) = asked.get(at) else { break };
                        let score = self.score(one.ask, one.answers, one.judged);
                        // Nobody listens any more once the work has ended.
                        if send.send((at, score)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(send);
            for (done, (at, score)) in found.into_iter().enumerate() {
                scores[at] = score;
                told(done + 1)?;
            }
            Ok(())
        })
        .map(|()| scores)
    }

    /// What is to be said of all answers together, in sentences for a reader: how far a judge agreed
    /// with himself, what a score stands on; nothing by default.
    fn remarks(&self, _asked: &[Asked<'_>]) -> Vec<String> {
        vec![]
    }
}

/// A question with everything that came back for it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The question.
    pub ask: &'a Ask,
    /// One entry for each request that was put.
    pub answers: &'a [Answer],
    /// One entry for each question to the judge.
    pub judged: &'a [Answer],
}

/// What a person wants to know of a task before it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// As lm-eval names it where it has the task: `mmlu`, `kobest_boolq`, `gsm8k`.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// `en`, `ko`, `code`.
    pub language: String,
    /// How it is put, in words: `5-shot log-likelihood`.
    pub protocol: String,
    /// Where the data is to be had: `cais/mmlu` on the hub.
    pub source: String,
    /// Version of prompt and scoring; raise it when either changes.
    pub version: u32,
    /// In the order of importance; the first is the one that is quoted.
    pub metrics: Vec<Metric>,
}

/// A figure of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// As lm-eval names it: `acc`, `acc_norm`, `exact_match`, `pass@1`.
    pub name: String,
    /// How the questions' values become one.
    pub aggregate: Aggregate,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// How the values of many questions become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Σ value·weight / Σ weight.
    Mean,
    /// The F1 of every class, averaged, from [`Score::classes`].
    MacroF1,
}

/// What one question's answers are worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Metric → value. A metric that is not here is not known of this question (no judge gave a
    /// rating, an answer was expected in another form): a mean leaves the question out.
    pub values: BTreeMap<String, f64>,
    /// What the question weighs in a mean (1 unless said otherwise: bytes, instructions …).
    pub weight: Option<f64>,
    /// What it weighs in single metrics, where that differs from `weight`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// Right class and chosen class, where classes are counted.
    pub classes: Option<(usize, usize)>,
    /// What was right, to be shown.
    pub expected: String,
    /// What was taken as the answer, to be shown; empty where none was found.
    pub taken: String,
    /// What else a reader wants to know: why no answer was found, what the sandbox said.
    pub note: String,
}

/// How a task is put: the report's protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Few-shot, log-likelihoods and completions, no chat template (report, section 10).
    Base,
    /// Zero-shot, chat template, reasoning in words and a marked answer.
    Instruct,
}

/// Where and how a task is made ready.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The folder that holds one folder a benchmark, in the original formats.
    pub data: PathBuf,
    /// Base or instruct.
    pub protocol: Protocol,
    /// Examples before the question; the protocol's number where nothing is said.
    pub shots: Option<usize>,
    /// Answers to draw for pass@k; 1 unless said otherwise.
    pub samples: usize,
}

/// A task on the shelf: known by name, not yet opened.
pub struct Kind {
    /// See [`About::name`]; a group (`mmlu`) opens as one task with subjects as groups.
    pub name: &'static str,
    /// Files or folders below the data folder that must be there.
    pub needs: &'static [&'static str],
    /// Makes it ready. Reads nothing but what it needs to describe itself.
    pub open: fn(&Setup) -> Result<Box<dyn Task>>,
}
