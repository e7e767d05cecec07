//! Named hardware, and what a step needs of it in one parallel layout: memory a device, and time.
//!
//! A device holds 1/(tensor · pipeline) of the weights (2 bytes a parameter), of the gradients (4)
//! and of the optimizer (12: f32 masters and two moments), each shared among replicas as well where
//! asked for. Activations are those that `model` allocates, shared among tensor devices; a pipeline
//! does not lessen them, since its first stage holds as many micro-batches as there are stages. Time
//! is FLOPs / (peak · utilisation · devices). Communication, data loading and failures are in the
//! utilisation; what is computed again is not counted as work, as is usual for MFU.

use super::account::StepCost;
use crate::forecast;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// One kind of device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hardware {
    pub(super) name: String,
    pub(super) title: String,
    /// Dense bf16.
    pub(super) flops_per_second: f64,
    /// Bytes.
    pub(super) memory: f64,
}

#[derive(Deserialize)]
struct Listed {
    source: String,
    hardware: Vec<Hardware>,
}

fn listed() -> Result<Listed> {
    serde_json::from_str(include_str!("../../../data/hardware.json"))
        .context("data/hardware.json, inside the program, is damaged (a bug of the program)")
}

/// Where the figures come from.
pub(super) fn source() -> Result<String> {
    Ok(listed()?.source)
}

/// A device by its name.
pub(super) fn parse(name: &str) -> Result<Hardware> {
    let all = listed()?.hardware;
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    match all.into_iter().find(|one| one.name == name) {
        Some(found) => Ok(found),
        None => bail!(
            "there is no hardware called {name:?}; there are {}",
            names.join(", ")
        ),
    }
}

/// What replicas share out among themselves instead of each holding the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shard {
    /// Nothing
    Nothing,
    /// The optimizer's state (ZeRO 1)
    Optimizer,
    /// And gradients (ZeRO 2)
    Gradients,
    /// And weights (ZeRO 3)
    Weights,
}

/// Devices and how they share the work.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cluster {
    pub(super) hardware: Hardware,
    pub(super) utilisation: f64,
    pub(super) data: usize,
    pub(super) tensor: usize,
    pub(super) pipeline: usize,
    pub(super) sequences: usize,
    pub(super) shard: Shard,
}

/// What a step needs: bytes on each device, and hours.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Needs {
    pub(super) step: String,
    pub(super) weights: f64,
    pub(super) gradients: f64,
    pub(super) optimizer: f64,
    /// `None` where the shape is not known.
    pub(super) activations: Option<f64>,
    pub(super) teacher: f64,
    pub(super) memory: f64,
    pub(super) fits: bool,
    /// Of all devices at once.
    pub(super) hours: f64,
    pub(super) device_hours: f64,
}

impl Cluster {
    pub(super) fn devices(&self) -> usize {
        self.data * self.tensor * self.pipeline
    }

    /// Hours of one device for so many FLOPs.
    pub(super) fn device_hours(&self, flops: f64) -> f64 {
        flops / (self.hardware.flops_per_second * self.utilisation) / 3600.0
    }

    pub(super) fn needs(&self, step: &StepCost) -> Needs {
        let split = (self.tensor * self.pipeline) as f64;
        let shared = |from: Shard| match self.shard >= from {
            true => self.data as f64,
            false => 1.0,
        };
        let trained = if step.trains {
            step.size.parameters
        } else {
            0.0
        };
        let weights = 2.0 * trained / split / shared(Shard::Weights);
        let gradients = 4.0 * trained / split / shared(Shard::Gradients);
        let optimizer = 12.0 * trained / split / shared(Shard::Optimizer);
        let rows = |sequence: f64| self.sequences * sequence as usize;
        let activations = match (&step.size.shape, step.sequence, step.trains) {
            (Some(shape), Some(sequence), true) => {
                let bytes = forecast::activation_bytes(shape, rows(sequence), step.recompute, true);
                Some(bytes / self.tensor as f64)
            }
            (_, _, true) => None,
            (_, _, false) => Some(0.0),
        };
        let teacher = step.teacher_size.as_ref().map_or(0.0, |size| {
            let weights = 2.0 * size.parameters / split / shared(Shard::Weights);
            let working = match (&size.shape, step.sequence) {
                (Some(shape), Some(sequence)) => {
                    forecast::activation_bytes(shape, rows(sequence), 0.0, false)
                        / self.tensor as f64
                }
                _ => 0.0,
            };
            weights + working
        });
        let memory = weights + gradients + optimizer + activations.unwrap_or(0.0) + teacher;
        let device_hours = self.device_hours(step.training.exact + step.teacher.exact);
        Needs {
            step: step.name.clone(),
            weights,
            gradients,
            optimizer,
            activations,
            teacher,
            memory,
            fits: memory <= self.hardware.memory,
            hours: device_hours / self.devices() as f64,
            device_hours,
        }
    }
}
