//! Where a stage puts what it makes.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, ensure};
use disk::AtomicFile;
use serde::Serialize;
use serde_json::Value;

use crate::manifest::RESERVED;

/// The artifact under way. Every attempt begins with an empty one; what should outlive
/// a kill belongs into `context.partial()`.
#[derive(Debug)]
pub struct Writer<K> {
    folder: PathBuf,
    notes: BTreeMap<String, Value>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Writer<K> {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            notes: BTreeMap::new(),
            kind: PhantomData,
        }
    }

    /// The artifact's own folder, for a library that writes a whole folder itself.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Begins a file of the artifact; `name` may have folders in it.
    pub fn file(&self, name: &str) -> Result<AtomicFile> {
        Ok(AtomicFile::create(&self.place(name)?)?)
    }

    /// Writes a file of the artifact as JSON.
    pub fn json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        Ok(disk::write(&self.place(name)?, text.as_bytes())?)
    }

    /// Makes a finished file of the partial state a file of the artifact, without copying
    /// it and without taking it from the partial state.
    pub fn adopt(&self, from: &Path, name: &str) -> Result<()> {
        Ok(disk::link(from, &self.place(name)?)?)
    }

    /// A summary value for `show`, kept in the manifest: no times, no speeds.
    pub fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.notes.insert(key.to_string(), value.into());
    }

    pub(crate) fn into_notes(self) -> BTreeMap<String, Value> {
        self.notes
    }

    fn place(&self, name: &str) -> Result<PathBuf> {
        let path = Path::new(name);
        let plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let top = name.split('/').next().unwrap_or_default();
        ensure!(
            plain && !name.is_empty() && !RESERVED.contains(&top) && !name.ends_with(disk::PENDING),
            "an artifact cannot have a file called \"{name}\": the name must lie below its folder \
             and be none of {}",
            RESERVED.join(", ")
        );
        let place = self.folder.join(path);
        if let Some(folder) = place.parent() {
            disk::create_dir(folder)?;
        }
        Ok(place)
    }
}
