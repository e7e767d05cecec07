//! The folder where artifacts lie, one folder each, and how one is found again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

use crate::manifest::{MANIFEST, Manifest, PARTIAL, PROVENANCE, SCRATCH, files_below};
use crate::suggest::{did_you_mean, list};
use crate::{State, key};

/// How a store is laid out; raised when an older program could no longer read it.
pub const STORE_VERSION: u32 = 1;

const VERSION_FILE: &str = "STORE_VERSION";
const LOCKS: &str = "locks";

/// A folder of artifacts.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// An artifact in the store, finished or not.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The name of the step or input.
    pub name: String,
    /// Twelve hexadecimal digits.
    pub key: String,
    /// Its folder.
    pub path: PathBuf,
    /// Its manifest; `None` where it is unfinished.
    pub manifest: Option<Manifest>,
}

/// What an artifact takes up on the disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The files that it is made of.
    pub files: u64,
    /// State kept for resuming, and scratch.
    pub partial: u64,
    /// Attempts, metrics, messages.
    pub provenance: u64,
}

impl Usage {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.files + self.partial + self.provenance
    }
}

impl Store {
    /// Opens the store at `root`, creating it where nothing lies there yet.
    pub fn open(root: &Path) -> Result<Store> {
        disk::create_dir(root)?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot read {}", root.display()))?;
        ensure!(
            root.to_str().is_some(),
            "the path of the store, {}, is not valid UTF-8: choose another",
            root.display()
        );
        let store = Store { root };
        if !store.root.join(VERSION_FILE).exists() {
            for entry in std::fs::read_dir(&store.root)? {
                let name = entry?.file_name();
                // What a store killed while being created may have left.
                let ours =
                    name == LOCKS || name == format!("{VERSION_FILE}{}", disk::PENDING).as_str();
                ensure!(
                    ours,
                    "{} is not a store: it has no {VERSION_FILE}, but it has {name:?}; \
                     name a new or empty folder",
                    store.root.display()
                );
            }
            disk::create_dir(&store.root.join(LOCKS))?;
            let _lock = disk::Lock::wait(&store.lock_path("store"))?;
            let text = format!("{STORE_VERSION}\n");
            disk::write(&store.root.join(VERSION_FILE), text.as_bytes())?;
        }
        store.checked()
    }

    /// Opens a store that must be there already.
    pub fn existing(root: &Path) -> Result<Store> {
        ensure!(
            root.join(VERSION_FILE).exists(),
            "{} is not a store: it has no {VERSION_FILE}; `kanana run` creates one",
            root.display()
        );
        Store::open(root)
    }

    fn checked(self) -> Result<Store> {
        let path = self.root.join(VERSION_FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            text.trim() == STORE_VERSION.to_string(),
            "{} says version {:?}, and this program reads version {STORE_VERSION}: \
             name another store, or use the program that wrote this one",
            path.display(),
            text.trim()
        );
        disk::create_dir(&self.root.join(LOCKS))?;
        Ok(self)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of an artifact, whether it is there or not.
    pub fn folder(&self, name: &str, key: &str) -> PathBuf {
        self.root.join(key::folder(name, key))
    }

    pub(crate) fn lock_path(&self, name: &str) -> PathBuf {
        self.root.join(LOCKS).join(format!("{name}.lock"))
    }

    /// The artifacts that have a lock, held or not, as `name-key`, sorted. One that is only about
    /// to be made has a lock and no folder yet.
    pub(crate) fn locks(&self) -> Result<Vec<String>> {
        let folder = self.root.join(LOCKS);
        let unlisted = || format!("cannot list {}", folder.display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&folder).with_context(unlisted)? {
            let name = entry.with_context(unlisted)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".lock"));
            if let Some(name) = name.filter(|name| key::split(name).is_some()) {
                found.push(name.to_string());
            }
        }
        found.sort();
        Ok(found)
    }

    /// Everything in it, sorted by name and key. A damaged manifest counts as none;
    /// `verify` says what is wrong with it.
    pub fn artifacts(&self) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        let entries = std::fs::read_dir(&self.root)
            .with_context(|| format!("cannot list {}", self.root.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some((name, key)) = name.to_str().and_then(key::split) else {
                continue;
            };
            if entry.file_type()?.is_dir() {
                found.push(Stored {
                    name: name.to_string(),
                    key: key.to_string(),
                    path: entry.path(),
                    manifest: Manifest::read(&entry.path()).ok(),
                });
            }
        }
        found.sort_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
        Ok(found)
    }

    /// The artifact called `text`: a name that only one carries, `name-key`, a key, or
    /// the path of its folder.
    pub fn find(&self, text: &str) -> Result<Stored> {
        let all = self.artifacts()?;
        let path = Path::new(text).canonicalize().ok();
        let exact = all.iter().find(|stored| {
            stored.key == text
                || key::folder(&stored.name, &stored.key) == text
                || path.as_ref() == Some(&stored.path)
        });
        if let Some(stored) = exact {
            return Ok(stored.clone());
        }
        let named: Vec<&Stored> = all.iter().filter(|stored| stored.name == text).collect();
        // An unfinished one stands back where a finished one carries the name.
        let finished: Vec<&Stored> = named
            .iter()
            .copied()
            .filter(|stored| stored.manifest.is_some())
            .collect();
        match (finished.as_slice(), named.as_slice()) {
            ([one], _) | ([], [one]) => Ok((*one).clone()),
            ([], []) => bail!(
                "there is no artifact called \"{text}\" in {}{}",
                self.root.display(),
                did_you_mean(text, all.iter().map(|stored| stored.name.as_str()))
            ),
            ([], many) | (many, _) => {
                let mut many: Vec<&Stored> = many.to_vec();
                many.sort_by_key(|stored| std::cmp::Reverse(stored.written()));
                let names = many.iter().map(|s| key::folder(&s.name, &s.key));
                bail!(
                    "several artifacts are called \"{text}\": say which, newest first: {}",
                    list(names)
                )
            }
        }
    }

    /// What every artifact takes up, in the order of [`artifacts`](Store::artifacts).
    pub fn usage(&self) -> Result<Vec<(Stored, Usage)>> {
        let all = self.artifacts()?.into_iter();
        all.map(|stored| stored.usage().map(|usage| (stored, usage)))
            .collect()
    }

    /// Whether what a step would make is there.
    pub(crate) fn state(&self, name: &str, key: &str) -> State {
        let folder = self.folder(name, key);
        if !folder.join(MANIFEST).exists() {
            return match folder.is_dir() {
                true => State::Partial,
                false => State::Missing,
            };
        }
        let manifest = match Manifest::read(&folder) {
            Ok(manifest) => manifest,
            Err(error) => return State::Damaged(format!("{error:#}")),
        };
        if manifest.name != name || manifest.key != key {
            return State::Damaged(format!("its manifest is that of {}", manifest.folder()));
        }
        // Lengths are cheap to ask; `verify` reads the bytes as well.
        for file in &manifest.files {
            let length = std::fs::metadata(folder.join(&file.name)).map(|about| about.len());
            match length {
                Ok(length) if length == file.bytes => {}
                Ok(length) => {
                    return State::Damaged(format!(
                        "{} has {length} bytes and should have {}",
                        file.name, file.bytes
                    ));
                }
                Err(_) => return State::Damaged(format!("{} is missing", file.name)),
            }
        }
        State::Cached
    }
}

impl Stored {
    /// `name-key`.
    pub fn folder(&self) -> String {
        key::folder(&self.name, &self.key)
    }

    /// Where its attempts, metrics and messages lie.
    pub fn provenance_dir(&self) -> PathBuf {
        self.path.join(PROVENANCE)
    }

    /// What it takes up on the disk. What lies outside the store is not counted.
    pub fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        for (name, bytes) in files_below(&self.path, &[])? {
            match name.split_once('/').map(|(top, _)| top) {
                Some(PARTIAL | SCRATCH) => usage.partial += bytes,
                Some(PROVENANCE) => usage.provenance += bytes,
                _ => usage.files += bytes,
            }
        }
        Ok(usage)
    }

    fn written(&self) -> Option<std::time::SystemTime> {
        let file = self.path.join(MANIFEST);
        std::fs::metadata(file).ok()?.modified().ok()
    }
}
