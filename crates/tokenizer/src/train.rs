//! Training byte-level BPE: count words, then join the most frequent adjacent pair again and again.
//!
//! The result is a function of the texts alone. Counts are 64-bit sums, so the order in which
//! threads find words does not matter; between equally frequent pairs the one of the smaller ids
//! wins. (The trainer of the `tokenizers` crate counts in 32 bits, walks hash maps of a random
//! seed, and joins words of any length; that is why this one is here.)
//!
//! The pre-tokenizer and the special tokens are those of Llama 3. The 256 bytes are always in the
//! vocabulary: there is no unknown token, any text can be encoded.

mod assemble;
mod merge;

use std::collections::HashMap;

use ahash::RandomState;
use anyhow::{Result, ensure};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bpe::hasher;
use crate::pattern::words;
use crate::special::{NAMED_SPECIALS, special_tokens, usual_count};
use crate::{Tokenizer, letters};

/// Texts are counted in parallel whenever so many bytes have come together.
const BATCH_BYTES: usize = 16 << 20;

/// What to train.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSettings {
    /// Size of the vocabulary, bytes and special tokens included: 128,256 for that of Llama 3.
    pub vocabulary: usize,
    /// Special tokens at the end of it, the reserved ones included; where nothing is said 256,
    /// and 16 in vocabularies below 32,000.
    pub specials: Option<usize>,
    /// After so many bytes of text no more is taken.
    pub sample_bytes: Option<u64>,
    /// A pair that occurs less often is not joined.
    pub least_count: u64,
    /// Longer words (in bytes) are left out of the counts: they are data, not language, and a
    /// line of a million letters would cost as much as a library.
    pub longest_word: usize,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            vocabulary: 128_256,
            specials: None,
            sample_bytes: None,
            least_count: 2,
            longest_word: 256,
        }
    }
}

/// What training saw and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Training {
    /// Texts counted.
    pub texts: u64,
    /// Bytes of text counted.
    pub bytes: u64,
    /// Words of the pre-tokenizer.
    pub words: u64,
    /// Different words.
    pub distinct_words: u64,
    /// Words left out because they are too long.
    pub long_words: u64,
    /// Pairs joined.
    pub merges: u64,
    /// The size that was asked for.
    pub wanted_vocabulary: u64,
    /// The size that came out: less where no pair occurs often enough any more.
    pub vocabulary: u64,
}

/// A new tokenizer and how it came about.
pub struct Trained {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The account.
    pub training: Training,
}

/// Trains on texts; see [`Trainer`] for texts that come with errors, and for progress.
///
/// # Errors
/// Settings that leave no room for bytes and special tokens; no text at all.
pub fn train<T: AsRef<str>>(
    texts: impl IntoIterator<Item = T>,
    settings: &TrainSettings,
) -> Result<Trained> {
    let mut trainer = Trainer::new(settings.clone())?;
    for text in texts {
        if !trainer.add(text.as_ref()) {
            break;
        }
    }
    trainer.finish(|_, _| Ok(()))
}

/// Counts words of texts as they come, then makes a tokenizer of them.
pub struct Trainer {
    settings: TrainSettings,
    specials: usize,
    waiting: Vec<String>,
    waiting_bytes: usize,
    counts: HashMap<Box<str>, u64, RandomState>,
    training: Training,
}

impl Trainer {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// Settings that leave no room for bytes and special tokens.
    pub fn new(settings: TrainSettings) -> Result<Self> {
        let specials = settings
            .specials
            .unwrap_or_else(|| usual_count(settings.vocabulary));
        let named = NAMED_SPECIALS.len();
        ensure!(
            specials >= named,
            "{specials} special tokens are too few: {named} of them have a meaning"
        );
        ensure!(
            settings.vocabulary >= 256 + specials,
            "a vocabulary of {} is too small: 256 bytes and {specials} special tokens need {}",
            settings.vocabulary,
            256 + specials
        );
        ensure!(
            u32::try_from(settings.vocabulary).is_ok(),
            "a vocabulary of {} is too large: ids have 32 bits",
            settings.vocabulary
        );
        let training = Training {
            wanted_vocabulary: settings.vocabulary as u64,
            ..Training::default()
        };
        Ok(Self {
            settings,
            specials,
            waiting: Vec::new(),
            waiting_bytes: 0,
            counts: HashMap::with_hasher(hasher()),
            training,
        })
    }

    /// Counts a text; `false` once the sample is full, and then the text was not counted.
    pub fn add(&mut self, text: &str) -> bool {
        let full = self
            .settings
            .sample_bytes
            .is_some_and(|most| self.training.bytes >= most);
        if full {
            return false;
        }
        self.training.texts += 1;
        self.training.bytes += text.len() as u64;
        self.waiting.push(text.to_owned());
        self.waiting_bytes += text.len();
        if self.waiting_bytes >= BATCH_BYTES {
            self.count();
        }
        true
    }

    /// Bytes of text taken so far.
    pub fn bytes(&self) -> u64 {
        self.training.bytes
    }

    fn count(&mut self) {
        let longest = self.settings.longest_word;
        type Counts<'a> = HashMap<&'a str, u64, RandomState>;
        let empty = || (Counts::with_hasher(hasher()), 0);
        let (counts, long_words) = self
            .waiting
            .par_iter()
            .fold(empty, |(mut counts, mut long_words), text| {
                for word in words(text) {
                    if word.len() > longest {
                        long_words += 1;
                    } else {
                        *counts.entry(word).or_default() += 1;
                    }
                }
                (counts, long_words)
            })
            .reduce(empty, |left, right| {
                let (mut larger, smaller) = if left.0.len() < right.0.len() {
                    (right, left)
                } else {
                    (left, right)
                };
                for (word, count) in smaller.0 {
                    *larger.0.entry(word).or_default() += count;
                }
                larger.1 += smaller.1;
                larger
            });
        for (word, count) in counts {
            self.training.words += count;
            match self.counts.get_mut(word) {
                Some(known) => *known += count,
                None => {
                    self.counts.insert(word.into(), count);
                }
            }
        }
        self.training.words += long_words;
        self.training.long_words += long_words;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Joins pairs until the vocabulary is full; `progress` hears the merges done and wanted, and
    /// its error stops the training.
    ///
    /// # Errors
    /// When there was no text.
    pub fn finish(mut self, progress: impl FnMut(u64, u64) -> Result<()>) -> Result<Trained> {
        self.count();
        ensure!(
            self.training.words > 0,
            "there is no text to train a tokenizer on: the corpus is empty"
        );
        let mut words: Vec<(Box<str>, u64)> = self.counts.drain().collect();
        words.sort_unstable(); // the map's order is nobody's; from here on nothing depends on it
        self.training.distinct_words = words.len() as u64;
        let base = self.settings.vocabulary - self.specials;
        let first = letters::ordered().iter().map(|byte| vec![*byte]).collect();
        let merged = merge::merge(&words, first, base, self.settings.least_count, progress)?;
        drop(words);
        self.training.merges = merged.merges.len() as u64;
        let json = assemble::tokenizer_json(&merged, &special_tokens(self.specials));
        let tokenizer = Tokenizer::from_bytes(&json)?;
        self.training.vocabulary = tokenizer.vocabulary() as u64;
        Ok(Trained {
            tokenizer,
            training: self.training,
        })
    }
}

#[cfg(test)]
mod tests;
