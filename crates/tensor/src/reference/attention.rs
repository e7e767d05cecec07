//! Attention of the reference device: every score is computed, one query at a time.
//!
//! With a(r) the rows that row r may see (its own segment; with `causal`, up to itself):
//! `s[t] = q_r·k_t / √e`, `p = softmax(s over t ∈ a(r))`, `out_r = Σₜ p[t]·v_t`,
//! `lse_r = log Σₜ exp s[t]` (Vaswani et al. 2017, section 3.2.1; grouped queries: Ainslie 2023).
//! Queries, keys and values are rounded as operands; probabilities stay f64, where fast devices
//! round them too.

use super::{Numbers, Reference, holds, log_sum_exp};
use crate::device::{Heads, Mask};
use crate::pages::{POSITIONS, Pages, Stretch};
use std::ops::Range;

/// The columns of a row of fused qkv that hold one head's vector.
#[derive(Clone, Copy)]
enum Part {
    Query(usize),
    Key(usize),
    Value(usize),
}

impl Part {
    /// Where this vector of row r begins.
    fn of_row(self, heads: Heads, r: usize) -> usize {
        let head = match self {
            Part::Query(h) => h,
            Part::Key(k) => heads.query() + k,
            Part::Value(k) => heads.query() + heads.kv + k,
        };
        r * heads.columns() + head * heads.dim
    }
}

/// For every row, the rows it may see.
fn visible(mask: Mask<'_>) -> Vec<Range<usize>> {
    let starts = mask.starts;
    assert_eq!(starts.first(), Some(&0), "segments must start at row 0");
    assert!(starts.is_sorted(), "segments must ascend: {starts:?}");
    let segments = starts.windows(2).map(|s| s[0] as usize..s[1] as usize);
    let rows = segments.flat_map(|s| s.clone().map(move |r| (s.clone(), r)));
    rows.map(|(s, r)| if mask.causal { s.start..r + 1 } else { s })
        .collect()
}

impl Reference {
    pub(super) fn attend(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Numbers,
        out: &mut Numbers,
        lse: &mut Numbers,
    ) {
        let (e, h) = (heads.dim, heads.query());
        let visible = visible(mask);
        holds("qkv", qkv, visible.len() * heads.columns());
        holds("out", out, visible.len() * h * e);
        holds("lse", lse, visible.len() * h);
        let vector = |part: Part, r: usize| &qkv.values[part.of_row(heads, r)..][..e];
        for (r, seen) in visible.into_iter().enumerate() {
            for head in 0..h {
                let kv = head / heads.group;
                let query = vector(Part::Query(head), r);
                let keys = seen.clone().map(|t| vector(Part::Key(kv), t));
                let values: Vec<_> = seen.clone().map(|t| vector(Part::Value(kv), t)).collect();
                let scores = self.scores(query, keys);
                let log_sum = log_sum_exp(&scores);
                lse.put(r * h + head, log_sum);
                for i in 0..e {
                    let at = (r * h + head) * e + i;
                    out.put(at, self.weighted(&scores, log_sum, &values, i));
                }
            }
        }
    }

    pub(super) fn attend_paged(
        &self,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &Numbers,
        pages: &mut Pages<Numbers>,
        out: &mut Numbers,
    ) {
        let (e, h) = (heads.dim, heads.query());
        let n = stretches.iter().map(|stretch| stretch.rows).sum::<usize>();
        holds("qkv", qkv, n * heads.columns());
        holds("out", out, n * h * e);
        // Where a position's key or value lies, as a row of `e` numbers.
        let row_of = |stretch: &Stretch<'_>, position: usize, kv: usize| {
            let (page, place) = stretch.place(position);
            (page * heads.kv + kv) * POSITIONS + place
        };
        let mut rows = 0..n;
        for stretch in stretches {
            stretch.check(pages.count);
            for (new, r) in rows.by_ref().take(stretch.rows).enumerate() {
                for kv in 0..heads.kv {
                    let to = row_of(stretch, stretch.past + new, kv) * e;
                    for i in 0..e {
                        let key = qkv.values[Part::Key(kv).of_row(heads, r) + i];
                        let value = qkv.values[Part::Value(kv).of_row(heads, r) + i];
                        pages.keys.put(to + i, f64::from(key));
                        pages.values.put(to + i, f64::from(value));
                    }
                }
            }
        }
        let mut rows = 0..n;
        for stretch in stretches {
            for (new, r) in rows.by_ref().take(stretch.rows).enumerate() {
                for head in 0..h {
                    let query = &qkv.values[Part::Query(head).of_row(heads, r)..][..e];
                    let places: Vec<usize> = (0..stretch.past + new + 1)
                        .map(|position| row_of(stretch, position, head / heads.group))
                        .collect();
                    let scores = self.scores(query, places.iter().map(|at| pages.keys.row(*at, e)));
                    let values: Vec<_> = places.iter().map(|at| pages.values.row(*at, e)).collect();
                    let log_sum = log_sum_exp(&scores);
                    for i in 0..e {
                        let at = (r * h + head) * e + i;
                        out.put(at, self.weighted(&scores, log_sum, &values, i));
                    }
                }
            }
        }
    }

    /// `s[t] = q·k_t / √e`.
    fn scores<'a>(&self, query: &[f32], keys: impl Iterator<Item = &'a [f32]>) -> Vec<f64> {
        let root = (query.len() as f64).sqrt();
        keys.map(|key| self.dot(query, key) / root).collect()
    }

    /// Number i of `Σₜ p[t]·v_t`, with `p[t] = exp(s[t] − lse)`.
    fn weighted(&self, scores: &[f64], log_sum: f64, values: &[&[f32]], i: usize) -> f64 {
        let terms = scores.iter().zip(values);
        terms
            .map(|(s, value)| (s - log_sum).exp() * self.operand(value[i]))
            .sum()
    }

    /// With `D_r = Σᵢ dout_r[i]·out_r[i]` and `p[t] = exp(s[t] − lse_r)`:
    /// `dv_t += p[t]·dout_r`, `ds[t] = p[t]·(dout_r·v_t − D_r) / √e`,
    /// `dq_r += ds[t]·k_t`, `dk_t += ds[t]·q_r` (Dao et al. 2022, appendix B.2).
    #[allow(clippy::too_many_arguments)] // the trait's
    pub(super) fn attend_backward(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Numbers,
        out: &Numbers,
        lse: &Numbers,
        dout: &Numbers,
        dqkv: &mut Numbers,
    ) {
        let (e, h) = (heads.dim, heads.query());
        let visible = visible(mask);
        let n = visible.len();
        holds("qkv", qkv, n * heads.columns());
        holds("out", out, n * h * e);
        holds("lse", lse, n * h);
        holds("dout", dout, n * h * e);
        holds("dqkv", dqkv, n * heads.columns());
        // sums over queries grow in f64 and are stored once
        let mut sums = vec![0.0; n * heads.columns()];
        let number = |at: usize| self.operand(qkv.values[at]);
        for (r, seen) in visible.into_iter().enumerate() {
            for head in 0..h {
                let kv = head / heads.group;
                let query = Part::Query(head).of_row(heads, r);
                let (out_e, dout_e) = (out.row(r * h + head, e), dout.row(r * h + head, e));
                let both = out_e.iter().zip(dout_e);
                let total: f64 = both.map(|(&o, &d)| f64::from(o) * f64::from(d)).sum();
                for t in seen.clone() {
                    let key = Part::Key(kv).of_row(heads, t);
                    let value = Part::Value(kv).of_row(heads, t);
                    let root = (e as f64).sqrt();
                    let score = (0..e)
                        .map(|i| number(query + i) * number(key + i))
                        .sum::<f64>();
                    let p = (score / root - f64::from(lse.values[r * h + head])).exp();
                    let dp: f64 = (0..e)
                        .map(|i| self.operand(dout_e[i]) * number(value + i))
                        .sum();
                    let ds = p * (dp - total) / root;
                    for i in 0..e {
                        sums[value + i] += p * self.operand(dout_e[i]);
                        sums[query + i] += ds * number(key + i);
                        sums[key + i] += ds * number(query + i);
                    }
                }
            }
        }
        sums.into_iter()
            .enumerate()
            .for_each(|(at, sum)| dqkv.put(at, sum));
    }
}
