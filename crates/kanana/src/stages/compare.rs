//! Compares two arms of an experiment over seeds, pair by pair.
//!
//! Reads: the scores of arm `a` and of arm `b`, and their trained models, in the same order of seeds.
//! Writes: `report.html` and `report.txt`: the means of both arms, the mean difference with its
//! 95 % interval (Student's t over paired seeds), every seed, and a verdict in words.
//! It does not choose arms or budgets: those are in the recipe, for everyone to read.

use crate::kinds::{self, Model, Scores};
use crate::stages::Scores as Answers;
use anyhow::{Context as _, Result, ensure};
use page::terminal::Ink;
use page::{Axis, Bar, BarChart, Cell, Column, Page, Table};
use recipe::{Artifact, Context, Stage, Writer};
use serde::{Deserialize, Serialize};
use train::Curve;

/// Settings.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compare {
    /// What is asked, in a sentence.
    question: String,
    /// What arm `a` is called.
    a: String,
    /// What arm `b` is called.
    b: String,
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    a: Vec<Artifact<Scores>>,
    b: Vec<Artifact<Scores>>,
    a_models: Vec<Artifact<Model>>,
    b_models: Vec<Artifact<Model>>,
}

/// One outcome: its values over seeds in both arms.
struct Outcome {
    name: String,
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Stage for Compare {
    const NAME: &'static str = "compare";
    const SUMMARY: &'static str = "compares two arms of an experiment over seeds, with intervals";
    type Inputs = Inputs;
    type Output = kinds::Page;

    fn check(&self, inputs: &Inputs) -> Result<()> {
        let seeds = inputs.a.len();
        let all = [inputs.b.len(), inputs.a_models.len(), inputs.b_models.len()];
        ensure!(
            seeds >= 2,
            "a comparison needs at least two seeds an arm; arm a has {seeds}"
        );
        ensure!(
            all.iter().all(|len| *len == seeds),
            "seeds are compared in pairs, so `a`, `b`, `a_models` and `b_models` must be equally long; found {seeds} and {all:?}"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        _: &mut Context<'_>,
        out: &mut Writer<kinds::Page>,
    ) -> Result<()> {
        let outcomes = outcomes(&inputs)?;
        let mut page = Page::new(format!("{} against {}", self.a, self.b));
        page.lead(&self.question);
        page.heading("Outcome");
        let mut table = Table::new([
            Column::text("outcome"),
            Column::number(&self.a, 4),
            Column::number(&self.b, 4),
            Column::number("a − b", 4),
            Column::number("from", 4),
            Column::number("to", 4),
            Column::text("verdict"),
        ])
        .caption(format!(
            "means over {} seeds; differences are paired, with a 95 % interval",
            inputs.a.len()
        ));
        for outcome in &outcomes {
            let (difference, half) = outcome.difference();
            let verdict = match (difference - half, difference + half) {
                (low, _) if low > 0.0 => "a is higher",
                (_, high) if high < 0.0 => "a is lower",
                _ => "not visible at this scale",
            };
            table.row([
                Cell::from(outcome.name.as_str()),
                Cell::from(mean(&outcome.a)),
                Cell::from(mean(&outcome.b)),
                Cell::from(difference),
                Cell::from(difference - half),
                Cell::from(difference + half),
                Cell::from(verdict),
            ]);
            out.note(&format!("{} a-b", outcome.name), difference);
            out.note(&format!("{} half interval", outcome.name), half);
        }
        page.table(table);
        let mut chart = BarChart::new(
            "Accuracy",
            Axis::new("right", "").percent().to(1.0),
            [self.a.as_str(), self.b.as_str()],
        )
        .reference(0.25, "chance");
        for outcome in outcomes
            .iter()
            .filter(|outcome| outcome.name.starts_with("accuracy"))
        {
            chart = chart.group(&outcome.name, [bar(&outcome.a), bar(&outcome.b)].map(Some));
        }
        page.bars(chart);
        page.heading("Every seed");
        page.table(every_seed(&outcomes));
        disk::write(
            &out.path().join(kinds::Page::FILE),
            page.finish().as_bytes(),
        )?;
        disk::write(
            &out.path().join(kinds::Page::TEXT),
            page.terminal(super::report::COLUMNS, Ink::Plain).as_bytes(),
        )?;
        Ok(())
    }
}

fn outcomes(inputs: &Inputs) -> Result<Vec<Outcome>> {
    let answers = |artifacts: &[Artifact<Scores>]| -> Result<Vec<Answers>> {
        artifacts
            .iter()
            .map(|artifact| artifact.json(Scores::FILE))
            .collect()
    };
    let bits = |models: &[Artifact<Model>]| -> Result<Vec<f64>> {
        let last = |model: &Artifact<Model>| {
            let curve: Curve = model.json(Model::TRAINING)?;
            let last = curve.validations.last().with_context(|| {
                let name = model.name();
                format!("the model {name} was trained without `validation`: bind it in its step")
            })?;
            Ok(last.total.bits_per_byte)
        };
        models.iter().map(last).collect()
    };
    let (a, b) = (answers(&inputs.a)?, answers(&inputs.b)?);
    let mut all = Vec::new();
    for language in ["all", "ko", "en"] {
        let accuracy = |scores: &[Answers]| -> Vec<f64> {
            scores
                .iter()
                .filter_map(|score| score.languages.get(language))
                .map(|accuracy| accuracy.acc)
                .collect()
        };
        let (a, b) = (accuracy(&a), accuracy(&b));
        if a.len() == inputs.a.len() && b.len() == a.len() {
            all.push(Outcome {
                name: format!("accuracy {language}"),
                a,
                b,
            });
        }
    }
    all.push(Outcome {
        name: "bits per byte".to_owned(),
        a: bits(&inputs.a_models)?,
        b: bits(&inputs.b_models)?,
    });
    Ok(all)
}

impl Outcome {
    /// Mean of the paired differences, and half of its 95 % interval.
    fn difference(&self) -> (f64, f64) {
        let differences: Vec<f64> = self.a.iter().zip(&self.b).map(|(a, b)| a - b).collect();
        (mean(&differences), half_interval(&differences))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// t · s / √n.
fn half_interval(values: &[f64]) -> f64 {
    let n = values.len();
    let middle = mean(values);
    let variance = values
        .iter()
        .map(|value| (value - middle).powi(2))
        .sum::<f64>()
        / (n - 1) as f64;
    student(n - 1) * (variance / n as f64).sqrt()
}

/// The 97.5 % quantile of Student's t; beyond thirty degrees of freedom that of 30, which is wider.
fn student(degrees: usize) -> f64 {
    const T: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    T[degrees.clamp(1, T.len()) - 1]
}

fn bar(values: &[f64]) -> Bar {
    let (middle, half) = (mean(values), half_interval(values));
    Bar::new(middle).interval((middle - half).max(0.0), (middle + half).min(1.0))
}

fn every_seed(outcomes: &[Outcome]) -> Table {
    let mut columns = vec![Column::text("seed")];
    for outcome in outcomes {
        columns.extend(["a", "b"].map(|arm| Column::number(format!("{}, {arm}", outcome.name), 4)));
    }
    let mut table = Table::new(columns);
    for seed in 0..outcomes.first().map_or(0, |outcome| outcome.a.len()) {
        let mut cells = vec![Cell::from(format!("{}", seed + 1))];
        for outcome in outcomes {
            cells.extend([Cell::from(outcome.a[seed]), Cell::from(outcome.b[seed])]);
        }
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        let outcome = Outcome {
            name: String::new(),
            a: vec![1.0, 2.0, 3.0, 4.0, 5.0],
            b: vec![0.0; 5],
        };
        let (difference, half) = outcome.difference();
        assert!((difference - 3.0).abs() < 1e-12);
        assert!(
            (half - 2.776 * (2.5_f64 / 5.0).sqrt()).abs() < 1e-9,
            "{half}"
        );
    }
}
