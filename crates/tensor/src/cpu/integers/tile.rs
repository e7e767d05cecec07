//! The innermost product of integers: a few rows of x with two vectors of rows of w.
//!
//! For six rows and two vectors there are twelve sums of integers and twelve of numbers, two vectors
//! of w and one of x: 27 of the 32 registers of AVX-512, and eight dot products for every three
//! operations that turn a block's sums into numbers. AVX2 has 16 registers: two rows.

use std::ops::Range;

use super::{Activations, BLOCK, GROUP, Integers};
use crate::cpu::lanes::{Element, Lanes, Work};
use crate::cpu::tile::{Out, for_each_row, prefetch};

/// The most rows of x that a tile takes.
pub(crate) const ROWS: usize = 6;

/// Bytes of w that are on their way from memory while some are read, where w is read once.
const AHEAD: usize = 4096;

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
    assert!(work.columns.start.is_multiple_of(2 * GROUP));
    for column in work.columns.clone().step_by(2 * L::COUNT) {
        let mut row = work.rows.start;
        while row < work.rows.end {
            let most = if L::COUNT == GROUP { ROWS } else { 2 };
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
    // Where each of the two vectors begins: in which group, and at which lane of it.
    let start = |v: usize| {
        let o = column + v * L::COUNT;
        (o / GROUP * blocks, o % GROUP)
    };
    let mut bytes: [*const u8; 2] = std::array::from_fn(|v| {
        let (block, lane) = start(v);
        w.bytes[block * BITS * 64 + lane * 4..].as_ptr()
    });
    let place = |v: usize| {
        let (block, lane) = start(v);
        block * GROUP + lane
    };
    let scales: [_; 2] = std::array::from_fn(|v| w.scales[place(v)..].as_ptr());
    let minima: [_; 2] = std::array::from_fn(|v| match &w.minima {
        Some(minima) if MINIMA => minima[place(v)..].as_ptr(),
        _ => std::ptr::null(),
    });
    let middle = w.middle();
    let (of_x, sums_x) = (x.scales.as_ptr(), x.sums.as_ptr());
    let mut y = [[L::splat(0.0); 2]; N];
    for b in 0..blocks {
        // SAFETY: rows of x up to N exist (checked by the caller); w has its groups in pairs, and
        // `bytes` moves a block on at a time.
        unsafe {
            let mut sums = [[L::integers(0); 2]; N];
            for_each_row!(R < N => {
                let sum = *sums_x.add((row + R) * blocks + b);
                sums[R] = [L::integers(-middle * sum); 2];
            });
            for word in 0..BITS {
                if N == 1 {
                    prefetch(bytes[0].wrapping_add(AHEAD + word * 64));
                    prefetch(bytes[1].wrapping_add(AHEAD + word * 64));
                }
                let four = [0, 1].map(|v| L::load_bytes(bytes[v].add(word * 64)));
                let at = |r: usize, word: usize| {
                    let from = x
                        .bytes
                        .as_ptr()
                        .add(((row + r) * blocks + b) * BLOCK + 4 * word);
                    L::integers(from.cast::<i32>().read_unaligned())
                };
                if BITS == 8 {
                    for_each_row!(R < N => {
                        let s = at(R, word);
                        sums[R] = [0, 1].map(|v| L::dot(sums[R][v], four[v], s));
                    });
                } else {
                    let [low, high] = [0, 1].map(|half| four.map(|w| L::nibbles(w)[half]));
                    for_each_row!(R < N => {
                        let s = at(R, word);
                        sums[R] = [0, 1].map(|v| L::dot(sums[R][v], low[v], s));
                        let s = at(R, word + 4);
                        sums[R] = [0, 1].map(|v| L::dot(sums[R][v], high[v], s));
                    });
                }
            }
            let d: [L; 2] = [0, 1].map(|v| L::load_f16(scales[v].add(b * GROUP)));
            for_each_row!(R < N => {
                let e = L::splat(*of_x.add((row + R) * blocks + b));
                y[R] = [0, 1].map(|v| L::of_integers(sums[R][v]).mul(d[v]).mul_add(e, y[R][v]));
            });
            if MINIMA {
                let m: [L; 2] = [0, 1].map(|v| L::load_f16(minima[v].add(b * GROUP)));
                for_each_row!(R < N => {
                    let at = (row + R) * blocks + b;
                    let sum = L::splat(*of_x.add(at) * *sums_x.add(at) as f32);
                    y[R] = [0, 1].map(|v| m[v].mul_add(sum, y[R][v]));
                });
            }
        }
        bytes = bytes.map(|bytes| bytes.wrapping_add(BITS * 64));
    }
    for_each_row!(R < N => {
        if R < exist {
            for v in 0..2 {
                let o = column + v * L::COUNT;
                let count = work.columns.end.saturating_sub(o).min(L::COUNT);
                if count > 0 {
                    let at = (row + R) * work.out_row + o;
                    // SAFETY: this row and these columns are the sweep's.
                    unsafe {
                        match work.out.advance(at) {
                            Out::F32(to) => put(y[R][v], to, count, work.add),
                            Out::Bf16(to) => put(y[R][v], to, count, work.add),
                        }
                    }
                }
            }
        }
    });
}

#[inline(always)]
unsafe fn put<L: Lanes, E: Element>(y: L, to: *mut E, count: usize, add: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let y = if add { y.add(E::load(to, count)) } else { y };
        E::store(y, to, count);
    }
}
