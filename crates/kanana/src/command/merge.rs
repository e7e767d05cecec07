//! `kanana merge`: reads mergekit's file, writes the recipe that it stands for, and runs that.
//!
//! What is made is what the recipe says; the folder that is asked for gets the merged model and the
//! recipe. The weights there are the store's own files under a second name.

mod mergekit;
mod recipe_text;

use super::Where;
use crate::device::Machine;
use crate::kinds::Model;
use crate::{stages, terminal};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use disk::Lock;
use recipe::{Bindings, Kind as _, Manifest, Plan, Recipe};
use std::path::{Path, PathBuf};

/// The recipe beside a merged model.
const RECIPE: &str = "merge.toml";
/// Files below this many bytes are copied, so that editing one leaves the store's alone.
const SMALL: u64 = 64 << 20;
/// The ending of the lock beside a folder that is being written.
const LOCK: &str = ".lock";

/// Merge models by mergekit's configuration file.
#[derive(Args)]
pub(crate) struct Merge {
    /// mergekit's YAML, with models as local directories
    config: PathBuf,
    /// The folder to write the merged model and its recipe into
    out: PathBuf,
    /// Seed of DARE's masks
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only write the recipe, and do not run it
    #[arg(long)]
    recipe_only: bool,
    /// One JSON object a line on standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: Where,
}

impl Merge {
    pub(crate) fn run(self, machine: Machine) -> Result<()> {
        let (config, folders) = mergekit::read(&self.config)?;
        let text = recipe_text::write(&self.config, self.seed, &config, &folders)?;
        let out = std::path::absolute(&self.out)
            .with_context(|| format!("cannot write to {}", self.out.display()))?;
        let empty =
            std::fs::read_dir(&out).map_or(!out.exists(), |mut files| files.next().is_none());
        ensure!(
            empty,
            "{} is there and not an empty folder: choose another, or remove it first",
            out.display()
        );
        let recipe = Recipe::parse(&text, &out.join(RECIPE).display().to_string())?;
        let store = self.store.open()?;
        let plan = Plan::new(&recipe, &stages::registry(), &Bindings::new(), &store)?;
        let step = plan.steps().first().context("the recipe has one step")?;
        let (pending, lock) = begin(&out)?;
        disk::write(&pending.join(RECIPE), text.as_bytes())?;
        if !self.recipe_only {
            let reporter = terminal::reporter(self.json);
            super::run::make(&plan, &store, reporter, machine, remote::Access::default())?;
            let manifest = Manifest::read(&step.path)?;
            for file in &manifest.files {
                let (from, to) = (step.path.join(&file.name), pending.join(&file.name));
                if let Some(folder) = to.parent() {
                    disk::create_dir(folder)?;
                }
                if file.bytes < SMALL {
                    let bytes = std::fs::read(&from)
                        .with_context(|| format!("cannot read {}", from.display()))?;
                    disk::write(&to, &bytes)?;
                } else {
                    disk::link(&from, &to)?;
                }
            }
            Model::check(&pending)?;
        }
        // An empty folder stands in the way of the finished one; one that has been filled meanwhile
        // is somebody's work.
        disk::remove_empty_dir(&out)
            .with_context(|| format!("what was made is whole, in {}", pending.display()))?;
        disk::rename(&pending, &out)?;
        lock.remove()?;
        if !self.json {
            let what = if self.recipe_only {
                RECIPE
            } else {
                "the merged model and its recipe"
            };
            terminal::note(&format!("{} has {what}", self.out.display()));
        }
        Ok(())
    }
}

/// The folder that is filled before it gets its name, empty, and the lock that keeps others off it.
fn begin(out: &Path) -> Result<(PathBuf, Lock)> {
    if let Some(folder) = out.parent() {
        disk::create_dir(folder)?;
    }
    let lock = super::held(out, &beside(out, LOCK), ", or choose another folder")?;
    let pending = beside(out, disk::PENDING);
    ensure!(
        is_ours(&pending),
        "{} is there, where {} would be filled, and no merge has begun it: choose another folder, or \
         remove that one first",
        pending.display(),
        out.display()
    );
    disk::remove_dir(&pending)?;
    disk::create_dir(&pending)?;
    Ok((pending, lock))
}

/// What lies beside the folder under its name and an ending.
fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut name = out.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// Whether a merge that ended early left this folder, or nothing is there: the recipe comes first.
fn is_ours(pending: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(pending) else {
        return !pending.exists();
    };
    let mut names = files.flatten().map(|file| file.file_name()).peekable();
    names.peek().is_none() || names.any(|name| name.to_string_lossy().starts_with(RECIPE))
}
