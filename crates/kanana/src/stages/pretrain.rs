//! Trains a model on token shards: the report's pre-training, one stage of it at a time.
//!
//! Reads: a model, token shards made with its tokenizer, held-out shards for validation.
//! Writes: the trained model as a Hugging Face directory, `training.json` (loss, rate, validation
//! in bits per byte, what the guard did), and the optimizer's moments in `optimizer/` if asked.
//! Mathematics in `train` (loop, schedule, AdamW, guard) and `model` (decoder).
//! Stage 2, continued training and tuning are this same stage with other inputs.

mod course;

use crate::kinds::{self, Model, Tokens};
use anyhow::{Result, ensure};
use model::{Dtype, SpecialTokens};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tensor::Precision;
use tokenizer::Tokenizer;
use train::{LanguageModel, Settings};

pub(crate) use course::{Course, rows, same_tokenizer};

/// Settings: those of training, and these.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pretrain {
    /// How to train.
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

pub(crate) fn bf16() -> Precision {
    Precision::Bf16
}

pub(crate) fn f32() -> Dtype {
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
        self.course(inputs).estimate()
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        self.course(inputs).check()
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let course = self.course(&inputs);
        let (decoder, data) = course.begin(context)?;
        let mut objective = LanguageModel::new(self.train.z_loss);
        let seed = context.seed();
        course.run(decoder, &data, seed, &mut objective, context, out)
    }
}

impl Pretrain {
    fn course<'a>(&'a self, inputs: &'a Inputs) -> Course<'a> {
        Course {
            train: &self.train,
            precision: self.precision,
            dtype: self.dtype,
            keep_optimizer: self.keep_optimizer,
            continue_optimizer: self.continue_optimizer,
            model: &inputs.model,
            tokens: &inputs.tokens,
            validation: inputs.validation.as_ref(),
        }
    }
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
///
/// # Errors
/// A folder that has no tokenizer, and the disk's.
pub(crate) fn copy_tokenizer(from: &Path, to: &Path) -> Result<()> {
    let file = from.join(tokenizer::TOKENIZER);
    ensure!(
        file.is_file(),
        "wanted the tokenizer {}, and it is not there: put it there, or bind a folder that has one",
        file.display()
    );
    kinds::Tokenizer::copy_if_any(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_is_missed_where_one_is_wanted() {
        let place = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| place.path().join(name));
        disk::create_dir(&to).unwrap();
        disk::create_dir(&from).unwrap();
        disk::write(&from.join(tokenizer::CONFIG), b"{}").unwrap();
        let there = |name: &str| to.join(name).is_file();
        // of a folder without one, and of a file
        for from in [from.clone(), from.join(tokenizer::CONFIG)] {
            let error = copy_tokenizer(&from, &to).unwrap_err().to_string();
            assert!(
                error.contains("tokenizer.json, and it is not there"),
                "{error}"
            );
            assert!(!there(tokenizer::CONFIG));
        }
        // a model that may have none
        kinds::Tokenizer::copy_if_any(&from, &to).unwrap();
        assert!(there(tokenizer::CONFIG) && !there(tokenizer::TOKENIZER));
        disk::write(&from.join(tokenizer::TOKENIZER), b"{}").unwrap();
        copy_tokenizer(&from, &to).unwrap();
        assert!(there(tokenizer::TOKENIZER));
    }
}
