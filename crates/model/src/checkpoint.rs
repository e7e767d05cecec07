//! Hugging Face directories of the Llama family: read by memory map, written streamed and atomically.
//!
//! A directory is `config.json` and `model.safetensors`, or shards with an index; names and shapes
//! are the parameter table's, and whatever disagrees with it is an error that names it.
//! Tokenizer files are the tokenizer's own business. Quantised checkpoints are not read.

mod config;
mod encode;
mod header;
mod part;
mod read;
mod stream;
mod write;

pub use config::{config, read_config};
pub use encode::encode as bytes;
pub(crate) use encode::{bf16, encode};
pub use header::Stored;
pub use read::{Checkpoint, Tensors, read_tensors};
pub use stream::{Sink, stream};
pub use write::{Named, Settings, write, write_tensors};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The file of a checkpoint that is not cut into shards.
const SINGLE: &str = "model.safetensors";
/// Where each tensor is, when it is.
const INDEX: &str = "model.safetensors.index.json";

/// Bytes of tensors in a file, beyond which another is begun: five gigabytes, as `transformers` does.
pub const SHARD_BYTES: usize = 5_000_000_000;

/// The type that weights are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// bfloat16, rounded to nearest even.
    Bf16,
    /// IEEE single precision: masters exactly.
    F32,
}

impl Dtype {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Dtype::Bf16 => 2,
            Dtype::F32 => 4,
        }
    }

    /// The name that configurations give it.
    pub fn torch_name(self) -> &'static str {
        match self {
            Dtype::Bf16 => "bfloat16",
            Dtype::F32 => "float32",
        }
    }
}

#[cfg(test)]
mod tests;
