//! Trains a model on token shards: the report's pre-training, one stage of it at a time.
//!
//! Reads: a model, token shards made with its tokenizer, held-out shards for validation.
//! Writes: the trained model as a Hugging Face directory, `training.json` (loss, rate, validation
//! in bits per byte, what the guard did), and the optimizer's moments in `optimizer/` if asked.
//! Mathematics in `train` (loop, schedule, AdamW, guard) and `model` (decoder).
//! Stage 2, continued training and tuning are this same stage with other inputs.

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{Model, Tokens};
use anyhow::{Context as _, Result, ensure};
use model::checkpoint::Checkpoint;
use model::{Decoder, Dtype, Shape, SpecialTokens, Use};
use recipe::{Artifact, Cancelled, Context, Quantity, Stage, Writer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use tensor::Precision;
use tokenizer::Tokenizer;
use train::{Event, LanguageModel, Settings, Shards, StepRecord, Training, Validation, Watch};

/// The folder of a model that holds the optimizer's moments.
const OPTIMIZER: &str = "optimizer";

/// Settings: those of training, and these.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pretrain {
    /// How to train; see `kanana stages pretrain`.
    train: Settings,
    /// What products read: `bf16` (default) or `f32`. Masters, moments and sums are f32 always.
    #[serde(default = "bf16")]
    precision: Precision,
    /// How the trained weights are stored. Default f32, so that a next stage starts from the very same.
    #[serde(default = "f32")]
    dtype: Dtype,
    /// Keep the optimizer's moments with the model. Default false.
    #[serde(default)]
    keep_optimizer: bool,
    /// Start from the moments kept with the input model. Default false: fresh ones.
    #[serde(default)]
    continue_optimizer: bool,
}

fn bf16() -> Precision {
    Precision::Bf16
}

fn f32() -> Dtype {
    Dtype::F32
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    model: Artifact<Model>,
    tokens: Artifact<Tokens>,
    validation: Option<Artifact<Tokens>>,
}

impl Stage for Pretrain {
    const NAME: &'static str = "pretrain";
    const SUMMARY: &'static str = "trains a model on token shards, resumable at any moment";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let tokens = self.train.tokens as f64;
        // With a shape, which a model that is not there yet is expected to have, figures are exact;
        // with a size alone they are 6·N·D and what each parameter takes in training.
        let shape = forecast::shape_of(&inputs.model);
        let Some(parameters) = shape
            .as_ref()
            .map(|shape| shape.parameters() as f64)
            .or(inputs.model.expected("parameters"))
        else {
            return vec![Quantity::tokens(tokens)];
        };
        let flops = shape.as_ref().map_or(6.0 * parameters, |shape| {
            shape.flops_per_token(self.train.sequence)
        });
        let memory = shape.as_ref().map_or(20.0 * parameters, |shape| {
            shape.training_bytes(
                rows(None, &self.train),
                self.train.recompute,
                self.precision,
            ) as f64
        });
        let mut quantities = vec![
            Quantity::tokens(tokens),
            Quantity::parameters(parameters),
            Quantity::flops(flops * tokens),
            Quantity::memory(memory),
            // States hold masters and two moments; one more is written before the oldest goes.
            Quantity::disk(parameters * (12.0 * (self.train.keep + 1) as f64 + 4.0)),
        ];
        quantities.extend(forecast::inherited(&inputs.model));
        quantities.extend(forecast::training(&self.train));
        quantities
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        if let Ok(checkpoint) = Checkpoint::open(inputs.model.path()) {
            ensure!(
                self.train.sequence <= checkpoint.shape.context,
                "train.sequence is {}, longer than the context of the model {}, which is {}",
                self.train.sequence,
                inputs.model.name(),
                checkpoint.shape.context
            );
        }
        self.train.check().context("with.train")
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let shards = Shards::open(inputs.tokens.path())?;
        let held_out = inputs
            .validation
            .as_ref()
            .map(|tokens| Shards::open(tokens.path()))
            .transpose()?;
        let machine = context.resource::<Machine>()?.clone();
        let device = machine.cpu(self.precision)?;
        let mut decoder = Decoder::load(inputs.model.path(), device, Use::Train)?;
        fits(
            &decoder.shape,
            &shards,
            inputs.model.name(),
            inputs.tokens.name(),
        )?;
        same_tokenizer(&inputs.model, &inputs.tokens)?;
        decoder.special = special_tokens(&Tokenizer::load(inputs.tokens.path())?);

        let moments = inputs.model.file(OPTIMIZER);
        ensure!(
            !self.continue_optimizer || moments.is_dir(),
            "continue_optimizer wants the optimizer's moments in {}, and there are none: \
             make that model with keep_optimizer = true",
            moments.display()
        );
        let partial = context.partial()?.to_path_buf();
        let micro_batch = (rows(machine.micro_batch, &self.train) / self.train.sequence).max(1);
        let training = Training {
            seed: context.seed(),
            decoder: &mut decoder,
            shards: &shards,
            held_out: held_out.as_ref(),
            settings: &self.train,
            micro_batch,
            partial: &partial,
            optimizer: self.continue_optimizer.then_some(moments.as_path()),
        };
        let mut objective = LanguageModel::new(self.train.z_loss);
        let mut watching = Watching {
            context,
            failed: None,
        };
        let outcome = train::train(training, &mut objective, &mut watching)?;
        if let Some(error) = watching.failed {
            return Err(error);
        }
        if !outcome.finished {
            return Err(Cancelled.into());
        }

        decoder.save(out.path(), self.dtype)?;
        copy_tokenizer(inputs.tokens.path(), out.path())?;
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
fn rows(asked: Option<usize>, settings: &Settings) -> usize {
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

/// Which tokens begin and end a text, as a model's configuration wants them.
pub(crate) fn special_tokens(tokenizer: &Tokenizer) -> SpecialTokens {
    SpecialTokens {
        bos: tokenizer.bos(),
        eos: tokenizer.eos().into_iter().collect(),
        pad: None,
    }
}

/// The tokenizer's files travel with whatever was made with it.
pub(crate) fn copy_tokenizer(from: &Path, to: &Path) -> Result<()> {
    for name in [
        tokenizer::TOKENIZER,
        tokenizer::CONFIG,
        tokenizer::SPECIAL_TOKENS_MAP,
    ] {
        let file = from.join(name);
        if file.is_file() {
            let bytes =
                std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            disk::write(&to.join(name), &bytes)?;
        }
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

    fn event(&mut self, event: &Event) {
        let names: Vec<_> = event
            .skipped
            .iter()
            .map(|document| document.id.as_str())
            .collect();
        self.context.message(&format!(
            "at {} tokens: {}; went back to {} tokens and leave out {}",
            event.tokens,
            event.reason,
            event.back_to,
            names.join(", ")
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
