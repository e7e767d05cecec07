//! Tasks meet models: what is wanted of whom, who answers, and what is written of it.
//!
//! The stage `evaluate` and the command `kanana eval` go through here, so that both ask the same and
//! write the same. Tasks know no model and models know no task; a respondent ([`local`], [`remote`])
//! stands between them.

pub(crate) mod local;
pub(crate) mod overlap;
pub(crate) mod remote;
pub(crate) mod room;
pub(crate) mod sheet;
mod write;

pub(crate) use write::{COLUMNS, PAGE, write};

use anyhow::{Context as _, Result, bail, ensure};
use evals::{
    Cache, Draw, Given, Kind, Outcome, Protocol, Respondent, RunAbout, Saved, Settings, Setup,
    Task, Watch,
};
use recipe::did_you_mean;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file of answers beside results, that an interrupted evaluation goes on from.
pub(crate) const ANSWERS: &str = "answers.jsonl";

/// What is to be evaluated, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Names of tasks, or TOML files of one's own below the data folder (or absolute).
    pub(crate) tasks: Vec<String>,
    /// Examples before the question; the protocol's number where nothing is said.
    pub(crate) shots: Option<usize>,
    /// The first questions of each group, so many.
    pub(crate) limit: Option<usize>,
    /// Answers drawn for each question.
    pub(crate) draws: usize,
    /// The temperature of what is drawn; the task's own where nothing is said.
    pub(crate) temperature: Option<f32>,
}

impl Wanted {
    /// Whether it makes sense, before anything is read.
    pub(crate) fn check(&self) -> Result<()> {
        for name in &self.tasks {
            kind(name)?;
        }
        let twice = (1..self.tasks.len()).find(|at| self.tasks[..*at].contains(&self.tasks[*at]));
        if let Some(at) = twice {
            bail!("the task {} is named twice", self.tasks[at]);
        }
        ensure!(
            self.limit != Some(0),
            "a limit of 0 leaves no questions; leave it out to ask them all"
        );
        ensure!(
            self.draws > 0,
            "0 answers to a question are none: wanted 1 or more"
        );
        let temperature = self.temperature.unwrap_or(1.0);
        ensure!(
            temperature.is_finite() && temperature >= 0.0,
            "the temperature is {temperature}: wanted 0 (always the most likely token) or more"
        );
        // Tasks that draw several have a temperature of their own.
        ensure!(
            self.draws == 1 || temperature > 0.0,
            "{} answers to each question are wanted, and at temperature 0 all of them are the same: \
             give a temperature, 0.8 is usual",
            self.draws
        );
        Ok(())
    }

    /// How tasks are run.
    fn settings(&self, votes: usize) -> Settings {
        Settings {
            limit: self.limit,
            temperature: self.temperature,
            batch: None,
            votes: voted(votes),
        }
    }

    /// The tasks, ready to ask.
    ///
    /// # Errors
    /// An unknown task, a data folder or a file in it that is missing, two tasks that would be written to one place.
    pub(crate) fn open(&self, data: &Path, protocol: Protocol) -> Result<Vec<Box<dyn Task>>> {
        let setup = Setup {
            data: data.to_owned(),
            protocol,
            shots: self.shots,
            samples: self.draws,
        };
        let tasks = self.tasks.iter().map(|name| open(name, &setup));
        let tasks: Vec<Box<dyn Task>> = tasks.collect::<Result<_>>()?;
        self.told_apart(&tasks)?;
        Ok(tasks)
    }

    /// Whether what is written of each task has a place of its own: figures and samples lie under a task's name.
    fn told_apart(&self, tasks: &[Box<dyn Task>]) -> Result<()> {
        let name = |at: usize| tasks[at].about().name.as_str();
        let place = |at: usize| Saved::samples_file(name(at));
        for at in 1..tasks.len() {
            let Some(before) = (0..at).find(|before| place(*before) == place(at)) else {
                continue;
            };
            bail!(
                "the tasks {} and {} have the names {:?} and {:?}, and what comes of a task is kept under its name: \
                 the results of one would be lost. Give one of them another `name`, or evaluate them apart",
                self.tasks[before],
                self.tasks[at],
                name(before),
                name(at)
            );
        }
        Ok(())
    }
}

/// How a judge's votes are drawn: one is its best; several would all be that one.
pub(crate) fn voted(votes: usize) -> Draw {
    Draw {
        samples: votes,
        temperature: if votes > 1 { 0.7 } else { 0.0 },
        ..Draw::default()
    }
}

/// The task of this name on the shelf; `None` for a TOML file, which is a task of one's own.
pub(crate) fn kind(name: &str) -> Result<Option<&'static Kind>> {
    if name.ends_with(".toml") {
        return Ok(None);
    }
    if let Some(kind) = evals::tasks::find(name) {
        return Ok(Some(kind));
    }
    let names = evals::tasks::KINDS.iter().copied().flatten();
    let near = did_you_mean(name, names.map(|kind| kind.name));
    bail!("there is no task {name:?}{near}; `kanana evals` lists them")
}

/// What a task lacks below the data folder.
pub(crate) fn missing(kind: &Kind, data: &Path) -> Vec<&'static str> {
    let lacks = |name: &&str| !data.join(name).exists();
    kind.needs.iter().copied().filter(lacks).collect()
}

fn open(name: &str, setup: &Setup) -> Result<Box<dyn Task>> {
    let data = &setup.data;
    let Some(kind) = kind(name)? else {
        return evals::tasks::own::open(&data.join(name), setup);
    };
    ensure!(
        kind.needs.is_empty() || data.is_dir(),
        "the folder of benchmarks {} is not there: wanted one with a folder for each benchmark in its \
         original format; `kanana evals` says what each task needs",
        data.display()
    );
    let missing = missing(kind, data);
    ensure!(
        missing.is_empty(),
        "the task {name} needs {} in {}, and {} not there: benchmarks are not shipped, so {} (`kanana evals` \
         says where it is to be had)",
        kind.needs.join(" and "),
        data.display(),
        match missing.len() {
            1 => format!("{} is", missing[0]),
            _ => format!("{} are", missing.join(" and ")),
        },
        match evals::sources::Source::named(name).is_empty() {
            true => "put it there in the original format".to_owned(),
            false => format!("`kanana evals pull {name}`, or put it there in the original format"),
        },
    );
    (kind.open)(setup).with_context(|| format!("the task {name} cannot be asked"))
}

/// Who judges, and how often for each answer.
pub(crate) struct Judge<'a> {
    pub(crate) respondent: &'a mut dyn Respondent,
    pub(crate) votes: usize,
}

/// Who answers.
pub(crate) enum Who<'a> {
    Asked(&'a mut dyn Respondent),
    /// Answers that are there already.
    Given(&'a Given),
}

/// Runs the tasks one after the other.
pub(crate) fn examine(
    wanted: &Wanted,
    tasks: &[Box<dyn Task>],
    who: Who<'_>,
    judge: Option<Judge<'_>>,
    cache: &mut Cache,
    watch: &mut dyn Watch,
) -> Result<Vec<Outcome>> {
    examine_each(wanted, tasks, who, judge, cache, watch, &mut |_| Ok(()))
}

/// The same; `look` sees what came of each task before the next one is asked, and its error ends the work.
pub(crate) fn examine_each(
    wanted: &Wanted,
    tasks: &[Box<dyn Task>],
    mut who: Who<'_>,
    mut judge: Option<Judge<'_>>,
    cache: &mut Cache,
    watch: &mut dyn Watch,
    look: &mut dyn FnMut(&Outcome) -> Result<()>,
) -> Result<Vec<Outcome>> {
    let settings = wanted.settings(judge.as_ref().map_or(1, |judge| judge.votes));
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        // Reborrowed for each task.
        let judge: Option<&mut dyn Respondent> = match &mut judge {
            Some(judge) => Some(&mut *judge.respondent),
            None => None,
        };
        let outcome = match &mut who {
            Who::Asked(respondent) => {
                evals::run(&**task, &mut **respondent, judge, cache, &settings, watch)
            }
            Who::Given(given) => {
                let alone = tasks.len() == 1;
                given.outcome(&**task, alone, judge, cache, &settings, watch)
            }
        };
        let outcome = outcome?;
        look(&outcome)?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Whether the judge said anything, where there is one and its verdicts were wanted.
///
/// # Errors
/// No verdict at all came.
pub(crate) fn judged(outcome: &Outcome) -> Result<()> {
    let Some(judge) = &outcome.judge else {
        return Ok(());
    };
    let verdicts = outcome.questions.iter().flat_map(|one| &one.judged);
    if let Some(why) = evals::judge::silent(verdicts) {
        bail!(
            "the judge {judge} gave no verdict at all on {}, and no results were written; the first is missing \
             because: {why}. Mend it: what was answered is kept, and another attempt asks for the verdicts again",
            outcome.about.name
        );
    }
    Ok(())
}

/// What the results say of the run.
pub(crate) fn about(
    wanted: &Wanted,
    model: &str,
    protocol: Protocol,
    identity: String,
    judge: Option<String>,
) -> RunAbout {
    RunAbout {
        model: model.to_owned(),
        identity,
        tokenizer: None,
        chat_template: None,
        protocol,
        limit: wanted.limit,
        samples: wanted.draws,
        temperature: wanted.temperature,
        max_tokens: None,
        judge,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

#[cfg(test)]
mod tests;
