//! A decoder small and odd enough that any confusion of its sizes fails a test.

use crate::{Batch, Decoder, Initial, Numbers, Rope, Shape, Use};
use std::sync::Arc;
use tensor::Forward;

/// Two layers, four query heads for two key–value heads of 6 numbers, width 10 (≠ 4·6), ffn 14.
pub(crate) fn shape(tied: bool) -> Shape {
    Shape {
        layers: 2,
        width: 10,
        ffn: 14,
        query_heads: 4,
        kv_heads: 2,
        head_dim: 6,
        vocabulary: 23,
        tied,
        norm_epsilon: 1e-5,
        rope: Rope::default(),
        context: 32,
    }
}

/// A decoder far from its beginning: large weights, gains that differ.
pub(crate) fn decoder<D: Forward>(shape: Shape, device: D, purpose: Use) -> Decoder<D> {
    let of = shape.clone();
    let initial = Initial::from(0.4);
    Decoder::build(shape, Arc::new(device), purpose, |spec| {
        let mut values = initial.values(11, &of, spec);
        if !spec.is_matrix() {
            for (i, value) in values.iter_mut().enumerate() {
                *value = 1.0 + 0.1 * (i as f32 - 4.0);
            }
        }
        Ok(Numbers::F32(values))
    })
    .unwrap()
}

/// Three segments of 7, 1 and 5 rows.
pub(crate) fn batch() -> Batch {
    Batch::segments([&[3, 1, 4, 1, 5, 9, 2][..], &[22], &[0, 17, 17, 8, 6]])
}
