//! Inputs that live outside the store: hashed into the key, watched while they are read.
//!
//! Hashing is remembered by path, length and time of change, so that planning again is
//! a matter of asking the file system. A file changed within the last two seconds is
//! not remembered: it might change again without its time telling.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::manifest::{FileRecord, Manifest, Origin, contents_key, files_below};
use crate::store::Store;
use crate::{clock, key};

/// An input from outside, bound and hashed.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    pub(crate) files: Vec<FileRecord>,
}

impl Outside {
    /// Hashes what lies at `path`.
    pub(crate) fn read(name: &str, kind: &str, path: &Path, hashes: &mut Hashes) -> Result<Self> {
        // Made absolute, but links are left as they are: a link's name may say what the
        // file is, and that of the blob behind it may not.
        let path =
            std::path::absolute(path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            path.to_str().is_some(),
            "the path {} is not valid UTF-8: rename it",
            path.display()
        );
        let files = hashes.files(&path)?;
        Ok(Self {
            name: name.to_string(),
            kind: kind.to_string(),
            key: contents_key(&files),
            path,
            files,
        })
    }

    /// Fails where the contents are no longer those that were planned with.
    pub(crate) fn unchanged(&self, hashes: &mut Hashes) -> Result<()> {
        let now = contents_key(&hashes.files(&self.path)?);
        ensure!(
            now == self.key,
            "the input \"{}\" ({}) has changed since the run was planned, so what is made from it \
             would carry a false key: leave it alone during a run, and start again",
            self.name,
            self.path.display()
        );
        Ok(())
    }

    /// Writes its record into the store, so that lineage goes down to raw files.
    pub(crate) fn record(&self, store: &Store) -> Result<()> {
        let folder = store.folder(&self.name, &self.key);
        let origin = Origin::Outside {
            path: self.path.clone(),
        };
        let manifest = Manifest::new(
            (&self.name, &self.key, &self.kind),
            origin,
            BTreeMap::new(),
            BTreeMap::new(),
            self.files.clone(),
        )?;
        if Manifest::read(&folder).is_ok_and(|old| old == manifest) {
            return Ok(());
        }
        let _lock = disk::Lock::wait(&store.lock_path(&key::folder(&self.name, &self.key)))?;
        disk::create_dir(&folder)?;
        manifest.write(&folder)
    }
}

/// Hashes seen before.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    path: PathBuf,
    known: BTreeMap<String, Known>,
    changed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    bytes: u64,
    /// Nanoseconds since 1970, as text: JSON's numbers are too short.
    changed: String,
    blake3: String,
}

impl Hashes {
    /// Reads the store's memory; one that cannot be read is begun afresh, as it can
    /// always be made again.
    pub(crate) fn open(store: &Store) -> Self {
        let path = store.root().join("hashes.json");
        let known = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            known,
            changed: false,
        }
    }

    /// Writes what was learned, together with what others learned meanwhile.
    pub(crate) fn save(&mut self, store: &Store) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let _lock = disk::Lock::wait(&store.lock_path("hashes"))?;
        let mut all = Self::open(store).known;
        all.append(&mut self.known.clone());
        disk::write(&self.path, serde_json::to_string(&all)?.as_bytes())?;
        self.changed = false;
        Ok(())
    }

    fn files(&mut self, path: &Path) -> Result<Vec<FileRecord>> {
        if path.is_dir() {
            return files_below(path, &[], true)?
                .into_iter()
                .map(|(name, _)| self.file(&path.join(&name), name))
                .collect();
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} has no UTF-8 name", path.display()))?;
        Ok(vec![self.file(path, name.to_string())?])
    }

    fn file(&mut self, path: &Path, name: String) -> Result<FileRecord> {
        let about =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = about.len();
        let changed = about
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let place = path.to_string_lossy().into_owned();
        let time = changed.map(|t| t.as_nanos().to_string());
        if let (Some(known), Some(time)) = (self.known.get(&place), &time)
            && known.bytes == bytes
            && known.changed == *time
        {
            let blake3 = known.blake3.clone();
            return Ok(FileRecord {
                name,
                bytes,
                blake3,
            });
        }
        let blake3 = disk::hash_file(path)?;
        if let (Some(changed), Some(time)) = (changed, time)
            && changed.as_secs_f64() + 2.0 < clock::now()
        {
            let known = Known {
                bytes,
                changed: time,
                blake3: blake3.clone(),
            };
            self.known.insert(place, known);
            self.changed = true;
        }
        Ok(FileRecord {
            name,
            bytes,
            blake3,
        })
    }
}
