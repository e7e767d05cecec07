//! From the values of many questions to a figure with its uncertainty.
//!
//! Mean: Σ w·x / Σ w. Its standard error is lm-eval's: s/√n with s² = Σ(x−x̄)²/(n−1); over several
//! groups pooled, √( Σ nᵢ(nᵢ−1)eᵢ² / (Σnᵢ−k) / Σnᵢ ), eᵢ being the groups' own; where questions have
//! weights, √( n/(n−1) · Σ w²(x−x̄)² ) / Σ w, which is the same where all weigh 1.
//! Macro F1: the mean over classes of 2·hits / (right + chosen), a class being whatever was right or
//! chosen; its standard error is that of the bootstrap.
//! Intervals hold 95 %: percentiles of the bootstrap (Efron 1979), questions drawn again within their
//! groups, and of small groups from all of these together (`Strata::new`). Where every question has the same score of 0 or 1 the bootstrap sees no spread, and
//! Wilson's interval (1927) stands in for it.

pub(crate) mod bootstrap;

use crate::task::{Aggregate, Metric, Score};
use bootstrap::Strata;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A figure with its uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Which metric.
    pub metric: Metric,
    /// The figure.
    pub value: f64,
    /// Its standard error; of one question alone there is none, nor of a mean over groups of one question each.
    pub error: Option<f64>,
    /// Where the 95 % interval begins. One question alone has no interval unless it is right or wrong: both ends
    /// are then the figure.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// How many questions have this metric.
    pub questions: usize,
}

/// What a question says about one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) value: f64,
    pub(crate) weight: f64,
    pub(crate) classes: (usize, usize),
}

impl Item {
    /// What this score says about the metric, if anything.
    pub(crate) fn of(metric: &Metric, score: &Score) -> Option<Item> {
        let value = score.values.get(&metric.name).copied();
        let value = match metric.aggregate {
            Aggregate::Mean => value?,
            Aggregate::MacroF1 => value.unwrap_or_default(),
        };
        Some(Item {
            value,
            weight: score
                .weights
                .get(&metric.name)
                .copied()
                .or(score.weight)
                .unwrap_or(1.0),
            classes: match metric.aggregate {
                Aggregate::Mean => (0, 0),
                Aggregate::MacroF1 => score.classes?,
            },
        })
    }
}

/// The figure of some items, drawn as `indices` say.
pub(crate) fn figure(aggregate: Aggregate, items: &[Item], indices: &[usize]) -> f64 {
    match aggregate {
        Aggregate::Mean => {
            let (mut sum, mut weights) = (0.0, 0.0);
            for at in indices {
                sum += items[*at].value * items[*at].weight;
                weights += items[*at].weight;
            }
            sum / weights
        }
        Aggregate::MacroF1 => macro_f1(indices.iter().map(|at| items[*at].classes)),
    }
}

/// The F1 of every class that is right or chosen somewhere, averaged.
fn macro_f1(pairs: impl Iterator<Item = (usize, usize)>) -> f64 {
    // Class → (hits, times right, times chosen).
    let mut counts: BTreeMap<usize, (usize, usize, usize)> = BTreeMap::new();
    for (right, chosen) in pairs {
        counts.entry(right).or_default().1 += 1;
        counts.entry(chosen).or_default().2 += 1;
        if right == chosen {
            counts.entry(right).or_default().0 += 1;
        }
    }
    let f1 = |(hits, right, chosen): &(usize, usize, usize)| {
        2.0 * *hits as f64 / (right + chosen) as f64
    };
    counts.values().map(f1).sum::<f64>() / counts.len() as f64
}

/// The figure of a metric over scores that belong to groups; `None` where no question has it.
pub fn estimate<'a>(
    metric: &Metric,
    scores: impl IntoIterator<Item = (&'a str, &'a Score)>,
) -> Option<Estimate> {
    let mut groups: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
    for (group, score) in scores {
        if let Some(item) = Item::of(metric, score) {
            groups.entry(group).or_default().push(item);
        }
    }
    let groups: Vec<Vec<Item>> = groups.into_values().collect();
    let items = groups.concat();
    if items.is_empty() {
        return None;
    }
    let strata = Strata::new(groups.iter().map(Vec::len).collect());
    let identity: Vec<usize> = (0..items.len()).collect();
    let value = figure(metric.aggregate, &items, &identity);
    let draws = strata.draws(|indices| figure(metric.aggregate, &items, indices));
    let error = match metric.aggregate {
        _ if items.len() < 2 => None,
        Aggregate::Mean => standard_error(&items, &groups),
        Aggregate::MacroF1 => Some(bootstrap::deviation(&draws)),
    };
    let mut interval = bootstrap::interval(&draws);
    if metric.aggregate == Aggregate::Mean {
        interval = where_all_are_alike(&items, value).unwrap_or(interval);
    }
    Some(Estimate {
        metric: metric.clone(),
        value,
        error,
        low: interval.0,
        high: interval.1,
        questions: items.len(),
    })
}

/// The mean of values that each stand for one question of one group, and its interval; of none NaN.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let item = |value| Item {
        value,
        weight: 1.0,
        classes: (0, 0),
    };
    let items: Vec<Item> = values.map(item).collect();
    let figure = |indices: &[usize]| figure(Aggregate::Mean, &items, indices);
    let value = figure(&(0..items.len()).collect::<Vec<_>>());
    let (low, high) = where_all_are_alike(&items, value)
        .unwrap_or_else(|| bootstrap::interval(&Strata::new(vec![items.len()]).draws(figure)));
    (value, low, high)
}

/// Wilson's interval where the bootstrap would see no spread.
fn where_all_are_alike(items: &[Item], mean: f64) -> Option<(f64, f64)> {
    let all_are = |value: f64| items.iter().all(|item| item.value == value);
    (all_are(0.0) || all_are(1.0)).then(|| wilson(mean, items.len()))
}

/// The standard error of a mean over items, which lie in these groups.
fn standard_error(items: &[Item], groups: &[Vec<Item>]) -> Option<f64> {
    let weighted = items.iter().any(|item| item.weight != 1.0);
    if weighted || groups.len() == 1 {
        return Some(weighted_error(items));
    }
    // lm-eval's `pooled_sample_stderr`: nᵢ·eᵢ² is the group's variance.
    let squares: f64 = groups
        .iter()
        .filter(|group| group.len() > 1)
        .map(|group| {
            let n = group.len() as f64;
            (n - 1.0) * n * weighted_error(group).powi(2)
        })
        .sum();
    let freedom = items.len() - groups.len();
    (freedom > 0).then(|| (squares / freedom as f64 / items.len() as f64).sqrt())
}

fn weighted_error(items: &[Item]) -> f64 {
    let n = items.len() as f64;
    let all: f64 = items.iter().map(|item| item.weight).sum();
    let sum: f64 = items.iter().map(|item| item.weight * item.value).sum();
    let mean = sum / all;
    let square = |item: &Item| (item.weight * (item.value - mean)).powi(2);
    (n / (n - 1.0) * items.iter().map(square).sum::<f64>()).sqrt() / all
}

/// The 97.5 % quantile of the normal distribution.
pub(crate) const Z: f64 = 1.959_964;

/// Wilson's 95 % interval of a share of `n` (Wilson 1927): it keeps inside 0 … 1, and is honest for few.
pub fn wilson(share: f64, n: usize) -> (f64, f64) {
    let (n, z) = (n as f64, Z);
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (
        ((middle - half) / scale).max(0.0),
        ((middle + half) / scale).min(1.0),
    )
}

/// The metrics that questions actually have, in the order that the task gives.
pub(crate) fn estimates<'a>(metrics: &[Metric], scores: &[(&'a str, &'a Score)]) -> Vec<Estimate> {
    let mut known = BTreeSet::new();
    metrics
        .iter()
        .filter(|metric| known.insert(metric.name.as_str()))
        .filter_map(|metric| estimate(metric, scores.iter().copied()))
        .collect()
}

#[cfg(test)]
mod tests;
