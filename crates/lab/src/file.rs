//! An experiment as it is written: strict TOML, and each arm with each seed as a recipe.
//!
//! ```toml
//! question = "Do two stages teach more than one?"
//! report = "…"                       # what the report says, and where
//! seeds = [1, 2, 3, 4, 5]
//! budget = { equal = "flops" }       # what the arms must agree in
//! [[shared]]                         # steps made once, for all arms and seeds
//! [[step]]                           # steps of every arm, once a seed
//! [[arm]]                            # name, says, change.STEP.…, and steps of its own
//! [[outcome]]                        # name, step, file, at
//! [[contrast]]                       # of, against, outcomes, expect
//! ```

use crate::arm::named;
use crate::{Arm, Contrast, Outcome, Picture};
use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use toml::{Table, Value};

/// An experiment, checked as far as that needs no stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What is asked, in a sentence.
    pub question: String,
    /// What the report says, and where.
    #[serde(default)]
    pub report: String,
    /// What should be known when the figures are read.
    #[serde(default)]
    pub notes: String,
    /// One repetition each.
    pub seeds: Vec<u64>,
    /// What the arms must agree in.
    pub budget: Budget,
    #[serde(default)]
    inputs: Table,
    #[serde(default)]
    shared: Vec<Table>,
    #[serde(default)]
    step: Vec<Table>,
    /// The arms.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
    /// What is measured.
    #[serde(rename = "outcome")]
    pub outcomes: Vec<Outcome>,
    /// What is compared.
    #[serde(default, rename = "contrast")]
    pub contrasts: Vec<Contrast>,
    /// Curves to draw.
    #[serde(default, rename = "picture")]
    pub pictures: Vec<Picture>,
    #[serde(skip)]
    origin: String,
    #[serde(skip)]
    text: String,
}

/// What the arms must agree in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What is counted.
    pub equal: Count,
    /// Whether teachers' forward passes are counted (the report leaves them out).
    #[serde(default)]
    pub teachers: bool,
    /// Steps that were paid for before: they are not counted.
    #[serde(default)]
    pub sunk: Vec<String>,
    /// By how much budgets may differ, as a share of the smallest.
    #[serde(default = "within")]
    pub within: f64,
}

/// Seeds that a file names lie below this; an arm of its own seed adds it as often as its place says.
const FAR: u64 = 1 << 32;

fn within() -> f64 {
    0.01
}

/// What is counted of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// FLOPs of training, every operation of the shapes.
    Flops,
    /// Tokens trained on.
    Tokens,
    /// Nothing: the arms differ in what they cost, and the page says how much.
    Nothing,
}

impl Experiment {
    /// Reads an experiment file.
    ///
    /// # Errors
    /// What is wrong, with the file and the place in it.
    pub fn read(path: &Path) -> Result<Experiment> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the experiment {}", path.display()))?;
        Experiment::parse(&text, &path.display().to_string())
    }

    /// Reads an experiment from text; errors name `origin`.
    ///
    /// # Errors
    /// What is wrong, with the place.
    pub fn parse(text: &str, origin: &str) -> Result<Experiment> {
        let read = toml::de::Deserializer::parse(text)
            .map_err(|error| anyhow!("{origin}: not valid TOML: {error}"))?;
        let mut experiment: Experiment =
            serde_path_to_error::deserialize(read).map_err(|error| {
                let place = error.path().to_string();
                anyhow!("{origin}: {place}: {}", error.inner().message().trim())
            })?;
        experiment.origin = origin.to_owned();
        experiment.text = text.to_owned();
        experiment
            .check()
            .with_context(|| format!("the experiment {origin} cannot be run"))?;
        Ok(experiment)
    }

    /// Its name: that of its file, without the ending.
    pub fn name(&self) -> &str {
        let stem = Path::new(&self.origin).file_stem();
        stem.and_then(|stem| stem.to_str()).unwrap_or("experiment")
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What it was read from, to the byte: the file may be another one when its arms are made, hours later.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// The outcome of this name.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.name == name)
    }

    /// An arm with a seed, as the recipe that it is. Shared steps keep the experiment's first seed, so that they
    /// are the same artifacts in every arm and with every seed.
    ///
    /// # Errors
    /// A change of a step that is not there, or that changes nothing.
    pub fn recipe(&self, arm: &Arm, seed: u64) -> Result<String> {
        let place = self.arms.iter().position(|one| one.name == arm.name);
        let far = match arm.own_seed {
            true => FAR * (place.unwrap_or(0) as u64 + 1),
            false => 0,
        };
        let mut all = self.shared.clone();
        for step in &mut all {
            let first = i64::try_from(self.seeds[0])?;
            step.entry("seed").or_insert(Value::Integer(first));
        }
        all.extend(self.step.iter().cloned());
        let steps = arm.steps(&all)?;
        let mut recipe = Table::new();
        recipe.insert(
            "seed".to_owned(),
            Value::Integer(i64::try_from(seed + far)?),
        );
        if !self.inputs.is_empty() {
            recipe.insert("inputs".to_owned(), Value::Table(self.rebased()?));
        }
        let steps = steps.into_iter().map(Value::Table).collect();
        recipe.insert("step".to_owned(), Value::Array(steps));
        let says = match arm.says.as_str() {
            "" => String::new(),
            says => format!(" {says}"),
        };
        let title = format!(
            "The arm \"{}\" of {} with seed {seed}.{says}",
            arm.name,
            self.name()
        );
        Ok(format!(
            "# {}\n{}",
            in_a_line(&title),
            toml::to_string(&recipe)?
        ))
    }

    /// The inputs that whoever runs it has to bring: those whose files are not named here.
    pub fn to_bring(&self) -> Vec<&str> {
        let open = |input: &&String| self.inputs[*input].get("path").is_none();
        self.inputs
            .keys()
            .filter(open)
            .map(String::as_str)
            .collect()
    }

    /// The inputs, their paths seen from anywhere: an arm's recipe lies in another folder than the experiment.
    fn rebased(&self) -> Result<Table> {
        let folder = Path::new(&self.origin).parent().unwrap_or(Path::new(""));
        let mut inputs = self.inputs.clone();
        let tables = inputs
            .iter_mut()
            .filter_map(|(_, input)| input.as_table_mut());
        for input in tables {
            if let Some(path) = input.get("path").and_then(Value::as_str) {
                let whole = std::path::absolute(folder.join(path))?;
                let whole = Value::String(whole.display().to_string());
                input.insert("path".to_owned(), whole);
            }
        }
        Ok(inputs)
    }

    /// The steps that an arm's outcomes are measured in, as far as the arm has them.
    ///
    /// # Errors
    /// As [`Experiment::recipe`].
    pub fn measured_in(&self, arm: &Arm) -> Result<Vec<String>> {
        let all: Vec<Table> = self.shared.iter().chain(&self.step).cloned().collect();
        let steps = arm.steps(&all)?;
        let there: BTreeSet<&str> = steps.iter().filter_map(named).collect();
        let wanted = self.outcomes.iter().flat_map(|outcome| {
            let whole = outcome.share_of.iter().map(|place| place.step.as_str());
            whole.chain([outcome.step.as_str()])
        });
        let wanted: BTreeSet<&str> = wanted.collect();
        let wanted = wanted.into_iter().filter(|step| there.contains(step));
        Ok(wanted.map(str::to_owned).collect())
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.seeds.len() >= 2,
            "`seeds` has {} of them: an interval needs at least two, better five",
            self.seeds.len()
        );
        let different: BTreeSet<_> = self.seeds.iter().collect();
        ensure!(
            different.len() == self.seeds.len(),
            "`seeds` names one seed twice"
        );
        ensure!(
            self.seeds.iter().all(|seed| *seed < FAR),
            "a seed is {}: wanted numbers below {FAR}, since arms of their own seed take those from there on",
            self.seeds.iter().max().copied().unwrap_or_default()
        );
        ensure!(
            self.budget.within.is_finite() && self.budget.within >= 0.0,
            "`budget.within` is {}: wanted a share from 0",
            self.budget.within
        );
        ensure!(!self.arms.is_empty(), "there is no [[arm]]");
        ensure!(
            !self.outcomes.is_empty(),
            "there is no [[outcome]]: what is to be measured?"
        );
        unique("arms", self.arms.iter().map(|arm| &arm.name))?;
        unique(
            "outcomes",
            self.outcomes.iter().map(|outcome| &outcome.name),
        )?;
        let mut measured = BTreeSet::new();
        for arm in &self.arms {
            let steps = self.measured_in(arm)?;
            ensure!(
                !steps.is_empty(),
                "the arm \"{}\" has none of the steps that outcomes are measured in",
                arm.name
            );
            measured.extend(steps);
        }
        for outcome in &self.outcomes {
            ensure!(
                measured.contains(&outcome.step),
                "the outcome \"{}\" is measured in the step \"{}\", which no arm has",
                outcome.name,
                outcome.step
            );
            ensure!(
                outcome.at.is_empty() == outcome.until.is_some(),
                "the outcome \"{}\" needs `at` (a place in {}) or `until` (a point of a curve), one of the two",
                outcome.name,
                outcome.file
            );
            if let Some(whole) = &outcome.share_of {
                ensure!(
                    outcome.until.is_none() && measured.contains(&whole.step),
                    "the outcome \"{}\" is to be a share of a number in the step \"{}\": that needs `at`, and a step \
                     that an arm has",
                    outcome.name,
                    whole.step
                );
            }
            if let Some(until) = &outcome.until {
                self.known_arm(&until.arm)?;
                let reached = self.known_outcome(&until.outcome)?;
                ensure!(
                    reached.until.is_none(),
                    "the outcome \"{}\" is to reach \"{}\", which is a way along a curve itself",
                    outcome.name,
                    until.outcome
                );
            }
        }
        for contrast in &self.contrasts {
            ensure!(
                contrast.of.len() == contrast.against.len() && !contrast.of.is_empty(),
                "a contrast takes arms pair by pair, so `of` and `against` must be equally long; they have {} and {}",
                contrast.of.len(),
                contrast.against.len()
            );
            ensure!(
                contrast.expect != Some(crate::Expected::Equal) || contrast.smallest.is_some(),
                "a contrast of {} expects equality: say with `smallest` from which difference on that would be wrong",
                contrast.of.join(", ")
            );
            for arm in contrast.of.iter().chain(&contrast.against) {
                self.known_arm(arm)?;
            }
            ensure!(
                !contrast.outcomes.is_empty(),
                "a contrast of {} names no outcomes",
                contrast.of.join(", ")
            );
            for outcome in &contrast.outcomes {
                self.known_outcome(outcome)?;
            }
        }
        for picture in &self.pictures {
            ensure!(
                measured.contains(&picture.step),
                "the picture \"{}\" is of the step \"{}\", in which no outcome is measured",
                picture.name,
                picture.step
            );
        }
        Ok(())
    }

    fn known_arm(&self, name: &str) -> Result<&Arm> {
        self.arm(name).ok_or_else(|| {
            let names: Vec<&str> = self.arms.iter().map(|arm| arm.name.as_str()).collect();
            anyhow!("there is no arm \"{name}\"; there are {}", names.join(", "))
        })
    }

    fn known_outcome(&self, name: &str) -> Result<&Outcome> {
        self.outcome(name).ok_or_else(|| {
            let names: Vec<&str> = self
                .outcomes
                .iter()
                .map(|outcome| outcome.name.as_str())
                .collect();
            anyhow!(
                "there is no outcome \"{name}\"; there are {}",
                names.join(", ")
            )
        })
    }
}

/// Words for a comment of TOML, which ends with its line and holds no control characters.
fn in_a_line(words: &str) -> String {
    let line: String = words
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    line.trim_end().to_owned()
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        ensure!(!name.is_empty(), "one of the {what} has an empty name");
        ensure!(seen.insert(name), "two {what} are called \"{name}\"");
    }
    Ok(())
}
