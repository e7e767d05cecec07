//! Reads files of many formats as one corpus, and keeps an account of what could not be read.
//!
//! Reads: files or folders from outside (JSONL, JSONL.zst, JSONL.gz, Parquet, text, Markdown).
//! Writes: a corpus, and `ingested.json` (files, bad records by reason with samples, counts).
//! It judges form only; whether a text is any good is for later stages.

use crate::kinds::{Corpus, Files};
use anyhow::{Result, ensure};
use corpus::{ReadSettings, Source, WriteSettings, Writer as CorpusWriter};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ingest {
    /// Only files whose name begins so; all of them where nothing is said.
    only: Option<String>,
    /// How records become documents.
    read: ReadSettings,
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    files: Artifact<Files>,
}

impl Stage for Ingest {
    const NAME: &'static str = "ingest";
    const VERSION: u32 = 2; // line ends are line feeds
    const SUMMARY: &'static str = "reads JSONL, Parquet, text and Markdown as a corpus";
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let bytes = self.source(inputs).map_or(0, |source| source.bytes());
        vec![Quantity::disk(bytes as f64 * 1.5)]
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let source = self.source(&inputs)?;
        let writer = CorpusWriter::create(out.path(), WriteSettings::default())?;
        let account = corpus::ingest(&source, self.read.clone(), writer, |done, total| {
            context.reached(done, total, "bytes", "")
        })?;
        for skipped in &account.skipped {
            context.message(&format!("skipped {}: {}", skipped.name, skipped.reason));
        }
        if account.bad.total > 0 {
            context.message(&format!(
                "{} of {} records could not be read ({}); samples are in ingested.json",
                account.bad.total,
                account.records,
                account.bad.summary()
            ));
        }
        out.note("documents", account.statistics.total.documents);
        out.note("bytes", account.statistics.total.bytes);
        out.note("bad records", account.bad.total);
        out.json("ingested.json", &account)
    }
}

impl Ingest {
    fn source(&self, inputs: &Inputs) -> Result<Source> {
        let mut source = Source::discover(inputs.files.path())?;
        if let Some(beginning) = &self.only {
            source
                .files
                .retain(|file| file.name.starts_with(beginning.as_str()));
            ensure!(
                !source.files.is_empty(),
                "no file in {} begins with {beginning:?}: look at `only`",
                source.root.display()
            );
        }
        Ok(source)
    }
}
