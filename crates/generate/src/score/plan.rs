//! Which sequences go through the decoder together, and what they share.
//!
//! Sequences are sorted by their tokens, so that those with a common beginning are neighbours; the
//! rest are two greedy passes over neighbours. The order of the results is not touched.

use super::Sequence;
use anyhow::{Result, ensure};

/// Rows below which a forward pass gets no cheaper: it reads all weights anyway.
pub(super) const LEAST_ROWS: usize = 24;
/// Shorter shared contexts are not worth a cache of their own.
const LEAST_SHARED: usize = 64;

/// A sequence, cut to what the decoder reads and what it has to predict.
pub(super) struct Job {
    /// Its place among the sequences.
    pub(super) index: usize,
    /// What is read: all tokens but the last.
    inputs: Vec<u32>,
    /// The row that predicts the first target.
    pub(super) first: usize,
    /// What is predicted.
    pub(super) targets: Vec<u32>,
    /// Tokens left out at the beginning.
    pub(super) left_out: usize,
}

/// Rows to be computed, and the jobs that read from them.
pub(super) struct Host {
    pub(super) inputs: Vec<u32>,
    pub(super) jobs: Vec<Job>,
}

/// A piece of work.
pub(super) enum Step {
    /// Segments of one forward pass.
    Packed(Vec<Host>),
    /// One after the other, after the first `shared` tokens that they have in common.
    Cached { shared: usize, hosts: Vec<Host> },
}

impl Step {
    pub(super) fn hosts(&self) -> &[Host] {
        match self {
            Step::Packed(hosts) | Step::Cached { hosts, .. } => hosts,
        }
    }
}

/// Checks sequences and cuts them to the decoder's context, as lm-evaluation-harness does: from the left.
pub(super) fn jobs(sequences: &[Sequence], context: usize, vocabulary: usize) -> Result<Vec<Job>> {
    let mut jobs = Vec::with_capacity(sequences.len());
    for (index, Sequence { ids, start }) in sequences.iter().enumerate() {
        let (number, length) = (index + 1, ids.len());
        ensure!(
            (1..length).contains(start),
            "sequence number {number} has {length} tokens and its continuation begins at {start}; \
             there must be a token before it and one in it"
        );
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            anyhow::bail!(
                "sequence number {number} has token id {id}, but the decoder's vocabulary ends at \
                 {vocabulary}; the tokens were made by another tokenizer than the decoder's"
            );
        }
        ensure!(
            length - start <= context,
            "continuation number {number} has {} tokens, but the decoder's context ends at {context}; \
             judge it in parts",
            length - start
        );
        let left_out = (length - 1).saturating_sub(context);
        jobs.push(Job {
            index,
            inputs: ids[left_out..length - 1].to_vec(),
            first: start - 1 - left_out,
            targets: ids[*start..].to_vec(),
            left_out,
        });
    }
    Ok(jobs)
}

/// Groups jobs into steps of about `rows` rows; with `share`, long common beginnings are cached.
pub(super) fn steps(jobs: Vec<Job>, rows: usize, share: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut batch: Vec<Host> = Vec::new();
    let mut filled = 0;
    let mut hosts = hosts(jobs).into_iter().peekable();
    let mut run: Vec<Host> = Vec::new();
    while let Some(host) = hosts.next() {
        run.push(host);
        let shared = |run: &[Host], next: &Host| shared(run.iter().chain([next]));
        if share
            && hosts
                .peek()
                .is_some_and(|next| shared(&run, next) >= LEAST_SHARED)
        {
            continue;
        }
        let common = self::shared(run.iter());
        if run.len() > 1 && cached_rows(&run, common) < run.iter().map(|h| h.inputs.len()).sum() {
            steps.push(Step::Cached {
                shared: common,
                hosts: std::mem::take(&mut run),
            });
            continue;
        }
        for host in run.drain(..) {
            if filled + host.inputs.len() > rows && !batch.is_empty() {
                steps.push(Step::Packed(std::mem::take(&mut batch)));
                filled = 0;
            }
            filled += host.inputs.len();
            batch.push(host);
        }
    }
    if !batch.is_empty() {
        steps.push(Step::Packed(batch));
    }
    steps
}

/// Every different sequence of inputs once; one that another begins with rides along with it.
fn hosts(mut jobs: Vec<Job>) -> Vec<Host> {
    jobs.sort_by(|a, b| a.inputs.cmp(&b.inputs).then(a.index.cmp(&b.index)));
    let mut hosts: Vec<Host> = Vec::new();
    // Backwards: what begins with a sequence comes after it.
    for mut job in jobs.into_iter().rev() {
        let inputs = std::mem::take(&mut job.inputs);
        match hosts.last_mut() {
            Some(host) if host.inputs.starts_with(&inputs) => host.jobs.push(job),
            _ => hosts.push(Host {
                inputs,
                jobs: vec![job],
            }),
        }
    }
    hosts
}

/// How many tokens all begin with, up to the first row that any of them is read from.
fn shared<'a>(mut hosts: impl Iterator<Item = &'a Host>) -> usize {
    let Some(first) = hosts.next() else { return 0 };
    let unread = |host: &Host| host.jobs.iter().map(|job| job.first).min().unwrap_or(0);
    hosts.fold(unread(first), |shared, host| {
        let equal = first
            .inputs
            .iter()
            .zip(&host.inputs)
            .take_while(|(a, b)| a == b)
            .count();
        shared.min(equal).min(unread(host))
    })
}

/// What a run costs through a cache, in rows of a full pass.
fn cached_rows(run: &[Host], shared: usize) -> usize {
    shared
        + run
            .iter()
            .map(|host| (host.inputs.len() - shared).max(LEAST_ROWS))
            .sum::<usize>()
}
