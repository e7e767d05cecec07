//! One vector of f32 numbers, whatever the processor calls it, so that each operation is written
//! once and compiled for every kind.
//!
//! An operation is a struct that implements [`Work`]: its fields are its arguments, its body is
//! generic over [`Lanes`]. [`Kernels::apply`] enters a function compiled for the instructions in
//! question and calls the body there. Everything between the two is `#[inline(always)]`: an
//! intrinsic that is not inlined into a function with its instructions enabled becomes a call.
//!
//! Integers are there for one purpose, sums of products of bytes (`integers.rs`).
//!
//! Deliberately absent: comparisons, gathers; nothing here needs them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;
#[cfg(test)]
mod tests;

use half::{bf16, f16};

use super::array::Number;
use super::kernels::Kernels;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::F32x8;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::F32x16;
pub(crate) use plain::Plain;

/// A vector of [`COUNT`](Lanes::COUNT) f32 numbers.
///
/// Callers must be inside a function compiled for the instructions of the implementation; the
/// only way in is [`Kernels::apply`]. Pointers need no alignment.
pub(crate) trait Lanes: Copy {
    /// How many numbers.
    const COUNT: usize;
    /// As many integers of 32 bits, or groups of four bytes.
    type Integers: Copy;

    fn splat(x: f32) -> Self;
    /// # Safety
    /// `COUNT` numbers must be readable.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `count < COUNT` numbers, zeros after them.
    /// # Safety
    /// `count` numbers must be readable.
    unsafe fn load_part(from: *const f32, count: usize) -> Self;
    /// # Safety
    /// `COUNT` numbers must be readable.
    unsafe fn load_bf16(from: *const bf16) -> Self;
    /// # Safety
    /// `count < COUNT` numbers must be readable.
    unsafe fn load_bf16_part(from: *const bf16, count: usize) -> Self;
    /// # Safety
    /// `COUNT` numbers must be writable.
    unsafe fn store(self, to: *mut f32);
    /// # Safety
    /// `count < COUNT` numbers must be writable.
    unsafe fn store_part(self, to: *mut f32, count: usize);
    /// Rounds to nearest, ties to even.
    /// # Safety
    /// `COUNT` numbers must be writable.
    unsafe fn store_bf16(self, to: *mut bf16);
    /// # Safety
    /// `count < COUNT` numbers must be writable.
    unsafe fn store_bf16_part(self, to: *mut bf16, count: usize);

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once where the processor can.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger; `other` where either is not a number.
    fn max(self, other: Self) -> Self;
    /// The smaller; `other` where either is not a number.
    fn min(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// To the nearest integer.
    fn round(self) -> Self;
    /// `self · 2^power` for integers −127 < power ≤ 128.
    fn times_power_of_two(self, power: Self) -> Self;
    /// Rounded to what bfloat16 can say.
    fn rounded(self) -> Self;
    /// Units of two bfloat16 (see `tile.rs`): lane i of `self` beside lane i of `high`.
    #[inline(always)]
    fn zip(self, high: Self) -> Self {
        let _ = high;
        unreachable!("these vectors have no pairs")
    }
    /// Units of two bfloat16: neighbours in `self`, then neighbours in `high`.
    #[inline(always)]
    fn join(self, high: Self) -> Self {
        let _ = high;
        unreachable!("these vectors have no pairs")
    }
    /// As `zip`, of bfloat16 in memory: the bits need not become f32 and back.
    /// # Safety
    /// `count` numbers must be readable in both places.
    #[inline(always)]
    unsafe fn load_bf16_zipped(first: *const bf16, second: *const bf16, count: usize) -> Self {
        let _ = (first, second, count);
        unreachable!("these vectors have no pairs")
    }
    /// One integer in all lanes.
    fn integers(x: i32) -> Self::Integers;
    /// # Safety
    /// `4·COUNT` bytes must be readable.
    unsafe fn load_bytes(from: *const u8) -> Self::Integers;
    /// The lower four bits of every byte, and the upper four.
    fn nibbles(bytes: Self::Integers) -> [Self::Integers; 2];
    /// In each lane, adds four products: of an unsigned byte with a signed one.
    fn dot(sum: Self::Integers, unsigned: Self::Integers, signed: Self::Integers)
    -> Self::Integers;
    /// As numbers.
    fn of_integers(x: Self::Integers) -> Self;
    /// Numbers of IEEE half precision.
    /// # Safety
    /// `COUNT` numbers must be readable.
    unsafe fn load_f16(from: *const f16) -> Self;
    /// Whole numbers from −128 to 127 as bytes.
    /// # Safety
    /// `COUNT` bytes must be writable.
    unsafe fn store_bytes(self, to: *mut i8);
    /// The sum of all lanes, in a fixed order.
    fn sum(self) -> f32;
    /// The largest lane.
    fn largest(self) -> f32;
    /// Transposes the square of the first `COUNT` vectors.
    fn transpose(square: &mut [Self; 16]);

    /// e to the power of each lane, with a relative error of about 1e-7; e^−87.3 below −87.3.
    ///
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, so eˣ = 2ⁿ·eʳ; ln 2 is taken away in two parts because
    /// n·ln 2 does not fit one f32; eʳ is the polynomial of the Cephes library.
    #[inline(always)]
    fn exp(self) -> Self {
        // The bound is the first operand so that what is not a number stays so.
        let x = Self::splat(-87.3).max(self);
        let x = Self::splat(88.7).min(x);
        let n = x.mul(Self::splat(std::f32::consts::LOG2_E)).round();
        let r = n.mul_add(Self::splat(-0.693_359_4), x);
        let r = n.mul_add(Self::splat(2.121_944_4e-4), r);
        let mut p = Self::splat(CURVE[0]);
        for coefficient in &CURVE[1..] {
            p = p.mul_add(r, Self::splat(*coefficient));
        }
        p.times_power_of_two(n)
    }

    /// ln(1 + x) for 0 ≤ x ≤ 1, with a relative error of about 1e-7.
    ///
    /// With s = x / (2 + x) ≤ ⅓ it is 2·artanh s = 2·(s + s³/3 + s⁵/5 + …).
    #[inline(always)]
    fn ln_1p(self) -> Self {
        let s = self.div(self.add(Self::splat(2.0)));
        let square = s.mul(s);
        let mut sum = Self::splat(1.0 / 13.0);
        for odd in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
            sum = sum.mul_add(square, Self::splat(1.0 / odd));
        }
        s.add(s).mul(sum)
    }

    /// 1 / (1 + e⁻ˣ).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let one = Self::splat(1.0);
        one.div(one.add(Self::splat(0.0).sub(self).exp()))
    }
}

/// eʳ for |r| ≤ ln 2 / 2, the highest power first (Moshier, Cephes, `expf`).
#[allow(clippy::excessive_precision)] // the digits are those of the source
const CURVE: [f32; 8] = [
    1.987_569_1e-4,
    1.398_2e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    5.000_000_1e-1,
    1.0,
    1.0,
];

/// A stretch of at most [`Lanes::COUNT`] numbers within a row.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) at: usize,
    pub(crate) count: usize,
}

/// Cuts `len` numbers into whole vectors and one remainder.
#[inline(always)]
pub(crate) fn spans<L: Lanes>(len: usize) -> Spans<L> {
    Spans {
        at: 0,
        len,
        lanes: std::marker::PhantomData,
    }
}

pub(crate) struct Spans<L> {
    at: usize,
    len: usize,
    lanes: std::marker::PhantomData<L>,
}

impl<L: Lanes> Iterator for Spans<L> {
    type Item = Span;
    #[inline(always)]
    fn next(&mut self) -> Option<Span> {
        if self.at >= self.len {
            return None;
        }
        let at = self.at;
        self.at += L::COUNT;
        Some(Span {
            at,
            count: L::COUNT.min(self.len - at),
        })
    }
}

/// A number as it lies in memory: f32, or bfloat16 widened on the way in and rounded on the way
/// out.
pub(crate) trait Element: Number {
    /// # Safety
    /// `count` numbers must be readable.
    unsafe fn load<L: Lanes>(from: *const Self, count: usize) -> L;
    /// # Safety
    /// `count` numbers must be writable.
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self, count: usize);

    /// `L::COUNT` units of two bfloat16 each.
    /// # Safety
    /// Twice `L::COUNT` numbers must be readable.
    unsafe fn load_pairs<L: Lanes>(from: *const Self) -> L;

    /// Units of two: number i from `first` on beside number i from `second` on.
    /// # Safety
    /// `count` numbers must be readable in both places.
    #[inline(always)]
    unsafe fn load_zipped<L: Lanes>(first: *const Self, second: *const Self, count: usize) -> L {
        // SAFETY: the caller's promise.
        unsafe { Self::load::<L>(first, count).zip(Self::load(second, count)) }
    }

    fn widen(self) -> f32;
    fn narrow(x: f32) -> Self;

    /// The numbers of a span; zeros after the last.
    #[inline(always)]
    fn get<L: Lanes>(from: &[Self], span: Span) -> L {
        assert!(span.at + span.count <= from.len());
        // SAFETY: the span lies in the slice.
        unsafe { Self::load(from.as_ptr().add(span.at), span.count) }
    }

    /// Writes the numbers of a span.
    #[inline(always)]
    fn put<L: Lanes>(lanes: L, to: &mut [Self], span: Span) {
        assert!(span.at + span.count <= to.len());
        // SAFETY: the span lies in the slice.
        unsafe { Self::store(lanes, to.as_mut_ptr().add(span.at), span.count) }
    }
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self, count: usize) -> L {
        // SAFETY: the caller's promise.
        unsafe {
            if count >= L::COUNT {
                L::load(from)
            } else {
                L::load_part(from, count)
            }
        }
    }
    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if count >= L::COUNT {
                lanes.store(to)
            } else {
                lanes.store_part(to, count)
            }
        }
    }
    #[inline(always)]
    unsafe fn load_pairs<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load(from).join(L::load(from.add(L::COUNT))) }
    }
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        x
    }
}

impl Element for bf16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self, count: usize) -> L {
        // SAFETY: the caller's promise.
        unsafe {
            if count >= L::COUNT {
                L::load_bf16(from)
            } else {
                L::load_bf16_part(from, count)
            }
        }
    }
    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if count >= L::COUNT {
                lanes.store_bf16(to)
            } else {
                lanes.store_bf16_part(to, count)
            }
        }
    }
    #[inline(always)]
    unsafe fn load_pairs<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise; the bits are moved, not read as a number.
        unsafe { L::load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn load_zipped<L: Lanes>(first: *const Self, second: *const Self, count: usize) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load_bf16_zipped(first, second, count) }
    }
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        bf16::from_f32(x)
    }
}

/// An operation whose body is generic over the vectors it computes with. `run` must be
/// `#[inline(always)]`.
pub(crate) trait Work {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

impl Kernels {
    /// Runs the body with the vectors of these kernels.
    pub(crate) fn apply<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        {
            debug_assert!(self.supported());
            // SAFETY: a device is only made with kernels that the processor supports.
            unsafe {
                match self {
                    Kernels::Avx512Bf16 => with_avx512_bf16(work),
                    Kernels::Avx512 => with_avx512(work),
                    Kernels::Avx2 => with_avx2(work),
                    Kernels::Plain => work.run::<Plain>(),
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        work.run::<Plain>()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn with_avx512_bf16<W: Work>(work: W) -> W::Output {
    work.run::<F32x16<true>>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
unsafe fn with_avx512<W: Work>(work: W) -> W::Output {
    work.run::<F32x16<false>>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn with_avx2<W: Work>(work: W) -> W::Output {
    work.run::<F32x8>()
}
