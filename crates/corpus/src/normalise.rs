//! One spelling for one text: damage undone, forms unified, the invisible removed, white space calmed.
//!
//! In this order: bytes that were read in the wrong encoding are read again ([`mojibake`]); line
//! ends, control and zero-width characters, full-width letters and half-width Hangul are mapped
//! ([`hangul`]); Unicode normalisation form C, which turns conjoining jamo into the syllables
//! that a tokenizer knows; spaces and blank lines, those in fenced code left as they are. The
//! whole is repeated until it changes nothing, so normalising twice is normalising once.
//!
//! Not done: NFKC (it would turn `ㅋㅋㅋ` into jamo and `x²` into `x2`), quotation marks, dashes,
//! spelling. Every repair is counted.

mod hangul;
mod mojibake;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// What was repaired, in a text or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Repairs {
    /// Runs of letters that had been decoded wrongly.
    pub mojibake: u64,
    /// Texts that form C changed.
    pub composed: u64,
    /// Half-width and stranded conjoining jamo.
    pub jamo: u64,
    /// Full-width letters and digits, ligatures.
    pub compatibility: u64,
    /// Zero-width and other invisible characters, private ones.
    pub invisible: u64,
    /// Control characters and odd line ends.
    pub control: u64,
    /// Texts whose white space changed.
    pub white_space: u64,
}

impl Repairs {
    /// Whether nothing was repaired.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the counts of another text.
    pub fn add(&mut self, other: &Self) {
        self.mojibake += other.mojibake;
        self.composed += other.composed;
        self.jamo += other.jamo;
        self.compatibility += other.compatibility;
        self.invisible += other.invisible;
        self.control += other.control;
        self.white_space += other.white_space;
    }
}

/// A text cannot be damaged more often than this; the loop ends in any case.
const ROUNDS: usize = 8;

/// The text in its one spelling, and what was repaired.
pub fn normalise(text: &str) -> (String, Repairs) {
    let mut repairs = Repairs::default();
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let next = once(&text, &mut repairs);
        if next == text {
            break;
        }
        text = next;
    }
    repairs.composed = repairs.composed.min(1);
    repairs.white_space = repairs.white_space.min(1);
    (text, repairs)
}

fn once(text: &str, repairs: &mut Repairs) -> String {
    let repaired = mojibake::repair(text, &mut repairs.mojibake);
    let mapped = map(repaired.as_deref().unwrap_or(text), repairs);
    // ASCII and whole syllables are in form C, whatever stands beside them; what is not is not left out.
    let doubtful = |letter: &char| !letter.is_ascii() && !('가'..='힣').contains(letter);
    let doubtful = mapped.chars().filter(doubtful);
    let composed = if is_nfc_quick(doubtful) == IsNormalized::Yes {
        mapped
    } else {
        let composed: String = mapped.nfc().collect();
        repairs.composed += u64::from(composed != mapped);
        composed
    };
    let composed = hangul::stranded(composed, &mut repairs.jamo);
    let calm = white_space(&composed);
    repairs.white_space += u64::from(calm != composed);
    calm
}

/// Everything that is one character at a time.
fn map(text: &str, repairs: &mut Repairs) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut halfwidth = String::new();
    loop {
        if halfwidth.is_empty() {
            let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
            let (before, after) = rest.split_at(rest.bytes().take_while(plain).count());
            out.push_str(before);
            rest = after;
        }
        let mut letters = rest.chars();
        let Some(letter) = letters.next() else {
            break;
        };
        rest = letters.as_str();
        if !halfwidth.is_empty() && !hangul::is_halfwidth(letter) {
            hangul::compose_halfwidth(&halfwidth, &mut out);
            halfwidth.clear();
        }
        match letter {
            ' '..='~' | '\n' | '\t' | '가'..='힣' => out.push(letter),
            '\r' => {
                repairs.control += 1;
                if !rest.starts_with('\n') {
                    out.push('\n');
                }
            }
            '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                repairs.control += 1;
                out.push('\n');
            }
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}' => repairs.control += 1,
            '\u{A0}'
            | '\u{2000}'..='\u{200A}'
            | '\u{202F}'
            | '\u{205F}'
            | '\u{3000}'
            | '\u{1680}' => out.push(' '),
            // The Hangul filler is a blank that looks like a letter to programs.
            '\u{3164}' | '\u{FFA0}' => {
                repairs.invisible += 1;
                out.push(' ');
            }
            '\u{AD}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{180E}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E000}'..='\u{F8FF}'
            | '\u{E0000}'..='\u{E007F}' => {
                repairs.invisible += 1;
            }
            // Joiners shape Persian, Indic scripts and emoji; elsewhere they hide words.
            '\u{200C}' | '\u{200D}' => {
                let shapes = |letter: Option<char>| {
                    letter.is_some_and(|letter| !letter.is_ascii() && !hangul::is_hangul(letter))
                };
                if shapes(out.chars().next_back()) && shapes(rest.chars().next()) {
                    out.push(letter);
                } else {
                    repairs.invisible += 1;
                }
            }
            '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}' => {
                repairs.compatibility += 1;
                let narrow = u32::from(letter) - 0xFEE0;
                out.push(char::from_u32(narrow).unwrap_or(letter));
            }
            '\u{FB00}'..='\u{FB06}' => {
                repairs.compatibility += 1;
                out.push_str(
                    ["ff", "fi", "fl", "ffi", "ffl", "st", "st"][letter as usize - 0xFB00],
                );
            }
            letter if hangul::is_halfwidth(letter) => {
                repairs.jamo += 1;
                halfwidth.push(letter);
            }
            letter => out.push(letter),
        }
    }
    hangul::compose_halfwidth(&halfwidth, &mut out);
    out
}

/// No spaces at line ends, single ones within lines, at most one blank line; fenced code as it is.
fn white_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = 0usize;
    let mut fence: Option<&str> = None;
    for line in text.split('\n') {
        let line = line.trim_end_matches([' ', '\t']);
        if fence.is_none() && line.is_empty() {
            blank += 1;
            continue;
        }
        if !out.is_empty() {
            let breaks = if fence.is_some() { 1 } else { 1 + blank.min(1) };
            out.extend(std::iter::repeat_n('\n', breaks));
        }
        blank = 0;
        let content = line.trim_start_matches([' ', '\t', '>']);
        let ticks = content.len() - content.trim_start_matches('`').len();
        let bounds = ticks >= 3;
        if fence.is_none() && !bounds {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            out.push_str(&line[..indent]);
            let mut rest = &line[indent..];
            while let Some(at) = rest.find("  ") {
                out.push_str(&rest[..=at]);
                rest = rest[at..].trim_start_matches(' ');
            }
            out.push_str(rest);
        } else {
            out.push_str(line);
        }
        if bounds {
            let run = &content[..ticks];
            fence = match fence {
                None => Some(run),
                // Closed by as many ticks and nothing behind them.
                Some(open) if ticks >= open.len() && content.len() == ticks => None,
                still => still,
            };
        }
    }
    let start = out.len() - out.trim_start_matches('\n').len();
    let end = out.trim_end_matches('\n').len();
    out.truncate(end.max(start));
    out.drain(..start);
    // Indents of the first line stay: it may be code.
    out
}

#[cfg(test)]
mod tests;
