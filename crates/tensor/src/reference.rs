//! The reference device: what each operation means, in plain loops that anyone can check by hand.
//!
//! Numbers are stored as f32; every sum is taken in f64, in the order of the formula. With
//! [`Precision::Bf16`] the operands of products, and every number stored in an
//! [`activation`](Forward::activation), are rounded to bfloat16 first, and nothing else changes.
//! Each operation carries its formula; the fast devices are tested against these functions, and
//! the gradients here against finite differences.
//!
//! Deliberately absent: speed, threads, blocks, and any trick that a reader would have to believe.

mod attention;
mod backward;
mod distillation;

use crate::device::{Forward, Heads, Mask, Precision, Rotation, Values};
use crate::distillation::Kept;
use crate::pages::{POSITIONS, Pages, Stretch};
use half::bf16;

/// The naive device. See the module's first lines.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    precision: Precision,
}

/// A flat vector of f32, each number rounded to bfloat16 as it is stored if `rounded`.
#[derive(Clone, Debug)]
pub struct Numbers {
    values: Vec<f32>,
    rounded: bool,
}

/// A weight `[rows, cols]`, row-major: one f32 copy, rounded only when a product reads it
/// (or when it was made, if it is for inference).
#[derive(Clone, Debug)]
pub struct Grid {
    rows: usize,
    cols: usize,
    values: Vec<f32>,
    /// Whether they came in blocks of integers, so that products quantise what they meet.
    integers: bool,
}

impl Reference {
    /// A reference device of this precision.
    pub fn new(precision: Precision) -> Self {
        Self { precision }
    }

    /// A number as a product reads it.
    fn operand(&self, x: f32) -> f64 {
        match self.precision {
            Precision::F32 => f64::from(x),
            Precision::Bf16 => f64::from(round(x)),
        }
    }

    /// Σᵢ a[i]·b[i], both rounded to what products read.
    fn dot(&self, a: &[f32], b: &[f32]) -> f64 {
        let terms = a.iter().zip(b);
        terms
            .map(|(&a, &b)| self.operand(a) * self.operand(b))
            .sum()
    }

    /// `x · wᵀ` of one row x: in blocks of 32 that are e·s, e = max |x| / 127 and s whole numbers,
    /// where w came in blocks of integers.
    fn row_product(&self, x_i: &[f32], w_oi: &Grid) -> Vec<f64> {
        let mut quantised = vec![0.0; x_i.len()];
        if w_oi.integers {
            for (to, x) in quantised.chunks_mut(32).zip(x_i.chunks(32)) {
                let largest = x.iter().fold(0f32, |largest, x| largest.max(x.abs()));
                let (scale, inverse) = (largest / 127.0, 127.0 / largest);
                for (to, x) in to.iter_mut().zip(x) {
                    let s = if largest > 0.0 {
                        (x * inverse).round_ties_even()
                    } else {
                        0.0
                    };
                    *to = f64::from(scale) * f64::from(s);
                }
            }
        }
        let rows = (0..w_oi.rows).map(|o| w_oi.row(o));
        rows.map(|w_i| match w_oi.integers {
            true => quantised
                .iter()
                .zip(w_i)
                .map(|(x, &w)| x * f64::from(w))
                .sum(),
            false => self.dot(x_i, w_i),
        })
        .collect()
    }

    /// `h · headᵀ` of one row: the logits of every token.
    fn logits_of_row(&self, hidden_d: &[f32], head_vd: &Grid) -> Vec<f64> {
        self.row_product(hidden_d, head_vd)
    }
}

/// The nearest bfloat16 (ties to even), as f32.
fn round(x: f32) -> f32 {
    bf16::from_f32(x).to_f32()
}

/// log Σ exp x, shifted by the largest x so that nothing overflows.
fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// σ(x) = 1 / (1 + e⁻ˣ).
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Panics, with both lengths, if an array is too short: that is a bug in the caller.
#[track_caller]
fn holds(what: &str, array: &Numbers, wanted: usize) {
    let found = array.values.len();
    assert!(
        found >= wanted,
        "{what} holds {found} numbers, and the operation needs {wanted}"
    );
}

impl Numbers {
    /// Stores a number, rounded as this array rounds.
    fn put(&mut self, at: usize, x: f64) {
        let x = x as f32;
        self.values[at] = if self.rounded { round(x) } else { x };
    }

    /// Adds to a number.
    fn add(&mut self, at: usize, x: f64) {
        self.put(at, f64::from(self.values[at]) + x);
    }

    /// Row r of rows of `width` numbers.
    fn row(&self, r: usize, width: usize) -> &[f32] {
        &self.values[r * width..][..width]
    }
}

impl Grid {
    fn row(&self, r: usize) -> &[f32] {
        &self.values[r * self.cols..][..self.cols]
    }
}

impl Forward for Reference {
    type Array = Numbers;
    type Matrix = Grid;

    fn describe(&self) -> String {
        let precision = match self.precision {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        };
        format!("reference device: plain loops, one thread, {precision}")
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn zeros(&self, len: usize) -> Numbers {
        Numbers {
            values: vec![0.0; len],
            rounded: false,
        }
    }

    fn activation(&self, len: usize) -> Numbers {
        Numbers {
            values: vec![0.0; len],
            rounded: self.precision == Precision::Bf16,
        }
    }

    fn upload(&self, values: &[f32]) -> Numbers {
        Numbers {
            values: values.to_vec(),
            rounded: false,
        }
    }

    fn write(&self, values: &[f32], array: &mut Numbers) {
        holds("the array written to", array, values.len());
        for (at, &x) in values.iter().enumerate() {
            array.put(at, f64::from(x));
        }
    }

    fn read(&self, array: &Numbers, len: usize) -> Vec<f32> {
        holds("the array read", array, len);
        array.values[..len].to_vec()
    }

    fn clear(&self, array: &mut Numbers) {
        array.values.fill(0.0);
    }

    fn copy(&self, from: &Numbers, to: &mut Numbers, len: usize) {
        holds("the array copied from", from, len);
        self.write(&from.values[..len], to);
    }

    /// Rounds once, here: an inference weight has no master behind it.
    fn matrix(&self, rows: usize, cols: usize, values: Values<'_>) -> Grid {
        let mut grid = self.trainable(rows, cols, values);
        grid.integers = matches!(values, Values::Blocks(..));
        if self.precision == Precision::Bf16 && !grid.integers {
            grid.values.iter_mut().for_each(|x| *x = round(*x));
        }
        grid
    }

    fn trainable(&self, rows: usize, cols: usize, values: Values<'_>) -> Grid {
        let (found, wanted) = (values.len(), rows * cols);
        assert_eq!(
            found, wanted,
            "a {rows} × {cols} matrix was given {found} numbers"
        );
        Grid {
            rows,
            cols,
            values: values.to_f32(),
            integers: false,
        }
    }

    fn values(&self, matrix: &Grid) -> Vec<f32> {
        matrix.values.clone()
    }

    fn shape(&self, matrix: &Grid) -> [usize; 2] {
        [matrix.rows, matrix.cols]
    }

    fn matrix_bytes(&self, matrix: &Grid) -> usize {
        size_of_val(&matrix.values[..])
    }

    /// `x[r, j] = table[ids[r], j]`; no product, so the table is read unrounded.
    fn embed(&self, table_vd: &Grid, ids_n: &[u32], x_nd: &mut Numbers) {
        let d = table_vd.cols;
        holds("x", x_nd, ids_n.len() * d);
        for (r, &id) in ids_n.iter().enumerate() {
            let rows = table_vd.rows;
            assert!(
                (id as usize) < rows,
                "token {id} is outside an embedding of {rows} rows"
            );
            for (j, &x) in table_vd.row(id as usize).iter().enumerate() {
                x_nd.put(r * d + j, f64::from(x));
            }
        }
    }

    /// `rstd[r] = 1 / √(Σⱼ x[r, j]² / d + ε)`, `y[r, j] = x[r, j] · rstd[r] · gain[j]`.
    fn rms_norm(
        &self,
        n: usize,
        x_nd: &Numbers,
        gain_d: &Numbers,
        epsilon: f32,
        y_nd: &mut Numbers,
        rstd_n: &mut Numbers,
    ) {
        let d = gain_d.values.len();
        holds("x", x_nd, n * d);
        holds("y", y_nd, n * d);
        holds("rstd", rstd_n, n);
        for r in 0..n {
            let x_d = x_nd.row(r, d);
            let mean = x_d.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / d as f64;
            let rstd = 1.0 / (mean + f64::from(epsilon)).sqrt();
            rstd_n.put(r, rstd);
            for (j, (&x, &gain)) in x_d.iter().zip(&gain_d.values).enumerate() {
                y_nd.put(r * d + j, f64::from(x) * rstd * f64::from(gain));
            }
        }
    }

    /// `y[r, o] = Σᵢ x[r, i] · w[o, i]`, the matrices' outputs one after another.
    fn product(
        &self,
        n: usize,
        x_ni: &Numbers,
        weights_oi: &[&Grid],
        y_no: &mut Numbers,
        accumulate: bool,
    ) {
        let (inputs, outputs) = stacked(weights_oi);
        holds("x", x_ni, n * inputs);
        holds("y", y_no, n * outputs);
        for r in 0..n {
            let x_i = x_ni.row(r, inputs);
            let sums = weights_oi.iter().flat_map(|w| self.row_product(x_i, w));
            for (o, sum) in sums.enumerate() {
                let at = r * outputs + o;
                let before = if accumulate {
                    f64::from(y_no.values[at])
                } else {
                    0.0
                };
                y_no.put(at, before + sum);
            }
        }
    }

    /// For each pair (i, i + e/2) of a head, with c and s of the row's position:
    /// `(x, y) → (x·c − y·s, y·c + x·s)`; `inverse` takes the transpose, which is −s for s.
    ///
    /// The transpose is the gradient always, and undoes the rotation where cos² + sin² = 1,
    /// which YaRN's attention factor breaks on purpose.
    fn rope(
        &self,
        heads: Heads,
        rotation: &Rotation,
        positions_n: &[u32],
        qkv: &mut Numbers,
        inverse: bool,
    ) {
        let (e, half) = (heads.dim, rotation.half);
        assert_eq!(
            2 * half,
            e,
            "the rotation is for heads of {}, these have {e}",
            2 * half
        );
        holds("qkv", qkv, positions_n.len() * heads.columns());
        for (r, &position) in positions_n.iter().enumerate() {
            let known = rotation.cos.len() / half;
            assert!(
                (position as usize) < known,
                "position {position} is past the {known} known"
            );
            // queries and keys lie first in a row; values after them are not rotated
            for head in 0..heads.query() + heads.kv {
                for i in 0..half {
                    let c = f64::from(rotation.cos[position as usize * half + i]);
                    let s = f64::from(rotation.sin[position as usize * half + i]);
                    let s = if inverse { -s } else { s };
                    let at = r * heads.columns() + head * e + i;
                    let (x, y) = (f64::from(qkv.values[at]), f64::from(qkv.values[at + half]));
                    qkv.put(at, x * c - y * s);
                    qkv.put(at + half, y * c + x * s);
                }
            }
        }
    }

    fn attention(
        &self,
        heads: Heads,
        mask: Mask<'_>,
        qkv: &Numbers,
        out: &mut Numbers,
        lse: &mut Numbers,
    ) {
        self.attend(heads, mask, qkv, out, lse);
    }

    /// `[page][k][place][e]`.
    fn pages(&self, heads: Heads, count: usize) -> Pages<Numbers> {
        let len = count * POSITIONS * heads.kv * heads.dim;
        Pages {
            keys: self.activation(len),
            values: self.activation(len),
            count,
        }
    }

    fn page_bytes(&self, heads: Heads) -> usize {
        2 * POSITIONS * heads.kv * heads.dim * size_of::<f32>()
    }

    fn attention_paged(
        &self,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &Numbers,
        pages: &mut Pages<Numbers>,
        out: &mut Numbers,
    ) {
        self.attend_paged(heads, stretches, qkv, pages, out);
    }

    /// `y = g · σ(g) · u`, with g and u the left and right halves of a row of `gate_up`.
    fn swiglu(&self, n: usize, f: usize, gate_up: &Numbers, y_nf: &mut Numbers) {
        holds("gate_up", gate_up, n * 2 * f);
        holds("y", y_nf, n * f);
        for r in 0..n {
            let (gate, up) = gate_up.row(r, 2 * f).split_at(f);
            for (j, (&gate, &up)) in gate.iter().zip(up).enumerate() {
                let (gate, up) = (f64::from(gate), f64::from(up));
                y_nf.put(r * f + j, gate * sigmoid(gate) * up);
            }
        }
    }

    fn rows(&self, from: &Numbers, rows: &[u32], d: usize, to: &mut Numbers) {
        holds("the array gathered into", to, rows.len() * d);
        for (r, &row) in rows.iter().enumerate() {
            holds("the array gathered from", from, (row as usize + 1) * d);
            for (j, &x) in from.row(row as usize, d).iter().enumerate() {
                to.put(r * d + j, f64::from(x));
            }
        }
    }

    /// `logits[r, t] = Σⱼ hidden[r, j] · head[t, j]`.
    fn logits_into(&self, n: usize, hidden_nd: &Numbers, head_vd: &Grid, logits_nv: &mut Vec<f32>) {
        holds("hidden", hidden_nd, n * head_vd.cols);
        let rows = (0..n).map(|r| hidden_nd.row(r, head_vd.cols));
        let logits = rows.flat_map(|hidden_d| self.logits_of_row(hidden_d, head_vd));
        logits_nv.clear();
        logits_nv.extend(logits.map(|x| x as f32));
    }

    /// `log Σₜ exp logits[t] − logits[target]`; a target that ties for the largest logit counts
    /// as the most likely.
    fn negative_log_likelihood(
        &self,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        targets_n: &[u32],
    ) -> Vec<(f32, bool)> {
        holds("hidden", hidden_nd, targets_n.len() * head_vd.cols);
        let judge = |(r, &target): (usize, &u32)| {
            let logits = self.logits_of_row(hidden_nd.row(r, head_vd.cols), head_vd);
            let of_target = logits[target as usize];
            let likeliest = logits.iter().all(|&x| x <= of_target);
            ((log_sum_exp(&logits) - of_target) as f32, likeliest)
        };
        targets_n.iter().enumerate().map(judge).collect()
    }

    fn likeliest(
        &self,
        n: usize,
        hidden_nd: &Numbers,
        head_vd: &Grid,
        k: usize,
        temperature: f32,
    ) -> Kept {
        self.find_likeliest(n, hidden_nd, head_vd, k, temperature)
    }
}

/// The inputs that all matrices of a product share, and the sum of their outputs.
fn stacked(weights_oi: &[&Grid]) -> (usize, usize) {
    let inputs = weights_oi.first().expect("a product needs a matrix").cols;
    for w in weights_oi {
        assert_eq!(
            w.cols, inputs,
            "matrices of one product have {inputs} and {} inputs",
            w.cols
        );
    }
    (inputs, weights_oi.iter().map(|w| w.rows).sum())
}
