//! Whether the training corpus held a task's questions: what the stage `decontaminate` found, by task.

use crate::stages::CONTAMINATION;
use anyhow::{Context as _, Result};
use corpus::contamination::Contamination as Report;
use evals::{Contamination, Outcome};
use std::path::Path;

/// What was found in a corpus.
///
/// # Errors
/// A folder that no `decontaminate` has written.
pub(crate) fn read(folder: &Path) -> Result<Report> {
    let path = folder.join(CONTAMINATION);
    let bytes = std::fs::read(&path).with_context(|| {
        format!(
            "{} does not say which benchmarks it holds: wanted {CONTAMINATION} there, as the stage \
             `decontaminate` writes it",
            folder.display()
        )
    })?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not what `decontaminate` writes", path.display()))
}

/// Marks outcomes by it.
pub(crate) fn mark(outcomes: &mut [Outcome], found: &Report, corpus: &str) {
    for outcome in outcomes {
        outcome.contamination = of(&outcome.about.name, found, corpus);
    }
}

/// What was found of a task: questions are known there by their files.
fn of(task: &str, found: &Report, corpus: &str) -> Option<Contamination> {
    let needs = evals::tasks::find(task)?.needs;
    let (held, looked_for) = found.of(needs)?;
    Some(Contamination {
        corpus: corpus.to_owned(),
        overlapping: usize::try_from(held).ok()?,
        questions: usize::try_from(looked_for).ok()?,
        removed: found.dropped,
    })
}
