//! What a recipe may say of deduplication, and what follows from it.

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ShingleSettings;
use crate::Document;

/// Which document of a cluster is kept; of equals the one that comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The longest, in characters other than white space.
    Longest,
    /// The one that comes first.
    First,
    /// The one with the highest number in its metadata, under the name in `by`.
    Highest,
}

/// Shorter passages are not looked for.
const SHORTEST_PASSAGE: usize = 50;

/// How documents are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DedupSettings {
    /// Whether near-duplicates are looked for; else only texts that are equal, white space and the case of letters
    /// apart.
    pub near: bool,
    /// Bands of a signature.
    pub bands: usize,
    /// Rows of a band.
    pub rows: usize,
    /// What is hashed.
    pub shingle: ShingleSettings,
    /// Which document of a cluster is kept.
    pub keep: Keep,
    /// The number in the metadata that `keep = "highest"` goes by.
    pub by: Option<String>,
    /// Lines of at least so many characters (white space aside) that an earlier kept document has too, numbers, signs and
    /// capital letters apart, are cut; 0 cuts none.
    pub paragraph_characters: usize,
    /// Passages of at least so many bytes that an earlier kept document has too, byte for byte and wherever they stand,
    /// are cut (a syllable of Hangul is 3 bytes); 0 cuts none.
    pub passage_bytes: usize,
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self {
            near: true,
            bands: 14,
            rows: 8,
            shingle: ShingleSettings::default(),
            keep: Keep::Longest,
            by: None,
            paragraph_characters: 0,
            passage_bytes: 0,
        }
    }
}

impl DedupSettings {
    /// Whether they make sense.
    ///
    /// # Errors
    /// Says which does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            (1..=256).contains(&self.bands) && (1..=64).contains(&self.rows),
            "bands = {} and rows = {}: wanted 1 to 256 and 1 to 64",
            self.bands,
            self.rows
        );
        ensure!(
            self.shingle.words > 0 && self.shingle.korean_length > 0,
            "a shingle of no words: wanted at least 1"
        );
        ensure!(
            self.passage_bytes == 0 || self.passage_bytes >= SHORTEST_PASSAGE,
            "passage_bytes = {}: wanted 0, or at least {SHORTEST_PASSAGE}: what is shorter is a common turn of phrase",
            self.passage_bytes
        );
        ensure!(
            (self.keep == Keep::Highest) == self.by.is_some(),
            "`by` names the number that keep = \"highest\" goes by: give both or neither"
        );
        Ok(())
    }

    pub(super) fn score(&self, document: &Document) -> f64 {
        match self.keep {
            Keep::Longest => document.text.chars().filter(|c| !c.is_whitespace()).count() as f64,
            Keep::First => 0.0,
            Keep::Highest => {
                let number = self
                    .by
                    .as_ref()
                    .and_then(|name| document.metadata.get(name))
                    .and_then(Value::as_f64);
                number.unwrap_or(f64::NEG_INFINITY)
            }
        }
    }

    /// Partitions of the shuffle: a band each, then this one for hashes of whole texts, then one for scores by document.
    pub(super) fn whole(&self) -> usize {
        if self.near { self.bands } else { 0 }
    }

    /// The last of them.
    pub(super) fn scores(&self) -> usize {
        self.whole() + 1
    }
}
