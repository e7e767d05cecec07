//! Gradients of attention. Probabilities are computed again from `lse`, not kept.
//!
//! With `p = exp(q·kᵀ/√e − lse)` and `δ = Σ dout·out` per query and head:
//! `dv = pᵀ·dout`, `ds = p∘(dout·vᵀ − δ)/√e`, `dq = ds·k`, `dk = dsᵀ·q`
//! (Dao et al. 2022, algorithm 4).
//!
//! A task is one kv head of one segment: it alone writes its `dk` and `dv`, and adds to them in the
//! order of its queries. Scores exist for [`TILES`] tiles of queries by [`KEYS`] keys at a time.

use half::bf16;

use super::{Head, KEYS, KEYS_ROW, tasks};
use crate::cpu::Cpu;
use crate::cpu::arena::Arena;
use crate::cpu::array::CpuArray;
use crate::cpu::lanes::{Element, Lanes, Work, spans};
use crate::cpu::multiply::{Left, Panels, Source, Strip};
use crate::cpu::pack::Rows;
use crate::cpu::tile::{self, Out, Unit};
use crate::device::{Heads, Mask};

/// Tiles of queries at a time: the k of the products that give `dk` and `dv`.
const TILES: usize = 8;

/// What the gradients of one head are made from and where they go; rows are those of its segment.
struct Gradients<'a> {
    out: Source<'a>,
    dout: Source<'a>,
    /// Fused gradients at the first row.
    dqkv: Out,
    /// At the first row.
    lse: &'a [f32],
}

impl Cpu {
    #[allow(clippy::too_many_arguments)]
    pub(in crate::cpu) fn attend_backward(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &CpuArray,
        out: &CpuArray,
        lse: &CpuArray,
        dout: &CpuArray,
        dqkv: &mut CpuArray,
    ) {
        let n = mask.starts.last().map_or(0, |&end| end as usize);
        let qkv = qkv.source(n, heads.columns());
        let out = out.source(n, heads.query_columns());
        let dout = dout.source(n, heads.query_columns());
        let lse = &lse.f32()[..n * heads.query()];
        let dqkv = dqkv.out(n, heads.columns());
        let tasks = tasks(heads, mask, n, usize::MAX);
        self.team.enter().run(tasks.len(), |task, arena| {
            let (segment, _, k) = tasks[task].clone();
            let head = Head::of_segment(heads, qkv.range(segment.clone()), k, mask.causal);
            let gradients = Gradients {
                out: out.range(segment.clone()),
                dout: dout.range(segment.clone()),
                dqkv: dqkv.advance(segment.start * heads.columns()),
                lse: &lse[segment.start * heads.query()..segment.end * heads.query()],
            };
            // SAFETY: tasks write different rows or columns, all inside `dqkv`.
            unsafe {
                match self.engine.tile.unit {
                    Unit::Pair => self.head_backward::<bf16>(arena, &head, &gradients),
                    Unit::Single | Unit::Rounded => {
                        self.head_backward::<f32>(arena, &head, &gradients)
                    }
                }
            }
        });
    }

    /// # Safety
    /// The columns of the head in the rows of the segment must be writable and nobody else's.
    unsafe fn head_backward<P: Element>(
        &self,
        arena: &Arena,
        head: &Head<'_>,
        gradients: &Gradients<'_>,
    ) {
        let (engine, e, heads) = (&self.engine, head.heads.dim, head.heads);
        let high = engine.tile.rows;
        let all = 0..head.keys.count();
        let key_columns = head.key_column..head.key_column + e;
        let value_columns = head.value_column..head.value_column + e;
        let keys = Keys {
            keys: engine.along(arena, head.keys, all.clone(), key_columns.clone()),
            values: engine.along(arena, head.values, all.clone(), value_columns),
            keys_across: engine.across(arena, head.keys, all.clone(), key_columns),
            dkeys: arena.take(all.len() * e).as_mut_ptr(),
            dvalues: arena.take(all.len() * e).as_mut_ptr(),
        };
        // SAFETY: both were just taken with this length.
        unsafe {
            std::slice::from_raw_parts_mut(keys.dkeys, all.len() * e).fill(0.0);
            std::slice::from_raw_parts_mut(keys.dvalues, all.len() * e).fill(0.0);
        }
        let scratch = &mut Scratch {
            scores: arena.take(high * KEYS_ROW),
            dscores: arena.take(high * KEYS_ROW),
            probabilities: arena.take::<P>(TILES * high * KEYS_ROW),
            differences: arena.take::<P>(TILES * high * KEYS_ROW),
            delta: arena.take(TILES * high),
            dqueries: arena.take(TILES * high * e),
        };
        for h in 0..heads.group {
            for first in (0..all.len()).step_by(TILES * high) {
                let queries = first..all.len().min(first + TILES * high);
                // SAFETY: nothing taken inside is kept; the rest is the caller's promise.
                unsafe {
                    arena.nested(|| {
                        self.queries_backward(arena, head, gradients, &keys, scratch, h, queries);
                    });
                }
            }
        }
        for (gradient, column) in [
            (keys.dkeys, head.key_column),
            (keys.dvalues, head.value_column),
        ] {
            for row in 0..all.len() {
                // SAFETY: the gradient was taken with `e` numbers for each row; the output is the
                // caller's promise.
                unsafe {
                    let from = std::slice::from_raw_parts(gradient.add(row * e), e);
                    let to = gradients.dqkv.advance(row * heads.columns() + column);
                    self.write_scaled(from, 1.0, to);
                }
            }
        }
    }

    /// A block of queries of one head against all keys.
    #[allow(clippy::too_many_arguments)]
    unsafe fn queries_backward<P: Element>(
        &self,
        arena: &Arena,
        head: &Head<'_>,
        gradients: &Gradients<'_>,
        keys: &Keys<'_>,
        scratch: &mut Scratch<'_, P>,
        h: usize,
        queries: std::ops::Range<usize>,
    ) {
        let (engine, e, heads) = (&self.engine, head.heads.dim, head.heads);
        let (high, numbers) = (engine.tile.rows, engine.tile.unit.numbers());
        let query_columns = head.query_column + h * e..head.query_column + (h + 1) * e;
        // `out` has only queries, so the columns of queries in fused rows are its columns.
        let out_columns = query_columns.clone();
        let (q, dout) = (Left::Rows(head.queries), Left::Rows(gradients.dout));
        let q_rows = engine.ready(arena, q, queries.clone(), query_columns.clone());
        let dout_rows = engine.ready(arena, dout, queries.clone(), out_columns.clone());
        let q_across = engine.across(arena, head.queries, queries.clone(), query_columns.clone());
        let dout_across =
            engine.across(arena, gradients.dout, queries.clone(), out_columns.clone());
        self.deltas(gradients, queries.clone(), out_columns, scratch.delta);
        let lse_column = head.query_column / e + h;
        for from in (0..head.seen(queries.end)).step_by(KEYS) {
            let count = KEYS.min(head.seen(queries.end) - from);
            let tiles = queries.len().div_ceil(high);
            for tile in 0..tiles {
                let rows =
                    queries.start + tile * high..queries.end.min(queries.start + (tile + 1) * high);
                let whole = rows.len() == high;
                let seen = head.seen_of(rows.end - 1, from, count);
                let at = tile * high * KEYS_ROW;
                let products = [
                    (&q_rows, keys.keys, &mut *scratch.scores),
                    (&dout_rows, keys.values, &mut *scratch.dscores),
                ];
                for (left, right, out) in products {
                    // SAFETY: the scratch holds a tile of rows of KEYS numbers.
                    unsafe {
                        engine.strip(&Strip {
                            left: left.tile(tile, whole),
                            rows: rows.len(),
                            right,
                            units: 0..right.units,
                            columns: from..from + seen,
                            out: Out::F32(out.as_mut_ptr()),
                            out_row: KEYS_ROW,
                            add: false,
                        });
                    }
                }
                engine.kernels.apply(Differences {
                    scores: scratch.scores,
                    dscores: scratch.dscores,
                    probabilities: &mut scratch.probabilities[at..],
                    differences: &mut scratch.differences[at..],
                    rows: rows.len(),
                    count: count.next_multiple_of(numbers),
                    seen: |row| head.seen_of(rows.start + row, from, count),
                    lse: |row| gradients.lse[(rows.start + row) * heads.query() + lse_column],
                    delta: &scratch.delta[tile * high..],
                    scale: 1.0 / (e as f32).sqrt(),
                    rounded: engine.tile.unit == Unit::Rounded,
                });
                // SAFETY: the scratch holds `count` numbers of each row, up to a whole unit.
                unsafe {
                    engine.strip(&Strip {
                        left: tile::Left {
                            start: scratch.differences[at..].as_ptr().cast(),
                            row: KEYS_ROW * size_of::<P>(),
                            unit: 4,
                        },
                        rows: rows.len(),
                        right: keys.keys_across,
                        units: from / numbers..(from + seen).div_ceil(numbers),
                        columns: 0..e,
                        out: Out::F32(scratch.dqueries[tile * high * e..].as_mut_ptr()),
                        out_row: e,
                        add: from > 0,
                    });
                }
            }
            let products = [
                (&*scratch.probabilities, dout_across, keys.dvalues),
                (&*scratch.differences, q_across, keys.dkeys),
            ];
            for (left, right, out) in products {
                let source = Rows::one(&left[..queries.len() * KEYS_ROW], KEYS_ROW);
                let ready = engine.columns(arena, source, 0..count, 0..queries.len());
                for tile in 0..count.div_ceil(high) {
                    let key = from + tile * high;
                    // Queries before the first key of the tile do not see it.
                    let blind = match head.causal {
                        true => key.saturating_sub(head.past + queries.start),
                        false => 0,
                    };
                    let units = blind / numbers..right.units;
                    let mut left = ready.tile(tile, true);
                    left.start = left.start.wrapping_byte_add(units.start * left.unit);
                    // SAFETY: the gradients of keys and values hold all keys.
                    unsafe {
                        engine.strip(&Strip {
                            left,
                            rows: high.min(count - tile * high),
                            right,
                            units,
                            columns: 0..e,
                            out: Out::F32(out.add(key * e)),
                            out_row: e,
                            add: true,
                        });
                    }
                }
            }
        }
        for (row, from) in queries.zip(scratch.dqueries.chunks_exact(e)) {
            let at = row * heads.columns() + query_columns.start;
            // SAFETY: the caller's promise.
            unsafe { self.write_scaled(from, 1.0, gradients.dqkv.advance(at)) };
        }
    }

    /// `δ = Σ dout·out` of some queries of one head.
    fn deltas(
        &self,
        gradients: &Gradients<'_>,
        queries: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
        delta: &mut [f32],
    ) {
        macro_rules! of {
            ($out:expr, $dout:expr) => {
                self.engine.kernels.apply(Deltas {
                    out: $out,
                    dout: $dout,
                    queries,
                    columns,
                    delta,
                })
            };
        }
        match (gradients.out, gradients.dout) {
            (Source::F32(out), Source::F32(dout)) => of!(out, dout),
            (Source::F32(out), Source::Bf16(dout)) => of!(out, dout),
            (Source::Bf16(out), Source::F32(dout)) => of!(out, dout),
            (Source::Bf16(out), Source::Bf16(dout)) => of!(out, dout),
        }
    }
}

/// The keys and values of a head, packed for each of their products, and their gradients
/// `[keys, e]`.
struct Keys<'a> {
    keys: Panels<'a>,
    values: Panels<'a>,
    keys_across: Panels<'a>,
    dkeys: *mut f32,
    dvalues: *mut f32,
}

/// Working memory for a block of queries.
struct Scratch<'a, P> {
    /// q·kᵀ and dout·vᵀ of one tile, `[rows][KEYS_ROW]`.
    scores: &'a mut [f32],
    dscores: &'a mut [f32],
    /// p and ds of the block, `[queries][KEYS_ROW]`.
    probabilities: &'a mut [P],
    differences: &'a mut [P],
    delta: &'a mut [f32],
    /// `[queries][e]`
    dqueries: &'a mut [f32],
}

/// `p = exp(scores·scale − lse)`, `ds = p·(dscores − δ)·scale`; 0 for keys that are not seen.
struct Differences<'a, P, F, G> {
    scores: &'a mut [f32],
    dscores: &'a mut [f32],
    probabilities: &'a mut [P],
    differences: &'a mut [P],
    rows: usize,
    /// Keys, up to a whole unit.
    count: usize,
    seen: F,
    lse: G,
    delta: &'a [f32],
    scale: f32,
    rounded: bool,
}

impl<P: Element, F: Fn(usize) -> usize, G: Fn(usize) -> f32> Work for Differences<'_, P, F, G> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let scale = L::splat(self.scale);
        for row in 0..self.rows {
            let seen = (self.seen)(row);
            let at = row * KEYS_ROW;
            let (scores, dscores) = (
                &self.scores[at..][..KEYS_ROW],
                &self.dscores[at..][..KEYS_ROW],
            );
            let probabilities = &mut self.probabilities[at..][..KEYS_ROW];
            let differences = &mut self.differences[at..][..KEYS_ROW];
            let (shift, delta) = (L::splat(-(self.lse)(row)), L::splat(self.delta[row]));
            for span in spans::<L>(seen.next_multiple_of(L::COUNT)) {
                let p = f32::get::<L>(scores, span).mul_add(scale, shift).exp();
                let ds = f32::get::<L>(dscores, span).sub(delta).mul(p).mul(scale);
                let (p, ds) = match self.rounded {
                    true => (p.rounded(), ds.rounded()),
                    false => (p, ds),
                };
                P::put(p, probabilities, span);
                P::put(ds, differences, span);
            }
            if seen < self.count {
                probabilities[seen..self.count].fill(P::narrow(0.0));
                differences[seen..self.count].fill(P::narrow(0.0));
            }
        }
    }
}

struct Deltas<'a, X, Y> {
    out: Rows<'a, X>,
    dout: Rows<'a, Y>,
    queries: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    delta: &'a mut [f32],
}

impl<X: Element, Y: Element> Work for Deltas<'_, X, Y> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut out = self
            .out
            .pointers(self.queries.clone(), self.columns.clone());
        let mut dout = self
            .dout
            .pointers(self.queries.clone(), self.columns.clone());
        for delta in &mut self.delta[..self.queries.len()] {
            let (out, dout) = (out.next(), dout.next());
            let mut sum = L::splat(0.0);
            for span in spans::<L>(self.columns.len()) {
                // SAFETY: both rows reach the last of the columns (checked by `pointers`).
                unsafe {
                    let out: L = X::load(out.add(span.at), span.count);
                    sum = out.mul_add(Y::load(dout.add(span.at), span.count), sum);
                }
            }
            *delta = sum.sum();
        }
    }
}
