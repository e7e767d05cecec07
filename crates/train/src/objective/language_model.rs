//! Language modelling: the next token's cross-entropy, with z-loss.
//!
//! `loss = −log p[target] + z · log²Z`, z = 5e-6 in the report (PaLM's regulariser keeps the
//! softmax's normaliser near one). The loss that is reported is without z-loss.

use anyhow::Result;
use tensor::{Backward, Grads};

use super::{Losses, Objective, Output};
use crate::Examples;

/// Cross-entropy of the next token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LanguageModel {
    /// Coefficient of `log²Z`.
    pub z: f32,
}

impl LanguageModel {
    /// With this z-loss.
    pub fn new(z: f32) -> Self {
        LanguageModel { z }
    }
}

impl<D: Backward> Objective<D> for LanguageModel {
    fn losses(&mut self, output: Output<'_, D>, examples: &Examples, share: f32) -> Result<Losses> {
        let Output {
            decoder,
            tape,
            gradients,
        } = output;
        let weights = vec![share; examples.rows()];
        let grads = Grads {
            hidden_nd: &mut tape.dhidden_nd,
            head_vd: gradients.head_mut(),
        };
        let rows = decoder.device.cross_entropy(
            &tape.hidden_nd,
            decoder.head(),
            &examples.targets,
            &weights,
            self.z,
            Some(grads),
        );
        Ok(Losses {
            rows: rows.into_iter().map(|(loss, _)| loss).collect(),
        })
    }
}
