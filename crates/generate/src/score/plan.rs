//! What is to be read, each of it once: sequences cut to the context, those that others begin with
//! riding along, neighbours sharing beginnings. The order of the results is not touched.

use super::Sequence;
use anyhow::{Result, ensure};

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

/// Every different sequence of inputs once; one that another begins with rides along with it. Those
/// with a common beginning are neighbours.
pub(super) fn hosts(mut jobs: Vec<Job>) -> Vec<Host> {
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
