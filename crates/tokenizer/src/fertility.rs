//! How many tokens text costs, by language and source: tokens per word, bytes and characters per token.
//!
//! A word is a run of anything but white space: a word in English, an eojeol in Korean. Tokens are
//! those of the text alone, without begin and end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Tokenizer, VocabularyFacts};

/// Counts of one language and source, and the ratios that follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FertilityRow {
    /// Language; empty where it is not known.
    pub language: String,
    /// Source; empty where it is not known, and in the rows of whole languages.
    pub source: String,
    /// What a word is called in this language: `eojeol` in Korean, `word` elsewhere.
    pub word: String,
    /// Texts.
    pub documents: u64,
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// Characters.
    pub characters: u64,
    /// Words or eojeol.
    pub words: u64,
    /// Tokens.
    pub tokens: u64,
    /// Tokens that are not whole characters (what other tokenizers fall back to bytes for).
    pub partial: u64,
    /// Tokens per word or eojeol.
    pub tokens_per_word: f64,
    /// Bytes per token.
    pub bytes_per_token: f64,
    /// Characters per token.
    pub characters_per_token: f64,
    /// `partial` out of `tokens`.
    pub partial_share: f64,
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fertility {
    /// What the vocabulary consists of.
    pub vocabulary: VocabularyFacts,
    /// Whole languages, in the order of their names.
    pub languages: Vec<FertilityRow>,
    /// Languages by source.
    pub sources: Vec<FertilityRow>,
}

/// Counts texts with one tokenizer.
pub struct FertilityCounter<'a> {
    tokenizer: &'a Tokenizer,
    partial: Vec<bool>,
    rows: BTreeMap<(String, String), FertilityRow>,
}

impl<'a> FertilityCounter<'a> {
    /// Nothing counted yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        let partial = tokenizer
            .entries
            .iter()
            .map(|entry| std::str::from_utf8(&entry.bytes).is_err())
            .collect();
        Self {
            tokenizer,
            partial,
            rows: BTreeMap::new(),
        }
    }

    /// Counts a text, encoding it.
    pub fn add(&mut self, text: &str, language: &str, source: &str) {
        let ids = self.tokenizer.encode(text);
        self.add_encoded(text, &ids, language, source);
    }

    /// Counts a text that is encoded already; begin and end, if any, are not counted.
    pub fn add_encoded(&mut self, text: &str, ids: &[u32], language: &str, source: &str) {
        let row = self
            .rows
            .entry((language.to_owned(), source.to_owned()))
            .or_default();
        row.documents += 1;
        row.bytes += text.len() as u64;
        row.characters += text.chars().count() as u64;
        row.words += text.split_whitespace().count() as u64;
        for id in ids.iter().filter(|id| !self.tokenizer.is_special(**id)) {
            row.tokens += 1;
            row.partial += u64::from(self.partial.get(*id as usize) == Some(&true));
        }
    }

    /// The report on everything that was added.
    pub fn finish(self) -> Fertility {
        let mut languages: BTreeMap<String, FertilityRow> = BTreeMap::new();
        let mut sources = Vec::new();
        for ((language, source), row) in self.rows {
            let whole = languages.entry(language.clone()).or_default();
            whole.documents += row.documents;
            whole.bytes += row.bytes;
            whole.characters += row.characters;
            whole.words += row.words;
            whole.tokens += row.tokens;
            whole.partial += row.partial;
            sources.push(row.named(language, source));
        }
        let languages = languages
            .into_iter()
            .map(|(language, row)| row.named(language, String::new()));
        Fertility {
            vocabulary: self.tokenizer.facts(),
            languages: languages.collect(),
            sources,
        }
    }
}

impl FertilityRow {
    fn named(mut self, language: String, source: String) -> Self {
        let ratio = |over: u64, under: u64| over as f64 / under.max(1) as f64;
        let korean = matches!(
            language.split(['-', '_']).next(),
            Some("ko" | "kor" | "korean")
        );
        self.word = if korean { "eojeol" } else { "word" }.to_owned();
        self.tokens_per_word = ratio(self.tokens, self.words);
        self.bytes_per_token = ratio(self.bytes, self.tokens);
        self.characters_per_token = ratio(self.characters, self.tokens);
        self.partial_share = ratio(self.partial, self.tokens);
        self.language = language;
        self.source = source;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TrainSettings, train};

    #[test]
    fn counts_by_language_and_source() {
        let settings = TrainSettings {
            vocabulary: 300,
            ..TrainSettings::default()
        };
        let text = "나는 학교에 간다 나는 학교에 온다 나는 학교에 산다";
        let tokenizer = train([text], &settings).unwrap().tokenizer;
        let mut counter = FertilityCounter::new(&tokenizer);
        counter.add("나는 학교에 간다", "ko", "책");
        counter.add("나는", "ko", "말");
        counter.add("go", "en", "book");
        let report = counter.finish();
        let names: Vec<_> = report
            .sources
            .iter()
            .map(|row| (&*row.language, &*row.source))
            .collect();
        assert_eq!(names, [("en", "book"), ("ko", "말"), ("ko", "책")]);
        let [english, korean] = &*report.languages else {
            panic!("two languages")
        };
        assert_eq!(
            (&*english.word, english.words, english.tokens),
            ("word", 1, 2)
        );
        assert_eq!(english.bytes_per_token, 1.0);
        assert_eq!(
            (&*korean.word, korean.words, korean.documents),
            ("eojeol", 4, 2)
        );
        assert_eq!(korean.tokens_per_word, korean.tokens as f64 / 4.0);
        assert!(report.vocabulary.hangul > 0 && report.vocabulary.hangul_share > 0.0);
        assert!(
            report.vocabulary.partial >= 128,
            "the bytes above 127 are half characters"
        );
    }
}
