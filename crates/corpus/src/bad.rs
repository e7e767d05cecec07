//! Lines that cannot become documents: why, where, how many, and what the first of them look like.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a record was refused. The names are stable: reports and tests go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The line is not JSON.
    BrokenJson,
    /// The line is JSON, but not an object with fields.
    NotAnObject,
    /// The object has no field for the text.
    MissingText,
    /// The text field holds something other than a string.
    TextNotAString,
    /// The text is empty, or nothing but white space.
    EmptyText,
    /// The line (or the whole text file) is longer than the settings allow.
    TooLong,
    /// A document of this id came before.
    DuplicateId,
    /// The compressed file ends before its end: what follows is lost.
    TruncatedFile,
    /// The compressed file is damaged: what follows is lost.
    CorruptFile,
    /// The file has no valid Parquet footer, or a page of it cannot be decoded.
    CorruptParquet,
    /// The Parquet file is compressed in a way this build does not read.
    UnsupportedParquet,
    /// A record of a WARC file whose header cannot be read.
    BrokenRecord,
    /// A member of an archive whose name leads outside of it.
    OutsideArchive,
}

impl Reason {
    /// The stable name, as it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::BrokenJson => "broken_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingText => "missing_text",
            Self::TextNotAString => "text_not_a_string",
            Self::EmptyText => "empty_text",
            Self::TooLong => "too_long",
            Self::DuplicateId => "duplicate_id",
            Self::TruncatedFile => "truncated_file",
            Self::CorruptFile => "corrupt_file",
            Self::CorruptParquet => "corrupt_parquet",
            Self::UnsupportedParquet => "unsupported_parquet",
            Self::BrokenRecord => "broken_record",
            Self::OutsideArchive => "outside_archive",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One refused record: where it stands, why it was refused, and how it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// The file, relative to the folder that was read.
    pub file: String,
    /// The line, counted from 1; in Parquet the row; in a split text file the line of its start.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// What exactly was found, in words.
    pub detail: String,
    /// The beginning of the record, with U+FFFD for what is not UTF-8.
    pub excerpt: String,
}

/// How many bytes of a refused record are kept.
const EXCERPT_BYTES: usize = 160;

impl BadLine {
    pub(crate) fn new(
        file: &str,
        line: u64,
        reason: Reason,
        detail: impl Into<String>,
        record: &[u8],
    ) -> Self {
        let cut = record.len().min(EXCERPT_BYTES);
        let mut excerpt = String::from_utf8_lossy(&record[..cut]).into_owned();
        if cut < record.len() {
            // The cut may have gone through a character; that is not the record's fault.
            while excerpt.ends_with(char::REPLACEMENT_CHARACTER) {
                excerpt.pop();
            }
            excerpt.push('…');
        }
        Self {
            file: file.to_owned(),
            line,
            reason,
            detail: detail.into(),
            excerpt,
        }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            reason,
            detail,
            ..
        } = self;
        write!(formatter, "{file}, line {line}: {reason} ({detail})")
    }
}

/// All refused records of a reading: how many for each reason, and the first few of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLines {
    /// How many records were refused.
    pub total: u64,
    /// How many for each reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// The first few for each reason, in the order in which they were met.
    pub samples: Vec<BadLine>,
}

impl BadLines {
    pub(crate) fn add(&mut self, bad: BadLine, samples_per_reason: usize) {
        self.total += 1;
        let count = self.reasons.entry(bad.reason).or_default();
        *count += 1;
        if *count <= samples_per_reason as u64 {
            self.samples.push(bad);
        }
    }

    /// Adds those of another part of the same reading, which came later.
    pub(crate) fn merge(&mut self, other: &Self, samples_per_reason: usize) {
        self.total += other.total;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
        for bad in &other.samples {
            let kept = self.samples.iter().filter(|kept| kept.reason == bad.reason);
            if kept.count() < samples_per_reason {
                self.samples.push(bad.clone());
            }
        }
    }

    /// `broken_json 30, missing_text 7`: the reasons by how often they occurred.
    pub fn summary(&self) -> String {
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), **reason));
        let words: Vec<String> = reasons
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_reports() {
        for reason in [
            Reason::InvalidUtf8,
            Reason::TextNotAString,
            Reason::UnsupportedParquet,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }

    #[test]
    fn an_excerpt_is_short_and_ends_in_a_whole_character() {
        let bad = BadLine::new("a", 1, Reason::TooLong, "", "한글".repeat(100).as_bytes());
        assert!(bad.excerpt.len() < 170 && bad.excerpt.ends_with('…'));
        assert!(!bad.excerpt.contains(char::REPLACEMENT_CHARACTER));
    }

    #[test]
    fn all_are_counted_and_the_first_are_kept() {
        let mut lines = BadLines::default();
        for line in 1..=5 {
            lines.add(BadLine::new("a", line, Reason::EmptyText, "", b""), 2);
        }
        lines.add(BadLine::new("a", 6, Reason::BrokenJson, "", b"{"), 2);
        assert_eq!((lines.total, lines.samples.len()), (6, 3));
        assert_eq!(lines.summary(), "empty_text 5, broken_json 1");
    }
}
