//! Token shards: a corpus as token ids on disk, with its document boundaries.
//!
//! A folder of
//! - `tokens-00000.u32` …: token ids, little-endian u32, documents end to end; a document never
//!   lies in two files;
//! - `documents.table`: per document four little-endian u64: first token (counted over all files),
//!   UTF-8 bytes of its text, first byte of its id in `documents.ids`, index of its group;
//! - `documents.ids`: the ids, end to end;
//! - `shards.json`: [`Description`], written last.
//!
//! Groups and ids are opaque strings ("ko/bills"): this crate attributes losses to groups and
//! names documents by their ids, and does not know what a language is.

mod read;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use read::{DocumentView, Shards};
pub use write::{Document, ShardSettings, ShardWriter};

/// Raised when the files would be read differently.
const FORMAT: u32 = 1;
/// Bytes of one row of the document table.
const ROW: usize = 32;

pub(crate) const TABLE: &str = "documents.table";
const IDS: &str = "documents.ids";
const DESCRIPTION: &str = "shards.json";

fn tokens_file(index: usize) -> String {
    format!("tokens-{index:05}.u32")
}

/// What a folder of shards holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Version of the format.
    pub format: u32,
    /// Token ids lie below this.
    pub vocabulary: usize,
    /// Tokens that the tokenizer put around documents, by name (such as `begin`, `end`);
    /// for people, nothing here depends on them.
    pub separators: BTreeMap<String, u32>,
    /// Documents.
    pub documents: u64,
    /// Tokens.
    pub tokens: u64,
    /// UTF-8 bytes of the documents' texts.
    pub bytes: u64,
    /// Documents that were left out because they had no tokens.
    pub empty: u64,
    /// Counts of each group, in the order in which groups first appeared.
    pub groups: Vec<Group>,
    /// Tokens in each file.
    pub shards: Vec<u64>,
}

/// Counts of one group of documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Documents.
    pub documents: u64,
    /// Tokens.
    pub tokens: u64,
    /// UTF-8 bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests;
