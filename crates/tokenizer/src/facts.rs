//! What a vocabulary consists of: how many entries, how many of them Hangul, how many half characters.

use serde::{Deserialize, Serialize};

use crate::Tokenizer;

/// Counts over the entries of a vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VocabularyFacts {
    /// Ids are below this number, special tokens included.
    pub size: u64,
    /// Entries that are special tokens.
    pub special: u64,
    /// Entries that contain at least one whole Hangul character (syllable or jamo).
    pub hangul: u64,
    /// `hangul` out of `size`.
    pub hangul_share: f64,
    /// Entries that are not whole characters: single bytes and pieces of characters.
    pub partial: u64,
    /// Bytes of the longest entry that is not special.
    pub longest: u64,
}

impl Tokenizer {
    /// Counts the entries of the vocabulary.
    pub fn facts(&self) -> VocabularyFacts {
        let mut facts = VocabularyFacts {
            size: self.vocabulary() as u64,
            ..VocabularyFacts::default()
        };
        for entry in &self.entries {
            if entry.special {
                facts.special += 1;
                continue;
            }
            facts.longest = facts.longest.max(entry.bytes.len() as u64);
            facts.partial += u64::from(std::str::from_utf8(&entry.bytes).is_err());
            facts.hangul += u64::from(String::from_utf8_lossy(&entry.bytes).contains(is_hangul));
        }
        facts.hangul_share = facts.hangul as f64 / facts.size.max(1) as f64;
        facts
    }
}

/// Syllables and jamo, the old and the half-width ones too.
fn is_hangul(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}' | '\u{A960}'..='\u{A97C}'
        | '\u{AC00}'..='\u{D7A3}' | '\u{D7B0}'..='\u{D7FB}' | '\u{FFA0}'..='\u{FFDC}')
}
