//! Words and phrases of lists that the user brings (adult, spam): how many different ones a text has.
//!
//! As in C4 a word counts where it stands alone; in Korean, where particles follow without a
//! space, where it begins an eojeol. No list is shipped.

use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};
use anyhow::{Context as _, Result, ensure};

use super::{Filter, Page, Rule, Side};
use crate::words::signs::hangul;

pub(super) struct WordList;

impl Filter for WordList {
    fn name(&self) -> &'static str {
        "word_list"
    }

    fn about(&self) -> &'static str {
        "words of the user's own lists, as C4 (arXiv 1910.10683, section 2.2) used one"
    }

    fn signals(&self) -> &'static [&'static str] {
        &["listed_words"]
    }

    fn rules(&self) -> &'static [Rule] {
        &[Rule {
            reason: "listed_words",
            signal: "listed_words",
            side: Side::Above,
            english: Some(0.0),
            korean: Some(0.0),
            korean_from: "C4",
            says: "it has words of the lists that were given",
        }]
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        signals.push(
            page.lists
                .map_or(0.0, |lists| lists.found(page.original) as f64),
        );
    }
}

/// Words and phrases to look for.
#[derive(Debug)]
pub struct WordLists {
    automaton: AhoCorasick,
    phrases: usize,
}

impl WordLists {
    /// Reads the `.txt` files of a folder (or one file): a word or phrase a line, `#` begins a remark.
    ///
    /// # Errors
    /// When nothing can be read, or there is no word in it.
    pub fn read(path: &Path) -> Result<Self> {
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .with_context(|| format!("the folder {} cannot be read", path.display()))?;
            files = entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<_>>()?;
            files.retain(|file| {
                let text = file.extension().is_some_and(|extension| extension == "txt");
                text && !disk::is_hidden(file)
            });
            files.sort();
        }
        let mut phrases = Vec::new();
        for file in &files {
            let text = std::fs::read_to_string(file).with_context(|| {
                format!("the list {} cannot be read as UTF-8 text", file.display())
            })?;
            let lines = text
                .lines()
                .map(|line| line.split('#').next().unwrap_or_default().trim());
            phrases.extend(lines.filter(|line| !line.is_empty()).map(str::to_lowercase));
        }
        ensure!(
            !phrases.is_empty(),
            "{} holds no list: wanted .txt files with a word or phrase on each line",
            path.display()
        );
        Self::new(&phrases)
    }

    /// Looks for these words and phrases.
    ///
    /// # Errors
    /// When they are too many for one automaton.
    pub fn new<P: AsRef<str>>(phrases: &[P]) -> Result<Self> {
        let bytes = phrases.iter().map(|phrase| phrase.as_ref().as_bytes());
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(bytes)
            .context("the lists of words are too large")?;
        Ok(Self {
            automaton,
            phrases: phrases.len(),
        })
    }

    /// How many different entries a text has.
    pub(super) fn found(&self, text: &str) -> usize {
        let mut seen = vec![false; self.phrases];
        for found in self.automaton.find_overlapping_iter(text) {
            let phrase = &text[found.start()..found.end()];
            let before = text[..found.start()].chars().next_back();
            let after = text[found.end()..].chars().next();
            let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            // A particle may follow a Korean word.
            let ends = !inside(after) || (phrase.ends_with(hangul) && after.is_some_and(hangul));
            if !inside(before) && ends {
                seen[found.pattern().as_usize()] = true;
            }
        }
        seen.iter().filter(|seen| **seen).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_where_they_stand_alone() {
        let lists = WordLists::new(&["casino", "도박", "free money"]).unwrap();
        for (text, found) in [
            ("The Casino, FREE money!", 2),
            ("casinos are plural", 0),
            ("도박을 하지 마세요. 도박은 나쁘다", 1),
            ("온라인도박", 0),
            ("", 0),
        ] {
            assert_eq!(lists.found(text), found, "{text}");
        }
    }
}
