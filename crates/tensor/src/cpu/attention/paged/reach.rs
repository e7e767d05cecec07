//! The innermost product of paged attention: a tile of rows against panels that need not be
//! neighbours, with the sums in registers all the while.
//!
//! The loop is that of `tile.rs` and its sums are in the same order; it differs in where B comes
//! from, and in reading bfloat16 where the processor multiplies f32. There are bodies of few rows,
//! because a single token has but the queries of a group: 3 rows of 14 would waste four fifths.

use half::bf16;

use crate::cpu::kernels::Kernels;
#[cfg(target_arch = "x86_64")]
use crate::cpu::lanes::{F32x8, F32x16};
use crate::cpu::lanes::{Lanes, Plain};
#[cfg(target_arch = "x86_64")]
use crate::cpu::tile::Pairs;
use crate::cpu::tile::{Singles, Step, Unit, for_each_row};

/// `C (+)= A · [B₀; B₁; …]`: the panels continue each other along k.
pub(super) struct Reach<'a> {
    /// Of the first row; every row of a whole tile must be readable.
    pub(super) left: *const u32,
    /// Bytes from one row to the next.
    pub(super) left_row: usize,
    /// How many rows exist.
    pub(super) rows: usize,
    pub(super) panels: &'a [*const u32],
    /// Units of every panel.
    pub(super) units_each: usize,
    /// Units in all: of the last panel perhaps not every one.
    pub(super) units: usize,
    /// The first number of C; a row is as wide as a panel.
    pub(super) out: *mut f32,
    pub(super) out_row: usize,
    pub(super) add: bool,
}

type Body = unsafe fn(&Reach<'_>);

/// Bodies of a kind by the rows they compute, ascending.
pub(super) struct Bodies([(usize, Body); 5]);

macro_rules! bodies {
    ($body:ident: $($rows:literal)*) => {{
        static BODIES: Bodies = Bodies([$(($rows, $body::<$rows>)),*]);
        &BODIES
    }};
}

impl Bodies {
    /// For these kernels and units; `half` says that panels hold bfloat16.
    pub(super) fn of(kernels: Kernels, unit: Unit, half: bool) -> &'static Bodies {
        match (kernels, unit, half) {
            #[cfg(target_arch = "x86_64")]
            (Kernels::Avx512Bf16, Unit::Pair, _) => bodies!(avx512_pairs: 1 2 4 8 14),
            #[cfg(target_arch = "x86_64")]
            (Kernels::Avx512Bf16 | Kernels::Avx512, _, false) => bodies!(avx512: 1 2 4 8 14),
            #[cfg(target_arch = "x86_64")]
            (Kernels::Avx512Bf16 | Kernels::Avx512, _, true) => bodies!(avx512_half: 1 2 4 8 14),
            #[cfg(target_arch = "x86_64")]
            (Kernels::Avx2, _, false) => bodies!(avx2: 1 2 3 4 6),
            #[cfg(target_arch = "x86_64")]
            (Kernels::Avx2, _, true) => bodies!(avx2_half: 1 2 3 4 6),
            (_, _, false) => bodies!(plain: 1 2 3 4 4),
            (_, _, true) => bodies!(plain_half: 1 2 3 4 4),
        }
    }

    /// # Safety
    /// The pointers must be good for what the fields say, and the processor for the kernels.
    #[inline(always)]
    pub(super) unsafe fn run(&self, reach: &Reach<'_>) {
        let body = self.0.iter().find(|(rows, _)| *rows >= reach.rows);
        let (_, body) = body.expect("no more rows than a tile has");
        // SAFETY: the caller's promise.
        unsafe { body(reach) }
    }
}

/// The loop.
#[inline(always)]
unsafe fn reach<S: Step, const ROWS: usize, const VECTORS: usize, const HALF: bool>(
    call: &Reach<'_>,
) {
    const { assert!(ROWS <= 14) };
    let lanes = S::Lanes::COUNT;
    let mut sums = [[S::Lanes::splat(0.0); VECTORS]; ROWS];
    let row = call.left_row;
    let mut bases: [*const u32; 3] =
        std::array::from_fn(|b| call.left.wrapping_byte_add(5 * b * row));
    let mut to_come = call.units;
    for &panel in call.panels {
        let units = to_come.min(call.units_each);
        let mut right = panel.cast::<u8>();
        for _ in 0..units {
            // SAFETY: the panel holds `units_each` lines, and every row of A `units` units.
            unsafe {
                let line: [S::Lanes; VECTORS] = std::array::from_fn(|v| match HALF {
                    true => S::Lanes::load_bf16(right.cast::<bf16>().add(v * lanes)),
                    false => S::Lanes::load(right.cast::<f32>().add(v * lanes)),
                });
                for_each_row!(R < ROWS => {
                    let left = bases[R / 5].wrapping_byte_add(R % 5 * row);
                    for v in 0..VECTORS {
                        sums[R][v] = S::step(sums[R][v], left, line[v]);
                    }
                });
            }
            right = right.wrapping_add(VECTORS * lanes * if HALF { 2 } else { 4 });
            for base in &mut bases {
                *base = base.wrapping_byte_add(4);
            }
        }
        to_come -= units;
    }
    for_each_row!(R < ROWS => {
        if R < call.rows {
            for (v, &sum) in sums[R].iter().enumerate() {
                // SAFETY: row R of C exists and is as wide as a panel.
                unsafe {
                    let to = call.out.wrapping_add(R * call.out_row + v * lanes);
                    let sum = if call.add { sum.add(S::Lanes::load(to)) } else { sum };
                    sum.store(to);
                }
            }
        }
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn avx512_pairs<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Pairs, ROWS, 2, false>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Singles<F32x16<false>>, ROWS, 2, false>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512_half<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Singles<F32x16<false>>, ROWS, 2, true>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Singles<F32x8>, ROWS, 2, false>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_half<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Singles<F32x8>, ROWS, 2, true>(call) }
}

unsafe fn plain<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Singles<Plain>, ROWS, 1, false>(call) }
}

unsafe fn plain_half<const ROWS: usize>(call: &Reach<'_>) {
    // SAFETY: the caller's promise.
    unsafe { reach::<Singles<Plain>, ROWS, 1, true>(call) }
}
