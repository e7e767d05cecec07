//! Attention within segments: `out = softmax(q·kᵀ/√e)·v`, `lse = log Σ exp(scores)`.
//!
//! After FlashAttention (Dao et al. 2022, 2023): scores exist for one tile of queries (14 rows) and
//! at most [`KEYS`] keys at a time, in the first-level cache; the running maximum and sum of a row
//! correct what its earlier keys gave. Keys and values of a head are packed once and serve all
//! queries of its group. Causal work is cut at the tile: keys after the last query of a tile are
//! not touched.
//!
//! A task is one kv head of one segment (and, where segments are long, a stretch of its queries);
//! long tasks go first. Nothing is larger than segment × head dimension.

mod backward;
mod paged;

use std::ops::Range;

use half::bf16;

use super::Cpu;
use super::arena::Arena;
use super::array::CpuArray;
use super::lanes::{Element, Lanes, Work, spans};
use super::multiply::{Left, Source, Strip};
use super::tile::{self, Out, Unit};
use crate::device::{Heads, Mask};

/// Keys of a block: their scores with a tile of queries and the probabilities fit 48 KB.
const KEYS: usize = 512;

/// Numbers from one row of probabilities to the next: not a power of two, or all rows would share
/// a few places of the cache.
const KEYS_ROW: usize = KEYS + 32;

/// Queries of a task: enough that packing their keys again costs little.
const QUERIES: usize = 1024;

/// The queries of one kv head and the keys they may see, all in one segment.
#[derive(Clone, Copy)]
struct Head<'a> {
    heads: Heads,
    /// Fused rows; the first is query 0.
    queries: Source<'a>,
    /// The first column of the queries of this head's group.
    query_column: usize,
    keys: Source<'a>,
    key_column: usize,
    values: Source<'a>,
    value_column: usize,
    /// Where query 0 stands among the keys.
    past: usize,
    causal: bool,
}

impl<'a> Head<'a> {
    /// Head `k` of a segment of fused rows.
    fn of_segment(heads: Heads, rows: Source<'a>, k: usize, causal: bool) -> Self {
        let first_key = heads.query_columns();
        Head {
            heads,
            queries: rows,
            query_column: k * heads.group * heads.dim,
            keys: rows,
            key_column: first_key + k * heads.dim,
            values: rows,
            value_column: first_key + (heads.kv + k) * heads.dim,
            past: 0,
            causal,
        }
    }

    /// How many keys the queries before `end` may see.
    fn seen(&self, end: usize) -> usize {
        match self.causal {
            true => self.past + end,
            false => self.keys.count(),
        }
    }

    /// Of the `count` keys from `from` on, how many a query sees.
    fn seen_of(&self, query: usize, from: usize, count: usize) -> usize {
        self.seen(query + 1).saturating_sub(from).min(count)
    }
}

/// Where the results of a head go: at its first query.
#[derive(Clone, Copy)]
struct Results {
    /// The first column of the head's group.
    out: Out,
    out_row: usize,
    /// The first head of the group, if anybody wants to know.
    lse: Option<Out>,
    lse_row: usize,
}

/// The heads of all segments, as tasks: the costliest first, so that no thread ends with a long one.
fn tasks(
    heads: Heads,
    mask: Mask<'_>,
    n: usize,
    queries: usize,
) -> Vec<(Range<usize>, Range<usize>, usize)> {
    let mut tasks = vec![];
    let mut end = 0;
    for segment in mask.starts.windows(2) {
        let rows = segment[0] as usize..segment[1] as usize;
        assert!(
            rows.start == end && rows.start <= rows.end,
            "segments must ascend from 0: {:?}",
            mask.starts
        );
        end = rows.end;
        for first in (0..rows.len()).step_by(queries) {
            let part = first..rows.len().min(first + queries);
            for k in 0..heads.kv {
                tasks.push((rows.clone(), part.clone(), k));
            }
        }
    }
    assert_eq!(end, n, "segments must cover all rows");
    tasks.sort_by_key(|(rows, part, _)| {
        let seen = if mask.causal { part.end } else { rows.len() };
        std::cmp::Reverse(seen * part.len())
    });
    tasks
}

impl Cpu {
    pub(super) fn attend(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &CpuArray,
        out: &mut CpuArray,
        lse: &mut CpuArray,
    ) {
        let n = mask.starts.last().map_or(0, |&end| end as usize);
        let qkv = qkv.source(n, heads.columns());
        let out_row = heads.query_columns();
        let out = out.out(n, out_row);
        let lse = Out::F32(lse.f32_mut()[..n * heads.query()].as_mut_ptr());
        let tasks = tasks(heads, mask, n, QUERIES);
        self.team.enter().run(tasks.len(), |task, arena| {
            let (segment, queries, k) = tasks[task].clone();
            let head = Head::of_segment(heads, qkv.range(segment.clone()), k, mask.causal);
            let first = k * heads.group;
            let results = Results {
                out: out.advance(segment.start * out_row + first * heads.dim),
                out_row,
                lse: Some(lse.advance(segment.start * heads.query() + first)),
                lse_row: heads.query(),
            };
            // SAFETY: tasks write different rows or heads, all inside `out` and `lse`.
            unsafe { self.attend_head(arena, &head, queries, results) };
        });
    }

    /// # Safety
    /// The results must be writable and nobody else's.
    unsafe fn attend_head(
        &self,
        arena: &Arena,
        head: &Head<'_>,
        queries: Range<usize>,
        results: Results,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.engine.tile.unit {
                Unit::Pair => self.attend_with::<bf16>(arena, head, queries, results),
                Unit::Single | Unit::Rounded => {
                    self.attend_with::<f32>(arena, head, queries, results)
                }
            }
        }
    }

    /// With probabilities of the type that products read.
    unsafe fn attend_with<P: Element>(
        &self,
        arena: &Arena,
        head: &Head<'_>,
        queries: Range<usize>,
        results: Results,
    ) {
        let (engine, e) = (&self.engine, head.heads.dim);
        let (high, numbers) = (engine.tile.rows, engine.tile.unit.numbers());
        let all = 0..head.seen(queries.end);
        let key_columns = head.key_column..head.key_column + e;
        let value_columns = head.value_column..head.value_column + e;
        let keys = engine.along(arena, head.keys, all.clone(), key_columns);
        let values = engine.across(arena, head.values, all, value_columns);
        let mut state = Softmax {
            scores: arena.take(high * KEYS_ROW),
            probabilities: arena.take::<P>(high * KEYS_ROW),
            maximum: arena.take(high),
            sum: arena.take(high),
            mixed: arena.take(high * e),
            scale: 1.0 / (e as f32).sqrt(),
            rounded: engine.tile.unit == Unit::Rounded,
        };
        for h in 0..head.heads.group {
            let column = head.query_column + h * e;
            let left = Left::Rows(head.queries);
            let ready = engine.ready(arena, left, queries.clone(), column..column + e);
            for tile in 0..queries.len().div_ceil(high) {
                let first = queries.start + tile * high;
                let rows = first..queries.end.min(first + high);
                let left = ready.tile(tile, rows.len() == high);
                state.maximum.fill(f32::NEG_INFINITY);
                state.sum.fill(0.0);
                for from in (0..head.seen(rows.end)).step_by(KEYS) {
                    let count = KEYS.min(head.seen(rows.end) - from);
                    // SAFETY: the scratch holds a tile of rows of KEYS numbers.
                    unsafe {
                        engine.strip(&Strip {
                            left,
                            rows: rows.len(),
                            right: keys,
                            units: 0..keys.units,
                            columns: from..from + count,
                            out: Out::F32(state.scores.as_mut_ptr()),
                            out_row: KEYS_ROW,
                            add: false,
                        });
                    }
                    engine.kernels.apply(Advance {
                        state: &mut state,
                        seen: |row| head.seen_of(rows.start + row, from, count),
                        rows: rows.len(),
                        count: count.next_multiple_of(numbers),
                    });
                    // SAFETY: as above; the probabilities hold `count` numbers of each row.
                    unsafe {
                        engine.strip(&Strip {
                            left: tile::Left {
                                start: state.probabilities.as_ptr().cast(),
                                row: KEYS_ROW * size_of::<P>(),
                                unit: 4,
                            },
                            rows: rows.len(),
                            right: values,
                            units: from / numbers..(from + count).div_ceil(numbers),
                            columns: 0..e,
                            out: Out::F32(state.mixed.as_mut_ptr()),
                            out_row: e,
                            add: from > 0,
                        });
                    }
                }
                for row in 0..rows.len() {
                    let at = rows.start + row;
                    let (maximum, sum) = (state.maximum[row], state.sum[row]);
                    if let Some(lse) = results.lse {
                        let log = maximum * state.scale + sum.ln();
                        // SAFETY: the caller's promise.
                        unsafe { lse.put(at * results.lse_row + h, log, false) };
                    }
                    let from = &state.mixed[row * e..][..e];
                    let to = results.out.advance(at * results.out_row + h * e);
                    // SAFETY: the caller's promise.
                    unsafe { self.write_scaled(from, 1.0 / sum, to) };
                }
            }
        }
    }

    /// `to = from · factor`.
    /// # Safety
    /// As many numbers must be writable.
    pub(super) unsafe fn write_scaled(&self, from: &[f32], factor: f32, to: Out) {
        // SAFETY: the caller's promise.
        unsafe {
            match to {
                Out::F32(to) => {
                    let to = std::slice::from_raw_parts_mut(to, from.len());
                    self.engine.kernels.apply(Scaled { from, factor, to });
                }
                Out::Bf16(to) => {
                    let to = std::slice::from_raw_parts_mut(to, from.len());
                    self.engine.kernels.apply(Scaled { from, factor, to });
                }
            }
        }
    }
}

/// What is known of a tile of queries after some of its keys.
struct Softmax<'a, P> {
    /// Of the present keys, `[rows][KEYS_ROW]`, before scaling.
    scores: &'a mut [f32],
    /// exp(scores − maximum), `[rows][KEYS_ROW]`.
    probabilities: &'a mut [P],
    /// The largest score of each row so far.
    maximum: &'a mut [f32],
    /// Σ exp(scores − maximum) of each row so far.
    sum: &'a mut [f32],
    /// Σ exp(scores − maximum)·value of each row so far.
    mixed: &'a mut [f32],
    /// 1 / √e.
    scale: f32,
    rounded: bool,
}

/// Takes the scores of further keys into account and leaves their probabilities.
struct Advance<'a, 'b, P, F> {
    state: &'a mut Softmax<'b, P>,
    /// How many of the keys each row sees.
    seen: F,
    rows: usize,
    /// Keys, up to a whole unit: those not seen get probability 0.
    count: usize,
}

impl<P: Element, F: Fn(usize) -> usize> Work for Advance<'_, '_, P, F> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let state = self.state;
        let e = state.mixed.len() / state.maximum.len();
        for row in 0..self.rows {
            let seen = (self.seen)(row);
            // Whole vectors only: what follows the last key seen counts nothing.
            let whole = seen.next_multiple_of(L::COUNT);
            let scores = &mut state.scores[row * KEYS_ROW..][..whole];
            let probabilities = &mut state.probabilities[row * KEYS_ROW..][..KEYS_ROW];
            scores[seen..].fill(f32::NEG_INFINITY);
            if seen > 0 {
                let before = state.maximum[row];
                let mut largest = L::splat(before);
                for span in spans::<L>(whole) {
                    largest = largest.max(f32::get(scores, span));
                }
                let maximum = largest.largest();
                let (scale, shift) = (L::splat(state.scale), L::splat(-maximum * state.scale));
                let mut sum = L::splat(0.0);
                for span in spans::<L>(whole) {
                    let p = f32::get::<L>(scores, span).mul_add(scale, shift).exp();
                    sum = sum.add(p);
                    let p = if state.rounded { p.rounded() } else { p };
                    P::put(p, probabilities, span);
                }
                if maximum > before && state.sum[row] > 0.0 {
                    let correction = ((before - maximum) * state.scale).exp();
                    state.sum[row] *= correction;
                    let mixed = &mut state.mixed[row * e..][..e];
                    for span in spans::<L>(e) {
                        let lanes = f32::get::<L>(mixed, span).mul(L::splat(correction));
                        f32::put(lanes, mixed, span);
                    }
                }
                state.maximum[row] = maximum;
                state.sum[row] += sum.sum();
            }
            if seen < self.count {
                probabilities[seen..self.count].fill(P::narrow(0.0));
            }
        }
    }
}

/// `to = from · factor`.
struct Scaled<'a, E> {
    from: &'a [f32],
    factor: f32,
    to: &'a mut [E],
}

impl<E: Element> Work for Scaled<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let factor = L::splat(self.factor);
        for span in spans::<L>(self.from.len()) {
            let lanes: L = f32::get(self.from, span);
            E::put(lanes.mul(factor), self.to, span);
        }
    }
}
