//! `kanana run`: makes everything that a recipe lacks.

use super::Chosen;
use super::remote::Remote;
use crate::device::Machine;
use crate::extractor::Extractors;
use crate::kinds;
use crate::terminal::{self, TensorBoard};
use anyhow::{Context as _, Result};
use clap::Args;
use recipe::{About, Cancel, Cancelled, Kind as _, Plan, Reporter, Resources, Store};
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
    let cancel = Cancel::new();
    let asked = cancel.clone();
    // The second Ctrl-C ends the process where it stands; the store survives that too.
    ctrlc::set_handler(move || {
        if asked.is_cancelled() {
            std::process::exit(130);
        }
        asked.cancel();
        terminal::note("\nstopping where the run can go on; press Ctrl-C again to stop at once");
    })?;
    let mut resources = Resources::new();
    resources.cancel = cancel;
    resources.about = About {
        code: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine.describe().into(),
        command: command_line(),
    };
    let resources = resources.with(machine).with(access).with(Extractors);
    match recipe::run(plan, store, &mut *reporter, &resources) {
        Err(error) if error.is::<Cancelled>() => {
            Err(error.context("stopped; the same command goes on from here"))
        }
        other => other,
    }
}

/// What was typed, for provenance.
fn command_line() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}

/// Prints the pages of a finished run, and where to open them.
fn pages(plan: &Plan) -> Result<()> {
    for step in plan
        .steps()
        .iter()
        .filter(|step| step.kind == kinds::Page::NAME)
    {
        let text = step.path.join(kinds::Page::TEXT);
        terminal::say(
            &std::fs::read_to_string(&text)
                .with_context(|| format!("cannot read {}", text.display()))?,
        );
        terminal::note(&format!(
            "The page, with pictures: {}",
            step.path.join(kinds::Page::FILE).display()
        ));
    }
    Ok(())
}
