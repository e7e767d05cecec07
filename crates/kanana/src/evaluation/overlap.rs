//! Whether the training corpus held a task's questions: what the stage `decontaminate` found, by task.

use crate::stages::CONTAMINATION;
use anyhow::{Context as _, Result};
use corpus::contamination::Contamination as Report;
use evals::{Contamination, Outcome};
use std::path::Path;

/// Marks outcomes by what was found in a corpus.
///
/// # Errors
/// A folder that no `decontaminate` has written.
pub(crate) fn mark(outcomes: &mut [Outcome], folder: &Path, corpus: &str) -> Result<()> {
    let path = folder.join(CONTAMINATION);
    let bytes = std::fs::read(&path).with_context(|| {
        format!(
            "{} does not say which benchmarks it holds: wanted {CONTAMINATION} there, as the stage \
             `decontaminate` writes it",
            folder.display()
        )
    })?;
    let found: Report = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not what `decontaminate` writes", path.display()))?;
    for outcome in outcomes {
        outcome.contamination = of(&outcome.about.name, &found, corpus);
    }
    Ok(())
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
