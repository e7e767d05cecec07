//! Eight f32 in an array, for processors without kernels of their own. The loops have constant
//! bounds, and the compiler makes of them whatever vectors the target has.

use half::{bf16, f16};

use super::Lanes;

/// Eight numbers.
#[derive(Clone, Copy)]
pub(crate) struct Plain(pub(crate) [f32; 8]);

impl Plain {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Plain(std::array::from_fn(|i| f(self.0[i])))
    }
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Plain(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

/// Rounds to nearest, ties to even, without the branches of `bf16::from_f32`.
#[inline(always)]
fn narrow(x: f32) -> bf16 {
    let bits = x.to_bits();
    let up = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let kept = if x.is_nan() { bits | 0x0040_0000 } else { up };
    bf16::from_bits((kept >> 16) as u16)
}

#[inline(always)]
fn widen(x: bf16) -> f32 {
    f32::from_bits(u32::from(x.to_bits()) << 16)
}

// SAFETY of every block below: pointers are the caller's promise.
impl Lanes for Plain {
    const COUNT: usize = 8;
    type Integers = [u32; 8];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Plain([x; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see above.
        unsafe { Plain(from.cast::<[f32; 8]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; 8];
        // SAFETY: see above; `count` is less than 8.
        unsafe { from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count.min(7)) };
        Plain(lanes)
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: see above.
        let halves = unsafe { from.cast::<[bf16; 8]>().read_unaligned() };
        Plain(std::array::from_fn(|i| widen(halves[i])))
    }
    #[inline(always)]
    unsafe fn load_bf16_part(from: *const bf16, count: usize) -> Self {
        let mut halves = [bf16::ZERO; 8];
        // SAFETY: see above; `count` is less than 8.
        unsafe { from.copy_to_nonoverlapping(halves.as_mut_ptr(), count.min(7)) };
        Plain(std::array::from_fn(|i| widen(halves[i])))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see above.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        // SAFETY: see above; `count` is less than 8.
        unsafe { to.copy_from_nonoverlapping(self.0.as_ptr(), count.min(7)) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16) {
        // SAFETY: see above.
        unsafe { to.cast::<[bf16; 8]>().write_unaligned(self.0.map(narrow)) }
    }
    #[inline(always)]
    unsafe fn store_bf16_part(self, to: *mut bf16, count: usize) {
        // SAFETY: see above; `count` is less than 8.
        unsafe { to.copy_from_nonoverlapping(self.0.map(narrow).as_ptr(), count.min(7)) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    /// Rounded twice: without the instruction, `f32::mul_add` would be a slow call.
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.mul(factor).add(term)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }
    /// Adding and taking away 1.5·2²³ leaves no room for a fraction (|x| < 2²² here).
    #[inline(always)]
    fn round(self) -> Self {
        const MAGIC: f32 = 12_582_912.0;
        self.map(|x| (x + MAGIC) - MAGIC)
    }
    #[inline(always)]
    fn times_power_of_two(self, power: Self) -> Self {
        self.zip(power, |x, n| {
            x * f32::from_bits(((n as i32 + 127) as u32) << 23)
        })
    }
    #[inline(always)]
    fn rounded(self) -> Self {
        self.map(|x| widen(narrow(x)))
    }
    #[inline(always)]
    fn integers(x: i32) -> [u32; 8] {
        [x as u32; 8]
    }
    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> [u32; 8] {
        // SAFETY: see above.
        unsafe { from.cast::<[u32; 8]>().read_unaligned() }.map(u32::from_le)
    }
    #[inline(always)]
    fn nibbles(bytes: [u32; 8]) -> [[u32; 8]; 2] {
        [
            bytes.map(|x| x & 0x0f0f_0f0f),
            bytes.map(|x| (x >> 4) & 0x0f0f_0f0f),
        ]
    }
    #[inline(always)]
    fn dot(sum: [u32; 8], unsigned: [u32; 8], signed: [u32; 8]) -> [u32; 8] {
        std::array::from_fn(|i| {
            let product = |byte: u32| {
                let u = (unsigned[i] >> (8 * byte) & 255) as i32;
                let s = i32::from((signed[i] >> (8 * byte)) as i8);
                (u * s) as u32
            };
            let four = product(0).wrapping_add(product(1));
            let four = four.wrapping_add(product(2)).wrapping_add(product(3));
            sum[i].wrapping_add(four)
        })
    }
    #[inline(always)]
    fn of_integers(x: [u32; 8]) -> Self {
        Plain(x.map(|x| x as i32 as f32))
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: see above.
        Plain(unsafe { from.cast::<[f16; 8]>().read_unaligned() }.map(f16::to_f32))
    }
    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut i8) {
        // SAFETY: see above.
        unsafe {
            to.cast::<[i8; 8]>()
                .write_unaligned(self.0.map(|x| x as i8))
        }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        self.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
    #[inline(always)]
    fn transpose(square: &mut [Self; 16]) {
        let before = *square;
        for (i, row) in square.iter_mut().take(8).enumerate() {
            *row = Plain(std::array::from_fn(|j| before[j].0[i]));
        }
    }
}
