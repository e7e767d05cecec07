//! Rows of numbers in f64: centred, made as long as one, multiplied.
//!
//! Sums run in one order whatever the number of threads, so results are the same bits everywhere.

use rayon::prelude::*;

/// Rows multiplied at once, so that a row of the other matrix is read once for all of them.
const BLOCK: usize = 16;

/// `[n, d]`.
pub(super) struct Rows {
    values: Vec<f64>,
    d: usize,
}

impl Rows {
    /// With the mean of every column taken away.
    pub(super) fn centred(rows: &[f32], d: usize) -> Self {
        let n = (rows.len() / d) as f64;
        let mut means = vec![0.0; d];
        for row in rows.chunks_exact(d) {
            for (mean, x) in means.iter_mut().zip(row) {
                *mean += f64::from(*x);
            }
        }
        means.iter_mut().for_each(|mean| *mean /= n);
        let centred = rows
            .chunks_exact(d)
            .flat_map(|row| row.iter().zip(&means).map(|(x, mean)| f64::from(*x) - mean));
        Rows {
            values: centred.collect(),
            d,
        }
    }

    /// Every row divided by its length; a row of zeros stays one, at right angles to everything.
    pub(super) fn unit(&self) -> Self {
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.d) {
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|x| *x /= length);
            }
        }
        Rows { values, d: self.d }
    }

    /// `X·Yᵀ`, `[n, m]`.
    pub(super) fn products(&self, other: &Rows) -> Vec<f64> {
        let (d, m) = (self.d, other.values.len() / other.d);
        let mut products = vec![0.0; self.values.len() / d * m];
        products
            .par_chunks_mut(BLOCK * m)
            .zip(self.values.par_chunks(BLOCK * d))
            .for_each(|(products, rows)| {
                for (j, other) in other.values.chunks_exact(d).enumerate() {
                    for (i, row) in rows.chunks_exact(d).enumerate() {
                        products[i * m + j] = dot(row, other);
                    }
                }
            });
        products
    }
}

/// `[n, n]` with rows and columns exchanged.
pub(super) fn transposed(square: &[f64], n: usize) -> Vec<f64> {
    let entry = |at: usize| square[at % n * n + at / n];
    (0..n * n).map(entry).collect()
}

/// In eight sums side by side: a processor adds them at once.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}
