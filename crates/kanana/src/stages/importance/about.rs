//! Of which model importance is, and on what it was measured: `importance.json`.

use crate::kinds::Model;
use anyhow::{Result, ensure};
use recipe::Artifact;
use serde::{Deserialize, Serialize};

/// What importance is of.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) model: Fingerprint,
    pub(crate) tokens: String,
    pub(crate) sequences: u64,
    pub(crate) sequence: usize,
    pub(crate) rankings: Vec<String>,
}

/// A model, told from another by its weights: the same ones under another name are the same.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    name: String,
    key: String,
    /// Hashes of the files of weights, in the order of their names.
    weights: Vec<String>,
}

impl Fingerprint {
    pub(crate) fn of(model: &Artifact<Model>) -> Result<Self> {
        let manifest = model.manifest()?;
        let weights = manifest
            .files
            .iter()
            .filter(|file| file.name.ends_with(".safetensors") && !file.name.contains('/'));
        Ok(Fingerprint {
            name: model.name().to_owned(),
            key: model.key().to_owned(),
            weights: weights.map(|file| file.blake3.clone()).collect(),
        })
    }

    /// Whether another is of the same weights.
    ///
    /// # Errors
    /// It is not; a sentence that names both.
    pub(crate) fn same(&self, model: &Artifact<Model>) -> Result<()> {
        ensure!(
            self.weights == Fingerprint::of(model)?.weights,
            "the importance was measured on the model {}-{}, and the one to be pruned, {}-{}, has \
             other weights: measure the importance of that one",
            self.name,
            self.key,
            model.name(),
            model.key()
        );
        Ok(())
    }
}
