//! The optimizer on disk: its moments as one safetensors file, and how many steps it has made.
//!
//! A stage that continues another may begin with these moments instead of zeros.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use model::{Decoder, Gradients, checkpoint, checkpoint::Named};
use serde::{Deserialize, Serialize};
use tensor::Backward;

use super::Optimizer;

const MOMENTS: &str = "optimizer.safetensors";
const STEPS: &str = "optimizer.json";

/// Raised when the files would be read differently.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    format: u32,
    steps: u64,
}

impl<D: Backward> Optimizer<D> {
    /// Writes the moments into a folder that exists.
    pub fn save(&self, decoder: &Decoder<D>, dir: &Path) -> Result<()> {
        let first = named(decoder, "first", &self.first);
        let second = named(decoder, "second", &self.second);
        checkpoint::write_tensors(&dir.join(MOMENTS), first.chain(second))?;
        let steps = Steps {
            format: FORMAT,
            steps: self.steps,
        };
        disk::write(&dir.join(STEPS), &serde_json::to_vec(&steps)?)?;
        Ok(())
    }

    /// Takes over the moments that [`save`](Self::save) wrote for a decoder of the same shape.
    pub fn load(&mut self, decoder: &Decoder<D>, dir: &Path) -> Result<()> {
        let path = dir.join(STEPS);
        let text = std::fs::read(&path)
            .with_context(|| format!("{} cannot be read: wanted an optimizer", path.display()))?;
        let steps: Steps = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not an optimizer's", path.display()))?;
        ensure!(
            steps.format == FORMAT,
            "{} is of format {}, this program reads format {FORMAT}: begin with a fresh optimizer",
            path.display(),
            steps.format
        );
        let device = &*decoder.device;
        let tensors = checkpoint::read_tensors(&dir.join(MOMENTS))?;
        for (prefix, moments) in [("first", &mut self.first), ("second", &mut self.second)] {
            for (spec, array) in decoder.table().iter().zip(moments.arrays_mut()) {
                let name = format!("{prefix}.{}", spec.name);
                ensure!(
                    tensors
                        .shape(&name)
                        .is_none_or(|shape| shape == spec.dimensions),
                    "{} is {:?} in {}, but the model's is {:?}: the optimizer belongs to another \
                     model, begin with a fresh one",
                    name,
                    tensors.shape(&name).unwrap_or_default(),
                    dir.display(),
                    spec.dimensions
                );
                device.write(&tensors.read(&name, spec.len())?, array);
            }
        }
        self.steps = steps.steps;
        Ok(())
    }
}

/// Moments on their way to the disk, one on the host at a time.
fn named<'a, D: Backward>(
    decoder: &'a Decoder<D>,
    prefix: &'a str,
    moments: &'a Gradients<D>,
) -> impl Iterator<Item = Named<'a>> {
    let places = decoder.table().iter().zip(moments.arrays());
    places.map(move |(spec, array)| {
        let read = || decoder.device.read(array, spec.len());
        Named::new(
            format!("{prefix}.{}", spec.name),
            spec.dimensions.clone(),
            read,
        )
    })
}
