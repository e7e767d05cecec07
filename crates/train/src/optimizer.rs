//! AdamW with decoupled weight decay (Loshchilov & Hutter 2019) over every parameter of a decoder.
//!
//! The report decays *independently* of the rate (1e-4 at every size; Wortsman et al. 2024):
//! `w −= s·(peak·adam + λ·w)`, s being the schedule's factor; PyTorch's AdamW, `coupled` here,
//! multiplies λ by the rate as well. Gains of norms do not decay; embeddings do unless told not to.
//!
//! The arithmetic is the device's ([`Backward::adamw`]); here are the moments and the groups.

mod files;

use anyhow::{Result, ensure};
use model::{Axis, Decoder, Gradients, ParameterSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::{AdamW, Backward, Forward};

/// How weights decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// `w −= s·λ·w`: λ does not depend on the peak rate.
    Independent(f64),
    /// `w −= rate·λ·w`, as PyTorch's AdamW.
    Coupled(f64),
}

/// AdamW's constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerSettings {
    /// First-moment decay. Default 0.9.
    pub beta1: f64,
    /// Second-moment decay. Default 0.95.
    pub beta2: f64,
    /// Added to the root of the second moment. Default 1e-8.
    pub epsilon: f64,
    /// `{ independent = 1e-4 }` (default) or `{ coupled = … }`.
    pub decay: Decay,
    /// Whether the embedding and the head decay. Default true.
    pub decay_embeddings: bool,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        OptimizerSettings {
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            decay: Decay::Independent(1e-4),
            decay_embeddings: true,
        }
    }
}

impl OptimizerSettings {
    /// Whether the settings make sense.
    pub fn check(&self) -> Result<()> {
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            ensure!(
                (0.0..1.0).contains(&beta),
                "optimizer.{name} = {beta}: wanted a number from 0 and below 1"
            );
        }
        let (Decay::Independent(decay) | Decay::Coupled(decay)) = self.decay;
        ensure!(
            self.epsilon > 0.0 && decay.is_finite() && decay >= 0.0,
            "optimizer.epsilon = {} and optimizer.decay = {decay}: wanted an epsilon above 0 and a \
             decay from 0",
            self.epsilon
        );
        Ok(())
    }

    /// What multiplies a weight before it is taken away from it.
    fn decay(&self, spec: &ParameterSpec, rate: f64, factor: f64) -> f64 {
        let embedding = spec
            .axes
            .iter()
            .any(|axes| axes.contains(&Axis::Vocabulary));
        if !spec.decays() || (embedding && !self.decay_embeddings) {
            return 0.0;
        }
        match self.decay {
            Decay::Independent(decay) => decay * factor,
            Decay::Coupled(decay) => decay * rate,
        }
    }
}

/// The moments of every parameter.
pub struct Optimizer<D: Forward> {
    settings: OptimizerSettings,
    first: Gradients<D>,
    second: Gradients<D>,
    steps: u64,
}

impl<D: Backward> Optimizer<D> {
    /// Moments of zero.
    pub fn new(decoder: &Decoder<D>, settings: OptimizerSettings) -> Self {
        Optimizer {
            settings,
            first: decoder.gradients(),
            second: decoder.gradients(),
            steps: 0,
        }
    }

    /// How many steps it has made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Steps every weight and clears the gradients. `rate = peak · factor`; gradients are
    /// multiplied by `gradient_scale` first.
    pub fn step(
        &mut self,
        decoder: &mut Decoder<D>,
        gradients: &mut Gradients<D>,
        rate: f64,
        factor: f64,
        gradient_scale: f64,
    ) {
        self.steps += 1;
        let device = decoder.device.clone();
        let moments = self.first.arrays_mut().zip(self.second.arrays_mut());
        let places = decoder
            .parameters_mut()
            .zip(gradients.arrays_mut())
            .zip(moments);
        for (((spec, weight), gradient), (first, second)) in places {
            let step = AdamW {
                rate: rate as f32,
                decay: self.settings.decay(spec, rate, factor) as f32,
                beta1: self.settings.beta1 as f32,
                beta2: self.settings.beta2 as f32,
                epsilon: self.settings.epsilon as f32,
                step: self.steps,
                gradient_scale: gradient_scale as f32,
            };
            device.adamw(weight, gradient, first, second, step);
        }
    }
}

/// Norm of all gradients together.
pub(crate) fn norm<D: Backward>(device: &D, gradients: &Gradients<D>) -> f64 {
    let squares = gradients.arrays().map(|array| device.sum_of_squares(array));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
