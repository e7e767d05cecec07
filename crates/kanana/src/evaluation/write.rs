//! What is written of an evaluation: figures and samples in lm-eval's shape, and a page.

use super::sheet;
use anyhow::{Context as _, Result};
use evals::{Outcome, RunAbout, Saved};
use page::Language;
use std::io::Write as _;
use std::path::Path;

/// Width of what a terminal shows.
pub(crate) const COLUMNS: usize = 100;

/// The page.
pub(crate) const PAGE: &str = "evaluation.html";

/// Writes `results.json`, `samples_<task>.jsonl` and the page into a folder that is there.
pub(crate) fn write(
    folder: &Path,
    about: &RunAbout,
    outcomes: &[Outcome],
    language: Language,
) -> Result<()> {
    for outcome in outcomes {
        let path = folder.join(Saved::samples_file(&outcome.about.name));
        let mut file = disk::AtomicFile::create(&path)?;
        for line in evals::samples(outcome) {
            writeln!(file, "{line}").with_context(|| format!("cannot write {}", path.display()))?;
        }
        file.commit()?;
    }
    let page = sheet::whole(about, outcomes, language).finish();
    disk::write(&folder.join(PAGE), page.as_bytes())?;
    // Last: a folder with results has everything that belongs to them.
    let mut results = serde_json::to_string_pretty(&evals::results(about, outcomes))?;
    results.push('\n');
    Ok(disk::write(
        &folder.join(Saved::RESULTS),
        results.as_bytes(),
    )?)
}
