//! Takes the outcomes out of the artifacts that the arms made.

use super::design::{Design, Run};
use anyhow::{Context as _, Result};
use lab::{CurveFindings, Experiment, Findings, Line, Outcome, Reading};
use recipe::{Plan, Store};
use serde_json::Value;
use std::collections::BTreeMap;

/// By arm and outcome, the values in the order of the seeds.
type Values = BTreeMap<(String, String), Vec<Option<Reading>>>;

/// Everything that the experiment found.
///
/// # Errors
/// A file that is not there, or a place in it that holds no number, with the arm and the seed.
pub(super) fn findings(design: &Design<'_>, store: &Store) -> Result<Findings> {
    let experiment = design.experiment;
    let plans: Vec<Plan> = design
        .runs
        .iter()
        .map(|run| run.plan(design.bindings, store))
        .collect::<Result<_>>()?;
    let mut values = Values::new();
    // First what is read off, then what another arm's value is needed for.
    for curved in [false, true] {
        for outcome in experiment
            .outcomes
            .iter()
            .filter(|outcome| outcome.until.is_some() == curved)
        {
            for (run, plan) in design.runs.iter().zip(&plans) {
                let value = measure(design, run, plan, outcome, &values);
                let arm = &experiment.arms[run.arm].name;
                let value = value.with_context(|| {
                    format!(
                        "the outcome \"{}\" of the arm \"{arm}\" with seed {} cannot be read",
                        outcome.name, experiment.seeds[run.seed]
                    )
                })?;
                let all = values.entry((arm.clone(), outcome.name.clone()));
                all.or_insert_with(|| vec![None; experiment.seeds.len()])[run.seed] = value;
            }
        }
    }
    let curves = curves(design, &plans)?;
    Ok(Findings::new(
        experiment,
        &design.spent,
        &values,
        curves,
        hash(experiment),
    ))
}

/// What the experiment's file is known by, as it was run: whoever waits for hours for the arms may edit it.
fn hash(experiment: &Experiment) -> String {
    blake3::hash(experiment.text().as_bytes())
        .to_hex()
        .to_string()
}

fn measure(
    design: &Design<'_>,
    run: &Run,
    plan: &Plan,
    outcome: &Outcome,
    known: &Values,
) -> Result<Option<Reading>> {
    let Some(file) = file(plan, &outcome.step, &outcome.file)? else {
        return Ok(None);
    };
    let Some(until) = &outcome.until else {
        let whole = match &outcome.share_of {
            Some(place) => match self::file(plan, &place.step, &place.file)? {
                Some(file) => place.number(&file)?,
                None => None,
            },
            None => None,
        };
        return outcome.measure(&file, whole);
    };
    let reach = known
        .get(&(until.arm.clone(), until.outcome.clone()))
        .and_then(|values| values[run.seed])
        .map(|reading| reading.value);
    let along = outcome.measure(&file, reach)?;
    if !until.spent {
        return Ok(along);
    }
    let arm = design.experiment.arms[run.arm].name.clone();
    let each = design.flops_a_token.get(&(arm, outcome.step.clone()));
    let each = each.with_context(|| {
        format!(
            "the step \"{}\" trains nothing, so a way along it costs nothing",
            outcome.step
        )
    })?;
    Ok(along.map(|along| Reading {
        value: along.value * each,
        ..along
    }))
}

/// A file of a step's artifact; nothing where the arm has no such step.
fn file(plan: &Plan, step: &str, name: &str) -> Result<Option<Value>> {
    let Some(step) = plan.step(step) else {
        return Ok(None);
    };
    let path = step.path.join(name);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "the step \"{}\" wrote no {}: cannot read {}",
            step.name,
            name,
            path.display()
        )
    })?;
    let value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok(Some(value))
}

fn curves(design: &Design<'_>, plans: &[Plan]) -> Result<Vec<CurveFindings>> {
    let experiment = design.experiment;
    let mut all = Vec::new();
    for picture in &experiment.pictures {
        let mut lines = Vec::new();
        for (place, arm) in experiment.arms.iter().enumerate() {
            let mut seeds = Vec::new();
            for (_, plan) in design
                .runs
                .iter()
                .zip(plans)
                .filter(|(run, _)| run.arm == place)
            {
                if let Some(file) = file(plan, &picture.step, &picture.file)? {
                    seeds.push(picture.curve.points(&file)?);
                }
            }
            if !seeds.is_empty() {
                lines.push(Line::new(&arm.name, &seeds));
            }
        }
        all.push(CurveFindings {
            name: picture.name.clone(),
            along: picture.along.clone(),
            lines,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPERIMENT: &str = r#"
question = "더 깊으면 더 나은가?"
seeds = [1, 2]
budget = { equal = "nothing" }
arm = [{ name = "얕은 것" }]
outcome = [{ name = "손실", step = "model", file = "training.json", at = "/last" }]
[[step]]
name = "model"
stage = "pretrain"
"#;

    #[test]
    fn findings_are_known_by_the_file_that_was_run_and_not_by_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("깊이.toml");
        disk::write(&path, EXPERIMENT.as_bytes()).unwrap();
        let experiment = Experiment::read(&path).unwrap();
        let before = disk::hash_file(&path).unwrap();
        disk::write(&path, b"question = \"?\"").unwrap();
        assert_eq!(hash(&experiment), before);
    }
}
