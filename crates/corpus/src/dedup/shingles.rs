//! From a text to the hashes of its shingles and of the whole of it, in one pass and without allocating for any of them.
//!
//! A text is folded first: letters in lower case, runs of digits one 0, what is neither a letter
//! nor a digit only divides words. A shingle is `n` words on end (five, as FineWeb has it); in Korean, where
//! one particle changes a whole eojeol, it can be characters on end with spaces left out. A text
//! of fewer is one shingle. Word hashes roll: S ← S·B + word − B^n·(the word that leaves).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::words::signs::hangul;

/// What a shingle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Words; in Korean eojeol.
    Words,
    /// Letters and digits.
    Characters,
}

/// How long shingles are, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShingleSettings {
    /// Words in a shingle of a text that is not Korean.
    pub words: usize,
    /// What shingles of Korean texts are made of: `words` (eojeol) or `characters`.
    pub korean: Unit,
    /// How many of them are in a shingle.
    pub korean_length: usize,
}

impl Default for ShingleSettings {
    fn default() -> Self {
        Self {
            words: 5,
            korean: Unit::Words,
            korean_length: 5,
        }
    }
}

/// Shingles of one text after another, in memory that is used again.
#[derive(Default)]
pub(crate) struct Shingler {
    units: Vec<u64>,
    shingles: Vec<u32>,
}

/// A text without shingles: of nothing but signs.
pub(crate) const NO_WORDS: u64 = 0;

impl Shingler {
    /// The shingles of a text, and a hash of the whole of it ([`NO_WORDS`] where it has no words): of every sign and
    /// digit, white space and the case of letters apart, because two sums that differ in a number are two.
    pub(crate) fn read(&mut self, text: &str, settings: &ShingleSettings) -> (&[u32], u64) {
        let (unit, length) = if is_korean(text) {
            (settings.korean, settings.korean_length)
        } else {
            (Unit::Words, settings.words)
        };
        self.units.clear();
        let mut reader = Exact {
            words: &mut self.units,
            lost: 1,
        };
        fold(text, &mut reader);
        let mut whole = reader.lost;
        if unit == Unit::Characters {
            whole = self.units.iter().fold(whole, mix);
            self.units.clear();
            characters(text, |character| self.units.push(character));
            self.roll(length.max(1), whole);
        } else {
            whole = self.roll(length.max(1), whole);
        }
        let whole = if self.units.is_empty() {
            NO_WORDS
        } else {
            whole.max(1)
        };
        (&self.shingles, whole)
    }

    /// Makes the shingles; mixes all units into `whole` besides, which costs no time of its own.
    fn roll(&mut self, length: usize, mut whole: u64) -> u64 {
        self.shingles.clear();
        let power = (0..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
        let mut sum = 0u64;
        for (at, unit) in self.units.iter().enumerate() {
            sum = sum.wrapping_mul(BASE).wrapping_add(*unit);
            whole = mix(whole, unit);
            if at >= length {
                sum = sum.wrapping_sub(power.wrapping_mul(self.units[at - length]));
            }
            if at + 1 >= length {
                self.shingles.push(shorten(sum));
            }
        }
        if self.shingles.is_empty() && !self.units.is_empty() {
            self.shingles.push(shorten(sum));
        }
        whole
    }
}

fn mix(hash: u64, word: &u64) -> u64 {
    multiply(hash ^ word, MIX)
}

/// A hash of the folded words of a text ([`NO_WORDS`] where it has none): other numbers, signs and capital letters
/// make no other text of it.
pub(super) fn folded(text: &str) -> u64 {
    let mut whole = None;
    fold(
        text,
        &mut Words(|word| whole = Some(mix(whole.unwrap_or(1), &word))),
    );
    whole.map_or(NO_WORDS, |hash| hash.max(1))
}

/// More than three tenths of the letters are Hangul, as `language` has it; by first bytes, which is fast.
fn is_korean(text: &str) -> bool {
    let (mut hangul, mut latin) = (0u64, 0u64);
    // As many as one byte counts, so that a register holds the counts of many lanes.
    for block in text.as_bytes().chunks(usize::from(u8::MAX)) {
        let (mut three, mut one) = (0u8, 0u8);
        for byte in block {
            three += u8::from(byte.wrapping_sub(0xea) < 4);
            one += u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
        }
        hangul += u64::from(three);
        latin += u64::from(one);
    }
    hangul * 7 > latin * 3
}

const BASE: u64 = 0xd134_2543_de82_ef95;
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The product of 64 bits by 64, folded: every bit of the result depends on every bit of both.
pub(super) fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

fn shorten(hash: u64) -> u32 {
    (multiply(hash ^ MIX, BASE) >> 32) as u32
}

/// For each byte of ASCII: what it becomes, or 0 where it divides words.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        if c.is_ascii_alphabetic() {
            table[byte] = c.to_ascii_lowercase();
        } else if c.is_ascii_digit() {
            table[byte] = b'0';
        }
        byte += 1;
    }
    table
};

/// The hash of a word while its bytes come: eight at a time are mixed in.
struct Word {
    hash: u64,
    bytes: u64,
    count: u32,
    last: u8,
}

impl Word {
    const EMPTY: Self = Self {
        hash: MIX,
        bytes: 0,
        count: 0,
        last: 0,
    };

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        // A number is a number, however long.
        if byte == b'0' && self.last == b'0' {
            return;
        }
        self.last = byte;
        self.bytes = self.bytes << 8 | u64::from(byte);
        self.count += 1;
        if self.count.is_multiple_of(8) {
            self.hash = multiply(self.hash ^ self.bytes, BASE);
            self.bytes = 0;
        }
    }

    #[inline(always)]
    fn end(&mut self, reader: &mut impl Reader) {
        if self.count > 0 {
            reader.word(multiply(
                self.hash ^ self.bytes,
                BASE ^ u64::from(self.count),
            ));
            *self = Self::EMPTY;
        }
    }
}

/// Who reads a text while it is folded.
trait Reader {
    /// The hash of a folded word.
    fn word(&mut self, hash: u64);
    /// A sign or a digit, of which folding leaves nothing: a sign behind the word that it ends, a digit before the
    /// word that it is in.
    #[inline(always)]
    fn lost(&mut self, _: u32) {}
}

/// Takes the words alone.
struct Words<F>(F);

impl<F: FnMut(u64)> Reader for Words<F> {
    #[inline(always)]
    fn word(&mut self, hash: u64) {
        self.0(hash);
    }
}

/// The words, and a hash of what folding leaves out of them: of each sign, and how many words are before it.
struct Exact<'a> {
    words: &'a mut Vec<u64>,
    lost: u64,
}

impl Reader for Exact<'_> {
    #[inline(always)]
    fn word(&mut self, hash: u64) {
        self.words.push(hash);
    }

    #[inline(always)]
    fn lost(&mut self, sign: u32) {
        let place = (self.words.len() as u64) << 32;
        self.lost = multiply(self.lost ^ place ^ u64::from(sign), BASE);
    }
}

/// Hands every folded word on, and what is left out.
fn fold(text: &str, reader: &mut impl Reader) {
    let bytes = text.as_bytes();
    let mut word = Word::EMPTY;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte < 128 {
            match ASCII[usize::from(byte)] {
                0 => {
                    word.end(reader);
                    if byte > b' ' {
                        reader.lost(u32::from(byte));
                    }
                }
                b'0' => {
                    word.push(b'0');
                    reader.lost(u32::from(byte));
                }
                folded => word.push(folded),
            }
            at += 1;
        } else if matches!(byte, 0xeb..=0xec) {
            // U+B000 to U+CFFF: syllables, the most of Korean, need no decoding.
            for byte in &bytes[at..at + 3] {
                word.push(*byte);
            }
            at += 3;
        } else {
            let c = text[at..].chars().next().unwrap_or(' ');
            other(c, &mut word, reader);
            at += c.len_utf8();
        }
    }
    word.end(reader);
}

fn other(c: char, word: &mut Word, reader: &mut impl Reader) {
    if !c.is_alphanumeric() {
        word.end(reader);
        if !c.is_whitespace() {
            reader.lost(u32::from(c));
        }
        return;
    }
    let mut buffer = [0; 4];
    if hangul(c) {
        c.encode_utf8(&mut buffer)
            .bytes()
            .for_each(|byte| word.push(byte));
    } else if c.is_numeric() {
        word.push(b'0');
        reader.lost(u32::from(c));
    } else {
        for c in c.to_lowercase() {
            c.encode_utf8(&mut buffer)
                .bytes()
                .for_each(|byte| word.push(byte));
        }
    }
}

/// Gives the hash of every folded letter, and one for every run of digits.
fn characters(text: &str, mut give: impl FnMut(u64)) {
    let mut digits = false;
    for c in text.chars() {
        let digit = c.is_numeric();
        if digit && !digits {
            give(multiply(MIX ^ u64::from(b'0'), BASE));
        } else if c.is_alphabetic() {
            c.to_lowercase()
                .for_each(|c| give(multiply(MIX ^ u64::from(c), BASE)));
        }
        digits = digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, korean: Unit) -> (Vec<u32>, u64) {
        let settings = ShingleSettings {
            korean,
            korean_length: 3,
            words: 3,
        };
        let mut shingler = Shingler::default();
        let (shingles, whole) = shingler.read(text, &settings);
        (shingles.to_vec(), whole)
    }

    #[test]
    fn what_is_folded_away_does_not_count() {
        for unit in [Unit::Words, Unit::Characters] {
            let (same, _) = read("Hello, World! In 2024 there were 15 of them.", unit);
            assert_eq!(
                read("hello world — in 1999\nthere WERE 7 of 'them'", unit).0,
                same
            );
            assert_eq!(
                read("그는 12살이다. 나는 아니다!", unit).0,
                read("그는  7살이다 나는 아니다", unit).0
            );
        }
        assert_ne!(
            read("나는 학교에 간다", Unit::Words).1,
            read("나는 학교에 갔다", Unit::Words).1
        );
        assert_eq!(
            read("나는 학교에 간다", Unit::Characters).0,
            read("나는학교에 간다", Unit::Characters).0
        );
    }

    /// Numbers and signs make another text, white space and capital letters do not.
    #[test]
    fn what_is_exactly_the_same() {
        let whole = |text| read(text, Unit::Words).1;
        for (one, other) in [
            ("12 + 7 = 19", "3 + 5 = 8"),
            ("3 + 5 = 8", "3 * 5 = 15"),
            ("if a < b: return a + b", "if a > b: return a - b"),
            ("철수는 사과 3개를 샀다.", "철수는 사과 5개를 샀다."),
            ("ab c", "a bc"),
            ("abcdefgh ", "abcdefgh a"),
        ] {
            assert_ne!(whole(one), whole(other), "{one}");
        }
        assert_eq!(whole("Hello,  World!\n"), whole(" hello, world!"));
        assert_eq!(whole("그는  7살이다."), whole("그는 7살이다."));
        assert_eq!(whole("그는\u{3000}7살이다.\u{a0}"), whole("그는 7살이다."));
        let text = "그는 “7살”이다. Été, 漢字 — ㅋㅋㅋ!\u{b}abcdefgh\t끝";
        assert_eq!(whole(text), read(text, Unit::Characters).1);
    }

    /// What a notice says of the day and of its readers does not make it another one; a word does.
    #[test]
    fn what_is_folded_is_the_same_with_other_numbers_and_signs() {
        let notice = "기사입력 2024-01-02 10:20 조회 123회 댓글 4개";
        for other in [
            "기사입력 2024-01-03 9:05 조회 7회 댓글 1024개",
            "기사입력: 2025.11.30. 22:41 | 조회 98회 | 댓글 15개",
        ] {
            assert_eq!(folded(notice), folded(other), "{other}");
        }
        assert_ne!(folded(notice), folded(&notice.replace("조회", "추천")));
        assert_eq!(folded("Posted: Jan 2"), folded("posted jan 31"));
        assert_eq!(folded("?! …"), NO_WORDS);
    }

    #[test]
    fn shingles_are_runs_of_words() {
        assert_eq!(read("a b c d", Unit::Words).0.len(), 2);
        assert_eq!(
            read("x a b c", Unit::Words).0[1],
            read("a b c", Unit::Words).0[0],
            "the rolling sum forgets"
        );
        assert_eq!(read("a b", Unit::Words).0.len(), 1);
        assert_eq!(read("?! …", Unit::Words), (vec![], NO_WORDS));
        assert_eq!(read("나는 간다", Unit::Characters).0.len(), 2);
    }
}
