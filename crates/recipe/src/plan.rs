//! A recipe checked against the stages that exist: every edge, every setting, every key
//! known before anything runs.
//!
//! First what costs nothing (names, circles, settings, kinds), then what must read raw
//! files (hashes, keys), so that a misspelt setting is told at once.

mod check;
mod order;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use check::Checked;
use serde::Serialize;
use serde_json::{Value, json};

use crate::artifact::Reference;
use crate::inputs::Bound;
use crate::key;
use crate::manifest::Inputs;
use crate::outside::{Hashes, Outside};
use crate::registry::Task;
use crate::suggest::{did_you_mean, list};
use crate::text;
use crate::{Quantity, Recipe, Registry, Store};

/// Which file or folder each input of a recipe is.
#[derive(Clone, Debug, Default)]
pub struct Bindings(BTreeMap<String, PathBuf>);

impl Bindings {
    /// None bound: every input has its default path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds one more.
    #[must_use]
    pub fn bind(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.0.insert(name.to_string(), path.into());
        self
    }

    /// Reads what was typed after `--input`, each `NAME=PATH`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut bindings = Self::new();
        for text in texts {
            let Some((name, path)) = text.split_once('=') else {
                bail!("--input {text}: wanted NAME=PATH, and found no `=`");
            };
            ensure!(
                bindings.0.insert(name.to_string(), path.into()).is_none(),
                "--input {name}=… is given twice: bind each input once"
            );
        }
        Ok(bindings)
    }
}

/// How much of a step is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its artifact is there.
    Cached,
    /// An attempt left an unfinished folder, which will be gone on from.
    Partial,
    /// Nothing is there.
    Missing,
    /// It was finished, and something has happened to it since.
    Damaged(String),
}

/// A step ready to run.
#[derive(Serialize)]
pub struct Step {
    /// Its name in the recipe.
    pub name: String,
    /// Its stage.
    pub stage: String,
    /// The stage's version.
    pub version: u32,
    /// The kind of artifact it makes.
    pub kind: String,
    /// The key of that artifact.
    pub key: String,
    /// Its settings, defaults filled in.
    pub settings: Value,
    /// Its seed.
    pub seed: u64,
    /// What it reads, by binding.
    pub inputs: BTreeMap<String, Inputs>,
    /// How much of it is done.
    pub state: State,
    /// What it is expected to cost.
    pub quantities: Vec<Quantity>,
    /// The folder of its artifact.
    pub path: PathBuf,
    #[serde(skip)]
    pub(crate) bound: BTreeMap<String, Bound>,
    #[serde(skip)]
    pub(crate) task: Box<dyn Task>,
}

impl Step {
    /// `name-key`.
    pub fn folder(&self) -> String {
        key::folder(&self.name, &self.key)
    }
}

/// What a run will do.
#[derive(Serialize)]
pub struct Plan {
    /// The recipe's name.
    pub recipe: String,
    steps: Vec<Step>,
    #[serde(skip)]
    pub(crate) text: String,
    #[serde(skip)]
    pub(crate) outside: Vec<Outside>,
    planned: Vec<Planned>,
}

/// An input that is not there, of which the recipe says what is expected: enough to plan and to count
/// costs with, not enough to run.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// Its name in the recipe.
    pub name: String,
    /// What it will be.
    pub kind: String,
    /// What is expected of it.
    pub expected: Vec<Quantity>,
}

impl Planned {
    /// Something that does not exist, under a key that no contents can have; nor does what is
    /// expected enter it.
    fn reference(&self, registry: &Registry, store: &Store) -> Reference {
        let said = json!([self.name, self.kind, "planned"]);
        let key = key::short(key::canonical(&said).as_bytes());
        let path = store.folder(&self.name, &key);
        Reference {
            name: self.name.clone(),
            key,
            kind: self.kind.clone(),
            also: registry.also(&self.kind),
            expected: self.expected.clone(),
            path: path.clone(),
            record: path,
        }
    }
}

impl Plan {
    /// Checks the whole recipe, hashes its inputs and asks the store what is there.
    pub fn new(
        recipe: &Recipe,
        registry: &Registry,
        bindings: &Bindings,
        store: &Store,
    ) -> Result<Plan> {
        let checked = Checked::new(recipe, registry, bindings)?;
        let mut hashes = Hashes::open(store);
        let mut known: BTreeMap<String, Reference> = BTreeMap::new();
        let (mut outside, mut planned) = (Vec::new(), Vec::new());
        for (name, input) in checked.inputs_used() {
            let expected = input.expected.iter().flat_map(text::quantities);
            let expected: Vec<Quantity> = expected.collect();
            let Some(path) = checked.path_of(name, input)? else {
                let one = Planned {
                    name: name.to_string(),
                    kind: input.kind.clone(),
                    expected,
                };
                known.insert(name.to_string(), one.reference(registry, store));
                planned.push(one);
                continue;
            };
            Outside::holds_no_store(name, &path, store)?;
            let read =
                Outside::read(name, &input.kind, &path, &mut hashes).and_then(
                    |read| match registry.check(&input.kind, &read.path) {
                        Some(Err(error)) => Err(error),
                        _ => Ok(read),
                    },
                );
            let read = read.with_context(|| {
                format!(
                    "the input \"{name}\" should be of kind `{}`, at {}",
                    input.kind,
                    path.display()
                )
            })?;
            let reference = Reference {
                name: name.to_string(),
                key: read.key.clone(),
                kind: input.kind.clone(),
                also: registry.also(&input.kind),
                expected,
                path: read.path.clone(),
                record: store.folder(name, &read.key),
            };
            known.insert(name.to_string(), reference);
            outside.push(read);
        }
        hashes.save(store)?;
        let mut steps = Vec::new();
        for draft in checked.drafts {
            let step = draft.finish(recipe, &known, store)?;
            let reference = Reference {
                name: step.name.clone(),
                key: step.key.clone(),
                kind: step.kind.clone(),
                also: registry.also(&step.kind),
                // An estimate that is no number says nothing, and JSON has no word for it.
                expected: step
                    .quantities
                    .iter()
                    .filter(|quantity| quantity.value.is_finite())
                    .cloned()
                    .collect(),
                path: step.path.clone(),
                record: step.path.clone(),
            };
            known.insert(step.name.clone(), reference);
            steps.push(step);
        }
        Ok(Plan {
            recipe: recipe.name().to_string(),
            steps,
            text: recipe.text().to_string(),
            outside,
            planned,
        })
    }

    /// The steps in the order in which they run: that of the recipe, except that a step
    /// comes after what it reads.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step of this name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The raw files and folders that the recipe reads: name, key, path, bytes.
    pub fn outside(&self) -> impl Iterator<Item = (&str, &str, &Path, u64)> {
        self.outside.iter().map(|input| {
            let bytes = input.files.iter().map(|file| file.bytes).sum();
            (
                input.name.as_str(),
                input.key.as_str(),
                input.path.as_path(),
                bytes,
            )
        })
    }

    /// The inputs that are only planned with; while there are any, the plan cannot be run.
    pub fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// The keys of everything in the plan, for [`gc`](crate::gc).
    pub fn keys(&self) -> Vec<String> {
        let outside = self.outside.iter().map(|input| input.key.clone());
        self.steps
            .iter()
            .map(|step| step.key.clone())
            .chain(outside)
            .collect()
    }

    /// The plan without the steps that `names` do not need.
    pub fn only(mut self, names: &[&str]) -> Result<Plan> {
        for name in names {
            ensure!(
                self.step(name).is_some(),
                "the recipe {} has no step called \"{name}\"{}; its steps are {}",
                self.recipe,
                did_you_mean(name, self.steps.iter().map(|step| step.name.as_str())),
                list(self.steps.iter().map(|step| step.name.as_str()))
            );
        }
        let mut needed: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let mut kept = Vec::new();
        for step in self.steps.into_iter().rev() {
            if needed.contains(&step.name) {
                let records = step.inputs.values().flat_map(Inputs::records);
                needed.extend(records.map(|record| record.name.clone()));
                kept.push(step);
            }
        }
        kept.reverse();
        self.steps = kept;
        self.outside.retain(|input| needed.contains(&input.name));
        self.planned.retain(|input| needed.contains(&input.name));
        Ok(self)
    }
}
