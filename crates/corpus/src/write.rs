//! A corpus on the disk: shards `documents-00000.jsonl.zst` of one document a line, and `index.json`.
//!
//! The same documents give the same bytes: one compression thread, a fixed level, no times. A
//! shard appears whole or not at all, and the index, which says what must be there, comes last.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use disk::AtomicFile;
use serde::{Deserialize, Serialize};

use crate::statistics::Counter;
use crate::{Document, Statistics};

/// The name of the file that says what a corpus holds.
pub const INDEX: &str = "index.json";

/// How shards are cut and compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriteSettings {
    /// Bytes of JSON in a shard, before compression; a shard ends with the document that passes it.
    pub shard_bytes: u64,
    /// Level of Zstandard, 1 to 19.
    pub level: i32,
}

impl Default for WriteSettings {
    fn default() -> Self {
        Self {
            shard_bytes: 256 << 20,
            level: 3,
        }
    }
}

/// One shard, as the index names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// File name.
    pub name: String,
    /// Documents in it.
    pub documents: u64,
    /// Bytes of JSON in it, before compression.
    pub bytes: u64,
}

/// What a corpus holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The shards in order.
    pub shards: Vec<Shard>,
    /// The documents counted, as a whole and by language and source.
    pub statistics: Statistics,
}

/// Writes documents as a corpus into a folder.
pub struct Writer {
    folder: PathBuf,
    settings: WriteSettings,
    open: Option<zstd::stream::write::Encoder<'static, BufWriter<AtomicFile>>>,
    shards: Vec<Shard>,
    counter: Counter,
    line: Vec<u8>,
}

impl Writer {
    /// Begins a corpus in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made, or holds a corpus already.
    pub fn create(folder: &Path, settings: WriteSettings) -> Result<Self> {
        ensure!(
            !folder.join(INDEX).exists(),
            "{} holds a corpus already: writing into it would mix two",
            folder.display()
        );
        disk::create_dir(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            settings,
            open: None,
            shards: Vec::new(),
            counter: Counter::default(),
            line: Vec::new(),
        })
    }

    /// Adds a document.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, document: &Document) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, document)?;
        self.line.push(b'\n');
        self.counter.add(document);
        if self.open.is_none() {
            self.begin_shard()?;
        }
        let shard = self.shards.last_mut().expect("a shard was begun");
        let encoder = self.open.as_mut().expect("a shard was begun");
        encoder.write_all(&self.line).with_context(|| {
            format!(
                "the shard {} cannot be written",
                self.folder.join(&shard.name).display()
            )
        })?;
        shard.documents += 1;
        shard.bytes += self.line.len() as u64;
        if shard.bytes >= self.settings.shard_bytes {
            self.end_shard()?;
        }
        Ok(())
    }

    /// Ends the last shard and writes the index: now the corpus is there.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(mut self) -> Result<Index> {
        self.end_shard()?;
        let index = Index {
            shards: self.shards,
            statistics: self.counter.finish(),
        };
        let mut text = serde_json::to_vec_pretty(&index)?;
        text.push(b'\n');
        let path = self.folder.join(INDEX);
        disk::write(&path, &text)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(index)
    }

    fn begin_shard(&mut self) -> Result<()> {
        let name = format!("documents-{:05}.jsonl.zst", self.shards.len());
        let path = self.folder.join(&name);
        let file = AtomicFile::create(&path)
            .with_context(|| format!("the shard {} cannot be created", path.display()))?;
        let mut encoder =
            zstd::stream::write::Encoder::new(BufWriter::new(file), self.settings.level)?;
        encoder.include_checksum(true)?;
        self.open = Some(encoder);
        self.shards.push(Shard {
            name,
            documents: 0,
            bytes: 0,
        });
        Ok(())
    }

    fn end_shard(&mut self) -> Result<()> {
        let Some(encoder) = self.open.take() else {
            return Ok(());
        };
        let name = &self.shards.last().expect("a shard was begun").name;
        let context = || {
            format!(
                "the shard {} cannot be finished",
                self.folder.join(name).display()
            )
        };
        let buffered = encoder.finish().with_context(context)?;
        let file = buffered
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .with_context(context)?;
        file.commit().with_context(context)
    }
}

/// A corpus that was written by [`Writer`].
#[derive(Clone, Debug)]
pub struct Corpus {
    folder: PathBuf,
    index: Index,
    only: BTreeMap<String, String>,
}

impl Corpus {
    /// Opens a corpus by its index.
    ///
    /// # Errors
    /// When the folder has no index, the index cannot be read, or a shard is missing.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(INDEX);
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "{} is no corpus: wanted the file {INDEX} in it, as `ingest` and `mix` write it",
                folder.display()
            )
        })?;
        let index: Index = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", path.display()))?;
        for shard in &index.shards {
            let path = folder.join(&shard.name);
            ensure!(
                path.is_file(),
                "the shard {} is missing, which {INDEX} names",
                path.display()
            );
        }
        Ok(Self {
            folder: folder.to_owned(),
            index,
            only: BTreeMap::new(),
        })
    }

    /// The same corpus, of which only those documents are given whose metadata has these values
    /// (`language` also answers to `lang`). Counts stay those of the whole.
    #[must_use]
    pub fn select(mut self, only: BTreeMap<String, String>) -> Self {
        self.only = only;
        self
    }

    /// What it holds.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The counts of the whole, by language and by source.
    pub fn statistics(&self) -> &Statistics {
        &self.index.statistics
    }

    /// How many documents.
    pub fn len(&self) -> u64 {
        self.index.statistics.total.documents
    }

    /// Whether it holds no document at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The documents of one shard, whatever was selected.
    pub(crate) fn shard(&self, number: usize) -> Documents {
        Documents {
            folder: self.folder.clone(),
            only: BTreeMap::new(),
            shards: vec![self.index.shards[number].clone()].into_iter(),
            open: None,
            line: String::new(),
        }
    }

    /// All documents in order. Unlike raw data, a shard of ours that is damaged is an error.
    pub fn documents(&self) -> Documents {
        Documents {
            folder: self.folder.clone(),
            only: self.only.clone(),
            shards: self.index.shards.clone().into_iter(),
            open: None,
            line: String::new(),
        }
    }
}

/// The documents of a [`Corpus`] in order.
pub struct Documents {
    folder: PathBuf,
    only: BTreeMap<String, String>,
    shards: std::vec::IntoIter<Shard>,
    open: Option<OpenShard>,
    line: String,
}

struct OpenShard {
    shard: Shard,
    given: u64,
    input: BufReader<zstd::stream::read::Decoder<'static, BufReader<std::fs::File>>>,
}

impl Documents {
    fn advance(&mut self) -> Result<Option<Document>> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(shard) = self.shards.next() else {
                    return Ok(None);
                };
                let path = self.folder.join(&shard.name);
                let file = std::fs::File::open(&path)
                    .with_context(|| format!("the shard {} cannot be opened", path.display()))?;
                let input =
                    BufReader::with_capacity(256 << 10, zstd::stream::read::Decoder::new(file)?);
                self.open = Some(OpenShard {
                    shard,
                    given: 0,
                    input,
                });
                continue;
            };
            let path = self.folder.join(&open.shard.name);
            self.line.clear();
            let bytes = open.input.read_line(&mut self.line).with_context(|| {
                format!(
                    "the shard {} is damaged after {} of {} documents: make the corpus again",
                    path.display(),
                    open.given,
                    open.shard.documents
                )
            })?;
            if bytes == 0 {
                ensure!(
                    open.given == open.shard.documents,
                    "the shard {} ends after {} documents, and {INDEX} says {}: make the corpus again",
                    path.display(),
                    open.given,
                    open.shard.documents
                );
                self.open = None;
                continue;
            }
            open.given += 1;
            let document: Document = serde_json::from_str(&self.line).with_context(|| {
                format!("line {} of {} is no document", open.given, path.display())
            })?;
            let wanted = |(name, value): (&String, &String)| match name.as_str() {
                "language" => document.language() == Some(value),
                name => document.string(name) == Some(value),
            };
            if self.only.iter().all(wanted) {
                return Ok(Some(document));
            }
        }
    }
}

impl Iterator for Documents {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            // After an error there is nothing more to trust.
            self.open = None;
            self.shards = Vec::new().into_iter();
        }
        next
    }
}

#[cfg(test)]
mod tests;
