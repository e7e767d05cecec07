//! Parts of tensors, for work that must never hold a whole one: a merge of checkpoints, a copy.
//!
//! Each part maps its file anew and lets go of it, so that the pages of a checkpoint of any size
//! never stay counted in a process that only passes through it.

use super::Checkpoint;
use super::header::{Entry, Stored};
use crate::ParameterSpec;
use anyhow::{Context, Result, ensure};
use disk::Map;
use std::ops::Range;
use std::path::{Path, PathBuf};

impl Checkpoint {
    /// The type in which a parameter's numbers lie in the file.
    ///
    /// # Errors
    /// There is no such parameter.
    pub fn stored(&self, spec: &ParameterSpec) -> Result<Stored> {
        self.place(spec).map(|(_, _, stored)| stored)
    }

    /// Reads numbers `start..start + values.len()` of a parameter, in row order, as f32.
    ///
    /// # Errors
    /// There is no such parameter, it has fewer numbers, or its file has changed.
    pub fn read_part(&self, spec: &ParameterSpec, start: usize, values: &mut [f32]) -> Result<()> {
        let (path, entry, stored) = self.place(spec)?;
        let map = Map::open(path)?;
        let bytes = part(&map, path, entry, stored, start..start + values.len())?;
        let halves = || {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| u16::from_le_bytes(*b))
        };
        match stored {
            Stored::F32 => {
                for (to, b) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *to = f32::from_le_bytes(*b);
                }
            }
            Stored::Bf16 => {
                for (to, bits) in values.iter_mut().zip(halves()) {
                    *to = f32::from_bits(u32::from(bits) << 16);
                }
            }
            Stored::F16 => {
                for (to, bits) in values.iter_mut().zip(halves()) {
                    *to = half::f16::from_bits(bits).to_f32();
                }
            }
        }
        Ok(())
    }

    /// The bytes of numbers `range` of a parameter as they lie in the file.
    ///
    /// # Errors
    /// As [`read_part`](Checkpoint::read_part).
    pub fn copy_part(&self, spec: &ParameterSpec, range: Range<usize>) -> Result<Vec<u8>> {
        let (path, entry, stored) = self.place(spec)?;
        let map = Map::open(path)?;
        part(&map, path, entry, stored, range).map(<[u8]>::to_vec)
    }

    fn place(&self, spec: &ParameterSpec) -> Result<(&PathBuf, &Entry, Stored)> {
        let (path, entry) = self
            .tensors
            .get(&spec.hugging_face)
            .with_context(|| format!("the checkpoint has no tensor {}", spec.hugging_face))?;
        let stored = entry
            .stored()
            .with_context(|| format!("{} is of type {}", spec.hugging_face, entry.dtype))?;
        Ok((path, entry, stored))
    }
}

fn part<'a>(
    map: &'a Map,
    path: &Path,
    entry: &Entry,
    stored: Stored,
    range: Range<usize>,
) -> Result<&'a [u8]> {
    let whole = map
        .bytes()
        .get(entry.range.clone())
        .with_context(|| format!("{} has become shorter while it was read", path.display()))?;
    let numbers = whole.len() / stored.bytes();
    ensure!(
        range.end <= numbers,
        "numbers {range:?} were wanted of a tensor of {} that has {numbers}",
        path.display()
    );
    Ok(&whole[range.start * stored.bytes()..range.end * stored.bytes()])
}
