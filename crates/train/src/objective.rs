//! What a run is after: a loss, and its gradient with respect to the decoder's output.
//!
//! One loop and one backward pass serve every objective on this shelf; an objective is one file
//! and its line here.

mod distillation;
mod language_model;

use anyhow::Result;
use model::{Decoder, Gradients, Tape};
use tensor::Backward;

use crate::Examples;

pub use distillation::{Compared, Distillation, DistillationSettings, Hidden, Source};
pub use language_model::LanguageModel;

/// The decoder after a forward pass, and where gradients go.
pub struct Output<'a, D: Backward> {
    /// The decoder (its head among its weights).
    pub decoder: &'a Decoder<D>,
    /// `hidden_nd` is the output to judge; its gradient goes to `dhidden_nd` (overwritten).
    pub tape: &'a mut Tape<D>,
    /// Gradients of weights that the objective reads itself, such as the head's, are added here.
    pub gradients: &'a mut Gradients<D>,
}

/// What an objective found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Losses {
    /// Of each row, in nats.
    pub rows: Vec<f32>,
}

/// A loss over the decoder's output.
pub trait Objective<D: Backward> {
    /// The losses of a micro-batch's rows, and the gradient of `share · Σ rows` (regularisers
    /// included) written to `output`. `share` is one over the targets of the whole batch, so the
    /// gradient of a batch does not depend on how it is cut into micro-batches.
    ///
    /// # Errors
    /// What the objective reads beside the output, such as a teacher's cache, cannot be read.
    fn losses(&mut self, output: Output<'_, D>, examples: &Examples, share: f32) -> Result<Losses>;
}
