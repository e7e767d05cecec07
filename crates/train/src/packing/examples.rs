//! The rows of a micro-batch: what the decoder is fed, what it should say, whose tokens they are.

use model::Batch;

use super::{Documents, Piece};
use crate::Shards;

/// Rows, laid end to end.
#[derive(Clone, Debug)]
pub struct Examples {
    /// Tokens, positions and segments as the decoder takes them.
    pub batch: Batch,
    /// The token that follows each row.
    pub targets: Vec<u32>,
    /// The document that each target belongs to.
    pub documents: Vec<u64>,
    /// Where the token that each row is fed lies: its document, and its place there.
    pub fed: Vec<(u64, u64)>,
}

impl Default for Examples {
    fn default() -> Self {
        Examples {
            batch: Batch {
                ids: vec![],
                positions: vec![],
                starts: vec![0],
                causal: true,
            },
            targets: vec![],
            documents: vec![],
            fed: vec![],
        }
    }
}

impl Examples {
    /// How many rows there are; each has one target.
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.batch.ids.clear();
        self.batch.positions.clear();
        self.batch.starts.truncate(1);
        self.targets.clear();
        self.documents.clear();
        self.fed.clear();
    }

    /// Appends a piece as a segment of its own, fed whole, without targets: for a decoder that is
    /// only asked.
    pub(crate) fn segment(&mut self, shards: &Shards, piece: Piece) {
        let tokens = &shards.document(piece.document).tokens;
        let tokens = &tokens[piece.from as usize..piece.to as usize];
        self.batch.ids.extend_from_slice(tokens);
        self.batch.positions.extend(0..tokens.len() as u32);
        self.batch.starts.push(self.batch.ids.len() as u32);
        let places = piece.from..piece.to;
        self.fed.extend(places.map(|token| (piece.document, token)));
    }

    /// Appends a window: the pieces hold one token more than it has rows.
    pub(super) fn window(
        &mut self,
        shards: &Shards,
        documents: Documents,
        pieces: impl Iterator<Item = Piece>,
    ) {
        let first = self.batch.ids.len();
        for piece in pieces {
            let tokens = &shards.document(piece.document).tokens;
            let tokens = &tokens[piece.from as usize..piece.to as usize];
            let begun = self.batch.ids.len();
            if begun > first && documents == Documents::Packed {
                self.batch.starts.push(begun as u32);
            }
            let start = match documents {
                Documents::Packed => begun,
                Documents::Joined => first,
            };
            let positions = begun - start..begun - start + tokens.len();
            self.batch.positions.extend(positions.map(|at| at as u32));
            self.batch.ids.extend_from_slice(tokens);
            let places = piece.from..piece.to;
            self.fed.extend(places.map(|token| (piece.document, token)));
            // The first token of the window is a target of the window before.
            let targets = if begun > first { tokens } else { &tokens[1..] };
            self.targets.extend_from_slice(targets);
            self.documents.resize(self.targets.len(), piece.document);
        }
        // The last token is fed by the next window; a segment that held only it goes, too.
        self.batch.ids.pop();
        self.batch.positions.pop();
        self.fed.pop();
        let end = self.batch.ids.len() as u32;
        if self.batch.starts.last() != Some(&end) {
            self.batch.starts.push(end);
        }
    }
}
