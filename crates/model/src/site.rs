//! Where a decoder can be watched while it runs.
//!
//! The forward pass has one path, and whoever measures activations looks on from here: at each site,
//! in the order of the computation, the watcher is lent the array before anything overwrites it.

use serde::{Deserialize, Serialize};

/// A kind of activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Residual stream before a block, `[n, d]`; with the layer one past the last, after them all.
    Stream,
    /// Output of the norm before attention, `[n, d]`.
    AttentionNorm,
    /// Attention's output before its projection, `[n, h·e]`: what each query head says.
    AttentionOutput,
    /// Output of the norm before the feed-forward half, `[n, d]`.
    FeedForwardNorm,
    /// Gate and up, `[n, 2f]`.
    GateUp,
    /// `silu(gate)·up`, `[n, f]`.
    Swiglu,
    /// Output of the last norm, `[n, d]`.
    LastNorm,
}

/// An activation of one forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// What it is.
    pub place: Place,
    /// Of which layer; of the last norm as many as there are layers.
    pub layer: usize,
}
