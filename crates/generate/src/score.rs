//! How likely are given continuations? Log-likelihoods of many (context, continuation) pairs at once.
//!
//! ln p(continuation | context) = Σ ln softmax(logits)ᵢ[tokenᵢ]. Text is cut into tokens as
//! lm-evaluation-harness does it: context and continuation are encoded together, the tail belongs to
//! the continuation, and spaces that end the context move over to it.
//!
//! Sequences go through the decoder as the engine's do, many in a step, their keys and values in
//! pages. What they share is computed once, in two ways: a sequence whose rows all begin another one
//! rides along with it (four one-letter options are one sequence), and pages that hold a common
//! beginning are read by all. Neither changes a bit: a pair is worth what it is worth alone.
//!
//! Deliberately absent: what the likelihoods mean; that is a task's business.

mod course;
mod plan;

use crate::engine::check_vocabularies;
use crate::pages::Book;
use anyhow::{Result, ensure};
use course::Course;
use model::{Decoder, PagedCache};
use std::collections::VecDeque;
use tensor::{Forward, POSITIONS, Stretch};
use tokenizer::Tokenizer;

/// Fewer rows than this a device may add up in another order than many, where the weights are those
/// that are being trained; a step is filled up with rows that nobody reads.
const LEAST_ROWS: usize = 24;

/// Sequences of one step.
const SEQUENCES: usize = 64;

/// Tokens of which the last ones are to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Context and continuation.
    pub ids: Vec<u32>,
    /// Where the continuation begins, at least 1.
    pub start: usize,
}

/// How likely a continuation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Likelihood {
    /// Σ ln p of its tokens, in nats.
    pub sum: f64,
    /// ln p of each of its tokens.
    pub tokens: Vec<f32>,
    /// Whether every one of its tokens is the most likely at its place.
    pub greedy: bool,
    /// UTF-8 bytes of the continuation as it was given (0 when tokens were given).
    pub bytes: usize,
    /// Tokens of the context that were left out at its beginning because all did not fit.
    pub left_out: usize,
}

impl Likelihood {
    /// ln p for each byte, what options of different length are compared by; for each token where
    /// bytes are unknown.
    pub fn mean(&self) -> f64 {
        let length = if self.bytes > 0 {
            self.bytes
        } else {
            self.tokens.len()
        };
        self.sum / length.max(1) as f64
    }
}

/// Cuts a context and its continuation into tokens, as lm-evaluation-harness does.
///
/// # Errors
/// An empty continuation, or a tokenizer without a begin or end token for an empty context.
pub fn encode_pair(tokenizer: &Tokenizer, context: &str, continuation: &str) -> Result<Sequence> {
    ensure!(
        !continuation.is_empty(),
        "a continuation to be judged is empty; its likelihood would be 1 whatever the decoder"
    );
    let trimmed = context.trim_end();
    let begin = match tokenizer.begins_texts() {
        true => tokenizer.bos(),
        false if trimmed.is_empty() => tokenizer.bos().or(tokenizer.eos()),
        false => None,
    };
    let mut ids: Vec<u32> = begin.into_iter().collect();
    // Spaces at the end of the context are part of the first token of the continuation.
    let start = ids.len() + tokenizer.encode(trimmed).len();
    ids.extend(tokenizer.encode(&format!("{context}{continuation}")));
    ensure!(
        start > 0,
        "an empty context was given, and the tokenizer has no token that begins a text"
    );
    // A continuation may merge into the context's last token, which then is what is judged.
    let start = start.min(ids.len() - 1).max(1);
    ensure!(
        ids.len() > 1,
        "context and continuation make a single token; there is nothing to predict it from"
    );
    Ok(Sequence { ids, start })
}

/// Judges continuations with a decoder and its tokenizer.
pub struct Scorer<'a, D: Forward> {
    decoder: &'a Decoder<D>,
    tokenizer: &'a Tokenizer,
    rows: usize,
    /// Made when the first batch comes.
    memory: Option<Memory<D>>,
}

/// Keys and values of what has been read, from batch to batch.
struct Memory<D: Forward> {
    cache: PagedCache<D>,
    book: Book,
    /// The page of rows that nobody reads.
    spare: u32,
    computed: usize,
}

impl<'a, D: Forward> Scorer<'a, D> {
    /// Borrows both; nothing is copied.
    ///
    /// # Errors
    /// A tokenizer with more tokens than the decoder.
    pub fn new(decoder: &'a Decoder<D>, tokenizer: &'a Tokenizer) -> Result<Self> {
        check_vocabularies(tokenizer.vocabulary(), decoder.shape.vocabulary)?;
        Ok(Scorer {
            decoder,
            tokenizer,
            rows: 1024,
            memory: None,
        })
    }

    /// Rows of a forward pass (1,024 unless said otherwise).
    pub fn rows(mut self, rows: usize) -> Self {
        self.rows = rows.max(1);
        self.memory = None;
        self
    }

    /// Rows that have gone through the decoder so far: what was shared counts once.
    pub fn computed(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.computed)
    }

    /// The likelihood of every continuation after its context, in their order. `progress` is told
    /// how many are done.
    ///
    /// # Errors
    /// Pairs that cannot be judged (each said with its index), and likelihoods that are no numbers.
    pub fn score<C: AsRef<str>, T: AsRef<str>>(
        &mut self,
        pairs: &[(C, T)],
        progress: impl FnMut(usize),
    ) -> Result<Vec<Likelihood>> {
        let mut sequences = Vec::with_capacity(pairs.len());
        for (i, (context, continuation)) in pairs.iter().enumerate() {
            let sequence = encode_pair(self.tokenizer, context.as_ref(), continuation.as_ref());
            sequences.push(sequence.map_err(|e| e.context(format!("pair number {}", i + 1)))?);
        }
        let mut all = self.score_ids(&sequences, progress)?;
        for (likelihood, pair) in all.iter_mut().zip(pairs) {
            likelihood.bytes = pair.1.as_ref().len();
        }
        Ok(all)
    }

    /// [`score`](Self::score) of tokens.
    ///
    /// # Errors
    /// Those of `score`.
    pub fn score_ids(
        &mut self,
        sequences: &[Sequence],
        mut progress: impl FnMut(usize),
    ) -> Result<Vec<Likelihood>> {
        let mut all: Vec<Option<Likelihood>> = vec![None; sequences.len()];
        let mut done = 0;
        self.score_each(sequences, |found| {
            for (index, likelihood) in found {
                all[index] = Some(likelihood);
                done += 1;
            }
            progress(done);
            Ok(())
        })?;
        let one = |one: Option<Likelihood>| one.expect("every sequence is in the plan");
        Ok(all.into_iter().map(one).collect())
    }

    /// [`score_ids`](Self::score_ids), told as it goes: `after` is called after every pass through the
    /// decoder with those that are known since, each with its index; mostly none of a long text.
    /// They come in the order in which beginnings are shared.
    ///
    /// # Errors
    /// Those of `score`, and whatever `after` gives back, which ends the work there.
    pub fn score_each(
        &mut self,
        sequences: &[Sequence],
        mut after: impl FnMut(Vec<(usize, Likelihood)>) -> Result<()>,
    ) -> Result<()> {
        let shape = &self.decoder.shape;
        let jobs = plan::jobs(sequences, shape.context, shape.vocabulary)?;
        let hosts = plan::hosts(jobs);
        let mut to_come: VecDeque<Course<'_>> = hosts.iter().map(Course::new).collect();
        // Ended early, pages would stay held: then the memory is not kept.
        let mut memory = self.memory.take().unwrap_or_else(|| self.memory());
        while !to_come.is_empty() {
            self.step(&mut memory, &mut to_come);
            let mut found = Vec::new();
            while to_come.front().is_some_and(Course::is_over) {
                let course = to_come.pop_front().expect("looked at just now");
                for (job, tokens) in course.host.jobs.iter().zip(course.scored) {
                    found.push((job.index, likelihood(&tokens, job)?));
                }
                memory.book.release(course.pages);
            }
            after(found)?;
        }
        self.memory = Some(memory);
        Ok(())
    }

    fn memory(&self) -> Memory<D> {
        // What a step writes, a sequence at full length, and a page begun by each.
        let context = self.decoder.shape.context;
        let pages = (self.rows + context).div_ceil(POSITIONS) + SEQUENCES + 2;
        let mut book = Book::new(pages);
        let spare = book.take().expect("there are more than two");
        Memory {
            cache: PagedCache::new(self.decoder, pages, self.rows.max(LEAST_ROWS)),
            book,
            spare,
            computed: 0,
        }
    }

    /// The next rows of the first sequences, as many as fit.
    fn step(&self, memory: &mut Memory<D>, to_come: &mut VecDeque<Course<'_>>) {
        let Memory { cache, book, .. } = memory;
        let mut rows = Vec::new();
        let mut left = self.rows;
        for course in to_come.iter_mut().take(SEQUENCES) {
            let taken = course.take_rows(book, left);
            if taken == 0 {
                break;
            }
            rows.push(taken);
            left -= taken;
            // Whoever came after one that goes on would hold pages that it may still need.
            if course.done + taken < course.host.inputs.len() {
                break;
            }
        }
        let mut ids = Vec::with_capacity(self.rows.max(LEAST_ROWS));
        let mut stretches = Vec::with_capacity(rows.len() + 1);
        for (course, rows) in to_come.iter().zip(&rows) {
            ids.extend_from_slice(&course.host.inputs[course.done..course.done + rows]);
            stretches.push(Stretch {
                rows: *rows,
                past: course.done,
                pages: &course.pages,
            });
        }
        memory.computed += ids.len();
        let spare = [memory.spare];
        let missing = LEAST_ROWS
            .saturating_sub(ids.len())
            .min(self.decoder.shape.context);
        if missing > 0 {
            ids.resize(ids.len() + missing, ids[0]);
            stretches.push(Stretch {
                rows: missing,
                past: 0,
                pages: &spare,
            });
        }
        let hidden = self.decoder.step(&ids, &stretches, cache);
        let (mut read, mut targets, mut readers) = (vec![], vec![], vec![]);
        let mut first = 0;
        for (at, (course, rows)) in to_come.iter().zip(&rows).enumerate() {
            for (number, job) in course.host.jobs.iter().enumerate() {
                let known = course.scored[number].len();
                for (i, target) in job.targets.iter().enumerate().skip(known) {
                    let position = job.first + i;
                    if position >= course.done + rows {
                        break;
                    }
                    read.push((first + position - course.done) as u32);
                    targets.push(*target);
                    readers.push((at, number));
                }
            }
            first += rows;
        }
        for (scored, (at, number)) in self.read(hidden, &read, &targets).into_iter().zip(readers) {
            to_come[at].scored[number].push(scored);
        }
        for (course, rows) in to_come.iter_mut().zip(rows) {
            course.done += rows;
        }
    }

    /// −ln p of targets at rows, and whether they are the most likely.
    fn read(&self, hidden_nd: &D::Array, rows: &[u32], targets: &[u32]) -> Vec<(f32, bool)> {
        let (device, width) = (&*self.decoder.device, self.decoder.shape.width);
        if rows.is_empty() {
            return vec![];
        }
        let mut gathered = device.activation(rows.len() * width);
        device.rows(hidden_nd, rows, width, &mut gathered);
        device.negative_log_likelihood(&gathered, self.decoder.head(), targets)
    }
}

fn likelihood(tokens: &[(f32, bool)], job: &plan::Job) -> Result<Likelihood> {
    for (nats, _) in tokens {
        ensure!(
            nats.is_finite(),
            "the likelihood of continuation number {} is {nats}; the decoder's weights are damaged, \
             or its activations overflow in this precision",
            job.index + 1
        );
    }
    Ok(Likelihood {
        sum: tokens.iter().map(|(nats, _)| -f64::from(*nats)).sum(),
        tokens: tokens.iter().map(|(nats, _)| -nats).collect(),
        greedy: tokens.iter().all(|(_, greedy)| *greedy),
        bytes: 0,
        left_out: job.left_out,
    })
}

#[cfg(test)]
mod tests;
