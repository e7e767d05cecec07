//! Makes a model that has learned nothing: a shape, and random numbers.
//!
//! Reads: a tokenizer, optionally; it gives the size of the vocabulary and travels with the model.
//! Writes: a Hugging Face directory.
//! Shapes of the report's family have names (section on architecture): `{ shape = { name = "2.1b" } }`.

use crate::forecast;
use crate::kinds::{Model, Tokenizer};
use crate::stages::pretrain;
use anyhow::{Context as _, Result, ensure};
use model::{Decoder, Dtype, Initial, Shape};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tensor::Precision;

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Init {
    /// `{ name = "2.1b" }`; or `layers`, `width`, `ffn`, `query_heads`, `kv_heads`, `head_dim`, `context`, `tied`,
    /// `norm_epsilon`, `rope` and `vocabulary`, which may be left to the tokenizer.
    shape: Map<String, Value>,
    /// Standard deviation of the random weights. Default 0.02 (Llama).
    #[serde(default = "deviation")]
    deviation: f32,
    /// How the weights are stored. Default f32.
    #[serde(default = "full")]
    dtype: Dtype,
}

fn deviation() -> f32 {
    0.02
}

fn full() -> Dtype {
    Dtype::F32
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    tokenizer: Option<Artifact<Tokenizer>>,
}

impl Stage for Init {
    const NAME: &'static str = "init";
    const SUMMARY: &'static str = "makes an untrained model of a stated shape";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let vocabulary = || {
            inputs
                .tokenizer
                .as_ref()
                .and_then(|tokenizer| tokenizer.expected("vocabulary"))
                .unwrap_or(128_256.0)
        };
        let Ok(shape) = self
            .shape(inputs)
            .or_else(|_| self.with_vocabulary(vocabulary() as usize))
        else {
            return vec![];
        };
        let bytes = match self.dtype {
            Dtype::F32 => 4.0,
            Dtype::Bf16 => 2.0,
        };
        let mut quantities = vec![
            Quantity::parameters(shape.parameters() as f64),
            Quantity::new(
                "parameters without embeddings",
                shape.parameters_without_embedding() as f64,
            ),
            Quantity::disk(shape.parameters() as f64 * bytes),
        ];
        quantities.extend(forecast::shape(&shape));
        quantities
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        let given = self.shape.contains_key("vocabulary") || self.shape.contains_key("name");
        ensure!(
            given || inputs.tokenizer.is_some(),
            "shape.vocabulary is not given and no tokenizer is bound to take it from: give one of the two"
        );
        // A tokenizer that is not trained yet has a size that it is expected to have.
        match &inputs.tokenizer {
            Some(tokenizer) if tokenizer.exists() => self.shape(inputs).map(drop),
            Some(tokenizer) => self
                .fits(
                    tokenizer.expected("vocabulary").unwrap_or(1.0) as usize,
                    tokenizer.name(),
                )
                .map(drop),
            None => self.with_vocabulary(1).map(drop),
        }
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let shape = self.shape(&inputs)?;
        let device = context
            .resource::<crate::device::Machine>()?
            .cpu(Precision::F32)?;
        let mut decoder =
            Decoder::init(shape, device, context.seed(), Initial::from(self.deviation))?;
        if let Some(tokenizer) = &inputs.tokenizer {
            decoder.special =
                pretrain::special_tokens(&tokenizer::Tokenizer::load(tokenizer.path())?);
            pretrain::copy_tokenizer(tokenizer.path(), out.path())?;
        }
        decoder.save(out.path(), self.dtype)?;
        out.note("parameters", decoder.shape.parameters());
        out.note(
            "parameters without embeddings",
            decoder.shape.parameters_without_embedding(),
        );
        Ok(())
    }
}

impl Init {
    fn shape(&self, inputs: &Inputs) -> Result<Shape> {
        match &inputs.tokenizer {
            Some(artifact) => self.fits(
                tokenizer::Tokenizer::load(artifact.path())?.vocabulary(),
                artifact.name(),
            ),
            None => self.parse(self.shape.clone()),
        }
    }

    /// The shape, which must hold every token of the tokenizer.
    fn fits(&self, tokens: usize, tokenizer: &str) -> Result<Shape> {
        let shape = self.with_vocabulary(tokens)?;
        ensure!(
            shape.vocabulary >= tokens,
            "the tokenizer {tokenizer} has a vocabulary of {tokens}, larger than the model's {}: \
             raise shape.vocabulary, or train a smaller tokenizer",
            shape.vocabulary
        );
        Ok(shape)
    }

    fn with_vocabulary(&self, vocabulary: usize) -> Result<Shape> {
        let mut shape = self.shape.clone();
        if !shape.contains_key("name") {
            shape.entry("vocabulary").or_insert(vocabulary.into());
        }
        self.parse(shape)
    }

    fn parse(&self, shape: Map<String, Value>) -> Result<Shape> {
        serde_json::from_value(Value::Object(shape)).context("with.shape")
    }
}
