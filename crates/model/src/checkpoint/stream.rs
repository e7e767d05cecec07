//! Writing a checkpoint whose tensors never exist whole: the caller hands over bytes as it has them.
//!
//! The same files as [`write`](super::write): shards with an index above `shard_bytes`, the
//! configuration last, every file whole or absent. Tensors may be written as float16 here too.

use super::config::{config, generation_config};
use super::header::Stored;
use super::write::{header, refuse_other_layout, shards, write_json};
use super::{Dtype, INDEX, SINGLE};
use crate::{ParameterSpec, Shape, SpecialTokens, table};
use anyhow::{Context, Result, ensure};
use disk::AtomicFile;
use serde_json::{Map, json};
use std::io::Write;
use std::path::Path;

/// Takes the bytes of one tensor, from its first number to its last.
pub struct Sink<'a> {
    file: &'a mut AtomicFile,
    written: usize,
}

impl Sink<'_> {
    /// Appends bytes: little-endian numbers of the type that was asked for.
    ///
    /// # Errors
    /// The disk's.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len();
        Ok(self.file.write_all(bytes)?)
    }
}

/// Writes a checkpoint of this shape into an existing folder. `fill` is asked for every line of the
/// table, in order, and pushes as many numbers as the line says, in the type `stored`.
///
/// # Errors
/// The disk's, those of `fill`, or that the folder holds a checkpoint in the other layout.
pub fn stream(
    directory: &Path,
    shape: &Shape,
    special: &SpecialTokens,
    (stored, shard_bytes): (Stored, usize),
    mut fill: impl FnMut(&ParameterSpec, &mut Sink<'_>) -> Result<()>,
) -> Result<()> {
    let specs = table(shape);
    let shards = shards(&specs, stored.bytes(), shard_bytes);
    refuse_other_layout(directory, shards.len() > 1)?;
    let mut weight_map = Map::new();
    for (number, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => SINGLE.to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
        };
        let path = directory.join(&name);
        let layout = shard
            .iter()
            .map(|spec| (spec.hugging_face.clone(), spec.dimensions.clone()));
        let header = header(stored, layout.collect())?;
        let written = (|| {
            let mut file = AtomicFile::create(&path)?;
            file.write_all(&header)?;
            for spec in *shard {
                let mut sink = Sink {
                    file: &mut file,
                    written: 0,
                };
                fill(spec, &mut sink).with_context(|| format!("making {}", spec.hugging_face))?;
                let wanted = spec.len() * stored.bytes();
                ensure!(
                    sink.written == wanted,
                    "{} takes {wanted} bytes and was given {} (a bug of what makes it)",
                    spec.hugging_face,
                    sink.written
                );
                weight_map.insert(spec.hugging_face.clone(), json!(name));
            }
            Ok(file.commit()?)
        })();
        written.with_context(|| format!("writing {}", path.display()))?;
    }
    if shards.len() > 1 {
        let parameters = shape.parameters();
        let index = json!({
            "metadata": { "total_parameters": parameters, "total_size": parameters * stored.bytes() },
            "weight_map": weight_map,
        });
        write_json(&directory.join(INDEX), &index)?;
    }
    let generation = generation_config(special);
    write_json(&directory.join("generation_config.json"), &generation)?;
    let mut config = config(shape, special, Dtype::F32);
    for name in ["dtype", "torch_dtype"] {
        config[name] = json!(stored.torch_name());
    }
    write_json(&directory.join("config.json"), &config)
}
