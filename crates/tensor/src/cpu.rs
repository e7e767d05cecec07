//! The device that computes on the processor.
//!
//! | file | what is in it |
//! |---|---|
//! | `kernels.rs` | which instructions the processor has |
//! | `lanes.rs`, `lanes/` | one vector of numbers, and one way to write an operation for all kinds |
//! | `array.rs`, `arena.rs`, `team.rs` | memory, working memory, threads |
//! | `tile.rs` | the innermost product, in registers |
//! | `pack.rs` | operands in the order in which the tile reads them |
//! | `multiply.rs` | how a large product is cut into tiles |
//! | `product.rs`, `few.rs` | linear layers in training: many rows, few rows |
//! | `stored.rs`, `inference.rs` | weights that are only read, and products with them |
//! | `integers.rs`, `integers/` | weights of 8 and 4 bits, and rows quantised for them |
//! | `attention.rs`, `attention/` | attention forward, backward, and over pages |
//! | `head.rs` | how rows pass by a head without whole logits |
//! | `cross_entropy.rs`, `distillation.rs`, `likeliest.rs` | what is asked of their logits |
//! | `norm.rs`, `rope.rs`, `swiglu.rs`, `vector.rs` | what is limited by memory |
//! | `adamw.rs` | the optimizer's step |
//!
//! Every result is the same, bit for bit, for any number of threads: threads share out tasks whose
//! contents they do not influence, and sums over tasks are taken in the order of tasks.
//!
//! Deliberately absent: other processors than the one it runs on (kernels are chosen at run time),
//! memory of more than one NUMA node, and asynchrony: an operation is over when it returns.

mod adamw;
mod arena;
mod array;
mod attention;
mod cross_entropy;
mod distillation;
mod few;
mod head;
mod inference;
mod integers;
mod kernels;
mod lanes;
mod likeliest;
mod multiply;
mod norm;
mod pack;
mod product;
mod rope;
mod stored;
mod swiglu;
mod team;
#[cfg(test)]
mod tests;
mod tile;
mod vector;

pub use array::{CpuArray, CpuMatrix};
pub use kernels::Kernels;

use half::bf16;

use crate::device::{
    AdamW, Backward, Forward, Grads, Heads, Mask, Parameter, Precision, Rotation, Values,
};
use crate::distillation::{Distillation, Kept, Taught, Teacher};
use crate::pages::{Pages, Stretch};
use array::{Buffer, Storage, Weight, typed};
use head::Side;
use multiply::Engine;
use team::Team;
use tile::Tile;

/// How a [`Cpu`] is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuOptions {
    /// How many threads work; by default as many as affinity and cgroup allow.
    pub threads: Option<usize>,
    /// Which kernels; by default the fastest that the processor has.
    pub kernels: Option<Kernels>,
    /// What products read.
    pub precision: Precision,
}

impl Default for CpuOptions {
    fn default() -> Self {
        CpuOptions {
            threads: None,
            kernels: None,
            precision: Precision::F32,
        }
    }
}

/// The device that computes on the processor.
pub struct Cpu {
    precision: Precision,
    engine: Engine,
    team: Team,
}

impl Cpu {
    /// A device. Panics if kernels are forced that the processor does not have
    /// (choose from [`Kernels::available`]).
    pub fn new(options: CpuOptions) -> Self {
        let kernels = options.kernels.unwrap_or_else(Kernels::detect);
        assert!(
            kernels.supported(),
            "this processor cannot run {kernels} kernels"
        );
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        Cpu {
            precision: options.precision,
            engine: Engine {
                kernels,
                tile: Tile::new(kernels, options.precision),
            },
            team: Team::new(options.threads.unwrap_or_else(available).max(1)),
        }
    }

    /// How many threads work.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }

    /// The kernels in use.
    pub fn kernels(&self) -> Kernels {
        self.engine.kernels
    }

    /// Does nothing but multiply and add in registers, on all threads, and returns how many
    /// floating-point operations that were. By the clock, this is the rate that no product exceeds.
    pub fn exercise(&self) -> f64 {
        self.engine.exercise(&self.team.enter())
    }

    fn full(&self, values: Values<'_>) -> Buffer<f32> {
        let mut full = Buffer::zeros(values.len());
        match values {
            Values::F32(values) => full.copy_from_slice(values),
            Values::Bf16(values) => self.convert(from_bits(values), &mut full),
            Values::Blocks(format, bytes) => format.dequantise(bytes, &mut full),
        }
        full
    }

    fn rounded(&self, values: Values<'_>) -> Buffer<bf16> {
        let mut rounded = Buffer::zeros(values.len());
        match values {
            Values::F32(values) => self.convert(values, &mut rounded),
            Values::Bf16(values) => rounded.copy_from_slice(from_bits(values)),
            Values::Blocks(..) => self.convert(&values.to_f32(), &mut rounded),
        }
        rounded
    }
}

fn from_bits(bits: &[u16]) -> &[bf16] {
    half::slice::HalfBitsSliceExt::reinterpret_cast(bits)
}

/// Columns of some matrices, which must agree, and rows of all together.
fn row_width(weights: &[&CpuMatrix]) -> (usize, usize) {
    let inputs = weights.first().map_or(0, |matrix| matrix.cols);
    for matrix in weights {
        assert_eq!(
            matrix.cols, inputs,
            "matrices of one product and their columns"
        );
    }
    (inputs, weights.iter().map(|matrix| matrix.rows).sum())
}

fn check_values(rows: usize, cols: usize, values: Values<'_>) {
    assert_eq!(
        values.len(),
        rows * cols,
        "values of a matrix [{rows}, {cols}]"
    );
}

impl Forward for Cpu {
    type Array = CpuArray;
    type Matrix = CpuMatrix;

    fn describe(&self) -> String {
        let precision = match self.precision {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        };
        let (kernels, threads) = (self.kernels(), self.threads());
        format!("CPU, {kernels} kernels, {precision}, {threads} threads")
    }
    fn precision(&self) -> Precision {
        self.precision
    }
    fn zeros(&self, len: usize) -> CpuArray {
        CpuArray(Storage::F32(Buffer::zeros(len)))
    }
    fn activation(&self, len: usize) -> CpuArray {
        match self.precision {
            Precision::F32 => self.zeros(len),
            Precision::Bf16 => CpuArray(Storage::Bf16(Buffer::zeros(len))),
        }
    }
    fn upload(&self, values: &[f32]) -> CpuArray {
        CpuArray(Storage::F32(self.full(Values::F32(values))))
    }
    fn write(&self, values: &[f32], array: &mut CpuArray) {
        typed!(array = &mut array.0 => self.convert(values, &mut array[..values.len()]))
    }
    fn read(&self, array: &CpuArray, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        typed!(array = &array.0 => self.convert(&array[..len], &mut values));
        values
    }
    fn clear(&self, array: &mut CpuArray) {
        typed!(array = &mut array.0 => self.fill_zero(array))
    }
    fn copy(&self, from: &CpuArray, to: &mut CpuArray, len: usize) {
        typed!(from = &from.0, to = &mut to.0 => self.convert(&from[..len], &mut to[..len]))
    }
    fn matrix(&self, rows: usize, cols: usize, values: Values<'_>) -> CpuMatrix {
        check_values(rows, cols, values);
        let weight = self.store(rows, cols, values);
        CpuMatrix { rows, cols, weight }
    }
    fn trainable(&self, rows: usize, cols: usize, values: Values<'_>) -> CpuMatrix {
        check_values(rows, cols, values);
        let master = self.full(values);
        let weight = match self.precision {
            Precision::F32 => Weight::Full(master),
            Precision::Bf16 => Weight::Both {
                master,
                shadow: self.rounded(values),
            },
        };
        CpuMatrix { rows, cols, weight }
    }
    fn values(&self, matrix: &CpuMatrix) -> Vec<f32> {
        match &matrix.weight {
            Weight::Full(master) | Weight::Both { master, .. } => master.to_vec(),
            Weight::Panels(_) | Weight::Integers(_) => {
                let mut values = vec![0.0; matrix.rows * matrix.cols];
                let session = self.team.enter();
                self.unpack(&session, matrix, 0..matrix.rows, &mut values);
                values
            }
        }
    }
    fn shape(&self, matrix: &CpuMatrix) -> [usize; 2] {
        [matrix.rows, matrix.cols]
    }
    fn matrix_bytes(&self, matrix: &CpuMatrix) -> usize {
        match &matrix.weight {
            Weight::Full(master) => size_of_val(&master[..]),
            Weight::Both { master, shadow } => size_of_val(&master[..]) + size_of_val(&shadow[..]),
            Weight::Panels(words) => size_of_val(&words[..]),
            Weight::Integers(integers) => integers.size(),
        }
    }
    fn embed(&self, table_vd: &CpuMatrix, ids_n: &[u32], x_nd: &mut CpuArray) {
        self.lookup(table_vd, ids_n, x_nd);
    }
    fn rms_norm(
        &self,
        n: usize,
        x_nd: &CpuArray,
        gain_d: &CpuArray,
        epsilon: f32,
        y_nd: &mut CpuArray,
        rstd_n: &mut CpuArray,
    ) {
        self.norm_forward(n, x_nd, gain_d, epsilon, y_nd, rstd_n);
    }
    fn product(
        &self,
        n: usize,
        x_ni: &CpuArray,
        weights_oi: &[&CpuMatrix],
        y_no: &mut CpuArray,
        accumulate: bool,
    ) {
        let (_, outputs) = row_width(weights_oi);
        self.multiply_forward(n, x_ni, weights_oi, y_no.out(n, outputs), accumulate);
    }
    fn rope(
        &self,
        heads: Heads,
        rotation: &Rotation,
        positions_n: &[u32],
        qkv: &mut CpuArray,
        inverse: bool,
    ) {
        self.rotate(heads, rotation, positions_n, qkv, inverse);
    }
    fn attention(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &CpuArray,
        out: &mut CpuArray,
        lse: &mut CpuArray,
    ) {
        self.attend(heads, mask, qkv, out, lse);
    }
    fn pages(&self, heads: Heads, count: usize) -> Pages<CpuArray> {
        self.empty_pages(heads, count)
    }
    fn page_bytes(&self, heads: Heads) -> usize {
        self.bytes_of_page(heads)
    }
    fn attention_paged(
        &self,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &CpuArray,
        pages: &mut Pages<CpuArray>,
        out: &mut CpuArray,
    ) {
        self.attend_paged(heads, stretches, qkv, pages, out);
    }
    fn swiglu(&self, n: usize, f: usize, gate_up: &CpuArray, y_nf: &mut CpuArray) {
        self.gate(n, f, gate_up, y_nf);
    }
    fn rows(&self, from: &CpuArray, rows: &[u32], d: usize, to: &mut CpuArray) {
        typed!(from = &from.0, to = &mut to.0 => self.gather(from, rows, d, to));
    }
    fn logits_into(
        &self,
        n: usize,
        hidden_nd: &CpuArray,
        head_vd: &CpuMatrix,
        logits_nv: &mut Vec<f32>,
    ) {
        logits_nv.resize(n * head_vd.rows, 0.0);
        let out = tile::Out::F32(logits_nv.as_mut_ptr());
        self.multiply_forward(n, hidden_nd, &[head_vd], out, false);
    }
    fn negative_log_likelihood(
        &self,
        hidden_nd: &CpuArray,
        head_vd: &CpuMatrix,
        targets_n: &[u32],
    ) -> Vec<(f32, bool)> {
        let outcomes = self.judge(hidden_nd, head_vd, targets_n);
        outcomes.iter().map(|row| (row.loss, row.best)).collect()
    }
    fn likeliest(
        &self,
        n: usize,
        hidden_nd: &CpuArray,
        head_vd: &CpuMatrix,
        k: usize,
        temperature: f32,
    ) -> Kept {
        self.find_likeliest(n, hidden_nd, head_vd, k, temperature)
    }
}

impl Backward for Cpu {
    fn embed_backward(&self, ids_n: &[u32], d: usize, dx_nd: &CpuArray, dtable_vd: &mut CpuArray) {
        let dtable = dtable_vd.f32_mut();
        typed!(dx = &dx_nd.0 => self.scatter(dx, ids_n, d, dtable));
    }
    fn rms_norm_backward(
        &self,
        n: usize,
        x_nd: &CpuArray,
        gain_d: &CpuArray,
        rstd_n: &CpuArray,
        dy_nd: &CpuArray,
        dx_nd: &mut CpuArray,
        dgain_d: &mut CpuArray,
    ) {
        self.norm_backward(n, x_nd, gain_d, rstd_n, dy_nd, dx_nd, dgain_d);
    }
    fn product_backward_input(
        &self,
        n: usize,
        dy_no: &CpuArray,
        weights_oi: &[&CpuMatrix],
        dx_ni: &mut CpuArray,
        accumulate: bool,
    ) {
        self.multiply_backward_input(n, dy_no, weights_oi, dx_ni, accumulate);
    }
    fn product_backward_weights(
        &self,
        n: usize,
        dy_no: &CpuArray,
        x_ni: &CpuArray,
        inputs: usize,
        outputs: &[usize],
        dweights_oi: &mut [&mut CpuArray],
    ) {
        self.multiply_backward_weights(n, dy_no, x_ni, inputs, outputs, dweights_oi);
    }
    fn attention_backward(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &CpuArray,
        out: &CpuArray,
        lse: &CpuArray,
        dout: &CpuArray,
        dqkv: &mut CpuArray,
    ) {
        self.attend_backward(heads, mask, qkv, out, lse, dout, dqkv);
    }
    fn swiglu_backward(
        &self,
        n: usize,
        f: usize,
        gate_up: &CpuArray,
        dy_nf: &CpuArray,
        dgate_up: &mut CpuArray,
    ) {
        self.gate_backward(n, f, gate_up, dy_nf, dgate_up);
    }
    fn cross_entropy(
        &self,
        hidden_nd: &CpuArray,
        head_vd: &CpuMatrix,
        targets_n: &[u32],
        weights_n: &[f32],
        z: f32,
        grads: Option<Grads<'_, Self>>,
    ) -> Vec<(f32, f32)> {
        let outcomes = match grads {
            None => self.judge(hidden_nd, head_vd, targets_n),
            Some(grads) => self.judge_and_learn(hidden_nd, head_vd, targets_n, weights_n, z, grads),
        };
        outcomes.iter().map(|row| (row.loss, row.log_z)).collect()
    }
    fn distill(
        &self,
        hidden_nd: &CpuArray,
        head_vd: &CpuMatrix,
        teacher: Teacher<'_, Self>,
        targets_n: &[u32],
        weights_n: &[f32],
        distillation: Distillation,
        grads: Option<Grads<'_, Self>>,
    ) -> Vec<Taught> {
        let student = Side {
            hidden: hidden_nd,
            head: head_vd,
        };
        self.teach(student, &teacher, targets_n, weights_n, distillation, grads)
    }
    fn adamw(
        &self,
        weight: Parameter<'_, Self>,
        gradient: &mut CpuArray,
        first: &mut CpuArray,
        second: &mut CpuArray,
        step: AdamW,
    ) {
        self.step(weight, gradient, first, second, step);
    }
    fn sum_of_squares(&self, array: &CpuArray) -> f64 {
        typed!(array = &array.0 => self.squares(array))
    }
    fn scale(&self, array: &mut CpuArray, factor: f32) {
        typed!(array = &mut array.0 => self.multiply_by(array, factor))
    }
    fn add(&self, x: &CpuArray, y: &mut CpuArray, len: usize) {
        typed!(x = &x.0, y = &mut y.0 => self.add_to(&x[..len], &mut y[..len]))
    }
    fn set(&self, matrix: &mut CpuMatrix, values: &[f32]) {
        check_values(matrix.rows, matrix.cols, Values::F32(values));
        match &mut matrix.weight {
            Weight::Full(master) => self.convert(values, master),
            Weight::Both { master, shadow } => {
                self.convert(values, master);
                self.convert(values, shadow);
            }
            Weight::Panels(_) | Weight::Integers(_) => {
                let [rows, cols] = [matrix.rows, matrix.cols];
                *matrix = self.matrix(rows, cols, Values::F32(values));
            }
        }
    }
}
