//! How far the representations of translations agree: retrieval of the translation, and linear CKA.
//!
//! Given are N pairs of rows, one of each language, from one place of a model. Each language is centred
//! by its own mean, so that what merely says which language a text is in is gone.
//! - Retrieval: the rows of the other language are ranked by cosine; `recall` is the share of texts
//!   whose translation comes first, `reciprocal` the mean of 1 / rank. Among equals every order is as
//!   likely as another. Chance is 1 / N and (Σ_{r ≤ N} 1/r) / N.
//! - CKA: `HSIC(K, L) / √(HSIC(K, K) · HSIC(L, L))` of the Gram matrices K = XXᵀ and L = YYᵀ (Kornblith
//!   et al. 2019). With few pairs and many columns it is high for rows that have nothing in common;
//!   `cka` therefore takes the unbiased HSIC (Song et al. 2012), and `cka_biased` is only for comparison.
//!
//! Intervals are of 95 %. Those of retrieval are the project's bootstrap, over texts that are looked for
//! among all others. That of CKA is the jackknife's for functions of U-statistics (Arvesen 1969): a
//! bootstrap draws a pair twice, a text resembles itself, and the interval leaves the figure (tested).
//! The control: the same rows with the pairs shuffled, [`SHUFFLES`] times, among all or within groups.
//! Within groups it says what knowing the group alone gives: sentences of one form lie together in any
//! model, trained or not, and both figures see it.
//!
//! Few channels of large activation weigh in both as much as they do in the rows; nothing is whitened.

mod cka;
mod nearest;
mod rows;

use crate::estimate::bootstrap::Random;
use anyhow::{Result, ensure};
use rows::Rows;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fewer pairs say nothing: the jackknife's figures are then all edge.
pub const LEAST: usize = 10;

/// How often the pairs are shuffled for the control.
pub const SHUFFLES: usize = 100;

/// A figure, its 95 % interval, and what shuffled pairs give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// The figure.
    pub value: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// The control.
    pub shuffled: Shuffled,
}

/// What shuffled pairs give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shuffled {
    /// On average.
    pub mean: f64,
    /// 2.5 % of the shuffles give less.
    pub low: f64,
    /// 2.5 % give more.
    pub high: f64,
}

/// How texts of one language find their translations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// Share of the texts whose translation is the nearest.
    pub recall: Agreement,
    /// Mean of one over the translation's rank.
    pub reciprocal: Agreement,
}

/// The biased CKA, for comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Biased {
    /// The figure.
    pub value: f64,
    /// The control, which shows the bias.
    pub shuffled: Shuffled,
}

/// How far two languages agree at one place of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alignment {
    /// From the first language to the second.
    pub forth: Retrieval,
    /// From the second to the first.
    pub back: Retrieval,
    /// Without bias; none where the rows of a language are all alike.
    pub cka: Option<Agreement>,
    /// With its bias.
    pub cka_biased: Option<Biased>,
}

/// What guessing gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    /// 1 / N.
    pub recall: f64,
    /// (Σ_{r ≤ N} 1/r) / N.
    pub reciprocal: f64,
}

/// What guessing gives among so many pairs.
pub fn chance(pairs: usize) -> Chance {
    let n = pairs as f64;
    Chance {
        recall: 1.0 / n,
        reciprocal: (1..=pairs).map(|rank| 1.0 / rank as f64).sum::<f64>() / n,
    }
}

/// How far `first` and `second` agree, both `[pairs, columns]`, row i of one being the translation of
/// row i of the other; `seed` shuffles the control, within `groups` (one for each pair) or among all.
///
/// # Errors
/// Too few pairs, rows that do not pair up, or numbers that are none.
pub fn align(
    first: &[f32],
    second: &[f32],
    columns: usize,
    groups: Option<&[usize]>,
    seed: u64,
) -> Result<Alignment> {
    ensure!(
        columns > 0 && first.len() == second.len() && first.len().is_multiple_of(columns),
        "wanted as many rows of {columns} numbers in one language as in the other, found {} numbers \
         and {}",
        first.len(),
        second.len()
    );
    let pairs = first.len() / columns;
    ensure!(
        pairs >= LEAST,
        "{pairs} pairs of translations are too few to say how far two languages agree: bring at least \
         {LEAST}, better several hundred"
    );
    ensure!(
        first.iter().chain(second).all(|x| x.is_finite()),
        "there are activations that are not finite: the model's weights are damaged or it has diverged"
    );
    let (first, second) = (
        Rows::centred(first, columns),
        Rows::centred(second, columns),
    );
    ensure!(
        groups.is_none_or(|groups| groups.len() == pairs),
        "wanted a group for each of {pairs} pairs"
    );
    let orders = shuffles(pairs, groups, seed);
    let (cka, cka_biased) = cka::agree(&first, &second, &orders);
    let cosines = first.unit().products(&second.unit());
    Ok(Alignment {
        forth: nearest::agree(&cosines, pairs, &orders),
        back: nearest::agree(&rows::transposed(&cosines, pairs), pairs, &orders),
        cka,
        cka_biased,
    })
}

/// Orders of so many things, drawn by a seed; none leaves its group.
fn shuffles(pairs: usize, groups: Option<&[usize]>, seed: u64) -> Vec<Vec<u32>> {
    let mut members: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for pair in 0..pairs {
        let group = groups.map_or(0, |groups| groups[pair]);
        members.entry(group).or_default().push(pair as u32);
    }
    let mut random = Random::new(seed);
    let mut order = || {
        let mut order = vec![0; pairs];
        for members in members.values() {
            let mut shuffled = members.clone();
            for last in (1..shuffled.len()).rev() {
                shuffled.swap(last, random.below(last + 1));
            }
            for (place, other) in members.iter().zip(shuffled) {
                order[*place as usize] = other;
            }
        }
        order
    };
    (0..SHUFFLES).map(|_| order()).collect()
}

impl Shuffled {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (low, high) = crate::estimate::bootstrap::interval(&values);
        Shuffled {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            low,
            high,
        }
    }
}

#[cfg(test)]
mod tests;
