//! What a corpus amounts to, counted the same way in every language: documents, bytes, characters, words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Document;

/// Counts over one group of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Language as the documents state it; empty where they do not, and in totals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Source as the documents state it; empty where they do not, and in totals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Documents.
    pub documents: u64,
    /// Bytes of UTF-8 in the texts.
    pub bytes: u64,
    /// Unicode characters in the texts.
    pub characters: u64,
    /// Runs of anything but white space: words in English, eojeol in Korean.
    pub words: u64,
    /// Bytes of the longest text.
    pub longest: u64,
}

impl Group {
    fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.characters += other.characters;
        self.words += other.words;
        self.longest = self.longest.max(other.longest);
    }
}

/// Counts over a corpus, as a whole and by language and source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// The whole corpus.
    pub total: Group,
    /// By language and source, in the order of their names.
    pub groups: Vec<Group>,
}

/// Counts as they are made: a lookup by borrowed names costs no allocation for each document.
#[derive(Debug, Default)]
pub(crate) struct Counter(BTreeMap<String, BTreeMap<String, Group>>);

impl Counter {
    pub(crate) fn add(&mut self, document: &Document) {
        let language = document.language().unwrap_or_default();
        let source = document.source().unwrap_or_default();
        let text = &document.text;
        let counted = Group {
            language: String::new(),
            source: String::new(),
            documents: 1,
            bytes: text.len() as u64,
            characters: text.chars().count() as u64,
            words: text.split_whitespace().count() as u64,
            longest: text.len() as u64,
        };
        if !self.0.contains_key(language) {
            self.0.insert(language.to_owned(), BTreeMap::new());
        }
        let sources = self.0.get_mut(language).expect("it was inserted above");
        match sources.get_mut(source) {
            Some(group) => group.add(&counted),
            None => {
                sources.insert(source.to_owned(), counted);
            }
        }
    }

    pub(crate) fn finish(self) -> Statistics {
        let mut statistics = Statistics::default();
        for (language, sources) in self.0 {
            for (source, mut group) in sources {
                statistics.total.add(&group);
                group.language.clone_from(&language);
                group.source = source;
                statistics.groups.push(group);
            }
        }
        statistics
    }
}

impl Statistics {
    /// Adds the counts of another part of the same corpus.
    pub fn merge(&mut self, other: &Self) {
        self.total.add(&other.total);
        for group in &other.groups {
            let name = |group: &Group| (group.language.clone(), group.source.clone());
            match self.groups.binary_search_by_key(&name(group), name) {
                Ok(at) => self.groups[at].add(group),
                Err(at) => self.groups.insert(at, group.clone()),
            }
        }
    }

    /// Counts all documents of an iterator.
    pub fn of<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Self {
        let mut counter = Counter::default();
        for document in documents {
            counter.add(document);
        }
        counter.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_add_up_to_the_total() {
        let documents = [
            Document::new("1", "나는 학교에 간다")
                .with("lang", "ko")
                .with("source", "책"),
            Document::new("2", "가")
                .with("lang", "ko")
                .with("source", "책"),
            Document::new("3", "I go  to\nschool").with("language", "en"),
        ];
        let statistics = Statistics::of(&documents);
        let total = &statistics.total;
        assert_eq!(
            (total.documents, total.bytes, total.characters, total.words),
            (3, 41, 25, 8)
        );
        assert_eq!(total.longest, 23);
        let names: Vec<_> = statistics
            .groups
            .iter()
            .map(|group| (&*group.language, &*group.source, group.documents))
            .collect();
        assert_eq!(names, [("en", "", 1), ("ko", "책", 2)]);
    }
}
