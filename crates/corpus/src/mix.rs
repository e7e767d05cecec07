//! A mixture: documents out of several corpora, in stated proportions, in a shuffled order.
//!
//! Pass 1 counts every document (tokens, bytes or documents), sets the held-out ones aside and
//! chooses, for each corpus, whole epochs and a random part of one more. Pass 2 reads the texts
//! again and deals them out in an order that was drawn for the whole mixture. Memory holds an
//! index (32 bytes for each chosen document) and one heap of texts, never all texts; which thread
//! counted what cannot be seen in the result.
//!
//! Held-out documents are those whose id hashes into the first `validation` of all hashes,
//! whatever the mixture or its seed: no mixture trains on what another one with the same
//! `validation` is judged by. With a smaller one it holds out a part of the same, and trains on the rest.
//!
//! Deliberately absent: tokenizers (the count is handed in), weights by quality, near duplicates.

mod choose;
mod deal;

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::choose::{Measured, choose};
use self::deal::Deal;
use crate::draw::hash;
use crate::sample::below;
use crate::{Corpus, Document, Writer};

/// What proportions and totals are measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Tokens, as the counting function that is handed in sees them.
    #[default]
    Tokens,
    /// Bytes of UTF-8.
    Bytes,
    /// Documents.
    Documents,
}

impl Unit {
    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Bytes => "bytes",
            Self::Documents => "documents",
        }
    }
}

/// What to do when a corpus is too small for its share of the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Short {
    /// Say so and stop.
    #[default]
    Stop,
    /// Take what there is, so that the proportions and the total come out otherwise; the report says how.
    Take,
}

/// One corpus in a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name of the corpus.
    pub corpus: String,
    /// Its share, relative to the shares of the others: 3 and 1 are 75 % and 25 %.
    pub share: f64,
    /// How often its documents may be repeated at most.
    #[serde(default = "four")]
    pub epochs: f64,
}

fn four() -> f64 {
    4.0 // repeating data up to about four times costs little (Muennighoff et al. 2023)
}

/// What a mixture shall be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixSettings {
    /// The corpora and their shares.
    pub parts: Vec<Part>,
    /// What shares and total are measured in.
    pub unit: Unit,
    /// How much in all; the most that shares and epochs allow where nothing is said.
    pub total: Option<u64>,
    /// What to do when a corpus is too small.
    pub when_short: Short,
    /// The share of documents that are held out for validation.
    pub validation: f64,
    /// How many of the held-out ones are written at most; the others are left out altogether.
    pub validation_documents: Option<u64>,
    /// Seed of the choice and of the order.
    pub seed: u64,
    /// Bytes of text to hold in memory while shuffling.
    pub memory: u64,
}

impl Default for MixSettings {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            unit: Unit::default(),
            total: None,
            when_short: Short::default(),
            validation: 0.0,
            validation_documents: None,
            seed: 0,
            memory: 512 << 20,
        }
    }
}

/// What became of one corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartReport {
    /// Its name.
    pub corpus: String,
    /// What it has to give in one epoch, in the unit of the mixture, held-out documents aside.
    pub available: u64,
    /// What was wanted of it.
    pub wanted: u64,
    /// What it gave, repetitions counted.
    pub achieved: u64,
    /// Its share as it was asked for, out of 1.
    pub wanted_share: f64,
    /// Its share as it came out, out of 1.
    pub achieved_share: f64,
    /// How often it was gone through: 2.5 is twice all of it and half of it once more.
    pub epochs: f64,
    /// Documents it gave, repetitions counted.
    pub documents: u64,
    /// Bytes of text it gave, repetitions counted.
    pub bytes: u64,
    /// Its documents that are held out.
    pub held_out: u64,
}

/// What became of the mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixReport {
    /// What is counted.
    pub unit: Unit,
    /// How much there is in all.
    pub total: u64,
    /// Documents, repetitions counted.
    pub documents: u64,
    /// Bytes of text, repetitions counted.
    pub bytes: u64,
    /// Validation documents written.
    pub validation_documents: u64,
    /// Every corpus, in the order of the settings.
    pub parts: Vec<PartReport>,
}

/// Whether a document belongs to the held-out `share`, by its id alone.
pub fn held_out(id: &str, share: f64) -> bool {
    below(held_out_hash(id), share)
}

fn held_out_hash(id: &str) -> u64 {
    hash("held out", id)
}

/// Mixes corpora into `train`, and writes their held-out documents to `validation`.
///
/// `count` gives the tokens of a document; it is called for [`Unit::Tokens`] only, from several
/// threads. `scratch` is a folder for texts on their way, used when they exceed the memory.
/// `progress` hears documents read and documents to read in all, over both passes. Every document
/// is told its corpus, as `corpus` in its metadata.
///
/// # Errors
/// Settings that make no sense, a corpus that is missing, empty or too small, the disk's.
pub fn mix(
    corpora: &[(String, Corpus)],
    settings: &MixSettings,
    count: &(dyn Fn(&Document) -> u64 + Sync),
    scratch: &Path,
    train: &mut Writer,
    validation: &mut Writer,
    progress: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<MixReport> {
    let parts = check(corpora, settings)?;
    let all: u64 = 2 * parts.iter().map(|(_, corpus)| corpus.len()).sum::<u64>();
    let mut done = 0;
    let mut step = |documents: u64| {
        done += documents;
        progress(done, all)
    };

    let mut measured = Vec::new();
    for (part, corpus) in &parts {
        measured.push(
            measure(corpus, settings, count, &mut step)
                .with_context(|| format!("while counting the corpus {}", part.corpus))?,
        );
    }
    let choice = choose(&parts, &measured, settings)?;
    let written = validation_limit(&measured, settings.validation_documents);

    let mut deal = Deal::new(&choice, settings, scratch)?;
    let mut validation_documents = 0;
    for (number, ((part, corpus), measured)) in parts.iter().zip(&measured).enumerate() {
        let mut held = measured.held_out.iter().peekable();
        for (place, document) in corpus.documents().enumerate() {
            let mut document = document?;
            document
                .metadata
                .insert("corpus".to_owned(), part.corpus.clone().into());
            match held.next_if(|(_, held)| *held as usize == place) {
                Some((hash, _)) if *hash < written => {
                    validation.write(&document)?;
                    validation_documents += 1;
                }
                Some(_) => {} // held out, and more than validation wants
                None => deal.put(number, place, &document)?,
            }
            step(1)?;
        }
    }
    deal.finish(train)?;
    Ok(choice.report(validation_documents))
}

fn check<'a>(
    corpora: &'a [(String, Corpus)],
    settings: &'a MixSettings,
) -> Result<Vec<(&'a Part, &'a Corpus)>> {
    let names: Vec<&str> = corpora.iter().map(|(name, _)| &**name).collect();
    let mut parts: Vec<(&Part, &Corpus)> = Vec::new();
    for part in &settings.parts {
        let name = &part.corpus;
        let Some((_, corpus)) = corpora.iter().find(|(corpus, _)| corpus == name) else {
            bail!(
                "the mixture wants the corpus {name:?}, and there are {}",
                names.join(", ")
            );
        };
        ensure!(
            !parts.iter().any(|(other, _)| other.corpus == *name),
            "the mixture names the corpus {name:?} twice"
        );
        ensure!(
            part.share > 0.0 && part.share.is_finite(),
            "the share of {name:?} is {}: wanted a number above 0",
            part.share
        );
        ensure!(
            part.epochs > 0.0 && part.epochs.is_finite(),
            "the epochs of {name:?} are {}: wanted a number above 0",
            part.epochs
        );
        ensure!(
            !corpus.is_empty(),
            "the corpus {name:?} is empty: there is nothing to mix from it"
        );
        parts.push((part, corpus));
    }
    ensure!(
        !parts.is_empty(),
        "the mixture names no corpus; there are {}",
        names.join(", ")
    );
    if let Some(unused) = names
        .iter()
        .find(|name| !parts.iter().any(|(part, _)| part.corpus == **name))
    {
        bail!(
            "the corpus {unused:?} is an input, but the mixture gives it no share: name it, or take it out"
        );
    }
    ensure!(
        (0.0..1.0).contains(&settings.validation),
        "the share held out for validation is {}: wanted at least 0 and less than 1",
        settings.validation
    );
    ensure!(
        settings.total != Some(0),
        "the mixture shall hold 0 {}: wanted more",
        settings.unit.name()
    );
    Ok(parts)
}

/// Pass 1 over one corpus.
fn measure(
    corpus: &Corpus,
    settings: &MixSettings,
    count: &(dyn Fn(&Document) -> u64 + Sync),
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Measured> {
    const BATCH: usize = 512;
    let mut measured = Measured::default();
    let mut documents = corpus.documents();
    loop {
        let batch: Vec<Document> = documents.by_ref().take(BATCH).collect::<Result<_>>()?;
        if batch.is_empty() {
            return Ok(measured);
        }
        let counts: Vec<u64> = match settings.unit {
            Unit::Tokens => batch.par_iter().map(count).collect(),
            Unit::Bytes => batch
                .iter()
                .map(|document| document.text.len() as u64)
                .collect(),
            Unit::Documents => vec![1; batch.len()],
        };
        for (document, count) in batch.iter().zip(counts) {
            let hash = held_out_hash(&document.id);
            measured.add(
                count,
                document.text.len() as u64,
                below(hash, settings.validation).then_some(hash),
            )?;
        }
        step(batch.len() as u64)?;
    }
}

/// The hash below which held-out documents are written: the documents of the smallest hashes.
fn validation_limit(measured: &[Measured], most: Option<u64>) -> u64 {
    let Some(most) = most else { return u64::MAX };
    let mut hashes: Vec<u64> = measured
        .iter()
        .flat_map(|measured| measured.held_out.iter().map(|(hash, _)| *hash))
        .collect();
    hashes.sort_unstable();
    usize::try_from(most)
        .ok()
        .and_then(|most| hashes.get(most))
        .copied()
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
