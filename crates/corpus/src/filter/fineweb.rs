//! FineWeb's own rules: lines that do not close, short lines, repeated lines, lists.
//!
//! Penedo et al. 2024 (arXiv 2406.17557), section 3.6, computed as datatrove 0.10.1 does, on the
//! text as C4's rules have left it. Korean limits are FineWeb-2's; newlines per word is converted to eojeol.

use super::gopher_repetition::duplicates;
use super::page::{characters, share};
use super::{Filter, Page, Rule, Side};
use crate::words::signs::{ends_sentence, trim};

pub(super) struct FineWeb;

/// Lines of at most so many characters are short.
const SHORT: usize = 30;

impl Filter for FineWeb {
    fn name(&self) -> &'static str {
        "fineweb"
    }

    fn about(&self) -> &'static str {
        "lines that do not close, short and repeated lines, lists: FineWeb (arXiv 2406.17557), section 3.6"
    }

    fn signals(&self) -> &'static [&'static str] {
        &[
            "lines",
            "closed_lines",
            "short_lines",
            "repeated_line_characters",
            "newlines_per_word",
        ]
    }

    fn rules(&self) -> &'static [Rule] {
        const KOREAN: &str = "FineWeb-2, kor_Hang";
        &[
            Rule {
                reason: "no_lines",
                signal: "lines",
                side: Side::Below,
                english: Some(1.0),
                korean: Some(1.0),
                korean_from: "FineWeb",
                says: "nothing is left of it",
            },
            Rule {
                reason: "few_closed_lines",
                signal: "closed_lines",
                side: Side::Below,
                english: Some(0.12),
                korean: Some(0.062),
                korean_from: KOREAN,
                says: "too few of its lines end like a sentence",
            },
            Rule {
                reason: "short_lines",
                signal: "short_lines",
                side: Side::Above,
                english: Some(0.67),
                korean: None,
                korean_from: "FineWeb-2 switches it off",
                says: "too many of its lines are short",
            },
            Rule {
                reason: "repeated_lines",
                signal: "repeated_line_characters",
                side: Side::Above,
                english: Some(0.01),
                korean: Some(0.1),
                korean_from: "FineWeb-2",
                says: "lines that were there before make up too much of it",
            },
            Rule {
                reason: "list_like",
                signal: "newlines_per_word",
                side: Side::Above,
                english: Some(0.3),
                korean: Some(0.44),
                korean_from: "0.196 a morpheme of FineWeb-2, times 2.24 morphemes an eojeol",
                says: "it has too many line breaks for its words, like a list",
            },
        ]
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        let text = page.text();
        let lines: Vec<&str> = text
            .split('\n')
            .filter(|line| !trim(line).is_empty())
            .collect();
        let closed = lines
            .iter()
            .filter(|line| line.ends_with(ends_sentence))
            .count();
        let short = lines
            .iter()
            .filter(|line| line.len() <= SHORT || characters(line) <= SHORT)
            .count();
        let feeds = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let repeated = duplicates(lines.iter().copied()).characters;
        signals.push(lines.len() as f64);
        signals.push(share(closed, lines.len()));
        signals.push(share(short, lines.len()));
        signals.push(share(repeated, characters(text) - feeds));
        signals.push(share(feeds, page.words_left()));
    }
}
