//! Making lessons: the teacher goes through the corpus once, and what it says is written in parts.
//!
//! A part is written when it is whole, and carries where the next begins, so that a pass that was
//! stopped or killed goes on after the last whole part and ends with the same bytes.

use std::path::Path;

use anyhow::{Result, ensure};
use model::{Decoder, Recompute, Tape};
use tensor::Forward;

use super::part::{Part, PartWriter};
use super::{DESCRIPTION, Description, FORMAT, LessonSettings, Seen, part_file, table_hash};
use crate::train::checks;
use crate::{Cursor, Examples, Piece, Shards, Stream};

/// What a pass needs.
pub struct Teaching<'a, D: Forward> {
    /// The teacher.
    pub decoder: &'a Decoder<D>,
    /// What it is asked about.
    pub shards: &'a Shards,
    /// How.
    pub settings: &'a LessonSettings,
    /// Sequences that go through it at once. Parts end where a batch does, and products of other
    /// shapes round differently, so with another number the bytes differ and what is read agrees
    /// only within the rounding of products and of what is kept.
    pub micro_batch: usize,
    /// Where the lessons go, and where parts are kept between attempts; the folder exists.
    pub dir: &'a Path,
    /// Tokens of a part; not given, about 1/256 of the corpus.
    pub part_rows: Option<u64>,
}

/// Writes the lessons, going on after the last whole part. `watch` is told of tokens done and in all,
/// and says whether to go on; when it says no, there is no description yet.
///
/// # Errors
/// Settings that make no sense for the teacher or the data, and disk trouble.
pub fn teach<D: Forward>(
    teaching: &Teaching<'_, D>,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Option<Description>> {
    teaching.agree()?;
    let Teaching {
        decoder,
        shards,
        settings,
        dir,
        ..
    } = *teaching;
    let table = table_hash(shards)?;
    let question = question(settings, &table)?;
    let stream = Stream::new(shards, settings.documents, settings.order, settings.seed);
    // The last token of a pass of windows feeds nothing.
    let total = match settings.seen {
        Seen::Documents => shards.tokens(),
        Seen::Windows => shards.tokens() - 1,
    };
    let part_rows = teaching
        .part_rows
        .unwrap_or((total / 256).clamp(1 << 14, 1 << 20));
    let rows = teaching.micro_batch * settings.sequence;
    let mut tape = Tape::new(decoder, rows, Recompute::None, false);

    let (mut parts, mut done, mut rest, mut cursor) = (Vec::new(), 0, 0.0, Cursor::default());
    while let Ok(part) = Part::open(&dir.join(part_file(parts.len()))) {
        ensure!(
            part.footer.question == question,
            "{} was made with other settings, by another attempt: remove {} to begin anew",
            part.path().display(),
            dir.display()
        );
        parts.push(part.bytes());
        done += part.footer.rows;
        rest += part.footer.rest;
        cursor = part.footer.next;
    }
    let mut part = PartWriter::default();
    let mut examples = Examples::default();
    while done < total {
        if !watch(done, total) {
            return Ok(None);
        }
        match settings.seen {
            Seen::Windows => {
                for _ in 0..teaching.micro_batch {
                    let left = total - done - examples.fed.len() as u64;
                    if left > 0 {
                        let most = left.min(settings.sequence as u64) as usize;
                        stream.window(&mut cursor, most, &mut examples);
                    }
                }
            }
            Seen::Documents => {
                documents(shards, settings.sequence, rows, &mut cursor, &mut examples)
            }
        }
        checks::ids(&examples, shards)?;
        decoder.forward(&examples.batch, &mut tape);
        let fed = &examples.fed;
        let found = decoder.device.likeliest(
            fed.len(),
            &tape.hidden_nd,
            decoder.head(),
            settings.likeliest,
            settings.temperature,
        );
        part.add(shards, fed, found.view())?;
        done += fed.len() as u64;
        examples.clear();
        if part.count >= part_rows || done == total {
            let path = dir.join(part_file(parts.len()));
            std::mem::take(&mut part).write(shards, &path, question, cursor)?;
            let written = Part::open(&path)?;
            rest += written.footer.rest;
            parts.push(written.bytes());
        }
    }
    watch(done, total);
    let description = Description {
        format: FORMAT,
        vocabulary: decoder.shape.vocabulary,
        settings: settings.clone(),
        documents: shards.documents(),
        tokens: shards.tokens(),
        table,
        rows: total,
        rest: rest / total as f64,
        parts,
    };
    let mut text = serde_json::to_vec_pretty(&description)?;
    text.push(b'\n');
    disk::write(&dir.join(DESCRIPTION), &text)?;
    Ok(Some(description))
}

/// Fills up to `rows` rows with documents from their beginnings; the cursor's rank is a document.
fn documents(
    shards: &Shards,
    sequence: usize,
    rows: usize,
    cursor: &mut Cursor,
    examples: &mut Examples,
) {
    while cursor.rank < shards.documents() {
        let length = shards.length(cursor.rank);
        let to = length.min(cursor.token + sequence as u64);
        if examples.fed.len() + (to - cursor.token) as usize > rows {
            break;
        }
        examples.segment(
            shards,
            Piece {
                document: cursor.rank,
                from: cursor.token,
                to,
            },
        );
        cursor.token = to;
        if to == length {
            (cursor.rank, cursor.token) = (cursor.rank + 1, 0);
        }
    }
}

/// Tells what was asked for apart.
fn question(settings: &LessonSettings, table: &str) -> Result<u64> {
    let text = serde_json::to_vec(&(FORMAT, settings, table))?;
    let hash = blake3::hash(&text);
    Ok(u64::from_le_bytes(
        hash.as_bytes()[..8].try_into().expect("eight bytes"),
    ))
}

impl<D: Forward> Teaching<'_, D> {
    /// What the settings, the teacher and the data must agree on.
    fn agree(&self) -> Result<()> {
        let (settings, shape) = (self.settings, &self.decoder.shape);
        ensure!(
            self.micro_batch > 0,
            "micro_batch = 0: wanted at least one sequence"
        );
        ensure!(
            (1..=shape.context).contains(&settings.sequence),
            "sequence = {}, but the teacher was made for a context of {}: wanted a length within it",
            settings.sequence,
            shape.context
        );
        ensure!(
            settings.temperature.is_finite() && settings.temperature > 0.0,
            "temperature = {}: wanted a number above 0; 1 leaves the distributions as they are",
            settings.temperature
        );
        ensure!(
            self.shards.vocabulary() <= shape.vocabulary,
            "the tokens in {} are of a vocabulary of {}, but the teacher's is {}: tokenize with the \
             teacher's own tokenizer",
            self.shards.dir().display(),
            self.shards.vocabulary(),
            shape.vocabulary
        );
        ensure!(
            (1..=shape.vocabulary).contains(&settings.likeliest),
            "likeliest = {}: wanted a number of tokens from 1 to the whole vocabulary of {}",
            settings.likeliest,
            shape.vocabulary
        );
        ensure!(
            self.shards.tokens() >= 2,
            "{} holds a single token: there is nothing to teach",
            self.shards.dir().display()
        );
        Ok(())
    }
}
