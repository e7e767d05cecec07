//! Merges models of one shape into one, in memory that no model's size enters.
//!
//! Reads: the models, by the names of their steps or inputs.
//! Writes: the merged model as a Hugging Face directory, with the tokenizer of the base (or of the
//! first model) where that has one.
//! Mathematics in `model::merge`; settings in mergekit's words. `kanana merge` reads mergekit's own
//! file. Models of several shapes are not reconciled here: they are refused. Where tokenizers differ the
//! result has the donor's, as mergekit has it, which is said and noted in the manifest; with
//! `tokenizer_source = "base"` it is refused.

mod chance;
mod tokens;

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{Model, Tokenizer};
use anyhow::{Context as _, Result, ensure};
use chance::Chance;
use model::Shape;
use model::checkpoint::{Checkpoint, SHARD_BYTES, Stored};
use model::merge::{Config, Merged, Models, Options, Slice, TokenizerSource};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings: `merge_method`, `models` or `slices`, `base_model`, `parameters`, `dtype`, `out_dtype`,
/// `tokenizer_source`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Merge(Config);

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    models: Vec<Artifact<Model>>,
}

impl Stage for Merge {
    const NAME: &'static str = "merge";
    const SUMMARY: &'static str = "merges models of one shape: linear, slerp, task arithmetic, TIES, DARE, Model Stock, passthrough";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let mut stored = self.0.out_dtype.or(self.0.dtype).unwrap_or(Stored::F32);
        let shape = match self.opened(inputs) {
            Ok(Some((_, merged))) => {
                stored = merged.stored;
                Some(merged.shape)
            }
            // Models that are not there yet are expected to have a shape; slices change its depth.
            _ => inputs
                .models
                .iter()
                .find_map(forecast::shape_of)
                .map(|shape| {
                    let layers = self.0.slices.iter().map(Slice::layers);
                    let layers = layers.fold(0, usize::saturating_add);
                    Shape {
                        layers: if layers == 0 { shape.layers } else { layers },
                        ..shape
                    }
                }),
        };
        let Some(shape) = shape.filter(|shape| shape.check().is_ok()) else {
            return vec![];
        };
        let parameters = shape.parameters() as f64;
        let mut quantities = vec![
            Quantity::parameters(parameters),
            Quantity::disk(parameters * stored.bytes() as f64),
        ];
        quantities.extend(forecast::shape(&shape));
        quantities
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        self.0.check()?;
        let given: Vec<&str> = inputs.models.iter().map(Artifact::name).collect();
        let named = self.0.names();
        for name in &named {
            ensure!(
                given.contains(name),
                "the merge names a model {name}, which is not among the step's inputs: write \
                 inputs = {{ models = [{}] }}",
                named
                    .iter()
                    .map(|name| format!("\"{name}\""))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        for name in given {
            ensure!(
                named.contains(&name),
                "the input {name} is not named by the merge: list it among `models` or in a slice, \
                 or leave it out"
            );
        }
        self.opened(inputs).map(drop)
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let (models, _) = self
            .opened(&inputs)?
            .context("a model that is to be merged is not there")?;
        let donor = self.donor(&inputs)?;
        for model in &inputs.models {
            if let Some(difference) = tokens::difference(donor.path(), model.path())? {
                out.note(
                    &format!("tokenizer of {}", model.name()),
                    format!("differs from the result's: {difference}"),
                );
                context.message(&format!(
                    "{} and {} have different tokenizers ({difference}): the result has that of {}",
                    donor.name(),
                    model.name(),
                    donor.name()
                ));
            }
        }
        let threads = context.resource::<Machine>()?.threads();
        let masks = Chance::new(context.seed());
        let watched: &Context<'_> = context;
        let Merged {
            shape,
            stored,
            differences,
        } = model::merge::merge(
            &self.0,
            &models,
            Some(&masks),
            out.path(),
            Options {
                threads,
                shard_bytes: SHARD_BYTES,
                progress: &mut |done, of| {
                    watched.progress(done as u64, of as u64, "parameters", "");
                    watched.check_cancelled()
                },
            },
        )?;
        Tokenizer::copy_if_any(donor.path(), out.path())?;
        for difference in differences {
            context.message(&difference);
        }
        out.note("method", self.0.merge_method.name());
        out.note("layers", shape.layers);
        out.note("parameters", shape.parameters());
        out.note("dtype", stored.torch_name());
        Ok(())
    }
}

impl Merge {
    /// The model whose configuration and tokenizer the result takes.
    fn donor<'a>(&self, inputs: &'a Inputs) -> Result<&'a Artifact<Model>> {
        let donor = self.0.donor().context("the merge names no model")?;
        let donor = inputs.models.iter().find(|model| model.name() == donor);
        donor.context("the merge's first model is not among its inputs")
    }

    /// The models and what will come of them; `None` while one of them is not made yet.
    fn opened(&self, inputs: &Inputs) -> Result<Option<(Models, Merged)>> {
        if !inputs.models.iter().all(Artifact::exists) {
            return Ok(None);
        }
        let open = |artifact: &Artifact<Model>| {
            let checkpoint = Checkpoint::open(artifact.path())?;
            Ok((artifact.name().to_owned(), checkpoint))
        };
        let models = inputs.models.iter().map(open).collect::<Result<Models>>()?;
        let merged = model::merge::check(&self.0, &models)?;
        if self.0.tokenizer_source == Some(TokenizerSource::Base) {
            let donor = self.donor(inputs)?;
            ensure!(
                donor.path().join(tokenizer::TOKENIZER).is_file(),
                "tokenizer_source = \"base\" wants the tokenizer of {}, which has none: put its {} \
                 there, or leave tokenizer_source out",
                donor.name(),
                tokenizer::TOKENIZER
            );
            for other in &inputs.models {
                if let Some(difference) = tokens::difference(donor.path(), other.path())? {
                    anyhow::bail!(
                        "tokenizer_source = \"base\" wants one tokenizer for all models, and those of \
                         {} and {} differ ({difference}): merge models that share one",
                        donor.name(),
                        other.name()
                    );
                }
            }
        }
        Ok(Some((models, merged)))
    }
}
