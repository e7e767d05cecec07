//! Every kind of vector against the standard library and the crate `half`.

use half::bf16;

use super::{Element, Lanes, Work, spans};
use crate::cpu::kernels::Kernels;

struct Exponentials<'a>(&'a mut [f32]);

impl Work for Exponentials<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.0.len()) {
            f32::put(f32::get::<L>(self.0, span).exp(), self.0, span);
        }
    }
}

#[test]
fn exponentials_have_seven_digits() {
    let inputs: Vec<f32> = (-870_000..=880_000)
        .step_by(7)
        .map(|i| i as f32 * 1e-4)
        .collect();
    for kernels in Kernels::available() {
        let mut found = inputs.clone();
        kernels.apply(Exponentials(&mut found));
        for (x, found) in inputs.iter().zip(found) {
            let wanted = f64::from(*x).exp();
            let error = (f64::from(found) - wanted).abs() / wanted;
            assert!(error < 2.5e-7, "{kernels}: e^{x} is off by {error}");
        }
        let mut odd = [f32::NAN, f32::NEG_INFINITY, -1e9, 0.0];
        kernels.apply(Exponentials(&mut odd));
        assert!(odd[0].is_nan() && odd[1] < 1e-37 && odd[2] < 1e-37 && odd[3] == 1.0);
    }
}

struct Logarithms<'a>(&'a mut [f32]);

impl Work for Logarithms<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.0.len()) {
            f32::put(f32::get::<L>(self.0, span).ln_1p(), self.0, span);
        }
    }
}

#[test]
fn logarithms_have_six_digits() {
    let inputs: Vec<f32> = (0..=10_000).map(|i| i as f32 * 1e-4).collect();
    for kernels in Kernels::available() {
        let mut found = inputs.clone();
        kernels.apply(Logarithms(&mut found));
        for (x, found) in inputs.iter().zip(found) {
            let wanted = f64::from(*x).ln_1p();
            let error = (f64::from(found) - wanted).abs();
            assert!(error <= 3e-7 * wanted, "{kernels}: ln(1 + {x}) is {found}");
        }
    }
}

struct Round<'a>(&'a [f32], &'a mut [bf16]);

impl Work for Round<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.0.len()) {
            bf16::put(f32::get::<L>(self.0, span), self.1, span);
        }
    }
}

struct Widen<'a>(&'a [bf16], &'a mut [f32]);

impl Work for Widen<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.0.len()) {
            f32::put(bf16::get::<L>(self.0, span).rounded(), self.1, span);
        }
    }
}

#[test]
fn rounding_is_to_nearest_and_to_even() {
    // Each bfloat16 that is normal, infinite or not a number, and places between it and the next.
    let normal = |bits: &u16| bits & 0x7f80 != 0;
    let patterns = (0..=u16::MAX).filter(normal);
    let inputs: Vec<f32> = patterns
        .flat_map(|bits| [0, 1, 0x7fff, 0x8000, 0x8001].map(|low| (u32::from(bits) << 16) | low))
        .map(f32::from_bits)
        .chain([0.0, -0.0])
        .collect();
    for kernels in Kernels::available() {
        let mut found = vec![bf16::ZERO; inputs.len()];
        kernels.apply(Round(&inputs, &mut found));
        let mut wide = vec![0.0; inputs.len()];
        kernels.apply(Widen(&found, &mut wide));
        for ((x, found), wide) in inputs.iter().zip(found).zip(wide) {
            let wanted = bf16::from_f32(*x);
            assert!(
                found == wanted || (found.is_nan() && wanted.is_nan()),
                "{kernels}: {x} became {found}, not {wanted}"
            );
            assert!(wide == found.to_f32() || wide.is_nan() && found.is_nan());
        }
    }
}

struct Transpose<'a>(&'a mut [f32]);

impl Work for Transpose<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<L: Lanes>(self) -> usize {
        let mut square = [L::splat(0.0); 16];
        let rows = square
            .iter_mut()
            .zip(self.0.chunks_exact(L::COUNT))
            .take(L::COUNT);
        for (row, numbers) in rows {
            // SAFETY: a chunk holds COUNT numbers.
            *row = unsafe { L::load(numbers.as_ptr()) };
        }
        L::transpose(&mut square);
        for (row, numbers) in square.iter().zip(self.0.chunks_exact_mut(L::COUNT)) {
            // SAFETY: as above.
            unsafe { row.store(numbers.as_mut_ptr()) };
        }
        L::COUNT
    }
}

#[test]
fn a_transposed_square_has_its_columns_as_rows() {
    for kernels in Kernels::available() {
        let mut numbers: Vec<f32> = (0..256).map(|i| i as f32).collect();
        let count = kernels.apply(Transpose(&mut numbers));
        for row in 0..count {
            for column in 0..count {
                assert_eq!(numbers[row * count + column], (column * count + row) as f32);
            }
        }
    }
}
