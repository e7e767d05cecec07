//! Retrieval of translations from a matrix of cosines: how often the right one is the nearest.

use super::{Agreement, Retrieval, Shuffled};
use crate::estimate::mean;
use rayon::prelude::*;

/// What one text's search is worth.
#[derive(Clone, Copy)]
struct Found {
    recall: f64,
    reciprocal: f64,
}

/// How texts find their translations: `cosines[i, j]` is between text i and translation j, `[n, n]`.
pub(super) fn agree(cosines: &[f64], n: usize, orders: &[Vec<u32>]) -> Retrieval {
    // Σ_{r ≤ k} 1/r for every k up to n.
    let mut harmonic = vec![0.0; n + 1];
    for rank in 1..=n {
        harmonic[rank] = harmonic[rank - 1] + 1.0 / rank as f64;
    }
    let found = |order: Option<&[u32]>| -> Vec<Found> {
        let rows = cosines.chunks_exact(n).enumerate();
        rows.map(|(i, row)| search(row, order.map_or(i, |order| order[i] as usize), &harmonic))
            .collect()
    };
    let pairs = found(None);
    let controls: Vec<Vec<Found>> = orders.par_iter().map(|order| found(Some(order))).collect();
    let agreement = |figure: fn(&Found) -> f64| {
        let average = |of: &Vec<Found>| of.iter().map(figure).sum::<f64>() / n as f64;
        let (value, low, high) = mean(pairs.iter().map(figure));
        Agreement {
            value,
            low,
            high,
            shuffled: Shuffled::of(controls.iter().map(average).collect()),
        }
    };
    Retrieval {
        recall: agreement(|found| found.recall),
        reciprocal: agreement(|found| found.reciprocal),
    }
}

/// The worth of a search for `wanted`, on average over the orders that equals may stand in.
fn search(cosines: &[f64], wanted: usize, harmonic: &[f64]) -> Found {
    let own = cosines[wanted];
    let nearer = cosines.iter().filter(|cosine| **cosine > own).count();
    let equal = cosines.iter().filter(|cosine| **cosine == own).count();
    Found {
        recall: if nearer == 0 { 1.0 / equal as f64 } else { 0.0 },
        reciprocal: (harmonic[nearer + equal] - harmonic[nearer]) / equal as f64,
    }
}
