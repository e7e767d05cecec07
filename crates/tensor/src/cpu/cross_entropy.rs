//! Cross-entropy over a vocabulary too large to keep: loss and gradients without whole logits.
//!
//! `loss_r = w_r·(−log p[target] + z·log²Z)`, `Z = Σ exp(logits)` (z-loss: Chowdhery et al. 2022,
//! PaLM, section 5), so `dlogits = w·(p·(1 + 2z·log Z) − [target])`.
//!
//! A task is a few dozen rows: their logits (f32, in the thread's own memory), softmax, gradient in
//! the compute type, and `dh = dlogits·head` straight after, while the gradient is in cache. Only
//! the gradient of the head wants many rows at a time, because every product into it reads and
//! writes the whole of it: gradients of logits are kept for a chunk of [`CHUNK`] rows. The head is
//! packed once per call for each direction.

use half::bf16;

use super::Cpu;
use super::arena::Arena;
use super::array::{CpuArray, CpuMatrix, typed};
use super::lanes::{Element, Lanes, Work, spans};
use super::multiply::{Block, InSource, Left, Panels, Product, Right, Source};
use super::pack::Rows;
use super::product::Tall;
use super::team::{Parts, Session};
use super::tile::{Out, Unit};
use crate::device::Grads;

/// Rows whose gradients of logits are kept at a time: four tasks of the largest tiles.
const CHUNK: usize = 448;

/// Tiles of rows of a task. The packed head passes by once for each direction, from memory; the
/// more rows, the less of that, until their logits leave the last cache.
const TILES: usize = 8;

/// What is known of a row.
#[derive(Clone, Copy, Default)]
pub(super) struct Outcome {
    /// −log p[target]
    pub(super) loss: f32,
    pub(super) log_z: f32,
    /// Whether the target is the likeliest token.
    pub(super) best: bool,
}

/// What a call is about.
struct Question<'a> {
    hidden: &'a CpuArray,
    head: &'a CpuMatrix,
    targets: &'a [u32],
    weights: &'a [f32],
    z: f32,
}

impl Cpu {
    /// Losses of all rows, no gradients.
    pub(super) fn judge(
        &self,
        hidden: &CpuArray,
        head: &CpuMatrix,
        targets: &[u32],
    ) -> Vec<Outcome> {
        let question = Question {
            hidden,
            head,
            targets,
            weights: &[],
            z: 0.0,
        };
        self.answer(&question, None)
    }

    /// Losses of all rows, and the gradients of those with a weight.
    pub(super) fn judge_and_learn(
        &self,
        hidden: &CpuArray,
        head: &CpuMatrix,
        targets: &[u32],
        weights: &[f32],
        z: f32,
        grads: Grads<'_, Cpu>,
    ) -> Vec<Outcome> {
        assert_eq!(targets.len(), weights.len(), "targets and weights");
        let (n, d) = (targets.len(), head.cols);
        if weights.contains(&0.0) {
            typed!(dhidden = &mut grads.hidden_nd.0 => self.fill_zero(&mut dhidden[..n * d]));
        }
        let dhidden = grads.hidden_nd.out(n, d);
        let dhead = grads.head_vd.out(head.rows, d);
        let question = Question {
            hidden,
            head,
            targets,
            weights,
            z,
        };
        self.answer(&question, Some((dhidden, dhead)))
    }

    fn answer(&self, question: &Question<'_>, grads: Option<(Out, Out)>) -> Vec<Outcome> {
        let (n, v, d) = (
            question.targets.len(),
            question.head.rows,
            question.head.cols,
        );
        let missing = question
            .targets
            .iter()
            .find(|&&target| target as usize >= v);
        assert!(
            missing.is_none(),
            "target {missing:?} in a vocabulary of {v}"
        );
        let mut outcomes = vec![Outcome::default(); n];
        if n == 0 {
            return outcomes;
        }
        let hidden = question.hidden.source(n, d);
        // Rows that only want a loss are judged apart.
        let rows = 0..n as u32;
        let (learn, only_judge): (Vec<u32>, Vec<u32>) = match grads {
            None => (vec![], rows.collect()),
            Some(_) => rows.partition(|&row| question.weights[row as usize] != 0.0),
        };
        let session = &self.team.enter();
        let head = Tall::new(&[question.head]);
        let forward = self.engine.pack(session, Right::Along(head.source(d)));
        let backward =
            (!learn.is_empty()).then(|| self.engine.pack(session, Right::Across(head.source(d))));
        let outcomes_of = &Parts::new(&mut outcomes);
        let chunk = Chunk {
            question,
            hidden,
            forward,
            backward,
            outcomes: outcomes_of,
        };
        for rows in only_judge.chunks(CHUNK) {
            // SAFETY: nothing that is taken inside is kept.
            unsafe { session.nested(|| self.judge_chunk::<f32>(session, &chunk, rows, None)) };
        }
        for rows in learn.chunks(CHUNK) {
            // SAFETY: as above.
            unsafe {
                session.nested(|| match self.engine.tile.unit {
                    Unit::Pair => self.judge_chunk::<bf16>(session, &chunk, rows, grads),
                    Unit::Single | Unit::Rounded => {
                        self.judge_chunk::<f32>(session, &chunk, rows, grads)
                    }
                });
            }
        }
        outcomes
    }

    /// With gradients of logits of type `G`, which is what products read.
    fn judge_chunk<G: InSource>(
        &self,
        session: &Session<'_>,
        chunk: &Chunk<'_>,
        rows: &[u32],
        grads: Option<(Out, Out)>,
    ) {
        let engine = &self.engine;
        let (v, d) = (chunk.question.head.rows, chunk.question.head.cols);
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
                right: Right::Across(self.chunk_rows(session, chunk, rows)),
                pieces: &[(v, dhead)],
                out_row: d,
                add: true,
            };
            // SAFETY: the gradient of the head was checked to hold v rows of d.
            unsafe { engine.multiply(session, &product) };
        }
    }

    /// Logits, losses and gradients of logits of some rows.
    fn judge_rows<G: Element>(
        &self,
        chunk: &Chunk<'_>,
        rows: &[u32],
        arena: &Arena,
        v_row: usize,
        dlogits: &mut [G],
    ) {
        let (engine, question) = (&self.engine, chunk.question);
        let (v, d) = (question.head.rows, question.head.cols);
        let logits = arena.take::<f32>(rows.len() * v_row);
        let mut block = |hidden: Source<'_>| {
            let block = Block {
                left: Left::Rows(hidden),
                rows: 0..rows.len(),
                k: d,
                right: chunk.forward,
                panels: 0..v.div_ceil(engine.tile.columns),
                out: Out::F32(logits.as_mut_ptr()),
                out_row: v_row,
                add: false,
            };
            // SAFETY: `logits` holds the rows.
            unsafe { engine.block(arena, &block) };
        };
        match chunk.hidden {
            Source::F32(hidden) => {
                block(Source::F32(Rows::one(gather(arena, hidden, rows), d)));
            }
            Source::Bf16(hidden) => {
                block(Source::Bf16(Rows::one(gather(arena, hidden, rows), d)));
            }
        }
        let mut dlogits = dlogits.chunks_exact_mut(v_row);
        for (&row, logits) in rows.iter().zip(logits.chunks_exact_mut(v_row)) {
            let row = row as usize;
            let outcome = engine.kernels.apply(Judge {
                logits,
                v,
                target: question.targets[row] as usize,
                weight: question.weights.get(row).copied().unwrap_or(0.0),
                z: question.z,
                dlogits: dlogits.next(),
            });
            // SAFETY: a row is in one task.
            unsafe { chunk.outcomes.slice(row..row + 1)[0] = outcome };
        }
    }

    /// The hidden rows of a chunk, together.
    fn chunk_rows<'s>(
        &self,
        session: &'s Session<'_>,
        chunk: &Chunk<'_>,
        rows: &[u32],
    ) -> Source<'s> {
        let d = chunk.question.head.cols;
        let arena = session.common();
        match chunk.hidden {
            Source::F32(hidden) => Source::F32(Rows::one(gather(arena, hidden, rows), d)),
            Source::Bf16(hidden) => Source::Bf16(Rows::one(gather(arena, hidden, rows), d)),
        }
    }
}

/// What all chunks of a call share.
struct Chunk<'a> {
    question: &'a Question<'a>,
    hidden: Source<'a>,
    /// The head packed for logits, and for the gradient of hidden rows.
    forward: Panels<'a>,
    backward: Option<Panels<'a>>,
    outcomes: &'a Parts<'a, Outcome>,
}

fn gather<'s, S: Element>(arena: &'s Arena, from: Rows<'_, S>, rows: &[u32]) -> &'s [S] {
    let d = from.stride();
    let to = arena.take::<S>(rows.len() * d);
    for (to, &row) in to.chunks_exact_mut(d).zip(rows) {
        to.copy_from_slice(from.row(row as usize));
    }
    to
}

/// One row: loss, and the gradient of its logits if it is wanted.
struct Judge<'a, G> {
    /// At least `v` numbers, in whole vectors.
    logits: &'a mut [f32],
    v: usize,
    target: usize,
    weight: f32,
    z: f32,
    dlogits: Option<&'a mut [G]>,
}

impl<G: Element> Work for Judge<'_, G> {
    type Output = Outcome;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Outcome {
        let whole = self.v.next_multiple_of(L::COUNT);
        let logits = &mut self.logits[..whole];
        logits[self.v..].fill(f32::NEG_INFINITY);
        let own = logits[self.target];
        // Four at a time: a maximum waits for the one before.
        let mut largest = [L::splat(f32::NEG_INFINITY); 4];
        for (i, span) in spans::<L>(whole).enumerate() {
            largest[i % 4] = largest[i % 4].max(f32::get(logits, span));
        }
        let largest = largest[0].max(largest[1]).max(largest[2].max(largest[3]));
        let largest = largest.largest();
        let best = own == largest && !logits[..self.target].contains(&largest);
        let (maximum, mut sum) = (L::splat(largest), L::splat(0.0));
        for span in spans::<L>(whole) {
            let p = f32::get::<L>(logits, span).sub(maximum).exp();
            sum = sum.add(p);
            f32::put(p, logits, span);
        }
        let sum = sum.sum();
        let log_z = largest + sum.ln();
        if let Some(dlogits) = self.dlogits {
            let slope = self.weight * (1.0 + 2.0 * self.z * log_z);
            let factor = L::splat(slope / sum);
            for span in spans::<L>(whole) {
                G::put(f32::get::<L>(logits, span).mul(factor), dlogits, span);
            }
            let own = logits[self.target] * (slope / sum) - self.weight;
            dlogits[self.target] = G::narrow(own);
        }
        Outcome {
            loss: log_z - own,
            log_z,
            best,
        }
    }
}
