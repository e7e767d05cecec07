//! What forward leaves for backward: every activation of a batch, allocated once, before the first.
//!
//! Each buffer exists once for every layer or once for all of them. Keeping fewer and computing the
//! rest again in backward (Chen 2016) trades time for memory; since the same operations run on the
//! same inputs, the gradients are bit for bit the same. The residual stream is f32; what only
//! products and their neighbours read is in the compute precision.

use crate::{Decoder, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::{Forward, Precision};

/// What backward computes again instead of finding it on the tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// Nothing.
    None,
    /// The outputs of norms and of SwiGLU, which cost no product.
    #[default]
    Light,
    /// The whole block from its input: a third more work, an order less memory.
    Block,
}

/// The activations and scratch of up to `rows` rows.
pub struct Tape<D: Forward> {
    /// Output of the decoder, after its last norm, `[n, d]` in the compute precision.
    pub hidden_nd: D::Array,
    /// Gradient with respect to `hidden_nd`, `[n, d]` in f32: written by the objective, read by
    /// backward. Empty unless the tape is for training.
    pub dhidden_nd: D::Array,
    /// Gradients with respect to [`state`](Tape::state), `[n, d]` in f32, by how many blocks it has
    /// passed: for an objective that looks below the last norm. Backward adds them to what comes from
    /// above.
    pub dstates: Vec<(usize, D::Array)>,
    pub(crate) buffers: Buffers<Slots<D::Array>>,
    pub(crate) recompute: Recompute,
    pub(crate) training: bool,
    /// Rows of the forward pass that the tape holds.
    pub(crate) filled: usize,
    rows: usize,
}

impl<D: Forward> Tape<D> {
    /// Room for batches of up to `rows` rows; `training` keeps what backward needs.
    pub fn new(decoder: &Decoder<D>, rows: usize, recompute: Recompute, training: bool) -> Self {
        let shape = &decoder.shape;
        let allocate = |extent: Extent| {
            let one = || match extent.precision {
                Precision::F32 => decoder.device.zeros(rows * extent.columns),
                Precision::Bf16 => decoder.device.activation(rows * extent.columns),
            };
            Slots((0..extent.copies).map(|_| one()).collect())
        };
        let gradient_rows = if training { rows } else { 0 };
        Tape {
            hidden_nd: decoder.device.activation(rows * shape.width),
            dhidden_nd: decoder.device.zeros(gradient_rows * shape.width),
            dstates: vec![],
            buffers: Buffers::of(shape, recompute, training).map(allocate),
            recompute,
            training,
            filled: 0,
            rows,
        }
    }

    /// The residual stream of the last forward pass after so many blocks (0: the embeddings), `[n, d]`.
    ///
    /// # Panics
    /// When the tape is not for training, and keeps none.
    pub fn state(&self, blocks: usize) -> &D::Array {
        assert!(self.training, "only a tape for training keeps states");
        self.buffers.x_nd.of(blocks)
    }

    /// The most rows it takes.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl Shape {
    /// Bytes of a [`Tape`] of `rows` rows.
    pub fn activation_bytes(
        &self,
        rows: usize,
        recompute: Recompute,
        precision: Precision,
        training: bool,
    ) -> usize {
        let mut numbers = [0usize; 2]; // f32, compute precision
        Buffers::of(self, recompute, training).map(|extent| {
            numbers[(extent.precision == Precision::Bf16) as usize] +=
                extent.columns * extent.copies;
        });
        numbers[0] += if training { self.width } else { 0 }; // dhidden
        numbers[1] += self.width; // hidden
        let bytes = match precision {
            Precision::F32 => 4,
            Precision::Bf16 => 2,
        };
        rows * (4 * numbers[0] + bytes * numbers[1])
    }

    /// Bytes that training needs: 20 for every parameter (f32 master, gradient and two moments, and
    /// what products read beside the master) and the tape.
    pub fn training_bytes(&self, rows: usize, recompute: Recompute, precision: Precision) -> usize {
        20 * self.parameters() + self.activation_bytes(rows, recompute, precision, true)
    }

    /// Bytes of the key–value cache of one position, all layers.
    pub fn cache_bytes_per_position(&self, precision: Precision) -> usize {
        let bytes = match precision {
            Precision::F32 => 4,
            Precision::Bf16 => 2,
        };
        2 * self.layers * self.kv_heads * self.head_dim * bytes
    }
}

/// One array for every layer, or one for all of them.
pub(crate) struct Slots<A>(Vec<A>);

impl<A> Slots<A> {
    pub(crate) fn of(&self, layer: usize) -> &A {
        &self.0[if self.0.len() == 1 { 0 } else { layer }]
    }

    pub(crate) fn of_mut(&mut self, layer: usize) -> &mut A {
        let slot = if self.0.len() == 1 { 0 } else { layer };
        &mut self.0[slot]
    }

    /// The array of a buffer that no layer keeps.
    pub(crate) fn shared(&self) -> &A {
        &self.0[0]
    }

    pub(crate) fn shared_mut(&mut self) -> &mut A {
        &mut self.0[0]
    }
}

/// How large a buffer is: columns for every row, and how many such arrays.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    columns: usize,
    copies: usize,
    /// `F32` always f32; `Bf16` stands for the compute precision.
    precision: Precision,
}

/// One of each buffer of the decoder, in the order in which forward fills them.
pub(crate) struct Buffers<T> {
    /// The residual stream before each block and after the last.
    pub(crate) x_nd: T,
    /// Norm before attention, and 1/rms of its input.
    pub(crate) attn_norm_nd: T,
    pub(crate) attn_rstd_n: T,
    /// Queries, keys, values; queries and keys rotated.
    pub(crate) qkv: T,
    /// Attention's output before `o`, and the log-sum-exp of its scores.
    pub(crate) out: T,
    pub(crate) lse: T,
    /// The residual stream between the halves of a block.
    pub(crate) mid_nd: T,
    /// Norm before the feed-forward half, and 1/rms of its input.
    pub(crate) mlp_norm_nd: T,
    pub(crate) mlp_rstd_n: T,
    pub(crate) gate_up: T,
    pub(crate) swiglu_nf: T,
    /// 1/rms of the last norm's input.
    pub(crate) rstd_n: T,
    // What follows is backward's alone.
    /// Gradient of the residual stream, on its way down.
    pub(crate) dx_nd: T,
    pub(crate) dnorm_nd: T,
    pub(crate) dout: T,
    pub(crate) dqkv: T,
    pub(crate) dswiglu_nf: T,
    pub(crate) dgate_up: T,
}

impl Buffers<Extent> {
    fn of(shape: &Shape, recompute: Recompute, training: bool) -> Self {
        let buffer = |columns: usize, precision: Precision, copies: usize| Extent {
            columns,
            copies,
            precision,
        };
        // Kept for every layer under `None` and `Light`, or under `None` alone.
        let block = if training && recompute != Recompute::Block {
            shape.layers
        } else {
            1
        };
        let cheap = if training && recompute == Recompute::None {
            shape.layers
        } else {
            1
        };
        let backward = usize::from(training);
        let heads = shape.heads();
        let (d, f) = (shape.width, shape.ffn);
        let (full, compute) = (Precision::F32, Precision::Bf16);
        Buffers {
            x_nd: buffer(d, full, if training { shape.layers + 1 } else { 1 }),
            attn_norm_nd: buffer(d, compute, cheap),
            attn_rstd_n: buffer(1, full, block),
            qkv: buffer(heads.columns(), compute, block),
            out: buffer(heads.query_columns(), compute, block),
            lse: buffer(heads.query(), full, block),
            mid_nd: buffer(d, full, block),
            mlp_norm_nd: buffer(d, compute, cheap),
            mlp_rstd_n: buffer(1, full, block),
            gate_up: buffer(2 * f, compute, block),
            swiglu_nf: buffer(f, compute, cheap),
            rstd_n: buffer(1, full, 1),
            dx_nd: buffer(d, full, backward),
            dnorm_nd: buffer(d, compute, backward),
            dout: buffer(heads.query_columns(), compute, backward),
            dqkv: buffer(heads.columns(), compute, backward),
            dswiglu_nf: buffer(f, compute, backward),
            dgate_up: buffer(2 * f, compute, backward),
        }
    }
}

impl<T> Buffers<T> {
    fn map<U>(self, mut f: impl FnMut(T) -> U) -> Buffers<U> {
        Buffers {
            x_nd: f(self.x_nd),
            attn_norm_nd: f(self.attn_norm_nd),
            attn_rstd_n: f(self.attn_rstd_n),
            qkv: f(self.qkv),
            out: f(self.out),
            lse: f(self.lse),
            mid_nd: f(self.mid_nd),
            mlp_norm_nd: f(self.mlp_norm_nd),
            mlp_rstd_n: f(self.mlp_rstd_n),
            gate_up: f(self.gate_up),
            swiglu_nf: f(self.swiglu_nf),
            rstd_n: f(self.rstd_n),
            dx_nd: f(self.dx_nd),
            dnorm_nd: f(self.dnorm_nd),
            dout: f(self.dout),
            dqkv: f(self.dqkv),
            dswiglu_nf: f(self.dswiglu_nf),
            dgate_up: f(self.dgate_up),
        }
    }
}
