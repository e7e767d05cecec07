//! From importance to what is kept: scores by the aggregations of Table 15, and the largest of them.
//!
//! A score at a site is the mean over sequences of m or of q, or the root of the sum of their squares
//! (L2). Over sites it is summed, for what is shared by all layers over all of them.
//! Ties keep the lower index; what is kept stays in order, so that keeping everything is no change.

use super::{BLOCKS, CHANNELS, Importance, NEURONS, NEURONS_GATE_UP, QUERY_HEADS, Ranking, Target};
use crate::Axis;
use crate::gather::{Choice, Gather, Selection};
use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Their mean.
    Mean,
    /// The root of their sum of squares.
    L2,
}

/// What is done with the scores of layers where one choice is for all of them (the channels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// Summed: one set of channels for all.
    Sum,
    /// Each layer keeps its own channels, and the residual stream means something else in each:
    /// the report's worst row, kept to be measured.
    PerLayer,
}

/// By what a neuron is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Swiglu {
    /// `silu(gate)·up`, what it passes on.
    Intermediate,
    /// The mean of |gate| and |up|.
    GateUp,
}

/// The aggregations of Table 15; the defaults are those of its best row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Aggregation {
    /// Over layers.
    pub layer: Layers,
    /// Over the sequences of the calibration set.
    pub batch: Norm,
    /// Over the tokens of a sequence.
    pub sequence: Norm,
    /// Of neurons.
    pub swiglu: Swiglu,
    /// Whether every key–value head keeps equally many of its own query heads. Without, a head may
    /// end up with keys and values that it did not learn with.
    pub align_groups: bool,
}

impl Default for Aggregation {
    fn default() -> Self {
        Aggregation {
            layer: Layers::Sum,
            batch: Norm::L2,
            sequence: Norm::Mean,
            swiglu: Swiglu::Intermediate,
            align_groups: true,
        }
    }
}

/// A surgery, and how much it keeps.
#[derive(Clone, Debug)]
pub struct Cut {
    /// What to take.
    pub gather: Gather,
    /// Of the scores along each axis that is cut, the share that stays: what was ranked, and a number
    /// up to 1.
    pub kept: Vec<(String, f64)>,
}

impl Cut {
    /// The product of the shares: a chain carries what its every link does. A cheap figure to order
    /// candidates by before they are distilled for a moment, which is what decides (Table 16).
    pub fn share(&self) -> f64 {
        self.kept.iter().map(|(_, share)| share).product()
    }
}

impl Importance {
    /// The surgery that makes the target.
    ///
    /// # Errors
    /// The target does not follow from the shape measured, or a ranking was not.
    pub fn cut(&self, target: &Target, how: &Aggregation) -> Result<Cut> {
        let to = target.shape(&self.shape)?;
        let from = &self.shape;
        let mut selection = Selection::everything();
        let mut kept = Vec::new();
        let mut layers: Vec<usize> = (0..from.layers).collect();
        let neurons = match how.swiglu {
            Swiglu::Intermediate => NEURONS,
            Swiglu::GateUp => NEURONS_GATE_UP,
        };
        for (ranking, keep) in [
            (BLOCKS, to.layers),
            (CHANNELS, to.width),
            (neurons, to.ffn),
            (QUERY_HEADS, to.size(Axis::Group)),
        ] {
            if keep == from.size(ranking.axis) {
                continue;
            }
            let (choice, share) = self.choice(&ranking, how, &layers, keep)?;
            if ranking.axis == Axis::Layer {
                layers = choice.lists()[0].clone();
            }
            selection = selection.with(ranking.axis, choice);
            kept.push((ranking.name.to_owned(), share));
        }
        let gather = Gather::new(from, selection)?;
        let gather = match to.tied && !from.tied {
            true => gather.tied()?,
            false => gather,
        };
        Ok(Cut { gather, kept })
    }

    /// What to keep along the axis of a ranking: `keep` of its indices, in every layer of the result
    /// (`layers` of the source); and the share of the scores that stays.
    ///
    /// # Errors
    /// It was not measured, or has fewer.
    pub fn choice(
        &self,
        ranking: &Ranking,
        how: &Aggregation,
        layers: &[usize],
        keep: usize,
    ) -> Result<(Choice, f64)> {
        let scores = Scores::new(self, ranking, how, layers)?;
        let mut lists = Lists::default();
        let along = self.shape.size(ranking.axis);
        ensure!(
            keep <= along,
            "{keep} {} were to be kept of {along}",
            ranking.name.replace('_', " ")
        );
        if ranking.axis == Axis::Layer {
            // A block is ranked against the others, whatever the aggregation of its tokens.
            let blocks: Vec<f64> = scores.by_layer.concat();
            let (list, share) = largest(&blocks, keep);
            return Ok((Choice::global(list), share));
        }
        let shared = ranking.given.is_empty();
        if shared && how.layer == Layers::Sum {
            let (list, share) = largest(&scores.summed, keep);
            return Ok((Choice::global(list), share));
        }
        let ungrouped = ranking.axis == Axis::Group && !how.align_groups;
        for layer in &scores.by_layer {
            match ungrouped {
                true => lists.take(layer, keep * self.shape.kv_heads),
                false => layer
                    .chunks(along)
                    .for_each(|scores| lists.take(scores, keep)),
            }
        }
        let choice = match (ungrouped, shared) {
            (true, _) => Choice::ungrouped(lists.lists),
            (false, true) => {
                Choice::given([Axis::Layer], lists.lists).otherwise(largest(&scores.summed, keep).0)
            }
            (false, false) => Choice::given(ranking.given, lists.lists),
        };
        Ok((choice, lists.share / lists.count.max(1.0)))
    }
}

/// Lists under way, and the mean of their shares.
#[derive(Default)]
struct Lists {
    lists: Vec<Vec<usize>>,
    share: f64,
    count: f64,
}

impl Lists {
    fn take(&mut self, scores: &[f64], keep: usize) {
        let (list, share) = largest(scores, keep);
        self.lists.push(list);
        self.share += share;
        self.count += 1.0;
    }
}

/// The indices of the largest scores, ascending, and their share of the sum.
fn largest(scores: &[f64], keep: usize) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(keep);
    order.sort_unstable();
    let all: f64 = scores.iter().sum();
    let kept: f64 = order.iter().map(|&index| scores[index]).sum();
    let share = match all > 0.0 {
        true => kept / all,
        false => keep as f64 / scores.len() as f64,
    };
    (order, share)
}

/// Scores of one ranking.
struct Scores {
    /// Summed over the sites of each layer asked for.
    by_layer: Vec<Vec<f64>>,
    /// Summed over all of those, and over what comes after the last layer.
    summed: Vec<f64>,
}

impl Scores {
    fn new(
        importance: &Importance,
        ranking: &Ranking,
        how: &Aggregation,
        layers: &[usize],
    ) -> Result<Self> {
        let sums = importance.of(ranking)?;
        let n = importance.sequences.max(1) as f64;
        // Blocks are ranked by the mean over tokens alone, as ShortGPT does.
        let (batch, sequence) = match ranking.axis {
            Axis::Layer => (Norm::Mean, Norm::Mean),
            _ => (how.batch, how.sequence),
        };
        let which = match sequence {
            Norm::Mean => 0,
            Norm::L2 => 2,
        } + match batch {
            Norm::Mean => 0,
            Norm::L2 => 1,
        };
        let of = |layer: usize| {
            let mut scores = vec![0.0; sums.size];
            let sites = sums.values.chunks_exact(4 * sums.size).zip(&sums.layers);
            for (site, _) in sites.filter(|(_, of)| **of == layer) {
                for (score, sum) in scores.iter_mut().zip(&site[which * sums.size..]) {
                    *score += match batch {
                        Norm::Mean => sum / n,
                        Norm::L2 => sum.sqrt(),
                    };
                }
            }
            scores
        };
        let by_layer: Vec<Vec<f64>> = layers.iter().map(|&layer| of(layer)).collect();
        let mut summed = of(importance.shape.layers);
        for layer in &by_layer {
            for (sum, score) in summed.iter_mut().zip(layer) {
                *sum += score;
            }
        }
        Ok(Scores { by_layer, summed })
    }
}
