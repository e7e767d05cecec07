//! Who answers, and who watches.

use crate::ask::{Answer, Draw, Request};
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// A request as it is put to a respondent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Put<'a> {
    /// What is asked.
    pub request: &'a Request,
    /// How an answer in words is drawn.
    pub draw: Draw,
}

impl Put<'_> {
    /// Whether this is an answer to it: of the right kind, and as many as were asked for.
    pub fn is_answered_by(&self, reply: &Reply) -> bool {
        match (self.request, &reply.answer) {
            (_, Answer::Failed(_)) => true,
            (Request::Choose { options, .. }, Answer::Likelihoods(all)) => {
                all.len() == options.len()
            }
            (Request::Measure { .. }, Answer::Likelihoods(all)) => all.len() == 1,
            (Request::Complete { .. }, Answer::Texts(all)) => all.len() == self.draw.samples,
            (Request::Converse { .. }, Answer::Messages(all)) => all.len() == self.draw.samples,
            (Request::Embed { .. }, Answer::Vector(vector)) => !vector.is_empty(),
            _ => false,
        }
    }
}

/// An answer, and what a reader of the result should know of how it came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// A sentence, such as that the prompt was cut; mostly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// How many of its samples in words the limit of tokens cut off; the note says it too.
    #[serde(default, skip_serializing_if = "is_none")]
    pub cut: usize,
}

/// Whether a count is worth no word.
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Reply {
    /// Adds that so many of its samples were cut off at `limit` tokens.
    #[must_use]
    pub fn cut_off(mut self, cut: usize, limit: usize) -> Self {
        if cut == 0 {
            return self;
        }
        if !self.note.is_empty() {
            self.note += "; ";
        }
        let samples = self.answer.in_words();
        if samples > 1 {
            self.note += &format!("{cut} of {samples} ");
        }
        self.note += &format!("cut off at {limit} tokens");
        self.cut = cut;
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Reply {
            answer,
            note: String::new(),
            cut: 0,
        }
    }
}

/// Whoever answers: an engine in this process, a server, a recording, a fake in a test.
pub trait Respondent {
    /// Who it is, in a word or a few: everything of it that could make an answer another one (model,
    /// precision, template). Answers of one identity stand for each other.
    fn identity(&self) -> String;

    /// Answers every one of `put`, in any order: `deliver` is called once for each, with its index,
    /// as soon as the answer is there. What concerns one question alone ([`Answer::Failed`]) is an
    /// answer too.
    ///
    /// # Errors
    /// What concerns all questions: a server that is gone, a kind of question that it cannot answer.
    /// An error of `deliver` is passed on at once.
    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()>;
}

/// What a run is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// What all scores stand on comes first.
    Ground,
    /// Answers come; `turn` counts from 0 within conversations.
    Answers {
        /// Which turn.
        turn: usize,
    },
    /// The judge looks at them.
    Verdicts,
    /// They are scored.
    Scores,
}

impl Phase {
    /// What is counted.
    pub fn noun(self) -> &'static str {
        match self {
            Phase::Ground | Phase::Answers { .. } => "answers",
            Phase::Verdicts => "verdicts",
            Phase::Scores => "scores",
        }
    }
}

/// Whoever watches a run, and may stop it.
pub trait Watch {
    /// `done` of `total` in this phase of this task, cached ones included.
    ///
    /// # Errors
    /// [`Stopped`] (or an error that is the caller's own word for it) ends the run.
    fn progress(&mut self, task: &str, phase: Phase, done: usize, total: usize) -> Result<()>;
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Watch for Silent {
    fn progress(&mut self, _: &str, _: Phase, _: usize, _: usize) -> Result<()> {
        Ok(())
    }
}

/// The run was asked to stop, and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped on request")
    }
}

impl std::error::Error for Stopped {}
