//! Our signals against datatrove's, on its own words: `fixtures/curation.py` made the figures.

#![allow(clippy::print_stdout)] // figures, shown by --nocapture

use super::super::{c4, fineweb, gopher_quality, gopher_repetition};
use super::*;
use crate::language::Identified;
use crate::words::{sentences, words};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read as _;

#[derive(Deserialize)]
struct Row {
    language: String,
    text: String,
    words: Vec<String>,
    cleaned: String,
    lines: BTreeMap<String, (usize, usize)>,
    signals: BTreeMap<String, Option<f64>>,
    fineweb: BTreeMap<String, Option<f64>>,
    fineweb_cleaned: BTreeMap<String, Option<f64>>,
}

fn rows() -> Vec<Row> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/curation/signals.jsonl.gz"
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn page<'a>(row: &'a Row, edited: Option<(String, usize)>) -> Page<'a> {
    let language = Language::of(&row.language);
    Page {
        original: &row.text,
        words: row.words.iter().map(String::as_str).collect(),
        identified: Identified {
            language,
            shares: [0.0; 4],
        },
        guess: None,
        wanted: true,
        clean: false,
        lists: None,
        edited,
    }
}

fn compare(
    filter: &dyn Filter,
    mut page: Page<'_>,
    expected: &BTreeMap<String, Option<f64>>,
    without: &[&str],
) -> usize {
    let mut measured = Vec::new();
    filter.measure(&mut page, &mut measured);
    let mut compared = 0;
    for (name, found) in filter.signals().iter().zip(measured) {
        let Some(value) = expected.get(*name).filter(|_| !without.contains(name)) else {
            continue;
        };
        compared += 1;
        match value {
            Some(value) => assert!(
                (found - value).abs() <= 1e-9,
                "{name}: {found}, and datatrove has {value}, of {:?}",
                page.text()
            ),
            None => assert!(found.is_nan(), "{name}: {found}, and datatrove has none"),
        }
    }
    compared
}

#[test]
fn signals_are_datatroves() {
    let mut compared = 0;
    for row in rows() {
        // Our Korean stop-words are endings of eojeol.
        let without: &[&str] = if row.language == "kor" {
            &["stop_words"]
        } else {
            &[]
        };
        compared += compare(
            &gopher_repetition::GopherRepetition,
            page(&row, None),
            &row.signals,
            &[],
        );
        compared += compare(
            &gopher_quality::GopherQuality,
            page(&row, None),
            &row.signals,
            without,
        );
        compared += compare(&fineweb::FineWeb, page(&row, None), &row.fineweb, &[]);

        let cleaned = c4::clean(&row.text, |line| {
            *row.lines
                .get(line)
                .unwrap_or_else(|| panic!("datatrove has no line {line:?}"))
        });
        assert_eq!(cleaned.text, row.cleaned);
        assert_eq!(Some(cleaned.sentences as f64), row.signals["sentences"]);
        // Words of a line are words of the text in English; Kiwi looks around.
        let without: &[&str] = if row.language == "kor" {
            &["newlines_per_word"]
        } else {
            &[]
        };
        compared += compare(
            &fineweb::FineWeb,
            page(&row, Some((cleaned.text, cleaned.words))),
            &row.fineweb_cleaned,
            without,
        );
    }
    assert!(compared > 2500, "{compared}");
}

#[test]
fn english_words_and_sentences_are_nearly_spacys() {
    let (mut all, mut same, mut lines, mut counted) = (0, 0, 0, 0);
    for row in rows().iter().filter(|row| row.language == "eng") {
        let ours = words(&row.text, Language::English);
        let mut theirs: BTreeMap<&str, i64> = BTreeMap::new();
        row.words
            .iter()
            .for_each(|word| *theirs.entry(word).or_default() += 1);
        all += row.words.len();
        same += ours
            .iter()
            .filter(|word| {
                theirs.get_mut(**word).is_some_and(|left| {
                    *left -= 1;
                    *left >= 0
                })
            })
            .count();
        for (line, (count, of_sentences)) in &row.lines {
            let words = words(line, Language::English);
            lines += 1;
            counted += usize::from(
                words.len() == *count && sentences(&words, Language::English) == *of_sentences,
            );
        }
    }
    println!("{same} of {all} words, {counted} of {lines} lines");
    assert!(
        same * 1000 >= all * 995 && counted * 100 >= lines * 98,
        "{same} of {all} words, {counted} of {lines} lines"
    );
}
