//! Arrays on a device and the fused operations of a decoder, forward and backward.
//!
//! Three traits are the whole waist between the mathematics above and the machine below:
//! [`Forward`] (what inference needs), [`Backward`] (what training adds) and [`Collective`]
//! (what several processes add). Nothing above this crate knows which device it runs on,
//! how a matrix is stored, or what a thread is.
//!
//! Deliberately absent: general automatic differentiation, shapes of more than two axes,
//! broadcasting. The family of models this project trains needs about twenty-five fused
//! operations; each is written out, forward and backward, and tested by finite differences.
//!
//! Legend of shape suffixes, here and in every crate above:
//! `n` rows (the tokens of a batch, sequences laid end to end), `d` width, `k` kv heads,
//! `g` queries per kv head, `h` = k·g query heads, `e` head dimension, `f` ffn, `v` vocabulary,
//! `i` / `o` inputs and outputs of a product.

mod blocks;
mod cpu;
mod device;
mod distillation;
mod pages;
mod reference;

pub use blocks::Blocks;
pub use cpu::{Cpu, CpuArray, CpuMatrix, CpuOptions, Kernels};
pub use device::{
    AdamW, Backward, Collective, Forward, Grads, Heads, Mask, Parameter, Precision, Rotation,
    Values,
};
pub use distillation::{Distillation, Divergence, Kept, Likeliest, Taught, Teacher};
pub use pages::{POSITIONS, Pages, Stretch};
pub use reference::{Grid, Numbers, Reference};
