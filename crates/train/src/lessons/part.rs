//! One file of lessons: blocks, a table of them, and a footer that says where the next file begins.
//!
//! `[blocks] [table: 40 bytes a block] [footer: 128 bytes]`, little-endian. A block is a zstd frame
//! (with its checksum) of the rows' token ids as distances from the one before, in variable length;
//! then their −log p in steps of 2⁻¹¹, all high bytes before all low ones, which compress better
//! apart; then the rests as f32. The footer carries the BLAKE3 of the table and of itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use disk::Map;
use tensor::{Kept, Likeliest};

use crate::{Cursor, Shards};

/// Tokens of a block.
const ROWS: u64 = 256;
/// Steps of a nat.
const STEPS: f32 = 2048.0;
const LEVEL: i32 = 3;
const MAGIC: u64 = u64::from_le_bytes(*b"lessons1");
const BLOCK: usize = 40;
const FOOTER: usize = 128;

/// Rows of one document, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) document: u64,
    /// Its first token.
    pub(super) from: u64,
    /// Tokens.
    pub(super) count: u64,
    offset: u64,
    length: u32,
    /// Of the tokens it was made for.
    check: u32,
}

/// What a part says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Footer {
    /// Tells apart what was asked for.
    pub(super) question: u64,
    /// Tokens with a lesson.
    pub(super) rows: u64,
    /// Σ of the probabilities of what was not kept.
    pub(super) rest: f64,
    /// Where the next part begins.
    pub(super) next: Cursor,
}

/// A part under way.
#[derive(Default)]
pub(super) struct PartWriter {
    bytes: Vec<u8>,
    blocks: Vec<Block>,
    /// The block under way: its first place, its rows.
    open: Option<(u64, u64)>,
    rows: Kept,
    pub(super) count: u64,
    rest: f64,
}

impl PartWriter {
    /// Appends the lessons of tokens (document, place in it).
    ///
    /// # Errors
    /// A probability that is no number, of which rounding would make certainty; nothing is appended.
    pub(super) fn add(
        &mut self,
        shards: &Shards,
        tokens: &[(u64, u64)],
        found: Likeliest<'_>,
    ) -> Result<()> {
        let k = found.ids.len().checked_div(tokens.len()).unwrap_or(0);
        for (row, &(document, token)) in tokens.iter().enumerate() {
            let (log_p, rest) = (&found.log_p[row * k..(row + 1) * k], found.rest[row]);
            // That nothing is left is −∞; everything else must be a number.
            ensure!(
                log_p.iter().all(|log_p| log_p.is_finite()) && rest < f32::INFINITY,
                "what the teacher says of token {token} of document {document} ({}) is no number: \
                 log-probabilities {log_p:?}, of all others {rest}; its weights are damaged, or its \
                 products overflow: look at how it was trained",
                shards.document(document).id
            );
        }
        for (row, &(document, token)) in tokens.iter().enumerate() {
            let held = self.rows.rest.len() as u64;
            let goes_on = self
                .open
                .is_some_and(|(of, from)| of == document && from + held == token && held < ROWS);
            if !goes_on {
                self.close(shards)?;
                self.open = Some((document, token));
            }
            let part = row * k..(row + 1) * k;
            self.rows.ids.extend_from_slice(&found.ids[part.clone()]);
            self.rows.log_p.extend_from_slice(&found.log_p[part]);
            self.rows.rest.push(found.rest[row]);
            self.rest += f64::from(found.rest[row]).exp();
            self.count += 1;
        }
        Ok(())
    }

    fn close(&mut self, shards: &Shards) -> Result<()> {
        let Some((document, from)) = self.open.take() else {
            return Ok(());
        };
        let rows = std::mem::take(&mut self.rows);
        let count = rows.rest.len() as u64;
        let frame = compress(&encode(&rows))?;
        self.blocks.push(Block {
            document,
            from,
            count,
            offset: self.bytes.len() as u64,
            length: u32::try_from(frame.len()).context("a block of lessons is too long")?,
            check: check(shards, document, from, count),
        });
        self.bytes.extend(frame);
        Ok(())
    }

    /// Writes the file, whole or not at all.
    pub(super) fn write(
        mut self,
        shards: &Shards,
        path: &Path,
        question: u64,
        next: Cursor,
    ) -> Result<()> {
        self.close(shards)?;
        let table_at = self.bytes.len() as u64;
        let mut tail = Vec::with_capacity(self.blocks.len() * BLOCK + FOOTER);
        for block in &self.blocks {
            for number in [block.document, block.from, block.count, block.offset] {
                tail.extend(number.to_le_bytes());
            }
            tail.extend(block.length.to_le_bytes());
            tail.extend(block.check.to_le_bytes());
        }
        let numbers = [
            MAGIC,
            question,
            self.count,
            self.rest.to_bits(),
            next.epoch,
            next.rank,
            next.token,
            self.blocks.len() as u64,
            table_at,
        ];
        tail.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        tail.resize(self.blocks.len() * BLOCK + FOOTER - 32, 0);
        let hash = blake3::hash(&tail);
        tail.extend(hash.as_bytes());
        self.bytes.extend(tail);
        disk::write(path, &self.bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// A part, mapped into memory.
pub(super) struct Part {
    map: Map,
    path: PathBuf,
    pub(super) footer: Footer,
    blocks: usize,
    table_at: usize,
}

impl Part {
    /// Maps a part and checks its footer and its table.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let map = Map::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let bytes = map.bytes();
        let damaged = || {
            format!(
                "{} is cut short or damaged ({} bytes without a sound end): make the lessons again",
                path.display(),
                bytes.len()
            )
        };
        ensure!(bytes.len() >= FOOTER, damaged());
        let numbers = numbers(&bytes[bytes.len() - FOOTER..]);
        let [
            magic,
            question,
            rows,
            rest,
            epoch,
            rank,
            token,
            blocks,
            table_at,
            ..,
        ] = numbers[..]
        else {
            bail!(damaged());
        };
        let tail = bytes.len() as u64 - FOOTER as u64;
        ensure!(
            magic == MAGIC
                && blocks
                    .checked_mul(BLOCK as u64)
                    .and_then(|table| table.checked_add(table_at))
                    == Some(tail),
            damaged()
        );
        let (sealed, hash) =
            bytes[table_at as usize..].split_at(tail as usize - table_at as usize + FOOTER - 32);
        ensure!(blake3::hash(sealed).as_bytes() == hash, damaged());
        Ok(Part {
            footer: Footer {
                question,
                rows,
                rest: f64::from_bits(rest),
                next: Cursor { epoch, rank, token },
            },
            path: path.to_path_buf(),
            blocks: blocks as usize,
            table_at: table_at as usize,
            map,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn bytes(&self) -> u64 {
        self.map.bytes().len() as u64
    }

    /// Its table; every block lies within the file.
    pub(super) fn blocks(&self) -> Result<Vec<Block>> {
        let table = &self.map.bytes()[self.table_at..][..self.blocks * BLOCK];
        table
            .chunks_exact(BLOCK)
            .map(|row| {
                let [document, from, count, offset, last] = numbers(row)[..] else {
                    bail!("{} has a table of odd length", self.path.display());
                };
                let block = Block {
                    document,
                    from,
                    count,
                    offset,
                    length: last as u32,
                    check: (last >> 32) as u32,
                };
                let end = offset.checked_add(u64::from(block.length));
                ensure!(
                    end.is_some_and(|end| end <= self.table_at as u64)
                        && (1..=ROWS).contains(&count),
                    "{} has a block outside itself: make the lessons again",
                    self.path.display()
                );
                Ok(block)
            })
            .collect()
    }

    /// The rows of a block, k tokens each, of some vocabulary.
    pub(super) fn read(
        &self,
        block: &Block,
        shards: &Shards,
        [k, vocabulary]: [usize; 2],
    ) -> Result<Kept> {
        let place = || {
            format!(
                "{}, lessons of document {} from token {}",
                self.path.display(),
                block.document,
                block.from
            )
        };
        ensure!(
            block.document < shards.documents()
                && block.from + block.count <= shards.length(block.document)
                && check(shards, block.document, block.from, block.count) == block.check,
            "{}: they were made for other tokens than those in {}; make lessons for these, or train \
             on those",
            place(),
            shards.dir().display()
        );
        let frame = &self.map.bytes()[block.offset as usize..][..block.length as usize];
        let rows = block.count as usize;
        // Ids take at most five bytes each.
        let most = rows * (7 * k + 4);
        let bytes = zstd::bulk::decompress(frame, most).with_context(|| {
            format!("{}: the block is damaged, make the lessons again", place())
        })?;
        decode(&bytes, rows, k, vocabulary)
            .with_context(|| format!("{}: the block is damaged, make the lessons again", place()))
    }
}

/// A hash of the tokens that were fed.
fn check(shards: &Shards, document: u64, from: u64, count: u64) -> u32 {
    let mut hasher = blake3::Hasher::new();
    for token in &shards.document(document).tokens[from as usize..(from + count) as usize] {
        hasher.update(&token.to_le_bytes());
    }
    let hash = hasher.finalize();
    u32::from_le_bytes(hash.as_bytes()[..4].try_into().expect("four bytes"))
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let numbers = bytes.chunks_exact(8);
    numbers
        .map(|number| u64::from_le_bytes(number.try_into().expect("eight bytes")))
        .collect()
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor.compress(bytes)?)
}

fn encode(rows: &Kept) -> Vec<u8> {
    let k = rows.ids.len() / rows.rest.len();
    let mut bytes = Vec::with_capacity(rows.ids.len() * 4);
    for ids in rows.ids.chunks_exact(k) {
        let mut before = 0;
        for &id in ids {
            let mut distance = id - before;
            before = id;
            while distance >= 0x80 {
                bytes.push(distance as u8 | 0x80);
                distance >>= 7;
            }
            bytes.push(distance as u8);
        }
    }
    let steps: Vec<u16> = rows
        .log_p
        .iter()
        .map(|log_p| (-log_p * STEPS).round().clamp(0.0, f32::from(u16::MAX)) as u16)
        .collect();
    bytes.extend(steps.iter().map(|steps| (steps >> 8) as u8));
    bytes.extend(steps.iter().map(|&steps| steps as u8));
    bytes.extend(rows.rest.iter().flat_map(|rest| rest.to_le_bytes()));
    bytes
}

fn decode(bytes: &[u8], rows: usize, k: usize, vocabulary: usize) -> Result<Kept> {
    let mut found = Kept::default();
    let mut at = 0;
    for _ in 0..rows {
        let mut id = 0u32;
        for token in 0..k {
            let (mut distance, mut shift) = (0u32, 0);
            loop {
                let byte = *bytes.get(at).context("ids end early")?;
                at += 1;
                ensure!(shift < 32, "an id is too large");
                distance |= u32::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            ensure!(token == 0 || distance > 0, "an id comes twice");
            id = id.checked_add(distance).context("an id is too large")?;
            ensure!((id as usize) < vocabulary, "id {id} of {vocabulary}");
            found.ids.push(id);
        }
    }
    let count = rows * k;
    let rest = bytes.get(at..).unwrap_or_default();
    ensure!(
        rest.len() == 2 * count + 4 * rows,
        "wanted {} bytes of probabilities, found {}",
        2 * count + 4 * rows,
        rest.len()
    );
    let (high, rest) = rest.split_at(count);
    let (low, rest) = rest.split_at(count);
    found.log_p = high
        .iter()
        .zip(low)
        .map(|(&high, &low)| -f32::from(u16::from_be_bytes([high, low])) / STEPS)
        .collect();
    found.rest = rest
        .chunks_exact(4)
        .map(|rest| f32::from_le_bytes(rest.try_into().expect("four bytes")))
        .collect();
    ensure!(
        found.rest.iter().all(|rest| *rest <= 1e-3),
        "a probability is above 1"
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_is_refused() {
        let place = toy::Place::new();
        let tokens = [(3, 0), (3, 1)];
        let sound = Kept {
            ids: vec![3, 9, 0, 4],
            log_p: vec![-1.0; 4],
            rest: vec![-2.0, f32::NEG_INFINITY],
        };
        let add = |rows: &Kept| {
            let mut part = PartWriter::default();
            let said = part.add(&place.shards, &tokens, rows.view());
            (said.map_err(|error| error.to_string()), part.count)
        };
        assert_eq!(add(&sound), (Ok(()), 2));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut rows = sound.clone();
            rows.log_p[3] = bad;
            let (said, count) = add(&rows);
            let said = said.unwrap_err();
            assert!(
                said.contains("token 1 of document 3 (문서-3)") && said.contains("no number"),
                "{said}"
            );
            assert_eq!(count, 0, "nothing is kept of it");
        }
        for bad in [f32::NAN, f32::INFINITY] {
            let mut rows = sound.clone();
            rows.rest[0] = bad;
            let said = add(&rows).0.unwrap_err();
            assert!(said.contains("token 0 of document 3"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn blocks_come_back(rows in 1usize..9, k in 1usize..20, seed in any::<u64>()) {
            let vocabulary = 300_000;
            let mut state = seed | 1;
            let mut draw = |below: u32| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 33) as u32 % below
            };
            let mut wanted = Kept::default();
            for _ in 0..rows {
                let mut ids: Vec<u32> = (0..k as u32).map(|i| i * 15_000 + draw(15_000)).collect();
                ids.sort_unstable();
                wanted.ids.extend(ids);
                wanted.log_p.extend((0..k).map(|_| -(draw(40_000) as f32) / 1000.0));
                wanted.rest.push(-(draw(40_000) as f32) / 1000.0);
            }
            let found = decode(&encode(&wanted), rows, k, vocabulary).unwrap();
            prop_assert_eq!(&found.ids, &wanted.ids);
            prop_assert_eq!(&found.rest, &wanted.rest);
            for (found, wanted) in found.log_p.iter().zip(&wanted.log_p) {
                prop_assert!((found - wanted.max(-65535.0 / STEPS)).abs() <= 0.5 / STEPS + 1e-6);
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let rows = Kept {
            ids: vec![3, 9, 0, 4],
            log_p: vec![-1.0; 4],
            rest: vec![-2.0; 2],
        };
        let bytes = encode(&rows);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], 2, 2, 10).is_err(), "{cut}");
        }
        assert!(
            decode(&bytes, 2, 2, 9).is_err(),
            "an id outside the vocabulary"
        );
        assert!(decode(&bytes, 1, 4, 10).is_err(), "other rows");
        decode(&bytes, 2, 2, 10).unwrap();
    }
}
