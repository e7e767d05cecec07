//! Reading token shards by memory map, lengths checked before anything is used.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use disk::Map;

use super::{DESCRIPTION, Description, FORMAT, Group, IDS, ROW, TABLE, tokens_file};

/// A folder of shards, mapped into memory.
pub struct Shards {
    dir: PathBuf,
    description: Description,
    tokens: Vec<Map>,
    /// First token of each file; one more, the end.
    starts: Vec<u64>,
    table: Map,
    ids: Map,
}

/// One document in a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentView<'a> {
    /// Its tokens.
    pub tokens: &'a [u32],
    /// Index of its group in [`Shards::groups`].
    pub group: usize,
    /// UTF-8 bytes of its text.
    pub bytes: u64,
    /// Its id.
    pub id: &'a str,
}

impl Shards {
    /// Maps the folder and checks every length and every row of the document table, so that
    /// nothing can be missing later.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(DESCRIPTION);
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "{} cannot be read: wanted a folder of token shards, as `tokenize` writes them",
                path.display()
            )
        })?;
        let description: Description = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a description of shards", path.display()))?;
        ensure!(
            description.format == FORMAT,
            "{} is of format {}, this program reads format {FORMAT}: make the shards again",
            path.display(),
            description.format
        );
        ensure!(
            description.documents > 0 && description.tokens > 0,
            "{} describes an empty corpus ({} documents, {} tokens): wanted at least one document",
            path.display(),
            description.documents,
            description.tokens
        );
        let mut starts = vec![0u64];
        let mut tokens = Vec::new();
        for (index, &count) in description.shards.iter().enumerate() {
            tokens.push(open(
                &dir.join(tokens_file(index)),
                count.saturating_mul(4),
            )?);
            starts.push(starts[index].saturating_add(count));
        }
        ensure!(
            starts.last() == Some(&description.tokens),
            "{} says {} tokens, but its files make {}: make the shards again",
            path.display(),
            description.tokens,
            starts[starts.len() - 1]
        );
        let wanted = description.documents.saturating_mul(ROW as u64);
        let table = open(&dir.join(TABLE), wanted)?;
        let ids = Map::open(&dir.join(IDS))
            .with_context(|| format!("{} cannot be read", dir.join(IDS).display()))?;
        let shards = Shards {
            dir: dir.to_path_buf(),
            description,
            tokens,
            starts,
            table,
            ids,
        };
        shards.check_table()?;
        Ok(shards)
    }

    /// The folder, for messages.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the folder says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Tokens in all.
    pub fn tokens(&self) -> u64 {
        self.description.tokens
    }

    /// Documents in all.
    pub fn documents(&self) -> u64 {
        self.description.documents
    }

    /// Token ids lie below this.
    pub fn vocabulary(&self) -> usize {
        self.description.vocabulary
    }

    /// The groups, by index.
    pub fn groups(&self) -> &[Group] {
        &self.description.groups
    }

    /// Tokens of a document.
    pub fn length(&self, document: u64) -> u64 {
        self.end(document) - self.row(document)[0]
    }

    /// A document; `document` below [`documents`](Self::documents).
    pub fn document(&self, document: u64) -> DocumentView<'_> {
        let [start, bytes, id, group] = self.row(document);
        let end = self.end(document);
        let file = self.starts.partition_point(|&first| first <= start) - 1;
        let from = (start - self.starts[file]) as usize;
        let to = (end - self.starts[file]) as usize;
        let tokens = self.tokens[file].u32s().expect("length checked at open");
        let id_end = if document + 1 < self.documents() {
            self.row(document + 1)[2]
        } else {
            self.ids.bytes().len() as u64
        };
        let id = std::str::from_utf8(&self.ids.bytes()[id as usize..id_end as usize]);
        DocumentView {
            tokens: &tokens[from..to],
            group: group as usize,
            bytes,
            // Ids are only names: one that is broken must not stop a run.
            id: id.unwrap_or("(id is not UTF-8)"),
        }
    }

    fn end(&self, document: u64) -> u64 {
        if document + 1 < self.documents() {
            self.row(document + 1)[0]
        } else {
            self.tokens()
        }
    }

    /// First token, bytes, first byte of the id, group.
    fn row(&self, document: u64) -> [u64; 4] {
        let row = &self.table.bytes()[document as usize * ROW..][..ROW];
        std::array::from_fn(|i| {
            u64::from_le_bytes(row[i * 8..][..8].try_into().expect("eight bytes"))
        })
    }

    fn check_table(&self) -> Result<()> {
        let path = self.dir.join(TABLE);
        let groups = self.description.groups.len() as u64;
        let id_bytes = self.ids.bytes().len() as u64;
        let mut file = 0;
        let (mut start, mut id) = (0, 0);
        for document in 0..self.documents() {
            let row = self.row(document);
            let end = self.end(document);
            while self.starts[file + 1] <= row[0] && file + 1 < self.tokens.len() {
                file += 1;
            }
            let sound = row[0] >= start
                && (document > 0 || row[0] == 0)
                && end > row[0]
                && end <= self.starts[file + 1]
                && row[2] >= id
                && row[2] <= id_bytes
                && row[3] < groups;
            if !sound {
                bail!(
                    "{}, document {document}: wanted tokens within one file, ids within {id_bytes} \
                     bytes and a group below {groups}, found tokens {}..{end}, id at {}, group {}; \
                     the file is damaged, make the shards again",
                    path.display(),
                    row[0],
                    row[2],
                    row[3]
                );
            }
            (start, id) = (row[0], row[2]);
        }
        Ok(())
    }
}

fn open(path: &Path, wanted: u64) -> Result<Map> {
    let map = Map::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let found = map.bytes().len() as u64;
    ensure!(
        found == wanted,
        "{} is {}: wanted {wanted} bytes, found {found}; copy it again or make the shards again",
        path.display(),
        if found < wanted {
            "truncated"
        } else {
            "too long"
        }
    );
    Ok(map)
}
