//! `kanana eval`: benchmarks on a model of this machine, or on one behind a server.
//!
//! Answers are kept beside the results as they come, so that an evaluation that was stopped goes on and
//! one that is repeated is free; beside them lies the one-step recipe that the command stands for, or why
//! it cannot be one. Answers that were made elsewhere are scored with `--answers`.

pub(super) mod compare;
mod folder;
mod judge_pairs;
mod kept;
mod recipe_text;
mod servers;

use super::Where;
use super::compare::Asked;
use super::open::{Opened, Weights, locate, open};
use crate::device::Machine;
use crate::environment;
use crate::evaluation::local::{Local, identify, no_template, own_template, precision_name};
use crate::evaluation::remote::Remote;
use crate::evaluation::{self, Judge, Wanted, Who};
use crate::terminal::{self, Questions};
use ::chat::Template;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use disk::Lock;
use evals::{Cache, Given, Protocol, Respondent as _, RunAbout, Stopped, Task};
use folder::{alone, known};
use kept::{Count, Kept};
use model::gguf::{Gguf, is_gguf};
use page::terminal::Ink;
use remote::Endpoint;
use servers::{Judging, Server};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tensor::Precision;

/// Where benchmarks are looked for where nothing is said.
pub(super) const DATA: &str = "benchmarks";

/// Run benchmarks.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "A line of --answers FILE is one answer: {\"task\": \"kmmlu\", \"id\": \"Law/0\", …} with \
    \"likelihoods\" (ln p of each option, in their order) where a task chooses, else \"answer\" (what was said), \
    \"completion\" (what goes on from the prompt) or \"solution\" (a whole program); a list is several samples. \
    Questions are named as in samples_<task>.jsonl. Questions without a line count as wrong; both they and \
    answers beyond --samples are counted."
)]
pub(crate) struct Eval {
    #[command(subcommand)]
    action: Option<Action>,
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, of a model in the store, or,
    /// with --server, of a model there; with --answers whatever name the results shall bear
    #[arg(required = true)]
    model: Option<String>,
    /// Tasks, with commas between them (`kanana evals` lists them), or TOML files of your own
    #[arg(long, value_name = "TASKS", value_delimiter = ',', required = true)]
    tasks: Vec<String>,
    /// The folder that holds a folder for each benchmark, in its original format
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    data: PathBuf,
    /// How questions are put: base (few-shot, log-likelihoods) or instruct (through the chat template)
    /// [default: instruct where the model has a chat template]
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    protocol: Option<Protocol>,
    /// Examples before each question [default: the protocol's number]
    #[arg(long, value_name = "N")]
    shots: Option<usize>,
    /// Only the first N questions of each subject
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Answers drawn for each question, for pass@k
    #[arg(long, value_name = "K", default_value_t = 1)]
    samples: usize,
    /// The temperature they are drawn at [default: the task's own]
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Tokens that each answer in words may have [default: as many as the task gives it]
    #[arg(long, value_name = "N",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    max_tokens: Option<usize>,
    /// The folder of a corpus that `decontaminate` made: says beside each score whether the training
    /// data held its questions
    #[arg(long, value_name = "FOLDER")]
    overlap: Option<PathBuf>,
    /// Score the answers in this file instead of asking anybody: JSON lines with `task`, `id` and
    /// `answer`, `completion`, `solution` or `likelihoods`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "precision", "temperature", "max_tokens"])]
    answers: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    judging: Judging,
    /// The folder to write results, answers and the page into [default: evaluation-MODEL]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// What products read: f32, or bf16
    #[arg(long, value_name = "PRECISION", value_parser = super::generate::precision, default_value = "bf16")]
    precision: Precision,
    #[command(flatten)]
    store: Where,
}

#[derive(Subcommand)]
enum Action {
    /// Say whether one of two evaluated models is better, question by question
    Compare(compare::Compare),
    /// Have a judge compare the answers of two evaluated models, side by side
    JudgePairs(Box<judge_pairs::JudgePairs>),
}

/// `base` or `instruct`.
pub(super) fn protocol(word: &str) -> Result<Protocol, String> {
    match word {
        "base" => Ok(Protocol::Base),
        "instruct" => Ok(Protocol::Instruct),
        _ => Err("wanted base or instruct".to_owned()),
    }
}

/// The word for it.
fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Base => "base",
        Protocol::Instruct => "instruct",
    }
}

impl Eval {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        match self.action {
            Some(Action::Compare(compare)) => return compare.run(),
            Some(Action::JudgePairs(pairs)) => return pairs.run(),
            None => {}
        }
        let (out, about, outcomes) = self.evaluate(machine, &cancelled_by_hand()?)?;
        if self.json {
            return terminal::json(&evals::results(&about, &outcomes));
        }
        let page = evaluation::sheet::brief(&about, &outcomes, environment::language());
        let width = evaluation::COLUMNS;
        terminal::say(page.terminal(width, Ink::Plain).trim_end());
        terminal::note(&format!(
            "The page, with questions and answers: {}",
            out.join(evaluation::PAGE).display()
        ));
        Ok(())
    }

    /// Asks a model of this machine what `asked` says, and writes what came of it into `out`.
    pub(super) fn of_model(model: &str, asked: &Asked, out: PathBuf) -> Eval {
        Eval {
            action: None,
            model: Some(model.to_owned()),
            tasks: asked.tasks.clone(),
            data: asked.data.clone(),
            protocol: asked.protocol,
            shots: asked.shots,
            limit: asked.limit,
            samples: 1,
            temperature: None,
            max_tokens: None,
            overlap: None,
            answers: None,
            server: Server::default(),
            judging: Judging::default(),
            out: Some(out),
            json: false,
            precision: asked.precision,
            store: asked.store.clone(),
        }
    }

    /// Asks, and writes what came of it: into which folder, and what it is.
    pub(super) fn evaluate(
        &self,
        machine: &Machine,
        cancel: &Arc<AtomicBool>,
    ) -> Result<(PathBuf, RunAbout, Vec<evals::Outcome>)> {
        let model = self.model.clone().context("clap wants a model")?;
        let wanted = self.wanted();
        wanted.check()?;
        // Addresses and keys make sense, before anything is asked.
        let never = Arc::new(AtomicBool::new(false));
        self.judging.judge(&never)?;
        self.server.check()?;
        self.server.model(&model, &self.judging, &never, None)?;
        let overlap = self.overlap.as_ref();
        let overlap = overlap.map(|folder| evaluation::overlap::read(folder));
        let overlap = overlap.transpose()?;
        let name = last_part(&model);
        let out = self.out.clone();
        let out = out.unwrap_or_else(|| PathBuf::from(format!("evaluation-{name}")));
        let evaluation = Evaluation {
            cancel: cancel.clone(),
            wanted,
            name,
            out,
        };
        let reach = self.server.reach(&self.store)?;
        let server = self
            .server
            .model(&model, &self.judging, &evaluation.cancel, reach)?;
        let finished = match (&self.answers, server) {
            (Some(file), _) => self.score_answers(&evaluation, file)?,
            (None, Some(server)) => self.ask_server(&evaluation, server)?,
            (None, None) => self.ask_model(&evaluation, &model, machine)?,
        };
        let (mut about, mut outcomes, lock) = finished;
        about.max_tokens = self.max_tokens;
        let nothing = outcomes
            .iter()
            .find_map(|one| Some((one, one.unanswered()?)));
        if let Some((outcome, (id, why))) = nothing {
            bail!(
                "no question of {} was answered, so there is nothing to score, and no results were written; the \
                 first, {id}, because: {why}. Answers to other tasks are kept in {}: mend it, or leave the task out",
                outcome.about.name,
                evaluation.out.join(evaluation::ANSWERS).display()
            );
        }
        if let (Some(folder), Some(found)) = (&self.overlap, &overlap) {
            evaluation::overlap::mark(&mut outcomes, found, &folder.display().to_string());
        }
        evaluation::write(&evaluation.out, &about, &outcomes, environment::language())?;
        lock.remove()?;
        Ok((evaluation.out, about, outcomes))
    }

    /// The tasks, ready to ask, with as much room for answers as is wanted.
    fn tasks(&self, wanted: &Wanted, protocol: Protocol) -> Result<Vec<Box<dyn Task>>> {
        let tasks = wanted.open(&self.data, protocol)?;
        Ok(evaluation::room::limited(tasks, self.max_tokens))
    }

    fn wanted(&self) -> Wanted {
        let tasks = self.tasks.iter();
        Wanted {
            tasks: tasks.map(|name| from_data(name, &self.data)).collect(),
            shots: self.shots,
            limit: self.limit,
            draws: self.samples,
            temperature: self.temperature,
        }
    }

    fn ask_model(
        &self,
        evaluation: &Evaluation,
        model: &str,
        machine: &Machine,
    ) -> Result<Finished> {
        // Everything that can be wrong is found out before gigabytes are read.
        let path = locate(model, &self.store)?;
        let tuned = has_template(&path)?;
        let protocol = match (self.protocol, tuned) {
            (Some(Protocol::Instruct), false) => return Err(no_template(model)),
            (Some(protocol), _) => protocol,
            (None, true) => {
                terminal::note(
                    "protocol instruct, as the model has a chat template; --protocol base puts few-shot \
                     questions to it",
                );
                Protocol::Instruct
            }
            (None, false) => {
                terminal::note("protocol base, as the model has no chat template");
                Protocol::Base
            }
        };
        let tasks = self.tasks(&evaluation.wanted, protocol)?;
        let (cache, lock) = evaluation.begin()?;
        let recipe = recipe_text::of_model(self, &path, protocol, evaluation)?;
        evaluation.recipe(&recipe)?;
        let opened = open(model, &self.store, machine, self.precision, Weights::Auto)?;
        let template = template_of(&opened)?;
        let precision = precision_name(self.precision);
        let identity = identify(&path, &opened.tokenizer, template.as_ref(), precision)?;
        let cancel = evaluation.cancel.clone();
        let decoder = Arc::new(opened.decoder);
        let tokenizer = Arc::new(opened.tokenizer);
        let mut local = Local::new(decoder, tokenizer, template, identity)
            .until(move || cancel.load(Ordering::SeqCst));
        let asked = self.ask(evaluation, &tasks, Who::Asked(&mut local), cache)?;
        let about = local.about(&evaluation.wanted, &evaluation.name, protocol, asked.judge);
        Ok((about, asked.outcomes, lock))
    }

    fn ask_server(&self, evaluation: &Evaluation, server: Remote<Endpoint>) -> Result<Finished> {
        let protocol = self.protocol.unwrap_or_else(|| {
            terminal::note(
                "protocol instruct, as a server converses; --protocol base puts few-shot questions to it, \
                 for which it has to judge prompts (`echo` with `logprobs`)",
            );
            Protocol::Instruct
        });
        self.server.suits(protocol)?;
        let tasks = self.tasks(&evaluation.wanted, protocol)?;
        let (cache, lock) = evaluation.begin()?;
        let recipe = recipe_text::of_server(self, protocol, evaluation)?;
        evaluation.recipe(&recipe)?;
        let mut server = known(&evaluation.out, server)?;
        let identity = server.identity();
        let asked = self.ask(evaluation, &tasks, Who::Asked(&mut server), cache)?;
        let Count { kept, all } = asked.count;
        if kept > 0 && !server.is_known() {
            terminal::note(&format!(
                "{kept} of {all} answers were there already and were not asked for. The server does not say \
                 which model it has: if it is another one by now, remove {} or choose another folder with --out",
                evaluation.out.join(evaluation::ANSWERS).display()
            ));
        }
        let about = evaluation::about(
            &evaluation.wanted,
            &evaluation.name,
            protocol,
            identity,
            asked.judge,
        );
        Ok((about, asked.outcomes, lock))
    }

    fn score_answers(&self, evaluation: &Evaluation, file: &Path) -> Result<Finished> {
        let given = Given::read(file)?;
        let protocol = self.protocol.unwrap_or_else(|| {
            terminal::note(
                "protocol instruct: the answers are taken for those of conversations; --protocol base if \
                 few-shot questions were put",
            );
            Protocol::Instruct
        });
        let tasks = self.tasks(&evaluation.wanted, protocol)?;
        let (cache, lock) = evaluation.begin_beside(file)?;
        let names: Vec<&str> = tasks
            .iter()
            .map(|task| task.about().name.as_str())
            .collect();
        let others = given.of_other_tasks(&names);
        if others > 0 {
            terminal::note(&format!(
                "{others} lines of {} are answers to other tasks",
                file.display()
            ));
        }
        let recipe = recipe_text::of_answers(self, file, protocol, evaluation)?;
        evaluation.recipe(&recipe)?;
        let asked = self.ask(evaluation, &tasks, Who::Given(&given), cache)?;
        let about = evaluation::about(
            &evaluation.wanted,
            &evaluation.name,
            protocol,
            given.identity(),
            asked.judge,
        );
        Ok((about, asked.outcomes, lock))
    }

    /// The tasks, put to whoever answers.
    fn ask(
        &self,
        evaluation: &Evaluation,
        tasks: &[Box<dyn Task>],
        who: Who<'_>,
        mut cache: Cache,
    ) -> Result<Answered> {
        let judge = self.judging.judge(&evaluation.cancel)?;
        let judge = judge.map(|judge| known(&evaluation.out, judge));
        let mut judge = judge.transpose()?;
        let judged_by = judge.as_ref().map(Remote::identity);
        let judge = judge.as_mut().map(|respondent| Judge {
            respondent,
            votes: self.judging.votes(),
        });
        let mut watch = Questions::new(self.json, evaluation.cancel.clone());
        let mut kept = Kept::new(&mut watch);
        let wanted = &evaluation.wanted;
        let outcomes = evaluation::examine(wanted, tasks, who, judge, &mut cache, &mut kept);
        let count = kept.count();
        watch.end();
        match outcomes {
            Err(error) if error.is::<Stopped>() => bail!("stopped {}", watch.stopped()),
            outcomes => Ok(Answered {
                outcomes: outcomes?,
                judge: judged_by,
                count,
            }),
        }
    }
}

/// What came back.
struct Answered {
    outcomes: Vec<evals::Outcome>,
    /// Who judged.
    judge: Option<String>,
    count: Count,
}

/// What came out, and the lock on the folder that it goes into.
type Finished = (RunAbout, Vec<evals::Outcome>, Lock);

/// What is evaluated, and where it goes.
struct Evaluation {
    cancel: Arc<AtomicBool>,
    wanted: Wanted,
    name: String,
    out: PathBuf,
}

/// A task as the data folder knows it. A TOML file is meant from here, or else from that folder.
fn from_data(name: &str, data: &Path) -> String {
    if !name.ends_with(".toml") || !Path::new(name).is_file() {
        return name.to_owned();
    }
    let (Ok(path), Ok(data)) = (std::path::absolute(name), std::path::absolute(data)) else {
        return name.to_owned();
    };
    let plain = |inside: &&Path| {
        let mut parts = inside.components();
        parts.all(|part| matches!(part, Component::Normal(_)))
    };
    let inside = path.strip_prefix(&data).ok().filter(plain);
    inside.unwrap_or(&path).to_string_lossy().into_owned()
}

/// The last part of a name, as a folder may be called.
pub(super) fn last_part(model: &str) -> String {
    let whole = model.trim_end_matches('/');
    let part = whole.rsplit('/').next().unwrap_or(whole);
    let part = part.strip_suffix(".gguf").unwrap_or(part);
    match part {
        "" | "." | ".." => "model".to_owned(),
        part => part.to_owned(),
    }
}

/// Raised by Ctrl-C; the second one ends the process where it stands, which loses nothing either.
pub(super) fn cancelled_by_hand() -> Result<Arc<AtomicBool>> {
    let cancel = Arc::new(AtomicBool::new(false));
    let asked = cancel.clone();
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        terminal::note("\nstopping; press Ctrl-C again to stop at once");
    })?;
    Ok(cancel)
}

/// Whether a model has a chat template of its own.
pub(super) fn has_template(path: &Path) -> Result<bool> {
    Ok(match is_gguf(path) {
        true => Gguf::open(path)?
            .metadata
            .text("tokenizer.chat_template")?
            .is_some(),
        false => own_template(path)?.is_some(),
    })
}

fn template_of(opened: &Opened) -> Result<Option<Template>> {
    match has_template(&opened.path)? {
        true => Ok(Some(opened.template()?)),
        false => Ok(None),
    }
}
