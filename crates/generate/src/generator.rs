//! Continues a text: prefill, then token by token from the key–value cache, until there is a reason to stop.
//!
//! Text leaves as whole characters, never half a Hangul syllable, and never with a stop string in
//! it. When the decoder's context is full, generation stops with the reason `length`: nothing is
//! shifted or forgotten silently. Special tokens write nothing.
//!
//! One sequence at a time; the draw of each token depends on (seed, position) alone, so that many
//! in one step will give the same texts.

use crate::sampling::Sampling;
use crate::stops::Stops;
use anyhow::{Context as _, Result, ensure};
use model::{Cache, Decoder};
use std::ops::ControlFlow;
use tensor::Forward;
use tokenizer::{Tokenizer, Utf8Stream};

/// Rows of a prompt that go through the decoder together.
const CHUNK: usize = 512;

/// A prompt, and how it is to be continued.
#[derive(Clone, Debug)]
pub struct Request {
    /// Token ids, the first usually that of the beginning of a text; see [`Generator::prompt`].
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// At most so many new tokens.
    pub max_tokens: usize,
    /// Tokens that end the text; see [`Generator::end_tokens`].
    pub end_tokens: Vec<u32>,
    /// Texts that end the text; they are not part of it.
    pub stop: Vec<String>,
    /// Whether to keep the log-probability of each token.
    pub log_probabilities: bool,
}

/// Why a text ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// One of the end tokens was chosen.
    EndToken(u32),
    /// A stop string was written.
    StopString(String),
    /// So many tokens as were asked for.
    MaxTokens,
    /// The decoder's context is full.
    ContextFull,
    /// Whoever was listening said so.
    Cancelled,
}

impl Finish {
    /// The reason as the OpenAI interface calls it: `stop`, `length` or `cancelled`.
    pub fn reason(&self) -> &'static str {
        match self {
            Finish::EndToken(_) | Finish::StopString(_) => "stop",
            Finish::MaxTokens | Finish::ContextFull => "length",
            Finish::Cancelled => "cancelled",
        }
    }
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
    /// Why it ended.
    pub finish: Finish,
}

/// Continues texts with a decoder and its tokenizer.
pub struct Generator<'a, D: Forward> {
    decoder: &'a Decoder<D>,
    tokenizer: &'a Tokenizer,
}

impl<'a, D: Forward> Generator<'a, D> {
    /// Borrows both; nothing is copied.
    ///
    /// # Errors
    /// A tokenizer with more tokens than the decoder. (Fewer is fine: rows of a padded embedding
    /// that mean nothing are never chosen.)
    pub fn new(decoder: &'a Decoder<D>, tokenizer: &'a Tokenizer) -> Result<Self> {
        check_vocabularies(tokenizer.vocabulary(), decoder.shape.vocabulary)?;
        Ok(Generator { decoder, tokenizer })
    }

    /// The ids of a text to be continued: begin of text, if the tokenizer has one, and the text.
    pub fn prompt(&self, text: &str) -> Vec<u32> {
        let begin = self.tokenizer.bos().or(self.decoder.special.bos);
        begin
            .into_iter()
            .chain(self.tokenizer.encode(text))
            .collect()
    }

    /// The tokens that end a text: those of the checkpoint and that of the tokenizer.
    pub fn end_tokens(&self) -> Vec<u32> {
        let mut ids = self.decoder.special.eos.clone();
        ids.extend(self.tokenizer.eos());
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// A request to continue a text, with the usual end tokens and no stop strings.
    pub fn request(&self, text: &str, max_tokens: usize, sampling: Sampling) -> Request {
        Request {
            prompt: self.prompt(text),
            sampling,
            max_tokens,
            end_tokens: self.end_tokens(),
            stop: Vec::new(),
            log_probabilities: false,
        }
    }

    /// Continues one prompt. `listen` gets whole characters as they come, and may break off.
    ///
    /// # Errors
    /// Settings without meaning, a prompt that is empty or does not fit the context, ids outside
    /// the vocabulary, logits that are not numbers.
    pub fn generate(
        &self,
        request: &Request,
        mut listen: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generation> {
        self.check(request)?;
        let mut written = Written::new(request);
        if request.max_tokens == 0 {
            return Ok(written.end(Finish::MaxTokens, &mut listen));
        }
        let decoder = self.decoder;
        let (device, width) = (&*decoder.device, decoder.shape.width);
        let mut occurred = request.prompt.clone();
        // The last token that is chosen is never read, so it needs no room.
        let room = (request.prompt.len() + request.max_tokens - 1).min(decoder.shape.context);
        let mut cache = Cache::new(decoder, room);
        let mut last = device.activation(width);
        let mut fresh = 0..request.prompt.len();
        loop {
            for chunk in occurred[fresh].chunks(CHUNK) {
                let hidden = decoder.extend(chunk, &mut cache)?;
                device.rows(&hidden, &[chunk.len() as u32 - 1], width, &mut last);
            }
            let mut logits = device.logits(1, &last, decoder.head());
            let position = occurred.len();
            let choice = request
                .sampling
                .choose(
                    &mut logits,
                    self.tokenizer.vocabulary(),
                    &occurred,
                    position as u64,
                )
                .with_context(|| format!("the token at position {position} could not be chosen"))?;
            occurred.push(choice.id);
            let bytes = match self.tokenizer.is_special(choice.id) {
                true => Vec::new(),
                false => self.tokenizer.bytes_of(choice.id),
            };
            if let Some(finish) = written.push(choice, &bytes, &mut listen) {
                return Ok(written.end(finish, &mut listen));
            }
            if cache.len() == decoder.shape.context {
                return Ok(written.end(Finish::ContextFull, &mut listen));
            }
            fresh = position..occurred.len();
        }
    }

    /// Continues many prompts, one after the other; `listen` also gets the index of the request.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate), with the index of the request.
    pub fn generate_all(
        &self,
        requests: &[Request],
        mut listen: impl FnMut(usize, &str) -> ControlFlow<()>,
    ) -> Result<Vec<Generation>> {
        let one = |(i, request)| {
            self.generate(request, |text| listen(i, text))
                .with_context(|| format!("prompt number {} could not be continued", i + 1))
        };
        requests.iter().enumerate().map(one).collect()
    }

    fn check(&self, request: &Request) -> Result<()> {
        request.sampling.check()?;
        let (length, context) = (request.prompt.len(), self.decoder.shape.context);
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
            request.stop.iter().all(|stop| !stop.is_empty()),
            "a stop string is empty, and would stop every text at once; leave it out"
        );
        Ok(())
    }
}

/// A tokenizer must not know tokens that the decoder has no row for.
pub(crate) fn check_vocabularies(tokenizer: usize, decoder: usize) -> Result<()> {
    ensure!(
        tokenizer <= decoder,
        "the tokenizer has {tokenizer} tokens, but the decoder only {decoder}; \
         they do not belong together"
    );
    Ok(())
}

/// The text so far, on its way out.
struct Written<'a> {
    request: &'a Request,
    characters: Utf8Stream,
    stops: Stops<'a>,
    text: String,
    ids: Vec<u32>,
    log_probabilities: Vec<f32>,
}

impl<'a> Written<'a> {
    fn new(request: &'a Request) -> Self {
        Written {
            request,
            characters: Utf8Stream::new(),
            stops: Stops::new(&request.stop),
            text: String::new(),
            ids: Vec::new(),
            log_probabilities: Vec::new(),
        }
    }

    /// Adds a token; says whether it was the last.
    fn push(
        &mut self,
        choice: crate::Choice,
        bytes: &[u8],
        listen: &mut impl FnMut(&str) -> ControlFlow<()>,
    ) -> Option<Finish> {
        self.ids.push(choice.id);
        if self.request.log_probabilities {
            self.log_probabilities.push(choice.log_probability);
        }
        if self.request.end_tokens.contains(&choice.id) {
            return Some(Finish::EndToken(choice.id));
        }
        let new = self.characters.push(bytes);
        if let Some(finish) = self.show(&new, listen) {
            return Some(finish);
        }
        (self.ids.len() >= self.request.max_tokens).then_some(Finish::MaxTokens)
    }

    fn show(
        &mut self,
        new: &str,
        listen: &mut impl FnMut(&str) -> ControlFlow<()>,
    ) -> Option<Finish> {
        let (shown, stop) = self.stops.push(new);
        let stop = stop.map(|stop| Finish::StopString(stop.to_owned()));
        self.hand_over(&shown, listen).or(stop)
    }

    fn hand_over(
        &mut self,
        shown: &str,
        listen: &mut impl FnMut(&str) -> ControlFlow<()>,
    ) -> Option<Finish> {
        self.text.push_str(shown);
        let go_on = shown.is_empty() || listen(shown).is_continue();
        (!go_on).then_some(Finish::Cancelled)
    }

    /// What was held back comes out, unless a stop string or the listener ended the text.
    fn end(
        mut self,
        mut finish: Finish,
        listen: &mut impl FnMut(&str) -> ControlFlow<()>,
    ) -> Generation {
        if !matches!(finish, Finish::StopString(_) | Finish::Cancelled) {
            let broken = self.characters.finish();
            if let Some(sooner) = self.show(&broken, listen) {
                finish = sooner;
            } else {
                let held = self.stops.finish();
                finish = self.hand_over(&held, listen).unwrap_or(finish);
            }
        }
        Generation {
            text: self.text,
            ids: self.ids,
            log_probabilities: self.log_probabilities,
            finish,
        }
    }
}

#[cfg(test)]
mod tests;
