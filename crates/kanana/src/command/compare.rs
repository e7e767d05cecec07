//! `kanana compare`: two models, two evaluations or two artifacts of runs, side by side.
//!
//! Always, for what is known of both: how they were made, what they are, how they learned. Where it is asked for:
//! how far their weights lie apart, what they answer to the same questions, how fast they are.

mod learned;
mod made;
mod shape;
mod speed;
mod weights;

use super::Where;
use super::eval::compare::questions;
use super::eval::{DATA, Eval, cancelled_by_hand, has_template, protocol};
use super::open::locate;
use crate::device::Machine;
use crate::evaluation::local::no_template;
use crate::kinds::Model;
use crate::terminal;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use evals::{Compared, Protocol, Saved};
use learned::Course;
use model::gguf::is_gguf;
use page::Page;
use page::terminal::Ink;
use recipe::{Lineage, Manifest, Store};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tensor::Precision;

/// Columns of the text.
const COLUMNS: usize = 140;
/// The page of a comparison that asks questions.
const PAGE: &str = "comparison.html";

/// Set two things side by side.
#[derive(Args)]
#[command(
    after_help = "Both are models (a Hugging Face directory, a GGUF file, the name of a pulled model or of one in the \
    store), or both are folders of `kanana eval`, or any two artifacts. With --tasks each model is asked as `kanana eval` \
    asks it, into FOLDER/a and FOLDER/b; what was answered before is not asked again."
)]
pub(crate) struct Compare {
    /// The first: a model, the folder of an evaluation, or an artifact by its name, name-key, key or path
    a: String,
    /// The second
    b: String,
    #[command(flatten)]
    asked: Asked,
    /// Say how far the weights of two models of one shape lie apart
    #[arg(long)]
    weights: bool,
    /// Measure both models: time to the first token and for each further one, in turns
    #[arg(long)]
    speed: bool,
    /// The folder for what models answer, and for the page [default: comparison-A-B]
    #[arg(long, value_name = "FOLDER", requires = "tasks")]
    out: Option<PathBuf>,
    /// Write a page with pictures as well
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// What both models are asked, and how.
#[derive(Args)]
pub(super) struct Asked {
    /// Put these tasks to both models, with commas between them (`kanana evals` lists them), or TOML files of your own
    #[arg(long, value_name = "TASKS", value_delimiter = ',')]
    pub(super) tasks: Vec<String>,
    /// The folder that holds a folder for each benchmark, in its original format
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    pub(super) data: PathBuf,
    /// How questions are put: base (few-shot, log-likelihoods) or instruct (through the chat template)
    /// [default: instruct where both models have a chat template]
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol, requires = "tasks")]
    pub(super) protocol: Option<Protocol>,
    /// Examples before each question [default: the protocol's number]
    #[arg(long, value_name = "N", requires = "tasks")]
    pub(super) shots: Option<usize>,
    /// Only the first N questions of each subject
    #[arg(long, value_name = "N", requires = "tasks")]
    pub(super) limit: Option<usize>,
    /// What products read: f32, or bf16
    #[arg(long, value_name = "PRECISION", value_parser = super::generate::precision, default_value = "bf16")]
    pub(super) precision: Precision,
    #[command(flatten)]
    pub(super) store: Where,
}

/// One of the two.
struct Side {
    name: String,
    path: PathBuf,
    /// How it was made, and where what it was made from lies.
    lineage: Option<(Store, Lineage)>,
    saved: Option<Saved>,
    model: bool,
}

/// All that was found out.
#[derive(Default, Serialize)]
struct Found {
    a: String,
    b: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<made::Made>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Vec<shape::Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learned: Option<learned::Learned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<weights::Apart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    questions: Option<Compared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<speed::Speeds>,
}

impl Compare {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        let mut sides = [self.side(&self.a)?, self.side(&self.b)?];
        if sides[0].name == sides[1].name {
            // One name for both would name neither.
            for side in &mut sides {
                side.name = side.path.display().to_string();
            }
        }
        let [a, b] = &sides;
        let models = a.model && b.model;
        for (asked, flag) in [
            (!self.asked.tasks.is_empty(), "--tasks"),
            (self.weights, "--weights"),
            (self.speed, "--speed"),
        ] {
            ensure!(
                models || !asked,
                "{flag} is for two models, and {} is none: wanted a Hugging Face directory, a GGUF file, or the name \
                 of a model",
                if a.model { &b.name } else { &a.name }
            );
        }
        let mut found = Found {
            a: a.name.clone(),
            b: b.name.clone(),
            ..Found::default()
        };
        if let (Some((_, a)), Some((_, b))) = (&a.lineage, &b.lineage) {
            found.made = Some(made::compare(a, b));
        }
        if models {
            found.shape = Some(shape::compare(&a.path, &b.path)?);
            if let (Some(a), Some(b)) = (a.course()?, b.course()?) {
                found.learned = Some(learned::compare(a, b));
            }
        }
        if self.weights {
            found.weights = Some(weights::compare(&a.path, &b.path)?);
        }
        let mut kept = None;
        if let (Some(a), Some(b)) = (&a.saved, &b.saved) {
            found.questions = Some(evals::compare(a, b));
        }
        let asks = !self.asked.tasks.is_empty();
        let cancel = match asks || self.speed {
            true => cancelled_by_hand()?,
            false => Arc::default(),
        };
        if asks {
            let (folder, compared) = self.ask(&sides, machine, &cancel)?;
            kept = Some(folder.join(PAGE));
            found.questions = Some(compared);
        }
        if self.speed {
            let (place, precision) = (&self.asked.store, self.asked.precision);
            let paths = [a.word()?, b.word()?];
            found.speed = Some(speed::compare(paths, place, machine, precision, &cancel)?);
        }
        ensure!(
            found.says_something(),
            "nothing is known of {} and {} that can be set side by side: one has no manifest, and they are not \
             both models or both evaluations",
            a.name,
            b.name
        );
        let written: Vec<&PathBuf> = self.page.iter().chain(&kept).collect();
        for path in &written {
            disk::write(path, found.draw(true).finish().as_bytes())?;
        }
        if self.json {
            return terminal::json(&found);
        }
        terminal::say(found.draw(false).terminal(COLUMNS, Ink::Plain).trim_end());
        for path in written {
            terminal::note(&format!("The page: {}", path.display()));
        }
        Ok(())
    }

    /// What a word stands for.
    fn side(&self, word: &str) -> Result<Side> {
        let place = &self.asked.store;
        let here = Path::new(word);
        let known = [Manifest::FILE, Saved::RESULTS];
        // What lies here comes first, as wherever a model is named; then what the store or the hub calls so.
        let path = match known.iter().any(|file| here.join(file).is_file()) {
            true => here.to_owned(),
            false => match (
                here.exists(),
                place.existing().and_then(|store| store.find(word)),
            ) {
                (false, Ok(stored)) => stored.path,
                _ => locate(word, place)
                    .context("wanted a model, the folder of an evaluation, or an artifact")?,
            },
        };
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot look into {word}"))?;
        let model = is_gguf(&path) || path.join("config.json").is_file();
        let lineage = how_it_was_made(&path);
        // A model's folder may hold results of somebody else's.
        let saved = match !model && path.join(Saved::RESULTS).is_file() {
            true => Some(Saved::read(&path)?),
            false => None,
        };
        Ok(Side {
            name: match &lineage {
                Some((_, lineage)) => lineage.name.clone(),
                None => word.to_owned(),
            },
            path,
            lineage,
            saved,
            model,
        })
    }

    /// Both models' answers to the same questions, and the folder where they are kept.
    fn ask(
        &self,
        sides: &[Side; 2],
        machine: &Machine,
        cancel: &Arc<AtomicBool>,
    ) -> Result<(PathBuf, Compared)> {
        let templates = [has_template(&sides[0].path)?, has_template(&sides[1].path)?];
        if self.asked.protocol == Some(Protocol::Instruct) {
            let without = templates.iter().position(|there| !there);
            if let Some(side) = without.map(|at| &sides[at]) {
                return Err(no_template(&side.name));
            }
        }
        let protocol = self.asked.protocol.unwrap_or_else(|| {
            let (protocol, why) = match templates {
                [true, true] => (Protocol::Instruct, "instruct, as both models have"),
                [false, false] => (Protocol::Base, "base, as neither model has"),
                _ => (Protocol::Base, "base, as one of the models does not have"),
            };
            terminal::note(&format!("protocol {why} a chat template"));
            protocol
        });
        let asked = Asked {
            tasks: self.asked.tasks.clone(),
            data: self.asked.data.clone(),
            protocol: Some(protocol),
            store: self.asked.store.clone(),
            ..self.asked
        };
        let folder = self.out.clone().unwrap_or_else(|| {
            let word = |side: &Side| super::eval::last_part(&side.name);
            PathBuf::from(format!(
                "comparison-{}-{}",
                word(&sides[0]),
                word(&sides[1])
            ))
        });
        let mut saved = Vec::new();
        for (side, name) in sides.iter().zip(["a", "b"]) {
            terminal::aside(&format!("asking {}", side.name));
            let eval = Eval::of_model(side.word()?, &asked, folder.join(name));
            let (out, ..) = eval.evaluate(machine, cancel)?;
            saved.push(Saved::read(&out)?);
        }
        Ok((folder, evals::compare(&saved[0], &saved[1])))
    }
}

/// The lineage of what lies in a folder, where a store knows it; a foreign file of the manifest's name says nothing.
fn how_it_was_made(path: &Path) -> Option<(Store, Lineage)> {
    Manifest::read(path).ok()?;
    let known = || {
        let store = Store::existing(path.parent().unwrap_or(path))?;
        let lineage = recipe::lineage(&store, &store.find(&path.to_string_lossy())?)?;
        Ok((store, lineage))
    };
    let known: Result<_> = known();
    if let Err(error) = &known {
        terminal::note(&format!(
            "how {} was made is not known: {error:#}",
            path.display()
        ));
    }
    known.ok()
}

impl Side {
    /// Its path as a word of the command line.
    fn word(&self) -> Result<&str> {
        let path = self.path.to_str();
        path.with_context(|| {
            format!(
                "the path {} is not valid UTF-8: rename it",
                self.path.display()
            )
        })
    }

    /// How it learned, where it was trained here.
    fn course(&self) -> Result<Option<Course>> {
        if !self.path.join(Model::TRAINING).is_file() {
            return Ok(None);
        }
        let made = self.lineage.as_ref();
        let made = made.map(|(store, lineage)| (store, lineage));
        match Course::read(&self.name, &self.path, made) {
            // A file of that name in a folder that was not made here may be anything.
            Err(error) if self.lineage.is_none() => {
                terminal::note(&format!("left out: {error:#}"));
                Ok(None)
            }
            course => course.map(Some),
        }
    }
}

impl Found {
    fn says_something(&self) -> bool {
        self.made.is_some() || self.shape.is_some() || self.questions.is_some()
    }

    /// The page; the text shows no pictures of what its tables say.
    fn draw(&self, pictures: bool) -> Page {
        let names = [self.a.as_str(), self.b.as_str()];
        let mut page = Page::new(format!("{} and {}", self.a, self.b));
        if let Some(shape) = &self.shape {
            shape::draw(&mut page, shape, names);
        }
        if let Some(made) = &self.made {
            made.draw(&mut page, names);
        }
        if let Some(learned) = &self.learned {
            learned.draw(&mut page, names);
        }
        if let Some(weights) = &self.weights {
            weights.draw(&mut page, pictures);
        }
        if let Some(compared) = &self.questions {
            page.heading("What they answer");
            questions(&mut page, names, compared, pictures);
        }
        if let Some(speed) = &self.speed {
            speed.draw(&mut page, names);
        }
        page
    }
}
