//! Whether an artifact is still what its manifest says, byte for byte.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use crate::manifest::{MANIFEST, Manifest, Origin, RESERVED, files_below};
use crate::{Registry, Stored};

/// Something that is not as it should be. Display is a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// There is no manifest.
    #[error("it is unfinished: it has no {MANIFEST}")]
    Unfinished,
    /// The manifest cannot be trusted.
    #[error("its manifest cannot be trusted: {0}")]
    Manifest(String),
    /// A file is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A file has another length.
    #[error("{name} has {found} bytes and should have {wanted}: it was cut short or written over")]
    Length {
        /// The file.
        name: String,
        /// Its length in the manifest.
        wanted: u64,
        /// Its length now.
        found: u64,
    },
    /// A file has other bytes of the same length.
    #[error("{0} has been altered: its length is right, its hash is not")]
    Altered(String),
    /// A file that the manifest does not know.
    #[error("{0} does not belong to it")]
    Extra(String),
    /// The files are whole, but they are not such an artifact.
    #[error("it is no `{kind}`: {reason}")]
    Kind {
        /// The kind it should be.
        kind: String,
        /// Why it is not.
        reason: String,
    },
}

/// Reads every byte of an artifact, or of an input from outside, and compares. Empty
/// where all is well.
pub fn verify(artifact: &Stored, registry: &Registry) -> Result<Vec<Problem>> {
    if !artifact.path.join(MANIFEST).exists() {
        return Ok(vec![Problem::Unfinished]);
    }
    let manifest = match Manifest::read(&artifact.path) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(vec![Problem::Manifest(format!("{error:#}"))]),
    };
    let mut problems = Vec::new();
    if manifest.folder() != artifact.folder() {
        problems.push(Problem::Manifest(format!(
            "it is that of {}",
            manifest.folder()
        )));
    }
    let implied = manifest.implied_key();
    if implied != manifest.key {
        problems.push(Problem::Manifest(format!(
            "what it says has the key {implied}"
        )));
    }
    let (root, outside) = match &manifest.origin {
        Origin::Made { .. } => (artifact.path.clone(), false),
        Origin::Outside { path } => (path.clone(), true),
    };
    let single = outside && root.is_file();
    let mut known = BTreeSet::new();
    for file in &manifest.files {
        known.insert(file.name.as_str());
        let path = if single {
            root.clone()
        } else {
            root.join(&file.name)
        };
        let name = file.name.clone();
        match std::fs::metadata(&path) {
            Err(_) => problems.push(Problem::Missing(name)),
            Ok(about) if about.len() != file.bytes => problems.push(Problem::Length {
                name,
                wanted: file.bytes,
                found: about.len(),
            }),
            Ok(_) if disk::hash_file(&path)? != file.blake3 => {
                problems.push(Problem::Altered(name))
            }
            Ok(_) => {}
        }
    }
    if root.is_dir() {
        let names: Vec<String> = match outside {
            true => crate::outside::files(&root)?,
            false => {
                let files = files_below(&root, &RESERVED)?.into_iter();
                files.map(|(name, _)| name).collect()
            }
        };
        for name in names {
            if !known.contains(name.as_str()) {
                problems.push(Problem::Extra(name));
            }
        }
    }
    if problems.is_empty()
        && let Some(Err(reason)) = registry.check(&manifest.kind, &root)
    {
        problems.push(Problem::Kind {
            kind: manifest.kind,
            reason: format!("{reason:#}"),
        });
    }
    Ok(problems)
}
