//! Products of few rows with weights that are trained: every weight is read once, where it lies.
//! (Weights that are only read lie in panels, `inference.rs`.)
//!
//! `y[r, o] = Σᵢ x[r, i]·w[o, i]` for up to [`MOST`] rows. Such a product is limited by the memory
//! that the weights come from, so nothing is packed: a row of w is widened on the way and met by
//! up to four rows of x at a time, and a band of w that fits the first-level cache stays there
//! until all rows of x have met it.

use std::ops::Range;

use super::Cpu;
use super::lanes::{Element, Lanes, Span, Work, spans};
use super::multiply::Source;
use super::pack::Rows;
use super::team::Session;
use super::tile::{Out, Unit};

/// More rows than this are worth packing for.
pub(crate) const MOST: usize = 16;

/// Numbers of w in a band.
const BAND: usize = 8 << 10;

/// Numbers of w that are worth waking another thread for.
const SHARE: usize = 96 << 10;

impl Cpu {
    /// `out (+)= x·wᵀ`, all rows of x with all rows of w.
    pub(super) fn few<W: Element>(
        &self,
        session: &Session<'_>,
        x: Source<'_>,
        weights: Rows<'_, W>,
        out: Out,
        add: bool,
    ) {
        let (inputs, outputs) = (weights.stride(), weights.count());
        // x in f32, as products would have read it, and zeros up to whole vectors.
        let stride = inputs.next_multiple_of(16);
        let (n, wide) = match x {
            Source::F32(x) => (x.count(), self.widen(session, x, stride)),
            Source::Bf16(x) => (x.count(), self.widen(session, x, stride)),
        };
        let shares = (inputs * outputs / SHARE).clamp(1, session.threads());
        session.stretches(outputs, outputs.div_ceil(shares), |rows, _| {
            self.engine.kernels.apply(Few {
                x: wide,
                stride,
                n,
                weights,
                rows,
                out,
                out_row: outputs,
                add,
            });
        });
    }

    fn widen<'s, S: Element>(
        &self,
        session: &'s Session<'_>,
        x: Rows<'_, S>,
        stride: usize,
    ) -> &'s [f32] {
        let to = session.take::<f32>(x.count() * stride);
        let rounded = self.engine.tile.unit != Unit::Single;
        self.engine.kernels.apply(Widen {
            x,
            to,
            stride,
            rounded,
        });
        to
    }
}

struct Widen<'a, S> {
    x: Rows<'a, S>,
    to: &'a mut [f32],
    stride: usize,
    rounded: bool,
}

impl<S: Element> Work for Widen<'_, S> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (n, k) = (self.x.count(), self.x.stride());
        let mut pointers = self.x.pointers(0..n, 0..k);
        for to in self.to.chunks_exact_mut(self.stride).take(n) {
            let from = pointers.next();
            to[k..].fill(0.0);
            for span in spans::<L>(k) {
                // SAFETY: the row holds k numbers.
                let x: L = unsafe { S::load(from.add(span.at), span.count) };
                f32::put(if self.rounded { x.rounded() } else { x }, to, span);
            }
        }
    }
}

struct Few<'a, W> {
    x: &'a [f32],
    stride: usize,
    n: usize,
    weights: Rows<'a, W>,
    /// The rows of w, columns of y, to compute.
    rows: Range<usize>,
    out: Out,
    out_row: usize,
    add: bool,
}

impl<W: Element> Work for Few<'_, W> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let k = self.weights.stride();
        let mut first = self.rows.start;
        while first < self.rows.end {
            let last = self.rows.end.min(first + (BAND / k).max(1));
            let mut r = 0;
            while r < self.n {
                let mut pointers = self.weights.pointers(first..last, 0..k);
                let together = (self.n - r).min(4);
                let x = &self.x[r * self.stride..];
                for o in first..last {
                    let w = pointers.next();
                    // SAFETY: a row of w holds k numbers; x holds `together` rows from r on,
                    // each of `stride` ≥ k in whole vectors.
                    unsafe {
                        match together {
                            1 => self.put(r, o, dots::<L, W, 1, 4>(w, k, x, self.stride)),
                            2 => self.put(r, o, dots::<L, W, 2, 2>(w, k, x, self.stride)),
                            3 => self.put(r, o, dots::<L, W, 3, 2>(w, k, x, self.stride)),
                            _ => self.put(r, o, dots::<L, W, 4, 2>(w, k, x, self.stride)),
                        }
                    }
                }
                r += together;
            }
            first = last;
        }
    }
}

impl<W> Few<'_, W> {
    #[inline(always)]
    unsafe fn put<const N: usize>(&self, row: usize, column: usize, sums: [f32; N]) {
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: y holds n rows of `out_row` numbers, and this column is this task's.
            unsafe {
                self.out
                    .put((row + i) * self.out_row + column, sum, self.add)
            };
        }
    }
}

/// A row of w with N rows of x; each sum in U parts, so that additions do not wait for each other.
#[inline(always)]
unsafe fn dots<L: Lanes, W: Element, const N: usize, const U: usize>(
    w: *const W,
    k: usize,
    x: &[f32],
    stride: usize,
) -> [f32; N] {
    assert!(x.len() >= (N - 1) * stride + k.next_multiple_of(L::COUNT));
    let mut sums = [[L::splat(0.0); U]; N];
    let whole = k / (L::COUNT * U) * (L::COUNT * U);
    for at in (0..whole).step_by(L::COUNT * U) {
        for u in 0..U {
            let at = at + u * L::COUNT;
            // SAFETY: `at` and a vector after it lie in the row of w and, as checked, in x.
            unsafe {
                let weight: L = W::load(w.add(at), L::COUNT);
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = L::load(x.as_ptr().add(i * stride + at));
                    sums[u] = weight.mul_add(x, sums[u]);
                }
            }
        }
    }
    for Span { at, count } in spans::<L>(k - whole) {
        let at = whole + at;
        // SAFETY: as above; x has zeros after k.
        unsafe {
            let weight: L = W::load(w.add(at), count);
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = L::load(x.as_ptr().add(i * stride + at));
                sums[0] = weight.mul_add(x, sums[0]);
            }
        }
    }
    std::array::from_fn(|i| {
        let mut sum = sums[i][0];
        for part in &sums[i][1..] {
            sum = sum.add(*part);
        }
        sum.sum()
    })
}
