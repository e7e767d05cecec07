//! Gopher's quality rules: how long a text and its words are, and what its words and lines are made of.
//!
//! Rae et al. 2021 (arXiv 2112.11446), section A.1.1, computed as datatrove 0.10.1 does: words of
//! nothing but signs do not count for length; `#` and ellipses are counted in the text, per word.
//! Korean limits are FineWeb-2's, which count morphemes; where a limit depends on what a word is,
//! it is converted to eojeol, of 2.24 morphemes each. Stop-words are particles and endings there, at the end of an eojeol here.

use ahash::AHashSet;

use super::page::{characters, share};
use super::{Filter, Page, Rule, Side};
use crate::Language;
use crate::words::signs::{letter, lines, symbol, trim};

pub(super) struct GopherQuality;

const fn rule(
    reason: &'static str,
    signal: &'static str,
    side: Side,
    english: f64,
    korean: f64,
    korean_from: &'static str,
    says: &'static str,
) -> Rule {
    Rule {
        reason,
        signal,
        side,
        english: Some(english),
        korean: Some(korean),
        korean_from,
        says,
    }
}

const SAME: &str = "Gopher; FineWeb-2 leaves it";
const CONVERTED: &str = "50 morphemes of FineWeb-2 in eojeol";
const LENGTH: &str =
    "ours: 1 to 6 of a morpheme in FineWeb-2; an eojeol has 3.3 characters on the average";

impl Filter for GopherQuality {
    fn name(&self) -> &'static str {
        "gopher_quality"
    }

    fn about(&self) -> &'static str {
        "length, symbols, bullets, stop-words: Gopher (arXiv 2112.11446), section A.1.1, as datatrove computes it"
    }

    fn signals(&self) -> &'static [&'static str] {
        &[
            "counted_words",
            "word_length",
            "hashes",
            "ellipses",
            "bullet_lines",
            "ellipsis_lines",
            "words_with_letters",
            "stop_words",
        ]
    }

    fn rules(&self) -> &'static [Rule] {
        use Side::{Above, Below};
        const RULES: [Rule; 10] = [
            rule(
                "few_words",
                "counted_words",
                Below,
                50.0,
                25.0,
                CONVERTED,
                "it has too few words",
            ),
            rule(
                "many_words",
                "counted_words",
                Above,
                100_000.0,
                50_000.0,
                "100,000 morphemes in eojeol",
                "it has too many words",
            ),
            rule(
                "short_words",
                "word_length",
                Below,
                3.0,
                1.8,
                LENGTH,
                "its words are too short on the average",
            ),
            rule(
                "long_words",
                "word_length",
                Above,
                10.0,
                8.0,
                LENGTH,
                "its words are too long on the average",
            ),
            rule(
                "many_hashes",
                "hashes",
                Above,
                0.1,
                0.1,
                SAME,
                "it has too many # for its words",
            ),
            rule(
                "many_ellipses",
                "ellipses",
                Above,
                0.1,
                0.1,
                SAME,
                "it has too many ellipses for its words",
            ),
            rule(
                "bullet_lines",
                "bullet_lines",
                Above,
                0.9,
                0.9,
                SAME,
                "too many of its lines begin with a bullet",
            ),
            rule(
                "ellipsis_lines",
                "ellipsis_lines",
                Above,
                0.3,
                0.3,
                SAME,
                "too many of its lines end in an ellipsis",
            ),
            rule(
                "few_words_with_letters",
                "words_with_letters",
                Below,
                0.8,
                0.791,
                "FineWeb-2, kor_Hang",
                "too few of its words have a letter",
            ),
            rule(
                "few_stop_words",
                "stop_words",
                Below,
                2.0,
                2.0,
                SAME,
                "it has too few of the little words that prose is full of",
            ),
        ];
        &RULES
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        let (text, words) = (page.original, &page.words);
        let (mut counted, mut length, mut with_letters) = (0, 0, 0);
        for word in words {
            if word.chars().any(|c| !symbol(c)) {
                counted += 1;
                length += characters(word);
            }
            with_letters += usize::from(word.chars().any(letter));
        }
        signals.push(counted as f64);
        signals.push(share(length, counted));
        signals.push(share(
            memchr::memchr_iter(b'#', text.as_bytes()).count(),
            words.len(),
        ));
        signals.push(share(ellipses(text), words.len()));

        let (mut all, mut bullets, mut trailing) = (0, 0, 0);
        for line in lines(text) {
            let line = trim(line);
            all += 1;
            bullets += usize::from(line.starts_with(['•', '-']));
            trailing += usize::from(line.ends_with("...") || line.ends_with('…'));
        }
        signals.push(share(bullets, all));
        signals.push(share(trailing, all));
        signals.push(share(with_letters, words.len()));
        signals.push(stop_words(words, page.language()) as f64);
    }
}

/// `...` and `…`, none counted twice.
fn ellipses(text: &str) -> usize {
    memchr::memmem::find_iter(text.as_bytes(), "...").count()
        + memchr::memmem::find_iter(text.as_bytes(), "…").count()
}

const ENGLISH: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];

/// Particles and endings that close an eojeol: those of FineWeb-2's list that can, and their variants.
const KOREAN: [&str; 22] = [
    "의", "다", "이", "는", "에", "을", "한", "은", "를", "고", "에서", "가", "으로", "인", "로",
    "와", "과", "도", "지", "며", "요", "까지",
];

/// How many different stop-words there are.
fn stop_words(words: &[&str], language: Language) -> usize {
    if language != Language::Korean {
        let found: AHashSet<&str> = words
            .iter()
            .copied()
            .filter(|word| ENGLISH.contains(word))
            .collect();
        return found.len();
    }
    let mut found = [false; KOREAN.len()];
    for word in words {
        let bare = word.trim_end_matches(symbol);
        // A particle stands behind something.
        let ending = KOREAN
            .iter()
            .enumerate()
            .filter(|(_, ending)| bare.len() > ending.len() && bare.ends_with(**ending));
        if let Some((place, _)) = ending.max_by_key(|(_, ending)| ending.len()) {
            found[place] = true;
        }
    }
    found.iter().filter(|found| **found).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_stop_words_close_an_eojeol() {
        let count = |text: &str| stop_words(&text.split(' ').collect::<Vec<_>>(), Language::Korean);
        assert_eq!(count("나는 학교에서 책을 읽었다."), 4); // 는 에서 을 다
        assert_eq!(count("는 을 다"), 0);
        assert_eq!(count("대박 할인 쿠폰"), 1); // 인
    }

    #[test]
    fn ellipses_do_not_overlap() {
        assert_eq!(ellipses("a......b....…"), 4);
    }
}
