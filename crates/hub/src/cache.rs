//! The folder of what was pulled, models and data sets, laid out as `huggingface_hub` lays out its own:
//!
//! ```text
//! models--ORG--NAME/refs/REVISION                 the commit that a revision meant when it was pulled
//! models--ORG--NAME/blobs/HASH                    a file by what it hashes to
//! models--ORG--NAME/snapshots/COMMIT/PATH         a link to a blob: the model as it is read
//! datasets--ORG--NAME/…                           the same of a data set
//! ```
//!
//! A reference is written last, so what it points to is whole: of a data set the files that were asked for.
//! Other tools write it first, so a model that lacks a part is told from one that has all. Whether a data
//! set is whole its own files do not tell: only models are looked for without asking the hub.

use crate::Name;
use crate::digest::hexadecimal;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Where pulled models and data sets are.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in a folder, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Cache {
            folder: folder.into(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a model, if it was pulled and is whole; nothing if it was never pulled.
    ///
    /// # Errors
    /// A model of which something is missing.
    pub fn find(&self, name: &Name) -> Result<Option<PathBuf>> {
        let Some(commit) = self.commit(name) else {
            return Ok(None);
        };
        let snapshot = self.snapshot(name, &commit);
        if !snapshot.is_dir() {
            return Ok(None);
        }
        match missing(&snapshot)? {
            None => Ok(Some(snapshot)),
            Some(part) => bail!(
                "{name} was pulled only in part: {part} is missing in {}; \
                 `kanana pull {name}` fetches the rest",
                snapshot.display()
            ),
        }
    }

    /// The commit that a revision meant when it was pulled; a commit means itself.
    fn commit(&self, name: &Name) -> Option<String> {
        let text = fs::read_to_string(self.reference(name)).ok();
        text.and_then(|text| hexadecimal(text.trim(), 40))
            .or_else(|| hexadecimal(&name.revision, 40))
    }

    /// Notes what a revision means.
    pub(crate) fn refer(&self, name: &Name, commit: &str) -> Result<()> {
        if name.revision == commit {
            return Ok(());
        }
        let path = self.reference(name);
        if let Some(folder) = path.parent() {
            disk::create_dir(folder)?;
        }
        Ok(disk::write(&path, commit.as_bytes())?)
    }

    /// Puts a blob in its place in a snapshot.
    pub(crate) fn place(&self, name: &Name, commit: &str, path: &str, blob: &str) -> Result<()> {
        let at = self.snapshot(name, commit).join(path);
        if let Some(folder) = at.parent() {
            disk::create_dir(folder)?;
        }
        let up = "../".repeat(2 + path.matches('/').count());
        Ok(disk::point(&at, Path::new(&format!("{up}blobs/{blob}")))?)
    }

    pub(crate) fn snapshot(&self, name: &Name, commit: &str) -> PathBuf {
        self.repository(name).join("snapshots").join(commit)
    }

    pub(crate) fn blobs(&self, name: &Name) -> PathBuf {
        self.repository(name).join("blobs")
    }

    pub(crate) fn locks(&self, name: &Name) -> PathBuf {
        self.folder.join(".locks").join(name.folder())
    }

    fn reference(&self, name: &Name) -> PathBuf {
        self.repository(name).join("refs").join(&name.revision)
    }

    fn repository(&self, name: &Name) -> PathBuf {
        self.folder.join(name.folder())
    }
}

/// The GGUF files of a snapshot, in its folders too, in order.
///
/// # Errors
/// A folder that cannot be read.
pub fn packed(folder: &Path) -> Result<Vec<PathBuf>> {
    let unread = || format!("{} cannot be read", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(unread)? {
        let path = entry.with_context(unread)?.path();
        if path.is_dir() {
            found.extend(packed(&path)?);
        } else if path.extension().is_some_and(|end| end == "gguf") && path.exists() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The first part that a model lacks, as far as its own files tell.
fn missing(snapshot: &Path) -> Result<Option<String>> {
    let mut names: Vec<String> = fs::read_dir(snapshot)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect()
        })
        .with_context(|| format!("{} cannot be read", snapshot.display()))?;
    // A link may stand whose blob is gone.
    names.retain(|name| snapshot.join(name).exists());
    if !packed(snapshot)?.is_empty() {
        return Ok(None);
    }
    if !names.iter().any(|name| name == "config.json") {
        return Ok(Some("config.json".to_owned()));
    }
    let index = snapshot.join("model.safetensors.index.json");
    if let Ok(text) = fs::read_to_string(&index) {
        let value: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is no index", index.display()))?;
        let parts = value["weight_map"].as_object().into_iter().flatten();
        let lost = parts
            .filter_map(|(_, part)| part.as_str())
            .find(|part| !names.iter().any(|name| name == part));
        return Ok(lost.map(str::to_owned));
    }
    let has_weights = names.iter().any(|name| name.ends_with(".safetensors"));
    Ok((!has_weights).then(|| "model.safetensors".to_owned()))
}
