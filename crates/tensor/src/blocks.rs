//! Numbers quantised in blocks, as they lie in a GGUF file: what each block means, number by number.
//!
//! A block of 32 numbers has one scale d (f16) and integers q: x = d·q, or x = d·q + m with a second
//! number m. The K formats put eight or sixteen such blocks under one pair of scales (llama.cpp,
//! `ggml-common.h`). Products and sums are those of the Python package `gguf`, in f32 and in its
//! order, so that every number comes out with the same bits. Names are llama.cpp's.
//!
//! Deliberately absent: formats that need an importance matrix or a codebook (the IQ family), and
//! any speed beyond plain loops: a weight passes here once, when it is loaded.

mod k;
mod thirty_two;

use half::f16;

pub(crate) use k::scale;

/// A format of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blocks {
    /// 8 bits: x = d·q.
    Q8_0,
    /// 4 bits: x = d·(q − 8).
    Q4_0,
    /// 4 bits: x = d·q + m.
    Q4_1,
    /// 5 bits: x = d·(q − 16).
    Q5_0,
    /// 5 bits: x = d·q + m.
    Q5_1,
    /// 4 bits in super-blocks of 256: scales and minima of 6 bits for every 32.
    Q4K,
    /// 5 bits, likewise.
    Q5K,
    /// 6 bits in super-blocks of 256: a scale of 8 bits for every 16.
    Q6K,
}

impl Blocks {
    /// All formats.
    pub const ALL: [Blocks; 8] = [
        Blocks::Q8_0,
        Blocks::Q4_0,
        Blocks::Q4_1,
        Blocks::Q5_0,
        Blocks::Q5_1,
        Blocks::Q4K,
        Blocks::Q5K,
        Blocks::Q6K,
    ];

    /// llama.cpp's name.
    pub fn name(self) -> &'static str {
        match self {
            Blocks::Q8_0 => "Q8_0",
            Blocks::Q4_0 => "Q4_0",
            Blocks::Q4_1 => "Q4_1",
            Blocks::Q5_0 => "Q5_0",
            Blocks::Q5_1 => "Q5_1",
            Blocks::Q4K => "Q4_K",
            Blocks::Q5K => "Q5_K",
            Blocks::Q6K => "Q6_K",
        }
    }

    /// Numbers of a block.
    pub fn numbers(self) -> usize {
        match self {
            Blocks::Q4K | Blocks::Q5K | Blocks::Q6K => 256,
            _ => 32,
        }
    }

    /// Bytes of a block.
    pub fn bytes(self) -> usize {
        match self {
            Blocks::Q8_0 => 34,
            Blocks::Q4_0 => 18,
            Blocks::Q4_1 => 20,
            Blocks::Q5_0 => 22,
            Blocks::Q5_1 => 24,
            Blocks::Q4K => 144,
            Blocks::Q5K => 176,
            Blocks::Q6K => 210,
        }
    }

    /// Writes out the numbers of whole blocks. Panics unless there is room for exactly as many.
    pub fn dequantise(self, bytes: &[u8], numbers: &mut [f32]) {
        let (size, count) = (self.bytes(), self.numbers());
        assert!(
            bytes.len().is_multiple_of(size) && bytes.len() / size * count == numbers.len(),
            "{} bytes of {} do not hold {} numbers",
            bytes.len(),
            self.name(),
            numbers.len()
        );
        let blocks = bytes
            .chunks_exact(size)
            .zip(numbers.chunks_exact_mut(count));
        for (block, numbers) in blocks {
            match self {
                Blocks::Q8_0 => thirty_two::q8_0(block, numbers),
                Blocks::Q4_0 => thirty_two::q4_0(block, numbers),
                Blocks::Q4_1 => thirty_two::q4_1(block, numbers),
                Blocks::Q5_0 => thirty_two::q5_0(block, numbers),
                Blocks::Q5_1 => thirty_two::q5_1(block, numbers),
                Blocks::Q4K => k::q4(block, numbers),
                Blocks::Q5K => k::q5(block, numbers),
                Blocks::Q6K => k::q6(block, numbers),
            }
        }
    }

    /// Quantises numbers that fill whole blocks; `None` where the format is only read
    /// (all but Q8_0 and Q4_0). The bytes are those of `gguf`.
    pub fn quantise(self, numbers: &[f32]) -> Option<Vec<u8>> {
        let count = self.numbers();
        assert!(
            numbers.len().is_multiple_of(count),
            "{} numbers do not fill blocks of {count}",
            numbers.len()
        );
        let block = match self {
            Blocks::Q8_0 => thirty_two::to_q8_0,
            Blocks::Q4_0 => thirty_two::to_q4_0,
            _ => return None,
        };
        let mut bytes = vec![0; numbers.len() / count * self.bytes()];
        let pairs = numbers
            .chunks_exact(count)
            .zip(bytes.chunks_exact_mut(self.bytes()));
        pairs.for_each(|(numbers, bytes)| block(numbers, bytes));
        Some(bytes)
    }

    /// Whether every block that [`quantise`](Self::quantise) has made stands for numbers. One that was
    /// made of NaN, of an infinity, or of numbers too large for an f16 has a scale that is none.
    pub fn is_finite(self, bytes: &[u8]) -> bool {
        let mut blocks = bytes.chunks_exact(self.bytes());
        blocks.all(|block| half_at(block, 0).is_finite())
    }
}

/// The f16 at a place of a block.
#[inline]
pub(crate) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

#[cfg(test)]
mod tests;
