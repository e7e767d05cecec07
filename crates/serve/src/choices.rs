//! What an answer looks like, whole or in pieces: the contract between the two interfaces and the stream.

use crate::refusal::Refusal;
use generate::{Finish, Generation, Token};
use serde_json::{Value, json};

/// Makes JSON of what the engine tells. One for each HTTP request.
pub(crate) trait Shape: Send + 'static {
    /// The chunks that come before anything else.
    fn open(&mut self) -> Vec<Value>;
    /// New text of a choice, and its tokens.
    fn piece(&mut self, choice: usize, text: &str, tokens: &[Token]) -> Vec<Value>;
    /// The end of a choice.
    fn end(&mut self, choice: usize, generation: &Generation) -> Vec<Value>;
    /// The chunk that only tells usage.
    fn usage(&self, usage: Value) -> Value;
    /// Everything at once, when all choices have ended.
    fn whole(&mut self, usage: Value) -> Value;
}

/// Tokens of a request, prompts counted once for all of their choices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    prompt: usize,
    reused: usize,
    generated: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, first_of_prompt: bool, generation: &Generation) {
        let usage = &generation.usage;
        if first_of_prompt {
            self.prompt += usage.prompt;
            self.reused += usage.reused;
        }
        self.generated += usage.generated;
    }

    pub(crate) fn json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.generated,
            "total_tokens": self.prompt + self.generated,
            "prompt_tokens_details": {"cached_tokens": self.reused},
        })
    }
}

/// Why a choice ended, or that it failed.
pub(crate) fn reason(generation: &Generation) -> Result<&'static str, Refusal> {
    match &generation.finish {
        Finish::Failed(why) => Err(Refusal::internal(why.clone())),
        finish => Ok(finish.reason()),
    }
}
