//! Gopher's repetition rules: lines, paragraphs and n-grams of words that a text has more than once.
//!
//! Rae et al. 2021 (arXiv 2112.11446), table A1, computed as datatrove 0.10.1 does: shares are of
//! the characters of the whole text; the commonest n-gram counts with all its occurrences, n = 2, 3,
//! 4; of n = 5 … 10 every n-gram counts that was there before, and a counted one is stepped over, so
//! that no character counts twice. Those longer n-grams are compared as their words run together.
//! Hashes stand for n-grams (64 bits), strings for lines and paragraphs.

use std::cell::RefCell;

use ahash::AHashSet;

use super::page::{characters, share};
use super::{Filter, Page, Rule, Side};
use crate::tally::Tally;
use crate::words::signs::trim;

pub(super) struct GopherRepetition;

const fn rule(reason: &'static str, english: f64, korean: Option<f64>, says: &'static str) -> Rule {
    let korean_from = match korean {
        Some(_) => "FineWeb-2, kor_Hang",
        None => "FineWeb-2 switches it off: extraction leaves few paragraphs",
    };
    Rule {
        reason,
        signal: reason,
        side: Side::Above,
        english: Some(english),
        korean,
        korean_from,
        says,
    }
}

const TOP: &str = "its commonest run of that many words makes up too much of it";
const AGAIN: &str = "runs of that many words which were there before make up too much of it";

impl Filter for GopherRepetition {
    fn name(&self) -> &'static str {
        "gopher_repetition"
    }

    fn about(&self) -> &'static str {
        "repetition inside a text: Gopher (arXiv 2112.11446), table A1, as datatrove computes it"
    }

    fn signals(&self) -> &'static [&'static str] {
        &[
            "duplicate_paragraphs",
            "duplicate_paragraph_characters",
            "duplicate_lines",
            "duplicate_line_characters",
            "top_2_gram",
            "top_3_gram",
            "top_4_gram",
            "duplicate_5_grams",
            "duplicate_6_grams",
            "duplicate_7_grams",
            "duplicate_8_grams",
            "duplicate_9_grams",
            "duplicate_10_grams",
        ]
    }

    fn rules(&self) -> &'static [Rule] {
        const RULES: [Rule; 13] = [
            rule(
                "duplicate_paragraphs",
                0.3,
                None,
                "too many of its paragraphs were there before",
            ),
            rule(
                "duplicate_paragraph_characters",
                0.2,
                None,
                "paragraphs that were there before make up too much of it",
            ),
            rule(
                "duplicate_lines",
                0.3,
                Some(0.374),
                "too many of its lines were there before",
            ),
            rule(
                "duplicate_line_characters",
                0.2,
                None,
                "lines that were there before make up too much of it",
            ),
            rule("top_2_gram", 0.2, Some(0.282), TOP),
            rule("top_3_gram", 0.18, Some(0.228), TOP),
            rule("top_4_gram", 0.16, Some(0.185), TOP),
            rule("duplicate_5_grams", 0.15, Some(0.201), AGAIN),
            rule("duplicate_6_grams", 0.14, Some(0.184), AGAIN),
            rule("duplicate_7_grams", 0.13, Some(0.168), AGAIN),
            rule("duplicate_8_grams", 0.12, Some(0.154), AGAIN),
            rule("duplicate_9_grams", 0.11, Some(0.14), AGAIN),
            rule("duplicate_10_grams", 0.1, Some(0.127), AGAIN),
        ];
        &RULES
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        let whole = characters(page.original);
        let paragraphs = blocks(trim(page.original), 2);
        let lines = blocks(page.original, 1);
        for parts in [paragraphs, lines] {
            let repeated = duplicates(parts.iter().copied());
            signals.push(share(repeated.parts, parts.len()));
            signals.push(share(repeated.characters, whole));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.fill(&page.words);
            signals.extend([2, 3, 4].map(|n| share(scratch.top(n), whole)));
            signals.extend([5, 6, 7, 8, 9, 10].map(|n| share(scratch.again(n), whole)));
        });
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What is left between runs of at least so many line feeds; also what is empty at the ends.
fn blocks(text: &str, feeds: usize) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        let begin = at + found;
        let run = bytes[begin..]
            .iter()
            .take_while(|byte| **byte == b'\n')
            .count();
        at = begin + run;
        if run >= feeds {
            parts.push(&text[start..begin]);
            start = at;
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Parts that were there before, and their characters.
pub(super) struct Repeated {
    pub(super) parts: usize,
    pub(super) characters: usize,
}

/// Counts what was there before.
pub(super) fn duplicates<'a>(parts: impl Iterator<Item = &'a str>) -> Repeated {
    let mut seen = AHashSet::new();
    let mut repeated = Repeated {
        parts: 0,
        characters: 0,
    };
    for part in parts {
        if !seen.insert(part) {
            repeated.parts += 1;
            repeated.characters += characters(part);
        }
    }
    repeated
}

/// The base of the hash of a word, Σ byte · BASE^(place from its end); odd, so that it has an inverse modulo 2^64.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE: u64 = inverse(BASE);

/// Newton's iteration: each step doubles the bits that are right.
const fn inverse(base: u64) -> u64 {
    let mut x = base;
    let mut step = 0;
    while step < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(base.wrapping_mul(x)));
        step += 1;
    }
    x
}

/// Sums over the words before each place, from which any run of words has its hash and its length.
#[derive(Default)]
struct Scratch {
    words: Vec<u64>,
    /// Σ hash(word) · BASE^-(bytes up to its end).
    sums: Vec<u64>,
    /// BASE^(bytes before).
    powers: Vec<u64>,
    /// Characters before.
    characters: Vec<usize>,
    tally: Tally,
}

impl Scratch {
    fn fill(&mut self, words: &[&str]) {
        self.words.clear();
        for column in [&mut self.sums, &mut self.powers] {
            column.clear();
        }
        self.characters.clear();
        let (mut sum, mut power, mut back, mut count) = (0u64, 1u64, 1u64, 0);
        self.sums.push(sum);
        self.powers.push(power);
        self.characters.push(count);
        for word in words {
            let mut hash = 0u64;
            for byte in word.bytes() {
                hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1);
                power = power.wrapping_mul(BASE);
                back = back.wrapping_mul(INVERSE);
                count += usize::from(byte & 0xc0 != 0x80);
            }
            sum = sum.wrapping_add(hash.wrapping_mul(back));
            self.words.push(hash);
            self.sums.push(sum);
            self.powers.push(power);
            self.characters.push(count);
        }
    }

    /// Characters of all occurrences of the commonest n-gram, its words one space apart; of several that
    /// are as common, the one that comes first.
    fn top(&mut self, n: usize) -> usize {
        let Some(runs) = (self.words.len() + 1)
            .checked_sub(n)
            .filter(|runs| *runs > 0)
        else {
            return 0;
        };
        self.tally.clear(runs);
        let (mut most, mut place) = (0, 0);
        for (at, run) in self.words.windows(n).enumerate() {
            let hash = run.iter().fold(0u64, |hash, word| {
                (hash.rotate_left(25) ^ word).wrapping_mul(BASE)
            });
            let (count, first) = self.tally.add(hash, at);
            if count > most || (count == most && first < place) {
                (most, place) = (count, first);
            }
        }
        let length = self.characters[place + n] - self.characters[place] + n - 1;
        length * most as usize
    }

    /// Characters of n-grams that were there before, each stepped over once it is counted.
    fn again(&mut self, n: usize) -> usize {
        let Some(runs) = (self.words.len() + 1)
            .checked_sub(n)
            .filter(|runs| *runs > 0)
        else {
            return 0;
        };
        self.tally.clear(runs);
        let (mut at, mut repeated) = (0, 0);
        while at < runs {
            let end = at + n;
            let hash = self.sums[end]
                .wrapping_sub(self.sums[at])
                .wrapping_mul(self.powers[end]);
            if self.tally.add(hash, at).0 > 1 {
                repeated += self.characters[end] - self.characters[at];
                at = end;
            } else {
                at += 1;
            }
        }
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_has_an_inverse() {
        assert_eq!(BASE.wrapping_mul(INVERSE), 1);
    }

    #[test]
    fn runs_are_compared_as_their_words_run_together() {
        let mut scratch = Scratch::default();
        // "12" + "3" and "1" + "23" are one string, which datatrove cannot tell apart either.
        scratch.fill(&["12", "3", "x", "1", "23"]);
        assert_eq!((scratch.again(2), scratch.top(2)), (3, 4));
        scratch.fill(&["가나", "다", "가나", "다", "가나"]);
        assert_eq!(
            (scratch.again(2), scratch.top(2), scratch.top(9)),
            (3, 8, 0)
        );
    }
}
