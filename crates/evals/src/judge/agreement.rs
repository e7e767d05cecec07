//! How far votes agree: the share of equal pairs, Fleiss' κ over several votes, Cohen's κ between two judges.
//!
//! `P_i = Σ_c n_ic (n_ic − 1) / (n_i (n_i − 1))`, `κ = (P̄ − P̄ₑ) / (1 − P̄ₑ)` with `P̄ₑ = Σ_c p_c²`, p_c the
//! share of class c among all votes (Fleiss, 1971; the numbers of votes may differ); Cohen's κ has
//! `pₑ = Σ_c p_c q_c` (1960). Intervals are of 95 %, by drawing questions again (`estimate/bootstrap.rs`).
//! Where every vote is for one class there is no κ: agreement is then no more than chance would give.

use crate::estimate::bootstrap::{self, Strata};

/// A figure and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The share of pairs of votes on one question that are equal, over all such pairs' questions;
/// `None` where no question has two votes.
pub fn equal_share(votes: &[Vec<usize>]) -> Option<f64> {
    let shares: Vec<f64> = votes
        .iter()
        .filter_map(|votes| equal_pairs(votes))
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// The share of pairs among these votes that are equal.
pub fn equal_pairs(votes: &[usize]) -> Option<f64> {
    if votes.len() < 2 {
        return None;
    }
    let pairs = votes.len() * (votes.len() - 1);
    let equal: usize = counts(votes).iter().map(|n| n * n.saturating_sub(1)).sum();
    Some(equal as f64 / pairs as f64)
}

fn counts(votes: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; votes.iter().max().map_or(0, |most| most + 1)];
    votes.iter().for_each(|vote| counts[*vote] += 1);
    counts
}

/// Fleiss' κ; questions of fewer than two votes are left out.
pub fn fleiss(votes: &[Vec<usize>]) -> Option<f64> {
    let share = equal_share(votes)?;
    let counted = votes.iter().filter(|votes| votes.len() > 1);
    let all: Vec<usize> = counted.flatten().copied().collect();
    let chance: f64 = counts(&all)
        .iter()
        .map(|n| (*n as f64 / all.len() as f64).powi(2))
        .sum();
    kappa(share, chance)
}

/// Cohen's κ between two judges of the same questions.
pub fn cohen(pairs: &[(usize, usize)]) -> Option<f64> {
    if pairs.is_empty() {
        return None;
    }
    let of = pairs.len() as f64;
    let (first, second): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
    let equal = pairs.iter().filter(|(a, b)| a == b).count() as f64;
    let chance: f64 = counts(&first)
        .iter()
        .zip(&counts(&second))
        .map(|(a, b)| (*a as f64 / of) * (*b as f64 / of))
        .sum();
    kappa(equal / of, chance)
}

fn kappa(agreed: f64, chance: f64) -> Option<f64> {
    (chance < 1.0 - 1e-12).then(|| (agreed - chance) / (1.0 - chance))
}

/// A figure of questions with its interval of 95 % over questions drawn again. Draws that have no figure
/// are left out.
pub fn interval<T: Clone>(questions: &[T], figure: impl Fn(&[T]) -> Option<f64>) -> Option<Share> {
    let value = figure(questions)?;
    let drawn = |indices: &[usize]| {
        let drawn: Vec<T> = indices.iter().map(|at| questions[*at].clone()).collect();
        figure(&drawn).unwrap_or(f64::NAN)
    };
    let figures = Strata::new(vec![questions.len()]).draws(drawn);
    let (low, high) = match figures.is_empty() {
        true => (value, value),
        false => bootstrap::interval(&figures),
    };
    Some(Share { value, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fleiss' own table of ten subjects, fourteen raters and five classes, as it is often reprinted.
    #[test]
    fn fleiss_on_the_well_known_table() {
        let table = [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ];
        let votes: Vec<Vec<usize>> = table
            .iter()
            .map(|row| {
                let classes = row.iter().enumerate();
                classes.flat_map(|(class, n)| vec![class; *n]).collect()
            })
            .collect();
        assert!((fleiss(&votes).unwrap() - 0.209_930_704).abs() < 1e-8);
        assert!((equal_share(&votes).unwrap() - 0.378_021_978).abs() < 1e-8);
    }

    /// 50 proposals: both yes 20, both no 15, 5 and 10 apart.
    #[test]
    fn cohen_on_the_well_known_table() {
        let pairs = [
            vec![(1, 1); 20],
            vec![(1, 0); 5],
            vec![(0, 1); 10],
            vec![(0, 0); 15],
        ]
        .concat();
        assert!((cohen(&pairs).unwrap() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn where_nothing_can_be_said_nothing_is() {
        assert_eq!(equal_share(&[vec![1], vec![]]), None);
        assert_eq!(fleiss(&[vec![2, 2], vec![2, 2]]), None);
        assert_eq!(cohen(&[]), None);
        assert_eq!(interval(&[1.0], |_| None), None);
    }

    #[test]
    fn an_interval_holds_the_figure_and_is_the_same_again() {
        let mean = |of: &[f64]| Some(of.iter().sum::<f64>() / of.len() as f64);
        let of: Vec<f64> = (0..200).map(|at| f64::from(at % 2)).collect();
        let found = interval(&of, mean).unwrap();
        assert_eq!(found, interval(&of, mean).unwrap());
        assert_eq!(found.value, 0.5);
        // ± 1.96 · √(¼ / 200) = ± 0.069.
        assert!(
            (found.high - 0.569).abs() < 0.02 && (found.low - 0.431).abs() < 0.02,
            "{found:?}"
        );
    }
}
