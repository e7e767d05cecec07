//! From a text to the rows of the matrix: words, parts of words and n-grams of words, hashed as the
//! C++ original does, bit for bit.
//!
//! Its hash is FNV-1a over *signed* bytes; a word's hash is then kept as a signed 32-bit number, so
//! that in an n-gram's 64-bit hash it is sign-extended. Both are accidents that every published file
//! depends on.

use anyhow::{Result, ensure};

use super::LABEL_PREFIX;

/// The word that ends a text.
const END: &[u8] = b"</s>";

/// A word or label of the vocabulary.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: Box<[u8]>,
    pub(super) count: i64,
    pub(super) is_label: bool,
}

/// The vocabulary, and how texts are cut.
#[derive(Debug)]
pub(super) struct Words {
    entries: Vec<Entry>,
    /// Open addressing by the hash of the word; −1 is free.
    slots: Vec<i32>,
    /// How many entries are words; labels come after them.
    words: usize,
    settings: Cut,
    /// Which rows of n-grams a quantised file has kept, sorted; `None` where all.
    kept: Option<Vec<(i32, i32)>>,
}

/// How texts are cut into what is hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) word_ngrams: usize,
    /// Rows for hashed n-grams.
    pub(super) buckets: u32,
    /// Characters of the shortest and the longest part of a word; none where the latter is 0.
    pub(super) parts: (usize, usize),
}

/// FNV-1a as fastText has it.
pub(super) fn hash(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811c_9dc5, |hash, byte| fold(hash, *byte))
}

fn fold(hash: u32, byte: u8) -> u32 {
    (hash ^ (byte as i8 as u32)).wrapping_mul(0x0100_0193)
}

impl Words {
    pub(super) fn new(
        entries: Vec<Entry>,
        words: usize,
        settings: Cut,
        kept: Option<Vec<(i32, i32)>>,
    ) -> Result<Self> {
        ensure!(
            entries[..words].iter().all(|entry| !entry.is_label)
                && entries[words..].iter().all(|entry| entry.is_label),
            "its words and labels are mixed up"
        );
        let mut slots = vec![-1; (entries.len() * 2).next_power_of_two().max(2)];
        for (id, entry) in entries.iter().enumerate() {
            let mut at = hash(&entry.text) as usize & (slots.len() - 1);
            while slots[at] >= 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = i32::try_from(id)?;
        }
        Ok(Words {
            entries,
            slots,
            words,
            settings,
            kept,
        })
    }

    /// The labels in the order of the rows of the output.
    pub(super) fn labels(&self) -> &[Entry] {
        &self.entries[self.words..]
    }

    /// The rows that a text names, `row` called once for each. Line breaks count as spaces: a document
    /// is one line, and ends with the end's word.
    pub(super) fn rows(&self, text: &str, hashes: &mut Vec<i32>, row: &mut impl FnMut(usize)) {
        hashes.clear();
        let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c | 0);
        let tokens = text
            .as_bytes()
            .split(blank)
            .filter(|token| !token.is_empty());
        for token in tokens.chain([END]) {
            let hash = hash(token);
            let id = self.find(token, hash);
            let is_label = match id {
                Some(id) => self.entries[id].is_label,
                None => token.starts_with(LABEL_PREFIX.as_bytes()),
            };
            if !is_label {
                if let Some(id) = id {
                    row(id);
                }
                if token != END {
                    self.parts(token, row);
                }
                hashes.push(hash as i32);
            }
            if token == END {
                break;
            }
        }
        self.ngrams(hashes, row);
    }

    fn find(&self, token: &[u8], hash: u32) -> Option<usize> {
        let mut at = hash as usize & (self.slots.len() - 1);
        loop {
            let id = usize::try_from(self.slots[at]).ok()?;
            if *self.entries[id].text == *token {
                return Some(id);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Parts of `<word>`, from any character on.
    fn parts(&self, word: &[u8], row: &mut impl FnMut(usize)) {
        let (shortest, longest) = self.settings.parts;
        if longest == 0 {
            return;
        }
        let marked: Vec<u8> = [b"<", word, b">"].concat();
        let continues = |at: usize| marked.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        for from in (0..marked.len()).filter(|from| !continues(*from)) {
            let (mut hash, mut to) = (0x811c_9dc5, from);
            for length in 1..=longest {
                if to == marked.len() {
                    break;
                }
                hash = fold(hash, marked[to]);
                to += 1;
                while continues(to) {
                    hash = fold(hash, marked[to]);
                    to += 1;
                }
                let only_a_mark = length == 1 && (from == 0 || to == marked.len());
                if length >= shortest && !only_a_mark {
                    self.hashed(u64::from(hash), row);
                }
            }
        }
    }

    fn ngrams(&self, hashes: &[i32], row: &mut impl FnMut(usize)) {
        for (i, first) in hashes.iter().enumerate() {
            let mut hash = *first as u64;
            for next in hashes
                .iter()
                .take(i + self.settings.word_ngrams)
                .skip(i + 1)
            {
                hash = hash.wrapping_mul(116_049_371).wrapping_add(*next as u64);
                self.hashed(hash, row);
            }
        }
    }

    fn hashed(&self, hash: u64, row: &mut impl FnMut(usize)) {
        if self.settings.buckets == 0 {
            return;
        }
        let bucket = (hash % u64::from(self.settings.buckets)) as i32;
        let bucket = match &self.kept {
            None => Some(bucket),
            Some(kept) => kept
                .binary_search_by_key(&bucket, |pair| pair.0)
                .ok()
                .map(|at| kept[at].1),
        };
        if let Some(bucket) = bucket {
            row(self.words + bucket as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_signed() {
        assert_eq!(hash(b""), 0x811c_9dc5);
        assert_eq!(hash(b"hello"), 1_335_831_723);
        // A byte from 0x80 on sets the upper bits too, which plain FNV-1a does not.
        assert_ne!(hash("한".as_bytes()), {
            "한".bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            })
        });
    }
}
