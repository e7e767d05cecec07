//! `kanana plan`: what a run would do, and what it would cost on this machine.

use super::Chosen;
use crate::device::Machine;
use crate::kinds::Model;
use crate::{forecast, terminal};
use anyhow::Result;
use clap::Args;
use page::terminal::Ink;
use page::{Cell, Column, Table};
use recipe::{Kind as _, Quantity, State, Step};
use serde_json::json;

/// Say what a run would do.
#[derive(Args)]
pub(crate) struct PlanCommand {
    #[command(flatten)]
    chosen: Chosen,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl PlanCommand {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        let (plan, _) = self.chosen.plan()?;
        let all: f64 = plan.steps().iter().filter_map(flops).sum();
        // A speed is measured only where there is something to compute.
        let speed = if all > 0.0 {
            Some(machine.training_flops_per_second()?)
        } else {
            None
        };
        if self.json {
            return terminal::json(&json!({ "plan": plan, "flops_per_second": speed }));
        }
        for (name, key, path, bytes) in plan.outside() {
            terminal::say(&format!(
                "input {name}-{key}: {} ({}B)",
                path.display(),
                page::quantity(bytes as f64)
            ));
        }
        for input in plan.planned() {
            let expected: Vec<String> = input.expected.iter().map(written).collect();
            let expected = expected.join(", ");
            terminal::say(&format!("input {}: planned, {expected}", input.name));
        }
        terminal::say(&table(plan.steps(), speed));
        if let Some(speed) = speed {
            terminal::say(&left(plan.steps(), speed, &machine.describe()));
        }
        Ok(())
    }
}

/// What is left to compute: training, and apart from it what only runs a model forward, as a teacher
/// or to measure importance.
fn left(steps: &[Step], speed: f64, machine: &str) -> String {
    let (mut all, mut training) = (0.0, 0.0);
    for step in steps.iter().filter(|step| step.state != State::Cached) {
        all += flops(step).unwrap_or(0.0);
        if step.kind == Model::NAME {
            let trained = step.quantities.iter().filter(|one| one.name == "FLOPs");
            training += trained.map(|one| one.value).sum::<f64>();
        }
    }
    let counted = match all > training {
        true => format!(
            "Training: {} FLOPs, and {} FLOPs of forward passes alone",
            page::quantity(training),
            page::quantity(all - training)
        ),
        false => format!("Training alone: {} FLOPs", page::quantity(training)),
    };
    let seconds = terminal::seconds(all / speed);
    format!("{counted}, about {seconds} here ({machine}).")
}

/// All that a step computes, a teacher's part included.
pub(super) fn flops(step: &Step) -> Option<f64> {
    let counted = step.quantities.iter();
    let counted: Vec<f64> = counted
        .filter(|quantity| quantity.name.ends_with("FLOPs"))
        .map(|quantity| quantity.value)
        .collect();
    (!counted.is_empty()).then(|| counted.iter().sum())
}

fn table(steps: &[Step], speed: Option<f64>) -> String {
    let mut table = Table::new(["step", "stage", "state", "key", "expected"].map(Column::text));
    for step in steps {
        let state = match &step.state {
            State::Cached => "there".to_owned(),
            State::Partial => "goes on".to_owned(),
            State::Missing => "to do".to_owned(),
            State::Damaged(why) => format!("damaged: {why}"),
        };
        let told = step
            .quantities
            .iter()
            .filter(|quantity| forecast::is_news(quantity));
        let mut expected: Vec<String> = told.map(written).collect();
        if let (Some(flops), Some(speed)) = (flops(step), speed) {
            expected.push(terminal::seconds(flops / speed));
        }
        let cells = [
            step.name.clone(),
            step.stage.clone(),
            state,
            step.key.clone(),
            expected.join(", "),
        ];
        table.row(cells.map(Cell::from));
    }
    page::terminal::table(&table, 140, Ink::Plain)
}

/// A quantity as people say it.
fn written(quantity: &Quantity) -> String {
    match quantity.name.strip_prefix("bytes of ") {
        Some(what) => format!("{} {what}", binary(quantity.value)),
        None if quantity.name.starts_with("parameters") && quantity.value >= 1e8 => {
            format!(
                "{}B {}",
                page::fixed(quantity.value / 1e9, 3),
                quantity.name
            )
        }
        None => format!("{} {}", page::quantity(quantity.value), quantity.name),
    }
}

/// Bytes as people say them.
fn binary(bytes: f64) -> String {
    match bytes {
        0.0..1e6 => format!("{:.0} kB", bytes / 1e3),
        1e6..1e9 => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}
