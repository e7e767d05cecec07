//! The rows that go through the decoder together: tokens, their positions, and who may see whom.
//!
//! Rows are cut into segments, and attention never leaves its segment: a sequence per segment gives
//! plain batches, a document per segment gives packing with document boundaries kept.
//! It deliberately knows nothing of targets or losses.

use crate::Shape;
use anyhow::{Result, ensure};
use tensor::Mask;

/// n rows of token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Token of each row.
    pub ids: Vec<u32>,
    /// Position of each row, for the rotation; restarts with every segment.
    pub positions: Vec<u32>,
    /// Ascending, from 0 to n: segment s is rows `starts[s]..starts[s + 1]`.
    pub starts: Vec<u32>,
    /// Whether a row sees only itself and the rows of its segment before it.
    pub causal: bool,
}

impl Batch {
    /// Causal segments laid end to end, positions from 0 in each; empty ones are left out.
    pub fn segments<S: AsRef<[u32]>>(segments: impl IntoIterator<Item = S>) -> Self {
        let (mut ids, mut positions, mut starts) = (vec![], vec![], vec![0]);
        for segment in segments {
            let segment = segment.as_ref();
            if segment.is_empty() {
                continue;
            }
            ids.extend_from_slice(segment);
            positions.extend(0..segment.len() as u32);
            starts.push(ids.len() as u32);
        }
        Batch {
            ids,
            positions,
            starts,
            causal: true,
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// The mask that attention takes.
    pub fn mask(&self) -> Mask<'_> {
        Mask {
            starts: &self.starts,
            causal: self.causal,
        }
    }

    /// Whether a decoder of this shape can take it.
    ///
    /// # Errors
    /// A sentence that says which row does not fit: an id outside the vocabulary, a position outside
    /// the context, or segments that do not cover the rows.
    pub fn check(&self, shape: &Shape) -> Result<()> {
        let n = self.rows();
        ensure!(
            self.positions.len() == n,
            "a batch of {n} ids has {} positions; it needs one for each",
            self.positions.len()
        );
        ensure!(
            self.starts.first() == Some(&0)
                && self.starts.last() == Some(&(n as u32))
                && self.starts.is_sorted(),
            "the segments of a batch of {n} rows must ascend from 0 to {n}; they are {:?}",
            self.starts
        );
        if let Some(row) = self
            .ids
            .iter()
            .position(|&id| id as usize >= shape.vocabulary)
        {
            anyhow::bail!(
                "row {row} has token id {}, but the decoder's vocabulary ends at {}; \
                 the tokens were made by another tokenizer than the decoder's",
                self.ids[row],
                shape.vocabulary
            );
        }
        if let Some(row) = self
            .positions
            .iter()
            .position(|&at| at as usize >= shape.context)
        {
            anyhow::bail!(
                "row {row} has position {}, but the decoder's context ends at {}; cut the segments",
                self.positions[row],
                shape.context
            );
        }
        Ok(())
    }
}
