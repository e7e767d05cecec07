//! Trains a byte-level BPE tokenizer with the pre-tokenizer and special tokens of Llama 3.
//!
//! Reads: corpora.
//! Writes: `tokenizer.json` and what stands beside it in a Hugging Face directory, and
//! `training.json` (what was counted).
//! The report took Llama 3's own tokenizer (section on architecture); a vocabulary of one's own
//! is for models that share nothing with it.

use crate::kinds::{Corpus, Tokenizer};
use anyhow::Result;
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use serde::{Deserialize, Serialize};
use tokenizer::{TrainSettings, Trainer};

/// Settings: those of the trainer.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TrainTokenizer (TrainSettings);

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpora: Vec<Artifact<Corpus>>,
}

impl Stage for TrainTokenizer {
    const NAME: &'static str = "train-tokenizer";
    const SUMMARY: &'static str = "trains a byte-level BPE tokenizer of the Llama 3 kind";
    type Inputs = Inputs;
    type Output = Tokenizer;

    fn estimate(&self, _: &Inputs) -> Vec<Quantity> {
        vec![Quantity::new("vocabulary", self.0.vocabulary as f64)]
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        Trainer::new(self.0.clone()).map(drop)
    }

    fn run(&self, inputs: Inputs, context: &mut Context<'_>, out: &mut Writer<Tokenizer>) -> Result<()> {
        let mut trainer = Trainer::new(self.0.clone())?;
        let mut done = 0;
        'corpora: for artifact in &inputs.corpora {
            for document in corpus::Corpus::open(artifact.path())?.documents() {
                let document = document?;
                done += document.text.len() as u64;
                if !trainer.add(&document.text) {
                    break 'corpora;
                }
                context.progress(done, self.0.sample_bytes.unwrap_or(0), "bytes", "counting words");
            }
        }
        let trained = trainer.finish(|done, total| context.progress(done, total, "merges", ""))?;
        trained.tokenizer.save(out.path())?;
        let facts = trained.tokenizer.facts();
        out.note("vocabulary", facts.size);
        out.note("with Hangul", facts.hangul);
        out.json("training.json", &trained.training)
    }
}
