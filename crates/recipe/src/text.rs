//! A recipe as it is written: strict TOML, every mistake told with its line and its path.
//!
//! There is no inheritance, no overriding and no templating: a variant is another file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Quantity;
use crate::mistake::{Part, line, parts, step_at};

/// A recipe, read but not yet checked against the stages that exist.
#[derive(Clone, Debug)]
pub struct Recipe {
    origin: String,
    folder: PathBuf,
    text: String,
    pub(crate) seed: u64,
    pub(crate) inputs: BTreeMap<String, InputText>,
    pub(crate) steps: Vec<StepText>,
}

/// `[inputs] NAME = { kind = "…", path = "…" }`; with `expected = { tokens = 3e12 }` it need not be
/// there to be planned with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputText {
    pub(crate) kind: String,
    pub(crate) path: Option<PathBuf>,
    pub(crate) expected: Option<Expected>,
}

/// What whoever wrote the recipe expects of something, by the names of [`Quantity`]: it takes the
/// place of an estimate of the same name. It is about costs and never enters a key.
pub(crate) type Expected = BTreeMap<String, f64>;

/// `[[step]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepText {
    pub(crate) name: String,
    pub(crate) stage: String,
    /// In place of the recipe's seed, for what several recipes share.
    pub(crate) seed: Option<u64>,
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, Names>,
    #[serde(default)]
    pub(crate) expected: Expected,
    #[serde(default, rename = "with")]
    _with: Unread,
}

/// A table of settings: the stage's to read, later.
#[derive(Clone, Debug, Default)]
struct Unread;

impl<'de> Deserialize<'de> for Unread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<String, IgnoredAny>::deserialize(deserializer).map(|_| Unread)
    }
}

/// `"a"` or `["a", "b"]`.
#[derive(Clone, Debug)]
pub(crate) enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    pub(crate) fn list(&self) -> &[String] {
        match self {
            Names::One(one) => std::slice::from_ref(one),
            Names::Many(many) => many,
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a step or input, or a list of names")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names::One(name.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Names::Many(names))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    seed: u64,
    #[serde(default)]
    inputs: BTreeMap<String, InputText>,
    #[serde(default)]
    step: Vec<StepText>,
}

impl Recipe {
    /// Reads a recipe file. Paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Recipe> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the recipe {}", path.display()))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| anyhow!("the recipe {} is not UTF-8 text", path.display()))?;
        Recipe::parse(&text, &path.display().to_string())
    }

    /// Reads a recipe from text. `origin` is the path it came from, or would have come
    /// from: errors name it.
    pub fn parse(text: &str, origin: &str) -> Result<Recipe> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(text, span.start));
            anyhow!("{origin}:{line}: not valid TOML: {}", error.message())
        })?;
        let mut recipe = Recipe {
            origin: origin.to_string(),
            folder: Path::new(origin)
                .parent()
                .map_or(PathBuf::new(), Path::to_path_buf),
            text: text.to_string(),
            seed: 0,
            inputs: BTreeMap::new(),
            steps: Vec::new(),
        };
        let deserializer = toml::de::Deserializer::from(Spanned::new(0..0, recipe.table()));
        let whole: Whole = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let message = error.inner().message().trim().to_string();
            recipe.mistake(&parts(error.path()), &message)
        })?;
        recipe.seed = whole.seed;
        recipe.inputs = whole.inputs;
        recipe.steps = whole.step;
        recipe.check_names()?;
        recipe.check_expected()?;
        Ok(recipe)
    }

    /// The recipe's name: that of its file, without the ending.
    pub fn name(&self) -> &str {
        let path = Path::new(&self.origin);
        path.file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or("recipe")
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its inputs from outside, with their kinds and default paths.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &str, Option<PathBuf>)> {
        self.inputs
            .iter()
            .map(|(name, input)| (name.as_str(), input.kind.as_str(), self.default_path(input)))
    }

    /// The path that an input has where none is bound, seen from the current folder.
    pub(crate) fn default_path(&self, input: &InputText) -> Option<PathBuf> {
        input.path.as_ref().map(|path| self.folder.join(path))
    }

    /// The settings of a step, as they stand in the text.
    pub(crate) fn settings(&self, step: usize) -> DeTable<'_> {
        let table = self.table();
        let with = step_at(&table, step).and_then(|step| step.get("with"));
        match with.map(Spanned::get_ref) {
            Some(DeValue::Table(with)) => with.clone(),
            _ => DeTable::new(),
        }
    }

    /// The text as a table that knows where everything stands. It borrows from the text,
    /// so it is parsed again wherever it is needed; that is seldom.
    pub(crate) fn table(&self) -> DeTable<'_> {
        DeTable::parse(&self.text).map_or_else(|_| DeTable::new(), Spanned::into_inner)
    }

    fn check_names(&self) -> Result<()> {
        let inputs = self
            .inputs
            .keys()
            .map(|name| (vec![Part::name("inputs"), Part::name(name)], name));
        let steps = self.steps.iter().enumerate().map(|(index, step)| {
            let path = vec![Part::name("step"), Part::Index(index), Part::name("name")];
            (path, &step.name)
        });
        let mut seen = BTreeSet::new();
        for (path, name) in inputs.chain(steps) {
            if let Some(reason) = unfit(name) {
                return Err(self.mistake(&path, &format!("\"{name}\" cannot be a name: {reason}")));
            }
            if !seen.insert(name) {
                return Err(self.mistake(
                    &path,
                    &format!("two steps or inputs are called \"{name}\": give one another name"),
                ));
            }
        }
        if self.steps.is_empty() {
            return Err(anyhow!(
                "{}: the recipe has no steps: write at least one [[step]] with a name and a stage",
                self.origin
            ));
        }
        Ok(())
    }
}

impl Recipe {
    /// What the recipe expects: the step or input, and the name of the quantity.
    pub fn expected(&self) -> impl Iterator<Item = (&str, &str)> {
        let inputs = self.inputs.iter().flat_map(|(name, input)| {
            let keys = input.expected.iter().flat_map(Expected::keys);
            keys.map(move |key| (name.as_str(), key.as_str()))
        });
        let steps = self.steps.iter().flat_map(|step| {
            let keys = step.expected.keys();
            keys.map(move |key| (step.name.as_str(), key.as_str()))
        });
        inputs.chain(steps)
    }

    /// What is expected is a count, of whatever it is.
    fn check_expected(&self) -> Result<()> {
        let inputs = self.inputs.iter().map(|(name, input)| {
            let path = vec![Part::name("inputs"), Part::name(name)];
            (path, input.expected.iter().flatten().collect::<Vec<_>>())
        });
        let steps = self.steps.iter().enumerate().map(|(index, step)| {
            let path = vec![Part::name("step"), Part::Index(index)];
            (path, step.expected.iter().collect())
        });
        for (mut path, expected) in inputs.chain(steps) {
            if let Some((what, value)) = expected
                .into_iter()
                .find(|(_, value)| !value.is_finite() || **value < 0.0)
            {
                path.extend([Part::name("expected"), Part::name(what)]);
                let message = format!("wanted a number from 0, and found {value}");
                return Err(self.mistake(&path, &message));
            }
        }
        Ok(())
    }
}

/// The quantities that are expected, as estimates are given.
pub(crate) fn quantities(expected: &Expected) -> impl Iterator<Item = Quantity> + '_ {
    expected
        .iter()
        .map(|(name, value)| Quantity::new(name, *value))
}

/// Why a name cannot be that of a folder on any file system, or of a step.
fn unfit(name: &str) -> Option<&'static str> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 120 {
        Some("it is longer than 120 bytes")
    } else if !name.chars().all(fine) {
        Some("it may have letters of any script, digits, `-`, `_` and `.`, nothing else")
    } else if name.starts_with(['.', '-']) {
        Some("it begins with a dot or a dash")
    } else {
        None
    }
}
