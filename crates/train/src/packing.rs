//! The stream of training: documents in a shuffled order, cut into windows that touch.
//!
//! A window of `s` tokens reads one token more than it feeds (the report, section on packing: each
//! sequence also gets the first token of the next), so every token of an epoch except its very
//! first is a target exactly once. The last window of an epoch is shorter; nothing is padded.
//! The order of the documents is a keyed permutation of each epoch that is computed, not stored,
//! and so a position in the stream is three numbers and going there costs nothing.
//!
//! It deliberately does not choose what lies in the corpus, nor in which proportion: `mix` did.

mod examples;
mod order;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shards;

pub use examples::Examples;
pub(crate) use order::permuted;

/// What happens at the boundary of two documents within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Documents {
    /// Attention and positions start again with each document.
    #[default]
    Packed,
    /// A window is one segment, whatever lies in it.
    Joined,
}

/// In which order the documents come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// In an order of the seed's and the epoch's.
    #[default]
    Shuffled,
    /// As the shards have them, every epoch the same.
    Written,
}

/// A place in the stream: the next token to feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// How often the corpus has been gone through.
    pub epoch: u64,
    /// Place of the document in the epoch's order.
    pub rank: u64,
    /// Token within the document.
    pub token: u64,
}

/// Tokens that are left out of the stream: ranges of documents, disjoint and ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Skipped(BTreeMap<u64, Vec<(u64, u64)>>);

impl Skipped {
    /// Leaves out tokens `from..to` of a document, in every epoch.
    pub fn add(&mut self, document: u64, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let ranges = self.0.entry(document).or_default();
        ranges.push((from, to));
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for &(from, to) in ranges.iter() {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        *ranges = merged;
    }

    /// Everything that the other leaves out, too.
    pub fn merge(&mut self, other: &Skipped) {
        for (&document, ranges) in &other.0 {
            for &(from, to) in ranges {
                self.add(document, from, to);
            }
        }
    }

    /// The ranges, by document.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let of = |(&document, ranges): (&u64, &Vec<(u64, u64)>)| {
            let ranges = ranges.clone();
            ranges
                .into_iter()
                .map(move |(from, to)| (document, from, to))
        };
        self.0.iter().flat_map(of)
    }

    /// How many tokens are left out.
    pub fn tokens(&self) -> u64 {
        self.ranges().map(|(_, from, to)| to - from).sum()
    }

    /// The kept run of a document that holds `token` or begins next after it; `None` at the end.
    fn run(&self, document: u64, mut token: u64, length: u64) -> Option<(u64, u64)> {
        for &(from, to) in self.0.get(&document).map_or(&[][..], Vec::as_slice) {
            if token < from {
                return Some((token, from));
            }
            token = token.max(to);
        }
        (token < length).then_some((token, length))
    }
}

/// A part of a document that lies in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The document.
    pub document: u64,
    /// Its first token in the piece.
    pub from: u64,
    /// One past its last.
    pub to: u64,
}

/// The stream over a folder of shards.
#[derive(Clone)]
pub struct Stream<'a> {
    shards: &'a Shards,
    seed: u64,
    order: Order,
    documents: Documents,
    /// Only this many documents, the first of the order.
    limit: u64,
    skipped: Skipped,
}

impl<'a> Stream<'a> {
    /// The stream of all documents.
    pub fn new(shards: &'a Shards, documents: Documents, order: Order, seed: u64) -> Self {
        let limit = shards.documents();
        Stream {
            shards,
            seed,
            order,
            documents,
            limit,
            skipped: Skipped::default(),
        }
    }

    /// The first documents of the order that make up at least `tokens` (or all of them).
    pub fn limited(mut self, tokens: u64) -> Self {
        let mut held = 0;
        self.limit = 0;
        while held < tokens && self.limit < self.shards.documents() {
            held += self.shards.length(self.document_at(0, self.limit));
            self.limit += 1;
        }
        self
    }

    /// What it runs over.
    pub fn shards(&self) -> &'a Shards {
        self.shards
    }

    /// What is left out.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Leaves out more; an error when hardly anything would remain.
    pub fn skip(&mut self, skipped: Skipped) -> Result<()> {
        let total = self.shards.tokens();
        ensure!(
            total.saturating_sub(skipped.tokens()) >= 2,
            "of the {total} tokens in {} all but {} would be left out, and nothing remains to \
             train on: look at the documents that were named",
            self.shards.dir().display(),
            total.saturating_sub(skipped.tokens())
        );
        self.skipped = skipped;
        Ok(())
    }

    /// The documents of an epoch, in order.
    pub fn epoch(&self, epoch: u64) -> impl Iterator<Item = u64> {
        (0..self.limit).map(move |rank| self.document_at(epoch, rank))
    }

    /// Appends the window of at most `most` targets that begins at `cursor`, moves the cursor past
    /// it, and says how many targets it has: fewer than `most` only at the end of an epoch.
    pub fn window(&self, cursor: &mut Cursor, most: usize, examples: &mut Examples) -> usize {
        debug_assert!(most > 0, "a window of no tokens");
        loop {
            let pieces = self.pieces(*cursor, most as u64 + 1);
            let held: u64 = pieces.iter().map(|piece| piece.1.to - piece.1.from).sum();
            if held < 2 {
                // The last token of an epoch has been a target and feeds nothing.
                *cursor = Cursor {
                    epoch: cursor.epoch + 1,
                    rank: 0,
                    token: 0,
                };
                continue;
            }
            let Some(&(rank, last)) = pieces.last() else {
                continue;
            };
            examples.window(
                self.shards,
                self.documents,
                pieces.iter().map(|piece| piece.1),
            );
            *cursor = Cursor {
                epoch: cursor.epoch,
                rank,
                token: last.to - 1,
            };
            return held as usize - 1;
        }
    }

    /// The pieces that are fed on the way from one cursor to another (in documents' own terms).
    pub fn between(&self, from: Cursor, to: Cursor) -> Vec<Piece> {
        let mut found = Vec::new();
        let mut at = from;
        while at < to {
            let Some((rank, piece)) = self.next(at) else {
                at = Cursor {
                    epoch: at.epoch + 1,
                    rank: 0,
                    token: 0,
                };
                continue;
            };
            let here = Cursor {
                epoch: at.epoch,
                rank,
                token: piece.from,
            };
            if here >= to {
                break;
            }
            let last = (to.epoch, to.rank) == (at.epoch, rank);
            let end = if last {
                piece.to.min(to.token)
            } else {
                piece.to
            };
            found.push(Piece { to: end, ..piece });
            at = Cursor { token: end, ..here };
        }
        found
    }

    /// Up to `want` tokens from the cursor on, within its epoch, each piece with its rank.
    fn pieces(&self, mut cursor: Cursor, mut want: u64) -> Vec<(u64, Piece)> {
        let mut pieces = Vec::new();
        while want > 0 {
            let Some((rank, mut piece)) = self.next(cursor) else {
                break;
            };
            piece.to = piece.to.min(piece.from + want);
            want -= piece.to - piece.from;
            cursor = Cursor {
                epoch: cursor.epoch,
                rank,
                token: piece.to,
            };
            pieces.push((rank, piece));
        }
        pieces
    }

    /// The next kept run at or after the cursor, within its epoch.
    fn next(&self, cursor: Cursor) -> Option<(u64, Piece)> {
        let mut token = cursor.token;
        for rank in cursor.rank..self.limit {
            let document = self.document_at(cursor.epoch, rank);
            let length = self.shards.length(document);
            if let Some((from, to)) = self.skipped.run(document, token, length) {
                return Some((rank, Piece { document, from, to }));
            }
            token = 0;
        }
        None
    }

    fn document_at(&self, epoch: u64, rank: u64) -> u64 {
        match self.order {
            Order::Written => rank,
            Order::Shuffled => permuted(rank, self.shards.documents(), self.seed, epoch),
        }
    }
}

#[cfg(test)]
mod tests;
