//! The folder of an evaluation: its lock, the answers of earlier runs, which models servers had, the recipe.

use super::Evaluation;
use crate::command::held;
use crate::evaluation::ANSWERS;
use crate::evaluation::remote::Remote;
use crate::terminal;
use anyhow::{Result, ensure};
use disk::Lock;
use evals::{Cache, Respondent as _};
use remote::Endpoint;
use std::collections::BTreeMap;
use std::path::Path;

/// The recipe beside the results.
const RECIPE: &str = "eval.toml";
/// Held while a run writes into the folder.
const LOCK: &str = ".lock";
/// What servers said last that their models' weights are known by.
const SERVERS: &str = "servers.json";

/// Makes the folder, and keeps other runs off it for as long as the lock is held.
///
/// # Errors
/// Another run that is writing into it.
pub(super) fn alone(out: &Path) -> Result<Lock> {
    disk::create_dir(out)?;
    let otherwise = ", or choose another folder with --out";
    held(out, &out.join(LOCK), otherwise)
}

/// The server, known by its model's weights where it says what these are: answers of another model behind the same
/// name and address are then not taken for this one's. Of a server that is gone it is remembered, so that what it
/// answered before is found.
pub(super) fn known(out: &Path, server: Remote<Endpoint>) -> Result<Remote<Endpoint>> {
    let path = out.join(SERVERS);
    // A file that cannot be read costs no more than asking again.
    let said = std::fs::read(&path).ok();
    let said = said.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut said: BTreeMap<String, String> = said.unwrap_or_default();
    let name = server.identity();
    let before = said.get(&name).cloned();
    let now = match server.listed() {
        Ok(now) => now,
        Err(error) => {
            if before.is_some() {
                terminal::note(&format!(
                    "{error:#}; what it answered before is taken as it is, and its model for the same"
                ));
            }
            return Ok(server.known_by(before));
        }
    };
    if before != now {
        if before.is_some() && now.is_some() {
            terminal::note(&format!(
                "{name}: the model is another one than before, so its answers are asked for anew"
            ));
        }
        match &now {
            Some(now) => said.insert(name, now.clone()),
            None => said.remove(&name),
        };
        disk::write(&path, &serde_json::to_vec_pretty(&said)?)?;
    }
    Ok(server.known_by(now))
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
