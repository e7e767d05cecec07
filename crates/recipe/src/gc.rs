//! Frees what no recipe in use reaches. It says first what would go, and by default
//! that is all it does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use disk::Lock;
use serde::Serialize;

use crate::manifest::{Inputs, MANIFEST, PARTIAL, SCRATCH};
use crate::{Store, Stored, key};

/// What was freed, or would be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Freed {
    /// Folder by folder.
    pub items: Vec<FreedItem>,
    /// All of it together.
    pub bytes: u64,
}

/// A folder that goes.
#[derive(Clone, Debug, Serialize)]
pub struct FreedItem {
    /// The folder.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Why it goes.
    pub why: &'static str,
}

/// Frees every artifact whose key is not in `keep` and which nothing in `keep` was made
/// from, unfinished ones included, and what finished ones no longer need. Unfinished
/// folders of `keep` stay: they will be gone on from. With `dry`, nothing is touched.
///
/// # Errors
/// Another run that is making an artifact which `keep` does not reach: what that run still
/// needs is not known before it is finished, so nothing more is freed. (A run that is just between two
/// steps is not seen.) The disk's.
pub fn gc(store: &Store, keep: &[String], dry: bool) -> Result<Freed> {
    let all = store.artifacts()?;
    let kept = reachable(&all, keep);
    // One that is to stay and only about to be made has a key and no folder yet.
    let wanted = |folder: &str| {
        key::split(folder).is_some_and(|(_, key)| keep.iter().any(|kept| kept == key))
    };
    let nobody_else_works = || {
        for folder in store.locks()? {
            let stays = kept.contains(&folder) || wanted(&folder);
            if !stays && Lock::try_new(&store.lock_path(&folder))?.is_none() {
                return under_way(store, &folder);
            }
        }
        Ok(())
    };
    nobody_else_works()?;
    let mut freed = Freed::default();
    for artifact in &all {
        let usage = artifact.usage()?;
        if !kept.contains(&artifact.folder()) {
            // freeing takes its time, in which another run may have begun a step
            if !dry {
                nobody_else_works()?;
            }
            let why = match artifact.path.join(MANIFEST).exists() {
                true => "no given recipe reaches it",
                false => "it is unfinished, and no given recipe reaches it",
            };
            freed.take(
                store,
                artifact,
                std::slice::from_ref(&artifact.path),
                usage.total(),
                why,
                dry,
            )?;
        } else if artifact.manifest.is_some() && usage.partial > 0 {
            let rest = [PARTIAL, SCRATCH].map(|name| artifact.path.join(name));
            let why = "partial state of a finished artifact";
            freed.take(store, artifact, &rest, usage.partial, why, dry)?;
        }
    }
    Ok(freed)
}

impl Freed {
    fn take(
        &mut self,
        store: &Store,
        artifact: &Stored,
        paths: &[PathBuf],
        bytes: u64,
        why: &'static str,
        dry: bool,
    ) -> Result<()> {
        let Some(lock) = Lock::try_new(&store.lock_path(&artifact.folder()))? else {
            // What is left over in a finished one, the run that is finishing it will drop.
            return match paths.contains(&artifact.path) {
                true => under_way(store, &artifact.folder()),
                false => Ok(()),
            };
        };
        if !dry {
            for path in paths {
                // Without its manifest it is unfinished, whatever happens halfway.
                disk::remove_file(&path.join(MANIFEST))?;
                disk::remove_dir(path)?;
            }
        }
        // The lock file is not needed where the artifact is not.
        lock.remove()?;
        self.bytes += bytes;
        self.items.push(FreedItem {
            path: shown(paths, &artifact.path),
            bytes,
            why,
        });
        Ok(())
    }
}

/// Says which artifact stands in the way, and who is making it.
fn under_way<T>(store: &Store, folder: &str) -> Result<T> {
    bail!(
        "{} is being made by another run ({}), and no given recipe reaches it, so what that run \
         still needs could be freed: wait for it, or name its recipe too",
        store.root().join(folder).display(),
        Lock::holder(&store.lock_path(folder))
    )
}

fn shown(paths: &[PathBuf], folder: &Path) -> PathBuf {
    match paths {
        [one] => one.clone(),
        _ => folder.join(PARTIAL),
    }
}

/// The folders of the artifacts with these keys, and of all they were made from.
fn reachable(all: &[Stored], keep: &[String]) -> BTreeSet<String> {
    let wanted = all.iter().filter(|artifact| keep.contains(&artifact.key));
    let mut kept: BTreeSet<String> = wanted.map(Stored::folder).collect();
    let mut todo: Vec<String> = kept.iter().cloned().collect();
    while let Some(folder) = todo.pop() {
        let artifact = all.iter().find(|artifact| artifact.folder() == folder);
        let Some(manifest) = artifact.and_then(|artifact| artifact.manifest.as_ref()) else {
            continue;
        };
        for record in manifest.inputs.values().flat_map(Inputs::records) {
            if kept.insert(record.folder()) {
                todo.push(record.folder());
            }
        }
    }
    kept
}
