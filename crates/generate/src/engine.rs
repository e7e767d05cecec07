//! Continues many texts at once: requests come in, every step is one forward pass, events go out.
//!
//! A step takes the next row of every text that is being written, and fills up with chunks of
//! prompts. What a text becomes does not depend on its company: a row's numbers are those of its
//! sequence alone (`Decoder::step`), and a draw depends on (seed, position).
//!
//! Policies. Requests are admitted in order, as soon as their prompt and a page for every text being
//! written find room. When memory runs out, the youngest text gives its pages back and goes through
//! the decoder again later; its reader notices nothing but time. When the decoder's context (or the
//! whole cache) is full, a text ends with the reason `length`: nothing is shifted or forgotten
//! silently.

mod forward;
mod plan;

use crate::constraint::Compiler;
use crate::pages::Book;
use crate::request::{Finish, Generation, Request};
use crate::sampling::Sampling;
use crate::sequence::Sequence;
use anyhow::{Result, bail, ensure};
use model::{Decoder, PagedCache};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use tensor::{Forward, POSITIONS};
use tokenizer::Tokenizer;

/// How large the engine may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory for keys and values in all.
    pub cache_bytes: usize,
    /// Rows of one step: chunks of prompts, and a row for every text being continued.
    pub rows: usize,
    /// Texts continued at once; others wait.
    pub sequences: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cache_bytes: 1 << 30,
            rows: 512,
            sequences: 32,
        }
    }
}

/// A request that has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What happens to a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// New text (whole characters; perhaps empty, while a stop string or a character is undecided)
    /// and the tokens that have been chosen since the last piece.
    Piece {
        /// What can be shown.
        text: String,
        /// What was chosen.
        tokens: Vec<crate::Token>,
    },
    /// The last event of a ticket.
    End(Generation),
}

/// What the engine has done and is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Texts being continued.
    pub running: usize,
    /// Requests that wait for room.
    pub waiting: usize,
    /// Pages of the key–value cache that texts being continued hold.
    pub pages_used: usize,
    /// Pages in all.
    pub pages: usize,
    /// Tokens of prompts that went through the decoder, since the beginning.
    pub prompt_computed: u64,
    /// Tokens of prompts whose keys and values were already there.
    pub prompt_reused: u64,
    /// Tokens chosen.
    pub generated: u64,
    /// How often a text gave its pages back to older ones, to be computed again.
    pub put_back: u64,
}

/// Continues many texts at once. One for each loaded model; owned by one thread.
pub struct Engine<D: Forward> {
    decoder: Arc<Decoder<D>>,
    tokenizer: Arc<Tokenizer>,
    limits: Limits,
    issued: u64,
    /// Oldest first, as they came; what was put back comes before what was never begun.
    waiting: VecDeque<Sequence>,
    /// Oldest first.
    running: Vec<Sequence>,
    cancelled: Vec<Sequence>,
    book: Book,
    cache: PagedCache<D>,
    /// Some rows of the decoder's output, and their logits.
    last: D::Array,
    logits: Vec<f32>,
    compiler: Compiler,
    statistics: Statistics,
}

impl<D: Forward> Engine<D> {
    /// An engine with nothing to do.
    ///
    /// # Errors
    /// A tokenizer with more tokens than the decoder (fewer is fine: rows of a padded embedding that
    /// mean nothing are never chosen), or limits that leave no room.
    pub fn new(
        decoder: Arc<Decoder<D>>,
        tokenizer: Arc<Tokenizer>,
        limits: Limits,
    ) -> Result<Self> {
        check_vocabularies(tokenizer.vocabulary(), decoder.shape.vocabulary)?;
        let (shape, page) = (&decoder.shape, PagedCache::page_bytes(&decoder));
        let Limits {
            cache_bytes,
            rows,
            sequences,
        } = limits;
        ensure!(
            rows > 0 && sequences > 0 && cache_bytes >= page,
            "an engine needs at least one row, one sequence and {page} bytes of cache for a page of \
             {POSITIONS} positions; it was given {rows}, {sequences} and {cache_bytes}"
        );
        // Twice what all can hold at full length is as much as can be of use.
        let most = 2 * sequences * shape.context.div_ceil(POSITIONS);
        let pages = (cache_bytes / page).min(most);
        let rows = rows.max(sequences);
        Ok(Engine {
            limits: Limits { rows, ..limits },
            issued: 0,
            waiting: VecDeque::new(),
            running: Vec::new(),
            cancelled: Vec::new(),
            book: Book::new(pages),
            cache: PagedCache::new(&decoder, pages, rows),
            last: decoder.device.activation(forward::ROWS * shape.width),
            logits: Vec::new(),
            compiler: Compiler::new(Arc::clone(&tokenizer)),
            statistics: Statistics {
                pages,
                ..Statistics::default()
            },
            decoder,
            tokenizer,
        })
    }

    /// The decoder.
    pub fn decoder(&self) -> &Arc<Decoder<D>> {
        &self.decoder
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Positions that a text may have, its prompt among them: those of the decoder, or of the whole
    /// key–value cache where it holds fewer.
    pub fn context(&self) -> usize {
        self.decoder.shape.context.min(self.book.len() * POSITIONS)
    }

    /// What compiles constraints for this engine, elsewhere than on its thread.
    pub fn compiler(&self) -> Compiler {
        self.compiler.clone()
    }

    /// The ids of a text to be continued: begin of text, where the tokenizer begins texts or there is
    /// no text, and the text.
    pub fn prompt(&self, text: &str) -> Vec<u32> {
        let named = self.tokenizer.bos().or(self.decoder.special.bos);
        let begin = named.filter(|_| self.tokenizer.begins_texts() || text.is_empty());
        let text = self.tokenizer.encode(text);
        begin.into_iter().chain(text).collect()
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
            end_tokens: self.end_tokens(),
            ..Request::new(self.prompt(text), max_tokens, sampling)
        }
    }

    /// Takes a request, which then waits for its turn.
    ///
    /// # Errors
    /// Settings without meaning, a prompt that is empty or does not fit, ids outside the vocabulary,
    /// a constraint that cannot be met; a sentence for the one who asked.
    pub fn submit(&mut self, request: Request) -> Result<Ticket> {
        let shape = &self.decoder.shape;
        request.check(shape.context, shape.vocabulary, self.book.len() * POSITIONS)?;
        let guide = match &request.constraint {
            None => None,
            Some(constraint) => Some(self.compiler.guide(constraint)?),
        };
        let ticket = Ticket(self.issued);
        self.issued += 1;
        self.waiting
            .push_back(Sequence::new(ticket, request, guide));
        Ok(ticket)
    }

    /// Stops a ticket and frees its pages; its last event, [`Finish::Cancelled`], comes with the next
    /// step. One that has ended is left alone.
    pub fn cancel(&mut self, ticket: Ticket) {
        let is_it = |one: &Sequence| one.ticket == ticket;
        if let Some(at) = self.waiting.iter().position(is_it) {
            self.cancelled.extend(self.waiting.remove(at));
        } else if let Some(at) = self.running.iter().position(is_it) {
            let mut sequence = self.running.remove(at);
            self.book.release(sequence.start_over());
            self.cancelled.push(sequence);
        }
    }

    /// Whether there is nothing to do and nothing to tell.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty() && self.cancelled.is_empty()
    }

    /// What has been done so far, and how much is going on.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            running: self.running.len(),
            waiting: self.waiting.len(),
            pages_used: self.book.len() - self.book.available(),
            ..self.statistics
        }
    }

    /// Does one step. `listen` hears what happened, before this returns.
    ///
    /// # Errors
    /// Only what concerns all tickets; what concerns one ends it with [`Finish::Failed`].
    pub fn step(&mut self, mut listen: impl FnMut(Ticket, Event)) -> Result<()> {
        for sequence in std::mem::take(&mut self.cancelled) {
            end(sequence, Finish::Cancelled, &mut listen);
        }
        while let Some(at) = self.waiting.iter().position(Sequence::is_empty) {
            let sequence = self.waiting.remove(at).expect("found just now");
            end(sequence, Finish::MaxTokens, &mut listen);
        }
        self.admit();
        let rows = self.plan();
        self.forward(&rows, &mut listen);
        Ok(())
    }

    /// Continues one prompt while nothing else is going on. `listen` gets whole characters as they
    /// come, and may break off.
    ///
    /// # Errors
    /// Those of [`submit`](Self::submit) and [`step`](Self::step), and logits that are not numbers.
    pub fn generate(
        &mut self,
        request: Request,
        mut listen: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generation> {
        let mut all = self.generate_all(vec![request], |_, text| listen(text))?;
        Ok(all.remove(0))
    }

    /// Continues many prompts at once while nothing else is going on; `listen` also gets the index
    /// of the request. The result is in the order of the requests.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate), with the index of the request.
    pub fn generate_all(
        &mut self,
        requests: Vec<Request>,
        mut listen: impl FnMut(usize, &str) -> ControlFlow<()>,
    ) -> Result<Vec<Generation>> {
        ensure!(
            self.is_idle(),
            "the engine is busy with other requests; submit these and step instead"
        );
        let number = requests.len();
        let mut tickets = Vec::with_capacity(number);
        for (i, request) in requests.into_iter().enumerate() {
            match self.submit(request) {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => {
                    self.waiting.clear();
                    return Err(error.context(format!("prompt number {} was refused", i + 1)));
                }
            }
        }
        let mut all: Vec<Option<Generation>> = vec![None; number];
        while !self.is_idle() {
            let mut broken_off = Vec::new();
            self.step(|ticket, event| {
                let index = (ticket.0 - tickets[0].0) as usize;
                match event {
                    Event::Piece { text, .. } => {
                        if !text.is_empty() && listen(index, &text).is_break() {
                            broken_off.push(ticket);
                        }
                    }
                    Event::End(generation) => all[index] = Some(generation),
                }
            })?;
            broken_off
                .into_iter()
                .for_each(|ticket| self.cancel(ticket));
        }
        let mut generations = Vec::with_capacity(number);
        for (i, generation) in all.into_iter().flatten().enumerate() {
            if let Finish::Failed(why) = &generation.finish {
                bail!("prompt number {} could not be continued: {why}", i + 1);
            }
            generations.push(generation);
        }
        Ok(generations)
    }
}

/// Tells the last of a sequence.
fn end(sequence: Sequence, finish: Finish, listen: &mut impl FnMut(Ticket, Event)) {
    let ticket = sequence.ticket;
    let (piece, generation) = sequence.end(finish);
    if let Some(piece) = piece {
        listen(ticket, piece);
    }
    listen(ticket, Event::End(generation));
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

#[cfg(test)]
mod company;
#[cfg(test)]
mod tests;
