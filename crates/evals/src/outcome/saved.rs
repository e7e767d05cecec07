//! A result read back from its folder, as far as a comparison needs it.

use super::results::{About, FORMAT};
use crate::ask::Answer;
use crate::task::{About as TaskAbout, Score};
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A run's results.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// What all tasks have in common.
    pub about: About,
    /// In the order of their names.
    pub tasks: Vec<SavedTask>,
}

/// One task's results.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedTask {
    /// What the task said of itself.
    pub about: TaskAbout,
    /// Id, group, hash of the prompt and score of each question.
    pub questions: Vec<SavedQuestion>,
    /// Who judged its answers; `None` where nobody did, or where nothing of it is judged by anybody.
    pub judge: Option<String>,
    /// How many times the judge voted on each; 0 without one.
    pub votes: usize,
}

/// One question's result.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedQuestion {
    /// See [`Ask::id`](crate::Ask::id).
    pub id: String,
    /// See [`Ask::group`](crate::Ask::group).
    pub group: String,
    /// Equal where the prompts are.
    pub prompt: String,
    /// Values, weights and classes.
    pub score: Score,
}

#[derive(Deserialize)]
struct Document {
    id: String,
    group: String,
}

#[derive(Deserialize)]
struct Extra {
    weight: Option<f64>,
    #[serde(default)]
    weights: BTreeMap<String, f64>,
    classes: Option<(usize, usize)>,
    note: String,
    #[serde(default)]
    judge: Vec<Verdict>,
}

/// What a judge said to one question.
#[derive(Deserialize)]
struct Verdict {
    answer: Answer,
}

impl Saved {
    /// The file of the figures.
    pub const RESULTS: &'static str = "results.json";

    /// The file of a task's questions.
    pub fn samples_file(task: &str) -> String {
        format!("samples_{}.jsonl", task.replace(['/', '\\'], "_"))
    }

    /// Reads the results in a folder.
    ///
    /// # Errors
    /// A folder without results, files that are not ours; the sentence names file and line.
    pub fn read(folder: &Path) -> Result<Saved> {
        let path = folder.join(Self::RESULTS);
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "{} has no results of an evaluation: wanted {} there, as `kanana eval --out` and the \
                 stage `evaluate` write it",
                folder.display(),
                Self::RESULTS
            )
        })?;
        let place = || format!("{} is not what `kanana eval` writes", path.display());
        let all: Value = serde_json::from_slice(&bytes).with_context(place)?;
        ensure!(
            all["format"] == FORMAT,
            "{} has results of format {}, and this program reads format {FORMAT}: evaluate again (what \
             was answered is kept)",
            path.display(),
            all["format"]
        );
        let about = field(&all["run"]).with_context(place)?;
        let tasks = all["kanana"].as_object().with_context(place)?;
        let tasks = tasks.iter().map(|(name, task)| {
            let about = field(&task["about"]).with_context(place)?;
            let read = questions(&folder.join(Self::samples_file(name)))?;
            // A judge that was named has nothing to do with a task that asks none.
            let judged = read.iter().any(|(_, votes)| votes.is_some());
            let judge: Option<String> = field(&task["judge"]).with_context(place)?;
            Ok(SavedTask {
                about,
                votes: read
                    .iter()
                    .filter_map(|(_, votes)| *votes)
                    .max()
                    .unwrap_or(0),
                judge: judge.filter(|_| judged),
                questions: read.into_iter().map(|(question, _)| question).collect(),
            })
        });
        Ok(Saved {
            about,
            tasks: tasks.collect::<Result<_>>()?,
        })
    }
}

fn field<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    T::deserialize(value)
}

/// The questions, each with the votes of a judge on it; `None` for one that no judge is asked about.
fn questions(path: &Path) -> Result<Vec<(SavedQuestion, Option<usize>)>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the questions in {}", path.display()))?;
    let lines = text.lines().enumerate();
    lines
        .map(|(at, line)| {
            let place = || format!("{}, line {}: not a question", path.display(), at + 1);
            question(line).with_context(place)
        })
        .collect()
}

fn question(line: &str) -> Result<(SavedQuestion, Option<usize>)> {
    let line: Value = serde_json::from_str(line)?;
    let document: Document = field(&line["doc"])?;
    let extra: Extra = field(&line["kanana"])?;
    let names: Vec<String> = field(&line["metrics"])?;
    let values: BTreeMap<String, f64> = names
        .into_iter()
        .filter_map(|name| {
            let value = line.get(&name)?.as_f64()?;
            Some((name, value))
        })
        .collect();
    let votes = extra
        .judge
        .iter()
        .map(|verdict| verdict.answer.in_words())
        .max();
    let question = SavedQuestion {
        id: document.id,
        group: document.group,
        prompt: field(&line["prompt_hash"])?,
        score: Score {
            values,
            weight: extra.weight,
            weights: extra.weights,
            classes: extra.classes,
            expected: field(&line["target"])?,
            note: extra.note,
            ..Score::default()
        },
    };
    Ok((question, votes))
}
