//! Answers that are there already, from a file: scored without a model.
//!
//! One JSON object a line. `task` names the task (it may be left out where only one is asked), `id` (or
//! `task_id`, or `key`) the question as `samples_<task>.jsonl` names it, and what was answered is one of
//!
//! ```text
//! answer        as a model said it; a list is as many samples
//! completion    the same, evalplus' word for what goes on from the prompt
//! solution      a whole program, put where a chat answer has its code
//! likelihoods   ln p of each option in the task's order, as numbers or as {"sum", "tokens", "greedy"}
//! ```
//!
//! Other fields are passed over. Several lines of one question are several samples, as many as the task
//! draws; those beyond are counted and left out, and questions that have fewer are counted too. A question
//! without a line counts as wrong.
//! Deliberately absent: conversations of several turns, whose second question hangs on the first answer, and
//! tasks that give functions to call, as a line has no place for calls.

use crate::ask::{Answer, Ask, Likelihood, Request};
use crate::outcome::{Outcome, Question};
use crate::read::{self, Place};
use crate::run::{self, Answered, Cache, Respondent, Settings, Watch};
use crate::task::Task;
use anyhow::{Context as _, Result, bail, ensure};
use chat::Message;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The answers of a file, none of them looked at yet.
pub struct Given {
    name: String,
    /// BLAKE3 of the file.
    hash: String,
    rows: Vec<read::Row<Row>>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Said {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Worth {
    Sum(f64),
    Whole(Likelihood),
}

#[derive(Clone, Deserialize)]
struct Row {
    task: Option<String>,
    #[serde(alias = "task_id", alias = "key")]
    id: Value,
    answer: Option<Said>,
    completion: Option<Said>,
    solution: Option<Said>,
    likelihoods: Option<Vec<Worth>>,
}

/// What a line holds.
enum Held {
    Texts(Vec<String>),
    Likelihoods(Vec<Likelihood>),
}

/// Answers beyond those that are counted, and where the first of them stands.
#[derive(Default)]
struct Doubles {
    count: usize,
    first: Option<Place>,
}

impl Given {
    /// Reads the lines of a file.
    ///
    /// # Errors
    /// A file that is not there, a line that is no such object; with its number.
    pub fn read(file: &Path) -> Result<Self> {
        let hash = disk::hash_file(file)
            .with_context(|| format!("the answers in {} cannot be read", file.display()))?;
        Ok(Given {
            name: file.display().to_string(),
            hash,
            rows: read::json_lines(file)?,
        })
    }

    /// Who answered, as results say it.
    pub fn identity(&self) -> String {
        format!("answers in {}, BLAKE3 {}", self.name, &self.hash[..16])
    }

    /// How many lines name none of these tasks.
    pub fn of_other_tasks(&self, tasks: &[&str]) -> usize {
        let other = |row: &&read::Row<Row>| {
            let task = row.value.task.as_deref();
            task.is_some_and(|task| !tasks.contains(&task))
        };
        self.rows.iter().filter(other).count()
    }

    /// What the answers to a task are worth. `alone`: lines that name no task are this one's.
    ///
    /// # Errors
    /// A line that names no question of the task or does not answer it, with its number; a task
    /// without an answer; one whose next question hangs on an answer, or that rests on more than one
    /// answer a question. Those of [`run()`](crate::run()).
    pub fn outcome(
        &self,
        task: &dyn Task,
        alone: bool,
        judge: Option<&mut dyn Respondent>,
        cache: &mut Cache,
        settings: &Settings,
        watch: &mut dyn Watch,
    ) -> Result<Outcome> {
        let name = task.about().name.as_str();
        let all = task.asks()?;
        run::check(name, &all)?;
        ensure!(
            task.ground()?.is_empty(),
            "{name} rests on more than one answer a question: run it with a model"
        );
        let total = all.len();
        let known: BTreeSet<String> = all.iter().map(|ask| ask.id.clone()).collect();
        let asks = run::limited(all, settings.limit);
        let (mut held, doubles) = self.held(name, alone, &known, &asks)?;
        let lacks = |ask: &&Ask| held.get(&ask.id).is_some_and(|held| held.lacks(ask));
        let short = asks.iter().filter(lacks).count();
        let mut questions = Vec::with_capacity(asks.len());
        for ask in asks {
            let answer = match held.remove(&ask.id) {
                Some(held) => held.answer(&ask),
                None => Answer::Failed(format!("{} has no answer to it", self.name)),
            };
            let mut question = Question::new(ask);
            question.requests.push(question.ask.request.clone());
            question.answers.push(answer);
            question.notes.push(String::new());
            ensure!(
                question.failure().is_some()
                    || task.next(&question.ask, &question.answers).is_none(),
                "{name} asks on after the first answer: run it with a model"
            );
            questions.push(question);
        }
        ensure!(
            questions.iter().any(|one| one.failure().is_none()),
            "{} answers no question of {name}{}",
            self.name,
            match (alone, settings.limit) {
                (_, Some(_)) => " among those that the limit leaves",
                (false, None) => ": its lines name other tasks",
                (true, None) => "",
            }
        );
        let answered = Answered {
            total,
            ground: vec![],
            questions,
            who: self.identity(),
        };
        let mut outcome = run::conclude(task, answered, judge, cache, settings, watch)?;
        if let Some(first) = doubles.first {
            outcome.remarks.push(format!(
                "{} further answers to questions that had theirs were left out, the first of them at \
                 {first}; --samples counts more than one",
                doubles.count
            ));
        }
        if short > 0 {
            outcome.remarks.push(format!(
                "{short} questions have fewer answers than are drawn for each, and are scored by those"
            ));
        }
        Ok(outcome)
    }

    /// What each question was answered.
    fn held(
        &self,
        name: &str,
        alone: bool,
        known: &BTreeSet<String>,
        asks: &[Ask],
    ) -> Result<(HashMap<String, Held>, Doubles)> {
        let asked: HashMap<&str, &Ask> = asks.iter().map(|ask| (ask.id.as_str(), ask)).collect();
        let mut held: HashMap<String, Held> = HashMap::new();
        let mut doubles = Doubles::default();
        for read::Row { place, value } in &self.rows {
            match &value.task {
                Some(task) if task != name => continue,
                None if !alone => bail!(
                    "{place}: wanted `task`, as answers to several tasks are looked for in this file"
                ),
                _ => {}
            }
            let id = match &value.id {
                Value::String(id) => id.clone(),
                other => other.to_string(),
            };
            ensure!(
                known.contains(&id),
                "{place}: {name} has no question `{id}`"
            );
            // Beyond the limit: not asked, so not looked at.
            let Some(ask) = asked.get(id.as_str()) else {
                continue;
            };
            let more = value.held(ask).with_context(|| place.to_string())?;
            let spare = match (held.get_mut(&id), more) {
                (None, mut more) => {
                    let spare = more.keep(ask.draw.samples);
                    held.insert(id, more);
                    spare
                }
                (Some(Held::Texts(texts)), Held::Texts(more)) => {
                    texts.extend(more);
                    let spare = texts.len().saturating_sub(ask.draw.samples);
                    texts.truncate(ask.draw.samples);
                    spare
                }
                (Some(_), _) => 1,
            };
            if spare > 0 {
                doubles.count += spare;
                doubles.first.get_or_insert_with(|| place.clone());
            }
        }
        Ok((held, doubles))
    }
}

impl Row {
    fn held(&self, ask: &Ask) -> Result<Held> {
        let texts = self.answer.as_ref().or(self.completion.as_ref());
        match (texts, &self.solution, &self.likelihoods, &ask.request) {
            (None, None, Some(found), Request::Choose { options, .. }) => {
                likelihoods(found, options.len())
            }
            (None, None, Some(found), Request::Measure { .. }) => likelihoods(found, 1),
            (None, None, None, Request::Choose { .. } | Request::Measure { .. }) => {
                bail!("wanted `likelihoods`, which this task chooses by")
            }
            (_, _, _, Request::Choose { .. } | Request::Measure { .. }) => {
                bail!("wanted `likelihoods`, which this task chooses by, and nothing else")
            }
            (_, _, _, Request::Embed { .. }) => {
                bail!(
                    "this task asks for vectors, which no file of answers holds: run it with a model"
                )
            }
            (_, _, _, Request::Converse { tools, .. }) if !tools.is_empty() => {
                bail!(
                    "this task gives functions to call, and a file of answers has no place for calls: run it \
                     with a model"
                )
            }
            (Some(said), None, None, _) => Ok(Held::Texts(said.texts()?)),
            (None, Some(said), None, Request::Converse { .. }) => {
                let fenced = |code: String| format!("````python\n{code}\n````");
                Ok(Held::Texts(said.texts()?.into_iter().map(fenced).collect()))
            }
            (None, Some(_), None, Request::Complete { .. }) => bail!(
                "a whole `solution` is for the instruct protocol; the base protocol takes what goes on from \
                 the prompt, as `completion`"
            ),
            _ => bail!("wanted one of `answer`, `completion`, `solution`"),
        }
    }
}

fn likelihoods(found: &[Worth], wanted: usize) -> Result<Held> {
    ensure!(
        found.len() == wanted,
        "wanted {wanted} likelihoods, one for each option, found {}",
        found.len()
    );
    let one = |worth: &Worth| match worth {
        Worth::Sum(sum) => Likelihood {
            sum: *sum,
            tokens: 0,
            greedy: false,
        },
        Worth::Whole(whole) => whole.clone(),
    };
    let all: Vec<Likelihood> = found.iter().map(one).collect();
    if let Some(odd) = all.iter().find(|one| one.sum > 1e-6) {
        bail!(
            "a likelihood is {}: wanted ln p, which is never above 0",
            odd.sum
        );
    }
    Ok(Held::Likelihoods(all))
}

impl Held {
    /// Keeps as many samples as are drawn; how many were left out.
    fn keep(&mut self, samples: usize) -> usize {
        let Held::Texts(texts) = self else { return 0 };
        let spare = texts.len().saturating_sub(samples);
        texts.truncate(samples);
        spare
    }

    /// Whether there are fewer than are drawn.
    fn lacks(&self, ask: &Ask) -> bool {
        matches!(self, Held::Texts(texts) if texts.len() < ask.draw.samples)
    }

    fn answer(self, ask: &Ask) -> Answer {
        match (self, &ask.request) {
            (Held::Likelihoods(all), _) => Answer::Likelihoods(all),
            (Held::Texts(texts), Request::Converse { .. }) => {
                Answer::Messages(texts.into_iter().map(Message::assistant).collect())
            }
            (Held::Texts(texts), _) => Answer::Texts(texts),
        }
    }
}

impl Said {
    fn texts(&self) -> Result<Vec<String>> {
        let texts = match self {
            Said::One(text) => vec![text.clone()],
            Said::Many(texts) => texts.clone(),
        };
        ensure!(
            !texts.is_empty(),
            "the list of answers is empty: wanted one or more; a question that was not answered has no line"
        );
        Ok(texts)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests;
