//! The whole state of a run on disk, so that one that was killed ends with the same bytes.
//!
//! A folder `state-<tokens>/` holds the f32 weights (a Hugging Face directory), the optimizer's
//! moments, `state.json` ([`State`]: position in the data, curve, guard) and, written last,
//! `manifest.json` with the BLAKE3 of every file. A folder without a manifest is unfinished and
//! does not count; one whose files are missing or have other hashes is damaged, is removed, and an
//! older one is taken. One that cannot be read for another reason, or that another version of the
//! program wrote, is kept and ends the run. A state is removed only when another is complete that the
//! run goes on from instead, or when the guard holds it to be spoilt and an older one was loaded.
//!
//! `stop-<tokens>/` is the same, written where a run was asked to stop. The guard never goes back
//! to such a state, because a run that was not stopped would not have it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use model::{Decoder, Dtype, checkpoint::Checkpoint};
use serde::{Deserialize, Serialize};
use tensor::{Backward, Parameter};

use crate::{Cursor, Curve, GuardState, Optimizer, Settings};

/// Raised when the files would be read differently.
const FORMAT: u32 = 1;
const STATE: &str = "state.json";
const MANIFEST: &str = "manifest.json";

/// Everything but weights and moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Version of the format.
    pub format: u32,
    /// What the run was asked to do; a state of other settings is not taken.
    pub settings: Settings,
    /// The run's seed.
    pub seed: u64,
    /// Tokens of the corpus.
    pub corpus: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Steps taken.
    pub steps: u64,
    /// Where the next batch begins.
    pub cursor: Cursor,
    /// What the guard remembers.
    pub guard: GuardState,
    /// The record so far.
    pub curve: Curve,
}

impl State {
    /// The beginning of a run.
    pub(crate) fn new(settings: &Settings, seed: u64, corpus: u64) -> Self {
        State {
            format: FORMAT,
            settings: settings.clone(),
            seed,
            corpus,
            tokens: 0,
            steps: 0,
            cursor: Cursor::default(),
            guard: GuardState::default(),
            curve: Curve::default(),
        }
    }
}

/// Why a state is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is time: a place to go back to.
    Due,
    /// The run is asked to stop.
    Stopped,
}

impl Reason {
    fn prefix(self) -> &'static str {
        match self {
            Reason::Due => "state-",
            Reason::Stopped => "stop-",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    /// BLAKE3 of every other file of the folder.
    files: BTreeMap<String, String>,
}

/// What every version of the format says, and nothing else of it.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// A complete state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    tokens: u64,
    due: bool,
    path: PathBuf,
}

/// Which states will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Any, to go on from.
    Any,
    /// One that was due, for the guard to go back to.
    Due,
    /// One that was due before the run had seen so many tokens.
    DueBefore(u64),
}

impl Which {
    fn will_do(self, found: &Found) -> bool {
        match self {
            Which::Any => true,
            Which::Due => found.due,
            Which::DueBefore(tokens) => found.due && found.tokens < tokens,
        }
    }
}

impl Found {
    /// First what makes it count: a removal that is cut short leaves no damaged state.
    fn remove(&self) -> Result<()> {
        disk::remove_file(&self.path.join(MANIFEST))?;
        Ok(disk::remove_dir(&self.path)?)
    }
}

/// The folder in which states are kept.
pub(crate) struct States {
    dir: PathBuf,
    keep: usize,
}

impl States {
    pub(crate) fn new(dir: &Path, keep: usize) -> Self {
        States {
            dir: dir.to_path_buf(),
            keep,
        }
    }

    /// Writes a state, then removes what is no longer needed.
    pub(crate) fn save<D: Backward>(
        &self,
        reason: Reason,
        state: &State,
        decoder: &Decoder<D>,
        optimizer: &Optimizer<D>,
    ) -> Result<()> {
        let path = self
            .dir
            .join(format!("{}{:015}", reason.prefix(), state.tokens));
        let write = || -> Result<()> {
            self.clear_unfinished()?;
            if path.exists() {
                disk::remove_dir(&path)?;
            }
            disk::create_dir(&path)?;
            decoder.save(&path, Dtype::F32)?;
            optimizer.save(decoder, &path)?;
            disk::write(&path.join(STATE), &serde_json::to_vec(state)?)?;
            let mut files = BTreeMap::new();
            for name in names(&path)? {
                files.insert(name.clone(), disk::hash_file(&path.join(&name))?);
            }
            let manifest = Manifest {
                format: FORMAT,
                files,
            };
            disk::write(&path.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
            Ok(())
        };
        write().with_context(|| format!("cannot save the run's state to {}", path.display()))?;
        self.prune(&path)
    }

    /// Loads the newest state that will do and is whole into `decoder` and `optimizer`. States that
    /// are damaged are told of and removed; those that cannot be read are an error, and kept.
    pub(crate) fn newest<D: Backward>(
        &self,
        which: Which,
        like: &State,
        decoder: &mut Decoder<D>,
        optimizer: &mut Optimizer<D>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Option<State>> {
        for found in self
            .found()?
            .into_iter()
            .rev()
            .filter(|found| which.will_do(found))
        {
            if let Some(damage) = damage(&found.path)? {
                tell(&format!(
                    "The saved state {} is damaged ({damage}); it is removed, and the one before \
                     it is used if there is one.",
                    found.path.display()
                ));
                disk::remove_dir(&found.path)?;
                continue;
            }
            let state = load(&found.path, like, decoder, optimizer)
                .with_context(|| format!("cannot use the saved state {}", found.path.display()))?;
            return Ok(Some(state));
        }
        Ok(None)
    }

    /// After how many tokens the newest state was saved that will do, whole or damaged.
    pub(crate) fn saved_at(&self, which: Which) -> Result<Option<u64>> {
        let found = self.found()?;
        let found = found.iter().rev().find(|found| which.will_do(found));
        Ok(found.map(|found| found.tokens))
    }

    /// Removes all states that are newer than one, the newest first: whatever is left when this is cut
    /// short is a state that leads here again.
    pub(crate) fn remove_after(&self, tokens: u64) -> Result<()> {
        for found in self.found()?.iter().rev() {
            if found.tokens > tokens {
                found.remove()?;
            }
        }
        Ok(())
    }

    /// Complete states, oldest first.
    fn found(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        for name in names(&self.dir)? {
            let path = self.dir.join(&name);
            for reason in [Reason::Due, Reason::Stopped] {
                let tokens = name
                    .strip_prefix(reason.prefix())
                    .and_then(|n| n.parse().ok());
                let Some(tokens) = tokens else { continue };
                if is_complete(&path)? {
                    found.push(Found {
                        tokens,
                        due: reason == Reason::Due,
                        path: path.clone(),
                    });
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes what a killed run has left half written or half removed.
    fn clear_unfinished(&self) -> Result<()> {
        for name in names(&self.dir)? {
            let path = self.dir.join(&name);
            let ours =
                [Reason::Due, Reason::Stopped].map(|reason| name.starts_with(reason.prefix()));
            if ours.contains(&true) && !is_complete(&path)? {
                disk::remove_dir(&path)?;
            }
        }
        Ok(())
    }

    /// Keeps the newest states that were due, and the one just saved where that is a stop: an earlier one was
    /// gone on from, also one that had come further before the guard went back.
    fn prune(&self, saved: &Path) -> Result<()> {
        let found = self.found()?;
        let due: Vec<&Found> = found.iter().filter(|found| found.due).collect();
        let keep = &due[due.len().saturating_sub(self.keep)..];
        for found in &found {
            if found.path != saved && !keep.contains(&found) {
                found.remove()?;
            }
        }
        Ok(())
    }
}

/// Names within a folder, sorted; none when there is no folder.
fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => bail!("cannot list {}: {error}", dir.display()),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether a state has its manifest. A disk that does not answer is an error: what is not complete is
/// removed.
fn is_complete(path: &Path) -> Result<bool> {
    let manifest = path.join(MANIFEST);
    let there = manifest.try_exists();
    there.with_context(|| format!("cannot look for {}", manifest.display()))
}

/// What is damaged in a complete state: a file that is missing or has another hash.
///
/// # Errors
/// A state that cannot be judged, because a file cannot be read or another version of the program
/// wrote it.
fn damage(path: &Path) -> Result<Option<String>> {
    let unread = || {
        format!(
            "the saved state {} cannot be read; it is kept, and the run goes on from it once it can \
             be read; to go on from the state before it, or to begin anew, remove it",
            path.display()
        )
    };
    let text = std::fs::read(path.join(MANIFEST)).with_context(unread)?;
    let version: Version = serde_json::from_slice(&text)
        .context(MANIFEST)
        .with_context(unread)?;
    ensure!(
        version.format == FORMAT,
        "the saved state {} is of format {}, and this version of the program reads format {FORMAT}; \
         it is kept: go on with the version that wrote it; to go on from the state before it, or to \
         begin anew, remove it",
        path.display(),
        version.format
    );
    let manifest: Manifest = serde_json::from_slice(&text)
        .context(MANIFEST)
        .with_context(unread)?;
    for (name, wanted) in &manifest.files {
        match disk::hash_file(&path.join(name)) {
            Ok(found) if *wanted == found => {}
            Ok(found) => {
                return Ok(Some(format!("{name}: wanted hash {wanted}, found {found}")));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Some(format!("{name} is missing")));
            }
            Err(error) => return Err(error).with_context(unread),
        }
    }
    Ok(None)
}

fn load<D: Backward>(
    path: &Path,
    like: &State,
    decoder: &mut Decoder<D>,
    optimizer: &mut Optimizer<D>,
) -> Result<State> {
    let text = std::fs::read(path.join(STATE))?;
    let state: State = serde_json::from_slice(&text).context(STATE)?;
    let same =
        (&state.settings, state.seed, state.corpus) == (&like.settings, like.seed, like.corpus);
    ensure!(
        same,
        "it belongs to a run with other settings, another seed or another corpus; remove {} to \
         begin anew",
        path.display()
    );
    let checkpoint = Checkpoint::open(path)?;
    ensure!(
        checkpoint.shape == decoder.shape,
        "it is of a model of another shape; remove {} to begin anew",
        path.display()
    );
    let device = decoder.device.clone();
    for (spec, parameter) in decoder.parameters_mut() {
        let values = checkpoint.read(spec)?.into_f32();
        match parameter {
            Parameter::Matrix(matrix) => device.set(matrix, &values),
            Parameter::Vector(array) => device.write(&values, array),
        }
    }
    optimizer.load(decoder, path)?;
    Ok(state)
}

#[cfg(test)]
mod tests;
