//! Passages that an earlier kept document has, byte for byte, are cut out of the later ones, wherever they
//! stand: quotations, licences, text copied into other text.
//!
//! As in Lee et al. 2022 (arXiv 2107.06499, section 4.1), where a suffix array finds them; here anchors do
//! (`winnow.rs`), so that memory does not grow with the text: anchors are shuffled on the disk, and where two
//! documents share one, their texts are compared around it, byte by byte. The texts lie in one mapped file
//! meanwhile. The first document keeps the passage; what a document says twice itself stays.
//!
//! An anchor is compared with at most [`RIVALS`] passages that stay, [`OWN`] of one document: text that stands
//! in more surroundings than that, and in each is shorter than the limit, may hide a later repetition around
//! it. Memory: a run of the shuffle, 8 bytes a document, and 8 for each place of the anchor that has the most. What is
//! to be cut lies in a mapped file as well (`pairs.rs`).

use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;

use super::Clustered;
use super::pairs::Pairs;
use super::shuffle::{DiskShuffle, Record, Shuffle as _};
use super::winnow::Winnow;
use crate::Corpus;
use crate::curate::{piece, pool};

/// Different passages around one anchor that a document is compared with.
const RIVALS: usize = 64;
/// Those of one document among them: what it repeats itself must not crowd out the other documents.
const OWN: usize = 8;
/// Records in memory at once: 16 bytes each. They are a run of the shuffle, which bounds how many of those
/// are open at once.
const RUN: usize = 2 << 20;
/// How far a cut may give way to leave words whole, in bytes.
const WORD: usize = 48;

/// Passages to cut, by their places in all texts one after another.
#[derive(Default)]
pub(super) struct Passages {
    /// Where each document's text begins, and one more: where the last one ends.
    starts: Vec<u64>,
    /// From and to, in order, none touching another.
    cuts: Pairs,
}

impl Passages {
    /// Looks for passages of at least `least` bytes that a kept document before has too.
    pub(super) fn find(
        corpus: &Corpus,
        clustered: &Clustered,
        least: usize,
        folder: &Path,
        threads: usize,
    ) -> Result<Self> {
        // What an earlier attempt left is made again, as for paragraphs.
        disk::remove_dir(folder)?;
        let winnow = Winnow::new(least);
        let mut anchors = DiskShuffle::open(&folder.join("anchors"))?;
        let texts = folder.join("texts");
        let starts = write(corpus, clustered, winnow, &texts, &mut anchors, threads)?;
        let texts = disk::Map::open(&texts)?;
        let texts = Texts {
            bytes: texts.bytes(),
            starts: &starts,
            least,
            stretch: winnow.stretch,
        };
        let mut found = DiskShuffle::open(&folder.join("found"))?;
        let mut run = [Vec::<Record>::new()];
        anchors.groups(0, &mut |_, places| {
            texts.compare(places, &mut |passage| {
                run[0].push(passage);
                match run[0].len() {
                    0..RUN => Ok(()),
                    _ => found.add(&mut run),
                }
            })
        })?;
        found.add(&mut run)?;
        let cuts = Pairs::write(&folder.with_extension("cuts"), |put| {
            let mut last: Option<(u64, u64)> = None;
            found.groups(0, &mut |from, ends| {
                let to = ends[ends.len() - 1];
                match &mut last {
                    // Between two documents lies a byte that is in neither.
                    Some((_, end)) if from <= *end => *end = to.max(*end),
                    _ => {
                        if let Some((from, to)) = last.replace((from, to)) {
                            put(from, to)?;
                        }
                    }
                }
                Ok(())
            })?;
            last.map_or(Ok(()), |(from, to)| put(from, to))
        })?;
        disk::remove_dir(folder)?;
        Ok(Passages { starts, cuts })
    }

    /// What is to be cut of a document, in bytes of its text; words at both ends are left whole where
    /// they are not too long.
    pub(super) fn of(&self, document: usize, text: &str) -> Vec<Range<usize>> {
        let Some(start) = self.starts.get(document) else {
            return Vec::new();
        };
        let end = start + text.len() as u64;
        let cuts = self.cuts.from(|[from, _]| from < start).iter();
        let mine = cuts.take_while(|[from, _]| *from < end);
        mine.map(|[from, to]| whole_words(text, (from - start) as usize..(to - start) as usize))
            .filter(|range| !range.is_empty())
            .collect()
    }
}

/// Writes the texts of all kept documents one after another, a zero byte between them, and shuffles their
/// anchors; where each text begins.
fn write(
    corpus: &Corpus,
    clustered: &Clustered,
    winnow: Winnow,
    path: &Path,
    anchors: &mut DiskShuffle,
    threads: usize,
) -> Result<Vec<u64>> {
    let pool = pool(threads)?;
    let mut file = disk::AtomicFile::create(path)?;
    let mut starts = vec![0_u64];
    let mut at = 0_u64;
    let mut run = [Vec::<Record>::new()];
    for number in 0..corpus.index().shards.len() {
        let mut documents = corpus.shard(number);
        loop {
            let piece = piece(&mut documents)?;
            if piece.is_empty() {
                break;
            }
            let mut placed = Vec::with_capacity(piece.len());
            for document in &piece {
                if clustered.keeps(starts.len() - 1) {
                    placed.push((at, document.text.as_bytes()));
                    file.write_all(document.text.as_bytes())?;
                    file.write_all(&[0])?;
                    at += document.text.len() as u64 + 1;
                }
                starts.push(at);
            }
            let found: Vec<Vec<Record>> = pool.install(|| {
                let texts = placed.par_iter().map(|(start, text)| {
                    let mut records = Vec::new();
                    winnow.anchors(text, |hash, place| {
                        records.push((hash, start + place as u64))
                    });
                    records
                });
                texts.collect()
            });
            for records in found {
                run[0].extend(records);
                if run[0].len() >= RUN {
                    anchors.add(&mut run)?;
                }
            }
        }
    }
    anchors.add(&mut run)?;
    file.commit()?;
    Ok(starts)
}

/// All texts, to be compared.
struct Texts<'a> {
    bytes: &'a [u8],
    starts: &'a [u64],
    least: usize,
    stretch: usize,
}

impl Texts<'_> {
    /// Compares the places of one anchor, which are in order, and gives out from and to of what a later document
    /// has in common with an earlier one, as it is found: one anchor may lie in all documents.
    fn compare(&self, places: &[u64], found: &mut dyn FnMut(Record) -> Result<()>) -> Result<()> {
        let mut rivals: Vec<(usize, Range<usize>)> = Vec::new();
        for place in places {
            let place = *place as usize;
            let within = self.document(place);
            let mut common = false;
            for (other, of) in &rivals {
                if of.start == within.start {
                    continue;
                }
                let Some((from, to)) = self.common(place, &within, *other, of) else {
                    continue;
                };
                common = true;
                found((from as u64, to as u64))?;
                // Nothing reaches further than this.
                if to - from == 2 * self.least + self.stretch {
                    break;
                }
            }
            // What is cut here is no passage that stays.
            if !common && rivals.len() < RIVALS {
                let own = rivals.iter().filter(|(_, of)| of.start == within.start);
                if own.count() < OWN {
                    rivals.push((place, within));
                }
            }
        }
        Ok(())
    }

    /// The bytes of the document that a place lies in.
    fn document(&self, place: usize) -> Range<usize> {
        let after = self
            .starts
            .partition_point(|start| *start as usize <= place);
        let end = self
            .starts
            .get(after)
            .map_or(self.bytes.len(), |start| *start as usize);
        // Without the byte between.
        self.starts[after - 1] as usize..end - 1
    }

    /// What two documents have in common around an anchor, if it is long enough. It is looked at no
    /// further than it must be: the next anchor is nearer than that, and goes on from there.
    fn common(
        &self,
        place: usize,
        within: &Range<usize>,
        other: usize,
        of: &Range<usize>,
    ) -> Option<(usize, usize)> {
        let bytes = self.bytes;
        if bytes[place..place + self.stretch] != bytes[other..other + self.stretch] {
            return None;
        }
        let before = bytes[within.start..place]
            .iter()
            .rev()
            .zip(bytes[of.start..other].iter().rev());
        let left = before.take(self.least).take_while(|(a, b)| a == b).count();
        let (end, other_end) = (place + self.stretch, other + self.stretch);
        let after = bytes[end..within.end].iter().zip(&bytes[other_end..of.end]);
        let right = after.take(self.least).take_while(|(a, b)| a == b).count();
        let long = left + self.stretch + right >= self.least;
        long.then_some((place - left, end + right))
    }
}

/// The largest part of a range that splits no word, or where words are too long for that, no letter.
fn whole_words(text: &str, range: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start, range.end.min(text.len()));
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if start >= end {
        return start..start;
    }
    let inside = &text[start..end];
    let split = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at..].chars().next();
        before.is_some_and(|c| !c.is_whitespace()) && after.is_some_and(|c| !c.is_whitespace())
    };
    if split(start) {
        let space = inside
            .char_indices()
            .take_while(|(at, _)| *at < WORD)
            .find(|(_, c)| c.is_whitespace());
        start += space.map_or(0, |(at, _)| at);
    }
    if split(end) {
        let space = inside.char_indices().rev().find(|(_, c)| c.is_whitespace());
        let near = space.filter(|(at, _)| inside.len() - at <= WORD);
        end -= near.map_or(0, |(at, c)| inside.len() - at - c.len_utf8());
    }
    end = end.max(start);
    // Two words that the passage stood between stay two.
    let word = |letter: Option<char>| letter.is_some_and(|letter| !letter.is_whitespace());
    if word(text[..start].chars().next_back()) && word(text[end..].chars().next()) {
        end = start + text[start..end].trim_end().len();
    }
    start..end
}

#[cfg(test)]
mod tests;
