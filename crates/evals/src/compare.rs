//! Is one model better than another? The same questions, answered by both, pair by pair.
//!
//! Where every score is 0 or 1: McNemar's exact test (1947) over the questions on which the two
//! differ, p = min(1, 2 Σ_{i ≤ min(b,c)} C(b+c, i) / 2^{b+c}). Elsewhere: the paired bootstrap, p being
//! twice the share of resamples on the smaller side of no difference, and no less than 2/2ᵏ where the two differ on
//! k questions, which is what McNemar's test gives where all k speak for one of them. The interval of the difference
//! is the bootstrap's in both cases, questions drawn again within their groups, small groups together
//! (`estimate/bootstrap.rs`).
//! Over several comparisons p is also given as Holm (1979) adjusts it.
//!
//! Only questions whose prompts are the same to the byte are compared, and only tasks whose answers were judged
//! by the same judge with as many votes: otherwise a difference may be that of the judges.

use crate::estimate::{Item, bootstrap, bootstrap::Strata, figure};
use crate::outcome::{Saved, SavedQuestion, SavedTask};
use crate::task::{Aggregate, Metric};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Where p comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// McNemar's exact test.
    McNemar,
    /// The paired bootstrap.
    Bootstrap,
}

/// Two models on one metric of one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The task.
    pub task: String,
    /// The metric.
    pub metric: Metric,
    /// Questions that both answered.
    pub questions: usize,
    /// The first model's figure over them.
    pub a: f64,
    /// The second one's.
    pub b: f64,
    /// `b − a`.
    pub difference: f64,
    /// Where its 95 % interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Questions on which the first one scores higher.
    pub a_higher: usize,
    /// Questions on which the second one does.
    pub b_higher: usize,
    /// How likely so large a difference is between two models that are equally good.
    pub p: f64,
    /// The same, adjusted for the number of comparisons.
    pub adjusted: f64,
    /// Where `p` comes from.
    pub test: Test,
}

/// What two results have in common, and what they do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// One for each task and metric that both have.
    pub comparisons: Vec<Comparison>,
    /// Sentences on what was left out, and why.
    pub left_out: Vec<String>,
}

/// Compares two results.
pub fn compare(a: &Saved, b: &Saved) -> Compared {
    let mut compared = Compared::default();
    for task in &a.tasks {
        let name = &task.about.name;
        match b.tasks.iter().find(|other| other.about.name == *name) {
            None => compared
                .left_out
                .push(format!("{name}: only the first model was asked")),
            Some(other) if other.about.version != task.about.version => {
                compared.left_out.push(format!(
                    "{name}: versions {} and {} of the task are not the same questions or scores",
                    task.about.version, other.about.version
                ));
            }
            Some(other) if (&other.judge, other.votes) != (&task.judge, task.votes) => {
                compared.left_out.push(format!(
                    "{name}: the first model's answers were judged by {} and the second's by {}, so a difference \
                     may be that of the judges; have both judged alike",
                    judged_by(task),
                    judged_by(other)
                ));
            }
            Some(other) => tasks(task, other, &mut compared),
        }
    }
    for task in &b.tasks {
        let name = &task.about.name;
        if !a.tasks.iter().any(|other| other.about.name == *name) {
            compared
                .left_out
                .push(format!("{name}: only the second model was asked"));
        }
    }
    holm(&mut compared.comparisons);
    compared
}

/// Who judged, and how often for each answer.
fn judged_by(task: &SavedTask) -> String {
    match (&task.judge, task.votes) {
        (None, _) => "nobody".to_owned(),
        (Some(judge), 1) => format!("{judge} (1 vote each)"),
        (Some(judge), votes) => format!("{judge} ({votes} votes each)"),
    }
}

fn tasks(a: &SavedTask, b: &SavedTask, compared: &mut Compared) {
    let name = &a.about.name;
    let known: HashMap<&str, &SavedQuestion> = b
        .questions
        .iter()
        .map(|one| (one.id.as_str(), one))
        .collect();
    let (mut pairs, mut other) = (vec![], 0);
    for one in &a.questions {
        match known.get(one.id.as_str()) {
            Some(found) if found.prompt == one.prompt => pairs.push((one, *found)),
            Some(_) => other += 1,
            None => {}
        }
    }
    if other > 0 {
        compared.left_out.push(format!(
            "{name}: {other} questions were put in other words to the two models"
        ));
    }
    let alone = a.questions.len() + b.questions.len() - 2 * (pairs.len() + other);
    if alone > 0 {
        compared.left_out.push(format!(
            "{name}: {alone} questions were put to one of the two models alone"
        ));
    }
    for metric in &a.about.metrics {
        let common = pairs.iter().filter_map(|(a, b)| {
            Some(Pair {
                group: &a.group,
                a: Item::of(metric, &a.score)?,
                b: Item::of(metric, &b.score)?,
            })
        });
        let common: Vec<Pair<'_>> = common.collect();
        if !common.is_empty() {
            compared.comparisons.push(one(name, metric, common));
        }
    }
}

struct Pair<'a> {
    group: &'a str,
    a: Item,
    b: Item,
}

fn one(task: &str, metric: &Metric, mut pairs: Vec<Pair<'_>>) -> Comparison {
    pairs.sort_by(|x, y| x.group.cmp(y.group));
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for pair in &pairs {
        *sizes.entry(pair.group).or_default() += 1;
    }
    let strata = Strata::new(sizes.into_values().collect());
    let (a, b): (Vec<Item>, Vec<Item>) = pairs.iter().map(|pair| (pair.a, pair.b)).unzip();
    let of = |items: &[Item], indices: &[usize]| figure(metric.aggregate, items, indices);
    let all: Vec<usize> = (0..pairs.len()).collect();
    let draws = strata.draws(|indices| of(&b, indices) - of(&a, indices));
    let (low, high) = bootstrap::interval(&draws);
    let higher = |x: &[Item], y: &[Item]| match metric.aggregate {
        Aggregate::Mean => x.iter().zip(y).filter(|(x, y)| x.value > y.value).count(),
        Aggregate::MacroF1 => {
            let right = |item: &Item| item.classes.0 == item.classes.1;
            x.iter()
                .zip(y)
                .filter(|(x, y)| right(x) && !right(y))
                .count()
        }
    };
    let (a_higher, b_higher) = (higher(&a, &b), higher(&b, &a));
    let binary = |item: &Item| (item.value == 0.0 || item.value == 1.0) && item.weight == 1.0;
    let test = match metric.aggregate {
        Aggregate::Mean if a.iter().chain(&b).all(binary) => Test::McNemar,
        _ => Test::Bootstrap,
    };
    let p = match test {
        Test::McNemar => mcnemar(a_higher, b_higher),
        Test::Bootstrap => {
            let differ = a.iter().zip(&b).filter(|(a, b)| a != b).count();
            bootstrap_p(&draws, differ)
        }
    };
    let (a, b) = (of(&a, &all), of(&b, &all));
    Comparison {
        task: task.to_owned(),
        metric: metric.clone(),
        questions: pairs.len(),
        a,
        b,
        difference: b - a,
        low,
        high,
        a_higher,
        b_higher,
        p,
        adjusted: p,
        test,
    }
}

/// McNemar's exact test, two-sided.
fn mcnemar(b: usize, c: usize) -> f64 {
    let n = b + c;
    // ln C(n, i) by the recurrence C(n, i+1) = C(n, i)·(n−i)/(i+1); in logarithms, as 2^n overflows.
    let mut term = -(n as f64) * std::f64::consts::LN_2;
    let mut sum = 0.0;
    for i in 0..=b.min(c) {
        sum += term.exp();
        term += ((n - i) as f64).ln() - ((i + 1) as f64).ln();
    }
    (2.0 * sum).min(1.0)
}

/// Twice the share of draws on the smaller side of 0, one more draw than there were on each side. Draws of few
/// questions, all for one model, never cross 0; so `differ`, the questions that differ, sets the least that p can be.
fn bootstrap_p(draws: &[f64], differ: usize) -> f64 {
    let below = draws.iter().filter(|draw| **draw <= 0.0).count();
    let above = draws.iter().filter(|draw| **draw >= 0.0).count();
    let smaller = below.min(above) as f64 + 1.0;
    let least = (1.0 - differ as f64).exp2();
    (2.0 * smaller / (draws.len() as f64 + 1.0))
        .max(least)
        .min(1.0)
}

/// Adjusts p by Holm's step-down.
fn holm(all: &mut [Comparison]) {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|x, y| all[*x].p.total_cmp(&all[*y].p));
    let mut least: f64 = 0.0;
    for (rank, at) in order.iter().enumerate() {
        let adjusted = (all[*at].p * (all.len() - rank) as f64).min(1.0);
        least = least.max(adjusted);
        all[*at].adjusted = least;
    }
}

#[cfg(test)]
mod tests;
