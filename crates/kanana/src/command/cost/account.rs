//! From a plan to costs: by step, along the lineage of a model, and against training from scratch.
//!
//! The report's convention is 6·N·D FLOPs for N parameters and D tokens, with the sizes that models
//! go by and without teachers' forward passes (2·N·D). Three counts stand side by side: `nominal`
//! with those sizes, `counted` with the parameters of the shapes, `exact` with every product and
//! attention score of the shapes. A model's cost is that of all training in its lineage, each step
//! once, teachers' included; several models together cost the union of theirs. The saving is 1 − that /
//! what training each from scratch costs, on the tokens that the recipe declares for it. What comes
//! after surgery follows the model alone, from the last cut, deepening or merge of a trained one.

use crate::forecast::{self, FROM_SCRATCH, NOMINAL, TEACHER};
use crate::kinds::Model;
use anyhow::{Result, ensure};
use model::Shape;
use model::checkpoint::Checkpoint;
use recipe::{Kind as _, Plan, Quantity, Step};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, AddAssign};

/// One cost, counted in three ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(in crate::command) struct Flops {
    /// By the sizes that models go by.
    pub(in crate::command) nominal: f64,
    /// By the parameters of the shapes.
    pub(in crate::command) counted: f64,
    /// By every operation of the shapes.
    pub(in crate::command) exact: f64,
    /// Whether a part of `exact` is counted by size, no shape being known.
    pub(in crate::command) by_size: bool,
}

impl Flops {
    fn map(self, other: Flops, of: impl Fn(f64, f64) -> f64) -> Flops {
        Flops {
            nominal: of(self.nominal, other.nominal),
            counted: of(self.counted, other.counted),
            exact: of(self.exact, other.exact),
            by_size: self.by_size || other.by_size,
        }
    }

    /// What part of `whole` this is, each way.
    pub(in crate::command) fn share(self, whole: Flops) -> Flops {
        self.map(whole, |part, whole| part / whole)
    }

    /// What part of `whole` is saved when only this is spent.
    pub(in crate::command) fn saving(self, whole: Flops) -> Flops {
        self.map(whole, |spent, whole| 1.0 - spent / whole)
    }
}

impl Add for Flops {
    type Output = Flops;
    fn add(self, other: Flops) -> Flops {
        self.map(other, |a, b| a + b)
    }
}

impl AddAssign for Flops {
    fn add_assign(&mut self, other: Flops) {
        *self = *self + other;
    }
}

/// How large a model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::command) struct Size {
    /// What it goes by, where the recipe says.
    pub(in crate::command) nominal: Option<f64>,
    pub(in crate::command) parameters: f64,
    #[serde(skip)]
    pub(in crate::command) shape: Option<Shape>,
}

impl Size {
    /// The size that some quantities say. What a recipe expects comes before what its shapes say: a
    /// published size may stand for a shape that was not published.
    fn said(said: impl Fn(&str) -> Option<f64>) -> Option<Size> {
        let nominal = said(NOMINAL);
        let shape = forecast::read_shape(&said);
        let counted = || Some(shape.as_ref()?.parameters() as f64);
        Some(Size {
            nominal,
            parameters: said("parameters").or_else(counted).or(nominal)?,
            shape,
        })
    }

    /// `passes` · N · D, where forward and backward are 6 and forward alone is 2.
    fn flops(&self, passes: f64, tokens: f64, sequence: Option<f64>) -> Flops {
        let counted = passes * self.parameters * tokens;
        let exact = self.shape.as_ref().zip(sequence).map(|(shape, sequence)| {
            shape.forward_flops_per_token(sequence as usize) * tokens * passes / 2.0
        });
        Flops {
            nominal: passes * self.nominal.unwrap_or(self.parameters) * tokens,
            counted,
            exact: exact.unwrap_or(counted),
            by_size: exact.is_none() && counted > 0.0,
        }
    }
}

/// What one step costs.
#[derive(Clone, Debug, Serialize)]
pub(in crate::command) struct StepCost {
    pub(in crate::command) name: String,
    pub(in crate::command) stage: String,
    /// Of the model that is trained, or of the teacher where only that runs.
    pub(in crate::command) size: Size,
    pub(in crate::command) tokens: f64,
    /// Whether a model is trained, and not only a teacher asked.
    pub(in crate::command) trains: bool,
    pub(in crate::command) training: Flops,
    pub(in crate::command) teacher: Flops,
    pub(in crate::command) teacher_size: Option<Size>,
    pub(in crate::command) sequence: Option<f64>,
    pub(in crate::command) recompute: f64,
}

/// Models against training each of them from scratch.
#[derive(Clone, Debug, Serialize)]
pub(in crate::command) struct Comparison {
    /// The stage that they were derived by; empty for all together.
    pub(in crate::command) derived_by: String,
    pub(in crate::command) models: Vec<String>,
    /// All training in their lineages.
    pub(in crate::command) spent: Flops,
    /// Of that, what came after the last surgery on a trained model.
    pub(in crate::command) after_surgery: Flops,
    /// Teachers' forward passes in their lineages.
    pub(in crate::command) teachers: Flops,
    pub(in crate::command) from_scratch: Flops,
    pub(in crate::command) saving: Flops,
    pub(in crate::command) saving_with_teachers: Flops,
    /// `after_surgery` as a part of `from_scratch`.
    pub(in crate::command) after_surgery_share: Flops,
}

/// One model that is not trained any further, or that the recipe compares.
#[derive(Clone, Debug, Serialize)]
pub(in crate::command) struct ModelCost {
    pub(in crate::command) name: String,
    pub(in crate::command) size: Size,
    /// Training since the last surgery on a trained model; nothing where there was none.
    pub(in crate::command) own: Flops,
    /// All training in its lineage.
    pub(in crate::command) lineage: Flops,
    /// Teachers' forward passes in its lineage.
    pub(in crate::command) teachers: Flops,
    pub(in crate::command) from_scratch: Option<Flops>,
    /// The stage that last cut, deepened or merged a trained model, where there was one.
    pub(in crate::command) derived_by: Option<String>,
}

/// All steps of one stage.
#[derive(Clone, Debug, Serialize)]
pub(in crate::command) struct StageCost {
    pub(in crate::command) stage: String,
    pub(in crate::command) steps: usize,
    pub(in crate::command) tokens: f64,
    pub(in crate::command) training: Flops,
    pub(in crate::command) teacher: Flops,
}

/// Everything that a recipe costs.
#[derive(Clone, Debug, Serialize)]
pub(in crate::command) struct Account {
    pub(in crate::command) steps: Vec<StepCost>,
    pub(in crate::command) stages: Vec<StageCost>,
    pub(in crate::command) models: Vec<ModelCost>,
    pub(in crate::command) comparisons: Vec<Comparison>,
    pub(in crate::command) training: Flops,
    pub(in crate::command) teachers: Flops,
    /// Steps that train a model or ask a teacher whose size or tokens nobody knows.
    pub(in crate::command) unknown: Vec<String>,
}

/// Stages that make another model of a trained one; others train it, or choose among several.
const OPERATIONS: [&str; 3] = ["prune", "upscale", "merge"];

/// What is known of a step while its followers are looked at; numbers are places among the costs.
#[derive(Clone, Default)]
struct Known {
    size: Option<Size>,
    lineage: BTreeSet<usize>,
    /// The stage that last cut, deepened or merged a trained model, and the training of it since.
    derived: Option<(String, BTreeSet<usize>)>,
    from_scratch: Option<Flops>,
    trained_further: bool,
}

impl Account {
    /// The costs of a plan. An error where a model is to be compared with training that costs nothing.
    pub(in crate::command) fn of(plan: &Plan) -> Result<Account> {
        let mut known = given(plan);
        let mut steps: Vec<StepCost> = Vec::new();
        let mut unknown = Vec::new();
        for step in plan.steps() {
            let mut here = Known::default();
            for record in step.inputs.values().flat_map(|inputs| inputs.records()) {
                if let Some(before) = known.get(&record.name) {
                    here.lineage.extend(&before.lineage);
                }
            }
            let source = source(step);
            let before = source.and_then(|name| known.get(name)).cloned();
            let trains = quantity(step, "tokens").is_some() && step.kind == Model::NAME;
            let teacher = input(step, "teacher").and_then(|name| known.get(name)?.size.clone());
            here.size = size(step, before.as_ref(), trains);
            if step.kind == Model::NAME {
                here.derived = match before {
                    Some(before) if trains => before.derived,
                    // What was never trained is not operated on: it begins here.
                    Some(_) if OPERATIONS.contains(&step.stage.as_str()) => {
                        let operated = !here.lineage.is_empty();
                        operated.then(|| (step.stage.clone(), BTreeSet::new()))
                    }
                    // Whatever was trained to choose by was trained since.
                    Some(before) => before.derived.map(|(stage, mut since)| {
                        let looked_at = step.inputs.values().flat_map(|inputs| inputs.records());
                        for one in looked_at.filter_map(|record| known.get(&record.name)) {
                            since.extend(own(one));
                        }
                        (stage, since)
                    }),
                    None => None,
                };
            }
            let cost = cost(step, &here, teacher, trains);
            let taught = input(step, "teacher").is_some();
            if match &cost {
                Some(cost) => taught && cost.teacher_size.is_none(),
                None => taught || trains,
            } {
                unknown.push(step.name.clone());
            }
            if step.kind == Model::NAME {
                let sequence = cost.as_ref().and_then(|cost| cost.sequence);
                here.from_scratch = from_scratch(step, here.size.as_ref(), sequence)?;
            }
            if let Some(cost) = cost {
                here.lineage.insert(steps.len());
                if let Some((_, since)) = here.derived.as_mut().filter(|_| trains) {
                    since.insert(steps.len());
                }
                steps.push(cost);
                if let Some(before) = source.and_then(|name| known.get_mut(name)) {
                    before.trained_further |= trains;
                }
            }
            known.insert(step.name.clone(), here);
        }
        let models = models(plan, &known, &steps);
        Ok(Account {
            comparisons: comparisons(plan, &known, &steps),
            stages: stages(&steps),
            training: steps
                .iter()
                .fold(Flops::default(), |sum, step| sum + step.training),
            teachers: steps
                .iter()
                .fold(Flops::default(), |sum, step| sum + step.teacher),
            models,
            steps,
            unknown,
        })
    }

    /// What to say of steps that cannot be counted whole, after a sentence.
    pub(in crate::command) fn unknown_sentence(&self) -> String {
        match self.unknown.is_empty() {
            true => String::new(),
            false => format!(
                "; not known is how large the models are, or how many tokens they see, in {}: give the \
                 step or input that they come from expected = {{ parameters = … }}, and the tokens \
                 expected = {{ tokens = … }}",
                self.unknown.join(", ")
            ),
        }
    }
}

/// The models that come from outside: as the recipe expects them, or as they are.
fn given(plan: &Plan) -> BTreeMap<String, Known> {
    let planned = plan.planned().iter();
    let planned = planned.map(|input| (input.name.as_str(), input.expected.clone()));
    let there = plan.outside().filter_map(|(name, _, path, _)| {
        let checkpoint = Checkpoint::open(path).ok()?;
        Some((name, forecast::shape(&checkpoint.shape)))
    });
    let sized = planned.chain(there).map(|(name, said)| {
        let size = Size::said(|name| find(&said, name));
        let known = Known {
            size,
            ..Known::default()
        };
        (name.to_owned(), known)
    });
    sized.collect()
}

/// What training a step's model from scratch would cost, where the recipe says on how many tokens.
fn from_scratch(step: &Step, size: Option<&Size>, sequence: Option<f64>) -> Result<Option<Flops>> {
    let (Some(tokens), Some(size)) = (quantity(step, FROM_SCRATCH), size) else {
        return Ok(None);
    };
    let flops = size.flops(6.0, tokens, sequence);
    ensure!(
        flops.nominal > 0.0 && flops.counted > 0.0 && flops.exact > 0.0,
        "step \"{}\", expected: \"{FROM_SCRATCH}\" = {tokens} for {} parameters costs nothing, so there \
         is nothing to compare with: give both as numbers above 0, or leave \"{FROM_SCRATCH}\" out",
        step.name,
        size.nominal.unwrap_or(size.parameters)
    );
    Ok(Some(flops))
}

fn quantity(step: &Step, name: &str) -> Option<f64> {
    find(&step.quantities, name)
}

fn find(quantities: &[Quantity], name: &str) -> Option<f64> {
    let found = quantities.iter().find(|quantity| quantity.name == name);
    found.map(|quantity| quantity.value)
}

/// The name of what is bound to an input.
fn input<'a>(step: &'a Step, binding: &str) -> Option<&'a str> {
    let records = step.inputs.get(binding)?.records();
    records.first().map(|record| record.name.as_str())
}

/// The model that a step goes on from.
fn source(step: &Step) -> Option<&str> {
    ["student", "model", "models"]
        .into_iter()
        .find_map(|binding| input(step, binding))
}

/// The size of the model that a step makes: as its stage says, or that of the model it trains.
fn size(step: &Step, before: Option<&Known>, trains: bool) -> Option<Size> {
    let said = Size::said(|name| quantity(step, name));
    match (before.and_then(|before| before.size.clone()), said) {
        (Some(before), Some(said)) if trains || said.parameters == before.parameters => {
            Some(Size {
                nominal: said.nominal.or(before.nominal),
                parameters: before.parameters,
                // one of several is chosen: as large as the first, and not known to be shaped like it
                shape: said.shape.or(before.shape.filter(|_| trains)),
            })
        }
        (Some(before), None) if trains => Some(before),
        (_, said) => said,
    }
}

fn cost(step: &Step, here: &Known, teacher: Option<Size>, trains: bool) -> Option<StepCost> {
    let tokens = quantity(step, "tokens")?;
    let asked = quantity(step, TEACHER);
    let sequence = quantity(step, forecast::SEQUENCE);
    // A teacher of which nothing is known but what it computes is as large as that says.
    let teacher = teacher.or_else(|| {
        let parameters = asked.filter(|_| tokens > 0.0)? / 2.0 / tokens;
        Some(Size {
            nominal: None,
            parameters,
            shape: None,
        })
    });
    if !trains && teacher.is_none() {
        return None;
    }
    let training = match (&here.size, trains) {
        (Some(size), true) => size.flops(6.0, tokens, sequence),
        (None, true) => return None,
        (_, false) => Flops::default(),
    };
    let mut forwards = teacher
        .as_ref()
        .map_or(Flops::default(), |size| size.flops(2.0, tokens, sequence));
    if let Some(asked) = asked {
        forwards.exact = asked;
    }
    Some(StepCost {
        name: step.name.clone(),
        stage: step.stage.clone(),
        size: here
            .size
            .clone()
            .filter(|_| trains)
            .or_else(|| teacher.clone())?,
        tokens,
        trains,
        training,
        teacher: forwards,
        teacher_size: teacher,
        sequence,
        recompute: quantity(step, forecast::RECOMPUTE).unwrap_or(1.0),
    })
}

/// By stage, in the order in which they first come.
fn stages(steps: &[StepCost]) -> Vec<StageCost> {
    let mut stages: Vec<StageCost> = Vec::new();
    for step in steps {
        let place = stages.iter().position(|one| one.stage == step.stage);
        let place = place.unwrap_or_else(|| {
            stages.push(StageCost {
                stage: step.stage.clone(),
                steps: 0,
                tokens: 0.0,
                training: Flops::default(),
                teacher: Flops::default(),
            });
            stages.len() - 1
        });
        let stage = &mut stages[place];
        stage.steps += 1;
        stage.tokens += step.tokens;
        stage.training += step.training;
        stage.teacher += step.teacher;
    }
    stages
}

/// Sums over some of the costs.
fn summed<'a>(
    steps: &[StepCost],
    places: impl IntoIterator<Item = &'a usize>,
    of: impl Fn(&StepCost) -> Flops,
) -> Flops {
    let places = places.into_iter();
    places.fold(Flops::default(), |sum, place| sum + of(&steps[*place]))
}

/// The costs that came after the last surgery on a trained model.
fn own(known: &Known) -> impl Iterator<Item = &usize> {
    known.derived.iter().flat_map(|(_, since)| since)
}

fn models(plan: &Plan, known: &BTreeMap<String, Known>, steps: &[StepCost]) -> Vec<ModelCost> {
    let mut models = Vec::new();
    for step in plan.steps() {
        let here = &known[&step.name];
        let last = !here.trained_further
            && steps
                .iter()
                .any(|cost| cost.name == step.name && cost.trains);
        let Some(size) = here
            .size
            .clone()
            .filter(|_| last || here.from_scratch.is_some())
        else {
            continue;
        };
        models.push(ModelCost {
            name: step.name.clone(),
            size,
            own: summed(steps, own(here), |step| step.training),
            lineage: summed(steps, &here.lineage, |step| step.training),
            teachers: summed(steps, &here.lineage, |step| step.teacher),
            from_scratch: here.from_scratch,
            derived_by: here.derived.as_ref().map(|(stage, _)| stage.clone()),
        });
    }
    models
}

fn comparisons(
    plan: &Plan,
    known: &BTreeMap<String, Known>,
    steps: &[StepCost],
) -> Vec<Comparison> {
    let compared: Vec<(&str, &Known)> = plan
        .steps()
        .iter()
        .map(|step| (step.name.as_str(), &known[&step.name]))
        .filter(|(_, known)| known.from_scratch.is_some())
        .collect();
    // A model without a trained ancestor is its own from-scratch: it counts only among all.
    // In the recipe's order, so that what it does first is said first.
    let mut groups: Vec<(&str, Vec<(&str, &Known)>)> = Vec::new();
    for one in &compared {
        if let Some((stage, _)) = &one.1.derived {
            match groups.iter_mut().find(|(name, _)| name == stage) {
                Some((_, group)) => group.push(*one),
                None => groups.push((stage, vec![*one])),
            }
        }
    }
    let mut all: Vec<Comparison> = groups
        .iter()
        .map(|(stage, group)| compare(stage, group, steps))
        .collect();
    let grouped: usize = groups.iter().map(|(_, group)| group.len()).sum();
    if all.len() > 1 || grouped < compared.len() {
        all.push(compare("", &compared, steps));
    }
    all
}

fn compare(derived_by: &str, group: &[(&str, &Known)], steps: &[StepCost]) -> Comparison {
    let lineage: BTreeSet<usize> = group
        .iter()
        .flat_map(|(_, known)| &known.lineage)
        .copied()
        .collect();
    let after: BTreeSet<&usize> = group.iter().flat_map(|(_, known)| own(known)).collect();
    let spent = summed(steps, &lineage, |step| step.training);
    let teachers = summed(steps, &lineage, |step| step.teacher);
    let after_surgery = summed(steps, after, |step| step.training);
    let mut from_scratch = Flops::default();
    for (_, known) in group {
        from_scratch += known.from_scratch.unwrap_or_default();
    }
    Comparison {
        derived_by: derived_by.to_owned(),
        models: group.iter().map(|(name, _)| (*name).to_owned()).collect(),
        spent,
        after_surgery,
        teachers,
        from_scratch,
        saving: spent.saving(from_scratch),
        saving_with_teachers: (spent + teachers).saving(from_scratch),
        after_surgery_share: after_surgery.share(from_scratch),
    }
}

#[cfg(test)]
mod tests;
