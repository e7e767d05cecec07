//! Attention of new rows of one sequence to everything it has seen, for generation.
//!
//! Many new rows (a prompt) go the way of `attention.rs`, with keys and values read from the
//! cache. Few rows pack nothing: such attention is limited by the memory of the cache, so every
//! key and value is read once, where it lies, for up to four queries of its group at a time.

use half::bf16;

use super::{Head, Results};
use crate::cpu::Cpu;
use crate::cpu::arena::Arena;
use crate::cpu::array::{CpuArray, typed};
use crate::cpu::few::{self, dots};
use crate::cpu::lanes::{Element, Lanes, Span, Work, spans};
use crate::cpu::multiply::Source;
use crate::cpu::pack::{Rows, fetch};
use crate::cpu::tile::Unit;
use crate::cpu::vector::Copy;
use crate::device::{Heads, KeyValue};

/// Keys and values that are on their way from memory while one is read.
const AHEAD: usize = 16;

/// Keys × numbers that are worth waking another thread for.
const SHARE: usize = 32 << 10;

impl Cpu {
    pub(in crate::cpu) fn attend_cached(
        &self,
        heads: Heads,
        n: usize,
        qkv: &CpuArray,
        cache: &mut KeyValue<CpuArray>,
        out: &mut CpuArray,
    ) {
        let (e, past, capacity) = (heads.dim, cache.length, cache.capacity);
        assert!(
            past + n <= capacity,
            "a cache of {capacity} positions holds {past} and cannot take {n} more"
        );
        self.remember(heads, n, qkv, &mut cache.keys, past, capacity, 0);
        self.remember(heads, n, qkv, &mut cache.values, past, capacity, heads.kv);
        cache.length += n;
        let queries = qkv.source(n, heads.columns());
        let keys = cache.keys.source(heads.kv * capacity, e);
        let values = cache.values.source(heads.kv * capacity, e);
        let out_row = heads.query_columns();
        let out = out.out(n, out_row);
        let session = self.team.enter();
        let head = |k: usize| Head {
            heads,
            queries,
            query_column: k * heads.group * e,
            keys: keys.range(k * capacity..k * capacity + past + n),
            key_column: 0,
            values: values.range(k * capacity..k * capacity + past + n),
            value_column: 0,
            past,
            causal: true,
        };
        let results = |k: usize| Results {
            out: out.advance(k * heads.group * e),
            out_row,
            lse: None,
            lse_row: 0,
        };
        if n > few::MOST {
            // The last stretches see the most keys.
            let stretch = super::QUERIES / 4;
            let stretches = n.div_ceil(stretch);
            return session.run(stretches * heads.kv, |task, arena| {
                let first = (stretches - 1 - task / heads.kv) * stretch;
                let (k, rows) = (task % heads.kv, first..n.min(first + stretch));
                // SAFETY: tasks write different heads or rows.
                unsafe { self.attend_head(arena, &head(k), rows, results(k)) };
            });
        }
        let work = (past + n) * e * heads.kv * n.div_ceil(4);
        let shares = (work / SHARE).clamp(1, session.threads());
        session.stretches(heads.kv, heads.kv.div_ceil(shares), |kv, arena| {
            for k in kv {
                // SAFETY: tasks write different heads.
                unsafe { self.attend_few(arena, &head(k), n, results(k)) };
            }
        });
    }

    /// Copies keys (or values: `first = k`) of new rows into the cache.
    #[allow(clippy::too_many_arguments)]
    fn remember(
        &self,
        heads: Heads,
        n: usize,
        qkv: &CpuArray,
        cache: &mut CpuArray,
        past: usize,
        capacity: usize,
        first: usize,
    ) {
        let e = heads.dim;
        typed!(qkv = &qkv.0, cache = &mut cache.0 => {
            for row in 0..n {
                let row_of = &qkv[row * heads.columns() + heads.query_columns()..];
                for k in 0..heads.kv {
                    let from = &row_of[(first + k) * e..][..e];
                    let to = &mut cache[(k * capacity + past + row) * e..][..e];
                    self.engine.kernels.apply(Copy { from, to });
                }
            }
        });
    }

    /// # Safety
    /// The results must be writable and nobody else's.
    unsafe fn attend_few(&self, arena: &Arena, head: &Head<'_>, n: usize, results: Results) {
        let (e, group, kernels) = (head.heads.dim, head.heads.group, self.engine.kernels);
        let columns = head.query_column..head.query_column + group * e;
        let stride = head.keys.count().next_multiple_of(16);
        let flat = arena.take::<f32>(group * e);
        let look = &mut Look {
            seen: 0,
            group,
            e,
            e_row: e.next_multiple_of(16),
            queries: arena.take(group * e.next_multiple_of(16)),
            scores: arena.take(group * stride),
            stride,
            mixed: arena.take(group * e),
        };
        for row in 0..n {
            match head.queries {
                Source::F32(rows) => {
                    let from = &rows.row(row)[columns.clone()];
                    kernels.apply(Copy { from, to: flat });
                }
                Source::Bf16(rows) => {
                    let from = &rows.row(row)[columns.clone()];
                    kernels.apply(Copy { from, to: flat });
                }
            }
            // As products would have read them, and zeros up to whole vectors.
            let rounded = self.engine.tile.unit != Unit::Single;
            for (to, from) in look
                .queries
                .chunks_exact_mut(look.e_row)
                .zip(flat.chunks_exact(e))
            {
                to[e..].fill(0.0);
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = if rounded {
                        bf16::from_f32(from).to_f32()
                    } else {
                        from
                    };
                }
            }
            look.seen = head.seen(row + 1);
            match (head.keys, head.values) {
                (Source::F32(keys), Source::F32(values)) => {
                    kernels.apply(At { look, keys, values });
                }
                (Source::Bf16(keys), Source::Bf16(values)) => {
                    kernels.apply(At { look, keys, values });
                }
                _ => unreachable!("keys and values come from one place"),
            }
            let to = results.out.advance(row * results.out_row);
            // SAFETY: the caller's promise; the heads of a group are neighbours.
            unsafe { self.write_scaled(look.mixed, 1.0, to) };
        }
    }
}

/// One row's queries of a group.
struct Look<'a> {
    /// How many keys they see.
    seen: usize,
    group: usize,
    e: usize,
    /// `[group][e_row]`
    queries: &'a mut [f32],
    e_row: usize,
    /// `[group][stride]`: scores, then probabilities.
    scores: &'a mut [f32],
    stride: usize,
    /// `[group][e]`: the result.
    mixed: &'a mut [f32],
}

/// Looks at keys and values where they lie.
struct At<'a, 'b, E> {
    look: &'a mut Look<'b>,
    keys: Rows<'a, E>,
    values: Rows<'a, E>,
}

impl<E: Element> Work for At<'_, '_, E> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let At { look, keys, values } = self;
        let mut g = 0;
        while g < look.group {
            let together = (look.group - g).min(4);
            match together {
                1 => score::<L, E, 1>(look, keys, g),
                2 => score::<L, E, 2>(look, keys, g),
                3 => score::<L, E, 3>(look, keys, g),
                _ => score::<L, E, 4>(look, keys, g),
            }
            for g in g..g + together {
                softmax::<L>(
                    &mut look.scores[g * look.stride..][..look.stride],
                    look.seen,
                );
            }
            // Sums of a whole head in registers, where there are enough of them.
            match (together, L::COUNT) {
                (1, _) => mix::<L, E, 1, 4>(look, values, g),
                (2, _) => mix::<L, E, 2, 4>(look, values, g),
                (3, 16) => mix::<L, E, 3, 4>(look, values, g),
                (3, _) => mix::<L, E, 3, 2>(look, values, g),
                (_, 16) => mix::<L, E, 4, 4>(look, values, g),
                (_, _) => mix::<L, E, 4, 2>(look, values, g),
            }
            g += together;
        }
    }
}

/// Scaled scores of N queries with every key seen.
#[inline(always)]
fn score<L: Lanes, E: Element, const N: usize>(look: &mut Look<'_>, keys: Rows<'_, E>, g: usize) {
    let scale = 1.0 / (look.e as f32).sqrt();
    let mut pointers = keys.pointers(0..look.seen, 0..look.e);
    for t in 0..look.seen {
        let queries = &look.queries[g * look.e_row..];
        let key = pointers.next();
        fetch(key.wrapping_add(AHEAD * look.e), look.e);
        // SAFETY: a key holds e numbers.
        let sums = unsafe { dots::<L, E, N, 2>(key, look.e, queries, look.e_row) };
        for (i, sum) in sums.into_iter().enumerate() {
            look.scores[(g + i) * look.stride + t] = sum * scale;
        }
    }
}

/// Scores to probabilities.
#[inline(always)]
fn softmax<L: Lanes>(scores: &mut [f32], seen: usize) {
    let whole = seen.next_multiple_of(L::COUNT);
    scores[seen..whole].fill(f32::NEG_INFINITY);
    let scores = &mut scores[..whole];
    let mut largest = L::splat(f32::NEG_INFINITY);
    for span in spans::<L>(whole) {
        largest = largest.max(f32::get(scores, span));
    }
    let (maximum, mut sum) = (L::splat(largest.largest()), L::splat(0.0));
    for span in spans::<L>(whole) {
        let p = f32::get::<L>(scores, span).sub(maximum).exp();
        sum = sum.add(p);
        f32::put(p, scores, span);
    }
    let factor = L::splat(1.0 / sum.sum());
    for span in spans::<L>(whole) {
        f32::put(f32::get::<L>(scores, span).mul(factor), scores, span);
    }
}

/// Σ p·value for N queries: a stretch of the head dimension at a time, in registers.
#[inline(always)]
fn mix<L: Lanes, E: Element, const N: usize, const VECTORS: usize>(
    look: &mut Look<'_>,
    values: Rows<'_, E>,
    g: usize,
) {
    for first in (0..look.e).step_by(VECTORS * L::COUNT) {
        let mut sums = [[L::splat(0.0); VECTORS]; N];
        let mut pointers = values.pointers(0..look.seen, 0..look.e);
        for t in 0..look.seen {
            let value = pointers.next();
            fetch(value.wrapping_add(AHEAD * look.e), look.e);
            for v in 0..VECTORS {
                let at = first + v * L::COUNT;
                let count = look.e.saturating_sub(at);
                // SAFETY: a value holds e numbers; past them nothing is read.
                let value: L = unsafe { E::load(value.wrapping_add(at), count) };
                for (i, sums) in sums.iter_mut().enumerate() {
                    let p = L::splat(look.scores[(g + i) * look.stride + t]);
                    sums[v] = value.mul_add(p, sums[v]);
                }
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            let mixed = &mut look.mixed[(g + i) * look.e..][..look.e];
            for (v, sum) in sums.into_iter().enumerate() {
                let at = first + v * L::COUNT;
                let count = look.e.saturating_sub(at).min(L::COUNT);
                if count > 0 {
                    f32::put(sum, mixed, Span { at, count });
                }
            }
        }
    }
}
