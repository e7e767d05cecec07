//! The forward pass of a step, and what is read from it.

use super::{Engine, Event, Ticket, end};
use crate::request::Finish;
use crate::sequence::Sequence;
use tensor::{Forward, Stretch};

/// Rows whose logits are there at a time.
pub(super) const ROWS: usize = 32;

/// A row of the decoder's output that somebody reads.
struct Read {
    /// Whose, among the running.
    sequence: usize,
    row: u32,
    /// A token is chosen from it; otherwise the prompt's next token is judged by it.
    writes: bool,
}

impl<D: Forward> Engine<D> {
    /// Runs `rows[i]` rows of the i-th running sequence, and tells what came of it.
    pub(super) fn forward(&mut self, rows: &[usize], listen: &mut impl FnMut(Ticket, Event)) {
        let with_rows = || self.running.iter().zip(rows).filter(|(_, rows)| **rows > 0);
        let mut ids = Vec::with_capacity(self.limits.rows);
        let stretches: Vec<Stretch<'_>> = with_rows()
            .map(|(one, rows)| {
                ids.extend_from_slice(&one.ids[one.done..one.done + rows]);
                Stretch {
                    rows: *rows,
                    past: one.done,
                    pages: &one.pages,
                }
            })
            .collect();
        if ids.is_empty() {
            return;
        }
        let room = self.context();
        let hidden = self.decoder.step(&ids, &stretches, &mut self.cache);
        let mut reads = Vec::new();
        let mut first = 0;
        for (sequence, (one, rows)) in self.running.iter_mut().zip(rows).enumerate() {
            if *rows == 0 {
                continue;
            }
            reads.extend(reads_of(sequence, one, first, *rows));
            if !one.again {
                let of_prompt = one.request.prompt.len().saturating_sub(one.done);
                self.statistics.prompt_computed += of_prompt.min(*rows) as u64;
            }
            one.done += rows;
            first += rows;
        }

        let (device, width) = (&*self.decoder.device, self.decoder.shape.width);
        let vocabulary = self.decoder.shape.vocabulary;
        let tokens = self.tokenizer.vocabulary();
        let mut ended: Vec<(usize, Finish)> = Vec::new();
        for reads in reads.chunks(ROWS) {
            let rows: Vec<u32> = reads.iter().map(|read| read.row).collect();
            device.rows(hidden, &rows, width, &mut self.last);
            device.logits_into(
                rows.len(),
                &self.last,
                self.decoder.head(),
                &mut self.logits,
            );
            for (read, logits) in reads.iter().zip(self.logits.chunks_exact_mut(vocabulary)) {
                let one = &mut self.running[read.sequence];
                if ended
                    .last()
                    .is_some_and(|(failed, _)| *failed == read.sequence)
                {
                    continue;
                }
                let finish = match read.writes {
                    true => {
                        let written = one.write(logits, tokens, &self.tokenizer);
                        written.map(|(piece, finish)| {
                            self.statistics.generated += 1;
                            listen(one.ticket, piece);
                            finish.or((one.done == room).then_some(Finish::ContextFull))
                        })
                    }
                    false => one
                        .judge_prompt(logits, tokens)
                        .map(|()| one.is_empty().then_some(Finish::MaxTokens)),
                };
                let finish =
                    finish.unwrap_or_else(|error| Some(Finish::Failed(format!("{error:#}"))));
                ended.extend(finish.map(|finish| (read.sequence, finish)));
            }
        }
        for (sequence, finish) in ended.into_iter().rev() {
            let mut sequence = self.running.remove(sequence);
            self.book.release(sequence.start_over());
            end(sequence, finish, listen);
        }
    }
}

/// Which of a sequence's rows, the first of them number `first` of the step, are read.
fn reads_of(
    sequence: usize,
    one: &Sequence,
    first: usize,
    rows: usize,
) -> impl Iterator<Item = Read> {
    let row = move |position: usize| (first + position - one.done) as u32;
    // The row at a position says how likely the token after it is.
    let judged = one.judged().max(one.done + 1)..one.to_judge().min(one.done + rows + 1);
    let judged = judged.map(move |token| Read {
        sequence,
        row: row(token - 1),
        writes: false,
    });
    let writes = rows == one.fresh() && one.request.max_tokens > 0;
    let written = writes.then(|| Read {
        sequence,
        row: row(one.done + rows - 1),
        writes: true,
    });
    judged.chain(written)
}
