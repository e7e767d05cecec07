//! The innermost product: a small tile of C, kept in registers while k runs.
//!
//! `C[rows, columns] (+)= A[rows, k] · B[k, columns]`, a few rows by a few vectors. Each step of
//! the loop loads one line of B (two vectors) and broadcasts one number of every row of A; with
//! 14 × 2 vectors of sums that is 28 multiply–adds for 16 loads, so the multipliers are the limit
//! and not the loads. 28 sums + 2 vectors of B + 1 broadcast = 31 of the 32 registers of AVX-512;
//! 28 independent sums are also more than latency × throughput (4 × 2 on every processor so far),
//! so no multiplier waits for a result. AVX2 has 16 registers: 6 × 2 + 2 + 1 = 15.
//!
//! A *unit* is 32 bits of k: one f32, or two neighbouring bfloat16 that one instruction multiplies
//! with their two partners and adds up. Everything outside this file counts units, and so one
//! body serves every kind.
//!
//! B comes packed in panels (`[unit][column]`, see `pack.rs`). A is read where it lies: row-major
//! activations need no packing, because 14 rows are 14 streams that the caches follow well.
//!
//! Fewer rows have smaller bodies of the same loop, so that a row's sums are taken in the same
//! order however many rows are beside it: a text does not depend on what else is in the batch.

use half::bf16;

use super::kernels::Kernels;
use super::lanes::{Element, Lanes, Plain};
#[cfg(target_arch = "x86_64")]
use super::lanes::{F32x8, F32x16};
use crate::device::Precision;

/// Where A lies.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) start: *const u32,
    /// Bytes from one row to the next.
    pub(crate) row: usize,
    /// Bytes from one unit to the next.
    pub(crate) unit: usize,
}

/// Where C lies.
#[derive(Clone, Copy)]
pub(crate) enum Out {
    F32(*mut f32),
    Bf16(*mut bf16),
}

// SAFETY: a pointer harms nobody; whoever writes through it promises that the place is theirs.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

impl Out {
    /// `count` numbers further on.
    #[inline(always)]
    pub(crate) fn advance(self, count: usize) -> Out {
        match self {
            Out::F32(start) => Out::F32(start.wrapping_add(count)),
            Out::Bf16(start) => Out::Bf16(start.wrapping_add(count)),
        }
    }

    /// Writes one number (or adds it).
    /// # Safety
    /// It must be writable and nobody else's.
    #[inline(always)]
    pub(crate) unsafe fn put(self, at: usize, x: f32, add: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Out::F32(start) => *start.add(at) = if add { *start.add(at) + x } else { x },
                Out::Bf16(start) => {
                    let before = if add { (*start.add(at)).to_f32() } else { 0.0 };
                    *start.add(at) = bf16::from_f32(before + x);
                }
            }
        }
    }
}

/// One tile to compute.
pub(crate) struct Call {
    pub(crate) units: usize,
    /// All rows of a whole tile must be readable, whatever `rows` says.
    pub(crate) left: Left,
    /// A panel of B: `units × Tile::columns`.
    pub(crate) right: *const u32,
    /// Whether its units are bfloat16, to be widened.
    pub(crate) half: bool,
    pub(crate) out: Out,
    /// Numbers from one row of C to the next.
    pub(crate) out_row: usize,
    /// Whether to add to what is there.
    pub(crate) add: bool,
    /// How many rows and columns of the tile exist; the others are not written.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// What a unit holds, and how operands become units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One f32 (bfloat16 is widened).
    Single,
    /// One f32 that bfloat16 can say: products in f32 for processors without bfloat16 products.
    Rounded,
    /// Two bfloat16.
    Pair,
}

impl Unit {
    /// Numbers in a unit.
    pub(crate) fn numbers(self) -> usize {
        if self == Unit::Pair { 2 } else { 1 }
    }
}

/// The innermost product of one kind of processor and one precision.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) unit: Unit,
    bodies: &'static Bodies,
}

/// Bodies by the rows they compute, ascending: for words, and for units that are bfloat16.
type Bodies = [[(usize, unsafe fn(&Call)); 5]; 2];

/// The bodies of a kind: up to all its rows, and fewer.
macro_rules! bodies {
    ($words:ident, $halves:ident: $($rows:literal)*) => {{
        static BODIES: Bodies = [[$(($rows, $words::<$rows>)),*], [$(($rows, $halves::<$rows>)),*]];
        &BODIES
    }};
}

impl Tile {
    pub(crate) fn new(kernels: Kernels, precision: Precision) -> Tile {
        let unit = match (kernels, precision) {
            (_, Precision::F32) => Unit::Single,
            (Kernels::Avx512Bf16, Precision::Bf16) => Unit::Pair,
            (_, Precision::Bf16) => Unit::Rounded,
        };
        #[cfg(target_arch = "x86_64")]
        let (columns, bodies): (usize, &Bodies) = match kernels {
            Kernels::Avx512Bf16 if unit == Unit::Pair => {
                (32, bodies!(avx512_bf16, avx512_halves: 1 2 4 8 14))
            }
            Kernels::Avx512Bf16 | Kernels::Avx512 => {
                (32, bodies!(avx512, avx512_halves: 1 2 4 8 14))
            }
            Kernels::Avx2 => (16, bodies!(avx2, avx2_halves: 1 2 3 4 6)),
            Kernels::Plain => (8, bodies!(plain, plain_halves: 1 2 3 4 4)),
        };
        #[cfg(not(target_arch = "x86_64"))]
        let (columns, bodies): (usize, &Bodies) = (8, bodies!(plain, plain_halves: 1 2 3 4 4));
        Tile {
            rows: bodies[0][4].0,
            columns,
            unit,
            bodies,
        }
    }

    /// # Safety
    /// The pointers of the call must be good for what its fields say.
    #[inline(always)]
    pub(crate) unsafe fn run(&self, call: &Call) {
        let bodies = &self.bodies[usize::from(call.half)];
        let body = bodies.iter().find(|body| body.0 >= call.rows);
        let (_, body) = body.expect("no more rows than a tile has");
        // SAFETY: a device is only made with kernels that the processor supports; the rest is the
        // caller's promise.
        unsafe { body(call) }
    }
}

/// One multiply–add of a kind.
pub(crate) trait Step {
    type Lanes: Lanes;
    /// `sum + left · right`, with the unit at `left` broadcast.
    unsafe fn step(sum: Self::Lanes, left: *const u32, right: Self::Lanes) -> Self::Lanes;
}

/// f32 products with the vectors of `L`.
pub(crate) struct Singles<L>(L);

impl<L: Lanes> Step for Singles<L> {
    type Lanes = L;
    #[inline(always)]
    unsafe fn step(sum: L, left: *const u32, right: L) -> L {
        // SAFETY: the caller's promise; any alignment will do on the processors in question.
        L::splat(unsafe { left.cast::<f32>().read_unaligned() }).mul_add(right, sum)
    }
}

/// bfloat16 dot products of pairs.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Pairs;

#[cfg(target_arch = "x86_64")]
impl Step for Pairs {
    type Lanes = F32x16<true>;
    #[inline(always)]
    unsafe fn step(sum: F32x16<true>, left: *const u32, right: F32x16<true>) -> F32x16<true> {
        use std::arch::x86_64::*;
        // SAFETY: the caller's promise; `__m512` and `__m512bh` are the same 64 bytes.
        unsafe {
            let left = _mm512_set1_ps(left.cast::<f32>().read_unaligned());
            let (left, right) = (
                std::mem::transmute::<__m512, __m512bh>(left),
                std::mem::transmute::<__m512, __m512bh>(right.0),
            );
            F32x16(_mm512_dpbf16_ps(sum.0, left, right))
        }
    }
}

/// Repeats the body for every row of a tile, as text: sums are held in registers only while every
/// index into them is a constant, and a loop would leave that to the optimizer's mood.
macro_rules! for_each_row {
    ($row:ident < $rows:expr => $body:expr) => {
        for_each_row!(@ $row $rows, $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $row:ident $rows:expr, $body:expr; $($number:literal)*) => {
        $({
            const $row: usize = $number;
            if $row < $rows {
                $body
            }
        })*
    };
}

pub(crate) use for_each_row;

/// Bytes of B that are on their way from memory while some are read, where one row of A meets them.
const AHEAD: usize = 4096;

/// The loop. Rows are reached in fives from a few moving pointers, because base + {0, 1, 2, 4} ×
/// stride and base + 3 × stride are what x86 can address without further registers.
#[inline(always)]
unsafe fn multiply<S: Step, const ROWS: usize, const VECTORS: usize, const HALF: bool>(
    call: &Call,
) {
    const { assert!(ROWS <= 14) };
    let lanes = S::Lanes::COUNT;
    let mut sums = [[S::Lanes::splat(0.0); VECTORS]; ROWS];
    fetch_out::<ROWS>(call);
    let row = call.left.row;
    let mut bases: [*const u32; 3] =
        std::array::from_fn(|b| call.left.start.wrapping_byte_add(5 * b * row));
    let mut right = call.right.cast::<f32>();
    let stride = VECTORS * lanes / if HALF { 2 } else { 1 };
    for _ in 0..call.units {
        if ROWS == 1 {
            // Nothing else waits for memory here, and the processor's own prefetching ends with a page.
            prefetch(right.wrapping_byte_add(AHEAD).cast());
            if stride > 16 {
                prefetch(right.wrapping_byte_add(AHEAD + 64).cast());
            }
        }
        // SAFETY: the panel holds `units` lines, and every row of A `units` units.
        unsafe {
            let line: [S::Lanes; VECTORS] = std::array::from_fn(|v| match HALF {
                true => S::Lanes::load_bf16(right.cast::<bf16>().add(v * lanes)),
                false => S::Lanes::load(right.add(v * lanes)),
            });
            for_each_row!(R < ROWS => {
                let left = bases[R / 5].wrapping_byte_add(R % 5 * row);
                for v in 0..VECTORS {
                    sums[R][v] = S::step(sums[R][v], left, line[v]);
                }
            });
        }
        right = right.wrapping_add(stride);
        for base in &mut bases {
            *base = base.wrapping_byte_add(call.left.unit);
        }
    }
    // SAFETY: the caller's promise about C.
    unsafe {
        match call.out {
            Out::F32(out) => write(&sums, call, out),
            Out::Bf16(out) => write(&sums, call, out),
        }
    }
}

/// Asks for the lines of C while there is time: at the end of the loop all are wanted at once, and
/// a store that has to wait for memory holds up those after it.
#[inline(always)]
fn fetch_out<const ROWS: usize>(call: &Call) {
    let (start, number) = match call.out {
        Out::F32(start) => (start.cast::<u8>(), 4),
        Out::Bf16(start) => (start.cast::<u8>(), 2),
    };
    let end = call.columns * number - 1;
    for_each_row!(R < ROWS => {
        if R < call.rows {
            let row = start.wrapping_add(R * call.out_row * number);
            prefetch(row);
            if end >= 64 {
                prefetch(row.wrapping_add(64));
            }
        }
    });
}

/// Asks for a line of memory. Harmless for any address.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Writes the sums that exist.
#[inline(always)]
unsafe fn write<L: Lanes, E: Element, const ROWS: usize, const VECTORS: usize>(
    sums: &[[L; VECTORS]; ROWS],
    call: &Call,
    out: *mut E,
) {
    for_each_row!(R < ROWS => {
        if R < call.rows {
            for (v, &sum) in sums[R].iter().enumerate() {
                let at = v * L::COUNT;
                let count = call.columns.saturating_sub(at);
                // SAFETY: row R and these columns exist.
                unsafe {
                    let to = out.wrapping_add(R * call.out_row + at);
                    let sum = if call.add { sum.add(E::load(to, count)) } else { sum };
                    E::store(sum, to, count);
                }
            }
        }
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn avx512_bf16<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Pairs, ROWS, 2, false>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Singles<F32x16<false>>, ROWS, 2, false>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512_halves<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Singles<F32x16<false>>, ROWS, 2, true>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Singles<F32x8>, ROWS, 2, false>(call) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_halves<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Singles<F32x8>, ROWS, 2, true>(call) }
}

unsafe fn plain<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Singles<Plain>, ROWS, 1, false>(call) }
}

unsafe fn plain_halves<const ROWS: usize>(call: &Call) {
    // SAFETY: the caller's promise.
    unsafe { multiply::<Singles<Plain>, ROWS, 1, true>(call) }
}
