//! Blocks of 32 numbers: one scale, or a scale and a minimum, then the integers.
//!
//! Integers of 4 bits lie two to a byte: number i in the lower half of byte i, number i + 16 in the
//! upper half. A fifth bit lies apart, bit i of a word of 32.

use half::f16;

use super::half_at;

pub(super) fn q8_0(block: &[u8], numbers: &mut [f32]) {
    let d = half_at(block, 0);
    for (x, &q) in numbers.iter_mut().zip(&block[2..]) {
        *x = d * f32::from(q as i8);
    }
}

pub(super) fn q4_0(block: &[u8], numbers: &mut [f32]) {
    let d = half_at(block, 0);
    halves(&block[2..], numbers, |_, q| d * f32::from(q as i8 - 8));
}

pub(super) fn q4_1(block: &[u8], numbers: &mut [f32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    halves(&block[4..], numbers, |_, q| d * f32::from(q) + m);
}

pub(super) fn q5_0(block: &[u8], numbers: &mut [f32]) {
    let (d, high) = (half_at(block, 0), word(&block[2..]));
    halves(&block[6..], numbers, |i, q| {
        d * f32::from((q | fifth(high, i)) as i8 - 16)
    });
}

pub(super) fn q5_1(block: &[u8], numbers: &mut [f32]) {
    let (d, m, high) = (half_at(block, 0), half_at(block, 2), word(&block[4..]));
    halves(&block[8..], numbers, |i, q| {
        d * f32::from(q | fifth(high, i)) + m
    });
}

/// Number i is made of i and its four bits.
fn halves(bytes: &[u8], numbers: &mut [f32], number: impl Fn(usize, u8) -> f32) {
    let (low, high) = numbers.split_at_mut(16);
    for (i, ((low, high), &byte)) in low.iter_mut().zip(high).zip(bytes).enumerate() {
        *low = number(i, byte & 15);
        *high = number(i + 16, byte >> 4);
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn fifth(high: u32, i: usize) -> u8 {
    ((high >> i & 1) << 4) as u8
}

/// d = max |x| / 127, q = x / d to the nearest, halves away from zero. Without its sign a float is in
/// the order of its bits, where NaN is above everything: d is NaN where any x is, as in `gguf`.
pub(super) fn to_q8_0(numbers: &[f32], block: &mut [u8]) {
    let sizes = numbers.iter().map(|x| x.abs().to_bits());
    let largest = f32::from_bits(sizes.fold(0, u32::max));
    let d = largest / 127.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    block[..2].copy_from_slice(&f16::from_f32(d).to_le_bytes());
    for (q, x) in block[2..].iter_mut().zip(numbers) {
        *q = (x * inverse).round() as i8 as u8;
    }
}

/// d = x / −8 of the x that is largest without its sign, so that this one is met exactly;
/// q = ⌊x / d + 8.5⌋, at most 15. NaN is the largest there is, as in [`to_q8_0`].
pub(super) fn to_q4_0(numbers: &[f32], block: &mut [u8]) {
    let size = |x: f32| x.abs().to_bits();
    let largest = numbers.iter().fold(
        0f32,
        |largest, &x| {
            if size(x) > size(largest) { x } else { largest }
        },
    );
    let d = largest / -8.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    block[..2].copy_from_slice(&f16::from_f32(d).to_le_bytes());
    let integer = |x: f32| -> u8 {
        let shifted = f64::from(x) * f64::from(inverse) + 8.5;
        (shifted as f32 as u8).min(15)
    };
    for (i, byte) in block[2..].iter_mut().enumerate() {
        *byte = integer(numbers[i]) | integer(numbers[i + 16]) << 4;
    }
}
