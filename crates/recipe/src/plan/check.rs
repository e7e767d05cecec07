//! The two halves of planning one step: what its text says, then what its inputs make of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::{Bindings, State, Step, order};
use crate::artifact::Reference;
use crate::inputs::Bound;
use crate::key;
use crate::manifest::{InputRecord, Inputs};
use crate::mistake::Part;
use crate::registry::{Entry, Task};
use crate::settings::lost;
use crate::suggest::{did_you_mean, list};
use crate::text::{self, InputText, Names, StepText};
use crate::{Recipe, Registry, Store};

/// A recipe whose names, settings and kinds are right; keys are not known yet.
pub(super) struct Checked<'a> {
    recipe: &'a Recipe,
    bindings: &'a Bindings,
    pub(super) drafts: Vec<Draft>,
}

pub(super) struct Draft {
    index: usize,
    text: StepText,
    stage: &'static str,
    version: u32,
    kind: &'static str,
    settings: Value,
    task: Box<dyn Task>,
}

impl<'a> Checked<'a> {
    pub(super) fn new(
        recipe: &'a Recipe,
        registry: &Registry,
        bindings: &'a Bindings,
    ) -> Result<Self> {
        for (name, input) in &recipe.inputs {
            if !registry.kinds().any(|kind| kind == input.kind) {
                let path = [Part::name("inputs"), Part::name(name), Part::name("kind")];
                let message = format!(
                    "there is no kind of artifact called `{}`{}; the kinds are {}",
                    input.kind,
                    did_you_mean(&input.kind, registry.kinds()),
                    list(registry.kinds())
                );
                return Err(recipe.mistake(&path, &message));
            }
        }
        for name in bindings.0.keys() {
            ensure!(
                recipe.inputs.contains_key(name),
                "--input {name}=…: the recipe {} has no input called \"{name}\"{}; its inputs are {}",
                recipe.origin(),
                did_you_mean(name, recipe.inputs.keys().map(String::as_str)),
                list(recipe.inputs.keys())
            );
        }
        let order = order::order(recipe)?;
        let mut drafts: Vec<Draft> = Vec::new();
        let mut kinds: BTreeMap<String, Reference> = BTreeMap::new();
        for (name, input) in &recipe.inputs {
            kinds.insert(name.clone(), placeholder(name, &input.kind, registry));
        }
        for index in order {
            let text = &recipe.steps[index];
            let at =
                |below: &[Part]| [&[Part::name("step"), Part::Index(index)][..], below].concat();
            let Some(entry) = registry.stage(&text.stage) else {
                let message = format!(
                    "there is no stage called `{}`{}; the stages are {}",
                    text.stage,
                    did_you_mean(&text.stage, registry.stages()),
                    list(registry.stages())
                );
                return Err(recipe.mistake(&at(&[Part::name("stage")]), &message));
            };
            let draft = Draft::new(recipe, index, entry)?;
            let bound = bound(&text.inputs, &kinds);
            draft.task.bind(&bound).map_err(|mistake| {
                let mut below = vec![Part::name("inputs")];
                if let Some((name, index)) = &mistake.binding {
                    below.push(Part::name(name));
                    below.extend(index.map(Part::Index));
                }
                recipe.mistake(&at(&below), &mistake.message)
            })?;
            kinds.insert(
                text.name.clone(),
                placeholder(&text.name, entry.output, registry),
            );
            drafts.push(draft);
        }
        Ok(Self {
            recipe,
            bindings,
            drafts,
        })
    }

    /// The inputs that some step reads. One that nothing reads need not be bound.
    pub(super) fn inputs_used(&self) -> impl Iterator<Item = (&'a str, &'a InputText)> {
        let recipe = self.recipe;
        recipe.inputs.iter().filter_map(move |(name, input)| {
            let mut bindings = recipe.steps.iter().flat_map(|step| step.inputs.values());
            let used = bindings.any(|names| names.list().contains(name));
            used.then_some((name.as_str(), input))
        })
    }

    /// Where an input lies; `None` where it is only expected to be there one day.
    pub(super) fn path_of(&self, name: &str, input: &InputText) -> Result<Option<PathBuf>> {
        let bound = self.bindings.0.get(name).cloned();
        let Some(path) = bound.or_else(|| self.recipe.default_path(input)) else {
            if input.expected.is_some() {
                return Ok(None);
            }
            bail!(
                "{}: the input \"{name}\" (of kind `{}`) is not bound: add --input {name}=PATH",
                self.recipe.origin(),
                input.kind
            );
        };
        ensure!(
            path.exists(),
            "{}: the input \"{name}\" should lie at {}, and nothing is there: add --input {name}=PATH",
            self.recipe.origin(),
            path.display()
        );
        Ok(Some(path))
    }
}

impl Draft {
    pub(super) fn new(recipe: &Recipe, index: usize, entry: &Entry) -> Result<Self> {
        let at = |below: Vec<Part>| {
            [
                vec![Part::name("step"), Part::Index(index), Part::name("with")],
                below,
            ]
            .concat()
        };
        let with = recipe.settings(index);
        let task = (entry.read)(with.clone())
            .map_err(|mistake| recipe.mistake(&at(mistake.path), &mistake.message))?;
        let settings = task.settings()?;
        if let Some(path) = lost(&with, &settings) {
            return Err(recipe.mistake(
                &at(path),
                "the stage reads this setting and does not write it back, so it would not enter \
                 the key (a bug of the stage)",
            ));
        }
        ensure!(
            task.stable()?,
            "the settings of the stage {} change when they are written and read back, so they have \
             no stable key (a bug of the stage)",
            entry.name
        );
        Ok(Self {
            index,
            text: recipe.steps[index].clone(),
            stage: entry.name,
            version: entry.version,
            kind: entry.output,
            settings,
            task,
        })
    }

    pub(super) fn finish(
        self,
        recipe: &Recipe,
        known: &BTreeMap<String, Reference>,
        store: &Store,
    ) -> Result<Step> {
        let bound = bound(&self.text.inputs, known);
        let inputs: BTreeMap<String, Inputs> = bound
            .iter()
            .map(|(binding, bound)| (binding.clone(), records(bound)))
            .collect();
        let seed = key::seed(self.text.seed.unwrap_or(recipe.seed), &self.text.name);
        let asked = inputs
            .iter()
            .map(|(name, inputs)| (name.clone(), inputs.asked()));
        let key = key::key(
            self.stage,
            self.version,
            &self.settings,
            seed,
            &asked.collect(),
        );
        let state = store.state(&self.text.name, &key);
        // What is there was checked when it was made.
        if state != State::Cached {
            self.task.check(&bound).map_err(|error| {
                let path = [Part::name("step"), Part::Index(self.index)];
                recipe.mistake(&path, &format!("{error:#}"))
            })?;
        }
        let mut quantities = self.task.estimate(&bound)?;
        quantities.retain(|quantity| !self.text.expected.contains_key(&quantity.name));
        quantities.extend(text::quantities(&self.text.expected));
        Ok(Step {
            path: store.folder(&self.text.name, &key),
            name: self.text.name,
            stage: self.stage.to_string(),
            version: self.version,
            kind: self.kind.to_string(),
            key,
            settings: self.settings,
            seed,
            inputs,
            state,
            quantities,
            bound,
            task: self.task,
        })
    }
}

/// A reference that has a kind and no place yet.
fn placeholder(name: &str, kind: &str, registry: &Registry) -> Reference {
    Reference {
        name: name.to_string(),
        key: String::new(),
        kind: kind.to_string(),
        also: registry.also(kind),
        expected: vec![],
        path: PathBuf::new(),
        record: PathBuf::new(),
    }
}

/// The bindings of a step with every name looked up; `order` has seen to it that they exist.
fn bound(
    inputs: &BTreeMap<String, Names>,
    known: &BTreeMap<String, Reference>,
) -> BTreeMap<String, Bound> {
    let one = |name: &String| known[name].clone();
    inputs
        .iter()
        .map(|(binding, names)| {
            let bound = match names {
                Names::One(name) => Bound::One(one(name)),
                Names::Many(names) => Bound::Many(names.iter().map(one).collect()),
            };
            (binding.clone(), bound)
        })
        .collect()
}

fn records(bound: &Bound) -> Inputs {
    let record = |reference: &Reference| InputRecord {
        name: reference.name.clone(),
        key: reference.key.clone(),
        kind: reference.kind.clone(),
    };
    match bound {
        Bound::One(one) => Inputs::One(record(one)),
        Bound::Many(many) => Inputs::Many(many.iter().map(record).collect()),
    }
}
