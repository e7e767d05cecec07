//! What a task wants to know of a model, and what comes back.

use chat::{Message, Tool};
use serde::{Deserialize, Serialize};

/// One question of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Names the question within its task, stable from run to run: `abstract_algebra/17`.
    pub id: String,
    /// What it is counted under besides the whole: a subject, a language, a category.
    pub group: String,
    /// The first thing to ask.
    pub request: Request,
    /// How answers in words are drawn.
    pub draw: Draw,
}

/// What is put before the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How likely is each of these after the context? (lm-eval: `loglikelihood`.)
    Choose {
        /// What stands before; few-shot examples included.
        context: String,
        /// The continuations, with the space that begins them where there is one.
        options: Vec<String>,
    },
    /// How likely is the whole text, from its beginning? (lm-eval: `loglikelihood_rolling`.)
    Measure {
        /// The text.
        text: String,
    },
    /// Go on with this text. (lm-eval: `generate_until`.)
    Complete {
        /// What is to be gone on with.
        prompt: String,
        /// Strings that end the answer; they do not belong to it.
        stops: Vec<String>,
        /// Tokens at most.
        limit: usize,
    },
    /// Answer a conversation.
    Converse {
        /// What has been said.
        messages: Vec<Message>,
        /// Functions that may be called.
        tools: Vec<Tool>,
        /// Tokens at most.
        limit: usize,
    },
    /// Where does this text lie? A vector of length one.
    Embed {
        /// The text.
        text: String,
        /// Whether it is a question that is looked for (some models tell them apart).
        query: bool,
    },
}

/// How an answer in words is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// 0: always the most likely token.
    pub temperature: f32,
    /// The share of probability that is drawn from.
    pub top_p: f32,
    /// How many answers are wanted (pass@k).
    pub samples: usize,
    /// Where the draws begin.
    pub seed: u64,
}

impl Default for Draw {
    /// Greedy, one answer.
    fn default() -> Self {
        Draw {
            temperature: 0.0,
            top_p: 1.0,
            samples: 1,
            seed: 0,
        }
    }
}

/// What came back for one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// For [`Request::Choose`], in the options' order; for [`Request::Measure`], one.
    Likelihoods(Vec<Likelihood>),
    /// For [`Request::Complete`]: one text for each sample.
    Texts(Vec<String>),
    /// For [`Request::Converse`]: one message for each sample.
    Messages(Vec<Message>),
    /// For [`Request::Embed`].
    Vector(Vec<f32>),
    /// There is none, and why: the prompt does not fit, the server refused. It counts as wrong.
    Failed(String),
}

impl Answer {
    /// How many samples in words it holds.
    pub(crate) fn in_words(&self) -> usize {
        match self {
            Answer::Texts(all) => all.len(),
            Answer::Messages(all) => all.len(),
            Answer::Likelihoods(_) | Answer::Vector(_) | Answer::Failed(_) => 0,
        }
    }
}

/// How likely a continuation is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Likelihood {
    /// Σ ln p of its tokens, in nats.
    pub sum: f64,
    /// How many tokens it has.
    pub tokens: usize,
    /// Whether each of them is the most likely one at its place.
    pub greedy: bool,
}
