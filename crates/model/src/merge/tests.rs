//! Merges compared with mergekit's, with what must hold of any, and with a naive one.

mod errors;
mod golden;
mod laws;

use super::*;
use crate::checkpoint::{Settings, read_tensors, write};
use crate::{Dtype, Initial, ParameterSpec, Rope, SpecialTokens};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// Folders of checkpoints and of what is merged from them.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Bench(tempfile::tempdir().unwrap())
    }

    /// A checkpoint with given numbers, opened.
    fn model(
        &self,
        name: &str,
        shape: &Shape,
        dtype: Dtype,
        values: impl FnMut(&ParameterSpec) -> Vec<f32>,
    ) -> Checkpoint {
        let folder = self.0.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let special = SpecialTokens {
            bos: Some(1),
            eos: vec![2],
            pad: None,
        };
        write(&folder, shape, &special, Settings::of(dtype), values).unwrap();
        Checkpoint::open(&folder).unwrap()
    }

    fn random(&self, name: &str, shape: &Shape, seed: u64) -> Checkpoint {
        self.model(name, shape, Dtype::F32, |spec| {
            Initial::from(1.0).values(seed, shape, spec)
        })
    }

    /// Merges into a new folder and says which.
    fn merge(
        &self,
        config: Value,
        models: &Models,
        masks: Option<&dyn Masks>,
        threads: usize,
    ) -> Result<PathBuf> {
        let count = std::fs::read_dir(self.0.path()).unwrap().count();
        let folder = self.0.path().join(format!("merged-{count}"));
        std::fs::create_dir(&folder).unwrap();
        let config = serde_json::from_value(config)?;
        let options = Options {
            threads,
            shard_bytes: checkpoint::SHARD_BYTES,
            progress: &mut |_, _| Ok(()),
        };
        let merged = merge(&config, models, masks, &folder, options)?;
        // What was promised is what was written.
        assert_eq!(check(&config, models).unwrap(), merged);
        assert_eq!(Checkpoint::open(&folder).unwrap().shape, merged.shape);
        Ok(folder)
    }
}

fn models(list: impl IntoIterator<Item = (&'static str, Checkpoint)>) -> Models {
    list.into_iter()
        .map(|(name, checkpoint)| (name.to_owned(), checkpoint))
        .collect()
}

/// Odd sizes; an embedding of three parts.
fn shape() -> Shape {
    Shape {
        layers: 2,
        width: 10,
        ffn: 14,
        query_heads: 4,
        kv_heads: 2,
        head_dim: 6,
        vocabulary: 30_001,
        tied: false,
        norm_epsilon: 1e-5,
        rope: Rope::default(),
        context: 32,
    }
}

fn bytes(folder: &std::path::Path) -> Vec<u8> {
    std::fs::read(folder.join("model.safetensors")).unwrap()
}

/// All numbers of a merged checkpoint, tensor by tensor.
fn tensors(file: &std::path::Path) -> Vec<(String, Vec<f32>)> {
    let tensors = read_tensors(file).unwrap();
    let names: Vec<String> = tensors.names().map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| {
            let len = tensors.shape(&name).unwrap().iter().product();
            let values = tensors.read(&name, len).unwrap();
            (name, values)
        })
        .collect()
}
