//! A recipe checked against the stages that exist: every edge, every setting, every key
//! known before anything runs.
//!
//! First what costs nothing (names, circles, settings, kinds), then what must read raw
//! files (hashes, keys), so that a misspelt setting is told at once.

mod order;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::artifact::Reference;
use crate::inputs::Bound;
use crate::key;
use crate::manifest::{InputRecord, Inputs};
use crate::outside::{Hashes, Outside};
use crate::registry::{Entry, Task};
use crate::settings::lost;
use crate::suggest::{did_you_mean, list};
use crate::text::{InputText, Names, Part, StepText};
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
        let mut outside = Vec::new();
        for (name, input) in checked.inputs_used() {
            let path = checked.path_of(name, input)?;
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
        Ok(self)
    }
}

/// A recipe whose names, settings and kinds are right; keys are not known yet.
struct Checked<'a> {
    recipe: &'a Recipe,
    bindings: &'a Bindings,
    drafts: Vec<Draft>,
}

struct Draft {
    index: usize,
    text: StepText,
    stage: &'static str,
    version: u32,
    kind: &'static str,
    settings: Value,
    task: Box<dyn Task>,
}

impl<'a> Checked<'a> {
    fn new(recipe: &'a Recipe, registry: &Registry, bindings: &'a Bindings) -> Result<Self> {
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
            kinds.insert(name.clone(), placeholder(name, &input.kind));
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
            kinds.insert(text.name.clone(), placeholder(&text.name, entry.output));
            drafts.push(draft);
        }
        Ok(Self {
            recipe,
            bindings,
            drafts,
        })
    }

    /// The inputs that some step reads. One that nothing reads need not be bound.
    fn inputs_used(&self) -> impl Iterator<Item = (&'a str, &'a InputText)> {
        let recipe = self.recipe;
        recipe.inputs.iter().filter_map(move |(name, input)| {
            let mut bindings = recipe.steps.iter().flat_map(|step| step.inputs.values());
            let used = bindings.any(|names| names.list().contains(name));
            used.then_some((name.as_str(), input))
        })
    }

    fn path_of(&self, name: &str, input: &InputText) -> Result<PathBuf> {
        let bound = self.bindings.0.get(name).cloned();
        let Some(path) = bound.or_else(|| self.recipe.default_path(input)) else {
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
        Ok(path)
    }
}

impl Draft {
    fn new(recipe: &Recipe, index: usize, entry: &Entry) -> Result<Self> {
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

    fn finish(
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
        let seed = key::seed(recipe.seed, &self.text.name);
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
        let quantities = self.task.estimate(&bound)?;
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
fn placeholder(name: &str, kind: &str) -> Reference {
    Reference {
        name: name.to_string(),
        key: String::new(),
        kind: kind.to_string(),
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
