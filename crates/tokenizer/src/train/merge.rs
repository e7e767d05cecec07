//! The loop of byte-pair encoding (Sennrich et al. 2016) over counted words.
//!
//! ```text
//! until the vocabulary is full:
//!     pair  = the adjacent pair of the largest count; of equals the one of the smallest ids
//!     token = left ++ right; replace the pair by it in every word it stands in
//! ```
//!
//! Counts of pairs are kept up to date word by word; a heap holds candidates with the counts they
//! had, and one whose count has changed since goes back with the new one.
//!
//! Two pairs may join to the same bytes (`ab`+`c`, `a`+`bc`): they share one token, and both are
//! merges. A pair that was joined before and comes about again that way is joined again when its
//! count has its turn, without a second rank.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use ahash::RandomState;
use anyhow::Result;

use crate::bpe::hasher;

/// A vocabulary and the merges that made it.
pub(super) struct Merged {
    /// What each id writes.
    pub(super) tokens: Vec<Vec<u8>>,
    /// Left and right id, in the order of their ranks.
    pub(super) merges: Vec<(u32, u32)>,
}

type Pair = (u32, u32);

#[derive(Default)]
struct Place {
    count: i64,
    /// Words in which the pair stands, or stood once.
    words: Vec<u32>,
}

/// Words cut into symbols: one long array, each word a piece of it that gets shorter.
struct Words {
    symbols: Vec<u32>,
    starts: Vec<usize>,
    lengths: Vec<u32>,
    counts: Vec<i64>,
}

struct State {
    words: Words,
    pairs: HashMap<Pair, Place, RandomState>,
    /// Pairs whose count grew in this round.
    grown: Vec<Pair>,
}

pub(super) fn merge(
    words: &[(Box<str>, u64)],
    first: Vec<Vec<u8>>,
    size: usize,
    least_count: u64,
    mut progress: impl FnMut(u64, u64) -> Result<()>,
) -> Result<Merged> {
    let bytes = first.len();
    let mut ids: HashMap<Vec<u8>, u32, RandomState> = HashMap::with_hasher(hasher());
    ids.extend(first.iter().cloned().zip(0..));
    let mut merged = Merged {
        tokens: first,
        merges: Vec::new(),
    };
    let mut known: HashSet<Pair, RandomState> = HashSet::with_hasher(hasher());
    let mut state = State::new(words, &ids);
    let mut heap: BinaryHeap<(i64, Reverse<Pair>)> = state
        .pairs
        .iter()
        .map(|(pair, place)| (place.count, Reverse(*pair)))
        .collect();
    let least_count = i64::try_from(least_count).unwrap_or(i64::MAX).max(1);

    while merged.tokens.len() < size {
        let Some((count, Reverse(pair))) = heap.pop() else {
            break;
        };
        let now = state.pairs.get(&pair).map_or(0, |place| place.count);
        if now != count {
            // It has become rarer since, and goes back with its new count; one that has become
            // more frequent is in the heap with that count already.
            if 0 < now && now < count {
                heap.push((now, Reverse(pair)));
            }
            continue;
        }
        if count < least_count {
            break;
        }
        let bytes_of_pair = [
            &*merged.tokens[pair.0 as usize],
            &*merged.tokens[pair.1 as usize],
        ]
        .concat();
        let id = *ids.entry(bytes_of_pair).or_insert_with_key(|bytes| {
            merged.tokens.push(bytes.clone());
            merged.tokens.len() as u32 - 1
        });
        if known.insert(pair) {
            merged.merges.push(pair);
        }
        state.join(pair, id);
        for pair in state.grown.drain(..) {
            heap.push((state.pairs[&pair].count, Reverse(pair)));
        }
        progress((merged.tokens.len() - bytes) as u64, (size - bytes) as u64)?;
    }
    Ok(merged)
}

impl State {
    fn new(counted: &[(Box<str>, u64)], ids: &HashMap<Vec<u8>, u32, RandomState>) -> Self {
        let mut byte_ids = [0u32; 256];
        for byte in 0..=255u8 {
            byte_ids[byte as usize] = ids[[byte].as_slice()];
        }
        let mut words = Words {
            symbols: Vec::new(),
            starts: Vec::new(),
            lengths: Vec::new(),
            counts: Vec::new(),
        };
        let mut pairs: HashMap<Pair, Place, RandomState> = HashMap::with_hasher(hasher());
        for (number, (word, count)) in (0u32..).zip(counted) {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let start = words.symbols.len();
            words.starts.push(start);
            words.lengths.push(word.len() as u32);
            words.counts.push(count);
            words
                .symbols
                .extend(word.bytes().map(|byte| byte_ids[byte as usize]));
            for pair in words.symbols[start..].windows(2) {
                let place = pairs.entry((pair[0], pair[1])).or_default();
                place.count += count;
                place.stands_in(number);
            }
        }
        Self {
            words,
            pairs,
            grown: Vec::new(),
        }
    }

    /// Replaces a pair by its token wherever it stands.
    fn join(&mut self, pair: Pair, id: u32) {
        let places = self.pairs.remove(&pair).unwrap_or_default();
        for number in places.words {
            let word = number as usize;
            let start = self.words.starts[word];
            let length = self.words.lengths[word] as usize;
            let count = self.words.counts[word];
            let symbols = &mut self.words.symbols[start..start + length];
            let (mut read, mut write) = (0, 0);
            while read < length {
                if read + 1 < length && (symbols[read], symbols[read + 1]) == pair {
                    // The left neighbour is what was written last: a token of this very round, maybe.
                    if write > 0 {
                        let left = symbols[write - 1];
                        change(
                            &mut self.pairs,
                            &mut self.grown,
                            (left, pair.0),
                            -count,
                            number,
                        );
                        change(&mut self.pairs, &mut self.grown, (left, id), count, number);
                    }
                    if read + 2 < length {
                        let right = symbols[read + 2];
                        change(
                            &mut self.pairs,
                            &mut self.grown,
                            (pair.1, right),
                            -count,
                            number,
                        );
                        change(&mut self.pairs, &mut self.grown, (id, right), count, number);
                    }
                    symbols[write] = id;
                    read += 2;
                } else {
                    symbols[write] = symbols[read];
                    read += 1;
                }
                write += 1;
            }
            self.words.lengths[word] = write as u32;
        }
        // In `aaa` the pair `aa` was its own neighbour; whatever is left of its count is gone now.
        self.pairs.remove(&pair);
        self.grown.sort_unstable();
        self.grown.dedup();
        self.grown
            .retain(|grown| self.pairs.get(grown).is_some_and(|place| place.count > 0));
    }
}

fn change(
    pairs: &mut HashMap<Pair, Place, RandomState>,
    grown: &mut Vec<Pair>,
    pair: Pair,
    count: i64,
    word: u32,
) {
    let place = pairs.entry(pair).or_default();
    place.count += count;
    if count > 0 {
        place.stands_in(word);
        grown.push(pair);
    }
}

impl Place {
    fn stands_in(&mut self, word: u32) {
        if self.words.last() != Some(&word) {
            self.words.push(word);
        }
    }
}

#[cfg(test)]
mod tests;
