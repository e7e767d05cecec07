//! Between f32, in which everything is computed, and the types that files hold.

use crate::checkpoint::{Stored, bf16};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::encode;
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
