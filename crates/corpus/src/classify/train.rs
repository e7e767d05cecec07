//! Trains a classifier on labelled texts, into a file of fastText.
//!
//! One thread, so that the same examples give the same bytes (on one kind of processor: the library
//! adds in the order of its registers). Examples go in an order that depends on the seed, their ids and
//! their texts alone; where a label has more text than the setting allows, a sample of its documents stands
//! for them, chosen in the same way.

use anyhow::{Context as _, Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::LABEL_PREFIX;
use crate::Document;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSettings {
    /// Width of the vectors.
    pub dimension: usize,
    /// Words of the longest n-gram. Default 2, as the DCLM classifier's.
    pub word_ngrams: usize,
    /// Rows for hashed n-grams.
    pub buckets: usize,
    /// Characters of the shortest and the longest part of a word; `[0, 0]` hashes no parts. Parts of
    /// 2 and 3 syllables see through Korean particles, at several times the cost.
    pub parts: [usize; 2],
    /// Words that occur less often are not in the vocabulary.
    pub least_count: usize,
    /// How often the examples are gone through.
    pub epochs: usize,
    /// Peak rate; it falls to 0.
    pub rate: f64,
    /// Bytes of text of each label that are read in at most.
    pub label_bytes: u64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        TrainSettings {
            dimension: 64,
            word_ngrams: 2,
            buckets: 1 << 18,
            parts: [0, 0],
            least_count: 2,
            epochs: 5,
            rate: 0.1,
            label_bytes: 256 << 20,
        }
    }
}

impl TrainSettings {
    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// A sentence that names the one that does not.
    pub fn check(&self) -> Result<()> {
        let [shortest, longest] = self.parts;
        for (name, value, most) in [
            ("dimension", self.dimension, 4096),
            ("word_ngrams", self.word_ngrams, 8),
            ("buckets", self.buckets, 1 << 26),
            ("epochs", self.epochs, 1000),
        ] {
            ensure!(
                (1..=most).contains(&value),
                "{name} = {value}: wanted 1 to {most}"
            );
        }
        ensure!(
            shortest <= longest && longest <= 16 && (longest == 0 || shortest >= 1),
            "parts = [{shortest}, {longest}]: wanted the characters of the shortest and the longest part \
             of a word, at most 16, or [0, 0]"
        );
        ensure!(
            self.rate > 0.0 && self.rate.is_finite(),
            "rate = {}: wanted a number above 0",
            self.rate
        );
        Ok(())
    }
}

/// Labelled texts, in the order in which they will be learned.
pub struct Examples {
    seed: u64,
    limit: u64,
    labels: BTreeMap<String, (u64, BTreeMap<[u8; 16], String>)>,
}

impl Examples {
    /// None yet.
    pub fn new(seed: u64, settings: &TrainSettings) -> Self {
        Examples {
            seed,
            limit: settings.label_bytes,
            labels: BTreeMap::new(),
        }
    }

    /// Adds a document as an example of a label (a name without prefix and blanks). Twice the same id and
    /// text under one label is one example; under two labels it is one of each, and pulls both ways.
    pub fn add(&mut self, label: &str, document: &Document) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&(document.id.len() as u64).to_le_bytes());
        hasher.update(document.id.as_bytes());
        // Two corpora may call different documents by one name: the file's and the line's, where no id is given.
        hasher.update(document.text.as_bytes());
        let place: [u8; 16] = hasher.finalize().as_bytes()[..16]
            .try_into()
            .expect("a hash is 32 bytes");
        let line = line(label, &document.text);
        let (bytes, lines) = self.labels.entry(label.to_owned()).or_default();
        *bytes += line.len() as u64;
        if let Some(twice) = lines.insert(place, line) {
            *bytes -= twice.len() as u64;
        }
        while *bytes > self.limit && lines.len() > 1 {
            let (_, last) = lines.pop_last().expect("more than one");
            *bytes -= last.len() as u64;
        }
    }

    /// How many examples of each label there are.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.labels.iter();
        counts
            .map(|(label, (_, lines))| (label.clone(), lines.len() as u64))
            .collect()
    }

    /// Trains on them and writes the classifier to `to`; `scratch` is a folder for the file that the
    /// library reads.
    ///
    /// # Errors
    /// Fewer than two labels, settings without sense, the disk's.
    pub fn train(&self, settings: &TrainSettings, scratch: &Path, to: &Path) -> Result<()> {
        settings.check()?;
        ensure!(
            self.labels.len() >= 2,
            "a classifier needs examples of at least two labels; there are {}",
            match self.labels.len() {
                0 => "none".to_owned(),
                _ => format!(
                    "only those of {}",
                    self.counts().into_keys().collect::<String>()
                ),
            }
        );
        let input = scratch.join("examples.txt");
        let mut file = BufWriter::new(disk::AtomicFile::create(&input)?);
        let all = self.labels.values().flat_map(|(_, lines)| lines);
        let mut order: Vec<(&[u8; 16], &String)> = all.collect();
        order.sort();
        for (_, line) in order {
            file.write_all(line.as_bytes())?;
        }
        let file = file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.commit()?;

        let mut args = fasttext::args::Args {
            input: input.clone(),
            lr: settings.rate,
            dim: i32::try_from(settings.dimension)?,
            epoch: i32::try_from(settings.epochs)?,
            min_count: i32::try_from(settings.least_count)?,
            min_count_label: 0,
            word_ngrams: i32::try_from(settings.word_ngrams)?,
            bucket: i32::try_from(settings.buckets)?,
            minn: i32::try_from(settings.parts[0])?,
            maxn: i32::try_from(settings.parts[1])?,
            loss: fasttext::args::LossName::Softmax,
            model: fasttext::args::ModelName::Supervised,
            thread: 1,
            verbose: 0,
            label: LABEL_PREFIX.to_owned(),
            ..Default::default()
        };
        args.seed = i32::from_le_bytes((self.seed as u32).to_le_bytes());
        let trained = fasttext::FastText::train(args)
            .context("the classifier could not be trained on the examples")?;
        let mut out = BufWriter::new(disk::AtomicFile::create(to)?);
        trained
            .save(&mut out)
            .with_context(|| format!("{} cannot be written", to.display()))?;
        let out = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        out.commit()?;
        disk::remove_file(&input)?;
        Ok(())
    }
}

/// `__label__x word word …`, one line; words that would be taken for a label or for the end are left out.
fn line(label: &str, text: &str) -> String {
    let mut line = format!("{LABEL_PREFIX}{label}");
    let blank = |c: char| c.is_ascii_whitespace() || matches!(c, '\0' | '\u{b}');
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        if word != "</s>" && !word.starts_with(LABEL_PREFIX) {
            line.push(' ');
            line.push_str(word);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests;
