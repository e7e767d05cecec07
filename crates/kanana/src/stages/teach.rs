//! Asks a teacher about every token of a corpus once, so that any number of students can learn from
//! what it said.
//!
//! Reads: a teacher, and token shards made with its tokenizer.
//! Writes: lessons: for every token the k likeliest next ones with their log-probabilities, and that
//! of all others together, compressed. Mathematics in `train` (lessons) and `tensor` (likeliest).
//! With `seen = "documents"` they serve every student; with `"windows"` they are, for one pass over
//! the tokens in one order, exactly what a live teacher would say.

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{Lessons, Model, Tokens};
use crate::stages::pretrain;
use anyhow::{Result, ensure};
use model::{Decoder, Use};
use recipe::{Artifact, Cancelled, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::Precision;
use train::{Documents, LessonSettings, Order, Seen, Shards, Teaching};

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Teach {
    /// How many of the likeliest tokens are kept of each. Default 64.
    #[serde(default = "likeliest")]
    likeliest: usize,
    /// Both sides' temperature; a student must be held to the same. Default 1.
    #[serde(default = "one")]
    temperature: f32,
    /// What the teacher has seen before a token: its document from the beginning (`documents`,
    /// default), or the window that a student's training would put it in (`windows`).
    #[serde(default)]
    seen: Seen,
    /// Tokens the teacher sees at most; with `windows` the sequence of the students' training.
    sequence: usize,
    /// With `windows`: `packed` (default) or `joined`, as in training.
    #[serde(default)]
    documents: Documents,
    /// With `windows`: `shuffled` (default, by this step's seed, which the student takes over) or
    /// `written`.
    #[serde(default)]
    order: Order,
    /// What products read: `bf16` (default) or `f32`.
    #[serde(default = "pretrain::bf16")]
    precision: Precision,
}

fn likeliest() -> usize {
    64
}

fn one() -> f32 {
    1.0
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    teacher: Artifact<Model>,
    tokens: Artifact<Tokens>,
}

/// A kept token takes about so many bytes after compression.
const BYTES: f64 = 3.2;

impl Stage for Teach {
    const NAME: &'static str = "teach";
    const SUMMARY: &'static str =
        "keeps what a teacher says of every token, for any number of students";
    type Inputs = Inputs;
    type Output = Lessons;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let tokens = match Shards::open(inputs.tokens.path()) {
            Ok(shards) => Some(shards.tokens() as f64),
            Err(_) => inputs.tokens.expected("tokens"),
        };
        let Some(tokens) = tokens else { return vec![] };
        let mut quantities = vec![
            Quantity::tokens(tokens),
            Quantity::disk(tokens * (BYTES * self.likeliest as f64 + 4.0)),
            Quantity::new(forecast::SEQUENCE, self.sequence as f64),
        ];
        let rows = [self.sequence, 4096.max(self.sequence)];
        if let Some(asked) = forecast::asked(&inputs.teacher, tokens, rows, self.precision) {
            quantities.push(Quantity::new(forecast::TEACHER, asked.flops));
            quantities.push(Quantity::memory(asked.bytes));
        }
        quantities
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            self.likeliest > 0,
            "likeliest = 0: wanted at least one token to keep"
        );
        ensure!(
            self.temperature > 0.0,
            "temperature = {}: wanted a number above 0",
            self.temperature
        );
        ensure!(self.sequence > 0, "sequence = 0: wanted at least one token");
        if let Some(shape) = forecast::shape_of(&inputs.teacher) {
            ensure!(
                self.likeliest <= shape.vocabulary,
                "likeliest = {}, and the vocabulary of {} is {}: wanted at most that many",
                self.likeliest,
                inputs.teacher.name(),
                shape.vocabulary
            );
        }
        forecast::within_context("sequence", self.sequence, &inputs.teacher)
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Lessons>,
    ) -> Result<()> {
        pretrain::same_tokenizer(&inputs.teacher, &inputs.tokens)?;
        let machine = context.resource::<Machine>()?.clone();
        let device = machine.cpu(self.precision)?;
        let decoder = Decoder::load(inputs.teacher.path(), device, Use::Infer)?;
        let shards = Shards::open(inputs.tokens.path())?;
        let partial = context.partial()?.to_path_buf();
        let settings = LessonSettings {
            likeliest: self.likeliest,
            temperature: self.temperature,
            seen: self.seen,
            sequence: self.sequence,
            documents: self.documents,
            order: self.order,
            seed: context.seed(),
        };
        let rows = machine.micro_batch.unwrap_or(4096);
        let teaching = Teaching {
            decoder: &decoder,
            shards: &shards,
            settings: &settings,
            micro_batch: (rows / self.sequence).max(1),
            dir: &partial,
            part_rows: None,
        };
        let described = train::teach(&teaching, &mut |done, of| {
            context.progress(done, of, "tokens", "");
            !context.cancelled()
        })?;
        let Some(description) = described else {
            return Err(Cancelled.into());
        };
        let mut bytes = 0;
        for name in description.files() {
            let file = partial.join(&name);
            bytes += std::fs::metadata(&file)?.len();
            out.adopt(&file, &name)?;
        }
        out.note("tokens", description.rows);
        out.note("mean probability of what was not kept", description.rest);
        out.note("bytes per token", bytes as f64 / description.rows as f64);
        context.message(&format!(
            "of each of {} tokens the {} likeliest next ones are kept, in {:.0} bytes a token; what is \
             left out has a probability of {:.2e} on average: with forward KL, and with it alone, a \
             student's gradient by the logits of a token is for that off by at most {:.2e} on average \
             (2·rest·T; 2·rest / T with temperature_squared = false), and by a little more for the \
             rounding of log-probabilities, to 2⁻¹¹ of a nat and down to −32",
            page::quantity(description.rows as f64),
            self.likeliest,
            bytes as f64 / description.rows as f64,
            description.rest,
            2.0 * description.rest * f64::from(self.temperature)
        ));
        Ok(())
    }
}
