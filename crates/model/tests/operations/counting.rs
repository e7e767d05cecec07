//! A device that counts the multiplications and additions of products and attention, and computes
//! them on the reference.
//!
//! A product of `[n, i]` with `[o, i]` is n·i·o multiply-adds; attention is e of them for every query
//! head and every key that a row sees, once for each of its products. Norms, rotation, softmax,
//! SwiGLU, sums and the optimizer are not counted: they grow with the numbers of a row, not with
//! numbers times numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use tensor::{
    AdamW, Backward, Distillation, Forward, Grads, Grid, Heads, Kept, Mask, Numbers, Pages,
    Parameter, Precision, Reference, Rotation, Stretch, Taught, Teacher, Values,
};

/// Multiply-adds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Of products with weights, forward and backward, the head's among them.
    pub(crate) products: u64,
    /// Of attention: q·k and p·v forward; backward p, q, k and v get their gradients.
    pub(crate) attention: u64,
    /// Of attention's scores, which backward computes a second time instead of keeping them.
    pub(crate) scores_again: u64,
}

/// The device.
pub(crate) struct Counting {
    inner: Reference,
    products: AtomicU64,
    attention: AtomicU64,
    scores_again: AtomicU64,
}

impl Counting {
    pub(crate) fn new() -> Self {
        Counting {
            inner: Reference::new(Precision::F32),
            products: AtomicU64::new(0),
            attention: AtomicU64::new(0),
            scores_again: AtomicU64::new(0),
        }
    }

    /// What was counted since the last time it was taken.
    pub(crate) fn take(&self) -> Count {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Count {
            products: take(&self.products),
            attention: take(&self.attention),
            scores_again: take(&self.scores_again),
        }
    }

    fn product_of(&self, n: usize, inputs: usize, outputs: usize) {
        let count = (n * inputs * outputs) as u64;
        self.products.fetch_add(count, Ordering::Relaxed);
    }

    /// e for every query head of every row and every key that it sees.
    fn seen(heads: Heads, mask: Mask<'_>) -> u64 {
        let segments = mask.starts.windows(2).map(|bounds| {
            let rows = u64::from(bounds[1] - bounds[0]);
            match mask.causal {
                true => rows * (rows + 1) / 2,
                false => rows * rows,
            }
        });
        segments.sum::<u64>() * heads.query_columns() as u64
    }
}

impl Forward for Counting {
    type Array = Numbers;
    type Matrix = Grid;

    fn describe(&self) -> String {
        format!("counting, on the {}", self.inner.describe())
    }
    fn precision(&self) -> Precision {
        self.inner.precision()
    }
    fn zeros(&self, len: usize) -> Numbers {
        self.inner.zeros(len)
    }
    fn activation(&self, len: usize) -> Numbers {
        self.inner.activation(len)
    }
    fn upload(&self, values: &[f32]) -> Numbers {
        self.inner.upload(values)
    }
    fn write(&self, values: &[f32], array: &mut Numbers) {
        self.inner.write(values, array);
    }
    fn read(&self, array: &Numbers, len: usize) -> Vec<f32> {
        self.inner.read(array, len)
    }
    fn clear(&self, array: &mut Numbers) {
        self.inner.clear(array);
    }
    fn copy(&self, from: &Numbers, to: &mut Numbers, len: usize) {
        self.inner.copy(from, to, len);
    }
    fn matrix(&self, rows: usize, cols: usize, values: Values<'_>) -> Grid {
        self.inner.matrix(rows, cols, values)
    }
    fn trainable(&self, rows: usize, cols: usize, values: Values<'_>) -> Grid {
        self.inner.trainable(rows, cols, values)
    }
    fn values(&self, matrix: &Grid) -> Vec<f32> {
        self.inner.values(matrix)
    }
    fn shape(&self, matrix: &Grid) -> [usize; 2] {
        self.inner.shape(matrix)
    }
    fn matrix_bytes(&self, matrix: &Grid) -> usize {
        self.inner.matrix_bytes(matrix)
    }
    fn embed(&self, table_vd: &Grid, ids_n: &[u32], x_nd: &mut Numbers) {
        self.inner.embed(table_vd, ids_n, x_nd);
    }
    fn rms_norm(
        &self,
        n: usize,
        x_nd: &Numbers,
        gain_d: &Numbers,
        epsilon: f32,
        y_nd: &mut Numbers,
        rstd_n: &mut Numbers,
    ) {
        self.inner.rms_norm(n, x_nd, gain_d, epsilon, y_nd, rstd_n);
    }
    fn product(
        &self,
        n: usize,
        x_ni: &Numbers,
        weights_oi: &[&Grid],
        y_no: &mut Numbers,
        accumulate: bool,
    ) {
        for weight in weights_oi {
            let [outputs, inputs] = self.inner.shape(weight);
            self.product_of(n, inputs, outputs);
        }
        self.inner.product(n, x_ni, weights_oi, y_no, accumulate);
    }
    fn rope(
        &self,
        heads: Heads,
        rotation: &Rotation,
        positions_n: &[u32],
        qkv: &mut Numbers,
        inverse: bool,
    ) {
        self.inner.rope(heads, rotation, positions_n, qkv, inverse);
    }
    fn attention(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Numbers,
        out: &mut Numbers,
        lse: &mut Numbers,
    ) {
        let count = 2 * Self::seen(heads, mask);
        self.attention.fetch_add(count, Ordering::Relaxed);
        self.inner.attention(heads, mask, qkv, out, lse);
    }
    fn pages(&self, heads: Heads, count: usize) -> Pages<Numbers> {
        self.inner.pages(heads, count)
    }
    fn page_bytes(&self, heads: Heads) -> usize {
        self.inner.page_bytes(heads)
    }
    fn attention_paged(
        &self,
        _: Heads,
        _: &[Stretch<'_>],
        _: &Numbers,
        _: &mut Pages<Numbers>,
        _: &mut Numbers,
    ) {
        unreachable!("training has no pages");
    }
    fn swiglu(&self, n: usize, f: usize, gate_up: &Numbers, y_nf: &mut Numbers) {
        self.inner.swiglu(n, f, gate_up, y_nf);
    }
    fn rows(&self, from: &Numbers, rows: &[u32], d: usize, to: &mut Numbers) {
        self.inner.rows(from, rows, d, to);
    }
    fn logits_into(&self, n: usize, hidden_nd: &Numbers, head_vd: &Grid, logits_nv: &mut Vec<f32>) {
        let [v, d] = self.inner.shape(head_vd);
        self.product_of(n, d, v);
        self.inner.logits_into(n, hidden_nd, head_vd, logits_nv);
    }
    fn negative_log_likelihood(
        &self,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        targets_n: &[u32],
    ) -> Vec<(f32, bool)> {
        let [v, d] = self.inner.shape(head_vd);
        self.product_of(targets_n.len(), d, v);
        self.inner
            .negative_log_likelihood(hidden_nd, head_vd, targets_n)
    }
    fn likeliest(&self, _: usize, _: &Numbers, _: &Grid, _: usize, _: f32) -> Kept {
        unreachable!("nobody teaches here");
    }
}

impl Backward for Counting {
    fn embed_backward(&self, ids_n: &[u32], d: usize, dx_nd: &Numbers, dtable_vd: &mut Numbers) {
        self.inner.embed_backward(ids_n, d, dx_nd, dtable_vd);
    }
    fn rms_norm_backward(
        &self,
        n: usize,
        x_nd: &Numbers,
        gain_d: &Numbers,
        rstd_n: &Numbers,
        dy_nd: &Numbers,
        dx_nd: &mut Numbers,
        dgain_d: &mut Numbers,
    ) {
        self.inner
            .rms_norm_backward(n, x_nd, gain_d, rstd_n, dy_nd, dx_nd, dgain_d);
    }
    fn product_backward_input(
        &self,
        n: usize,
        dy_no: &Numbers,
        weights_oi: &[&Grid],
        dx_ni: &mut Numbers,
        accumulate: bool,
    ) {
        for weight in weights_oi {
            let [outputs, inputs] = self.inner.shape(weight);
            self.product_of(n, inputs, outputs);
        }
        self.inner
            .product_backward_input(n, dy_no, weights_oi, dx_ni, accumulate);
    }
    fn product_backward_weights(
        &self,
        n: usize,
        dy_no: &Numbers,
        x_ni: &Numbers,
        inputs: usize,
        outputs: &[usize],
        dweights_oi: &mut [&mut Numbers],
    ) {
        self.product_of(n, inputs, outputs.iter().sum());
        self.inner
            .product_backward_weights(n, dy_no, x_ni, inputs, outputs, dweights_oi);
    }
    fn attention_backward(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Numbers,
        out: &Numbers,
        lse: &Numbers,
        dout: &Numbers,
        dqkv: &mut Numbers,
    ) {
        let seen = Self::seen(heads, mask);
        self.attention.fetch_add(4 * seen, Ordering::Relaxed);
        self.scores_again.fetch_add(seen, Ordering::Relaxed);
        self.inner
            .attention_backward(heads, mask, qkv, out, lse, dout, dqkv);
    }
    fn swiglu_backward(
        &self,
        n: usize,
        f: usize,
        gate_up: &Numbers,
        dy_nf: &Numbers,
        dgate_up: &mut Numbers,
    ) {
        self.inner.swiglu_backward(n, f, gate_up, dy_nf, dgate_up);
    }
    fn cross_entropy(
        &self,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        targets_n: &[u32],
        weights_n: &[f32],
        z: f32,
        grads: Option<Grads<'_, Self>>,
    ) -> Vec<(f32, f32)> {
        let [v, d] = self.inner.shape(head_vd);
        self.product_of(targets_n.len(), d, v);
        let grads = grads.map(|grads| {
            // Gradients of the output and of the head, of the rows that have a loss.
            let with_loss = weights_n.iter().filter(|weight| **weight != 0.0).count();
            self.product_of(2 * with_loss, d, v);
            Grads {
                hidden_nd: grads.hidden_nd,
                head_vd: grads.head_vd,
            }
        });
        self.inner
            .cross_entropy(hidden_nd, head_vd, targets_n, weights_n, z, grads)
    }
    fn distill(
        &self,
        _: &Numbers,
        _: &Grid,
        _: Teacher<'_, Self>,
        _: &[u32],
        _: &[f32],
        _: Distillation,
        _: Option<Grads<'_, Self>>,
    ) -> Vec<Taught> {
        unreachable!("nobody teaches here");
    }
    fn adamw(
        &self,
        weight: Parameter<'_, Self>,
        gradient: &mut Numbers,
        first: &mut Numbers,
        second: &mut Numbers,
        step: AdamW,
    ) {
        let weight: Parameter<'_, Reference> = match weight {
            Parameter::Matrix(matrix) => Parameter::Matrix(matrix),
            Parameter::Vector(array) => Parameter::Vector(array),
        };
        self.inner.adamw(weight, gradient, first, second, step);
    }
    fn sum_of_squares(&self, array: &Numbers) -> f64 {
        self.inner.sum_of_squares(array)
    }
    fn scale(&self, array: &mut Numbers, factor: f32) {
        self.inner.scale(array, factor);
    }
    fn add(&self, x: &Numbers, y: &mut Numbers, len: usize) {
        self.inner.add(x, y, len);
    }
    fn set(&self, matrix: &mut Grid, values: &[f32]) {
        self.inner.set(matrix, values);
    }
}
