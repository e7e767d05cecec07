//! Keys that earlier crawls left, walked in step with our own: both are in order, so neither needs memory.

use std::path::PathBuf;

use anyhow::Result;

use super::shuffle::Run;

/// The keys of earlier crawls, walked in step with our own.
pub(super) struct Seen(Vec<(Run, Option<u64>)>);

impl Seen {
    pub(super) fn open(artifacts: &[PathBuf], partition: usize) -> Result<Self> {
        let open = |artifact: &PathBuf| {
            let mut run = Run::open(&artifact.join(super::KEYS), partition)?;
            let first = run.next()?.map(|(key, _)| key);
            Ok((run, first))
        };
        artifacts.iter().map(open).collect::<Result<_>>().map(Self)
    }

    /// Whether a key was seen; keys must be asked for in order.
    pub(super) fn has(&mut self, key: u64) -> Result<bool> {
        let mut has = false;
        for (run, next) in &mut self.0 {
            while next.is_some_and(|next| next < key) {
                *next = run.next()?.map(|(key, _)| key);
            }
            has |= *next == Some(key);
        }
        Ok(has)
    }
}
