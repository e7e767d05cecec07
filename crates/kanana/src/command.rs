//! The command line: one file of `command/` for each word the user can type.
//!
//! Nothing here changes what an artifact is meant to contain; that is said in recipes.

mod card;
mod chat;
mod claims;
mod compare;
mod convert;
mod cost;
mod eval;
mod evals;
mod experiment;
mod fault;
mod filters;
mod gc;
mod generate;
mod inspect;
mod logits;
mod merge;
mod open;
mod plan;
mod pull;
mod remote;
mod run;
mod serve;
mod show;
mod stages;
mod verify;
mod why;
mod why_dropped;

use crate::device::Machine;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use disk::Lock;
use recipe::{Bindings, Plan, Recipe, Store};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Raw text in, a trained Korean–English language model out.
#[derive(Parser)]
#[command(
    name = "kanana",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Line {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    fault: fault::Fault,
}

#[derive(Subcommand)]
enum Command {
    /// Run a recipe: what is there is skipped, what was stopped goes on
    Run(run::Run),
    /// Say what a run would do: steps, tokens, FLOPs, memory, time
    Plan(plan::PlanCommand),
    /// Say where an artifact came from, back to raw files
    Why(why::Why),
    /// Say what became of documents on the way to an artifact, and why; what other limits would change
    WhyDropped(why_dropped::WhyDropped),
    /// Write the dataset card of a corpus: what is in it, under which licences, how it was made
    Card(card::CardCommand),
    /// Explain what documents are dropped for, with limits by language
    Filters(filters::Filters),
    /// Check that artifacts are still what their manifests say, byte for byte
    Verify(verify::Verify),
    /// Show an artifact: what it is, what it was made from, what it holds
    Show(show::Show),
    /// List the stages that a recipe can name, with settings and defaults
    Stages(stages::Stages),
    /// Free what no recipe needs (says what it would free; frees with --yes)
    Gc(gc::Gc),
    /// Fetch a model by its name from a hub
    Pull(pull::Pull),
    /// Talk with a model
    Chat(chat::Chat),
    /// Continue a text with a model
    Generate(generate::Generate),
    /// Serve a model over HTTP: the OpenAI interface, and a chat page
    Serve(serve::Serve),
    /// Merge models by mergekit's YAML, or say which recipe that is
    Merge(merge::Merge),
    /// Say what a recipe costs on named hardware: FLOPs, memory, hours, against from scratch
    Cost(cost::Cost),
    /// Run benchmarks on a model or a server (`kanana compare A B --tasks …` puts them to two models)
    Eval(Box<eval::Eval>),
    /// List the benchmarks that `eval` can run, with what they need and whether it is there
    Evals(evals::Evals),
    /// Run an experiment: every arm with every seed, then a page with intervals and a verdict
    Experiment(experiment::ExperimentCommand),
    /// Print the index of claims: what the report says, and what the experiments found
    Claims(claims::ClaimsCommand),
    /// Set two models, evaluations or artifacts side by side: how they were made, what they are, what they answer
    Compare(Box<compare::Compare>),
    /// Convert a model between a Hugging Face directory and a GGUF file
    Convert(convert::Convert),
    /// Say what a model is: shape, parameters, memory by context, tokenizer
    Inspect(inspect::Inspect),
    /// Write a model's logits for given token ids, to compare with other programs
    Logits(logits::Logits),
}

impl Line {
    pub(crate) fn run(self) -> Result<()> {
        let _armed = self.fault.arm()?;
        match self.command {
            Command::Run(command) => command.run(self.machine),
            Command::Plan(command) => command.run(&self.machine),
            Command::Why(command) => command.run(),
            Command::WhyDropped(command) => command.run(),
            Command::Card(command) => command.run(),
            Command::Filters(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Stages(command) => command.run(),
            Command::Gc(command) => command.run(),
            Command::Pull(command) => command.run(),
            Command::Chat(command) => command.run(&self.machine),
            Command::Generate(command) => command.run(&self.machine),
            Command::Serve(command) => command.run(&self.machine),
            Command::Merge(command) => command.run(self.machine),
            Command::Cost(command) => command.run(),
            Command::Eval(command) => command.run(&self.machine),
            Command::Evals(command) => command.run(),
            Command::Experiment(command) => command.run(self.machine),
            Command::Claims(command) => command.run(),
            Command::Compare(command) => command.run(&self.machine),
            Command::Convert(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Logits(command) => command.run(&self.machine),
        }
    }
}

/// Recipes inside the program, so that a fresh machine needs nothing else.
const EMBEDDED: [(&str, &str); 3] = [
    ("tiny", include_str!("../../../recipes/tiny.toml")),
    ("family", include_str!("../../../recipes/family.toml")),
    ("kanana", include_str!("../../../recipes/kanana.toml")),
];

/// A recipe, and what it is bound to.
#[derive(Args)]
pub(crate) struct Chosen {
    /// A recipe file, or the name of one inside the program (tiny, family, kanana)
    #[arg(default_value = "tiny")]
    recipe: String,
    /// A file or folder for an input that the recipe names; may be given several times
    #[arg(long = "input", value_name = "NAME=PATH")]
    inputs: Vec<String>,
    /// Only this step and what it needs; may be given several times
    #[arg(long = "only", value_name = "STEP")]
    only: Vec<String>,
    #[command(flatten)]
    store: Where,
}

/// Where artifacts are.
#[derive(Args, Clone)]
pub(crate) struct Where {
    /// The folder that holds the artifacts
    #[arg(long = "store", value_name = "FOLDER", default_value = "store")]
    folder: PathBuf,
}

impl Where {
    /// The store, created where nothing is there yet.
    pub(crate) fn open(&self) -> Result<Store> {
        Store::open(&self.folder)
    }

    /// The store, which must be there.
    pub(crate) fn existing(&self) -> Result<Store> {
        Store::existing(&self.folder)
    }
}

/// The time, for people to be told how long something took; nothing that is kept is made of it.
fn now() -> Instant {
    #[allow(clippy::disallowed_methods)]
    Instant::now()
}

/// Takes the lock of a folder that is written into; `otherwise` is what can be done but wait.
///
/// # Errors
/// Another run that holds it.
fn held(folder: &Path, lock: &Path, otherwise: &str) -> Result<Lock> {
    match Lock::try_new(lock)? {
        Some(held) => Ok(held),
        None => bail!(
            "{} is being written by {}: wait for it{otherwise}",
            folder.display(),
            Lock::holder(lock)
        ),
    }
}

/// A recipe by its path, or by its name inside the program.
pub(crate) fn read_recipe(word: &str) -> Result<Recipe> {
    // Before files: a folder easily holds one that is called as this program is.
    if let Some((name, text)) = EMBEDDED.iter().find(|(name, _)| *name == word) {
        return Recipe::parse(text, &format!("{name}.toml"));
    }
    let path = Path::new(word);
    if path.is_file() {
        return Recipe::read(path);
    }
    let names: Vec<_> = EMBEDDED.iter().map(|(name, _)| *name).collect();
    bail!(
        "there is no recipe file {word:?}; inside the program there are {}",
        names.join(", ")
    )
}

impl Chosen {
    /// The plan, and the store it was made for.
    pub(crate) fn plan(&self) -> Result<(Plan, Store)> {
        let recipe = read_recipe(&self.recipe)?;
        let bindings = Bindings::parse(self.inputs.iter().map(String::as_str))?;
        let store = self.store.open()?;
        let registry = crate::stages::registry();
        let mut plan = Plan::new(&recipe, &registry, &bindings, &store)?;
        if !self.only.is_empty() {
            plan = plan.only(&self.only.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok((plan, store))
    }
}

/// The folder of a model: a Hugging Face directory, a model that was pulled by its name, or a model of
/// the store by its name.
pub(crate) fn model_folder(word: &str, place: &Where) -> Result<PathBuf> {
    let path = Path::new(word);
    if path.join("config.json").is_file() {
        return Ok(path.to_owned());
    }
    if path.is_dir() {
        bail!("{word} is a folder without config.json: wanted a Hugging Face model directory");
    }
    // A name in the store is one word, a name on a hub is two: what both could mean is the store's.
    let store = place.existing();
    if let Some(found) = store.as_ref().ok().and_then(|store| store.find(word).ok()) {
        return Ok(found.path);
    }
    if let Some(folder) = pull::pulled(word)? {
        return Ok(folder);
    }
    if hub::Name::parse(word).is_ok_and(|name| name.has_organisation()) {
        bail!(
            "{word:?} is no model directory here and was not pulled: `kanana pull {word}` fetches it"
        );
    }
    let store = store.with_context(|| {
        format!("{word:?} is no model directory, and there is no store to look in")
    })?;
    Ok(store.find(word)?.path)
}
