//! `kanana experiment`: every arm with every seed, then one page with intervals and a verdict.
//!
//! An experiment is a file (`lab::Experiment`); each arm with each seed is a recipe, planned and run like any
//! other, so that shared steps are made once, a stopped run goes on and a second one is free. Budgets are counted by
//! the cost model of `kanana cost` before anything runs; arms that disagree are refused.

mod design;
mod draw;
mod jobs;
mod measure;

use super::Where;
use super::remote::Remote;
use crate::device::Machine;
use crate::terminal;
use anyhow::{Context as _, Result};
use clap::Args;
use design::Design;
use lab::Experiment;
use page::terminal::Ink;
use recipe::Bindings;
use std::path::PathBuf;

/// Columns of what is printed.
const COLUMNS: usize = 140;

/// Run an experiment.
#[derive(Args)]
pub(crate) struct ExperimentCommand {
    /// An experiment file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A file or folder for an input that the experiment names; may be given several times
    #[arg(long = "input", value_name = "NAME=PATH")]
    inputs: Vec<String>,
    #[command(flatten)]
    store: Where,
    /// Say what would run, what it costs and how long it takes here, and run nothing
    #[arg(long)]
    plan: bool,
    /// Recipes to run at once, each with its share of the threads [default: one for every two threads, at least two]
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=256))]
    jobs: Option<usize>,
    /// The folder for the page, the findings and each arm's recipe [default: STORE/experiments/NAME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write the findings here as well (`kanana claims` reads them)
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl ExperimentCommand {
    pub(crate) fn run(self, machine: Machine) -> Result<()> {
        let experiment = Experiment::read(&self.file)?;
        let bindings = Bindings::parse(self.inputs.iter().map(String::as_str))?;
        let store = self.store.open()?;
        let design = Design::new(&experiment, &bindings, &store)?;
        if self.plan {
            return self.say_plan(&design, &machine);
        }
        design.check_budget()?;
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| store.root().join("experiments").join(experiment.name()));
        design.write_recipes(&out)?;
        let threads = machine.threads();
        let jobs = self.jobs.unwrap_or(threads.div_ceil(2).max(2.min(threads)));
        jobs::make(&design, &store, jobs, &machine, &self.remote.access()?)?;

        let findings = measure::findings(&design, &store)?;
        let written = serde_json::to_string_pretty(&findings)? + "\n";
        let write = |path: PathBuf, text: &str| -> Result<()> {
            if let Some(folder) = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                disk::create_dir(folder)?;
            }
            disk::write(&path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))
        };
        let page = draw::page(&findings);
        let html = out.join("report.html");
        write(html.clone(), &page.finish())?;
        write(out.join("report.txt"), &page.terminal(COLUMNS, Ink::Plain))?;
        write(out.join("findings.json"), &written)?;
        if let Some(path) = &self.findings {
            write(path.clone(), &written)?;
        }
        if self.json {
            return terminal::json(&findings);
        }
        terminal::say(page.terminal(COLUMNS, Ink::Plain).trim_end());
        terminal::note(&format!("The page, with pictures: {}", html.display()));
        Ok(())
    }

    fn say_plan(&self, design: &Design<'_>, machine: &Machine) -> Result<()> {
        let speed = machine.training_flops_per_second()?;
        if self.json {
            design.check_budget()?;
            return terminal::json(&design.plan_in_json(speed));
        }
        terminal::say(&page::terminal::table(&design.table(), COLUMNS, Ink::Plain));
        terminal::say(&design.left(speed, &machine.describe()));
        design.check_budget()
    }
}
