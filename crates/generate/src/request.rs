//! What is asked of the engine, and what comes back: a prompt and how to continue it; text, tokens, a reason.
//!
//! A request is plain data. Whether it makes sense for a decoder is checked when it is submitted,
//! and what does not is answered by a sentence for the person who sent it.

use crate::Sampling;
use crate::constraint::Guide;
use anyhow::{Result, ensure};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The most alternatives that are told beside a chosen token.
pub const MOST_TOP: usize = 20;

/// Bytes of all stop strings of a request: every new piece of text is compared with them.
const MOST_STOP: usize = 16 << 10;

/// A prompt, and how it is to be continued.
#[derive(Clone, Debug)]
pub struct Request {
    /// Token ids, the first usually that of the beginning of a text; see
    /// [`Engine::prompt`](crate::Engine::prompt).
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// At most so many new tokens.
    pub max_tokens: usize,
    /// Tokens that end the text; see [`Engine::end_tokens`](crate::Engine::end_tokens).
    pub end_tokens: Vec<u32>,
    /// Texts that end the text; they are not part of it.
    pub stop: Vec<String>,
    /// Whether to tell ln p of each token.
    pub log_probabilities: bool,
    /// How many of the likeliest tokens to tell at each place, at most [`MOST_TOP`].
    pub top: usize,
    /// Whether the prompt's own tokens are judged too.
    pub echo: bool,
    /// What the text has to be.
    pub constraint: Option<Constraint>,
}

impl Request {
    /// A request without end tokens, stop strings or constraint.
    pub fn new(prompt: Vec<u32>, max_tokens: usize, sampling: Sampling) -> Self {
        Request {
            prompt,
            sampling,
            max_tokens,
            end_tokens: Vec::new(),
            stop: Vec::new(),
            log_probabilities: false,
            top: 0,
            echo: false,
            constraint: None,
        }
    }

    /// Whether anybody wants to know how likely tokens were.
    pub(crate) fn judges(&self) -> bool {
        self.log_probabilities || self.top > 0
    }

    /// Whether a decoder of this context and vocabulary, with a cache of so many positions, can
    /// take it.
    pub(crate) fn check(&self, context: usize, vocabulary: usize, room: usize) -> Result<()> {
        self.sampling.check(vocabulary)?;
        let length = self.prompt.len();
        ensure!(
            length > 0,
            "a prompt needs at least one token, and this tokenizer has none that begins a text; \
             give some text to continue"
        );
        ensure!(
            length <= context,
            "the prompt has {length} tokens, but the decoder's context ends at {context}; shorten it"
        );
        ensure!(
            length <= room,
            "the prompt has {length} tokens, but the key–value cache has room for {room} in all; \
             shorten it, or give the cache more memory"
        );
        if let Some(id) = self.prompt.iter().find(|id| **id as usize >= vocabulary) {
            anyhow::bail!(
                "token id {id} is in a prompt for a decoder whose vocabulary ends at {vocabulary}; \
                 the tokenizer is not the decoder's"
            );
        }
        ensure!(
            self.stop.iter().all(|stop| !stop.is_empty()),
            "a stop string is empty, and would stop every text at once; leave it out"
        );
        let stop: usize = self.stop.iter().map(String::len).sum();
        ensure!(
            stop <= MOST_STOP,
            "the stop strings have {stop} bytes in all; at most {MOST_STOP} are watched for"
        );
        ensure!(
            self.top <= MOST_TOP,
            "{} alternatives were wanted for every token; at most {MOST_TOP} are told",
            self.top
        );
        Ok(())
    }
}

/// What a text has to be. Compiled when the request is submitted, unless a
/// [`Compiler`](crate::Compiler) has done so before; an error names the place.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// A JSON value that this schema accepts.
    JsonSchema(serde_json::Value),
    /// Any JSON object.
    Json,
    /// A text that this regular expression matches as a whole.
    Regex(String),
    /// A text of this Lark grammar, in llguidance's dialect.
    Lark(String),
    /// One of the others, compiled.
    Compiled(Compiled),
}

/// A compiled constraint that requests share. Two are equal if one is a clone of the other.
#[derive(Clone)]
pub struct Compiled(Arc<Mutex<Guide>>);

impl Compiled {
    pub(crate) fn new(guide: Guide) -> Self {
        Compiled(Arc::new(Mutex::new(guide)))
    }

    /// The constraint at its beginning.
    pub(crate) fn guide(&self) -> Guide {
        let guide = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guide.clone()
    }
}

impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled")
    }
}

/// Why a text ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// One of the end tokens was chosen.
    EndToken(u32),
    /// A stop string was written.
    StopString(String),
    /// The constraint is met and allows nothing more.
    Complete,
    /// So many tokens as were asked for.
    MaxTokens,
    /// The decoder's context, or the whole key–value cache, is full.
    ContextFull,
    /// Whoever was listening said so.
    Cancelled,
    /// The decoder gave no usable numbers, or the constraint failed; why, as a sentence.
    Failed(String),
}

impl Finish {
    /// The reason as the OpenAI interface calls it: `stop`, `length`; or `cancelled`, `error`.
    pub fn reason(&self) -> &'static str {
        match self {
            Finish::EndToken(_) | Finish::StopString(_) | Finish::Complete => "stop",
            Finish::MaxTokens | Finish::ContextFull => "length",
            Finish::Cancelled => "cancelled",
            Finish::Failed(_) => "error",
        }
    }
}

/// A token of a text, chosen or given.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// ln p of it under the decoder's own distribution (before penalties, bias, temperature, filters
    /// and constraint); 0 where nobody asked.
    pub log_probability: f32,
    /// The likeliest tokens at its place with their ln p, likeliest first; as many as asked for.
    pub top: Vec<(u32, f32)>,
}

/// What a text cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Those of them whose keys and values were already there.
    pub reused: usize,
    /// Tokens chosen, the end token included.
    pub generated: usize,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The text without its prompt, exactly what was handed over piece by piece.
    pub text: String,
    /// All chosen tokens: the end token and those of a stop string included.
    pub ids: Vec<u32>,
    /// ln p of each chosen token under the decoder's own distribution, if asked for.
    pub log_probabilities: Vec<f32>,
    /// With `echo`, the prompt's tokens as judged; the first, which nothing predicts, is `None`.
    pub prompt_tokens: Vec<Option<Token>>,
    /// What it cost.
    pub usage: Usage,
    /// Why it ended.
    pub finish: Finish,
}
