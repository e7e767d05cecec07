//! Whether an answer does what an instruction wants: lm-eval's rules, and Korean's where the prompt is Korean.
//!
//! lm-eval writes keywords into regular expressions as they stand, and so does this; what is no expression
//! is looked for letter by letter (lm-eval stops there). Languages are told by langdetect's own rules and
//! profiles with seed 0: lm-eval sets none, so that its verdict on doubtful texts differs from run to run.

use super::instruction::Instruction;
use super::{korean, sentences, words};
use fancy_regex::{Regex, RegexBuilder, escape};
use langdetect::{DetectorFactory, Seed};
use std::sync::LazyLock;

/// The answers that `constrained_response` takes.
const ANSWERS: [&str; 3] = [
    "My answer is yes.",
    "My answer is no.",
    "My answer is maybe.",
];

static DETECTOR: LazyLock<DetectorFactory> = LazyLock::new(|| {
    let mut factory = DetectorFactory::builtin().clone();
    factory.seed = Seed::Int(0);
    factory
});

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("a pattern of ours"));
    };
}
pattern!(PLACEHOLDER, r"\[.*?\]");
pattern!(STAR, r"(?m)^\s*\*[^\*].*$");
pattern!(DASH, r"(?m)^\s*-.*$");
pattern!(HIGHLIGHT, r"\*[^\n\*]*\*");
pattern!(DOUBLE_HIGHLIGHT, r"\*\*[^\n\*]*\*\*");
pattern!(PARAGRAPH, r"\s?\*\*\*\s?");
pattern!(TITLE, r"<<[^\n]+>>");
pattern!(PPS, r"(?m)\s*p\.\s?p\.\s?s.*$");
pattern!(PS, r"(?m)\s*p\.\s?s\..*$");

impl Instruction {
    /// `text` is not empty; `is_korean` says of the prompt.
    pub(super) fn holds(&self, text: &str, is_korean: bool) -> bool {
        match self {
            Instruction::Keywords(all) => all.iter().all(|word| found(word, text) > 0),
            Instruction::KeywordFrequency(word, count) => count.holds(found(word, text)),
            Instruction::ForbiddenWords(all) => !all.iter().any(|word| {
                let whole = found_pattern(
                    &format!(r"\b{word}\b"),
                    &format!(r"\b{}\b", escape(word)),
                    text,
                );
                whole > 0 || (is_korean && korean::names(word, text))
            }),
            Instruction::LetterFrequency(letter, count) => {
                let letters = text.to_lowercase();
                count.holds(
                    letters.chars().filter(|c| c == letter).count()
                        + korean::letters(*letter, text),
                )
            }
            Instruction::Language(code) if is_korean && code == "ko" => korean::is_korean(text),
            Instruction::Language(code) => is_in(code, text),
            Instruction::Sentences(count) if is_korean => count.holds(korean::sentences(text)),
            Instruction::Sentences(count) => count.holds(sentences::split(text).len()),
            Instruction::Words(count) if is_korean => count.holds(korean::words(text)),
            Instruction::Words(count) => count.holds(words::count(text)),
            Instruction::Paragraphs(number) => paragraphs(text) == Some(*number),
            Instruction::FirstWord {
                paragraphs,
                nth,
                word,
            } => first_word(text, *paragraphs, *nth, |found| {
                found == word || (is_korean && korean::names(word, found))
            }),
            Instruction::Placeholders(number) => count(&PLACEHOLDER, text) >= *number,
            Instruction::Postscript(marker) => postscript(marker, text),
            Instruction::Bullets(number) => count(&STAR, text) + count(&DASH, text) == *number,
            Instruction::Constrained(options) => {
                let given = options.iter().map(String::as_str);
                let own = ANSWERS.into_iter().filter(|_| options.is_empty());
                given.chain(own).any(|option| text.trim().contains(option))
            }
            Instruction::Highlights(number) => highlights(text) >= *number,
            Instruction::Sections(word, number) => {
                let pattern = |word: &str| format!(r"\s?{word}\s?\d+\s?");
                found_pattern_cased(&pattern(word), &pattern(&escape(word)), text) >= *number
            }
            Instruction::Json => is_json(text),
            Instruction::Title => TITLE.find_iter(text).flatten().any(|title| {
                let title = title.as_str().trim_start_matches('<').trim_end_matches('>');
                !title.trim().is_empty()
            }),
            Instruction::TwoResponses => two_responses(text),
            Instruction::RepeatPrompt(prompt) => {
                let wanted = prompt.trim().to_lowercase();
                text.trim().to_lowercase().starts_with(&wanted)
            }
            Instruction::End(phrase) => {
                let text = text.trim().trim_matches('"').to_lowercase();
                text.ends_with(&phrase.to_lowercase())
            }
            Instruction::CapitalWords(count) => {
                let capital = words::tokens(text)
                    .filter(|word| words::is_upper(word))
                    .count();
                count.holds(capital)
            }
            Instruction::EnglishCapital => words::is_upper(text) && is_in("en", text),
            Instruction::EnglishLowercase => words::is_lower(text) && is_in("en", text),
            Instruction::NoComma => {
                let commas: &[char] = if is_korean {
                    &[',', '，', '、']
                } else {
                    &[',']
                };
                !text.contains(commas)
            }
            Instruction::Quotation => {
                let text = text.trim();
                let straight = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
                straight || (is_korean && text.starts_with('“') && text.ends_with('”'))
            }
        }
    }
}

/// Whether langdetect takes the text for this language; a text without letters is followed, as lm-eval has it.
fn is_in(code: &str, text: &str) -> bool {
    DETECTOR.detect(text).map_or(true, |found| found == code)
}

fn count(pattern: &Regex, text: &str) -> usize {
    pattern.find_iter(text).flatten().count()
}

/// How often a keyword stands in a text, whatever its case.
fn found(word: &str, text: &str) -> usize {
    found_pattern(word, &escape(word), text)
}

fn found_pattern(pattern: &str, literal: &str, text: &str) -> usize {
    let build = |pattern: &str| RegexBuilder::new(pattern).case_insensitive(true).build();
    let pattern = build(pattern).or_else(|_| build(literal));
    pattern.map_or(0, |pattern| count(&pattern, text))
}

fn found_pattern_cased(pattern: &str, literal: &str, text: &str) -> usize {
    let pattern = Regex::new(pattern).or_else(|_| Regex::new(literal));
    pattern.map_or(0, |pattern| count(&pattern, text))
}

/// Paragraphs between `***`; none where one in the middle is empty.
fn paragraphs(text: &str) -> Option<usize> {
    let parts: Vec<&str> = PARAGRAPH.split(text).flatten().collect();
    let mut number = parts.len();
    for (place, part) in parts.iter().enumerate() {
        if part.trim().is_empty() {
            if place != 0 && place != parts.len() - 1 {
                return None;
            }
            number -= 1;
        }
    }
    Some(number)
}

fn highlights(text: &str) -> usize {
    let single = HIGHLIGHT.find_iter(text).flatten();
    let single = single.filter(|it| !it.as_str().trim_matches('*').trim().is_empty());
    let double = DOUBLE_HIGHLIGHT.find_iter(text).flatten();
    let double = double.filter(|it| {
        let inner = it.as_str();
        !inner[2..inner.len() - 2].trim().is_empty()
    });
    single.count() + double.count()
}

/// Paragraphs between empty lines: so many, and the nth begins so.
fn first_word(text: &str, wanted: usize, nth: usize, is_it: impl Fn(&str) -> bool) -> bool {
    let parts: Vec<&str> = text.split("\n\n").collect();
    let number = parts.iter().filter(|part| !part.trim().is_empty()).count();
    if nth > number {
        return false;
    }
    let Some(word) = parts[nth - 1].split_whitespace().next() else {
        return false;
    };
    let word = word.trim_start_matches('\'').trim_start_matches('"');
    let end = word
        .find(['.', ',', '?', '!', '\'', '"'])
        .unwrap_or(word.len());
    number == wanted && is_it(&word[..end].to_lowercase())
}

fn postscript(marker: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    match marker {
        "P.P.S" => count(&PPS, &text) > 0,
        "P.S." => count(&PS, &text) > 0,
        other => {
            let other = other.to_lowercase();
            let pattern = |marker: &str| format!(r"(?m)\s*{marker}.*$");
            found_pattern_cased(&pattern(&other), &pattern(&escape(&other)), &text) > 0
        }
    }
}

/// JSON as Python reads it, between fences or without: `NaN` and `Infinity` are values there.
fn is_json(text: &str) -> bool {
    let mut text = text.trim();
    for fence in ["```json", "```Json", "```JSON", "```"] {
        text = text.strip_prefix(fence).unwrap_or(text);
    }
    let text = text.strip_suffix("```").unwrap_or(text).trim();
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return true;
    }
    static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#""(?:[^"\\]|\\.)*"|\bNaN\b|-?\bInfinity\b"#).expect("a pattern of ours")
    });
    let python = NUMBERS.replace_all(text, |found: &fancy_regex::Captures<'_>| match &found[0] {
        text if text.starts_with('"') => text.to_owned(),
        _ => "0".to_owned(),
    });
    python != text && serde_json::from_str::<serde::de::IgnoredAny>(&python).is_ok()
}

/// Two different answers with six asterisks between them.
fn two_responses(text: &str) -> bool {
    let parts: Vec<&str> = text.split("******").collect();
    let empty = |place: usize| parts[place].trim().is_empty();
    if (1..parts.len().saturating_sub(1)).any(empty) {
        return false;
    }
    let said: Vec<&str> = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    said.len() == 2 && said[0] != said[1]
}
