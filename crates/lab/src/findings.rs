//! What came out: every value, the means with intervals, the contrasts with their verdicts.
//!
//! Written down as JSON, so that an index of claims and a reader's own plots need no second run. A contrast of an
//! outcome is `mean over seeds of (mean over pairs of (of − against))` with Student's interval over seeds; seeds
//! of which a value is missing on either side are left out and counted. Where a value is only known to be at most
//! what it says, the interval is open on the side to which that could move the difference.

use crate::statistics::{Interval, mean};
use crate::{Better, Contrast, Expected, Experiment, Reading, Unit, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that an experiment found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// The experiment's name.
    pub experiment: String,
    /// What was asked.
    pub question: String,
    /// What the report says.
    pub report: String,
    /// What should be known when the figures are read.
    pub notes: String,
    /// The hash of the experiment's file, so that figures of an earlier one are known for that.
    pub file: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The arms.
    pub arms: Vec<ArmFindings>,
    /// The outcomes.
    pub outcomes: Vec<OutcomeFindings>,
    /// The contrasts.
    pub contrasts: Vec<Drawn>,
    /// The curves.
    pub curves: Vec<CurveFindings>,
}

/// A curve in every arm that has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveFindings {
    /// Its title.
    pub name: String,
    /// What goes along.
    pub along: String,
    /// One an arm.
    pub lines: Vec<Line>,
}

/// A curve in one arm: means over seeds with their intervals.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The arm.
    pub arm: String,
    /// How far along, what, and between which values.
    pub points: Vec<(f64, f64, f64, f64)>,
}

impl Line {
    /// From the curves of the seeds, point by point as far as the shortest goes.
    pub fn new(arm: &str, curves: &[Vec<(f64, f64)>]) -> Line {
        let length = curves.iter().map(Vec::len).min().unwrap_or(0);
        let point = |place: usize| {
            let values: Vec<f64> = curves.iter().map(|curve| curve[place].1).collect();
            let middle = mean(&values);
            let interval = Interval::of(&values);
            let (low, high) =
                interval.map_or((middle, middle), |interval| (interval.low, interval.high));
            (curves[0][place].0, middle, low, high)
        };
        Line {
            arm: arm.to_owned(),
            points: (0..length).map(point).collect(),
        }
    }
}

/// An arm, and what it cost with one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmFindings {
    /// Its name.
    pub name: String,
    /// What it is.
    pub says: String,
    /// Its differences.
    pub differences: Vec<String>,
    /// What it cost.
    pub spent: Spent,
}

/// What an arm costs with one seed, steps that were paid for before left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Tokens trained on.
    pub tokens: f64,
    /// FLOPs of training.
    pub flops: f64,
    /// FLOPs of teachers' forward passes.
    pub teacher_flops: f64,
}

/// An outcome in every arm.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeFindings {
    /// Its name.
    pub name: String,
    /// How it is written.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// What chance gives.
    pub chance: Option<f64>,
    /// In the order of the arms.
    pub arms: Vec<Measured>,
}

/// An outcome in one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// In the order of the seeds; nothing where the arm has no such step, or a curve never came so far.
    pub values: Vec<Option<f64>>,
    /// Whether each of them may be less; empty where none may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_most: Vec<bool>,
    /// Of the values that are there, where they are two or more.
    pub interval: Option<Interval>,
}

impl Measured {
    /// With its interval.
    pub fn new(readings: &[Option<Reading>]) -> Measured {
        let values: Vec<Option<f64>> = readings
            .iter()
            .map(|reading| reading.map(|reading| reading.value))
            .collect();
        let there: Vec<f64> = values.iter().flatten().copied().collect();
        let mut at_most: Vec<bool> = readings.iter().map(is_bound).collect();
        if !at_most.contains(&true) {
            at_most.clear();
        }
        Measured {
            values,
            at_most,
            interval: Interval::of(&there),
        }
    }

    /// What stands before a value, by the place of its seed: `at most ` where it may be less.
    pub fn before(&self, seed: usize) -> &'static str {
        match self.at_most.get(seed) {
            Some(true) => AT_MOST,
            _ => "",
        }
    }

    /// What stands before the mean.
    pub fn before_mean(&self) -> &'static str {
        match self.at_most.is_empty() {
            true => "",
            false => AT_MOST,
        }
    }
}

/// Before a number that may be less.
pub(crate) const AT_MOST: &str = "at most ";

fn is_bound(reading: &Option<Reading>) -> bool {
    reading.is_some_and(|reading| reading.at_most)
}

/// A contrast in one outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// What it shows.
    pub name: String,
    /// The outcome.
    pub outcome: String,
    /// What should come out.
    pub expect: Option<Expected>,
    /// Whether that is our own guess, and nothing that the report says.
    pub ours: bool,
    /// How large it should be.
    pub about: Option<f64>,
    /// The smallest difference that would count.
    pub smallest: Option<f64>,
    /// The mean difference; nothing where fewer than two seeds have all values.
    pub difference: Option<Interval>,
    /// Whether the difference may be less: a value of `of` may be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_most: bool,
    /// Whether it may be more: a value of `against` may be less.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Seeds that were compared.
    pub seeds: usize,
    /// What it comes to.
    pub verdict: Verdict,
}

impl Drawn {
    /// What its figures come to, of so many seeds. Pages say this and not what was written down, so that figures of
    /// an earlier program are judged as those of this one are.
    pub(crate) fn judged(&self, seeds: usize) -> Verdict {
        let Some(mut interval) = self.difference else {
            return Verdict::NotVisible;
        };
        // A seed that never came so far would have been the worst of all: without it, nothing can be said.
        if self.seeds != seeds || interval.is_flat() {
            return Verdict::NotVisible;
        }
        if self.at_most {
            interval.low = f64::NEG_INFINITY;
        }
        if self.at_least {
            interval.high = f64::INFINITY;
        }
        Verdict::of(interval, self.expect, self.smallest, self.about)
    }
}

impl Findings {
    /// From what was measured: by arm and outcome, the values in the order of the seeds.
    pub fn new(
        experiment: &Experiment,
        spent: &BTreeMap<String, Spent>,
        values: &BTreeMap<(String, String), Vec<Option<Reading>>>,
        curves: Vec<CurveFindings>,
        file: String,
    ) -> Findings {
        let none = vec![None; experiment.seeds.len()];
        let of = |arm: &str, outcome: &str| {
            let found = values.get(&(arm.to_owned(), outcome.to_owned()));
            found.unwrap_or(&none).clone()
        };
        let outcomes = experiment.outcomes.iter().map(|outcome| OutcomeFindings {
            name: outcome.name.clone(),
            unit: outcome.unit,
            better: outcome.better,
            chance: outcome.chance,
            arms: experiment
                .arms
                .iter()
                .map(|arm| Measured::new(&of(&arm.name, &outcome.name)))
                .collect(),
        });
        let arms = experiment.arms.iter().map(|arm| ArmFindings {
            name: arm.name.clone(),
            says: arm.says.clone(),
            differences: arm.differences(),
            spent: spent.get(&arm.name).copied().unwrap_or_default(),
        });
        let contrasts = experiment.contrasts.iter().flat_map(|contrast| {
            contrast
                .outcomes
                .iter()
                .map(|outcome| draw(contrast, outcome, &of))
        });
        Findings {
            experiment: experiment.name().to_owned(),
            question: experiment.question.clone(),
            report: experiment.report.clone(),
            notes: experiment.notes.clone(),
            file,
            seeds: experiment.seeds.clone(),
            arms: arms.collect(),
            outcomes: outcomes.collect(),
            contrasts: contrasts.collect(),
            curves,
        }
    }

    /// The verdict of all contrasts about which the report says something.
    pub fn verdict(&self) -> String {
        let said = self.contrasts.iter();
        let said: Vec<&Drawn> = said
            .filter(|one| one.expect.is_some() && !one.ours)
            .collect();
        let mut parts = Vec::new();
        for verdict in [
            Verdict::Reproduced,
            Verdict::NotReproduced,
            Verdict::NotVisible,
        ] {
            let words = verdict.words(false);
            let judged = |one: &&&Drawn| one.judged(self.seeds.len()) == verdict;
            match said.iter().filter(judged).count() {
                0 => {}
                all if all == said.len() && all > 1 => {
                    parts.push(format!("{words} in all {all} comparisons"));
                }
                1 if said.len() == 1 => parts.push(words.to_owned()),
                some => parts.push(format!("{words} in {some} of {}", said.len())),
            }
        }
        match parts.is_empty() {
            true => "the report says nothing of this".to_owned(),
            false => parts.join(", "),
        }
    }
}

fn draw(
    contrast: &Contrast,
    outcome: &str,
    of: &impl Fn(&str, &str) -> Vec<Option<Reading>>,
) -> Drawn {
    let pairs: Vec<_> = contrast
        .of
        .iter()
        .zip(&contrast.against)
        .map(|(a, b)| (of(a, outcome), of(b, outcome)))
        .collect();
    let seeds = pairs.first().map_or(0, |(a, _)| a.len());
    let of_seed = |seed: usize| -> Option<f64> {
        let differences: Option<Vec<f64>> = pairs
            .iter()
            .map(|(a, b)| Some(a[seed]?.value - b[seed]?.value))
            .collect();
        Some(mean(&differences?))
    };
    let differences: Vec<f64> = (0..seeds).filter_map(of_seed).collect();
    let difference = Interval::of(&differences);
    let name = match contrast.name.as_str() {
        "" => format!(
            "{} − {}",
            contrast.of.join(", "),
            contrast.against.join(", ")
        ),
        name => name.to_owned(),
    };
    let mut drawn = Drawn {
        name,
        outcome: outcome.to_owned(),
        expect: contrast.expect,
        ours: contrast.ours,
        about: contrast.about,
        smallest: contrast.smallest,
        difference,
        at_most: pairs.iter().any(|(a, _)| a.iter().any(is_bound)),
        at_least: pairs.iter().any(|(_, b)| b.iter().any(is_bound)),
        seeds: differences.len(),
        verdict: Verdict::NotVisible,
    };
    drawn.verdict = drawn.judged(seeds);
    drawn
}
