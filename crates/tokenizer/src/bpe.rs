//! The encoder for tokenizers of the Llama 3 kind: words by hand, merges by rank, no offsets kept.
//!
//! A word that is in the vocabulary is one token where `ignore_merges` says so; otherwise its
//! bytes are merged, always the adjacent pair of the lowest rank first, the leftmost of equals.
//! Short words scan a small array for that pair, long ones keep a heap, so that a line of a
//! million letters costs n log n.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use ahash::RandomState;

use crate::pattern::words;

/// A word of at most so many bytes is merged by scanning.
const SCANNED: usize = 96;

const NO_RANK: u32 = u32::MAX;

pub(crate) struct Bpe {
    byte_ids: [u32; 256],
    whole: HashMap<Box<[u8]>, u32, RandomState>,
    /// Left and right id, to rank and merged id.
    merges: HashMap<u64, (u32, u32), RandomState>,
    ignore_merges: bool,
}

/// What encoding needs beside the encoder: one for each thread, empty at first.
#[derive(Default)]
pub(crate) struct Scratch {
    ids: Vec<u32>,
    ranks: Vec<u32>,
}

/// Hashing needs no secret here: a fixed seed makes every run alike, down to the speed.
pub(crate) fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl Bpe {
    /// `None` where a byte has no token of its own: such a vocabulary loses text, and is not ours.
    pub(crate) fn new(
        tokens: impl IntoIterator<Item = (Vec<u8>, u32)>,
        merges: impl IntoIterator<Item = (u32, u32, u32)>,
        ignore_merges: bool,
    ) -> Option<Self> {
        let mut whole = HashMap::with_hasher(hasher());
        for (bytes, id) in tokens {
            whole.insert(bytes.into_boxed_slice(), id);
        }
        let mut byte_ids = [0; 256];
        for byte in 0..=255u8 {
            byte_ids[byte as usize] = *whole.get([byte].as_slice())?;
        }
        let mut ranked = HashMap::with_hasher(hasher());
        for (rank, (left, right, merged)) in (0..).zip(merges) {
            ranked.insert(key(left, right), (rank, merged));
        }
        Some(Self {
            byte_ids,
            whole,
            merges: ranked,
            ignore_merges,
        })
    }

    /// Appends the ids of a text. (Remembering the ids of words that came before was tried: the
    /// lookup costs as much as merging a short word again.)
    pub(crate) fn encode(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        for word in words(text) {
            let bytes = word.as_bytes();
            if let [byte] = bytes {
                ids.push(self.byte_ids[*byte as usize]);
                continue;
            }
            let whole = if self.ignore_merges {
                self.whole.get(bytes)
            } else {
                None
            };
            match whole {
                Some(id) => ids.push(*id),
                None if bytes.len() <= SCANNED => self.scan(bytes, scratch, ids),
                None => self.heap(bytes, ids),
            }
        }
    }

    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        self.merges
            .get(&key(left, right))
            .map_or(NO_RANK, |(rank, _)| *rank)
    }

    fn scan(&self, bytes: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        let (ids, ranks) = (&mut scratch.ids, &mut scratch.ranks);
        ids.clear();
        ids.extend(bytes.iter().map(|byte| self.byte_ids[*byte as usize]));
        ranks.clear();
        ranks.extend(ids.windows(2).map(|pair| self.rank(pair[0], pair[1])));
        while let Some((at, rank)) = ranks
            .iter()
            .copied()
            .enumerate()
            .min_by_key(|(_, rank)| *rank)
        {
            if rank == NO_RANK {
                break;
            }
            ids[at] = self.merges[&key(ids[at], ids[at + 1])].1;
            ids.remove(at + 1);
            ranks.remove(at);
            if at > 0 {
                ranks[at - 1] = self.rank(ids[at - 1], ids[at]);
            }
            if at < ranks.len() {
                ranks[at] = self.rank(ids[at], ids[at + 1]);
            }
        }
        out.extend_from_slice(ids);
    }

    fn heap(&self, bytes: &[u8], out: &mut Vec<u32>) {
        const NONE: usize = usize::MAX;
        let mut ids: Vec<u32> = bytes
            .iter()
            .map(|byte| self.byte_ids[*byte as usize])
            .collect();
        let mut next: Vec<usize> = (1..=ids.len()).collect();
        let mut previous: Vec<usize> = (0..ids.len()).map(|at| at.wrapping_sub(1)).collect();
        let last = ids.len() - 1;
        next[last] = NONE;
        let mut gone = vec![false; ids.len()];
        let mut heap = BinaryHeap::new();
        // An entry says which ids it saw: one that no longer stands there is out of date.
        let offer = |heap: &mut BinaryHeap<_>, ids: &[u32], at: usize, right: usize| {
            if let Some((rank, merged)) = self.merges.get(&key(ids[at], ids[right])) {
                heap.push(Reverse((*rank, at, key(ids[at], ids[right]), *merged)));
            }
        };
        for at in 0..last {
            offer(&mut heap, &ids, at, at + 1);
        }
        while let Some(Reverse((_, at, seen, merged))) = heap.pop() {
            let right = next[at];
            if gone[at] || right == NONE || key(ids[at], ids[right]) != seen {
                continue;
            }
            ids[at] = merged;
            gone[right] = true;
            next[at] = next[right];
            if next[at] != NONE {
                previous[next[at]] = at;
                offer(&mut heap, &ids, at, next[at]);
            }
            if previous[at] != NONE {
                offer(&mut heap, &ids, previous[at], at);
            }
        }
        out.extend(
            ids.iter()
                .zip(&gone)
                .filter(|(_, gone)| !**gone)
                .map(|(id, _)| *id),
        );
    }
}

#[cfg(test)]
mod tests;
