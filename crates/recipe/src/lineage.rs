//! Where an artifact comes from, down to raw files: from manifests alone.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::manifest::{Inputs, Manifest, Origin};
use crate::{FileRecord, Store, Stored};

/// An artifact and what it was made from.
#[derive(Clone, Debug, Serialize)]
pub struct Lineage {
    /// The binding by which the artifact above it reads it; empty at the root.
    pub binding: String,
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Its kind.
    pub kind: String,
    /// What it is made of, or why that is not known.
    pub from: From,
}

/// How an artifact came to be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// A stage made it.
    Stage {
        /// The stage.
        stage: String,
        /// The stage's version.
        version: u32,
        /// Its settings.
        settings: Value,
        /// The seed of the step.
        seed: u64,
        /// What it read.
        inputs: Vec<Lineage>,
    },
    /// It lies outside the store.
    Outside {
        /// The file or folder.
        path: PathBuf,
        /// Its files with their hashes.
        files: Vec<FileRecord>,
    },
    /// It stands further up in the same tree.
    Above,
    /// It is no longer in the store.
    Gone,
}

/// The lineage of a finished artifact.
pub fn lineage(store: &Store, artifact: &Stored) -> Result<Lineage> {
    let manifest = Manifest::read(&artifact.path)
        .with_context(|| format!("{} has no lineage", artifact.folder()))?;
    Ok(grow(store, String::new(), manifest, &mut BTreeSet::new()))
}

fn grow(
    store: &Store,
    binding: String,
    manifest: Manifest,
    seen: &mut BTreeSet<String>,
) -> Lineage {
    let first = seen.insert(manifest.folder());
    let from = match manifest.origin {
        _ if !first => From::Above,
        Origin::Outside { path } => From::Outside {
            path,
            files: manifest.files,
        },
        Origin::Made {
            stage,
            version,
            settings,
            seed,
        } => {
            let mut inputs = Vec::new();
            for (binding, bound) in &manifest.inputs {
                for (index, record) in bound.records().iter().enumerate() {
                    let binding = match bound {
                        Inputs::One(_) => binding.clone(),
                        Inputs::Many(_) => format!("{binding}[{index}]"),
                    };
                    inputs.push(
                        match Manifest::read(&store.folder(&record.name, &record.key)) {
                            Ok(manifest) => grow(store, binding, manifest, seen),
                            Err(_) => Lineage {
                                binding,
                                name: record.name.clone(),
                                key: record.key.clone(),
                                kind: record.kind.clone(),
                                from: From::Gone,
                            },
                        },
                    );
                }
            }
            From::Stage {
                stage,
                version,
                settings,
                seed,
                inputs,
            }
        }
    };
    Lineage {
        binding,
        name: manifest.name,
        key: manifest.key,
        kind: manifest.kind,
        from,
    }
}

impl Lineage {
    /// The tree as text; of an input with many files, the first `files` are shown.
    pub fn tree(&self, files: usize) -> String {
        let mut text = String::new();
        self.draw(&mut text, "", "", files);
        text
    }

    fn draw(&self, text: &mut String, first: &str, rest: &str, limit: usize) {
        let binding = match self.binding.as_str() {
            "" => String::new(),
            binding => format!("{binding} = "),
        };
        let how = match &self.from {
            From::Stage { stage, .. } => format!("by {stage}"),
            From::Outside { path, .. } => format!("from {}", path.display()),
            From::Above => "see above".to_string(),
            From::Gone => "no longer in the store".to_string(),
        };
        let Lineage {
            name, key, kind, ..
        } = self;
        *text += &format!("{first}{binding}{name}-{key} ({kind}) {how}\n");
        match &self.from {
            From::Stage { inputs, .. } => {
                for (index, input) in inputs.iter().enumerate() {
                    let (branch, below) = match index + 1 == inputs.len() {
                        true => ("└─ ", "   "),
                        false => ("├─ ", "│  "),
                    };
                    let (first, rest) = (format!("{rest}{branch}"), format!("{rest}{below}"));
                    input.draw(text, &first, &rest, limit);
                }
            }
            From::Outside { files, .. } => {
                for FileRecord {
                    name,
                    bytes,
                    blake3,
                } in files.iter().take(limit)
                {
                    *text += &format!("{rest}   {blake3} {bytes:>12} {name}\n");
                }
                if files.len() > limit {
                    *text += &format!("{rest}   … and {} more files\n", files.len() - limit);
                }
            }
            From::Above | From::Gone => {}
        }
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tree(8))
    }
}
