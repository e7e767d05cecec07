//! Paragraphs that an earlier kept document had already are cut out: menus, notices, quoted news.
//!
//! As in CCNet (Wenzek et al. 2020, arXiv 1911.00359, section 3.1) a paragraph is a line, and equal is equal
//! after folding (`shingles.rs`): numbers, signs and capital letters apart, so that a notice is known again by another
//! date or count. That two sums are two concerns whole documents only. Unlike there, lines shorter than a limit are
//! left alone, so that "네." and "Yes." may be said twice. Keys are shuffled like those of documents, and so are the
//! lines to be cut, which lie in a mapped file then (`pairs.rs`): memory is a run of the shuffle, and 8 bytes for each
//! place of the line that has the most.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;

use super::Clustered;
use super::pairs::Pairs;
use super::shingles::{NO_WORDS, folded};
use super::shuffle::{DiskShuffle, Record, Shuffle as _};
use crate::Corpus;
use crate::curate::{piece, pool};

/// Lines to cut, by document and then by line.
#[derive(Default)]
pub(super) struct Paragraphs(Pairs);

/// Bits of a value that number the line; later lines of a longer document are left alone.
const LINE_BITS: u32 = 20;
/// Records in memory at once, 16 bytes each: a run of a shuffle.
const RUN: usize = 2 << 20;

impl Paragraphs {
    /// Looks for lines of at least `least` characters that a kept document before has too.
    pub(super) fn find(
        corpus: &Corpus,
        clustered: &Clustered,
        least: usize,
        folder: &Path,
        threads: usize,
        run_documents: usize,
    ) -> Result<Self> {
        // What an earlier attempt left is made again: it is quick, and one thing less that could be wrong.
        disk::remove_dir(folder)?;
        let mut shuffle = DiskShuffle::open(&folder.join("lines"))?;
        let pool = pool(threads)?;
        let (mut first, mut records, mut waiting) = (0u64, [Vec::<Record>::new()], 0);
        for number in 0..corpus.index().shards.len() {
            let mut documents = corpus.shard(number);
            loop {
                let piece = piece(&mut documents)?;
                if piece.is_empty() {
                    break;
                }
                let found: Vec<Vec<Record>> = pool.install(|| {
                    let numbered = piece.par_iter().enumerate();
                    let kept = numbered.map(|(place, document)| (first + place as u64, document));
                    kept.map(|(place, document)| match clustered.keeps(place as usize) {
                        true => lines(&document.text, place, least),
                        false => Vec::new(),
                    })
                    .collect()
                });
                first += piece.len() as u64;
                waiting += piece.len();
                found.into_iter().for_each(|found| records[0].extend(found));
                if waiting >= run_documents || records[0].len() >= RUN {
                    shuffle.add(&mut records)?;
                    waiting = 0;
                }
            }
        }
        shuffle.add(&mut records)?;
        let mut found = DiskShuffle::open(&folder.join("found"))?;
        shuffle.groups(0, &mut |_, places| {
            // A refrain stays: what is cut is what an earlier document has.
            let first = places[0] >> LINE_BITS;
            for place in &places[1..] {
                let (document, line) = (place >> LINE_BITS, place & ((1 << LINE_BITS) - 1));
                if document != first {
                    records[0].push((document, line));
                }
                // Here, since one line may stand in all documents.
                if records[0].len() >= RUN {
                    found.add(&mut records)?;
                }
            }
            Ok(())
        })?;
        found.add(&mut records)?;
        let cuts = Pairs::write(&folder.with_extension("cuts"), |put| {
            found.groups(0, &mut |document, lines| {
                lines.iter().try_for_each(|line| put(document, *line))
            })
        })?;
        disk::remove_dir(folder)?;
        Ok(Self(cuts))
    }

    /// The lines of a document that are to be cut, in bytes of its text, with their line breaks.
    pub(super) fn of(&self, document: usize, text: &str) -> Vec<Range<usize>> {
        let document = document as u64;
        let mine = self.0.from(|[of, _]| *of < document).iter();
        let mine = mine.take_while(|[of, _]| *of == document);
        let mut lines = mine.map(|[_, line]| *line).peekable();
        let (mut ranges, mut at) = (Vec::new(), 0);
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if lines.peek().is_none() {
                break;
            }
            if lines.next_if_eq(&(number as u64)).is_some() {
                ranges.push(at..at + line.len());
            }
            at += line.len();
        }
        ranges
    }
}

/// The folded hashes of the lines that are long enough, and where they stand.
fn lines(text: &str, document: u64, least: usize) -> Vec<Record> {
    let numbered = text.split('\n').enumerate().take(1 << LINE_BITS);
    let long =
        numbered.filter(|(_, line)| line.chars().filter(|c| !c.is_whitespace()).count() >= least);
    long.map(|(number, line)| (folded(line), document << LINE_BITS | number as u64))
        .filter(|(key, _)| *key != NO_WORDS)
        .collect()
}
