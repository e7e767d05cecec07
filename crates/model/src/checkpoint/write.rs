//! Writing: safetensors streamed a tensor at a time, every file whole or absent.
//!
//! The header comes first and says where everything will lie, so it is made from the table before any
//! weight is fetched; at no moment is more than one tensor on the host. Above five gigabytes a
//! checkpoint is cut into shards with an index, as `transformers` does.

use super::header::Stored;
use super::{Dtype, INDEX, SHARD_BYTES, SINGLE, encode, stream};
use crate::{ParameterSpec, Shape, SpecialTokens};
use anyhow::{Context, Result, ensure};
use disk::AtomicFile;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Numbers that become bytes at once.
const PART: usize = 1 << 16;

/// How a checkpoint is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The type of every tensor.
    pub dtype: Dtype,
    /// Bytes of tensors in a file, beyond which another is begun.
    pub shard_bytes: usize,
}

impl Settings {
    /// Shards of five gigabytes.
    pub fn of(dtype: Dtype) -> Self {
        Settings {
            dtype,
            shard_bytes: SHARD_BYTES,
        }
    }
}

/// Writes a checkpoint into an existing folder: weights first, configuration last. `values` is asked
/// for every line of the table, in order, one at a time; so a checkpoint can be written that never
/// was in memory.
///
/// # Errors
/// The disk's, or that the folder holds a checkpoint in the other layout (one file or shards).
pub fn write(
    directory: &Path,
    shape: &Shape,
    special: &SpecialTokens,
    settings: Settings,
    mut values: impl FnMut(&ParameterSpec) -> Vec<f32>,
) -> Result<()> {
    let into = (settings.dtype.into(), settings.shard_bytes);
    stream(directory, shape, special, into, |spec, sink| {
        for part in values(spec).chunks(PART) {
            sink.push(&encode(part, into.0))?;
        }
        Ok(())
    })
}

/// Cuts the table where a file would grow beyond its size; a larger tensor has a file of its own.
pub(super) fn shards(
    specs: &[ParameterSpec],
    number_bytes: usize,
    shard_bytes: usize,
) -> Vec<&[ParameterSpec]> {
    let mut shards = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, spec) in specs.iter().enumerate() {
        let more = spec.len() * number_bytes;
        if at > start && bytes + more > shard_bytes {
            shards.push(&specs[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += more;
    }
    shards.push(&specs[start..]);
    shards
}

/// A reader would find the other layout's files first, or ours among stale ones.
pub(super) fn refuse_other_layout(directory: &Path, sharded: bool) -> Result<()> {
    let other = directory.join(if sharded { SINGLE } else { INDEX });
    ensure!(
        !other.exists(),
        "a checkpoint was to be written to {}, but {} of another one is there; remove that first",
        directory.display(),
        other.display()
    );
    Ok(())
}

pub(super) fn write_json(path: &Path, value: &Value) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    disk::write(path, &text).with_context(|| format!("writing {}", path.display()))
}

/// A tensor to be written whose values are fetched only when its turn comes.
pub struct Named<'a> {
    name: String,
    shape: Vec<usize>,
    values: Box<dyn FnOnce() -> Vec<f32> + 'a>,
}

impl<'a> Named<'a> {
    /// A tensor `name` of `shape`; `values` gives as many numbers as the shape says.
    pub fn new(
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        values: impl FnOnce() -> Vec<f32> + 'a,
    ) -> Self {
        Named {
            name: name.into(),
            shape: shape.into(),
            values: Box::new(values),
        }
    }
}

/// Writes named f32 tensors into one safetensors file, streamed and atomically.
///
/// # Errors
/// The disk's; or two tensors of one name.
pub fn write_tensors<'a>(path: &Path, tensors: impl IntoIterator<Item = Named<'a>>) -> Result<()> {
    let (mut layout, mut values) = (Vec::new(), Vec::new());
    for tensor in tensors {
        layout.push((tensor.name, tensor.shape));
        values.push(Some(tensor.values));
    }
    write_safetensors(path, layout, |index| {
        values[index].take().expect("each is asked for once")()
    })
}

/// One safetensors file of f32: header from `layout`, then the values of tensor 0, 1, 2 ….
fn write_safetensors(
    path: &Path,
    layout: Vec<(String, Vec<usize>)>,
    mut values: impl FnMut(usize) -> Vec<f32>,
) -> Result<()> {
    let lengths: Vec<usize> = layout
        .iter()
        .map(|(_, shape)| shape.iter().product())
        .collect();
    let header = header(Stored::F32, layout)
        .with_context(|| format!("the header of {} cannot be made", path.display()))?;
    let written = (|| {
        let mut file = BufWriter::with_capacity(1 << 20, AtomicFile::create(path)?);
        file.write_all(&header)?;
        for (index, &length) in lengths.iter().enumerate() {
            let values = values(index);
            assert_eq!(values.len(), length, "values of a tensor and its shape");
            for part in values.chunks(PART) {
                file.write_all(&encode(part, Stored::F32))?;
            }
        }
        file.into_inner()
            .map_err(|error| error.into_error())?
            .commit()
    })();
    written.with_context(|| format!("writing {}", path.display()))
}

/// Length and JSON, padded with spaces so that the data starts at a multiple of eight.
pub(super) fn header(stored: Stored, layout: Vec<(String, Vec<usize>)>) -> Result<Vec<u8>> {
    let mut end = 0;
    let mut names = std::collections::BTreeSet::new();
    let tensors = layout
        .into_iter()
        .map(|(name, shape)| {
            ensure!(names.insert(name.clone()), "there are two tensors {name}");
            let start = end;
            end += shape.iter().product::<usize>() * stored.bytes();
            let info = TensorInfo {
                dtype: match stored {
                    Stored::F32 => safetensors::Dtype::F32,
                    Stored::Bf16 => safetensors::Dtype::BF16,
                    Stored::F16 => safetensors::Dtype::F16,
                },
                shape,
                data_offsets: (start, end),
            };
            Ok((name, info))
        })
        .collect::<Result<Vec<_>>>()?;
    // `transformers` refuses files that do not say which framework they are for.
    let metadata = [("format".to_owned(), "pt".to_owned())]
        .into_iter()
        .collect();
    let mut json = serde_json::to_vec(&Metadata::new(Some(metadata), tensors)?)?;
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    Ok(header)
}
