//! Lessons: what a teacher says of every token of a corpus, kept on disk for any number of students.
//!
//! For each token that is fed, the k likeliest next tokens with their log-probabilities, and that of
//! all others together. A folder of
//! - `lessons-00000.part` …: blocks of at most 256 tokens of one document, compressed each by
//!   itself, and a table of them ([`part`]);
//! - `lessons.json`: [`Description`], written last.
//!
//! A log-probability is kept to 2⁻¹¹ of a nat, down to −32, and what is no number is refused; a row is
//! brought back to a sum of 1 when it is read.
//!
//! What a teacher says of a token depends on what it has seen before it, so lessons say which context
//! that was ([`Seen`]). `documents`: each document from its own beginning, so that they serve every
//! order, seed and length of windows; where a window of training cuts a document, a live teacher would
//! have seen less than that. `windows`: exactly the windows of one pass of training, for which they
//! are what a live teacher would say (until the guard leaves something out, which moves the windows),
//! and for nothing else.

mod part;
mod teach;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::Kept;

use crate::shards::TABLE;
use crate::{Documents, Order, Shards};
use part::{Block, Part};

pub use teach::{Teaching, teach};

/// Raised when the files would be read differently.
const FORMAT: u32 = 1;
/// What a folder of lessons says of itself.
pub(crate) const DESCRIPTION: &str = "lessons.json";

fn part_file(index: usize) -> String {
    format!("lessons-{index:05}.part")
}

/// What the teacher had seen before the token it was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// Its document from the beginning, cut at multiples of the sequence where it is longer.
    #[default]
    Documents,
    /// The window of training that it lies in.
    Windows,
}

/// How lessons are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonSettings {
    /// k: how many of the likeliest tokens are kept.
    pub likeliest: usize,
    /// The logits are divided by it first.
    pub temperature: f32,
    /// The context they are made in.
    pub seen: Seen,
    /// Tokens the teacher sees at most.
    pub sequence: usize,
    /// With `windows`: what happens between documents.
    pub documents: Documents,
    /// With `windows`: the order of the documents.
    pub order: Order,
    /// With `windows`: decides a shuffled order.
    pub seed: u64,
}

/// What a folder of lessons holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Version of the format.
    pub format: u32,
    /// The teacher's.
    pub vocabulary: usize,
    /// How they were made.
    pub settings: LessonSettings,
    /// Documents and tokens of the shards they were made for.
    pub documents: u64,
    /// Tokens of these.
    pub tokens: u64,
    /// BLAKE3 of the shards' document table.
    pub table: String,
    /// Tokens that were fed, each with its lesson.
    pub rows: u64,
    /// Mean probability of what was not kept. With forward KL a student's gradient by the logits of
    /// a row is off by at most 2·rest / T, in sum and on average; rounding adds up to 2⁻¹¹ / T and
    /// the floor of −32 hardly anything (all times T² where the divergence is multiplied by it, as it
    /// is by default). With other divergences it may be off by more (`tensor`).
    pub rest: f64,
    /// Bytes of each part.
    pub parts: Vec<u64>,
}

impl Description {
    /// Every file of the folder, its description last.
    pub fn files(&self) -> Vec<String> {
        let parts = (0..self.parts.len()).map(part_file);
        parts.chain([DESCRIPTION.to_owned()]).collect()
    }
}

/// A folder of lessons, mapped into memory.
pub struct Lessons {
    dir: PathBuf,
    description: Description,
    parts: Vec<Part>,
    /// By document and first token: block, and the part it lies in.
    blocks: Vec<(Block, usize)>,
}

impl Lessons {
    /// Maps the folder, and checks every length and every table before anything is used.
    ///
    /// # Errors
    /// A sentence that says which file is missing, cut short or damaged.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(DESCRIPTION);
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "{} cannot be read: wanted a teacher's lessons, as `teach` writes them",
                path.display()
            )
        })?;
        let description: Description = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a description of lessons", path.display()))?;
        ensure!(
            description.format == FORMAT,
            "{} is of format {}, this program reads format {FORMAT}: make the lessons again",
            path.display(),
            description.format
        );
        let (mut parts, mut blocks, mut rows) = (Vec::new(), Vec::new(), 0);
        for (index, &bytes) in description.parts.iter().enumerate() {
            let part = Part::open(&dir.join(part_file(index)))?;
            ensure!(
                part.bytes() == bytes,
                "{} should be {bytes} bytes long and is {}: make the lessons again",
                part.path().display(),
                part.bytes()
            );
            rows += part.footer.rows;
            blocks.extend(part.blocks()?.into_iter().map(|block| (block, index)));
            parts.push(part);
        }
        ensure!(
            rows == description.rows,
            "{} says {} tokens, but its parts hold {rows}: make the lessons again",
            path.display(),
            description.rows
        );
        blocks.sort_unstable_by_key(|(block, _)| (block.document, block.from));
        Ok(Lessons {
            dir: dir.to_path_buf(),
            description,
            parts,
            blocks,
        })
    }

    /// The folder, for messages.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the folder says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Whether they were made for these shards.
    ///
    /// # Errors
    /// A sentence that says what differs.
    pub fn fits(&self, shards: &Shards) -> Result<()> {
        let description = &self.description;
        let wanted = (
            description.documents,
            description.tokens,
            description.table.as_str(),
        );
        let table = table_hash(shards)?;
        let found = (shards.documents(), shards.tokens(), table.as_str());
        ensure!(
            wanted == found && shards.vocabulary() <= description.vocabulary,
            "the lessons in {} were made for other tokens than those in {}: for {} tokens in {} \
             documents by a teacher of {} tokens, and these are {} in {} over a vocabulary of {}; make \
             lessons for these tokens, or train on those",
            self.dir.display(),
            shards.dir().display(),
            wanted.1,
            wanted.0,
            description.vocabulary,
            found.1,
            found.0,
            shards.vocabulary()
        );
        Ok(())
    }

    /// The lessons of tokens (document, place in it), a row each.
    ///
    /// # Errors
    /// There is none for a token, a block is damaged, or it was made for another token.
    pub fn read(&self, shards: &Shards, tokens: &[(u64, u64)]) -> Result<Kept> {
        let k = self.description.settings.likeliest;
        let mut found = Kept::default();
        let mut open: Option<(Block, Kept)> = None;
        for &(document, token) in tokens {
            let here = |block: &Block| {
                block.document == document
                    && (block.from..block.from + block.count).contains(&token)
            };
            if !open.as_ref().is_some_and(|(block, _)| here(block)) {
                let after = self.blocks.partition_point(|(block, _)| {
                    (block.document, block.from) <= (document, token)
                });
                let block = after.checked_sub(1).map(|at| self.blocks[at]);
                let Some((block, part)) = block.filter(|(block, _)| here(block)) else {
                    bail!(
                        "the lessons in {} have none for token {token} of document {} ({}): they \
                         were made for other windows",
                        self.dir.display(),
                        document,
                        shards.document(document).id
                    );
                };
                let vocabulary = self.description.vocabulary;
                let rows = self.parts[part].read(&block, shards, [k, vocabulary])?;
                open = Some((block, rows));
            }
            let Some((block, rows)) = &open else { continue };
            let row = (token - block.from) as usize;
            let part = row * k..(row + 1) * k;
            let log_p = &rows.log_p[part.clone()];
            let total: f64 = log_p.iter().map(|&x| f64::from(x).exp()).sum::<f64>()
                + f64::from(rows.rest[row]).exp();
            let total = total.ln() as f32;
            found.ids.extend_from_slice(&rows.ids[part]);
            found.log_p.extend(log_p.iter().map(|x| x - total));
            found.rest.push(rows.rest[row] - total);
        }
        Ok(found)
    }
}

/// Tells shards apart by where their documents begin.
fn table_hash(shards: &Shards) -> Result<String> {
    Ok(disk::hash_file(&shards.dir().join(TABLE))?)
}

#[cfg(test)]
mod tests;
