//! `kanana logits`: a model's logits for given token ids, to compare with other programs.

use super::open::{Weights, locate};
use super::{Where, generate::precision};
use crate::device::Machine;
use crate::terminal;
use anyhow::{Result, ensure};
use clap::Args;
use model::checkpoint::Named;
use model::{Batch, Decoder, Recompute, Tape, checkpoint};
use std::path::PathBuf;
use tensor::{Forward as _, Precision};

/// Write logits.
#[derive(Args)]
pub(crate) struct Logits {
    /// A Hugging Face directory, a GGUF file, or the name of a model in the store
    model: String,
    /// Token ids, with commas between them
    #[arg(long, value_delimiter = ',', required = true)]
    ids: Vec<u32>,
    /// A safetensors file to write: `logits` of shape [ids, vocabulary], f32
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What products read
    #[arg(long, value_name = "PRECISION", value_parser = precision, default_value = "f32")]
    precision: Precision,
    /// How matrices are stored
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    #[command(flatten)]
    store: Where,
}

impl Logits {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        ensure!(!self.ids.is_empty(), "wanted token ids, and there are none");
        let device = machine.cpu(self.precision)?;
        let decoder = Decoder::load(
            &locate(&self.model, &self.store)?,
            device,
            self.weights.purpose(),
        )?;
        let batch = Batch::segments([&self.ids]);
        batch.check(&decoder.shape)?;
        let n = batch.rows();
        let mut tape = Tape::new(&decoder, n, Recompute::None, false);
        decoder.forward(&batch, &mut tape);
        let logits = decoder.device.logits(n, &tape.hidden_nd, decoder.head());
        let shape = [n, decoder.shape.vocabulary];
        checkpoint::write_tensors(&self.out, [Named::new("logits", shape, move || logits)])?;
        terminal::say(&format!(
            "wrote logits of {n} positions to {}",
            self.out.display()
        ));
        Ok(())
    }
}
