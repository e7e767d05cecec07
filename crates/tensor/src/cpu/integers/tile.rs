//! The innermost product of integers: a few rows of x with two vectors of rows of w.
//!
//! For six rows and two vectors there are twelve sums of integers and twelve of numbers, two vectors
//! of w and one of x: 27 of the 32 registers of AVX-512, and eight dot products for every three
//! operations that turn a block's sums into numbers. AVX2 has 16 registers: two rows.

use std::ops::Range;

use super::{Activations, BLOCK, Integers, PANEL, WORD};
use crate::cpu::lanes::{Element, Lanes, Work};
use crate::cpu::tile::{Out, for_each_row};

/// The most rows of x that a tile takes.
pub(crate) const ROWS: usize = 6;

/// Some rows of x with some panels of w: two vectors' rows of w each.
pub(crate) struct Sweep<'a> {
    pub(crate) x: Activations<'a>,
    pub(crate) rows: Range<usize>,
    pub(crate) w: &'a Integers,
    /// Rows of w, columns of y: a first one that is a multiple of 32.
    pub(crate) columns: Range<usize>,
    /// y at row 0 of x and row 0 of w; those rows and columns must be writable and nobody else's.
    pub(crate) out: Out,
    pub(crate) out_row: usize,
    pub(crate) add: bool,
}

impl Work for Sweep<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        match (self.w.bits, &self.w.minima) {
            (8, _) => sweep::<L, 8, false>(&self),
            (_, None) => sweep::<L, 4, false>(&self),
            (_, Some(_)) => sweep::<L, 4, true>(&self),
        }
    }
}

#[inline(always)]
fn sweep<L: Lanes, const BITS: usize, const MINIMA: bool>(work: &Sweep<'_>) {
    let numbers = (work.rows.end + ROWS - 1) * work.x.blocks;
    assert!(work.x.bytes.len() >= numbers * BLOCK && work.x.scales.len() >= numbers);
    assert!(work.x.sums.len() >= numbers && work.x.blocks == work.w.blocks);
    assert!(work.columns.start.is_multiple_of(PANEL));
    for column in work.columns.clone().step_by(2 * L::COUNT) {
        let mut row = work.rows.start;
        while row < work.rows.end {
            let most = if 2 * L::COUNT == PANEL { ROWS } else { 2 };
            let together = most.min(work.rows.end - row);
            // SAFETY: x was checked to have room for whole tiles from any of the rows on.
            unsafe {
                match together {
                    1 => tile::<L, BITS, MINIMA, 1>(work, row, column, together),
                    2 => tile::<L, BITS, MINIMA, 2>(work, row, column, together),
                    3 | 4 => tile::<L, BITS, MINIMA, 4>(work, row, column, together),
                    _ => tile::<L, BITS, MINIMA, ROWS>(work, row, column, together),
                }
            }
            row += together;
        }
    }
}

#[inline(always)]
unsafe fn tile<L: Lanes, const BITS: usize, const MINIMA: bool, const N: usize>(
    work: &Sweep<'_>,
    row: usize,
    column: usize,
    exist: usize,
) {
    let (w, x) = (work.w, work.x);
    let blocks = w.blocks;
    // Where the panel begins, and at which of its rows each of the two vectors does.
    let panel = column / PANEL * blocks;
    let lane = |v: usize| column % PANEL + v * L::COUNT;
    let mut bytes: [*const u8; 2] =
        std::array::from_fn(|v| w.bytes[panel * BITS * WORD + lane(v) * 4..].as_ptr());
    let scales: [_; 2] = std::array::from_fn(|v| w.scales[panel * PANEL + lane(v)..].as_ptr());
    let minima: [_; 2] = std::array::from_fn(|v| match &w.minima {
        Some(minima) if MINIMA => minima[panel * PANEL + lane(v)..].as_ptr(),
        _ => std::ptr::null(),
    });
    let middle = w.middle();
    let (of_x, sums_x) = (x.scales.as_ptr(), x.sums.as_ptr());
    let mut y = [[L::splat(0.0); 2]; N];
    for b in 0..blocks {
        // Written out for both vectors: a closure would have to be inlined for its instructions to
        // be, and that is up to the compiler.
        // SAFETY: rows of x up to N exist (checked by the caller); w has whole panels, and
        // `bytes` moves a block on at a time.
        unsafe {
            let mut sums = [[L::integers(0); 2]; N];
            for_each_row!(R < N => {
                let sum = *sums_x.add((row + R) * blocks + b);
                sums[R] = [L::integers(-middle * sum); 2];
            });
            let s = x.bytes.as_ptr().add((row * blocks + b) * BLOCK);
            for word in 0..BITS {
                let [left, right] = bytes;
                let left = L::load_bytes(left.add(word * WORD));
                let right = L::load_bytes(right.add(word * WORD));
                if BITS == 8 {
                    for_each_row!(R < N => {
                        let s = four::<L>(s.add(R * blocks * BLOCK + 4 * word));
                        sums[R][0] = L::dot(sums[R][0], left, s);
                        sums[R][1] = L::dot(sums[R][1], right, s);
                    });
                } else {
                    let ([left, upper_left], [right, upper_right]) =
                        (L::nibbles(left), L::nibbles(right));
                    for_each_row!(R < N => {
                        let s = s.add(R * blocks * BLOCK + 4 * word);
                        let (s, upper) = (four::<L>(s), four::<L>(s.add(BLOCK / 2)));
                        sums[R][0] = L::dot(sums[R][0], left, s);
                        sums[R][1] = L::dot(sums[R][1], right, s);
                        sums[R][0] = L::dot(sums[R][0], upper_left, upper);
                        sums[R][1] = L::dot(sums[R][1], upper_right, upper);
                    });
                }
            }
            let d = [
                L::load_f16(scales[0].add(b * PANEL)),
                L::load_f16(scales[1].add(b * PANEL)),
            ];
            for_each_row!(R < N => {
                let e = L::splat(*of_x.add((row + R) * blocks + b));
                y[R][0] = L::of_integers(sums[R][0]).mul(d[0]).mul_add(e, y[R][0]);
                y[R][1] = L::of_integers(sums[R][1]).mul(d[1]).mul_add(e, y[R][1]);
            });
            if MINIMA {
                let m = [
                    L::load_f16(minima[0].add(b * PANEL)),
                    L::load_f16(minima[1].add(b * PANEL)),
                ];
                for_each_row!(R < N => {
                    let at = (row + R) * blocks + b;
                    let sum = L::splat(*of_x.add(at) * *sums_x.add(at) as f32);
                    y[R][0] = m[0].mul_add(sum, y[R][0]);
                    y[R][1] = m[1].mul_add(sum, y[R][1]);
                });
            }
        }
        bytes[0] = bytes[0].wrapping_add(BITS * WORD);
        bytes[1] = bytes[1].wrapping_add(BITS * WORD);
    }
    for_each_row!(R < N => {
        if R < exist {
            for (v, &sum) in y[R].iter().enumerate() {
                let o = column + v * L::COUNT;
                let count = work.columns.end.saturating_sub(o).min(L::COUNT);
                if count > 0 {
                    let at = (row + R) * work.out_row + o;
                    // SAFETY: this row and these columns are the sweep's.
                    unsafe {
                        match work.out.advance(at) {
                            Out::F32(to) => put(sum, to, count, work.add),
                            Out::Bf16(to) => put(sum, to, count, work.add),
                        }
                    }
                }
            }
        }
    });
}

/// Four bytes of x in all lanes.
#[inline(always)]
unsafe fn four<L: Lanes>(from: *const i8) -> L::Integers {
    // SAFETY: the caller's promise.
    L::integers(unsafe { from.cast::<i32>().read_unaligned() })
}

#[inline(always)]
unsafe fn put<L: Lanes, E: Element>(y: L, to: *mut E, count: usize, add: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let y = if add { y.add(E::load(to, count)) } else { y };
        E::store(y, to, count);
    }
}
