//! Linear CKA from Gram matrices, without its bias and with it, and the jackknife of the former.
//!
//! The unbiased `HSIC(K, L) = [tr(K̃L̃) + ΣK̃·ΣL̃ / ((n−1)(n−2)) − 2·Σᵢ kᵢlᵢ / (n−2)] / (n(n−3))`, K̃ and L̃
//! being K and L with an empty diagonal, kᵢ and lᵢ the sums of their rows (Song et al. 2012, eq. 5).
//! Each of its three sums is known without pair i from what is known with it, so that all n figures
//! of the jackknife take as long as one product of matrices with a vector.

use super::rows::{Rows, dot};
use super::{Agreement, Biased, Shuffled};
use rayon::prelude::*;

/// A Gram matrix, `[n, n]`.
struct Gram {
    /// With an empty diagonal.
    values: Vec<f64>,
    diagonal: Vec<f64>,
    /// Sums of the rows of `values`.
    sums: Vec<f64>,
    n: usize,
}

impl Gram {
    fn of(rows: &Rows) -> Self {
        let mut values = rows.products(rows);
        let n = values.len().isqrt();
        let diagonal: Vec<f64> = (0..n).map(|i| values[i * n + i]).collect();
        (0..n).for_each(|i| values[i * n + i] = 0.0);
        let sums = values.chunks_exact(n).map(|row| row.iter().sum()).collect();
        Gram {
            values,
            diagonal,
            sums,
            n,
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.n)
    }
}

/// CKA without bias and with it; none where the rows of a side are all alike.
pub(super) fn agree(
    first: &Rows,
    second: &Rows,
    orders: &[Vec<u32>],
) -> (Option<Agreement>, Option<Biased>) {
    let (k, l) = (Gram::of(first), Gram::of(second));
    let n = k.n as f64;
    let (kl, kk, ll) = (Sums::of(&k, &l), Sums::of(&k, &k), Sums::of(&l, &l));
    // With the diagonal and without what U-statistics take off: the rows are centred already.
    let biased = |product: f64, k: &Gram, l: &Gram| product + dot(&k.diagonal, &l.diagonal);
    let biased_size = (biased(kk.product, &k, &k) * biased(ll.product, &l, &l)).sqrt();
    let size = (kk.hsic(n) * ll.hsic(n)).sqrt();
    // What rounding leaves of rows that are all alike is no direction.
    let alike = |sums: &Sums, gram: &Gram| {
        sums.hsic(n) * n * n <= 1e-18 * gram.diagonal.iter().sum::<f64>().powi(2)
    };
    if alike(&kk, &k) || alike(&ll, &l) {
        return (None, None);
    }
    let controls: Vec<(f64, f64)> = orders
        .par_iter()
        .map(|order| {
            let sums = Sums::shuffled(&k, &l, order);
            let diagonal = k.diagonal.iter().zip(order);
            let diagonal: f64 = diagonal.map(|(x, at)| x * l.diagonal[*at as usize]).sum();
            (sums.hsic(n) / size, (sums.product + diagonal) / biased_size)
        })
        .collect();
    let (unbiased, with_bias) = controls.into_iter().unzip();
    let value = kl.hsic(n) / size;
    let half = crate::estimate::Z * standard_error([(&k, &l, &kl), (&k, &k, &kk), (&l, &l, &ll)]);
    (
        Some(Agreement {
            value,
            low: (value - half).max(-1.0),
            high: (value + half).min(1.0),
            shuffled: Shuffled::of(unbiased),
        }),
        Some(Biased {
            value: biased(kl.product, &k, &l) / biased_size,
            shuffled: Shuffled::of(with_bias),
        }),
    )
}

/// The three sums that an unbiased HSIC is made of.
#[derive(Clone, Copy)]
struct Sums {
    /// tr(K̃L̃).
    product: f64,
    /// ΣK̃ and ΣL̃.
    all: [f64; 2],
    /// Σᵢ kᵢlᵢ.
    rows: f64,
}

impl Sums {
    fn of(k: &Gram, l: &Gram) -> Self {
        Sums {
            product: k.rows().zip(l.rows()).map(|(k, l)| dot(k, l)).sum(),
            all: [k.sums.iter().sum(), l.sums.iter().sum()],
            rows: dot(&k.sums, &l.sums),
        }
    }

    /// With row i of K beside row `order[i]` of L.
    fn shuffled(k: &Gram, l: &Gram, order: &[u32]) -> Self {
        let row = |(row, at): (&[f64], &u32)| -> f64 {
            let l = &l.values[*at as usize * l.n..][..l.n];
            let beside = row.iter().zip(order);
            beside.map(|(x, at)| x * l[*at as usize]).sum()
        };
        let sums = k.sums.iter().zip(order);
        Sums {
            product: k.rows().zip(order).map(row).sum(),
            all: [k.sums.iter().sum(), l.sums.iter().sum()],
            rows: sums.map(|(sum, at)| sum * l.sums[*at as usize]).sum(),
        }
    }

    fn hsic(&self, n: f64) -> f64 {
        let all = self.all[0] * self.all[1] / ((n - 1.0) * (n - 2.0));
        (self.product + all - 2.0 * self.rows / (n - 2.0)) / (n * (n - 3.0))
    }

    /// Without pair i, for every i.
    fn without_each(&self, k: &Gram, l: &Gram) -> Vec<f64> {
        let one = |i: usize| {
            let row = |of: &'_ Gram| -> std::ops::Range<usize> { i * of.n..(i + 1) * of.n };
            let (k_row, l_row) = (&k.values[row(k)], &l.values[row(l)]);
            let both = dot(k_row, l_row);
            let left = Sums {
                product: self.product - 2.0 * both,
                all: [self.all[0] - 2.0 * k.sums[i], self.all[1] - 2.0 * l.sums[i]],
                // Σ_{j ≠ i} (kⱼ − Kᵢⱼ)(lⱼ − Lᵢⱼ)
                rows: self.rows - k.sums[i] * l.sums[i] - dot(k_row, &l.sums) - dot(l_row, &k.sums)
                    + both,
            };
            left.hsic(k.n as f64 - 1.0)
        };
        (0..k.n).into_par_iter().map(one).collect()
    }
}

/// The jackknife's, of `HSIC(K, L) / √(HSIC(K, K)·HSIC(L, L))`.
fn standard_error([kl, kk, ll]: [(&Gram, &Gram, &Sums); 3]) -> f64 {
    let [kl, kk, ll] = [kl, kk, ll].map(|(k, l, sums)| sums.without_each(k, l));
    let figures: Vec<f64> = (0..kl.len())
        .map(|i| kl[i] / (kk[i] * ll[i]).sqrt())
        .filter(|figure| figure.is_finite())
        .collect();
    let n = figures.len() as f64;
    let mean = figures.iter().sum::<f64>() / n;
    let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
    ((n - 1.0) / n * squares).sqrt()
}
