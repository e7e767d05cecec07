//! A task of one's own: a TOML file that says what is asked and what is right.
//!
//! ```toml
//! name = "capitals"
//! kind = "choose"                      # choose, complete, converse or measure
//! data = "capitals.jsonl"              # or a list; .csv, .tsv, .jsonl.gz, .json (an array), .parquet too
//! prompt = "질문: {{ question }}\n답:"  # Jinja over the row's fields
//! options = ["{{ a }}", "{{ b }}"]     # or the name of a field that holds a list
//! answer = "{{ answer }}"              # an option's text, or its place from 0; else the wanted text
//! metric = "acc"                       # acc, acc_norm, acc_bytes; exact_match, contains, maths
//! examples = "capitals-dev.jsonl"      # where the shots come from
//! shots = 3
//! draw = "first"                       # or drawn, as lm-eval draws
//! ```
//!
//! Files lie beside this one, or else in the data folder (`kanana eval --data`).
//! Also `summary`, `language`, `source`, `version`, `description` (before everything), `group` (a template),
//! `quotes = false` (a quote in a .csv or .tsv holds no cell together), `delimiter` (between prompt and answer, a space), `stops` and `limit` (tokens), `pattern` (what the
//! answer is in what was said: the last match's first group). The file says how the task is put: the
//! protocol changes nothing.

mod template;

use crate::ask::{Answer, Ask, Draw, Request};
use crate::choose::{Options, converse};
use crate::maths;
use crate::prepared::{Benchmark, Prepared, likelihoods, mean, said, wrong};
use crate::read;
use crate::shots::{Choice, Shots, context};
use crate::task::{About, Aggregate, Metric, Score, Setup, Task};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use template::{Template, Texts};
use toml::Spanned;

/// A row: fields by name.
type Row = read::Row<Map<String, Value>>;

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    kind: Sort,
    data: OneOrMore,
    prompt: Spanned<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    source: String,
    #[serde(default = "one")]
    version: u32,
    #[serde(default)]
    description: String,
    group: Option<Spanned<String>>,
    options: Option<Spanned<Texts>>,
    answer: Option<Spanned<String>>,
    metric: Option<String>,
    examples: Option<PathBuf>,
    #[serde(default = "yes")]
    quotes: bool,
    #[serde(default)]
    shots: usize,
    #[serde(default)]
    draw: Drawn,
    #[serde(default = "space")]
    delimiter: String,
    stops: Option<Vec<String>>,
    #[serde(default = "tokens")]
    limit: usize,
    pattern: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Choose,
    Complete,
    Converse,
    Measure,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Drawn {
    #[default]
    First,
    Drawn,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(PathBuf),
    More(Vec<PathBuf>),
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn space() -> String {
    " ".to_owned()
}

fn tokens() -> usize {
    256
}

struct Own {
    /// The folder of the file, and the data folder.
    folders: [PathBuf; 2],
    file: File,
    shots: usize,
    prompt: Template,
    group: Option<Template>,
    options: Option<template::Options>,
    answer: Option<Template>,
    pattern: Option<Regex>,
    metrics: Vec<Metric>,
}

/// What is right.
enum Key {
    Option(Options),
    Text(String),
    Bytes(usize),
}

/// A task of one's own, from its TOML file.
///
/// # Errors
/// A file that is not as told above, a template that does not compile; with file and line.
pub fn open(path: &Path, setup: &Setup) -> Result<Box<dyn Task>> {
    let text = read::text(path)?;
    let file: File = toml::from_str(&text)
        .map_err(|error| anyhow!("{}: not a task: {error}", path.display()))?;
    let template = |source: &Spanned<String>| Template::new(path, &text, source);
    let metrics = vec![metric(&file).with_context(|| path.display().to_string())?];
    let shots = setup.shots.unwrap_or(file.shots);
    ensure!(
        shots == 0 || (file.examples.is_some() && file.kind != Sort::Measure),
        "{}: wanted {shots} examples before each question, and `examples` names no file",
        path.display()
    );
    let needs_answer = file.kind != Sort::Measure;
    ensure!(
        needs_answer == file.answer.is_some()
            && (file.kind == Sort::Choose) == file.options.is_some(),
        "{}: wanted `answer` unless the kind is measure, and `options` where it is choose and only there",
        path.display()
    );
    let pattern = file.pattern.as_deref().map(Regex::new).transpose();
    let own = Own {
        folders: [
            path.parent().unwrap_or(Path::new(".")).to_owned(),
            setup.data.clone(),
        ],
        shots,
        prompt: template(&file.prompt)?,
        group: file.group.as_ref().map(template).transpose()?,
        options: match &file.options {
            Some(texts) => Some(template::Options::new(path, &text, texts)?),
            None => None,
        },
        answer: file.answer.as_ref().map(template).transpose()?,
        pattern: pattern.with_context(|| format!("{}: pattern", path.display()))?,
        metrics: metrics.clone(),
        file,
    };
    let put = match own.file.kind {
        Sort::Choose => "log-likelihood",
        Sort::Complete => "completion",
        Sort::Converse => "chat",
        Sort::Measure => "log-likelihood of whole texts",
    };
    let about = About {
        name: own.file.name.clone(),
        summary: own.file.summary.clone(),
        language: own.file.language.clone(),
        protocol: format!("{shots}-shot {put}"),
        source: match own.file.source.is_empty() {
            true => path.display().to_string(),
            false => own.file.source.clone(),
        },
        version: own.file.version,
        metrics,
    };
    Ok(Prepared::task(about, own))
}

fn metric(file: &File) -> Result<Metric> {
    let known: &[&str] = match file.kind {
        Sort::Choose => &["acc", "acc_norm", "acc_bytes"],
        Sort::Complete | Sort::Converse => &["exact_match", "contains", "maths"],
        Sort::Measure => {
            return Ok(Metric {
                name: "bits_per_byte".into(),
                aggregate: Aggregate::Mean,
                higher_is_better: false,
            });
        }
    };
    let name = file.metric.as_deref().unwrap_or(known[0]);
    ensure!(
        known.contains(&name),
        "wanted {} as the metric of this kind, found `{name}`",
        known.join(", ")
    );
    Ok(mean(name))
}

impl Benchmark for Own {
    type Key = Key;

    fn questions(&self) -> Result<Vec<(Ask, Key)>> {
        let files: Vec<&PathBuf> = match &self.file.data {
            OneOrMore::One(file) => vec![file],
            OneOrMore::More(files) => files.iter().collect(),
        };
        let (pool, name) = match &self.file.examples {
            Some(file) if self.shots > 0 => {
                let file = self.place(file);
                let pool: Result<Vec<_>> = self
                    .rows(&file)?
                    .iter()
                    .map(|row| self.example(row))
                    .collect();
                (pool?, file.display().to_string())
            }
            _ => (vec![], String::new()),
        };
        let choice = match self.file.draw {
            Drawn::First => Choice::First,
            Drawn::Drawn => Choice::Drawn,
        };
        // where the questions are the pool, none is its own example
        let shared = self.file.examples.as_ref();
        let shared = self.shots > 0 && shared.is_some_and(|file| files.contains(&file));
        let mut shots = Shots::new(&pool, choice, self.shots, usize::from(shared), &name)?;
        let mut questions = Vec::new();
        for file in files {
            for row in self.rows(&self.place(file))? {
                let own = match shared {
                    true => Some(self.example(&row)?),
                    false => None,
                };
                let examples = shots.next(own.as_ref())?;
                let examples: Vec<_> = examples.into_iter().cloned().collect();
                questions.push(self.question(&row, &examples, questions.len())?);
            }
        }
        Ok(questions)
    }

    fn score(&self, ask: &Ask, key: &Key, answers: &[Answer]) -> Score {
        match key {
            Key::Option(options) => options.score(ask, answers, &self.metrics),
            Key::Text(wanted) => self.score_words(wanted, answers),
            Key::Bytes(bytes) => match likelihoods(answers, 1) {
                Ok(found) => Score {
                    values: [(
                        self.metrics[0].name.clone(),
                        -found[0].sum / (std::f64::consts::LN_2 * *bytes as f64),
                    )]
                    .into(),
                    weight: Some(*bytes as f64),
                    ..Score::default()
                },
                Err(note) => Score {
                    note,
                    ..Score::default()
                },
            },
        }
    }
}

impl Own {
    /// Where a file lies: beside the task's, unless it is in the data folder alone.
    fn place(&self, file: &Path) -> PathBuf {
        let places = self.folders.each_ref().map(|folder| folder.join(file));
        let there = places.iter().find(|place| place.exists());
        there.unwrap_or(&places[0]).clone()
    }

    fn rows(&self, file: &Path) -> Result<Vec<Row>> {
        read::objects(file, self.file.quotes)
    }

    /// A row as an example: its prompt and the text of its answer.
    fn example(&self, row: &Row) -> Result<(String, String)> {
        let prompt = self.prompt.render(row)?;
        Ok(match self.key(row, &prompt)? {
            Key::Option(options) => (prompt, options.texts[options.right].clone()),
            Key::Text(text) => (prompt, text),
            Key::Bytes(_) => bail!("texts that are measured have no examples"),
        })
    }

    fn question(
        &self,
        row: &Row,
        examples: &[(String, String)],
        place: usize,
    ) -> Result<(Ask, Key)> {
        let prompt = self.prompt.render(row)?;
        let key = self.key(row, &prompt)?;
        let group = match &self.group {
            Some(group) => group.render(row)?,
            None => String::new(),
        };
        let file = &self.file;
        let id = place.to_string();
        let whole = context(&file.description, examples, &file.delimiter, &prompt);
        let ask = match (file.kind, &key) {
            (Sort::Choose, Key::Option(options)) => options.ask(id, group, whole, &file.delimiter),
            (Sort::Converse, _) => {
                let mut ask = converse(id, group, whole);
                if let Request::Converse { limit, .. } = &mut ask.request {
                    *limit = file.limit;
                }
                ask
            }
            (Sort::Measure, _) => Ask {
                id,
                group,
                request: Request::Measure { text: prompt },
                draw: Draw::default(),
            },
            _ => Ask {
                id,
                group,
                request: Request::Complete {
                    prompt: whole,
                    stops: file
                        .stops
                        .clone()
                        .unwrap_or_else(|| vec!["\n\n".to_owned()]),
                    limit: file.limit,
                },
                draw: Draw::default(),
            },
        };
        Ok((ask, key))
    }

    fn key(&self, row: &Row, prompt: &str) -> Result<Key> {
        let Some(answer) = &self.answer else {
            ensure!(
                !prompt.is_empty(),
                "{}: wanted a text, found none",
                row.place
            );
            return Ok(Key::Bytes(prompt.len()));
        };
        let answer = answer.render(row)?;
        let Some(options) = &self.options else {
            return Ok(Key::Text(answer));
        };
        let texts = options.render(row)?;
        let by_place = || {
            answer
                .trim()
                .parse()
                .ok()
                .filter(|place| *place < texts.len())
        };
        let right = texts
            .iter()
            .position(|text| *text == answer)
            .or_else(by_place);
        let right = right.ok_or_else(|| {
            anyhow!(
                "{}: wanted one of {} or a place from 0 to {} as the answer, found `{answer}`",
                row.place,
                texts.join(", "),
                texts.len().saturating_sub(1)
            )
        })?;
        Ok(Key::Option(Options { texts, right }))
    }

    fn score_words(&self, wanted: &str, answers: &[Answer]) -> Score {
        let expected = wanted.trim().to_owned();
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => {
                return Score {
                    expected,
                    ..wrong(&self.metrics, why)
                };
            }
        };
        let taken: Vec<&str> = texts.into_iter().map(|text| self.taken(text)).collect();
        let name = self.metrics[0].name.as_str();
        let right = |taken: &&&str| match name {
            "contains" => taken.contains(&expected),
            "maths" => maths::equal(maths::boxed(taken).unwrap_or(taken), &expected),
            _ => **taken == expected,
        };
        let value = taken.iter().filter(right).count() as f64 / taken.len() as f64;
        Score {
            values: [(name.to_owned(), value)].into(),
            taken: taken[0].to_owned(),
            expected,
            ..Score::default()
        }
    }

    /// What the answer is in what was said.
    fn taken<'a>(&self, text: &'a str) -> &'a str {
        let Some(pattern) = &self.pattern else {
            return text.trim();
        };
        let found = pattern.captures_iter(text).last();
        let group = found.and_then(|found| found.get(1).or(found.get(0)));
        group.map_or("", |group| group.as_str().trim())
    }
}

#[cfg(test)]
mod tests;
