//! How much each channel, neuron, head and block matters, by what it does on calibration text.
//!
//! The report's section on pruning (Minitron, Muralidharan 2024), forward only. A [`Ranking`] turns
//! a row of activations into scores; for every sequence s the mean m and the root of the sum of
//! squares q of each score over its tokens are taken, and over sequences Σm, Σm², Σq, Σq² are kept
//! in f64, site by site. All the aggregations of Table 15 follow from these four, so that one
//! measurement serves every target and every setting:
//!
//! - channels: |output of the norm| at each norm, to be summed over all of them;
//! - neurons: |silu(gate)·up|, or the mean of |gate| and |up|;
//! - query heads: L2 norm of the head's output;
//! - blocks: 1 − cosine of the residual stream before and after (ShortGPT, Men 2024).
//!
//! Rows of one sequence are added one after another, sequences in the order given, so the sums are bit
//! for bit the same for any number of threads; with other rows beside them activations may differ in
//! their last bits, and then the sums do (tested: by less than 1e-5 of the largest in f32, 2e-2 in bf16).
//! It does not cut: see [`choose`], which makes selections for `gather`.

pub mod choose;
mod file;
mod measure;
mod target;

pub use measure::Meter;
pub use target::Target;

use crate::{Axis, Place, Shape};
use anyhow::{Context, Result, ensure};

/// One way to rank what lies along an axis.
#[derive(Clone, Copy)]
pub struct Ranking {
    /// What is ranked, in the plural.
    pub name: &'static str,
    /// The axis.
    pub axis: Axis,
    /// What a choice depends on: each layer its own, or each layer and head.
    pub given: &'static [Axis],
    /// Where to look. At [`Place::Stream`] a row is that before the block and that after it, side by
    /// side.
    pub places: &'static [Place],
    /// From a row of activations to scores of at least zero, as many as [`Ranking::size`].
    pub score: fn(&Shape, &[f32], &mut [f32]),
}

impl Ranking {
    /// How many scores a row has.
    pub fn size(&self, shape: &Shape) -> usize {
        let along = self.given.iter().chain([&self.axis]);
        along
            .filter(|&&axis| axis != Axis::Layer)
            .map(|&axis| shape.size(axis))
            .product()
    }
}

/// Hidden channels, shared by all layers.
pub const CHANNELS: Ranking = Ranking {
    name: "channels",
    axis: Axis::Width,
    given: &[],
    places: &[
        Place::AttentionNorm,
        Place::FeedForwardNorm,
        Place::LastNorm,
    ],
    score: size_of_each,
};

/// Neurons by what they pass on.
pub const NEURONS: Ranking = Ranking {
    name: "neurons",
    axis: Axis::Ffn,
    given: &[Axis::Layer],
    places: &[Place::Swiglu],
    score: size_of_each,
};

/// Neurons by their two inputs.
pub const NEURONS_GATE_UP: Ranking = Ranking {
    name: "neurons_gate_up",
    axis: Axis::Ffn,
    given: &[Axis::Layer],
    places: &[Place::GateUp],
    score: mean_of_gate_and_up,
};

/// Query heads, each within the group of its key–value head.
pub const QUERY_HEADS: Ranking = Ranking {
    name: "query_heads",
    axis: Axis::Group,
    given: &[Axis::Layer, Axis::KvHead],
    places: &[Place::AttentionOutput],
    score: norm_of_each_head,
};

/// Blocks by how far they turn the residual stream.
pub const BLOCKS: Ranking = Ranking {
    name: "blocks",
    axis: Axis::Layer,
    given: &[],
    places: &[Place::Stream],
    score: turn,
};

/// The shelf: what is measured at once.
pub const RANKINGS: [Ranking; 5] = [CHANNELS, NEURONS, NEURONS_GATE_UP, QUERY_HEADS, BLOCKS];

fn size_of_each(_: &Shape, row: &[f32], scores: &mut [f32]) {
    for (score, x) in scores.iter_mut().zip(row) {
        *score = x.abs();
    }
}

fn mean_of_gate_and_up(_: &Shape, row: &[f32], scores: &mut [f32]) {
    let (gate, up) = row.split_at(scores.len());
    for ((score, gate), up) in scores.iter_mut().zip(gate).zip(up) {
        *score = 0.5 * (gate.abs() + up.abs());
    }
}

fn norm_of_each_head(shape: &Shape, row: &[f32], scores: &mut [f32]) {
    for (score, head) in scores.iter_mut().zip(row.chunks_exact(shape.head_dim)) {
        *score = norm(head) as f32;
    }
}

fn turn(shape: &Shape, row: &[f32], scores: &mut [f32]) {
    let (before, after) = row.split_at(shape.width);
    let along = before.iter().zip(after);
    let dot: f64 = along.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let norms = norm(before) * norm(after);
    scores[0] = if norms > 0.0 {
        (1.0 - dot / norms).max(0.0) as f32
    } else {
        1.0
    };
}

fn norm(row: &[f32]) -> f64 {
    row.iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// The sums of one ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// What is ranked.
    pub name: String,
    /// The layer of each site, in the order of the forward pass; of the last norm that past the last.
    pub layers: Vec<usize>,
    /// Scores at a site.
    pub size: usize,
    /// `[sites, 4, size]`: Σm, Σm², Σq, Σq² over sequences.
    pub values: Vec<f64>,
}

/// What was measured of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// Its shape.
    pub shape: Shape,
    /// Sequences seen.
    pub sequences: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// One for every ranking.
    pub sums: Vec<Sums>,
}

impl Importance {
    /// Nothing seen yet.
    pub fn new(shape: &Shape, rankings: &[Ranking]) -> Self {
        let sums = rankings.iter().map(|ranking| {
            let sites = ranking.places.iter().flat_map(|&place| match place {
                Place::LastNorm => shape.layers..shape.layers + 1,
                _ => 0..shape.layers,
            });
            let mut layers: Vec<usize> = sites.collect();
            layers.sort_unstable();
            let size = ranking.size(shape);
            Sums {
                name: ranking.name.to_owned(),
                values: vec![0.0; layers.len() * 4 * size],
                layers,
                size,
            }
        });
        Importance {
            sums: sums.collect(),
            shape: shape.clone(),
            sequences: 0,
            tokens: 0,
        }
    }

    /// Whether so many tokens can rank what lies along the axes of a decoder of this shape: a score
    /// is a mean over tokens, and with fewer tokens than candidates it is mostly chance.
    ///
    /// # Errors
    /// A sentence that says how many it takes.
    pub fn enough(shape: &Shape, tokens: u64) -> Result<()> {
        let most = shape.width.max(shape.ffn).max(shape.query_heads);
        ensure!(
            tokens >= most as u64,
            "a calibration set of {tokens} tokens is too small to rank {} channels, {} neurons and \
             {} query heads; give at least {most} tokens (the report takes 1024 sequences)",
            shape.width,
            shape.ffn,
            shape.query_heads
        );
        Ok(())
    }

    fn of(&self, ranking: &Ranking) -> Result<&Sums> {
        let size = ranking.size(&self.shape);
        let found = self
            .sums
            .iter()
            .find(|sums| sums.name == ranking.name && sums.size == size);
        found.with_context(|| {
            format!(
                "the importance of {} was not measured; measure it again with this program",
                ranking.name.replace('_', " ")
            )
        })
    }
}

#[cfg(test)]
mod tests;
