//! Between f32, in which everything is computed, and the types that files hold.

use crate::checkpoint::Stored;

/// Rounds every number to what `stored` can hold, to nearest even.
pub(super) fn round(values: &mut [f32], stored: Stored) {
    match stored {
        Stored::F32 => {}
        Stored::Bf16 => values.iter_mut().for_each(|x| *x = bf16(*x)),
        Stored::F16 => {
            for x in values {
                *x = half::f16::from_f32(*x).to_f32();
            }
        }
    }
}

/// The bytes of numbers in a file, little-endian.
pub(super) fn encode(values: &[f32], stored: Stored) -> Vec<u8> {
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
fn bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    // A NaN must stay one: rounding could carry it to zero.
    let quiet = (bits | 0x0040_0000) & 0xffff_0000;
    f32::from_bits(if x.is_nan() { quiet } else { rounded })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounding_is_that_of_the_half_crate(bits in any::<u32>()) {
            let x = f32::from_bits(bits);
            let expected = half::bf16::from_f32(x);
            prop_assert_eq!(encode(&[x], Stored::Bf16), expected.to_le_bytes().to_vec());
            let mut rounded = [x];
            round(&mut rounded, Stored::Bf16);
            prop_assert_eq!(rounded[0].to_bits(), expected.to_f32().to_bits());
        }
    }
}
