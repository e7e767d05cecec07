//! Which questions of benchmarks a corpus holds, by n-grams that they share.
//!
//! A question is every string of its row, a text each. A text's n-grams are runs of 13 words (Brown et al.,
//! 2020, appendix C); in Korean, where a particle changes an eojeol and spaces are set freely, runs of 24 letters
//! and digits without the spaces. Letters are compared in lower case and form C, signs only divide words, and
//! numbers stay as they are: two exercises that differ in their numbers are two exercises. A document holds a
//! question to the share `|n-grams of the text in the document| / |n-grams of the text|` of its best text.
//! N-grams that more than ten questions of one collection share (instructions, licences) say nothing of one
//! question and are left out. A text shorter than one n-gram cannot be looked for; how many questions are so
//! is reported. Nothing here finds a question in other words.

mod grams;
mod questions;
mod survey;

use std::collections::HashSet;

use ahash::AHashMap;
use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::dedup::Unit;
use grams::Grams;

pub use questions::{Question, visit_questions};
pub use survey::{Contamination, Findings, Held, OfFile, OfTask, Survey};

/// What counts as a question that is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverlapSettings {
    /// Words in an n-gram of a text that is not Korean.
    pub words: usize,
    /// What n-grams of Korean texts are made of: `characters` (letters and digits) or `words` (eojeol).
    pub korean: Unit,
    /// How many of them are in an n-gram.
    pub korean_length: usize,
    /// The share of a text's n-grams at which it is held.
    pub share: f64,
    /// N-grams that more questions than this share are left out.
    pub common: usize,
}

impl Default for OverlapSettings {
    fn default() -> Self {
        Self {
            words: 13,
            korean: Unit::Characters,
            korean_length: 24,
            share: 0.5,
            common: 10,
        }
    }
}

impl OverlapSettings {
    /// Whether they make sense.
    ///
    /// # Errors
    /// Says which does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.words > 0 && self.korean_length > 0,
            "an n-gram of nothing is everywhere: words = {} and korean_length = {}; wanted at least 1",
            self.words,
            self.korean_length
        );
        ensure!(
            self.share > 0.0 && self.share <= 1.0,
            "share = {}: wanted more than 0 and at most 1",
            self.share
        );
        ensure!(
            self.common > 0,
            "common = 0 leaves every n-gram out: wanted at least 1"
        );
        Ok(())
    }

    /// What the n-grams of a text are.
    fn grams(&self, text: &str) -> Grams {
        match (is_korean(text), self.korean) {
            (true, Unit::Characters) => Grams::Characters(self.korean_length),
            (true, Unit::Words) => Grams::Words(self.korean_length),
            (false, _) => Grams::Words(self.words),
        }
    }
}

/// More than three tenths of the letters are Hangul, as `language` has it.
fn is_korean(text: &str) -> bool {
    let (mut hangul, mut latin) = (0u64, 0u64);
    for c in text.chars() {
        hangul += u64::from(crate::words::signs::hangul(c));
        latin += u64::from(c.is_ascii_alphabetic());
    }
    hangul * 7 > latin * 3
}

/// A question that a document holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Its number in the index.
    pub question: u32,
    /// To which share.
    pub share: f64,
}

/// The name of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The task it is of.
    pub task: String,
    /// Its file and line.
    pub id: String,
}

impl Name {
    /// The file it is in.
    pub fn file(&self) -> &str {
        self.id.rsplit_once(':').map_or(&*self.id, |(file, _)| file)
    }
}

/// The n-grams of many questions.
pub struct Index {
    settings: OverlapSettings,
    names: Vec<Name>,
    /// The question of each text, and how many n-grams the text has.
    texts: Vec<(u32, u32)>,
    /// N-gram → where its texts begin in `owners`, and how many they are.
    slots: AHashMap<u64, (u32, u32)>,
    owners: Vec<u32>,
    /// What n-grams there are.
    kinds: Vec<Grams>,
    /// Questions that have an n-gram of their own.
    checked: Vec<bool>,
}

/// Gathers questions into an [`Index`].
pub struct Indexer {
    settings: OverlapSettings,
    names: Vec<Name>,
    texts: Vec<u32>,
    /// N-gram and text.
    pairs: Vec<(u64, u32)>,
    kinds: Vec<Grams>,
}

impl Indexer {
    /// Without a question.
    pub fn new(settings: OverlapSettings) -> Self {
        Self {
            settings,
            names: Vec::new(),
            texts: Vec::new(),
            pairs: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// Takes one in.
    pub fn add(&mut self, question: Question) {
        let number = self.names.len() as u32;
        self.names.push(question.name);
        for text in &question.texts {
            let text: String = text.nfc().collect();
            let grams = self.settings.grams(&text);
            let at = self.texts.len() as u32;
            let before = self.pairs.len();
            grams.visit(&text, |hash| self.pairs.push((hash, at)));
            if self.pairs.len() > before {
                self.texts.push(number);
                if !self.kinds.contains(&grams) {
                    self.kinds.push(grams);
                }
            }
        }
    }

    /// The index of what was taken in.
    pub fn finish(self) -> Index {
        let Self {
            settings,
            names,
            texts: question_of,
            mut pairs,
            kinds,
        } = self;
        pairs.sort_unstable();
        pairs.dedup();
        let mut index = Index {
            texts: question_of.iter().map(|question| (*question, 0)).collect(),
            checked: vec![false; names.len()],
            slots: AHashMap::new(),
            owners: Vec::new(),
            settings,
            names,
            kinds,
        };
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let mut questions: Vec<u32> = group
                .iter()
                .map(|(_, text)| question_of[*text as usize])
                .collect();
            questions.dedup();
            if questions.len() > index.settings.common {
                continue;
            }
            let begin = index.owners.len() as u32;
            for (_, text) in group {
                index.owners.push(*text);
                index.texts[*text as usize].1 += 1;
                index.checked[question_of[*text as usize] as usize] = true;
            }
            index.slots.insert(group[0].0, (begin, group.len() as u32));
        }
        index
    }
}

impl Index {
    /// The names of all questions, by their numbers.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Whether a question has an n-gram of its own and so can be found.
    pub fn can_be_found(&self, question: usize) -> bool {
        self.checked[question]
    }

    /// Every question of which a text holds an n-gram, with its share, by number.
    pub fn find(&self, text: &str) -> Vec<Hit> {
        let mut found: HashSet<u32, ahash::RandomState> = HashSet::default();
        let mut counts: AHashMap<u32, u32> = AHashMap::new();
        let korean = text.chars().any(crate::words::signs::hangul);
        for kind in &self.kinds {
            // Runs of letters are of Korean texts: one without Hangul holds nothing of them worth the pass.
            if matches!(kind, Grams::Characters(_)) && !korean {
                continue;
            }
            kind.visit(text, |hash| {
                if let Some((begin, count)) = self.slots.get(&hash)
                    && found.insert(*begin)
                {
                    for text in &self.owners[*begin as usize..(*begin + *count) as usize] {
                        *counts.entry(*text).or_default() += 1;
                    }
                }
            });
        }
        let mut hits: Vec<Hit> = counts
            .into_iter()
            .map(|(text, count)| {
                let (question, all) = self.texts[text as usize];
                Hit {
                    question,
                    share: f64::from(count) / f64::from(all),
                }
            })
            .collect();
        // Of the texts of one question the best counts.
        hits.sort_unstable_by(|a, b| {
            a.question
                .cmp(&b.question)
                .then(b.share.total_cmp(&a.share))
        });
        hits.dedup_by_key(|hit| hit.question);
        hits
    }
}

#[cfg(test)]
mod tests;
