//! Weights of 8 and 4 bits, and their products with rows quantised to 8.
//!
//! In a block b of 32 numbers along k a weight is d·(u − z), u unsigned and z the middle of its
//! range, or d·u + m; the other operand is e·s with e = max |x| / 127 and s of 8 bits, signed
//! (`integers/activations.rs`). So
//! `y[r, o] = Σ_b e·(d·(Σᵢ uᵢ·sᵢ − z·Σᵢ sᵢ) + m·Σᵢ sᵢ)`,
//! the inner sums exact in 32 bits, the outer one in f32 in the order of b, whatever the number of
//! rows and whichever the kernels: a text does not depend on what else is in the batch.
//!
//! Thirty-two rows of w are interleaved four numbers at a time, `[k / 4][32][4]`, so that one
//! instruction multiplies four numbers of each with the same four of x and nothing is summed across
//! lanes. A tile takes them all, in vectors side by side: it reads one stream of memory, line after
//! line, which the processor fetches ahead by itself (1.4 times as fast as two vectors half a block
//! apart). Two numbers of 4 bits share a byte: i with i + 16 of the block, as in the file.
//!
//! What stays as it is in the file: Q8_0; Q4_0 and Q4_1. Q4_K keeps its integers, while its scales
//! and minima are multiplied out and rounded to f16. Q5_0, Q5_1, Q5_K and Q6_K become Q8_0.

mod activations;
mod tile;

use half::f16;

use super::array::Buffer;
use super::team::{Parts, Session};
use crate::blocks::{Blocks, scale};

pub(crate) use activations::{Activations, Quantise};
pub(crate) use tile::{ROWS, Sweep};

/// Numbers of a block, here.
pub(crate) const BLOCK: usize = 32;
/// Rows of w in a panel: two vectors of AVX-512.
pub(crate) const PANEL: usize = 32;
/// Bytes of a panel that hold four numbers of each row (of 4 bits: eight).
const WORD: usize = 4 * PANEL;

/// A weight in blocks of integers.
pub(crate) struct Integers {
    /// Blocks of a row.
    pub(crate) blocks: usize,
    /// Bits of a number: 8 or 4.
    pub(crate) bits: usize,
    /// `[panels][blocks][bits][32][4]` bytes.
    pub(crate) bytes: Buffer<u8>,
    /// `[panels][blocks][32]`
    pub(crate) scales: Buffer<f16>,
    /// As `scales`, where there are minima instead of a middle.
    pub(crate) minima: Option<Buffer<f16>>,
}

/// A block on its way from one order to the other.
struct Block {
    /// From 0.
    numbers: [u8; BLOCK],
    scale: f16,
    minimum: f16,
}

impl Integers {
    /// From blocks as they lie in a file, row by row.
    pub(crate) fn new(
        session: &Session<'_>,
        [rows, cols]: [usize; 2],
        format: Blocks,
        file: &[u8],
    ) -> Integers {
        assert!(
            cols.is_multiple_of(format.numbers()),
            "rows of {cols} numbers are not whole blocks of {}",
            format.name()
        );
        let (bits, minima) = match format {
            Blocks::Q4_0 => (4, false),
            Blocks::Q4_1 | Blocks::Q4K => (4, true),
            _ => (8, false),
        };
        let panels = rows.div_ceil(PANEL);
        let blocks = cols / BLOCK;
        let mut made = Integers {
            blocks,
            bits,
            bytes: Buffer::shelved(panels * blocks * bits * WORD),
            scales: Buffer::shelved(panels * blocks * PANEL),
            minima: minima.then(|| Buffer::shelved(panels * blocks * PANEL)),
        };
        let row_bytes = cols / format.numbers() * format.bytes();
        let (bytes, scales) = (Parts::new(&mut made.bytes), Parts::new(&mut made.scales));
        let minima = made.minima.as_mut().map(|minima| Parts::new(minima));
        session.run(panels, |panel, _| {
            let numbers = panel * blocks * PANEL..(panel + 1) * blocks * PANEL;
            let size = blocks * bits * WORD;
            // SAFETY: a task takes its own panel.
            let (bytes, scales, mut minima) = unsafe {
                (
                    bytes.slice(panel * size..(panel + 1) * size),
                    scales.slice(numbers.clone()),
                    minima.as_ref().map(|minima| minima.slice(numbers)),
                )
            };
            for lane in 0..PANEL.min(rows - panel * PANEL) {
                let row = &file[(panel * PANEL + lane) * row_bytes..][..row_bytes];
                each_block(format, row, &mut |b, block| {
                    scales[b * PANEL + lane] = block.scale;
                    if let Some(minima) = &mut minima {
                        minima[b * PANEL + lane] = block.minimum;
                    }
                    place(
                        &mut bytes[b * bits * WORD..][..bits * WORD],
                        lane,
                        bits,
                        block,
                    );
                });
            }
        });
        made
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        let minima = self.minima.as_ref().map_or(0, |minima| minima.len());
        self.bytes.len() + 2 * (self.scales.len() + minima)
    }

    /// One row, in f32.
    pub(crate) fn row(&self, row: usize, to: &mut [f32]) {
        let (panel, lane) = (row / PANEL, row % PANEL);
        for (b, to) in to.chunks_exact_mut(BLOCK).enumerate() {
            let at = panel * self.blocks + b;
            let bytes = &self.bytes[at * self.bits * WORD..][..self.bits * WORD];
            let d = self.scales[at * PANEL + lane].to_f32();
            let minima = self.minima.as_ref();
            let m = minima.map(|minima| minima[at * PANEL + lane].to_f32());
            for (i, x) in to.iter_mut().enumerate() {
                let byte = bytes[i % (4 * self.bits) / 4 * WORD + lane * 4 + i % 4];
                let u = match self.bits {
                    8 => byte,
                    _ => byte >> (i / 16 * 4) & 15,
                };
                *x = match m {
                    Some(m) => d * f32::from(u) + m,
                    None => d * f32::from(i16::from(u) - self.middle() as i16),
                };
            }
        }
    }

    /// z.
    pub(crate) fn middle(&self) -> i32 {
        match (self.bits, &self.minima) {
            (8, _) => 128,
            (_, None) => 8,
            (_, Some(_)) => 0,
        }
    }
}

/// Puts a block into its lane.
fn place(bytes: &mut [u8], lane: usize, bits: usize, block: &Block) {
    let at = |word: usize| word * WORD + lane * 4..word * WORD + lane * 4 + 4;
    let (words, _) = block.numbers.as_chunks::<4>();
    if bits == 8 {
        for (word, numbers) in words.iter().enumerate() {
            bytes[at(word)].copy_from_slice(numbers);
        }
        return;
    }
    for word in 0..4 {
        let pairs = words[word].iter().zip(&words[word + 4]);
        for (to, (low, high)) in bytes[at(word)].iter_mut().zip(pairs) {
            *to = low | high << 4;
        }
    }
}

/// Every block of a row of a file.
fn each_block(format: Blocks, row: &[u8], take: &mut dyn FnMut(usize, &Block)) {
    let mut block = Block {
        numbers: [0; BLOCK],
        scale: f16::ZERO,
        minimum: f16::ZERO,
    };
    let half = |bytes: &[u8], at: usize| f16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let halves = |bytes: &[u8], numbers: &mut [u8; BLOCK]| {
        let (low, high) = numbers.split_at_mut(16);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
            (*low, *high) = (byte & 15, byte >> 4);
        }
    };
    for (number, bytes) in row.chunks_exact(format.bytes()).enumerate() {
        match format {
            Blocks::Q8_0 => {
                block.scale = half(bytes, 0);
                for (u, byte) in block.numbers.iter_mut().zip(&bytes[2..]) {
                    *u = byte ^ 128;
                }
                take(number, &block);
            }
            Blocks::Q4_0 => {
                block.scale = half(bytes, 0);
                halves(&bytes[2..], &mut block.numbers);
                take(number, &block);
            }
            Blocks::Q4_1 => {
                (block.scale, block.minimum) = (half(bytes, 0), half(bytes, 2));
                halves(&bytes[4..], &mut block.numbers);
                take(number, &block);
            }
            Blocks::Q4K => {
                for b in 0..8 {
                    let (d, m) = scale(bytes, b);
                    (block.scale, block.minimum) = (f16::from_f32(d), f16::from_f32(-m));
                    let bits = &bytes[16 + b / 2 * 32..];
                    for (u, byte) in block.numbers.iter_mut().zip(bits) {
                        *u = byte >> (4 * (b % 2)) & 15;
                    }
                    take(number * 8 + b, &block);
                }
            }
            Blocks::Q5_0 | Blocks::Q5_1 | Blocks::Q5K | Blocks::Q6K => {
                let mut numbers = [0.0; 256];
                let numbers = &mut numbers[..format.numbers()];
                format.dequantise(bytes, numbers);
                let anew = Blocks::Q8_0.quantise(numbers).unwrap_or_default();
                let before = number * numbers.len() / BLOCK;
                each_block(Blocks::Q8_0, &anew, &mut |b, block| take(before + b, block));
            }
        }
    }
}
