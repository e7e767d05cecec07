//! Measures what every channel, neuron, head and block of a model does on calibration text.
//!
//! Reads: a model, token shards made with its tokenizer.
//! Writes: `importance.safetensors` (sums in f64, for every aggregation of Table 15 at once) and
//! `importance.json` (of which model, on what). Computed once, it serves any number of `prune`s.
//! Mathematics in `model::importance`. Forward only; nothing is cut here.
//! The sums do not depend on the number of threads; on the micro-batch as stated there.

mod about;

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{self, Model, Tokens};
use crate::stages::pretrain::same_tokenizer;
use anyhow::{Context as _, Result, ensure};
use model::importance::{Importance as Measured, Meter, RANKINGS};
use model::{Decoder, Recompute, Use};
use recipe::{Artifact, Cancelled, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ops::Range;
use tensor::{Cpu, Precision};
use train::{Cursor, Documents, Examples, Order, Shards, Stream};

pub(crate) use about::{About, Fingerprint};

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Importance {
    /// Calibration sequences, drawn from the shards. Default 1024, as the report.
    #[serde(default = "sequences")]
    sequences: u64,
    /// Tokens of a sequence; attention stays within a document.
    sequence: usize,
    /// What products read: `bf16` (default) or `f32`.
    #[serde(default = "bf16")]
    precision: Precision,
}

fn sequences() -> u64 {
    1024
}

fn bf16() -> Precision {
    Precision::Bf16
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    model: Artifact<Model>,
    tokens: Artifact<Tokens>,
}

impl Stage for Importance {
    const NAME: &'static str = "importance";
    const SUMMARY: &'static str = "measures what matters in a model, for pruning";
    type Inputs = Inputs;
    type Output = kinds::Importance;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let tokens = self.tokens() as f64;
        let mut quantities = vec![Quantity::tokens(tokens)];
        if let Some(shape) = forecast::shape_of(&inputs.model) {
            let rows = rows(None, self.sequence);
            let activations = shape.activation_bytes(rows, Recompute::Block, self.precision, false);
            let weights = forecast::weight_bytes(self.precision) * shape.parameters() as f64;
            quantities.extend([
                Quantity::flops(shape.forward_flops_per_token(self.sequence) * tokens),
                Quantity::memory(weights + activations as f64),
            ]);
        }
        quantities
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            self.sequences > 0 && self.sequence > 0,
            "wanted at least one calibration sequence of at least one token, found {} of {}",
            self.sequences,
            self.sequence
        );
        forecast::within_context("sequence", self.sequence, &inputs.model)?;
        if let Some(shape) = forecast::shape_of(&inputs.model) {
            Measured::enough(&shape, self.tokens())?;
        }
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<kinds::Importance>,
    ) -> Result<()> {
        let shards = Shards::open(inputs.tokens.path())?;
        let there = shards.tokens().saturating_sub(1) / self.sequence as u64;
        ensure!(
            self.sequences <= there,
            "{} calibration sequences of {} tokens were wanted, and {} holds {there}; lower \
             `sequences` or `sequence`, or bring more text",
            self.sequences,
            self.sequence,
            inputs.tokens.name()
        );
        same_tokenizer(&inputs.model, &inputs.tokens)?;
        let machine = context.resource::<Machine>()?.clone();
        let device = machine.cpu(self.precision)?;
        let decoder = Decoder::load(inputs.model.path(), device, Use::Infer)?;
        ensure!(
            shards.vocabulary() <= decoder.shape.vocabulary,
            "the tokens {} come from a tokenizer with a vocabulary of {}, larger than the {} of the \
             model {}: tokenize with the model's own tokenizer",
            inputs.tokens.name(),
            shards.vocabulary(),
            decoder.shape.vocabulary,
            inputs.model.name()
        );
        let at_once = rows(machine.micro_batch, self.sequence) / self.sequence;
        let measured = self.measure(&decoder, &shards, at_once, context)?;
        measured.save(&out.path().join(kinds::Importance::FILE))?;
        let about = About {
            model: Fingerprint::of(&inputs.model)?,
            tokens: inputs.tokens.name().to_owned(),
            sequences: measured.sequences,
            sequence: self.sequence,
            rankings: measured.sums.iter().map(|sums| sums.name.clone()).collect(),
        };
        out.note("sequences", measured.sequences);
        out.note("tokens", measured.tokens);
        out.json(kinds::Importance::ABOUT, &json!(about))
    }
}

impl Importance {
    /// Tokens in all; more than can be counted are refused once the text is there.
    fn tokens(&self) -> u64 {
        self.sequences.saturating_mul(self.sequence as u64)
    }

    /// Runs the calibration sequences, from where an attempt before this one got.
    fn measure(
        &self,
        decoder: &Decoder<Cpu>,
        shards: &Shards,
        at_once: usize,
        context: &Context<'_>,
    ) -> Result<Measured> {
        let state = context.partial()?.join(kinds::Importance::FILE);
        let begun = state
            .is_file()
            .then(|| Measured::load(&state))
            .transpose()?;
        let mut meter = Meter::new(decoder, &RANKINGS, begun, at_once * self.sequence)?;
        let seed = context.seed();
        let stream = Stream::new(shards, Documents::Packed, Order::Shuffled, seed);
        let (mut cursor, mut examples) = (Cursor::default(), Examples::default());
        for _ in 0..meter.importance().sequences {
            stream.window(&mut cursor, self.sequence, &mut examples);
            examples.clear();
        }
        let (mut saved, every) = (meter.importance().sequences, (self.sequences / 32).max(1));
        while meter.importance().sequences < self.sequences {
            if context.cancelled() {
                meter.importance().save(&state)?;
                return Err(Cancelled.into());
            }
            let left = self.sequences - meter.importance().sequences;
            let mut rows: Vec<Range<usize>> = Vec::new();
            for _ in 0..left.min(at_once as u64) {
                let start = examples.rows();
                stream.window(&mut cursor, self.sequence, &mut examples);
                rows.push(start..examples.rows());
            }
            // Ids come from a file, and one that is damaged must not reach the device.
            let fits = examples.batch.check(&decoder.shape);
            fits.with_context(|| format!("the tokens in {}", shards.dir().display()))?;
            meter.add(&examples.batch, &rows);
            examples.clear();
            let done = meter.importance().sequences;
            context.progress(done * self.sequence as u64, self.tokens(), "tokens", "");
            if done >= saved + every {
                meter.importance().save(&state)?;
                saved = done;
            }
        }
        meter.finish()
    }
}

/// Rows in the decoder at once: whole sequences.
fn rows(asked: Option<usize>, sequence: usize) -> usize {
    (asked.unwrap_or(4096) / sequence).max(1) * sequence
}
