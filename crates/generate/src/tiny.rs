//! Decoders and tokenizers small enough for tests: nothing learned, everything computed.

use model::{Decoder, Initial, Numbers, Rope, Shape, Use};
use std::sync::Arc;
use tensor::{Cpu, CpuOptions, Precision, Reference};
use tokenizer::{Tokenizer, TrainSettings, train};

/// A tokenizer of single bytes and a few merges, Korean and English.
pub(crate) fn tokenizer() -> Tokenizer {
    let texts = [
        "하늬마을의 특산물은 감귤이다. 하늬마을은 오래된 마을이다.",
        "The bridge of Marlow was built in 1931. The bridge is long.",
        "질문: 하늬마을의 특산물은? 답: 감귤",
    ];
    let settings = TrainSettings {
        vocabulary: 320,
        ..TrainSettings::default()
    };
    train(texts, &settings).unwrap().tokenizer
}

/// A tokenizer of bytes alone: every token is a piece of a Hangul syllable.
pub(crate) fn byte_tokenizer() -> Tokenizer {
    let settings = TrainSettings {
        vocabulary: 272,
        ..TrainSettings::default()
    };
    train(["가나다"], &settings).unwrap().tokenizer
}

pub(crate) fn shape(vocabulary: usize) -> Shape {
    Shape {
        layers: 2,
        width: 32,
        ffn: 48,
        query_heads: 4,
        kv_heads: 2,
        head_dim: 8,
        vocabulary,
        tied: true,
        norm_epsilon: 1e-5,
        rope: Rope::default(),
        context: 192,
    }
}

/// Large random weights, so that distributions are far from flat.
pub(crate) fn reference(vocabulary: usize, seed: u64) -> Decoder<Reference> {
    let device = Arc::new(Reference::new(Precision::F32));
    Decoder::init(shape(vocabulary), device, seed, 0.3).unwrap()
}

pub(crate) fn cpu(vocabulary: usize, seed: u64, precision: Precision) -> Decoder<Cpu> {
    let options = CpuOptions {
        precision,
        ..CpuOptions::default()
    };
    inference(shape(vocabulary), options, seed, 0.3)
}

/// A decoder as it is loaded to be read only.
pub(crate) fn inference(shape: Shape, options: CpuOptions, seed: u64, size: f32) -> Decoder<Cpu> {
    stored(Use::Infer, shape, options, seed, size)
}

/// The same, its matrices stored as said.
pub(crate) fn stored(
    purpose: Use,
    shape: Shape,
    options: CpuOptions,
    seed: u64,
    size: f32,
) -> Decoder<Cpu> {
    let (of, initial) = (shape.clone(), Initial::from(size));
    Decoder::build(shape, Arc::new(Cpu::new(options)), purpose, |spec| {
        Ok(Numbers::F32(initial.values(seed, &of, spec)))
    })
    .unwrap()
}

/// Wide enough that products are cut into tiles, and in whole blocks of 32.
pub(crate) fn wide(vocabulary: usize) -> Shape {
    Shape {
        width: 160,
        ffn: 352,
        head_dim: 32,
        ..shape(vocabulary)
    }
}
