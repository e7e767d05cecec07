//! Draws a mixture from several corpora: stated shares, a deterministic shuffle, held-out documents.
//!
//! Reads: corpora; a tokenizer where shares are counted in tokens.
//! Writes: the mixture as a corpus, its held-out documents as a corpus in `held-out/`, and
//! `mixed.json` (shares wanted and achieved, epochs, counts).
//! The report's two stages are two mixtures: moderate text, then the best of each category.

use crate::kinds::{Corpus, Tokenizer};
use anyhow::{Result, ensure};
use corpus::{
    Document, MixSettings, Part as MixPart, Short, Unit, WriteSettings, Writer as CorpusWriter,
};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The folder of a mixture that holds the documents no mixture with the same `validation` trains on.
pub(crate) const HELD_OUT: &str = "held-out";

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mix {
    /// What is drawn from, and how much of each.
    parts: Vec<Part>,
    /// What shares and the total are counted in: `tokens`, `bytes` or `documents`.
    #[serde(default = "bytes")]
    by: Unit,
    /// How large the mixture shall be; not given, as large as the scarcest part allows.
    #[serde(default)]
    total: Option<u64>,
    /// When a part is too small: `stop` (default) or `take` what there is.
    #[serde(default)]
    when_short: Short,
    /// Share of documents held out for validation, chosen by a hash of the id, so that the same
    /// documents are held out of every mixture with the same `validation`. Default 0.01.
    #[serde(default = "validation")]
    validation: f64,
    /// At most so many held-out documents are written.
    #[serde(default)]
    validation_documents: Option<u64>,
}

/// One part of a mixture.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The corpus, by the name it has in the recipe.
    from: String,
    /// Only documents whose metadata says so: `{ language = "ko", quality = "good" }`.
    #[serde(default, rename = "where")]
    only: BTreeMap<String, String>,
    /// Its share of the mixture, relative to the other parts'.
    share: f64,
    /// How often a document may be repeated. Default 4 (Muennighoff et al. 2023).
    #[serde(default = "epochs")]
    epochs: f64,
}

fn bytes() -> Unit {
    Unit::Bytes
}

fn validation() -> f64 {
    0.01
}

fn epochs() -> f64 {
    4.0
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpora: Vec<Artifact<Corpus>>,
    tokenizer: Option<Artifact<Tokenizer>>,
}

impl Part {
    /// `world (language = ko, quality = good)`
    fn label(&self) -> String {
        if self.only.is_empty() {
            return self.from.clone();
        }
        let conditions: Vec<_> = self
            .only
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        format!("{} ({})", self.from, conditions.join(", "))
    }
}

impl Stage for Mix {
    const NAME: &'static str = "mix";
    const SUMMARY: &'static str =
        "draws a mixture from corpora in stated shares, with held-out documents";
    const VERSION: u32 = 2; // a document that is too large does not end a part that has much left
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, _: &Inputs) -> Vec<Quantity> {
        self.total
            .map(|total| Quantity::new(self.by.name(), total as f64))
            .into_iter()
            .collect()
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            self.by != Unit::Tokens || inputs.tokenizer.is_some(),
            "shares by tokens need a tokenizer to count them: bind `tokenizer`, or say by = \"bytes\""
        );
        ensure!(
            (0.0..1.0).contains(&self.validation),
            "validation = {}: wanted a share of at least 0 and less than 1",
            self.validation
        );
        for part in &self.parts {
            for (name, value) in [("share", part.share), ("epochs", part.epochs)] {
                ensure!(
                    value > 0.0 && value.is_finite(),
                    "the {name} of {:?} is {value}: wanted a number above 0",
                    part.from
                );
            }
            let names: Vec<_> = inputs.corpora.iter().map(Artifact::name).collect();
            ensure!(
                names.contains(&part.from.as_str()),
                "a part is drawn from {:?}, but the corpora are {}",
                part.from,
                names.join(", ")
            );
        }
        for corpus in &inputs.corpora {
            ensure!(
                self.parts.iter().any(|part| part.from == corpus.name()),
                "the corpus {:?} is an input, and no part draws from it: give it a part, or take it \
                 out of `corpora`",
                corpus.name()
            );
        }
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let mut corpora = Vec::new();
        for part in &self.parts {
            let artifact = inputs
                .corpora
                .iter()
                .find(|corpus| corpus.name() == part.from);
            let artifact = artifact.expect("checked at plan time");
            let corpus = corpus::Corpus::open(artifact.path())?.select(part.only.clone());
            corpora.push((part.label(), corpus));
        }
        let settings = MixSettings {
            parts: self
                .parts
                .iter()
                .map(|part| MixPart {
                    corpus: part.label(),
                    share: part.share,
                    epochs: part.epochs,
                })
                .collect(),
            unit: self.by,
            total: self.total,
            when_short: self.when_short,
            validation: self.validation,
            validation_documents: self.validation_documents,
            seed: context.seed(),
            ..MixSettings::default()
        };
        let tokenizer = match &inputs.tokenizer {
            Some(artifact) => Some(tokenizer::Tokenizer::load(artifact.path())?),
            None => None,
        };
        let count = |document: &Document| match &tokenizer {
            Some(tokenizer) => tokenizer.encode_document(&document.text).len() as u64,
            None => 0,
        };
        let scratch = context.scratch()?.to_path_buf();
        let mut train = CorpusWriter::create(out.path(), WriteSettings::default())?;
        let mut held_out =
            CorpusWriter::create(&out.path().join(HELD_OUT), WriteSettings::default())?;
        let report = corpus::mix(
            &corpora,
            &settings,
            &count,
            &scratch,
            &mut train,
            &mut held_out,
            &mut |done, total| context.reached(done, total, "documents", ""),
        )?;
        train.finish()?;
        held_out.finish()?;
        for part in &report.parts {
            context.message(&format!(
                "{}: {:.1} % of the mixture (wanted {:.1} %), {:.2} epochs",
                part.corpus,
                100.0 * part.achieved_share,
                100.0 * part.wanted_share,
                part.epochs
            ));
        }
        out.note("documents", report.documents);
        out.note("bytes", report.bytes);
        out.note(self.by.name(), report.total);
        out.note("held-out documents", report.validation_documents);
        out.json("mixed.json", &report)
    }
}
