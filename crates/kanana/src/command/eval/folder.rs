//! The folder of an evaluation: its lock, the answers of earlier runs, the recipe.

use super::Evaluation;
use crate::command::held;
use crate::evaluation::ANSWERS;
use crate::terminal;
use anyhow::{Result, ensure};
use disk::Lock;
use evals::Cache;
use std::path::Path;

/// The recipe beside the results.
const RECIPE: &str = "eval.toml";
/// Held while a run writes into the folder.
const LOCK: &str = ".lock";

/// Makes the folder, and keeps other runs off it for as long as the lock is held.
///
/// # Errors
/// Another run that is writing into it.
pub(super) fn alone(out: &Path) -> Result<Lock> {
    disk::create_dir(out)?;
    let otherwise = ", or choose another folder with --out";
    held(out, &out.join(LOCK), otherwise)
}

impl Evaluation {
    /// Opens the answers of earlier runs.
    pub(super) fn begin(&self) -> Result<(Cache, Lock)> {
        let lock = alone(&self.out)?;
        let path = self.out.join(ANSWERS);
        let cache = Cache::open(&path)?;
        if !cache.is_empty() {
            terminal::aside(&format!(
                "{} answers of earlier runs are in {}",
                cache.len(),
                path.display()
            ));
        }
        Ok((cache, lock))
    }

    /// The same where answers come from `file`, which must be another than the one written here.
    pub(super) fn begin_beside(&self, file: &Path) -> Result<(Cache, Lock)> {
        let own = std::fs::canonicalize(self.out.join(ANSWERS));
        let same = own.is_ok_and(|own| std::fs::canonicalize(file).is_ok_and(|file| file == own));
        ensure!(
            !same,
            "{} is where this command keeps what it was told itself: choose another folder with --out",
            file.display()
        );
        self.begin()
    }

    /// Writes the recipe, or why there is none: that of an earlier run would describe another one.
    pub(super) fn recipe(&self, text: &str) -> Result<()> {
        Ok(disk::write(&self.out.join(RECIPE), text.as_bytes())?)
    }
}
