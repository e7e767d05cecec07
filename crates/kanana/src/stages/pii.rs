//! Masks personal data: e-mail and IP addresses, cards, Korean numbers of people, telephones, accounts, passports.
//!
//! Reads: a corpus.
//! Writes: the same documents as a corpus, with placeholders such as `<PHONE_NUMBER>` and what was masked
//! in their metadata; `ledger/*.parquet` with counts by kind; `curated.json`.
//! How each kind is told is in `corpus/src/pii.rs`. It drops nothing.

use super::filter::{conclude, disk};
use crate::kinds::Corpus;
use anyhow::{Result, ensure};
use corpus::pii::{Kind, mask};
use corpus::{Curation, Entry, Verdict};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pii {
    /// What is masked.
    kinds: Vec<Kind>,
}

impl Default for Pii {
    fn default() -> Self {
        Self {
            kinds: Kind::ALL.to_vec(),
        }
    }
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
}

impl Stage for Pii {
    const NAME: &'static str = "pii";
    const SUMMARY: &'static str = "masks personal data, Korean kinds first";
    const VERSION: u32 = 2; // more ways in which telephone numbers are written, and fewer that are none
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        disk(&inputs.corpus, 1.2)
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        ensure!(
            !self.kinds.is_empty(),
            "kinds = [] masks nothing: leave the step out, or name at least one kind"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let corpus = corpus::Corpus::open(inputs.corpus.path())?;
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.push("right_checksums");
        let curation = Curation {
            corpus: &corpus,
            partial: context.partial()?,
            out: out.path(),
            threads: context.resource::<crate::device::Machine>()?.threads(),
            names: &names,
        };
        let account = curation.run(
            |_, document| self.masked(document),
            |done, total| context.reached(done, total, "documents", ""),
        )?;
        let mut masked = vec![0.0; names.len()];
        corpus::visit_ledger(out.path(), |_, entry| {
            masked
                .iter_mut()
                .zip(&entry.numbers)
                .for_each(|(sum, count)| *sum += count);
            Ok(())
        })?;
        for (name, count) in names.iter().zip(masked) {
            out.note(&format!("masked {name}"), count);
        }
        conclude(&account, context, out)
    }
}

impl Pii {
    fn masked(&self, mut document: corpus::Document) -> Verdict {
        let mut entry = Entry::of(&document);
        let masked = mask(&document.text, &self.kinds);
        entry.numbers = masked
            .counts
            .iter()
            .chain([&masked.checked])
            .map(|count| f64::from(*count))
            .collect();
        if let Some(text) = masked.text {
            document.text = text;
            let found = Kind::ALL
                .iter()
                .zip(masked.counts)
                .filter(|(_, count)| *count > 0);
            let counts: Map<String, Value> = found
                .map(|(kind, count)| (kind.name().to_owned(), count.into()))
                .collect();
            document = document.with("masked", counts);
        }
        entry.bytes_kept = document.text.len() as u64;
        Verdict {
            document: Some(document),
            entry,
        }
    }
}
