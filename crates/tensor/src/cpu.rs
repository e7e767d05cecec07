//! The CPU device. (First version: obvious loops everywhere; kernels follow file by file.)

mod array;
mod kernels;

pub use array::{CpuArray, CpuMatrix};
pub use kernels::Kernels;

use array::{Buffer, Storage};
use half::bf16;

use crate::device::{
    AdamW, Backward, Forward, Grads, Heads, KeyValue, Mask, Parameter, Precision, Rotation, Values,
};

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
    threads: usize,
    kernels: Kernels,
    precision: Precision,
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
        let available = std::thread::available_parallelism().map_or(1, usize::from);
        Cpu {
            threads: options.threads.unwrap_or(available).max(1),
            kernels,
            precision: options.precision,
        }
    }

    /// How many threads work.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The kernels in use.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    fn operand(&self, x: f32) -> f32 {
        match self.precision {
            Precision::F32 => x,
            Precision::Bf16 => bf16::from_f32(x).to_f32(),
        }
    }

    fn operands(&self, mut x: Vec<f32>) -> Vec<f32> {
        x.iter_mut().for_each(|x| *x = self.operand(*x));
        x
    }

    fn tall(&self, weights: &[&CpuMatrix]) -> Vec<f32> {
        let all = weights.iter().flat_map(|w| match (&w.rounded, &w.master) {
            (Some(rounded), _) => rounded.iter().map(|x| x.to_f32()).collect::<Vec<_>>(),
            (None, Some(master)) => master.to_vec(),
            (None, None) => vec![],
        });
        self.operands(all.collect())
    }
}

fn all(array: &CpuArray) -> Vec<f32> {
    match &array.0 {
        Storage::F32(x) => x.to_vec(),
        Storage::Bf16(x) => x.iter().map(|x| x.to_f32()).collect(),
    }
}

fn put(array: &mut CpuArray, values: &[f32]) {
    match &mut array.0 {
        Storage::F32(x) => x[..values.len()].copy_from_slice(values),
        Storage::Bf16(x) => {
            for (x, value) in x.iter_mut().zip(values) {
                *x = bf16::from_f32(*value);
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn from_values(values: Values<'_>) -> Buffer<f32> {
    let mut buffer = Buffer::zeros(values.len());
    match values {
        Values::F32(x) => buffer.copy_from_slice(x),
        Values::Bf16(x) => {
            for (to, from) in buffer.iter_mut().zip(x) {
                *to = bf16::from_bits(*from).to_f32();
            }
        }
    }
    buffer
}

fn rounded(values: &[f32]) -> Buffer<bf16> {
    let mut buffer = Buffer::zeros(values.len());
    for (to, from) in buffer.iter_mut().zip(values) {
        *to = bf16::from_f32(*from);
    }
    buffer
}

impl Forward for Cpu {
    type Array = CpuArray;
    type Matrix = CpuMatrix;

    fn describe(&self) -> String {
        format!(
            "CPU, {} kernels, {} threads, {:?}",
            self.kernels, self.threads, self.precision
        )
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
        let mut array = self.zeros(values.len());
        put(&mut array, values);
        array
    }
    fn write(&self, values: &[f32], array: &mut CpuArray) {
        assert!(values.len() <= array.len());
        put(array, values);
    }
    fn read(&self, array: &CpuArray, len: usize) -> Vec<f32> {
        let mut values = all(array);
        assert!(len <= values.len());
        values.truncate(len);
        values
    }
    fn clear(&self, array: &mut CpuArray) {
        let zeros = vec![0.0; array.len()];
        put(array, &zeros);
    }
    fn copy(&self, from: &CpuArray, to: &mut CpuArray, len: usize) {
        put(to, &all(from)[..len]);
    }
    fn matrix(&self, rows: usize, cols: usize, values: Values<'_>) -> CpuMatrix {
        assert_eq!(values.len(), rows * cols);
        let values = from_values(values);
        let (master, rounded) = match self.precision {
            Precision::F32 => (Some(values), None),
            Precision::Bf16 => (None, Some(rounded(&values))),
        };
        CpuMatrix {
            rows,
            cols,
            master,
            rounded,
        }
    }
    fn trainable(&self, rows: usize, cols: usize, values: Values<'_>) -> CpuMatrix {
        assert_eq!(values.len(), rows * cols);
        let values = from_values(values);
        let rounded = (self.precision == Precision::Bf16).then(|| rounded(&values));
        CpuMatrix {
            rows,
            cols,
            master: Some(values),
            rounded,
        }
    }
    fn values(&self, matrix: &CpuMatrix) -> Vec<f32> {
        match (&matrix.master, &matrix.rounded) {
            (Some(master), _) => master.to_vec(),
            (None, Some(rounded)) => rounded.iter().map(|x| x.to_f32()).collect(),
            (None, None) => vec![],
        }
    }
    fn shape(&self, matrix: &CpuMatrix) -> [usize; 2] {
        [matrix.rows, matrix.cols]
    }
    fn matrix_bytes(&self, matrix: &CpuMatrix) -> usize {
        matrix.master.as_ref().map_or(0, |x| x.len() * 4)
            + matrix.rounded.as_ref().map_or(0, |x| x.len() * 2)
    }
    fn embed(&self, table_vd: &CpuMatrix, ids_n: &[u32], x_nd: &mut CpuArray) {
        let (table, d) = (self.values(table_vd), table_vd.cols);
        let rows = ids_n
            .iter()
            .flat_map(|&id| &table[id as usize * d..][..d])
            .copied();
        put(x_nd, &rows.collect::<Vec<_>>());
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
        let (x, gain) = (all(x_nd), all(gain_d));
        let d = gain.len();
        let (mut y, mut rstd) = (vec![0.0; n * d], vec![0.0; n]);
        for r in 0..n {
            let x = &x[r * d..][..d];
            rstd[r] = 1.0 / (dot(x, x) / d as f32 + epsilon).sqrt();
            for i in 0..d {
                y[r * d + i] = x[i] * rstd[r] * gain[i];
            }
        }
        put(y_nd, &y);
        put(rstd_n, &rstd);
    }
    fn product(
        &self,
        n: usize,
        x_ni: &CpuArray,
        weights_oi: &[&CpuMatrix],
        y_no: &mut CpuArray,
        accumulate: bool,
    ) {
        let (x, w, k) = (
            self.operands(all(x_ni)),
            self.tall(weights_oi),
            weights_oi[0].cols,
        );
        let o = w.len() / k;
        let mut y = all(y_no);
        for r in 0..n {
            for j in 0..o {
                let sum = dot(&x[r * k..][..k], &w[j * k..][..k]);
                y[r * o + j] = sum + if accumulate { y[r * o + j] } else { 0.0 };
            }
        }
        put(y_no, &y);
    }
    fn rope(
        &self,
        heads: Heads,
        rotation: &Rotation,
        positions_n: &[u32],
        qkv: &mut CpuArray,
        inverse: bool,
    ) {
        let mut x = all(qkv);
        let half = rotation.half;
        for (r, &position) in positions_n.iter().enumerate() {
            for head in 0..heads.query() + heads.kv {
                let x = &mut x[r * heads.columns() + head * heads.dim..][..heads.dim];
                for i in 0..half {
                    let cos = rotation.cos[position as usize * half + i];
                    let sin = rotation.sin[position as usize * half + i];
                    let sin = if inverse { -sin } else { sin };
                    let (a, b) = (x[i], x[i + half]);
                    x[i] = a * cos - b * sin;
                    x[i + half] = b * cos + a * sin;
                }
            }
        }
        put(qkv, &x);
    }
    fn attention(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &CpuArray,
        out: &mut CpuArray,
        lse: &mut CpuArray,
    ) {
        let (e, c, qc) = (heads.dim, heads.columns(), heads.query_columns());
        let x = self.operands(all(qkv));
        let n = *mask.starts.last().unwrap_or(&0) as usize;
        let (mut y, mut l) = (vec![0.0; n * qc], vec![0.0; n * heads.query()]);
        for segment in mask.starts.windows(2) {
            let (start, end) = (segment[0] as usize, segment[1] as usize);
            for h in 0..heads.query() {
                let k = h / heads.group;
                for r in start..end {
                    let last = if mask.causal { r + 1 } else { end };
                    let q = &x[r * c + h * e..][..e];
                    let mut s: Vec<f32> = (start..last)
                        .map(|t| dot(q, &x[t * c + qc + k * e..][..e]) / (e as f32).sqrt())
                        .collect();
                    let max = s.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    s.iter_mut().for_each(|s| *s = (*s - max).exp());
                    let sum: f32 = s.iter().sum();
                    l[r * heads.query() + h] = max + sum.ln();
                    for (t, p) in (start..last).zip(&s) {
                        let v = &x[t * c + qc + (heads.kv + k) * e..][..e];
                        for i in 0..e {
                            y[r * qc + h * e + i] += p / sum * v[i];
                        }
                    }
                }
            }
        }
        put(out, &y);
        put(lse, &l);
    }
    fn attention_cached(
        &self,
        heads: Heads,
        n: usize,
        qkv: &CpuArray,
        cache: &mut KeyValue<CpuArray>,
        out: &mut CpuArray,
    ) {
        let (e, c, qc, past) = (
            heads.dim,
            heads.columns(),
            heads.query_columns(),
            cache.length,
        );
        assert!(past + n <= cache.capacity);
        let x = self.operands(all(qkv));
        let (mut keys, mut values) = (all(&cache.keys), all(&cache.values));
        for r in 0..n {
            for k in 0..heads.kv {
                let at = (k * cache.capacity + past + r) * e;
                keys[at..at + e].copy_from_slice(&x[r * c + qc + k * e..][..e]);
                values[at..at + e].copy_from_slice(&x[r * c + qc + (heads.kv + k) * e..][..e]);
            }
        }
        let mut y = vec![0.0; n * qc];
        for r in 0..n {
            for h in 0..heads.query() {
                let k = h / heads.group;
                let q = &x[r * c + h * e..][..e];
                let mut s: Vec<f32> = (0..past + r + 1)
                    .map(|t| dot(q, &keys[(k * cache.capacity + t) * e..][..e]) / (e as f32).sqrt())
                    .collect();
                let max = s.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                s.iter_mut().for_each(|s| *s = (*s - max).exp());
                let sum: f32 = s.iter().sum();
                for (t, p) in s.iter().enumerate() {
                    let v = &values[(k * cache.capacity + t) * e..][..e];
                    for i in 0..e {
                        y[r * qc + h * e + i] += p / sum * v[i];
                    }
                }
            }
        }
        put(&mut cache.keys, &keys);
        put(&mut cache.values, &values);
        cache.length += n;
        put(out, &y);
    }
    fn key_value(&self, heads: Heads, capacity: usize) -> KeyValue<CpuArray> {
        KeyValue {
            keys: self.activation(heads.kv * capacity * heads.dim),
            values: self.activation(heads.kv * capacity * heads.dim),
            capacity,
            length: 0,
        }
    }
    fn swiglu(&self, n: usize, f: usize, gate_up: &CpuArray, y_nf: &mut CpuArray) {
        let x = all(gate_up);
        let mut y = vec![0.0; n * f];
        for r in 0..n {
            for i in 0..f {
                let (gate, up) = (x[r * 2 * f + i], x[r * 2 * f + f + i]);
                y[r * f + i] = gate / (1.0 + (-gate).exp()) * up;
            }
        }
        put(y_nf, &y);
    }
    fn rows(&self, from: &CpuArray, rows: &[u32], d: usize, to: &mut CpuArray) {
        let from = all(from);
        let gathered = rows
            .iter()
            .flat_map(|&r| &from[r as usize * d..][..d])
            .copied();
        put(to, &gathered.collect::<Vec<_>>());
    }
    fn logits(&self, n: usize, hidden_nd: &CpuArray, head_vd: &CpuMatrix) -> Vec<f32> {
        let mut logits = self.zeros(n * head_vd.rows);
        self.product(n, hidden_nd, &[head_vd], &mut logits, false);
        self.read(&logits, n * head_vd.rows)
    }
    fn negative_log_likelihood(
        &self,
        hidden_nd: &CpuArray,
        head_vd: &CpuMatrix,
        targets_n: &[u32],
    ) -> Vec<(f32, bool)> {
        let logits = self.logits(targets_n.len(), hidden_nd, head_vd);
        let rows = logits.chunks(head_vd.rows).zip(targets_n);
        rows.map(|(row, &target)| {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = row.iter().map(|x| (x - max).exp()).sum();
            let own = row[target as usize];
            let best = row.iter().position(|&x| x == max) == Some(target as usize);
            (max + sum.ln() - own, best)
        })
        .collect()
    }
}

impl Backward for Cpu {
    fn embed_backward(&self, ids_n: &[u32], d: usize, dx_nd: &CpuArray, dtable_vd: &mut CpuArray) {
        let (dx, mut table) = (all(dx_nd), all(dtable_vd));
        for (r, &id) in ids_n.iter().enumerate() {
            for i in 0..d {
                table[id as usize * d + i] += dx[r * d + i];
            }
        }
        put(dtable_vd, &table);
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
        let (x, gain, rstd, dy) = (all(x_nd), all(gain_d), all(rstd_n), all(dy_nd));
        let (mut dx, mut dgain, d) = (all(dx_nd), all(dgain_d), gain.len());
        for r in 0..n {
            let at = r * d;
            let sum: f32 = (0..d).map(|i| dy[at + i] * gain[i] * x[at + i]).sum();
            let mean = sum * rstd[r] * rstd[r] / d as f32;
            for i in 0..d {
                dx[at + i] += rstd[r] * (dy[at + i] * gain[i] - x[at + i] * mean);
                dgain[i] += dy[at + i] * x[at + i] * rstd[r];
            }
        }
        put(dx_nd, &dx);
        put(dgain_d, &dgain);
    }
    fn product_backward_input(
        &self,
        n: usize,
        dy_no: &CpuArray,
        weights_oi: &[&CpuMatrix],
        dx_ni: &mut CpuArray,
        accumulate: bool,
    ) {
        let (dy, w, i) = (
            self.operands(all(dy_no)),
            self.tall(weights_oi),
            weights_oi[0].cols,
        );
        let (o, mut dx) = (w.len() / i, all(dx_ni));
        for r in 0..n {
            let dx = &mut dx[r * i..][..i];
            if !accumulate {
                dx.fill(0.0);
            }
            for j in 0..o {
                for (dx, w) in dx.iter_mut().zip(&w[j * i..]) {
                    *dx += dy[r * o + j] * w;
                }
            }
        }
        put(dx_ni, &dx);
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
        let (dy, x) = (self.operands(all(dy_no)), self.operands(all(x_ni)));
        let (total, mut first) = (outputs.iter().sum::<usize>(), 0);
        for (&rows, dweight) in outputs.iter().zip(dweights_oi) {
            let mut dw = all(dweight);
            for r in 0..n {
                for j in 0..rows {
                    let dy = dy[r * total + first + j];
                    let dw = dw[j * inputs..][..inputs].iter_mut();
                    dw.zip(&x[r * inputs..]).for_each(|(dw, x)| *dw += dy * x);
                }
            }
            put(dweight, &dw);
            first += rows;
        }
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
        let (e, c, qc) = (heads.dim, heads.columns(), heads.query_columns());
        let (x, y, l, dy) = (
            self.operands(all(qkv)),
            all(out),
            all(lse),
            self.operands(all(dout)),
        );
        let n = *mask.starts.last().unwrap_or(&0) as usize;
        let scale = 1.0 / (e as f32).sqrt();
        let mut dx = vec![0.0; n * c];
        for segment in mask.starts.windows(2) {
            let (start, end) = (segment[0] as usize, segment[1] as usize);
            for h in 0..heads.query() {
                let (k, v) = (
                    qc + h / heads.group * e,
                    qc + (heads.kv + h / heads.group) * e,
                );
                for r in start..end {
                    let last = if mask.causal { r + 1 } else { end };
                    let q = &x[r * c + h * e..][..e];
                    let dy = &dy[r * qc + h * e..][..e];
                    let delta = dot(dy, &y[r * qc + h * e..][..e]);
                    for t in start..last {
                        let s = dot(q, &x[t * c + k..][..e]) * scale;
                        let p = (s - l[r * heads.query() + h]).exp();
                        let ds = p * (dot(dy, &x[t * c + v..][..e]) - delta) * scale;
                        for i in 0..e {
                            dx[r * c + h * e + i] += ds * x[t * c + k + i];
                            dx[t * c + k + i] += ds * q[i];
                            dx[t * c + v + i] += p * dy[i];
                        }
                    }
                }
            }
        }
        put(dqkv, &dx);
    }
    fn swiglu_backward(
        &self,
        n: usize,
        f: usize,
        gate_up: &CpuArray,
        dy_nf: &CpuArray,
        dgate_up: &mut CpuArray,
    ) {
        let (x, dy) = (all(gate_up), all(dy_nf));
        let mut dx = vec![0.0; n * 2 * f];
        for r in 0..n {
            for i in 0..f {
                let (gate, up) = (x[r * 2 * f + i], x[r * 2 * f + f + i]);
                let s = 1.0 / (1.0 + (-gate).exp());
                dx[r * 2 * f + i] = dy[r * f + i] * up * s * (1.0 + gate * (1.0 - s));
                dx[r * 2 * f + f + i] = dy[r * f + i] * gate * s;
            }
        }
        put(dgate_up, &dx);
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
        let (n, v) = (targets_n.len(), head_vd.rows);
        let mut logits = self.logits(n, hidden_nd, head_vd);
        let mut losses = vec![];
        for r in 0..n {
            let row = &mut logits[r * v..][..v];
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = row.iter().map(|x| (x - max).exp()).sum();
            let log_z = max + sum.ln();
            losses.push((log_z - row[targets_n[r] as usize], log_z));
            for x in row.iter_mut() {
                *x = weights_n[r] * (*x - log_z).exp() * (1.0 + 2.0 * z * log_z);
            }
            row[targets_n[r] as usize] -= weights_n[r];
        }
        if let Some(grads) = grads {
            let dlogits = self.upload(&logits);
            self.product_backward_input(n, &dlogits, &[head_vd], grads.hidden_nd, false);
            let d = head_vd.cols;
            self.product_backward_weights(n, &dlogits, hidden_nd, d, &[v], &mut [grads.head_vd]);
        }
        losses
    }
    fn adamw(
        &self,
        weight: Parameter<'_, Self>,
        gradient: &mut CpuArray,
        first: &mut CpuArray,
        second: &mut CpuArray,
        step: AdamW,
    ) {
        let (mut g, mut m, mut v) = (all(gradient), all(first), all(second));
        let mut w = match &weight {
            Parameter::Matrix(matrix) => self.values(matrix),
            Parameter::Vector(vector) => all(vector),
        };
        let c1 = 1.0 / (1.0 - (step.beta1 as f64).powi(step.step as i32)) as f32;
        let c2 = 1.0 / (1.0 - (step.beta2 as f64).powi(step.step as i32)) as f32;
        for i in 0..w.len() {
            let gradient = g[i] * step.gradient_scale;
            m[i] = step.beta1 * m[i] + (1.0 - step.beta1) * gradient;
            v[i] = step.beta2 * v[i] + (1.0 - step.beta2) * gradient * gradient;
            let adam = m[i] * c1 / ((v[i] * c2).sqrt() + step.epsilon);
            w[i] -= step.rate * adam + step.decay * w[i];
            g[i] = 0.0;
        }
        put(gradient, &g);
        put(first, &m);
        put(second, &v);
        match weight {
            Parameter::Matrix(matrix) => self.set(matrix, &w),
            Parameter::Vector(vector) => put(vector, &w),
        }
    }
    fn sum_of_squares(&self, array: &CpuArray) -> f64 {
        all(array).iter().map(|x| (*x as f64).powi(2)).sum()
    }
    fn scale(&self, array: &mut CpuArray, factor: f32) {
        let scaled: Vec<f32> = all(array).iter().map(|x| x * factor).collect();
        put(array, &scaled);
    }
    fn add(&self, x: &CpuArray, y: &mut CpuArray, len: usize) {
        let sum: Vec<f32> = all(x)
            .iter()
            .zip(all(y))
            .take(len)
            .map(|(x, y)| x + y)
            .collect();
        put(y, &sum);
    }
    fn set(&self, matrix: &mut CpuMatrix, values: &[f32]) {
        assert_eq!(values.len(), matrix.rows * matrix.cols);
        if let Some(master) = &mut matrix.master {
            master.copy_from_slice(values);
        }
        if let Some(shadow) = &mut matrix.rounded {
            *shadow = rounded(values);
        }
    }
}
