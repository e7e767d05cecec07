//! Pairs of translations: read, sifted, drawn.
//!
//! Left out are pairs that would make the figures say something else: where a text is missing, where
//! both are the same (not translated), and where a text has been before (two translations would both
//! be right). All three are counted.

use super::Align;
use crate::kinds::Pairs;
use anyhow::{Context as _, Result, ensure};
use corpus::{Document, ReadSettings, Reader, Source};
use recipe::Artifact;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization as _;
use world::Fact;

/// A pair: its name, its texts in the order of the languages, and what the control keeps together.
pub(super) struct Pair {
    pub(super) id: String,
    texts: [String; 2],
    group: String,
}

impl Pair {
    /// As a line of `pairs.jsonl`.
    pub(super) fn line(&self, languages: &[String; 2]) -> Map<String, Value> {
        let texts = languages.iter().zip(&self.texts);
        let texts = texts.map(|(language, text)| (language.clone(), text.as_str().into()));
        let id = ("id".to_owned(), self.id.as_str().into());
        [id].into_iter().chain(texts).collect()
    }
}

/// Pairs that are not looked at, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct LeftOut {
    /// A text is missing or empty.
    pub(super) missing: usize,
    /// Both texts are the same.
    pub(super) untranslated: usize,
    /// One of the texts stands in an earlier pair.
    pub(super) repeated: usize,
    /// They are not what `where` asks for.
    pub(super) other: usize,
    /// More than were wanted.
    pub(super) beyond: usize,
}

/// The pairs to look at.
pub(super) struct Drawn {
    pub(super) pairs: Vec<Pair>,
    pub(super) left_out: LeftOut,
}

impl Drawn {
    /// The texts of one side.
    pub(super) fn texts(&self, side: usize) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(move |pair| pair.texts[side].as_str())
    }

    /// The groups of the pairs, numbered in the order of their names.
    pub(super) fn groups(&self) -> Vec<usize> {
        let names: BTreeSet<&str> = self.pairs.iter().map(|pair| pair.group.as_str()).collect();
        let numbers: BTreeMap<&str, usize> = names.into_iter().zip(0..).collect();
        self.pairs
            .iter()
            .map(|pair| numbers[pair.group.as_str()])
            .collect()
    }
}

/// At most as many pairs as the settings want, drawn by a seed; in the order in which they stand.
pub(super) fn draw(input: &Artifact<Pairs>, settings: &Align, seed: u64) -> Result<Drawn> {
    let mut left_out = LeftOut::default();
    let all = match input.file(Pairs::FACTS).is_file() {
        true => told(input)?,
        false => read(input, &settings.languages[0], &mut left_out)?,
    };
    let mut pairs = sift(all, settings, &mut left_out);
    ensure!(
        pairs.len() >= evals::alignment::LEAST,
        "{} holds {} pairs to look at, and wanted are at least {}; left out: {} without a text in \
         {:?} or {:?}, {} not translated, {} repeated, {} other than `where` asks for",
        input.name(),
        pairs.len(),
        evals::alignment::LEAST,
        left_out.missing,
        settings.languages[0],
        settings.languages[1],
        left_out.untranslated,
        left_out.repeated,
        left_out.other
    );
    if let Some(field) = &settings.within {
        let without = pairs.iter().find(|pair| pair.group.is_empty());
        ensure!(
            without.is_none(),
            "within = {field:?}: the pair {} has no text in that field, and the control shuffles pairs that have the \
             same there: name a field that all pairs have, or leave `within` out",
            without.map_or("", |pair| pair.id.as_str())
        );
    }
    left_out.beyond = pairs.len().saturating_sub(settings.pairs);
    if left_out.beyond > 0 {
        // By a hash of the name, so that one pair more or less changes one pair that is drawn.
        let rank = |at: usize, pair: &Pair| {
            let mut hasher = blake3::Hasher::new();
            hasher
                .update(&seed.to_le_bytes())
                .update(pair.id.as_bytes());
            (*hasher.finalize().as_bytes(), at)
        };
        let mut ranks: Vec<_> = (0..).zip(&pairs).map(|(at, pair)| rank(at, pair)).collect();
        ranks.sort_unstable();
        let drawn: BTreeSet<usize> = ranks
            .iter()
            .take(settings.pairs)
            .map(|rank| rank.1)
            .collect();
        let mut at = 0;
        pairs.retain(|_| {
            at += 1;
            drawn.contains(&(at - 1))
        });
    }
    Ok(Drawn { pairs, left_out })
}

/// Facts of a world, told in both languages.
fn told(input: &Artifact<Pairs>) -> Result<Vec<Document>> {
    let path = input.file(Pairs::FACTS);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let fact: Fact = serde_json::from_str(line)
            .with_context(|| format!("{}, line {}: not a fact", path.display(), number + 1))?;
        if let Some(pair) = fact.pair()
            && let Value::Object(mut fields) = serde_json::to_value(&pair)?
        {
            fields.remove("id");
            pairs.push(Document {
                id: pair.id,
                text: String::new(),
                metadata: fields,
            });
        }
    }
    Ok(pairs)
}

/// Lines of JSON with both texts; a line without the first is a bad one, and too many of them an error.
fn read(input: &Artifact<Pairs>, first: &str, left_out: &mut LeftOut) -> Result<Vec<Document>> {
    let source = Source::discover(input.path())?;
    let settings = ReadSettings {
        text_field: first.to_owned(),
        ..ReadSettings::default()
    };
    let with_text = |document: Document| {
        let text = document.text.clone();
        document.with(first, text)
    };
    let mut reader = Reader::new(&source, settings);
    let found = reader.by_ref().map(|document| document.map(with_text));
    let found = found.collect::<Result<_>>()?;
    // Such a line lacks a text as one without the second does.
    left_out.missing += usize::try_from(reader.bad().total)?;
    Ok(found)
}

/// What may be looked at.
fn sift(all: Vec<Document>, settings: &Align, left_out: &mut LeftOut) -> Vec<Pair> {
    let mut seen: [BTreeSet<String>; 2] = Default::default();
    let mut pairs = Vec::new();
    for document in all {
        let asked = |(field, value): (&String, &String)| {
            document.string(field).is_some_and(|found| found == value)
        };
        if !settings.only.iter().all(asked) {
            left_out.other += 1;
            continue;
        }
        let texts = settings.languages.each_ref().map(|language| {
            let text = document.string(language).unwrap_or_default();
            text.trim().nfc().collect::<String>()
        });
        if texts.iter().any(String::is_empty) {
            left_out.missing += 1;
        } else if texts[0] == texts[1] {
            left_out.untranslated += 1;
        } else if texts
            .iter()
            .zip(&seen)
            .any(|(text, seen)| seen.contains(text))
        {
            left_out.repeated += 1;
        } else {
            for (text, seen) in texts.iter().zip(&mut seen) {
                seen.insert(text.clone());
            }
            let field = settings.within.as_deref();
            let group = field.and_then(|field| document.string(field));
            pairs.push(Pair {
                group: group.unwrap_or_default().to_owned(),
                id: document.id,
                texts,
            });
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, ko: &str, en: &str, source: &str) -> Document {
        let document = Document::new(id, "").with("source", source).with("ko", ko);
        match en {
            "" => document,
            en => document.with("en", en),
        }
    }

    #[test]
    fn what_would_blur_the_figures_is_left_out_and_counted() {
        let all = vec![
            document("1", "안녕하세요.", "Hello.", "a"),
            document("2", "OK", "OK", "a"),
            document("3", "안녕하세요.", "Good day.", "a"),
            document("4", "잘 가요.", "", "a"),
            document("5", "고맙습니다.", "Thank you.", "b"),
            document("6", "또 보자.", "Hello.", "a"),
            // The same syllables as separate jamo.
            document(
                "7",
                "\u{110c}\u{1161}\u{11af} \u{110c}\u{1161}.",
                "Sleep well.",
                "a",
            ),
            document("8", "잘 자.", "Good night.", "a"),
        ];
        let mut settings = Align::default();
        settings.only.insert("source".to_owned(), "a".to_owned());
        let mut left_out = LeftOut::default();
        let pairs = sift(all, &settings, &mut left_out);
        let ids: Vec<&str> = pairs.iter().map(|pair| pair.id.as_str()).collect();
        assert_eq!(ids, ["1", "7"]);
        assert_eq!(pairs[1].texts[0], "잘 자.");
        let counts = LeftOut {
            missing: 1,
            untranslated: 1,
            repeated: 3,
            other: 1,
            beyond: 0,
        };
        assert_eq!(left_out, counts);
        let line = serde_json::to_string(&pairs[0].line(&settings.languages)).expect("JSON");
        assert_eq!(line, r#"{"id":"1","ko":"안녕하세요.","en":"Hello."}"#);
    }
}
