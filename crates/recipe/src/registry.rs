//! The stages and kinds that exist, as the binary lists them by hand.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use toml::de::DeTable;

use crate::inputs::{Bound, InputMistake, bind, describe};
use crate::settings::{self, SettingMistake};
use crate::{Context, InputField, Kind, Quantity, Setting, Stage, Writer};

/// Every stage and kind that a recipe may name.
#[derive(Default)]
pub struct Registry {
    stages: BTreeMap<&'static str, Entry>,
    kinds: BTreeMap<&'static str, About>,
}

/// A kind without its type.
struct About {
    check: fn(&Path) -> Result<()>,
    also: &'static [&'static str],
}

/// What `kanana stages` tells of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// What a recipe calls it.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Raised when the same settings write other bytes.
    pub version: u32,
    /// What it reads.
    pub inputs: Vec<InputField>,
    /// The kind that it makes.
    pub output: String,
    /// Its settings with their defaults.
    pub settings: Vec<Setting>,
}

impl Registry {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage, and the kind that it makes.
    ///
    /// # Panics
    /// Where another stage, or another kind, carries the same name: that is a bug.
    #[must_use]
    pub fn with<S: Stage>(mut self) -> Self {
        let old = self.stages.insert(S::NAME, Entry::of::<S>());
        assert!(old.is_none(), "two stages are called {}", S::NAME);
        self.kind::<S::Output>()
    }

    /// Adds a kind that no stage makes, for inputs from outside.
    #[must_use]
    pub fn kind<K: Kind>(mut self) -> Self {
        let about = About {
            check: K::check,
            also: K::ALSO,
        };
        self.kinds.insert(K::NAME, about);
        self
    }

    /// What exists, by name.
    pub fn descriptions(&self) -> impl Iterator<Item = Description> {
        self.stages.values().map(|entry| (entry.describe)())
    }

    /// The names of the stages.
    pub fn stages(&self) -> impl Iterator<Item = &'static str> {
        self.stages.keys().copied()
    }

    /// The names of the kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }

    /// Whether what lies at `path` is of this kind; `None` where the kind is unknown.
    pub fn check(&self, kind: &str, path: &Path) -> Option<Result<()>> {
        self.kinds.get(kind).map(|about| (about.check)(path))
    }

    /// The kinds that an artifact of this kind is as well.
    pub(crate) fn also(&self, kind: &str) -> Vec<String> {
        let also = self.kinds.get(kind).map_or(&[][..], |about| about.also);
        also.iter().map(|kind| kind.to_string()).collect()
    }

    pub(crate) fn stage(&self, name: &str) -> Option<&Entry> {
        self.stages.get(name)
    }
}

/// A stage without its type.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) output: &'static str,
    pub(crate) read: fn(DeTable<'_>) -> Result<Box<dyn Task>, SettingMistake>,
    describe: fn() -> Description,
}

impl Entry {
    fn of<S: Stage>() -> Self {
        Self {
            name: S::NAME,
            version: S::VERSION,
            output: S::Output::NAME,
            read: |with| Ok(Box::new(Of(settings::read::<S>(with)?))),
            describe: || Description {
                name: S::NAME.to_string(),
                summary: S::SUMMARY.to_string(),
                version: S::VERSION,
                inputs: describe::<S::Inputs>(),
                output: S::Output::NAME.to_string(),
                settings: settings::describe::<S>(),
            },
        }
    }
}

/// What a stage bound to a step can be asked, its inputs still untyped.
pub(crate) trait Task {
    fn settings(&self) -> Result<Value>;
    /// Whether the settings survive being written and read.
    fn stable(&self) -> Result<bool>;
    fn bind(&self, inputs: &BTreeMap<String, Bound>) -> Result<(), InputMistake>;
    fn check(&self, inputs: &BTreeMap<String, Bound>) -> Result<()>;
    fn estimate(&self, inputs: &BTreeMap<String, Bound>) -> Result<Vec<Quantity>>;
    /// Runs it, fills `folder` and returns its notes.
    fn run(
        &self,
        inputs: &BTreeMap<String, Bound>,
        context: &mut Context<'_>,
        folder: &Path,
    ) -> Result<BTreeMap<String, Value>>;
}

struct Of<S>(S);

impl<S: Stage> Task for Of<S> {
    fn settings(&self) -> Result<Value> {
        settings::resolve(&self.0)
    }

    fn stable(&self) -> Result<bool> {
        let value = self.settings()?;
        let again: S = serde_json::from_value(value.clone())?;
        Ok(settings::resolve(&again)? == value)
    }

    fn bind(&self, inputs: &BTreeMap<String, Bound>) -> Result<(), InputMistake> {
        bind::<S::Inputs>(inputs).map(|_| ())
    }

    fn check(&self, inputs: &BTreeMap<String, Bound>) -> Result<()> {
        self.0.check(&bind(inputs)?)
    }

    fn estimate(&self, inputs: &BTreeMap<String, Bound>) -> Result<Vec<Quantity>> {
        Ok(self.0.estimate(&bind(inputs)?))
    }

    fn run(
        &self,
        inputs: &BTreeMap<String, Bound>,
        context: &mut Context<'_>,
        folder: &Path,
    ) -> Result<BTreeMap<String, Value>> {
        let mut out = Writer::<S::Output>::new(folder);
        self.0.run(bind(inputs)?, context, &mut out)?;
        S::Output::check(folder).map_err(|error| {
            error.context(format!(
                "the stage {} wrote something that is no `{}` (a bug of the stage)",
                S::NAME,
                S::Output::NAME
            ))
        })?;
        Ok(out.into_notes())
    }
}
