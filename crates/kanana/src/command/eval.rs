//! `kanana eval`: benchmarks on a model of this machine, or on one behind a server.
//!
//! Answers are kept beside the results as they come, so that an evaluation that was stopped goes on and
//! one that is repeated is free; beside them lies the one-step recipe that the command stands for, where a
//! recipe can say it (not for servers, GGUF files and tasks outside the data folder).

mod compare;
mod judge_pairs;
mod recipe_text;
mod servers;

use super::Where;
use super::open::{Opened, Weights, locate, open};
use crate::device::Machine;
use crate::environment;
use crate::evaluation::local::{Local, identify, no_template, own_template, precision_name};
use crate::evaluation::remote::Remote;
use crate::evaluation::{self, ANSWERS, Judge, Wanted};
use crate::terminal::{self, Questions};
use ::chat::Template;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use evals::{Cache, Protocol, Respondent, RunAbout, Stopped};
use model::gguf::{Gguf, is_gguf};
use page::Language;
use page::terminal::Ink;
use remote::Endpoint;
use servers::{Judging, Server};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tensor::Precision;

/// Where benchmarks are looked for where nothing is said.
pub(super) const DATA: &str = "benchmarks";

/// The recipe beside the results.
const RECIPE: &str = "eval.toml";

/// Run benchmarks.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Eval {
    #[command(subcommand)]
    action: Option<Action>,
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, of a model in the store, or,
    /// with --server, of a model there
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
    /// The folder of a corpus that `decontaminate` made: says beside each score whether the training
    /// data held its questions
    #[arg(long, value_name = "FOLDER")]
    overlap: Option<PathBuf>,
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
        let model = self.model.clone().context("clap wants a model")?;
        let wanted = self.wanted();
        wanted.check()?;
        // Addresses and keys make sense, before anything is asked.
        let never = Arc::new(AtomicBool::new(false));
        self.judging.judge(&never)?;
        self.server.model(&model, &self.judging, &never)?;
        let overlap = self.overlap.as_ref();
        let overlap = overlap.map(|folder| evaluation::overlap::read(folder));
        let overlap = overlap.transpose()?;
        let name = last_part(&model);
        let out = self.out.clone();
        let out = out.unwrap_or_else(|| PathBuf::from(format!("evaluation-{name}")));
        let evaluation = Evaluation {
            cancel: cancelled_by_hand()?,
            wanted,
            name,
            out,
        };
        let server = self
            .server
            .model(&model, &self.judging, &evaluation.cancel)?;
        let about_and_outcomes = match server {
            Some(server) => self.ask_server(&evaluation, server)?,
            None => self.ask_model(&evaluation, &model, machine)?,
        };
        let (about, mut outcomes) = about_and_outcomes;
        if let (Some(folder), Some(found)) = (&self.overlap, &overlap) {
            evaluation::overlap::mark(&mut outcomes, found, &folder.display().to_string());
        }
        let language = match environment::is_korean() {
            true => Language::Korean,
            false => Language::English,
        };
        evaluation::write(&evaluation.out, &about, &outcomes, language)?;
        if self.json {
            return terminal::json(&evals::results(&about, &outcomes));
        }
        let page = evaluation::sheet::brief(&about, &outcomes, language);
        let width = evaluation::COLUMNS;
        terminal::say(page.terminal(width, Ink::Plain).trim_end());
        terminal::note(&format!(
            "The page, with questions and answers: {}",
            evaluation.out.join(evaluation::PAGE).display()
        ));
        Ok(())
    }

    /// A TOML file is meant from here, or else from the data folder.
    fn wanted(&self) -> Wanted {
        let place = |name: &String| {
            let here = name.ends_with(".toml") && Path::new(name).is_file();
            let absolute = here.then(|| std::path::absolute(name).ok()).flatten();
            absolute.map_or(name.clone(), |path| path.to_string_lossy().into_owned())
        };
        Wanted {
            tasks: self.tasks.iter().map(place).collect(),
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
        let tasks = evaluation.wanted.open(&self.data, protocol)?;
        let out = evaluation.begin()?;
        match recipe_text::write(self, &path, protocol, evaluation)? {
            Some(recipe) => disk::write(&evaluation.out.join(RECIPE), recipe.as_bytes())?,
            None => evaluation.without_recipe()?,
        }
        let opened = open(model, &self.store, machine, self.precision, Weights::Auto)?;
        let template = template_of(&opened)?;
        let precision = precision_name(self.precision);
        let identity = identify(&path, &opened.tokenizer, template.as_ref(), precision)?;
        let cancel = evaluation.cancel.clone();
        let decoder = Arc::new(opened.decoder);
        let tokenizer = Arc::new(opened.tokenizer);
        let mut local = Local::new(decoder, tokenizer, template, identity)
            .until(move || cancel.load(Ordering::SeqCst));
        let (outcomes, judge) = self.ask(evaluation, &tasks, &mut local, out)?;
        let about = local.about(&evaluation.wanted, &evaluation.name, protocol, judge);
        Ok((about, outcomes))
    }

    fn ask_server(
        &self,
        evaluation: &Evaluation,
        mut server: Remote<Endpoint>,
    ) -> Result<Finished> {
        let protocol = self.protocol.unwrap_or_else(|| {
            terminal::note(
                "protocol instruct, as a server converses; --protocol base puts few-shot questions to it, \
                 for which it has to judge prompts (`echo` with `logprobs`)",
            );
            Protocol::Instruct
        });
        let tasks = evaluation.wanted.open(&self.data, protocol)?;
        let out = evaluation.begin()?;
        evaluation.without_recipe()?;
        let identity = server.identity();
        let (outcomes, judge) = self.ask(evaluation, &tasks, &mut server, out)?;
        let about = evaluation::about(
            &evaluation.wanted,
            &evaluation.name,
            protocol,
            identity,
            judge,
        );
        Ok((about, outcomes))
    }

    /// The tasks, put to whoever answers; and who judged.
    fn ask(
        &self,
        evaluation: &Evaluation,
        tasks: &[Box<dyn evals::Task>],
        respondent: &mut dyn Respondent,
        mut cache: Cache,
    ) -> Result<(Vec<evals::Outcome>, Option<String>)> {
        let mut judge = self.judging.judge(&evaluation.cancel)?;
        let judged_by = judge.as_ref().map(Remote::identity);
        let judge = judge.as_mut().map(|respondent| Judge {
            respondent,
            votes: self.judging.votes(),
        });
        let mut watch = Questions::new(self.json, evaluation.cancel.clone());
        let outcomes = evaluation::examine(
            &evaluation.wanted,
            tasks,
            respondent,
            judge,
            &mut cache,
            &mut watch,
        );
        watch.end();
        match outcomes {
            Err(error) if error.is::<Stopped>() => {
                bail!("stopped; the same command goes on from here")
            }
            outcomes => Ok((outcomes?, judged_by)),
        }
    }
}

type Finished = (RunAbout, Vec<evals::Outcome>);

/// What is evaluated, and where it goes.
struct Evaluation {
    cancel: Arc<AtomicBool>,
    wanted: Wanted,
    name: String,
    out: PathBuf,
}

impl Evaluation {
    /// A recipe of an earlier evaluation would describe another run than this one.
    fn without_recipe(&self) -> Result<()> {
        match std::fs::remove_file(self.out.join(RECIPE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Makes the folder, and opens the answers in it.
    fn begin(&self) -> Result<Cache> {
        disk::create_dir(&self.out)?;
        let cache = Cache::open(&self.out.join(ANSWERS))?;
        if !cache.is_empty() {
            terminal::aside(&format!(
                "{} answers of earlier runs are in {}",
                cache.len(),
                self.out.join(ANSWERS).display()
            ));
        }
        Ok(cache)
    }
}

/// The last part of a name, as a folder may be called.
fn last_part(model: &str) -> String {
    let whole = model.trim_end_matches('/');
    let part = whole.rsplit('/').next().unwrap_or(whole);
    let part = part.strip_suffix(".gguf").unwrap_or(part);
    match part {
        "" | "." | ".." => "model".to_owned(),
        part => part.to_owned(),
    }
}

/// Raised by Ctrl-C; the second one ends the process where it stands, which loses nothing either.
fn cancelled_by_hand() -> Result<Arc<AtomicBool>> {
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
fn has_template(path: &Path) -> Result<bool> {
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
