//! Host values of one parameter, in the type that they were stored in: owned, or where they lie in
//! a mapped file.
//!
//! A map is let go with the numbers, so that pages that a device has copied do not stay counted.

use crate::gguf::Kind;
use disk::Map;
use std::ops::Range;
use tensor::{Blocks, Values};

/// The values of one parameter.
#[derive(Debug)]
pub enum Numbers {
    /// f32 values.
    F32(Vec<f32>),
    /// bfloat16 bit patterns.
    Bf16(Vec<u16>),
    /// Whole quantised blocks, row by row.
    Blocks(Blocks, Vec<u8>),
    /// Any of these, in a file.
    Mapped(Mapped),
}

/// Numbers in a mapped file, known to lie there whole and aligned.
#[derive(Debug)]
pub struct Mapped {
    map: Map,
    range: Range<usize>,
    kind: Kind,
}

/// Equal as numbers of one type.
impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        match (self.values(), other.values()) {
            (Values::F32(a), Values::F32(b)) => a == b,
            (Values::Bf16(a), Values::Bf16(b)) => a == b,
            (Values::Blocks(one, a), Values::Blocks(other, b)) => one == other && a == b,
            _ => false,
        }
    }
}

impl Numbers {
    /// Numbers of a file whose `range` is inside it and of `kind`: where they lie, unless they are
    /// f16, which becomes f32, or lie at an odd place.
    pub(crate) fn mapped(kind: Kind, map: Map, range: Range<usize>) -> Numbers {
        let there = match kind {
            Kind::F32 => map.f32s_of(range.clone()).is_some(),
            Kind::Bf16 => map.u16s_of(range.clone()).is_some(),
            Kind::F16 => false,
            Kind::Blocks(_) => true,
        };
        if there {
            return Numbers::Mapped(Mapped { map, range, kind });
        }
        Numbers::of_bytes(kind, map.bytes()[range].to_vec())
    }

    /// Numbers from the bytes of a file.
    pub(crate) fn of_bytes(kind: Kind, bytes: Vec<u8>) -> Numbers {
        let halves = || {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| u16::from_le_bytes(*b))
        };
        match kind {
            Kind::F32 => {
                let words = bytes.as_chunks::<4>().0.iter();
                Numbers::F32(words.map(|b| f32::from_le_bytes(*b)).collect())
            }
            Kind::Bf16 => Numbers::Bf16(halves().collect()),
            Kind::F16 => {
                let wide = halves().map(|bits| half::f16::from_bits(bits).to_f32());
                Numbers::F32(wide.collect())
            }
            Kind::Blocks(format) => Numbers::Blocks(format, bytes),
        }
    }

    /// As a device takes them.
    pub fn values(&self) -> Values<'_> {
        match self {
            Numbers::F32(x) => Values::F32(x),
            Numbers::Bf16(x) => Values::Bf16(x),
            Numbers::Blocks(format, x) => Values::Blocks(*format, x),
            Numbers::Mapped(Mapped { map, range, kind }) => match kind {
                Kind::Bf16 => Values::Bf16(map.u16s_of(range.clone()).unwrap_or_default()),
                Kind::Blocks(format) => Values::Blocks(*format, &map.bytes()[range.clone()]),
                // F16 is never mapped.
                Kind::F32 | Kind::F16 => {
                    Values::F32(map.f32s_of(range.clone()).unwrap_or_default())
                }
            },
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In f32.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Numbers::F32(x) => x,
            other => other.values().to_f32(),
        }
    }

    /// Appends some of them, in f32; those of quantised numbers must be whole blocks.
    pub fn extend_f32(&self, range: Range<usize>, to: &mut Vec<f32>) {
        match self.values() {
            Values::F32(x) => to.extend_from_slice(&x[range]),
            Values::Bf16(x) => to.extend_from_slice(&Values::Bf16(&x[range]).to_f32()),
            Values::Blocks(format, x) => {
                let (size, count) = (format.bytes(), format.numbers());
                let bytes = &x[range.start / count * size..range.end / count * size];
                to.extend_from_slice(&Values::Blocks(format, bytes).to_f32());
            }
        }
    }
}
