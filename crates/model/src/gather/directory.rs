//! From a checkpoint directory to a checkpoint directory, in some tens of megabytes of memory.
//!
//! Rows are read through a memory map, picked, and written, a block at a time; the map is opened anew
//! for each, so that pages already read do not count. Every file is whole or absent; the
//! configuration comes last.

use super::{Gather, Source};
use crate::checkpoint::{self, Checkpoint, Stored, encode};
use crate::{Numbers, ParameterSpec, table};
use anyhow::{Result, ensure};
use half::{bf16, f16};
use std::path::Path;

/// Numbers that are in memory at once.
const BLOCK: usize = 1 << 22;

impl Source for Checkpoint {
    fn rows(&self, spec: &ParameterSpec, rows: &[usize]) -> Result<Numbers> {
        let width = spec.len() / spec.dimensions[0];
        // Neighbours are copied in one piece.
        let runs = rows.chunk_by(|a, b| a + 1 == *b);
        let mut bytes = Vec::new();
        for run in runs {
            let numbers = run[0] * width..(run[0] + run.len()) * width;
            let piece = self.copy_part(spec, numbers)?;
            match bytes.is_empty() {
                true => bytes = piece,
                false => bytes.extend_from_slice(&piece),
            }
        }
        let halves = bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| u16::from_le_bytes(*b));
        Ok(match self.stored(spec)? {
            Stored::Bf16 => Numbers::Bf16(halves.collect()),
            Stored::F16 => Numbers::F32(halves.map(|bits| f16::from_bits(bits).to_f32()).collect()),
            Stored::F32 => {
                let words = bytes.as_chunks::<4>().0.iter();
                Numbers::F32(words.map(|b| f32::from_le_bytes(*b)).collect())
            }
        })
    }
}

impl Checkpoint {
    /// The type that its weights have, or the one that holds all of them exactly where they differ.
    ///
    /// # Errors
    /// A weight is of none of the types that are read.
    pub fn stored_all(&self) -> Result<Stored> {
        let mut all = Vec::new();
        for spec in table(&self.shape) {
            all.push(self.stored(&spec)?);
        }
        let same = all.windows(2).all(|pair| pair[0] == pair[1]);
        Ok(if same { all[0] } else { Stored::F32 })
    }
}

impl Gather {
    /// Writes the result for a checkpoint into an existing folder, in files of up to `shard_bytes`;
    /// `progress` is told the parameters written and how many there are, and its error stops the work.
    ///
    /// # Errors
    /// The checkpoint is of another shape than the surgery; the disk's; that of `progress`.
    pub fn directory(
        &self,
        from: &Checkpoint,
        to: &Path,
        into: (Stored, usize),
        progress: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<()> {
        self.in_blocks(BLOCK, from, to, into, progress)
    }

    fn in_blocks(
        &self,
        block: usize,
        from: &Checkpoint,
        to: &Path,
        into: (Stored, usize),
        mut progress: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<()> {
        ensure!(
            from.shape == self.from,
            "the surgery was planned for a model of another shape than the one it was given"
        );
        let of = self.to.parameters() as u64;
        let mut done = 0;
        checkpoint::stream(to, &self.to, &from.special, into, |spec, sink| {
            let part = self.part(spec);
            let block = (block / part.widest()).max(1);
            for start in (0..part.rows()).step_by(block) {
                let rows = start..part.rows().min(start + block);
                let numbers = part.fetch(rows, from)?;
                done += numbers.values().len() as u64;
                sink.push(&bytes(&numbers, into.0))?;
                progress(done, of)?;
            }
            Ok(())
        })
    }
}

/// Numbers as they lie in a file; bits stay where the type does.
fn bytes(numbers: &Numbers, stored: Stored) -> Vec<u8> {
    match (numbers, stored) {
        (Numbers::F32(x), _) => encode(x, stored),
        (Numbers::Bf16(x), Stored::Bf16) => x.iter().flat_map(|bits| bits.to_le_bytes()).collect(),
        (Numbers::Blocks(..) | Numbers::Mapped(_), _) => encode(&numbers.values().to_f32(), stored),
        (Numbers::Bf16(x), _) => {
            let wide: Vec<f32> = x
                .iter()
                .map(|&bits| bf16::from_bits(bits).to_f32())
                .collect();
            encode(&wide, stored)
        }
    }
}

#[cfg(test)]
mod tests;
