//! A text on its way out: tokens become whole characters, stop strings are held back and never shown.
//!
//! Text leaves as whole characters, never half a Hangul syllable, and never with a stop string in
//! it. Special tokens write nothing.

use crate::request::{Finish, Generation, Token, Usage};
use crate::stops::Stops;
use tokenizer::{Tokenizer, Utf8Stream};

/// The text so far.
pub(crate) struct Written {
    characters: Utf8Stream,
    stops: Stops,
    text: String,
    pub(crate) ids: Vec<u32>,
    log_probabilities: Vec<f32>,
    max_tokens: usize,
    end_tokens: Vec<u32>,
    judges: bool,
}

impl Written {
    pub(crate) fn new(request: &crate::Request) -> Self {
        Written {
            characters: Utf8Stream::new(),
            stops: Stops::new(request.stop.clone()),
            text: String::new(),
            ids: Vec::new(),
            log_probabilities: Vec::new(),
            max_tokens: request.max_tokens,
            end_tokens: request.end_tokens.clone(),
            judges: request.log_probabilities,
        }
    }

    /// Adds a token; gives the text that can be shown now, and why this was the last, if it was.
    pub(crate) fn push(
        &mut self,
        token: &Token,
        tokenizer: &Tokenizer,
    ) -> (String, Option<Finish>) {
        self.ids.push(token.id);
        if self.judges {
            self.log_probabilities.push(token.log_probability);
        }
        if self.end_tokens.contains(&token.id) {
            return (String::new(), Some(Finish::EndToken(token.id)));
        }
        let new = match tokenizer.is_special(token.id) {
            true => String::new(),
            false => self.characters.push(&tokenizer.bytes_of(token.id)),
        };
        let (shown, stop) = self.show(&new);
        let full = self.ids.len() >= self.max_tokens;
        (shown, stop.or(full.then_some(Finish::MaxTokens)))
    }

    fn show(&mut self, new: &str) -> (String, Option<Finish>) {
        let (shown, stop) = self.stops.push(new);
        self.text.push_str(&shown);
        (shown, stop.map(Finish::StopString))
    }

    /// What was held back comes out, unless a stop string or the listener ended the text: a last
    /// text to show, and everything.
    pub(crate) fn end(
        mut self,
        mut finish: Finish,
        prompt_tokens: Vec<Option<Token>>,
        usage: Usage,
    ) -> (String, Generation) {
        let mut last = String::new();
        if !matches!(finish, Finish::StopString(_) | Finish::Cancelled) {
            let broken = self.characters.finish();
            let (shown, stop) = self.show(&broken);
            last = shown;
            match stop {
                Some(sooner) => finish = sooner,
                None => {
                    let held = self.stops.finish();
                    self.text.push_str(&held);
                    last.push_str(&held);
                }
            }
        }
        let usage = Usage {
            generated: self.ids.len(),
            ..usage
        };
        let generation = Generation {
            text: self.text,
            ids: self.ids,
            log_probabilities: self.log_probabilities,
            prompt_tokens,
            usage,
            finish,
        };
        (last, generation)
    }
}
