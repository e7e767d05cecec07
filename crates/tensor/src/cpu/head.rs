//! Heads over a vocabulary too large to keep: logits of some rows, judged, and what is learned of
//! them, without whole logits.
//!
//! What is asked of a row ([`Question`]) is cross-entropy's, distillation's or a search's; how the
//! rows pass by is the same for all. A task is a few dozen rows: their logits (f32, in the thread's
//! own memory; where there is a teacher, its logits of the same rows beside them), what the question
//! makes of them, the gradient of the logits in the compute type, and `dh = dlogits·head` straight
//! after, while the gradient is in cache. A row's logits are whole while it is judged, so softmax
//! costs one product; passing by in pieces of the vocabulary would cost every product twice.
//!
//! Only the gradient of the head wants many rows at a time, because every product into it reads and
//! writes the whole of it: gradients of logits are kept for a chunk of [`CHUNK`] rows. A head is
//! packed once per call for each direction.

use half::bf16;

use super::Cpu;
use super::arena::Arena;
use super::array::{CpuArray, CpuMatrix, typed};
use super::inference::Stored;
use super::kernels::Kernels;
use super::lanes::Element;
use super::multiply::{Block, InSource, Left, Panels, Product, Right, Source};
use super::pack::Rows;
use super::stored::Tall;
use super::team::{Parts, Session};
use super::tile::{Out, Unit};
use crate::device::Grads;

/// Rows whose gradients of logits are kept at a time: four tasks of the largest tiles.
const CHUNK: usize = 448;

/// Tiles of rows of a task. The packed head passes by once for each direction, from memory; the
/// more rows, the less of that, until their logits leave the last cache.
const TILES: usize = 8;

/// A decoder's output and its head.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) hidden: &'a CpuArray,
    pub(super) head: &'a CpuMatrix,
}

/// A row's logits: at least `v` numbers, in whole vectors, to do with as one likes.
pub(super) struct Logits<'a> {
    pub(super) student: &'a mut [f32],
    /// Empty without a teacher.
    pub(super) teacher: &'a mut [f32],
    pub(super) v: usize,
}

/// What is asked of every row.
pub(super) trait Question: Sync {
    /// What is found of a row.
    type Outcome: Clone + Default + Send;

    /// Whose logits are judged, and learn.
    fn student(&self) -> Side<'_>;
    /// Whose logits they are compared with.
    fn teacher(&self) -> Option<Side<'_>> {
        None
    }
    /// Whether a row has a gradient, where gradients are asked for.
    fn learns(&self, row: usize) -> bool;
    /// What is found of a row; with `dlogits`, the gradient of its loss is written there.
    fn judge<G: Element>(
        &self,
        kernels: Kernels,
        row: usize,
        logits: Logits<'_>,
        dlogits: Option<&mut [G]>,
    ) -> Self::Outcome;
}

impl Cpu {
    /// Where gradients of `n` rows go, checked; those of rows that do not learn are zero.
    pub(super) fn gradients(
        &self,
        grads: Grads<'_, Cpu>,
        n: usize,
        head: &CpuMatrix,
        weights: &[f32],
    ) -> (Out, Out) {
        let (v, d) = (head.rows, head.cols);
        if weights.contains(&0.0) {
            typed!(dhidden = &mut grads.hidden_nd.0 => self.fill_zero(&mut dhidden[..n * d]));
        }
        (grads.hidden_nd.out(n, d), grads.head_vd.out(v, d))
    }

    /// What is found of each of `n` rows; with `grads`, gradients are written to the rows of the
    /// first and added to the second ([`gradients`](Cpu::gradients)).
    pub(super) fn answer<Q: Question>(
        &self,
        question: &Q,
        n: usize,
        grads: Option<(Out, Out)>,
    ) -> Vec<Q::Outcome> {
        let mut outcomes = vec![Q::Outcome::default(); n];
        if n == 0 {
            return outcomes;
        }
        let student = question.student();
        let d = student.head.cols;
        // Rows that only want a loss are judged apart.
        let rows = 0..n as u32;
        let (learn, only_judge): (Vec<u32>, Vec<u32>) = match grads {
            None => (vec![], rows.collect()),
            Some(_) => rows.partition(|&row| question.learns(row as usize)),
        };
        let session = &self.team.enter();
        let teacher = question.teacher();
        let backward = (!learn.is_empty()).then(|| {
            let head = Tall::new(self, session, &[student.head]);
            self.engine.pack(session, Right::Across(head.source(d)))
        });
        let chunk = Chunk {
            question,
            student: Packed {
                hidden: student.hidden.source(n, d),
                d,
                head: self.stored(session, student.head),
            },
            teacher: teacher.map(|teacher| {
                let d = teacher.head.cols;
                Packed {
                    hidden: teacher.hidden.source(n, d),
                    d,
                    head: self.stored(session, teacher.head),
                }
            }),
            v: student.head.rows,
            backward,
            outcomes: &Parts::new(&mut outcomes),
        };
        for rows in only_judge.chunks(CHUNK) {
            // SAFETY: nothing that is taken inside is kept.
            unsafe { session.nested(|| self.judge_chunk::<f32, Q>(session, &chunk, rows, None)) };
        }
        for rows in learn.chunks(CHUNK) {
            // SAFETY: as above.
            unsafe {
                session.nested(|| match self.engine.tile.unit {
                    Unit::Pair => self.judge_chunk::<bf16, Q>(session, &chunk, rows, grads),
                    Unit::Single | Unit::Rounded => {
                        self.judge_chunk::<f32, Q>(session, &chunk, rows, grads)
                    }
                });
            }
        }
        outcomes
    }

    /// With gradients of logits of type `G`, which is what products read.
    fn judge_chunk<G: InSource, Q: Question>(
        &self,
        session: &Session<'_>,
        chunk: &Chunk<'_, Q>,
        rows: &[u32],
        grads: Option<(Out, Out)>,
    ) {
        let engine = &self.engine;
        let (v, d) = (chunk.v, chunk.student.d);
        // Whole vectors, and not a power of two.
        let v_row = v.next_multiple_of(32) + 32;
        let height = TILES * engine.tile.rows;
        let kept = if grads.is_some() { rows.len() } else { 0 };
        let dlogits = &Parts::new(session.take::<G>(kept * v_row));
        let learn = grads.zip(chunk.backward);
        // Equal tasks, a multiple of the threads.
        let tasks = rows
            .len()
            .div_ceil(height)
            .next_multiple_of(session.threads());
        let height = rows
            .len()
            .div_ceil(tasks)
            .next_multiple_of(engine.tile.rows);
        session.stretches(rows.len(), height.max(1), |stretch, arena| {
            let numbers = match learn {
                Some(_) => stretch.start * v_row..stretch.end * v_row,
                None => 0..0,
            };
            // SAFETY: a task takes its own rows.
            let dlogits = unsafe { dlogits.slice(numbers) };
            self.judge_rows(chunk, &rows[stretch.clone()], arena, v_row, dlogits);
            if let Some(((dhidden, _), backward)) = learn {
                let found = arena.take::<f32>((stretch.len() * d).max(1));
                let left = Left::Rows(G::source(Rows::one(dlogits, v_row)));
                // SAFETY: `found` holds the rows; those of the output are this task's.
                unsafe {
                    engine.block(
                        arena,
                        &Block {
                            left,
                            rows: 0..stretch.len(),
                            k: v,
                            right: backward,
                            panels: 0..d.div_ceil(engine.tile.columns),
                            out: Out::F32(found.as_mut_ptr()),
                            out_row: d,
                            add: false,
                        },
                    );
                    for (&row, from) in rows[stretch].iter().zip(found.chunks_exact(d)) {
                        self.write_scaled(from, 1.0, dhidden.advance(row as usize * d));
                    }
                }
            }
        });
        if let Some((_, dhead)) = grads {
            // SAFETY: all tasks are done.
            let dlogits = unsafe { dlogits.slice(0..kept * v_row) };
            let product = Product {
                left: Left::Columns(G::source(Rows::one(dlogits, v_row))),
                right: Right::Across(chunk.student.rows(session.common(), rows)),
                pieces: &[(v, dhead)],
                out_row: d,
                add: true,
            };
            // SAFETY: the gradient of the head was checked to hold v rows of d.
            unsafe { engine.multiply(session, &product) };
        }
    }

    /// Logits of some rows, what is found of them, and the gradients of their logits.
    fn judge_rows<G: Element, Q: Question>(
        &self,
        chunk: &Chunk<'_, Q>,
        rows: &[u32],
        arena: &Arena,
        v_row: usize,
        dlogits: &mut [G],
    ) {
        let (kernels, v) = (self.engine.kernels, chunk.v);
        let student = self.logits_of(&chunk.student, rows, arena, v, v_row);
        let mut teacher = match &chunk.teacher {
            Some(teacher) => self.logits_of(teacher, rows, arena, v, v_row),
            None => &mut [],
        }
        .chunks_exact_mut(v_row);
        let mut dlogits = dlogits.chunks_exact_mut(v_row);
        for (&row, student) in rows.iter().zip(student.chunks_exact_mut(v_row)) {
            let logits = Logits {
                student,
                teacher: teacher.next().unwrap_or_default(),
                v,
            };
            let row = row as usize;
            let outcome = chunk.question.judge(kernels, row, logits, dlogits.next());
            // SAFETY: a row is in one task.
            unsafe { chunk.outcomes.slice(row..row + 1)[0] = outcome };
        }
    }

    #[allow(clippy::mut_from_ref)] // as `Arena::take`
    fn logits_of<'s>(
        &self,
        side: &Packed<'_>,
        rows: &[u32],
        arena: &'s Arena,
        v: usize,
        v_row: usize,
    ) -> &'s mut [f32] {
        let logits = arena.take::<f32>(rows.len() * v_row);
        let out = Out::F32(logits.as_mut_ptr());
        // SAFETY: `logits` holds the rows.
        unsafe { self.here(arena, side.rows(arena, rows), &side.head, v, out, v_row) };
        logits
    }
}

/// A side, its head packed for logits.
struct Packed<'a> {
    hidden: Source<'a>,
    d: usize,
    head: Stored<'a>,
}

impl Packed<'_> {
    /// Some of its hidden rows, together.
    fn rows<'s>(&self, arena: &'s Arena, rows: &[u32]) -> Source<'s> {
        match self.hidden {
            Source::F32(hidden) => Source::F32(Rows::one(gather(arena, hidden, rows), self.d)),
            Source::Bf16(hidden) => Source::Bf16(Rows::one(gather(arena, hidden, rows), self.d)),
        }
    }
}

/// What all chunks of a call share.
struct Chunk<'a, Q: Question> {
    question: &'a Q,
    student: Packed<'a>,
    teacher: Option<Packed<'a>>,
    v: usize,
    /// The student's head packed for the gradient of hidden rows.
    backward: Option<Panels<'a>>,
    outcomes: &'a Parts<'a, Q::Outcome>,
}

fn gather<'s, S: Element>(arena: &'s Arena, from: Rows<'_, S>, rows: &[u32]) -> &'s [S] {
    let d = from.stride();
    let to = arena.take::<S>(rows.len() * d);
    for (to, &row) in to.chunks_exact_mut(d).zip(rows) {
        to.copy_from_slice(from.row(row as usize));
    }
    to
}
