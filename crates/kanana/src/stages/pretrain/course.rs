//! A course of training, whatever it is after: what the stages that train a base model share.
//!
//! From a model and tokens to a trained model: what it costs, what must fit, the loop's eyes and
//! clock, and what is written. The objective is the stage's own.

use super::special_tokens;
use crate::device::Machine;
use crate::forecast;
use crate::kinds::{Model, Tokens};
use crate::stages::copy_tokenizer;
use anyhow::{Context as _, Result, ensure};
use model::{Decoder, Dtype, Shape, SpecialTokens, Use};
use recipe::{Artifact, Cancelled, Context, Quantity, Writer};
use serde_json::{Value, json};
use std::path::PathBuf;
use tensor::{Cpu, Precision};
use tokenizer::Tokenizer;
use train::{Objective, Settings, Shards, StepRecord, Training, Validation, Watch};

/// The folder of a model that holds the optimizer's moments.
const OPTIMIZER: &str = "optimizer";

/// A stage's settings and inputs, as far as they are about training.
#[derive(Clone, Copy)]
pub(crate) struct Course<'a> {
    pub(crate) train: &'a Settings,
    pub(crate) precision: Precision,
    pub(crate) dtype: Dtype,
    pub(crate) keep_optimizer: bool,
    pub(crate) continue_optimizer: bool,
    pub(crate) model: &'a Artifact<Model>,
    pub(crate) tokens: &'a Artifact<Tokens>,
    pub(crate) validation: Option<&'a Artifact<Tokens>>,
}

/// What is opened before the first step, beside the decoder.
pub(crate) struct Data {
    pub(crate) shards: Shards,
    held_out: Option<Shards>,
    /// Sequences that go through the decoder at once.
    micro_batch: usize,
    moments: PathBuf,
}

impl Course<'_> {
    /// What it costs, without what the objective adds.
    pub(crate) fn estimate(&self) -> Vec<Quantity> {
        let tokens = self.train.tokens as f64;
        // With a shape, which a model that is not there yet is expected to have, figures are exact;
        // with a size alone they are 6·N·D and what each parameter takes in training.
        let shape = forecast::shape_of(self.model);
        let Some(parameters) = shape
            .as_ref()
            .map(|shape| shape.parameters() as f64)
            .or(self.model.expected("parameters"))
        else {
            return vec![Quantity::tokens(tokens)];
        };
        let flops = shape.as_ref().map_or(6.0 * parameters, |shape| {
            shape.flops_per_token(self.train.sequence)
        });
        let memory = shape.as_ref().map_or(20.0 * parameters, |shape| {
            shape.training_bytes(rows(None, self.train), self.train.recompute, self.precision)
                as f64
        });
        let mut quantities = vec![
            Quantity::tokens(tokens),
            Quantity::parameters(parameters),
            Quantity::flops(flops * tokens),
            Quantity::memory(memory),
            // States hold masters and two moments; one more is written before the oldest goes.
            Quantity::disk(parameters * (12.0 * (self.train.keep + 1) as f64 + 4.0)),
        ];
        quantities.extend(forecast::inherited(self.model));
        quantities.extend(forecast::training(self.train));
        quantities
    }

    /// Whether the settings make sense.
    pub(crate) fn check(&self) -> Result<()> {
        self.train.check().context("with.train")?;
        forecast::within_context("train.sequence", self.train.sequence, self.model)
    }

    /// Loads the model and the tokens, and checks that they belong together.
    pub(crate) fn begin(&self, context: &Context<'_>) -> Result<(Decoder<Cpu>, Data)> {
        let shards = Shards::open(self.tokens.path())?;
        let held_out = self
            .validation
            .map(|tokens| Shards::open(tokens.path()))
            .transpose()?;
        let machine = context.resource::<Machine>()?.clone();
        let device = machine.cpu(self.precision)?;
        let mut decoder = Decoder::load(self.model.path(), device, Use::Train)?;
        fits(
            &decoder.shape,
            &shards,
            self.model.name(),
            self.tokens.name(),
        )?;
        same_tokenizer(self.model, self.tokens)?;
        let named = special_tokens(&Tokenizer::load(self.tokens.path())?);
        // Without a tokenizer of its own nobody knows that the model's ids are of these tokens.
        decoder.special = match self.model.file(tokenizer::TOKENIZER).is_file() {
            true => united(named, &decoder.special, decoder.shape.vocabulary),
            false => named,
        };

        let moments = self.model.file(OPTIMIZER);
        ensure!(
            !self.continue_optimizer || moments.is_dir(),
            "continue_optimizer wants the optimizer's moments in {}, and there are none: \
             make that model with keep_optimizer = true",
            moments.display()
        );
        let data = Data {
            micro_batch: (rows(machine.micro_batch, self.train) / self.train.sequence).max(1),
            shards,
            held_out,
            moments,
        };
        Ok((decoder, data))
    }

    /// Trains, and writes the trained model.
    pub(crate) fn run(
        &self,
        mut decoder: Decoder<Cpu>,
        data: &Data,
        seed: u64,
        objective: &mut impl Objective<Cpu>,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let partial = context.partial()?.to_path_buf();
        let training = Training {
            seed,
            decoder: &mut decoder,
            shards: &data.shards,
            held_out: data.held_out.as_ref(),
            settings: self.train,
            micro_batch: data.micro_batch,
            partial: &partial,
            optimizer: self.continue_optimizer.then_some(data.moments.as_path()),
        };
        let mut watching = Watching {
            context,
            failed: None,
        };
        let outcome = train::train(training, objective, &mut watching)?;
        if let Some(error) = watching.failed {
            return Err(error);
        }
        if !outcome.finished {
            return Err(Cancelled.into());
        }

        decoder.save(out.path(), self.dtype)?;
        copy_tokenizer(self.tokens.path(), out.path())?;
        if self.keep_optimizer {
            let folder = out.path().join(OPTIMIZER);
            disk::create_dir(&folder)?;
            outcome.optimizer.save(&decoder, &folder)?;
        }
        out.note("tokens", self.train.tokens);
        if let Some(point) = outcome.curve.points.last() {
            out.note("loss", point.loss);
        }
        if let Some(validation) = outcome.curve.validations.last() {
            out.note("bits per byte", validation.total.bits_per_byte);
        }
        out.json(Model::TRAINING, &outcome.curve)
    }
}

/// Rows in the decoder at once: as asked, or enough to keep products busy without holding more
/// activations than that needs.
pub(crate) fn rows(asked: Option<usize>, settings: &Settings) -> usize {
    asked.unwrap_or(4096).max(settings.sequence)
}

fn fits(shape: &Shape, shards: &Shards, model: &str, tokens: &str) -> Result<()> {
    ensure!(
        shards.vocabulary() <= shape.vocabulary,
        "the tokens {tokens} come from a tokenizer with a vocabulary of {}, larger than the {} of \
         the model {model}: tokenize with the model's own tokenizer, or make a model for this one",
        shards.vocabulary(),
        shape.vocabulary
    );
    Ok(())
}

/// What begins and ends a text: what the tokenizer names, and what else the model does. A tokenizer has
/// one end at most, and a model that chats may stop at several. Ids without a row are no tokens.
fn united(named: SpecialTokens, model: &SpecialTokens, vocabulary: usize) -> SpecialTokens {
    let known = |id: &u32| (*id as usize) < vocabulary;
    let mut eos = named.eos;
    for id in model.eos.iter().copied().filter(known) {
        if !eos.contains(&id) {
            eos.push(id);
        }
    }
    SpecialTokens {
        bos: named.bos.or(model.bos.filter(known)),
        eos,
        pad: named.pad.or(model.pad.filter(known)),
    }
}

/// A model that has a tokenizer goes on with tokens of that tokenizer only: with another one its
/// embeddings would mean other words.
pub(crate) fn same_tokenizer(model: &Artifact<Model>, tokens: &Artifact<Tokens>) -> Result<()> {
    let files = [
        model.file(tokenizer::TOKENIZER),
        tokens.file(tokenizer::TOKENIZER),
    ];
    if files.iter().all(|file| file.is_file()) {
        let [of_model, of_tokens] = files.map(std::fs::read);
        ensure!(
            of_model? == of_tokens?,
            "the tokens {} were made with another tokenizer than that of the model {}: tokenize the \
             text with `tokenizer = \"{}\"`",
            tokens.name(),
            model.name(),
            model.name()
        );
    }
    Ok(())
}

/// Carries what the loop says to the runner.
struct Watching<'c, 'r> {
    context: &'c Context<'r>,
    /// Why figures could not be kept; the loop is stopped for it.
    failed: Option<anyhow::Error>,
}

impl Watching<'_, '_> {
    fn metrics(&mut self, at: u64, figures: Value) {
        if let Err(error) = self.context.metrics(at, figures) {
            self.failed.get_or_insert(error);
        }
    }
}

impl Watch for Watching<'_, '_> {
    fn step(&mut self, record: &StepRecord) {
        self.context.progress(
            record.tokens,
            record.of,
            "tokens",
            &format!("loss {:.3}", record.loss),
        );
        self.metrics(
            record.tokens,
            json!({
                "tokens": record.tokens, "step": record.step, "loss": record.loss, "rate": record.rate,
                "gradient_norm": record.gradient_norm, "epoch": record.epoch,
                "tokens_per_second": if record.seconds > 0.0 { Some(record.batch as f64 / record.seconds) } else { None },
            }),
        );
    }

    fn validation(&mut self, validation: &Validation) {
        let groups = validation.groups.iter().map(|group| {
            (
                format!("bits_per_byte/{}", group.name),
                json!(group.score.bits_per_byte),
            )
        });
        let mut line: serde_json::Map<_, _> = groups.collect();
        line.insert("tokens".into(), validation.tokens.into());
        line.insert(
            "bits_per_byte".into(),
            validation.total.bits_per_byte.into(),
        );
        line.insert("validation_loss".into(), validation.total.loss.into());
        self.metrics(validation.tokens, line.into());
        self.context.message(&format!(
            "after {} tokens: {:.4} bits per byte on held-out text",
            page::quantity(validation.tokens as f64),
            validation.total.bits_per_byte
        ));
    }

    fn message(&mut self, text: &str) {
        self.context.message(text);
    }

    fn stop(&mut self) -> bool {
        self.failed.is_some() || self.context.cancelled()
    }

    fn seconds(&mut self) -> f64 {
        self.context.seconds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_keeps_the_ends_that_its_tokenizer_does_not_name() {
        let special = |bos, eos: &[u32], pad| SpecialTokens {
            bos,
            eos: eos.to_vec(),
            pad,
        };
        let nothing = special(None, &[], None);
        for (named, model, wanted) in [
            // Llama 3.2's, in small: ends of text, of message and of turn, the last the tokenizer's.
            (
                special(Some(10), &[19], None),
                special(Some(10), &[11, 18, 19], Some(14)),
                special(Some(10), &[19, 11, 18], Some(14)),
            ),
            // A model that was never trained.
            (
                special(Some(10), &[11], None),
                nothing.clone(),
                special(Some(10), &[11], None),
            ),
            // A tokenizer that names nothing.
            (
                nothing.clone(),
                special(Some(1), &[2], Some(0)),
                special(Some(1), &[2], Some(0)),
            ),
            // The tokenizer goes first.
            (
                special(Some(3), &[4], Some(5)),
                special(Some(6), &[7, 7], Some(8)),
                special(Some(3), &[4, 7], Some(5)),
            ),
            // No rows of a vocabulary of 20.
            (
                special(None, &[19], None),
                special(Some(20), &[21, 18], Some(u32::MAX)),
                special(None, &[19, 18], None),
            ),
        ] {
            assert_eq!(united(named, &model, 20), wanted, "{model:?}");
        }
    }
}
