//! What came out of a task: every question with its answers and its score, and the figures.

mod results;
mod saved;

pub use results::{About as RunAbout, results, samples};
pub use saved::{Saved, SavedQuestion, SavedTask};

use crate::ask::{Answer, Ask, Request};
use crate::estimate::{Estimate, estimates};
use crate::task::{About, Score};
use serde::{Deserialize, Serialize};

/// A question with everything that was asked, answered and decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// As the task asked it.
    pub ask: Ask,
    /// What was put, turn by turn.
    pub requests: Vec<Request>,
    /// What came back, turn by turn.
    pub answers: Vec<Answer>,
    /// What is to be known of how each answer came about; mostly empty.
    pub notes: Vec<String>,
    /// How many of its answers in words the limit of tokens cut off.
    pub cut: usize,
    /// What the judge was asked.
    pub judge_requests: Vec<Request>,
    /// What it said.
    pub judged: Vec<Answer>,
    /// What it is all worth.
    pub score: Score,
}

impl Question {
    pub(crate) fn new(ask: Ask) -> Self {
        Question {
            ask,
            requests: vec![],
            answers: vec![],
            notes: vec![],
            cut: 0,
            judge_requests: vec![],
            judged: vec![],
            score: Score::default(),
        }
    }

    /// The first reason why there is no answer, if one failed.
    pub fn failure(&self) -> Option<&str> {
        self.answers.iter().find_map(|answer| match answer {
            Answer::Failed(why) => Some(why.as_str()),
            _ => None,
        })
    }

    /// BLAKE3 of the first request, 64 hexadecimal digits: equal where the prompts are, to the byte.
    pub fn prompt_hash(&self) -> String {
        let bytes = serde_json::to_vec(&self.ask.request).expect("plain data");
        blake3::hash(&bytes).to_hex().to_string()
    }
}

/// Questions that belong together, and their figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name, as the task gave it.
    pub name: String,
    /// Questions in it.
    pub questions: usize,
    /// In the order of the task's metrics.
    pub estimates: Vec<Estimate>,
}

/// Whether the training data held the questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contamination {
    /// Where it was looked for: the name of a corpus.
    pub corpus: String,
    /// Questions that overlap with it.
    pub overlapping: usize,
    /// Questions that were looked for.
    pub questions: usize,
    /// Whether the documents that hold them were taken out of the corpus.
    pub removed: bool,
}

/// What came out of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the task says of itself.
    pub about: About,
    /// Questions that the task has; [`questions`](Self::questions) may be fewer.
    pub total: usize,
    /// Every question that was asked, in the benchmark's order.
    pub questions: Vec<Question>,
    /// Figures over all of them, in the order of the task's metrics.
    pub estimates: Vec<Estimate>,
    /// Figures by group, in the order in which groups appear.
    pub groups: Vec<Group>,
    /// Who answered.
    pub respondent: String,
    /// Who judged.
    pub judge: Option<String>,
    /// What the task has to say of all answers together, in sentences.
    pub remarks: Vec<String>,
    /// What is known of overlap with training data; `None` where nobody has looked.
    pub contamination: Option<Contamination>,
}

impl Outcome {
    pub(crate) fn new(
        about: About,
        total: usize,
        questions: Vec<Question>,
        respondent: String,
        judge: Option<String>,
    ) -> Self {
        let scores: Vec<(&str, &Score)> = questions
            .iter()
            .map(|question| (question.ask.group.as_str(), &question.score))
            .collect();
        let mut names: Vec<&str> = vec![];
        for (group, _) in &scores {
            if !names.contains(group) {
                names.push(group);
            }
        }
        let groups = names.into_iter().map(|name| {
            let of = scores.iter().filter(|(group, _)| *group == name);
            let scores: Vec<(&str, &Score)> = of.copied().collect();
            Group {
                name: name.to_owned(),
                questions: scores.len(),
                estimates: estimates(&about.metrics, &scores),
            }
        });
        Outcome {
            groups: groups.collect(),
            estimates: estimates(&about.metrics, &scores),
            about,
            total,
            questions,
            respondent,
            judge,
            remarks: vec![],
            contamination: None,
        }
    }

    /// The figure that is quoted.
    pub fn headline(&self) -> Option<&Estimate> {
        self.estimates.first()
    }

    /// Questions without an answer.
    pub fn failed(&self) -> usize {
        let failed = |question: &&Question| question.failure().is_some();
        self.questions.iter().filter(failed).count()
    }

    /// Answers in words that the limit of tokens cut off.
    pub fn cut(&self) -> usize {
        self.questions.iter().map(|question| question.cut).sum()
    }

    /// Where nothing at all was answered: the first question, and why it has no answer. Figures of such a task
    /// would be those of no model.
    pub fn unanswered(&self) -> Option<(&str, &str)> {
        let mut answers = self.questions.iter().flat_map(|one| &one.answers);
        if !answers.all(|answer| matches!(answer, Answer::Failed(_))) {
            return None;
        }
        let first = self.questions.first()?;
        Some((first.ask.id.as_str(), first.failure()?))
    }

    /// BLAKE3 over all prompts in their order, 64 hexadecimal digits: two results with the same one
    /// asked the same, to the byte.
    pub fn prompts_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for question in &self.questions {
            hasher.update(question.prompt_hash().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Examples before the question, where the protocol's words begin with their number: `5-shot …`.
    pub fn shots(&self) -> Option<usize> {
        self.about.protocol.split_once("-shot")?.0.parse().ok()
    }
}

#[cfg(test)]
mod tests;
