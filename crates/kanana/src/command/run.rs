//! `kanana run`: makes everything that a recipe lacks.

use super::Chosen;
use super::remote::Remote;
use crate::device::Machine;
use crate::extractor::Extractors;
use crate::kinds;
use crate::terminal::{self, TensorBoard};
use anyhow::{Context as _, Result};
use clap::Args;
use recipe::{About, Cancel, Cancelled, Plan, Reporter, Resources, Store};
use remote::Access;
use std::path::PathBuf;

/// Run a recipe.
#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    chosen: Chosen,
    /// One JSON object a line on standard output instead of words
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
    /// Write TensorBoard event files below this folder, one run a step
    #[arg(long, value_name = "FOLDER")]
    tensorboard: Option<PathBuf>,
}

impl Run {
    pub(crate) fn run(self, machine: Machine) -> Result<()> {
        let (plan, store) = self.chosen.plan()?;
        let access = self.remote.access()?;
        let mut reporter = terminal::reporter(self.json);
        if let Some(folder) = &self.tensorboard {
            reporter = Box::new(TensorBoard::new(reporter, folder));
        }
        make(&plan, &store, reporter, machine, access)?;
        if !self.json {
            pages(&plan)?;
        }
        Ok(())
    }
}

/// Makes what a plan lacks, until it is done or someone presses Ctrl-C.
pub(super) fn make(
    plan: &Plan,
    store: &Store,
    mut reporter: Box<dyn Reporter>,
    machine: Machine,
    access: Access,
) -> Result<()> {
    let cancel = stoppable()?;
    let resources = resources(cancel, machine, access);
    match recipe::run(plan, store, &mut *reporter, &resources) {
        Err(error) if error.is::<Cancelled>() => {
            Err(error.context("stopped; the same command goes on from here"))
        }
        other => other,
    }
}

/// A flag that Ctrl-C raises. The second Ctrl-C ends the process where it stands; the store survives that too.
pub(super) fn stoppable() -> Result<Cancel> {
    let cancel = Cancel::new();
    let asked = cancel.clone();
    ctrlc::set_handler(move || {
        if asked.is_cancelled() {
            std::process::exit(130);
        }
        asked.cancel();
        terminal::note("\nstopping where the run can go on; press Ctrl-C again to stop at once");
    })?;
    Ok(cancel)
}

/// What the binary hands to stages.
pub(super) fn resources(cancel: Cancel, machine: Machine, access: Access) -> Resources {
    let mut resources = Resources::new();
    resources.cancel = cancel;
    resources.about = About {
        code: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine.describe().into(),
        command: command_line(),
    };
    resources.with(machine).with(access).with(Extractors)
}

/// What was typed, for provenance.
fn command_line() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}

/// Prints the pages of a finished run, and where to open them.
fn pages(plan: &Plan) -> Result<()> {
    for step in plan.steps() {
        let Some([page, text]) = kinds::pictures(&step.kind) else {
            continue;
        };
        let text = step.path.join(text);
        terminal::say(
            &std::fs::read_to_string(&text)
                .with_context(|| format!("cannot read {}", text.display()))?,
        );
        terminal::note(&format!(
            "The page, with pictures: {}",
            step.path.join(page).display()
        ));
    }
    Ok(())
}
