//! Eight f32 in an AVX register. Remainders go through a small array: AVX2 has no masks for
//! 16-bit numbers, and masked stores are slow on AMD.

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::Lanes;

/// Eight numbers.
#[derive(Clone, Copy)]
pub(crate) struct F32x8(pub(crate) __m256);

// SAFETY of every block below: callers run in a function compiled for AVX2 and FMA (see `Lanes`),
// and pointers are the caller's promise.
impl F32x8 {
    #[inline(always)]
    fn widen(half: __m128i) -> Self {
        // SAFETY: see above.
        unsafe {
            let wide = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half));
            F32x8(_mm256_castsi256_ps(wide))
        }
    }

    /// As in `avx512.rs`: the kept upper halves, still 32 bits apart.
    #[inline(always)]
    fn upper(self) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
            let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040_0000));
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0));
            _mm256_srli_epi32::<16>(_mm256_blendv_epi8(up, quiet, nan))
        }
    }

    #[inline(always)]
    fn narrow(self) -> __m128i {
        // SAFETY: see above.
        unsafe {
            let kept = self.upper();
            let packed = _mm256_packus_epi32(kept, kept);
            _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(packed))
        }
    }
}

impl Lanes for F32x8 {
    const COUNT: usize = 8;
    type Integers = __m256i;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 8];
        // SAFETY: see above; `count` is less than 8.
        unsafe {
            from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count.min(7));
            Self::load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: see above.
        unsafe { Self::widen(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16_part(from: *const bf16, count: usize) -> Self {
        let mut lanes = [bf16::ZERO; 8];
        // SAFETY: see above; `count` is less than 8.
        unsafe {
            from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count.min(7));
            Self::load_bf16(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0; 8];
        // SAFETY: see above; `count` is less than 8.
        unsafe {
            self.store(lanes.as_mut_ptr());
            to.copy_from_nonoverlapping(lanes.as_ptr(), count.min(7));
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16) {
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(to.cast(), self.narrow()) }
    }
    #[inline(always)]
    unsafe fn store_bf16_part(self, to: *mut bf16, count: usize) {
        let mut lanes = [bf16::ZERO; 8];
        // SAFETY: see above; `count` is less than 8.
        unsafe {
            self.store_bf16(lanes.as_mut_ptr());
            to.copy_from_nonoverlapping(lanes.as_ptr(), count.min(7));
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_fmadd_ps(self.0, factor.0, term.0)) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: see above.
        unsafe {
            F32x8(_mm256_round_ps::<
                { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
            >(self.0))
        }
    }
    /// The exponent field is written directly.
    #[inline(always)]
    fn times_power_of_two(self, power: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            let field = _mm256_add_epi32(_mm256_cvtps_epi32(power.0), _mm256_set1_epi32(127));
            let two_to_the = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(field));
            F32x8(_mm256_mul_ps(self.0, two_to_the))
        }
    }
    #[inline(always)]
    fn rounded(self) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(self.upper()))) }
    }
    #[inline(always)]
    fn integers(x: i32) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    fn nibbles(bytes: __m256i) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_set1_epi8(15);
            let high = _mm256_srli_epi16::<4>(bytes);
            [_mm256_and_si256(bytes, low), _mm256_and_si256(high, low)]
        }
    }
    /// Widened to 16 bits, bytes 0 and 2 apart from bytes 1 and 3: the instruction that multiplies
    /// bytes saturates its sums of two.
    #[inline(always)]
    fn dot(sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let even = _mm256_and_si256(unsigned, _mm256_set1_epi16(255));
            let odd = _mm256_srli_epi16::<8>(unsigned);
            let of_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(signed));
            let of_odd = _mm256_srai_epi16::<8>(signed);
            let sum = _mm256_add_epi32(sum, _mm256_madd_epi16(even, of_even));
            _mm256_add_epi32(sum, _mm256_madd_epi16(odd, of_odd))
        }
    }
    #[inline(always)]
    fn of_integers(x: __m256i) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_cvtepi32_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: see above.
        unsafe { F32x8(_mm256_cvtph_ps(_mm_loadu_si128(from.cast()))) }
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut i8) {
        // SAFETY: see above.
        unsafe {
            let words = _mm256_cvtps_epi32(self.0);
            let low = _mm256_castsi256_si128(words);
            let high = _mm256_extracti128_si256::<1>(words);
            let pairs = _mm_packs_epi32(low, high);
            _mm_storel_epi64(to.cast(), _mm_packs_epi16(pairs, pairs));
        }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: see above.
        unsafe {
            let four = _mm_add_ps(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: see above.
        unsafe {
            let four = _mm_max_ps(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    /// Three rounds: pairs of numbers, pairs of pairs, halves of a register.
    #[inline(always)]
    fn transpose(square: &mut [Self; 16]) {
        // SAFETY: see above.
        unsafe {
            let s = square;
            let mut pairs = [_mm256_setzero_ps(); 8];
            for i in 0..4 {
                let (a, b) = (s[2 * i].0, s[2 * i + 1].0);
                pairs[2 * i] = _mm256_unpacklo_ps(a, b);
                pairs[2 * i + 1] = _mm256_unpackhi_ps(a, b);
            }
            let mut fours = [_mm256_setzero_ps(); 8];
            for i in 0..2 {
                let (a, b) = (pairs[4 * i], pairs[4 * i + 2]);
                let (c, d) = (pairs[4 * i + 1], pairs[4 * i + 3]);
                fours[4 * i] = _mm256_shuffle_ps::<0x44>(a, b);
                fours[4 * i + 1] = _mm256_shuffle_ps::<0xee>(a, b);
                fours[4 * i + 2] = _mm256_shuffle_ps::<0x44>(c, d);
                fours[4 * i + 3] = _mm256_shuffle_ps::<0xee>(c, d);
            }
            for i in 0..4 {
                let (a, b) = (fours[i], fours[i + 4]);
                s[i].0 = _mm256_permute2f128_ps::<0x20>(a, b);
                s[i + 4].0 = _mm256_permute2f128_ps::<0x31>(a, b);
            }
        }
    }
}
