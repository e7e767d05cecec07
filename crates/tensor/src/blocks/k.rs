//! Super-blocks of 256 numbers: eight blocks of 32 or sixteen of 16, whose scales are integers
//! times one scale of the whole.

use super::half_at;

/// Bytes of the twelve that hold eight scales and eight minima of 6 bits.
const SCALES: usize = 12;

/// `[d, dmin]` f16, scales, 128 bytes of four bits: each 32 bytes hold two blocks, the first in
/// the lower halves. x = (d·scale)·q − dmin·minimum.
pub(super) fn q4(block: &[u8], numbers: &mut [f32]) {
    let (head, bits) = block.split_at(4 + SCALES);
    for (b, numbers) in numbers.chunks_exact_mut(32).enumerate() {
        let (d, m) = scale(head, b);
        for (x, byte) in numbers.iter_mut().zip(&bits[b / 2 * 32..]) {
            *x = d * f32::from(byte >> (4 * (b % 2)) & 15) - m;
        }
    }
}

/// As [`q4`], with 32 bytes of fifth bits before: bit b of byte i belongs to number i of block b.
pub(super) fn q5(block: &[u8], numbers: &mut [f32]) {
    let (head, rest) = block.split_at(4 + SCALES);
    let (fifth, bits) = rest.split_at(32);
    for (b, numbers) in numbers.chunks_exact_mut(32).enumerate() {
        let (d, m) = scale(head, b);
        let bytes = bits[b / 2 * 32..].iter().zip(fifth);
        for (x, (byte, fifth)) in numbers.iter_mut().zip(bytes) {
            let q = byte >> (4 * (b % 2)) & 15 | (fifth >> b & 1) << 4;
            *x = d * f32::from(q) - m;
        }
    }
}

/// 128 bytes of lower four bits, 64 of upper two, sixteen scales of 8 bits, d.
/// Each half of 128 numbers has four stretches of 32. x = (d·scale)·(q − 32).
pub(super) fn q6(block: &[u8], numbers: &mut [f32]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = half_at(d, 0);
    for (stretch, numbers) in numbers.chunks_exact_mut(32).enumerate() {
        let (half, part) = (stretch / 4, stretch % 4);
        let low = &low[half * 64 + part % 2 * 32..];
        let high = &high[half * 32..];
        for (i, x) in numbers.iter_mut().enumerate() {
            let q = low[i] >> (part / 2 * 4) & 15 | (high[i] >> (2 * part) & 3) << 4;
            let scale = d * f32::from(scales[2 * stretch + i / 16] as i8);
            *x = scale * f32::from(q as i8 - 32);
        }
    }
}

/// Scale and minimum of block b of eight, from `[d, dmin]` and the twelve bytes. The first four
/// of each have their six bits in one byte; the others four bits in the last four bytes, and two
/// above the first ones' bits.
pub(crate) fn scale(head: &[u8], b: usize) -> (f32, f32) {
    let (d, minimum) = (half_at(head, 0), half_at(head, 2));
    let six = &head[4..];
    let (s, m) = match b {
        0..4 => (six[b] & 63, six[b + 4] & 63),
        _ => (
            six[b + 4] & 15 | six[b - 4] >> 6 << 4,
            six[b + 4] >> 4 | six[b] >> 6 << 4,
        ),
    };
    (d * f32::from(s), minimum * f32::from(m))
}
