//! Keeps one document of each cluster of equal and nearly equal ones.
//!
//! Reads: a corpus; maybe artifacts of earlier deduplications, whose documents count as seen.
//! Writes: the best of each cluster as a corpus, with `cluster_size` in its metadata;
//! `ledger/*.parquet`; `index/`, which a later crawl is held against; `curated.json`.
//! How texts are compared is in `corpus/src/dedup.rs`. It comes before `filter` in FineWeb-2, after it in FineWeb; both work.

use super::filter::{conclude, disk};
use crate::kinds::Corpus;
use anyhow::Result;
use corpus::DedupSettings;
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings: those of the `corpus` crate.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Dedup(DedupSettings);

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
    #[serde(default)]
    against: Vec<Artifact<Corpus>>,
}

impl Stage for Dedup {
    const NAME: &'static str = "dedup";
    const VERSION: u32 = 4; // whole texts are hashed while they are folded; an index says how it was hashed
    const SUMMARY: &'static str = "keeps the best document of each cluster of near-duplicates";
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let mut quantities = disk(&inputs.corpus, 1.2);
        if let (Some(disk), Ok(corpus)) = (
            quantities.first_mut(),
            corpus::Corpus::open(inputs.corpus.path()),
        ) {
            // Keys lie on the disk as runs, and once more as the index.
            disk.value += corpus.len() as f64 * 2.0 * 16.0 * (self.0.bands as f64 + 2.0);
            quantities.push(Quantity::memory(corpus.len() as f64 * 29.0));
        }
        quantities
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        self.0.check()
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let corpus = corpus::Corpus::open(inputs.corpus.path())?;
        let against: Vec<_> = inputs
            .against
            .iter()
            .map(|artifact| artifact.path().to_owned())
            .collect();
        let dedup = corpus::Dedup {
            corpus: &corpus,
            settings: &self.0,
            against: &against,
            partial: context.partial()?,
            out: out.path(),
            threads: context.resource::<crate::device::Machine>()?.threads(),
            run_documents: corpus::Dedup::RUN_DOCUMENTS,
        };
        let account = dedup
            .run(|done, total| context.reached(done, total, "documents", "sketched, then kept"))?;
        conclude(&account, context, out)
    }
}
