//! The record beside an artifact: what was asked, what came out, and from what.
//!
//! It is written last and atomically: a folder without one is unfinished. It holds no
//! time, speed or machine, so that the same work gives the same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key::canonical;
use crate::{STORE_VERSION, key};

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const PROVENANCE: &str = "provenance";
pub(crate) const PARTIAL: &str = "partial";
pub(crate) const SCRATCH: &str = "scratch";
/// What lies in an artifact's folder without being one of its files.
pub(crate) const RESERVED: [&str; 4] = [MANIFEST, PROVENANCE, PARTIAL, SCRATCH];

/// What is known of a finished artifact, or of an input from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How the store was laid out when it was written.
    pub store_version: u32,
    /// The name of the step or input.
    pub name: String,
    /// Twelve hexadecimal digits.
    pub key: String,
    /// What it is.
    pub kind: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it was made from, by binding.
    pub inputs: BTreeMap<String, Inputs>,
    /// What its stage noted for `show`.
    pub notes: BTreeMap<String, Value>,
    /// Every file, sorted by name.
    pub files: Vec<FileRecord>,
    /// BLAKE3 of all the above, so that a damaged manifest is noticed.
    seal: String,
}

/// Where an artifact comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// A stage made it.
    Made {
        /// The stage.
        stage: String,
        /// The stage's version.
        version: u32,
        /// Its settings, defaults filled in.
        settings: Value,
        /// The seed of the step.
        seed: u64,
    },
    /// It lies outside the store.
    Outside {
        /// The file or folder that was bound.
        path: PathBuf,
    },
}

/// What one binding holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Inputs {
    /// One artifact.
    One(InputRecord),
    /// A list of them.
    Many(Vec<InputRecord>),
}

impl Inputs {
    /// The artifacts, in order.
    pub fn records(&self) -> &[InputRecord] {
        match self {
            Inputs::One(one) => std::slice::from_ref(one),
            Inputs::Many(many) => many,
        }
    }

    /// How it enters a key.
    pub(crate) fn asked(&self) -> Value {
        match self {
            Inputs::One(one) => Value::from(one.folder()),
            Inputs::Many(many) => many.iter().map(InputRecord::folder).collect(),
        }
    }
}

/// An artifact that another was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRecord {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Its kind.
    pub kind: String,
}

impl InputRecord {
    /// `name-key`.
    pub fn folder(&self) -> String {
        key::folder(&self.name, &self.key)
    }
}

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its path below the artifact, with `/` between folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The hash of its contents.
    pub blake3: String,
}

impl Manifest {
    /// The file that it lies in, beside the artifact's own.
    pub const FILE: &'static str = MANIFEST;
    /// What lies in an artifact's folder without being one of its files.
    pub const RESERVED: [&'static str; 4] = RESERVED;

    pub(crate) fn new(
        (name, key, kind): (&str, &str, &str),
        origin: Origin,
        inputs: BTreeMap<String, Inputs>,
        notes: BTreeMap<String, Value>,
        files: Vec<FileRecord>,
    ) -> Result<Self> {
        let mut manifest = Manifest {
            store_version: STORE_VERSION,
            name: name.to_string(),
            key: key.to_string(),
            kind: kind.to_string(),
            origin,
            inputs,
            notes,
            files,
            seal: String::new(),
        };
        manifest.seal = manifest.sealed()?;
        Ok(manifest)
    }

    /// Reads the manifest of the artifact in `folder`.
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "{} has no readable manifest, so the artifact is unfinished or none",
                folder.display()
            )
        })?;
        let damaged = || {
            format!(
                "{} is damaged; remove the folder and make the artifact again",
                path.display()
            )
        };
        let manifest: Manifest = serde_json::from_slice(&bytes).with_context(damaged)?;
        ensure!(
            manifest.store_version == STORE_VERSION,
            "{} was written for version {} of the store, and this program reads version {STORE_VERSION}",
            path.display(),
            manifest.store_version,
        );
        if manifest.sealed()? != manifest.seal {
            return Err(anyhow::anyhow!("its contents do not match its seal"))
                .with_context(damaged);
        }
        Ok(manifest)
    }

    /// Writes it atomically into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(disk::write(&folder.join(MANIFEST), text.as_bytes())?)
    }

    /// `name-key`.
    pub fn folder(&self) -> String {
        key::folder(&self.name, &self.key)
    }

    /// The stage that made it, or `None` for an input from outside.
    pub fn stage(&self) -> Option<&str> {
        match &self.origin {
            Origin::Made { stage, .. } => Some(stage),
            Origin::Outside { .. } => None,
        }
    }

    /// The length of its files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The key that the rest of the manifest implies.
    pub(crate) fn implied_key(&self) -> String {
        match &self.origin {
            Origin::Made {
                stage,
                version,
                settings,
                seed,
            } => {
                let inputs = self.inputs.iter();
                let inputs = inputs.map(|(name, inputs)| (name.clone(), inputs.asked()));
                key::key(stage, *version, settings, *seed, &inputs.collect())
            }
            Origin::Outside { .. } => contents_key(&self.files),
        }
    }

    fn sealed(&self) -> Result<String> {
        let mut value = serde_json::to_value(self)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("seal");
        }
        Ok(blake3::hash(canonical(&value).as_bytes())
            .to_hex()
            .to_string())
    }
}

/// The key of an input from outside: the names and contents of its files.
pub(crate) fn contents_key(files: &[FileRecord]) -> String {
    let list: Vec<Value> = files
        .iter()
        .map(|file| json!([file.name, file.blake3]))
        .collect();
    key::short(canonical(&Value::from(list)).as_bytes())
}

/// Folders within folders that are looked through; deeper ones are refused.
const DEEPEST: usize = 64;

/// Fails below the deepest folder that is looked through. `prefix` is the name of the folder below
/// its root, with `/` after each part.
pub(crate) fn deep_enough(folder: &Path, prefix: &str) -> Result<()> {
    ensure!(
        prefix.matches('/').count() < DEEPEST,
        "{} lies more than {DEEPEST} folders deep: is a link going round in a circle?",
        folder.display()
    );
    Ok(())
}

/// The name of a file as text, which is how it enters keys.
pub(crate) fn name_of(entry: &std::fs::DirEntry) -> Result<String> {
    match entry.file_name().into_string() {
        Ok(name) => Ok(name),
        Err(_) => bail!(
            "the name of {} is not valid UTF-8, and names enter keys as text: rename it",
            entry.path().display()
        ),
    }
}

/// The files below `root`, sorted by name, with their lengths; names in `skip` are left
/// out at the top. Links are refused: what is in the store holds none.
pub(crate) fn files_below(root: &Path, skip: &[&str]) -> Result<Vec<(String, u64)>> {
    fn walk(
        folder: &Path,
        prefix: &str,
        skip: &[&str],
        found: &mut Vec<(String, u64)>,
    ) -> Result<()> {
        deep_enough(folder, prefix)?;
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = entry.path();
            let name = name_of(&entry)?;
            if skip.contains(&name.as_str()) {
                continue;
            }
            let about = std::fs::symlink_metadata(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let name = format!("{prefix}{name}");
            if about.is_dir() {
                walk(&path, &format!("{name}/"), &[], found)?;
            } else if about.is_file() {
                found.push((name, about.len()));
            } else {
                bail!(
                    "{} is neither a file nor a folder: an artifact holds nothing else",
                    path.display()
                );
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(root, "", skip, &mut found)?;
    found.sort();
    Ok(found)
}
