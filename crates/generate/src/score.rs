//! How likely are given continuations? Log-likelihoods of many (context, continuation) pairs at once.
//!
//! ln p(continuation | context) = Σ ln softmax(logits)ᵢ[tokenᵢ]. Text is cut into tokens as
//! lm-evaluation-harness does it: context and continuation are encoded together, the tail belongs to
//! the continuation, and spaces that end the context move over to it.
//!
//! Sequences lie as segments side by side in one forward pass of up to `rows` rows. What they share
//! is computed once, in two ways: a sequence whose rows all begin another one rides along with it
//! (four one-letter options are one sequence), and a long context with short continuations goes
//! through a key–value cache. In a batch, a sequence's rows are computed as if it were alone; the
//! cache differs from that by rounding only.
//!
//! Deliberately absent: what the likelihoods mean; that is a task's business.

mod plan;

use crate::engine::check_vocabularies;
use anyhow::{Result, ensure};
use model::{Batch, Cache, Decoder, Recompute, Tape};
use plan::{Host, Step};
use tensor::Forward;
use tokenizer::Tokenizer;

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
    let begin = match tokenizer.bos() {
        None if trimmed.is_empty() => tokenizer.eos(),
        begin => begin,
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
    share: bool,
    /// Scratch, made when the first batch comes.
    tape: Option<Tape<D>>,
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
            share: true,
            tape: None,
        })
    }

    /// Rows of a forward pass (1,024 unless said otherwise; one sequence may need more).
    pub fn rows(mut self, rows: usize) -> Self {
        self.rows = rows.max(1);
        self
    }

    /// Whether long shared contexts go through a cache (yes unless said otherwise). Without it the
    /// likelihood of a pair does not depend, to the last bit, on what it is judged together with.
    pub fn share_contexts(mut self, share: bool) -> Self {
        self.share = share;
        self
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
        let context = self.decoder.shape.context;
        let jobs = plan::jobs(sequences, context, self.decoder.shape.vocabulary)?;
        let mut all: Vec<Option<Likelihood>> = vec![None; sequences.len()];
        let mut done = 0;
        for step in plan::steps(jobs, self.rows, self.share) {
            let scored = match &step {
                Step::Packed(hosts) => self.packed(hosts),
                Step::Cached { shared, hosts } => self.cached(*shared, hosts)?,
            };
            let mut scored = scored.into_iter();
            for job in step.hosts().iter().flat_map(|host| &host.jobs) {
                let tokens: Vec<(f32, bool)> = scored.by_ref().take(job.targets.len()).collect();
                all[job.index] = Some(likelihood(&tokens, job)?);
                done += 1;
            }
            progress(done);
        }
        Ok(all
            .into_iter()
            .map(|one| one.expect("every sequence is in the plan"))
            .collect())
    }

    /// All sequences of a batch, as segments of one forward pass.
    fn packed(&mut self, hosts: &[Host]) -> Vec<(f32, bool)> {
        // A device may add up a handful of rows in another order than many. Filled up with
        // segments that nobody reads, a sequence alone is computed as it is in company.
        let rows: usize = hosts.iter().map(|host| host.inputs.len()).sum();
        let filler = vec![&hosts[0].inputs[..1]; plan::LEAST_ROWS.saturating_sub(rows)];
        let inputs = hosts.iter().map(|host| &host.inputs[..]);
        let batch = Batch::segments(inputs.chain(filler));
        let n = batch.rows();
        let mut tape = match self.tape.take() {
            Some(tape) if tape.rows() >= n => tape,
            _ => Tape::new(self.decoder, n.max(self.rows), Recompute::Block, false),
        };
        self.decoder.forward(&batch, &mut tape);
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for (host, start) in hosts.iter().zip(&batch.starts) {
            for job in &host.jobs {
                rows.extend((0..job.targets.len()).map(|i| start + (job.first + i) as u32));
                targets.extend_from_slice(&job.targets);
            }
        }
        let scored = self.read(&tape.hidden_nd, &rows, &targets);
        self.tape = Some(tape);
        scored
    }

    /// What all sequences share once, then the rest of each after it.
    fn cached(&mut self, shared: usize, hosts: &[Host]) -> Result<Vec<(f32, bool)>> {
        let longest = hosts
            .iter()
            .map(|host| host.inputs.len())
            .max()
            .unwrap_or(0);
        let mut cache = Cache::new(self.decoder, longest);
        for chunk in hosts[0].inputs[..shared].chunks(self.rows) {
            self.decoder.extend(chunk, &mut cache)?;
        }
        let mut scored = Vec::new();
        for host in hosts {
            cache.truncate(shared);
            let hidden = self.decoder.extend(&host.inputs[shared..], &mut cache)?;
            let (mut rows, mut targets) = (Vec::new(), Vec::new());
            for job in &host.jobs {
                rows.extend((0..job.targets.len()).map(|i| (job.first - shared + i) as u32));
                targets.extend_from_slice(&job.targets);
            }
            scored.extend(self.read(&hidden, &rows, &targets));
        }
        Ok(scored)
    }

    /// −ln p of targets at rows, and whether they are the most likely.
    fn read(&self, hidden_nd: &D::Array, rows: &[u32], targets: &[u32]) -> Vec<(f32, bool)> {
        let (device, width) = (&*self.decoder.device, self.decoder.shape.width);
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
