//! The decoder: its shape, its weights, its forward and backward, its checkpoints.
//!
//! Architecture of the report's section on models: that of Llama 3 (pre-norm RMSNorm, SwiGLU,
//! rotary positions, grouped queries, no biases, tied or untied head). Every weight is declared
//! once, in [`table`]; counts, initialisation, checkpoint names and checks follow from there.
//!
//! Surgery: [`gather`] takes indices along the table's axes, [`upscale`] lists layers to repeat,
//! [`importance`] says what is worth keeping, [`search`] which smaller shapes fit a budget.
//! [`Pooler`] reads what a decoder makes of whole texts, layer by layer.
//!
//! Deliberately absent: optimizers, data, recipes, sampling; and randomness after `init`.
//!
//! Legend of shape suffixes: `n` rows (the tokens of a batch, segments laid end to end),
//! `d` width, `k` kv heads, `g` queries per kv head, `h` = k·g query heads, `e` head dimension,
//! `f` ffn, `v` vocabulary, `l` layer.

mod backward;
mod batch;
pub mod checkpoint;
mod decoder;
#[cfg(test)]
mod example;
mod family;
pub mod gather;
pub mod gguf;
pub mod importance;
mod init;
pub mod merge;
mod numbers;
mod paged;
mod pool;
mod rope;
pub mod search;
mod shape;
mod site;
mod table;
mod tape;
pub mod upscale;
mod weights;

pub use batch::Batch;
pub use checkpoint::Dtype;
pub use decoder::{Decoder, SpecialTokens, Storage, Use};
pub use init::Initial;
pub use numbers::Numbers;
pub use paged::PagedCache;
pub use pool::{Pool, Pooler};
pub use rope::{Rope, Scaling};
pub use shape::Shape;
pub use site::{Place, Site};
pub use table::{Axis, Init, ParameterSpec, table};
pub use tape::{Recompute, Tape};
pub use weights::{Block, Gradients, Slot, Weights};
