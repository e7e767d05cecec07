//! What came out: every value, the means with intervals, the contrasts with their verdicts.
//!
//! Written down as JSON, so that an index of claims and a reader's own plots need no second run. A contrast of an
//! outcome is `mean over seeds of (mean over pairs of (of − against))` with Student's interval over seeds; seeds
//! of which a value is missing on either side are left out and counted.

use crate::statistics::{Interval, mean};
use crate::{Better, Contrast, Expected, Experiment, Unit, Verdict};
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
    /// Of the values that are there, where they are two or more.
    pub interval: Option<Interval>,
}

impl Measured {
    /// With its interval.
    pub fn new(values: Vec<Option<f64>>) -> Measured {
        let there: Vec<f64> = values.iter().flatten().copied().collect();
        Measured {
            values,
            interval: Interval::of(&there),
        }
    }
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
    /// Seeds that were compared.
    pub seeds: usize,
    /// What it comes to.
    pub verdict: Verdict,
}

impl Findings {
    /// From what was measured: by arm and outcome, the values in the order of the seeds.
    pub fn new(
        experiment: &Experiment,
        spent: &BTreeMap<String, Spent>,
        values: &BTreeMap<(String, String), Vec<Option<f64>>>,
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
                .map(|arm| Measured::new(of(&arm.name, &outcome.name)))
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
            match said.iter().filter(|one| one.verdict == verdict).count() {
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

fn draw(contrast: &Contrast, outcome: &str, of: &impl Fn(&str, &str) -> Vec<Option<f64>>) -> Drawn {
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
            .map(|(a, b)| Some(a[seed]? - b[seed]?))
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
    let verdict = match difference {
        // A seed that never came so far would have been the worst of all: without it, nothing can be said.
        Some(interval) if differences.len() == seeds => {
            Verdict::of(interval, contrast.expect, contrast.smallest, contrast.about)
        }
        _ => Verdict::NotVisible,
    };
    Drawn {
        name,
        outcome: outcome.to_owned(),
        expect: contrast.expect,
        ours: contrast.ours,
        about: contrast.about,
        smallest: contrast.smallest,
        difference,
        seeds: differences.len(),
        verdict,
    }
}
