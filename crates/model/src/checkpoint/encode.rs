//! Numbers as they lie in a file: one place where f32 becomes the bytes of a stored type.

use super::Stored;

/// The bytes of numbers in a file, little-endian.
pub fn encode(values: &[f32], stored: Stored) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * stored.bytes()];
    match stored {
        Stored::F32 => {
            for (to, x) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
                *to = x.to_le_bytes();
            }
        }
        Stored::Bf16 => {
            for (to, x) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(values) {
                *to = ((bf16(*x).to_bits() >> 16) as u16).to_le_bytes();
            }
        }
        Stored::F16 => {
            for (to, x) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(values) {
                *to = half::f16::from_f32(*x).to_le_bytes();
            }
        }
    }
    bytes
}

/// To the nearest bfloat16. Without branches, so that a loop over it is done many at a time.
#[inline]
pub(crate) fn bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    // A NaN must stay one: rounding could carry it to zero.
    let quiet = (bits | 0x0040_0000) & 0xffff_0000;
    f32::from_bits(if x.is_nan() { quiet } else { rounded })
}
