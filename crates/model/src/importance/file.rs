//! Importance on disk: one safetensors file, the sums in f64, what they are of in its metadata.

use super::{Importance, Sums};
use crate::Shape;
use anyhow::{Context, Result, ensure};
use safetensors::tensor::{SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// What the sums are of.
#[derive(Serialize, Deserialize)]
struct About {
    shape: Shape,
    sequences: u64,
    tokens: u64,
    /// The layer of each site of each ranking.
    layers: Vec<(String, Vec<usize>)>,
}

/// Where [`About`] is in the metadata.
const ABOUT: &str = "importance";

impl Importance {
    /// Writes it, atomically.
    ///
    /// # Errors
    /// The disk's.
    pub fn save(&self, path: &Path) -> Result<()> {
        let about = About {
            shape: self.shape.clone(),
            sequences: self.sequences,
            tokens: self.tokens,
            layers: self
                .sums
                .iter()
                .map(|sums| (sums.name.clone(), sums.layers.clone()))
                .collect(),
        };
        let bytes: Vec<Vec<u8>> = self
            .sums
            .iter()
            .map(|sums| sums.values.iter().flat_map(|x| x.to_le_bytes()).collect())
            .collect();
        let mut views = Vec::new();
        for (sums, bytes) in self.sums.iter().zip(&bytes) {
            let shape = vec![sums.layers.len(), 4, sums.size];
            let view = TensorView::new(safetensors::Dtype::F64, shape, bytes)?;
            views.push((sums.name.clone(), view));
        }
        let metadata = HashMap::from([(ABOUT.to_owned(), serde_json::to_string(&about)?)]);
        let file = safetensors::serialize(views, Some(metadata))?;
        disk::write(path, &file).with_context(|| format!("writing {}", path.display()))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// The file is missing, damaged, or something else.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| {
            format!(
                "{} cannot be read: wanted importance as the stage `importance` writes it",
                path.display()
            )
        })?;
        read(&bytes).with_context(|| {
            format!(
                "{} is not importance as `importance` writes it",
                path.display()
            )
        })
    }
}

fn read(bytes: &[u8]) -> Result<Importance> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let about = metadata.metadata().as_ref().and_then(|all| all.get(ABOUT));
    let about: About = serde_json::from_str(about.context("it does not say of what it is")?)?;
    let tensors = SafeTensors::deserialize(bytes)?;
    let mut sums = Vec::new();
    for (name, layers) in about.layers {
        let tensor = tensors.tensor(&name)?;
        ensure!(
            tensor.dtype() == safetensors::Dtype::F64
                && tensor.shape().len() == 3
                && tensor.shape()[..2] == [layers.len(), 4],
            "its tensor {name} is {:?} of type {:?}; wanted [{}, 4, …] of F64",
            tensor.shape(),
            tensor.dtype(),
            layers.len()
        );
        let numbers = tensor.data().as_chunks().0.iter();
        sums.push(Sums {
            size: tensor.shape()[2],
            values: numbers.map(|bytes| f64::from_le_bytes(*bytes)).collect(),
            name,
            layers,
        });
    }
    Ok(Importance {
        shape: about.shape,
        sequences: about.sequences,
        tokens: about.tokens,
        sums,
    })
}
