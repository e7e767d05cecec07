//! Sixteen f32 in an AVX-512 register. Remainders are masked, so no scalar loop is needed.
//!
//! Every processor that multiplies bfloat16 also has the dot products of bytes (VNNI).

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::Lanes;

/// Sixteen numbers; `NATIVE` says whether the processor rounds to bfloat16 itself (and has VNNI).
#[derive(Clone, Copy)]
pub(crate) struct F32x16<const NATIVE: bool>(pub(crate) __m512);

#[inline(always)]
pub(crate) fn mask(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}

// SAFETY of every block below: callers run in a function compiled for AVX-512 (see `Lanes`), and
// pointers are the caller's promise.
impl<const NATIVE: bool> F32x16<NATIVE> {
    #[inline(always)]
    fn widen(half: __m256i) -> Self {
        // SAFETY: see above.
        unsafe {
            let wide = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half));
            F32x16(_mm512_castsi512_ps(wide))
        }
    }

    /// `self` rounded to bfloat16 in the lower half, `high` in the upper.
    #[inline(always)]
    fn join_bits(self, high: Self) -> __m512i {
        assert!(NATIVE, "only processors with products of pairs need pairs");
        // SAFETY: see above.
        unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high.0, self.0)) }
    }

    #[inline(always)]
    fn narrow(self) -> __m256i {
        // SAFETY: see above.
        unsafe {
            if NATIVE {
                return std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(self.0));
            }
            // Adding half of the last kept place, less one where that place is even, rounds to
            // nearest and ties to even; what is not a number must not round up to infinity.
            let bits = _mm512_castps_si512(self.0);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
            let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x0040_0000));
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
            let kept = _mm512_mask_mov_epi32(up, nan, quiet);
            _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(kept))
        }
    }
}

impl<const NATIVE: bool> Lanes for F32x16<NATIVE> {
    const COUNT: usize = 16;
    type Integers = __m512i;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_maskz_loadu_ps(mask(count), from)) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: see above.
        unsafe { Self::widen(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16_part(from: *const bf16, count: usize) -> Self {
        // SAFETY: see above.
        unsafe { Self::widen(_mm256_maskz_loadu_epi16(mask(count), from.cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: see above.
        unsafe { _mm512_mask_storeu_ps(to, mask(count), self.0) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_si256(to.cast(), self.narrow()) }
    }
    #[inline(always)]
    unsafe fn store_bf16_part(self, to: *mut bf16, count: usize) {
        // SAFETY: see above.
        unsafe { _mm256_mask_storeu_epi16(to.cast(), mask(count), self.narrow()) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_fmadd_ps(self.0, factor.0, term.0)) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_roundscale_ps::<_MM_FROUND_TO_NEAREST_INT>(self.0)) }
    }
    #[inline(always)]
    fn times_power_of_two(self, power: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_scalef_ps(self.0, power.0)) }
    }
    #[inline(always)]
    fn rounded(self) -> Self {
        Self::widen(self.narrow())
    }
    #[inline(always)]
    fn zip(self, high: Self) -> Self {
        const ZIPPED: [u16; 32] = {
            let mut order = [0; 32];
            let mut i = 0;
            while i < 32 {
                order[i] = (i / 2 + 16 * (i % 2)) as u16;
                i += 1;
            }
            order
        };
        // SAFETY: see above; the constant holds 64 bytes.
        unsafe {
            let order = _mm512_loadu_si512(ZIPPED.as_ptr().cast());
            let zipped = _mm512_permutexvar_epi16(order, self.join_bits(high));
            F32x16(_mm512_castsi512_ps(zipped))
        }
    }
    #[inline(always)]
    unsafe fn load_bf16_zipped(first: *const bf16, second: *const bf16, count: usize) -> Self {
        // SAFETY: see above.
        unsafe {
            let [low, high] = [first, second].map(|from| match count >= 16 {
                true => _mm256_loadu_si256(from.cast()),
                false => _mm256_maskz_loadu_epi16(mask(count), from.cast()),
            });
            let high = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(high));
            let zipped = _mm512_or_si512(_mm512_cvtepu16_epi32(low), high);
            F32x16(_mm512_castsi512_ps(zipped))
        }
    }
    #[inline(always)]
    fn join(self, high: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_castsi512_ps(self.join_bits(high))) }
    }
    #[inline(always)]
    fn integers(x: i32) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    fn nibbles(bytes: __m512i) -> [__m512i; 2] {
        // SAFETY: see above.
        unsafe {
            let low = _mm512_set1_epi8(15);
            let high = _mm512_srli_epi16::<4>(bytes);
            [_mm512_and_si512(bytes, low), _mm512_and_si512(high, low)]
        }
    }
    #[inline(always)]
    fn dot(sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe {
            if NATIVE {
                return _mm512_dpbusd_epi32(sum, unsigned, signed);
            }
            // Widened to 16 bits, bytes 0 and 2 apart from bytes 1 and 3; no sum overflows.
            let even = _mm512_and_si512(unsigned, _mm512_set1_epi16(255));
            let odd = _mm512_srli_epi16::<8>(unsigned);
            let of_even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(signed));
            let of_odd = _mm512_srai_epi16::<8>(signed);
            let sum = _mm512_add_epi32(sum, _mm512_madd_epi16(even, of_even));
            _mm512_add_epi32(sum, _mm512_madd_epi16(odd, of_odd))
        }
    }
    #[inline(always)]
    fn of_integers(x: __m512i) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_cvtepi32_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: see above.
        unsafe { F32x16(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut i8) {
        // SAFETY: see above.
        unsafe {
            let bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(self.0));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }

    /// Four rounds: pairs of numbers, pairs of pairs, then quarters of a register twice.
    #[inline(always)]
    fn transpose(square: &mut [Self; 16]) {
        // SAFETY: see above.
        unsafe {
            let s = square;
            let zero = _mm512_setzero_pd();
            let mut pairs = [zero; 16];
            for i in 0..8 {
                let (a, b) = (s[2 * i].0, s[2 * i + 1].0);
                pairs[2 * i] = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
                pairs[2 * i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
            }
            let mut fours = [_mm512_setzero_ps(); 16];
            for i in 0..4 {
                let (a, b) = (pairs[4 * i], pairs[4 * i + 2]);
                let (c, d) = (pairs[4 * i + 1], pairs[4 * i + 3]);
                fours[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                fours[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                fours[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(c, d));
                fours[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(c, d));
            }
            let mut halves = [_mm512_setzero_ps(); 16];
            for i in 0..4 {
                let (a, b, c, d) = (fours[i], fours[i + 4], fours[i + 8], fours[i + 12]);
                halves[i] = _mm512_shuffle_f32x4::<0x88>(a, b);
                halves[i + 4] = _mm512_shuffle_f32x4::<0xdd>(a, b);
                halves[i + 8] = _mm512_shuffle_f32x4::<0x88>(c, d);
                halves[i + 12] = _mm512_shuffle_f32x4::<0xdd>(c, d);
            }
            for i in 0..8 {
                let (a, b) = (halves[i], halves[i + 8]);
                s[i].0 = _mm512_shuffle_f32x4::<0x88>(a, b);
                s[i + 8].0 = _mm512_shuffle_f32x4::<0xdd>(a, b);
            }
        }
    }
}
