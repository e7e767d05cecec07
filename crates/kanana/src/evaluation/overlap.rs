//! Whether the training corpus held a task's questions: what the stage `decontaminate` found, by task.

use crate::stages::CONTAMINATION;
use anyhow::{Context as _, Result};
use corpus::contamination::{Held, OfTask};
use evals::{Contamination, Outcome};
use serde::Deserialize;
use std::path::Path;

/// What is needed of what was found.
#[derive(Deserialize)]
struct Found {
    tasks: Vec<OfTask>,
    held: Vec<Held>,
    /// Whether the documents were taken out.
    #[serde(default)]
    dropped: bool,
}

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
    let found: Found = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not what `decontaminate` writes", path.display()))?;
    for outcome in outcomes {
        outcome.contamination = of(&outcome.about.name, &found, corpus);
    }
    Ok(())
}

/// What was found of a task: questions are known there by their files.
fn of(task: &str, found: &Found, corpus: &str) -> Option<Contamination> {
    let needs = evals::tasks::find(task)?.needs;
    let folder = needs.first()?.split('/').next()?;
    let all = found.tasks.iter().find(|one| one.task == folder)?;
    let of_task = |id: &str| needs.iter().any(|need| id.starts_with(need));
    let held = found.held.iter().filter(|one| of_task(&one.name.id));
    Some(Contamination {
        corpus: corpus.to_owned(),
        overlapping: held.count(),
        questions: usize::try_from(all.looked_for).ok()?,
        removed: found.dropped,
    })
}
