//! Ranks models on held-out text and passes the best one on: the last step of a search for a shape.
//!
//! Reads: the candidates; with `judged`, what a short training or distillation has made of each, in the
//! same order, which is then what is looked at; held-out token shards.
//! Writes: the best candidate as it is, file by file, and `ranking.json`: all of them, best first.
//! Weights of a candidate that lies in the store get a second name there; all else is copied, so that
//! a file of the user's shares no bytes with the store.
//! Mathematics in `train` (validation: bits per byte). Of two equally good the earlier one is taken.
//!
//! The report's search for a shape (Table 16): `prune` lists and cuts what fits a budget, `distill`
//! teaches each for a short while, and this says which deserves the long one.

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{Model, Tokens};
use crate::stages::pretrain;
use anyhow::{Context as _, Result, ensure};
use model::{Decoder, Use};
use recipe::{Artifact, Context, Manifest, Origin, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fs::File;
use std::path::Path;
use tensor::Precision;
use train::{GroupScore, Settings, Shards};

/// Every candidate, the best first.
const RANKING: &str = "ranking.json";

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rank {
    /// Tokens of held-out documents to judge on (whole documents); not given, all of them.
    sample_tokens: Option<u64>,
    /// Tokens in a window; not given, the shortest context among the models, at most 512.
    sequence: Option<usize>,
    /// What products read: `bf16` (default) or `f32`.
    precision: Precision,
}

impl Default for Rank {
    fn default() -> Self {
        Rank {
            sample_tokens: None,
            sequence: None,
            precision: Precision::Bf16,
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    models: Vec<Artifact<Model>>,
    judged: Option<Vec<Artifact<Model>>>,
    tokens: Artifact<Tokens>,
}

impl Inputs {
    /// What is looked at to judge the candidates.
    fn judged(&self) -> &[Artifact<Model>] {
        self.judged.as_deref().unwrap_or(&self.models)
    }
}

/// A line of `ranking.json`.
#[derive(Serialize)]
struct Place {
    /// Of the candidates, counted from 1.
    candidate: usize,
    model: String,
    judged_by: String,
    parameters: usize,
    bits_per_byte: f64,
    loss: f64,
    groups: Vec<GroupScore>,
}

impl Stage for Rank {
    const NAME: &'static str = "rank";
    const SUMMARY: &'static str = "passes on the best of several models, judged on held-out text";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let Some(first) = inputs.models.first() else {
            return vec![];
        };
        // Which one it will be is not known; candidates of one budget are about as large.
        let shapes: Vec<_> = inputs.models.iter().map(forecast::shape_of).collect();
        let counted = shapes[0].as_ref().map(|shape| shape.parameters() as f64);
        let counted = counted.or(first.expected("parameters"));
        let counted = counted.map(Quantity::parameters);
        let alike = shapes.iter().all(|shape| *shape == shapes[0]);
        let shape = shapes[0].as_ref().filter(|_| alike).map(forecast::shape);
        let nominal = first.expected(forecast::NOMINAL);
        let nominal = nominal.map(|size| Quantity::new(forecast::NOMINAL, size));
        let known = nominal.into_iter().chain(counted);
        known.chain(shape.into_iter().flatten()).collect()
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        let (candidates, judged) = (inputs.models.len(), inputs.judged().len());
        ensure!(
            candidates >= 2,
            "a ranking needs at least two models; `models` names {candidates}"
        );
        ensure!(
            candidates == judged,
            "`judged` are what became of `models`, one each in the same order; there are {judged} for \
             {candidates}"
        );
        ensure!(
            self.sequence.is_none_or(|sequence| sequence > 0),
            "sequence = 0: wanted a window of at least one token, or none, for the models' context"
        );
        ensure!(
            self.sample_tokens.is_none_or(|tokens| tokens >= 2),
            "sample_tokens = {}: wanted at least 2, a token and the one that it is to predict, or none, \
             for all there are",
            self.sample_tokens.unwrap_or_default()
        );
        for model in inputs.judged() {
            forecast::within_context("sequence", self.sequence, model)?;
        }
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let mut places = self.places(&inputs, context)?;
        places.sort_by(better);
        for (at, place) in places.iter().enumerate() {
            context.message(&format!(
                "{}. {}: {:.4} bits per byte, {} parameters",
                at + 1,
                place.model,
                place.bits_per_byte,
                page::quantity(place.parameters as f64)
            ));
        }
        let best = &places[0];
        ensure!(
            best.loss.is_finite(),
            "no candidate has a loss that is a number, so none is the best: look at what made them"
        );
        let winner = &inputs.models[best.candidate - 1];
        let manifest = winner.manifest()?;
        let within = matches!(manifest.origin, Origin::Made { .. });
        for file in &manifest.files {
            context.check_cancelled()?;
            let top = file.name.split('/').next().unwrap_or_default();
            // What became of a candidate's own search is the candidate's.
            if file.name == RANKING || Manifest::RESERVED.contains(&top) {
                continue;
            }
            let from = winner.file(&file.name);
            // Nobody writes to what lies in the store; what is small is copied even so.
            if within && is_weights(&file.name) {
                out.adopt(&from, &file.name)?;
            } else {
                copy(&from, &file.name, out)?;
            }
        }
        out.note("best", best.model.as_str());
        out.note("bits per byte", best.bits_per_byte);
        out.note("parameters", best.parameters);
        out.json(RANKING, &places)
    }
}

fn is_weights(name: &str) -> bool {
    let end = Path::new(name).extension();
    end.is_some_and(|end| end == "safetensors")
}

fn copy(from: &Path, name: &str, out: &Writer<Model>) -> Result<()> {
    let failed = || format!("cannot copy {}", from.display());
    let mut file = out.file(name)?;
    let mut bytes = File::open(from).with_context(failed)?;
    std::io::copy(&mut bytes, &mut file).with_context(failed)?;
    Ok(file.commit()?)
}

/// By bits per byte, and what is no number last; the sort is stable.
fn better(a: &Place, b: &Place) -> Ordering {
    let key = |place: &Place| (!place.loss.is_finite(), place.bits_per_byte);
    let ((a_bad, a), (b_bad, b)) = (key(a), key(b));
    a_bad
        .cmp(&b_bad)
        .then(a.partial_cmp(&b).unwrap_or(Ordering::Equal))
}

impl Rank {
    fn places(&self, inputs: &Inputs, context: &Context<'_>) -> Result<Vec<Place>> {
        let machine = context.resource::<Machine>()?.clone();
        let device = machine.cpu(self.precision)?;
        let shards = Shards::open(inputs.tokens.path())?;
        let shortest = inputs.judged().iter().filter_map(forecast::shape_of);
        let shortest = shortest.map(|shape| shape.context).min();
        let sequence = self.sequence.or(shortest.map(|context| context.min(512)));
        let mut settings = Settings::new(1, sequence.unwrap_or(512));
        settings.validate_tokens = self.sample_tokens;
        let micro_batch = (machine.micro_batch.unwrap_or(4096) / settings.sequence).max(1);

        // The plan may not have known every shape.
        for model in inputs.judged() {
            forecast::within_context("sequence", settings.sequence, model)?;
        }

        let mut places = Vec::new();
        let pairs = inputs.models.iter().zip(inputs.judged());
        for (index, (model, judged)) in pairs.enumerate() {
            context.reached(index as u64, inputs.models.len() as u64, "models", "")?;
            pretrain::same_tokenizer(judged, &inputs.tokens)?;
            let decoder = Decoder::load(judged.path(), device.clone(), Use::Infer)?;
            let seen = train::validate(&decoder, &shards, &settings, micro_batch, 0)
                .with_context(|| format!("judging {}", judged.name()))?;
            places.push(Place {
                candidate: index + 1,
                model: model.name().to_owned(),
                judged_by: judged.name().to_owned(),
                parameters: decoder.shape.parameters(),
                bits_per_byte: seen.total.bits_per_byte,
                loss: seen.total.loss,
                groups: seen.groups,
            });
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(candidate: usize, loss: f64) -> Place {
        Place {
            candidate,
            model: String::new(),
            judged_by: String::new(),
            parameters: 0,
            bits_per_byte: loss / 2.0,
            loss,
            groups: vec![],
        }
    }

    #[test]
    fn the_best_comes_first_and_what_is_no_number_last() {
        let losses = [3.0, f64::NAN, 2.0, f64::INFINITY, 2.0];
        let mut places: Vec<Place> = (1..).zip(losses).map(|(i, loss)| place(i, loss)).collect();
        places.sort_by(better);
        let order: Vec<usize> = places.iter().map(|place| place.candidate).collect();
        assert_eq!(order[..3], [3, 5, 1]);
    }
}
