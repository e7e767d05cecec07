//! Writing token shards: documents in, files out, the description last.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use disk::AtomicFile;

use super::{DESCRIPTION, Description, FORMAT, Group, IDS, TABLE, tokens_file};

/// One document on its way into a shard.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Its tokens, separators included.
    pub tokens: &'a [u32],
    /// The group its losses are counted under.
    pub group: &'a str,
    /// UTF-8 bytes of its text, for bits per byte.
    pub bytes: u64,
    /// What to call it when it must be named.
    pub id: &'a str,
}

/// What the shards are told about themselves.
#[derive(Clone, Debug)]
pub struct ShardSettings {
    /// Token ids lie below this.
    pub vocabulary: usize,
    /// Tokens put around documents, by name; recorded, not used.
    pub separators: BTreeMap<String, u32>,
    /// A file that holds this many tokens is full.
    pub shard_tokens: u64,
}

impl ShardSettings {
    /// Files of 2²⁸ tokens (1 GiB), no separators recorded.
    pub fn new(vocabulary: usize) -> Self {
        ShardSettings {
            vocabulary,
            separators: BTreeMap::new(),
            shard_tokens: 1 << 28,
        }
    }
}

/// Writes a folder of shards.
pub struct ShardWriter {
    dir: PathBuf,
    settings: ShardSettings,
    table: BufWriter<AtomicFile>,
    ids: BufWriter<AtomicFile>,
    open: Option<BufWriter<AtomicFile>>,
    names: HashMap<String, usize>,
    groups: Vec<Group>,
    shards: Vec<u64>,
    documents: u64,
    tokens: u64,
    bytes: u64,
    id_bytes: u64,
    empty: u64,
}

impl ShardWriter {
    /// Begins in a folder that exists.
    pub fn create(dir: &Path, settings: ShardSettings) -> Result<Self> {
        ensure!(
            settings.shard_tokens > 0,
            "shard_tokens = 0: wanted at least one token a file"
        );
        Ok(ShardWriter {
            dir: dir.to_path_buf(),
            table: begin(&dir.join(TABLE))?,
            ids: begin(&dir.join(IDS))?,
            settings,
            open: None,
            names: HashMap::new(),
            groups: Vec::new(),
            shards: Vec::new(),
            documents: 0,
            tokens: 0,
            bytes: 0,
            id_bytes: 0,
            empty: 0,
        })
    }

    /// Appends a document. One without tokens is counted and left out.
    pub fn document(&mut self, document: &Document<'_>) -> Result<()> {
        if document.tokens.is_empty() {
            self.empty += 1;
            return Ok(());
        }
        let vocabulary = self.settings.vocabulary;
        if let Some(token) = document.tokens.iter().find(|t| **t as usize >= vocabulary) {
            bail!(
                "document {} has token {token}, but the vocabulary is {vocabulary}: \
                 state the vocabulary of the tokenizer that made the tokens",
                document.id
            );
        }
        let group = match self.names.get(document.group) {
            Some(&index) => index,
            None => {
                self.names
                    .insert(document.group.to_owned(), self.groups.len());
                self.groups.push(Group {
                    name: document.group.to_owned(),
                    documents: 0,
                    tokens: 0,
                    bytes: 0,
                });
                self.groups.len() - 1
            }
        };
        let full = self
            .shards
            .last()
            .is_some_and(|&n| n >= self.settings.shard_tokens);
        if self.open.is_none() || full {
            self.close()?;
            self.open = Some(begin(&self.dir.join(tokens_file(self.shards.len())))?);
            self.shards.push(0);
        }
        let (Some(file), Some(held)) = (&mut self.open, self.shards.last_mut()) else {
            unreachable!("a shard was opened above");
        };
        for token in document.tokens {
            file.write_all(&token.to_le_bytes())?;
        }
        let tokens = document.tokens.len() as u64;
        *held += tokens;
        for number in [self.tokens, document.bytes, self.id_bytes, group as u64] {
            self.table.write_all(&number.to_le_bytes())?;
        }
        self.ids.write_all(document.id.as_bytes())?;

        let counts = &mut self.groups[group];
        counts.documents += 1;
        counts.tokens += tokens;
        counts.bytes += document.bytes;
        self.documents += 1;
        self.tokens += tokens;
        self.bytes += document.bytes;
        self.id_bytes += document.id.len() as u64;
        Ok(())
    }

    /// Completes the files; an empty corpus is an error.
    pub fn finish(mut self) -> Result<Description> {
        ensure!(
            self.documents > 0,
            "nothing to write to {}: wanted at least one document with tokens, found {} documents, \
             all of them empty; look at what the step before kept",
            self.dir.display(),
            self.empty
        );
        self.close()?;
        commit(self.table)?;
        commit(self.ids)?;
        let description = Description {
            format: FORMAT,
            vocabulary: self.settings.vocabulary,
            separators: self.settings.separators,
            documents: self.documents,
            tokens: self.tokens,
            bytes: self.bytes,
            empty: self.empty,
            groups: self.groups,
            shards: self.shards,
        };
        let path = self.dir.join(DESCRIPTION);
        let mut text = serde_json::to_vec_pretty(&description)?;
        text.push(b'\n');
        disk::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(description)
    }

    fn close(&mut self) -> Result<()> {
        self.open.take().map_or(Ok(()), commit)
    }
}

fn begin(path: &Path) -> Result<BufWriter<AtomicFile>> {
    let file =
        AtomicFile::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn commit(file: BufWriter<AtomicFile>) -> Result<()> {
    let file = file.into_inner().map_err(|error| error.into_error())?;
    Ok(file.commit()?)
}
