//! Trains a byte-level BPE tokenizer with the pre-tokenizer and special tokens of Llama 3.
//!
//! Reads: corpora.
//! Writes: `tokenizer.json` and what stands beside it in a Hugging Face directory, and
//! `training.json` (what was counted).
//! The report took Llama 3's own tokenizer (section on architecture); a vocabulary of one's own
//! is for models that share nothing with it.

use crate::kinds::{Corpus, Tokenizer};
use anyhow::{Result, ensure};
use corpus::Document;
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokenizer::{TrainSettings, Trainer};

/// Settings: those of the trainer.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct TrainTokenizer(TrainSettings);

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

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Tokenizer>,
    ) -> Result<()> {
        let mut trainer = Trainer::new(self.0.clone())?;
        let corpora = inputs
            .corpora
            .iter()
            .map(|artifact| corpus::Corpus::open(artifact.path()))
            .collect::<Result<Vec<_>>>()?;
        let all: u64 = corpora
            .iter()
            .map(|corpus| corpus.statistics().total.bytes)
            .sum();
        let documents: u64 = corpora.iter().map(corpus::Corpus::len).sum();
        let wanted = self.0.sample_bytes.map_or(all, |most| most.min(all));
        let mut count = |document: Result<Document>| -> Result<bool> {
            let more = trainer.add(&document?.text);
            context.reached(trainer.bytes(), wanted, "bytes", "counting words")?;
            Ok(more)
        };
        if wanted < all {
            // A sample takes from every corpus alike; the first ones must not fill it.
            for document in corpus::sample(&corpora, wanted, context.seed()) {
                if !count(document)? {
                    break;
                }
            }
            ensure!(
                trainer.bytes() > 0,
                "no text was drawn: the corpora hold {all} bytes in {documents} documents, a document is \
                 drawn or not by chance, and sample_bytes = {wanted} asks for too few: raise it, or leave it out"
            );
        } else {
            for document in corpora.iter().flat_map(corpus::Corpus::documents) {
                count(document)?;
            }
        }
        let trained = trainer.finish(|done, total| context.reached(done, total, "merges", ""))?;
        trained.tokenizer.save(out.path())?;
        let facts = trained.tokenizer.facts();
        out.note("vocabulary", facts.size);
        out.note("with Hangul", facts.hangul);
        out.json("training.json", &trained.training)
    }
}
