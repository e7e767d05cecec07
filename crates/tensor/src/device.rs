//! The traits that a device implements, and the small structs their operations take.
//!
//! Errors: a wrong length is a bug in the caller, so operations assert (panic) with both
//! lengths in the message; only what depends on outside data returns `Result`, higher up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::distillation::{Distillation, Kept, Taught, Teacher};
use crate::pages::{Pages, Stretch};

/// The precision in which products read their operands. Accumulation is always f32, and so are
/// master weights, the residual stream and gradients of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE single precision everywhere.
    F32,
    /// Operands of products, and the activations kept between them, rounded to bfloat16.
    Bf16,
}

/// Numbers on their way to a device, row-major.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// f32 values.
    F32(&'a [f32]),
    /// bfloat16 bit patterns, as in a safetensors file of dtype `BF16`.
    Bf16(&'a [u16]),
    /// Whole blocks of a quantised format, as in a GGUF file; every row is whole blocks.
    Blocks(Blocks, &'a [u8]),
}

impl Values<'_> {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(x) => x.len(),
            Values::Bf16(x) => x.len(),
            Values::Blocks(format, x) => x.len() / format.bytes() * format.numbers(),
        }
    }

    /// All of them in f32; bfloat16 and blocks lose nothing on the way.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Values::F32(x) => x.to_vec(),
            Values::Bf16(x) => {
                let widened = x.iter().map(|&bits| f32::from_bits(u32::from(bits) << 16));
                widened.collect()
            }
            Values::Blocks(format, x) => {
                let mut numbers = vec![0.0; self.len()];
                format.dequantise(x, &mut numbers);
                numbers
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The head layout of attention. A row of fused `qkv` is `[h·e | k·e | k·e]`:
/// queries (kv head outermost, then the queries of its group), keys, values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// k: key–value heads.
    pub kv: usize,
    /// g: query heads per key–value head.
    pub group: usize,
    /// e: numbers in a head.
    pub dim: usize,
}

impl Heads {
    /// h = k·g, the number of query heads.
    pub fn query(&self) -> usize {
        self.kv * self.group
    }
    /// h·e, the columns of queries (and of attention's output).
    pub fn query_columns(&self) -> usize {
        self.query() * self.dim
    }
    /// (h + 2k)·e, the columns of fused `qkv`.
    pub fn columns(&self) -> usize {
        (self.query() + 2 * self.kv) * self.dim
    }
}

/// Who may attend to whom: rows are cut into segments, and attention never leaves its segment.
///
/// One sequence per segment gives plain causal attention; one document per segment gives
/// document-packed attention; `causal = false` gives full attention inside each segment.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    /// Ascending, from 0 to n: segment s is rows `starts[s]..starts[s + 1]`.
    pub starts: &'a [u32],
    /// Whether a row sees only itself and the rows before it.
    pub causal: bool,
}

/// Cosines and sines of rotary position embedding, `[positions, e / 2]` each
/// (already multiplied by YaRN's attention factor where there is one).
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Cosines, row-major by position.
    pub cos: Vec<f32>,
    /// Sines, row-major by position.
    pub sin: Vec<f32>,
    /// e / 2.
    pub half: usize,
}

/// What an optimizer step needs to know. Decay is independent of the rate
/// (Wortsman 2024; the report's section on training): `w -= s·(peak·adam + decay·w)`,
/// s = `rate / peak` being the schedule's factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// The learning rate of this step (peak × schedule factor).
    pub rate: f32,
    /// What multiplies the weight before it is taken away: λ·s for independent decay,
    /// λ·rate for PyTorch's AdamW.
    pub decay: f32,
    /// First-moment decay.
    pub beta1: f32,
    /// Second-moment decay.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// 1, 2, 3 …: for bias correction.
    pub step: u64,
    /// Multiplies the gradient first (clipping, averaging).
    pub gradient_scale: f32,
}

/// A weight about to be stepped.
pub enum Parameter<'a, D: Forward + ?Sized> {
    /// A matrix (all storages are refreshed from the stepped f32 master).
    Matrix(&'a mut D::Matrix),
    /// A vector, such as the gain of a norm.
    Vector(&'a mut D::Array),
}

/// Where the backward half of a head operation writes.
pub struct Grads<'a, D: Forward + ?Sized> {
    /// Gradient with respect to the decoder's output, `[n, d]`; overwritten.
    pub hidden_nd: &'a mut D::Array,
    /// Gradient of the head's matrix, `[v, d]`; added to.
    pub head_vd: &'a mut D::Array,
}

/// What inference needs.
///
/// An `Array` is a flat vector of numbers, f32 or the compute precision; which of the two is
/// decided where it is made ([`zeros`](Forward::zeros) or [`activation`](Forward::activation)),
/// and every operation takes both. A `Matrix` is a weight, `[rows, cols]`, stored as the device
/// likes. Arrays may be longer than an operation needs: the first `n` rows are used.
pub trait Forward: Send + Sync + 'static {
    /// A flat vector of numbers on the device.
    type Array: Send + Sync;
    /// A weight `[rows, cols]`, stored as the device likes.
    type Matrix: Send + Sync;

    /// For people: processor, kernels, threads, precision.
    fn describe(&self) -> String;
    /// The precision products read.
    fn precision(&self) -> Precision;

    /// `len` zeros in f32: residual stream, gradients, moments, statistics.
    fn zeros(&self, len: usize) -> Self::Array;
    /// `len` zeros in the compute precision: what only products and their neighbours read.
    fn activation(&self, len: usize) -> Self::Array;
    /// Host to device, f32.
    fn upload(&self, values: &[f32]) -> Self::Array;
    /// Overwrites the first `values.len()` numbers of an array (converted to its type).
    fn write(&self, values: &[f32], array: &mut Self::Array);
    /// Device to host: the first `len` numbers.
    fn read(&self, array: &Self::Array, len: usize) -> Vec<f32>;
    /// Sets every number to zero.
    fn clear(&self, array: &mut Self::Array);
    /// Copies the first `len` numbers, converting.
    fn copy(&self, from: &Self::Array, to: &mut Self::Array, len: usize);

    /// A weight for inference only, stored once. f32 and bf16 values are stored in the compute
    /// precision (bf16 stays as it is where that is the compute precision). Blocks stay integers:
    /// those of 4 bits in 4, all others in 8 (what has 5 or 6 bits is quantised anew, to Q8_0), and
    /// a product with them reads its other operand as integers too: blocks of 32 along a row with
    /// the scale max |x| / 127, as llama.cpp does. To compute with the exact numbers of a block,
    /// hand over [`Values::to_f32`].
    fn matrix(&self, rows: usize, cols: usize, values: Values<'_>) -> Self::Matrix;
    /// A weight that will be trained: f32 master, and whatever else products want.
    fn trainable(&self, rows: usize, cols: usize, values: Values<'_>) -> Self::Matrix;
    /// The most precise values the matrix holds (the master where there is one), row-major.
    fn values(&self, matrix: &Self::Matrix) -> Vec<f32>;
    /// `[rows, cols]`.
    fn shape(&self, matrix: &Self::Matrix) -> [usize; 2];
    /// Bytes held by the matrix.
    fn matrix_bytes(&self, matrix: &Self::Matrix) -> usize;

    /// `x[r] = table[ids[r]]`, n = `ids.len()`.
    fn embed(&self, table_vd: &Self::Matrix, ids_n: &[u32], x_nd: &mut Self::Array);
    /// Root-mean-square norm, eq. 4 of Zhang & Sennrich 2019: `y = x / sqrt(mean(x²) + eps) · gain`;
    /// keeps `rstd[r] = 1 / sqrt(mean(x²) + eps)` (f32).
    fn rms_norm(
        &self,
        n: usize,
        x_nd: &Self::Array,
        gain_d: &Self::Array,
        epsilon: f32,
        y_nd: &mut Self::Array,
        rstd_n: &mut Self::Array,
    );
    /// `y = x · [w₀; w₁; …]ᵀ` (or `+=` with `accumulate`): the outputs of several matrices of the
    /// same number of columns side by side in a row of y.
    fn product(
        &self,
        n: usize,
        x_ni: &Self::Array,
        weights_oi: &[&Self::Matrix],
        y_no: &mut Self::Array,
        accumulate: bool,
    );
    /// Rotates queries and keys of fused qkv in place, in the rotate-half layout of Hugging Face;
    /// `inverse` applies the transpose: the gradient, and the way back where cos² + sin² = 1
    /// (everywhere but under YaRN's attention factor).
    fn rope(
        &self,
        heads: Heads,
        rotation: &Rotation,
        positions_n: &[u32],
        qkv: &mut Self::Array,
        inverse: bool,
    );
    /// `softmax(q·kᵀ/√e)·v` inside each segment; `out[n, h·e]`;
    /// `lse[n, h]` keeps log Σ exp of the scaled scores (f32).
    fn attention(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Self::Array,
        out: &mut Self::Array,
        lse: &mut Self::Array,
    );
    /// Pages for one layer, empty, in the compute precision.
    fn pages(&self, heads: Heads, count: usize) -> Pages<Self::Array>;
    /// Bytes of one page of one layer.
    fn page_bytes(&self, heads: Heads) -> usize;
    /// Attention of new rows of many sequences at once: first the keys and values of all new rows go
    /// to their places, then each row attends to everything of its sequence up to itself. A row's result depends, to the last bit, on nothing but its sequence: not on the
    /// other stretches, on how its sequence was cut into stretches or on where its pages lie.
    fn attention_paged(
        &self,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &Self::Array,
        pages: &mut Pages<Self::Array>,
        out: &mut Self::Array,
    );
    /// `y = silu(gate)·up`, `gate_up[n, 2f]` = `[gate | up]`.
    fn swiglu(&self, n: usize, f: usize, gate_up: &Self::Array, y_nf: &mut Self::Array);
    /// Gathers rows: `to[r] = from[rows[r]]`, each `d` long.
    fn rows(&self, from: &Self::Array, rows: &[u32], d: usize, to: &mut Self::Array);
    /// Full logits of n rows on the host, `[n, v]`. For generation: n is small.
    fn logits(&self, n: usize, hidden_nd: &Self::Array, head_vd: &Self::Matrix) -> Vec<f32> {
        let mut logits = Vec::new();
        self.logits_into(n, hidden_nd, head_vd, &mut logits);
        logits
    }
    /// [`logits`](Forward::logits) into memory that is kept from step to step.
    fn logits_into(
        &self,
        n: usize,
        hidden_nd: &Self::Array,
        head_vd: &Self::Matrix,
        logits_nv: &mut Vec<f32>,
    );
    /// `−log softmax(h·headᵀ)[target]` per row, in nats, and whether the target is the most likely
    /// token; whole logits never exist.
    fn negative_log_likelihood(
        &self,
        hidden_nd: &Self::Array,
        head_vd: &Self::Matrix,
        targets_n: &[u32],
    ) -> Vec<(f32, bool)>;
    /// The k likeliest tokens of n rows by `softmax(h·headᵀ / temperature)` and the probability of
    /// the rest, `1 ≤ k ≤ v`; of two equally likely the one with the lower id. Whole logits never
    /// exist.
    fn likeliest(
        &self,
        n: usize,
        hidden_nd: &Self::Array,
        head_vd: &Self::Matrix,
        k: usize,
        temperature: f32,
    ) -> Kept;
}

/// What training adds.
pub trait Backward: Forward {
    /// Adds rows of `dx`, each `d` long, to `dtable[ids[r]]` (f32), in an order that does not
    /// depend on threads.
    fn embed_backward(
        &self,
        ids_n: &[u32],
        d: usize,
        dx_nd: &Self::Array,
        dtable_vd: &mut Self::Array,
    );
    /// Gradients of [`Forward::rms_norm`]: `dx` is added to, and so is `dgain` (f32).
    #[allow(clippy::too_many_arguments)]
    fn rms_norm_backward(
        &self,
        n: usize,
        x_nd: &Self::Array,
        gain_d: &Self::Array,
        rstd_n: &Self::Array,
        dy_nd: &Self::Array,
        dx_nd: &mut Self::Array,
        dgain_d: &mut Self::Array,
    );
    /// `dx = dy · [w₀; w₁; …]` (or `+=`).
    fn product_backward_input(
        &self,
        n: usize,
        dy_no: &Self::Array,
        weights_oi: &[&Self::Matrix],
        dx_ni: &mut Self::Array,
        accumulate: bool,
    );
    /// `dwⱼ += dyⱼᵀ · x`, dyⱼ being the columns of dy that belong to matrix j;
    /// `outputs[j]` is its number of rows. Gradients are f32.
    fn product_backward_weights(
        &self,
        n: usize,
        dy_no: &Self::Array,
        x_ni: &Self::Array,
        inputs: usize,
        outputs: &[usize],
        dweights_oi: &mut [&mut Self::Array],
    );
    /// Gradients of [`Forward::attention`] with respect to rotated queries and keys and to values;
    /// `dqkv` is overwritten.
    #[allow(clippy::too_many_arguments)]
    fn attention_backward(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Self::Array,
        out: &Self::Array,
        lse: &Self::Array,
        dout: &Self::Array,
        dqkv: &mut Self::Array,
    );
    /// Gradient of [`Forward::swiglu`]; `dgate_up` is overwritten.
    fn swiglu_backward(
        &self,
        n: usize,
        f: usize,
        gate_up: &Self::Array,
        dy_nf: &Self::Array,
        dgate_up: &mut Self::Array,
    );
    /// Cross-entropy with z-loss (PaLM; coefficient 5e-6 in the report) over a chunked head:
    /// loss of row r = `w_r · (−log p[target] + z · log²Z)`.
    ///
    /// Returns per row (unweighted) `−log p[target]` and `log Z`. With `grads`, writes the gradient
    /// of Σ_r loss_r; whole logits never exist. Rows of weight 0 cost no gradient.
    fn cross_entropy(
        &self,
        hidden_nd: &Self::Array,
        head_vd: &Self::Matrix,
        targets_n: &[u32],
        weights_n: &[f32],
        z: f32,
        grads: Option<Grads<'_, Self>>,
    ) -> Vec<(f32, f32)>;
    /// The divergence of a student from its teacher, with a share of cross-entropy, over chunked
    /// heads: loss of row r = `w_r · (soft · D + hard · (−log p[target] + z · log²Z))`; see
    /// [`Divergence`](crate::Divergence) for D and its gradient.
    ///
    /// With `grads`, writes the gradient of Σ_r loss_r by the student's output and head; the teacher
    /// has none. Whole logits of neither exist. Rows of weight 0 cost no gradient.
    #[allow(clippy::too_many_arguments)]
    fn distill(
        &self,
        hidden_nd: &Self::Array,
        head_vd: &Self::Matrix,
        teacher: Teacher<'_, Self>,
        targets_n: &[u32],
        weights_n: &[f32],
        distillation: Distillation,
        grads: Option<Grads<'_, Self>>,
    ) -> Vec<Taught>;
    /// One optimizer step on f32 masters and moments; clears the gradient.
    fn adamw(
        &self,
        weight: Parameter<'_, Self>,
        gradient: &mut Self::Array,
        first: &mut Self::Array,
        second: &mut Self::Array,
        step: AdamW,
    );
    /// Σ x² in f64, in an order that does not depend on threads. Not finite if any x is not.
    fn sum_of_squares(&self, array: &Self::Array) -> f64;
    /// `x *= factor`.
    fn scale(&self, array: &mut Self::Array, factor: f32);
    /// `y += x` over the first `len` numbers.
    fn add(&self, x: &Self::Array, y: &mut Self::Array, len: usize);
    /// Overwrites the master of a trainable matrix and refreshes its other storages.
    fn set(&self, matrix: &mut Self::Matrix, values: &[f32]);
}

/// What several processes add: the same array on every rank, combined.
pub trait Collective: Backward {
    /// How many processes there are.
    fn ranks(&self) -> usize;
    /// Which of them this is.
    fn rank(&self) -> usize;
    /// Every rank gets the sum.
    fn all_reduce(&self, array: &mut Self::Array);
    /// Every rank gets its own equal part of the sum.
    fn reduce_scatter(&self, array: &Self::Array, part: &mut Self::Array);
    /// Every rank gets all parts, in order.
    fn all_gather(&self, part: &Self::Array, array: &mut Self::Array);
    /// Part p of `from` goes to rank p; part r of `to` comes from rank r.
    fn all_to_all(&self, from: &Self::Array, to: &mut Self::Array);
}
