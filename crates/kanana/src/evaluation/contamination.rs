//! Beside each score: how many of the task's questions the training corpus holds, where a corpus was looked into.

use crate::stages::CONTAMINATION;
use anyhow::{Context as _, Result};
use corpus::contamination::Contamination;
use evals::Outcome;
use std::path::Path;

/// What `decontaminate` found in a corpus.
pub(crate) struct Found {
    corpus: String,
    report: Contamination,
}

impl Found {
    /// Reads it: `path` is the artifact of a step, or the report in it.
    ///
    /// # Errors
    /// There is no report, or it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = match path.is_dir() {
            true => path.join(CONTAMINATION),
            false => path.to_owned(),
        };
        let text = std::fs::read(&file).with_context(|| {
            format!(
                "cannot read {}: wanted what the stage decontaminate writes",
                file.display()
            )
        })?;
        let report = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no report of decontaminate", file.display()))?;
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
        Ok(Found {
            corpus: folder.to_string_lossy().into_owned(),
            report,
        })
    }

    /// Marks outcomes. A task is told by the files that it needs, so the benchmarks must have been bound by
    /// the folder that holds them all; of a task that was not among them nothing is said.
    pub(crate) fn mark(&self, outcomes: &mut [Outcome]) {
        for outcome in outcomes {
            let Some(kind) = evals::tasks::find(&outcome.about.name) else {
                continue;
            };
            let of = self.report.of(kind.needs);
            outcome.contamination = of.map(|(held, looked_for)| evals::Contamination {
                corpus: self.corpus.clone(),
                // What held them is not in the corpus any more.
                overlapping: if self.report.dropped {
                    0
                } else {
                    held as usize
                },
                questions: looked_for as usize,
            });
        }
    }
}
