//! Answers that are there already, from a file: scored without a model.
//!
//! One JSON object a line: `task_id` (or `id`) names the question, and what was answered is `answer` (as the
//! model said it), `completion` (the same, evalplus' word for what goes on from the prompt) or `solution` (a
//! whole program, put where a chat answer has its code). Several lines of one name are several samples; a
//! list is as many.

use crate::ask::{Answer, Ask, Request};
use crate::read::json_lines;
use crate::task::{Score, Task};
use anyhow::{Result, bail, ensure};
use chat::{Message, Role};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Row {
    #[serde(alias = "task_id", alias = "key")]
    id: Value,
    answer: Option<Said>,
    completion: Option<Said>,
    solution: Option<Said>,
}

/// What the answers of `file` are worth, for each question that has one, in the task's order.
///
/// # Errors
/// Rows that name no question of the task or answer nothing; no question answered; those of
/// [`Task::asks`] and [`Task::ground`]. Tasks of several turns or with a judge are refused.
pub fn given(task: &dyn Task, file: &Path) -> Result<Vec<(Ask, Score)>> {
    let asks = task.asks()?;
    ensure!(
        task.ground()?.is_empty(),
        "{} rests on more than one answer a question: run it with a model",
        task.about().name
    );
    let mut answers: HashMap<String, Vec<String>> = HashMap::new();
    let known: HashMap<&str, &Ask> = asks.iter().map(|ask| (ask.id.as_str(), ask)).collect();
    for row in json_lines::<Row>(file)? {
        let (place, row) = (row.place, row.value);
        let id = match row.id {
            Value::String(id) => id,
            other => other.to_string(),
        };
        let Some(ask) = known.get(id.as_str()) else {
            bail!("{place}: {} has no question `{id}`", task.about().name);
        };
        let texts = match (row.answer.or(row.completion), row.solution) {
            (Some(said), None) => said.texts(),
            (None, Some(said)) => {
                ensure!(
                    matches!(ask.request, Request::Converse { .. }),
                    "{place}: a whole `solution` is for the instruct protocol; the base protocol takes \
                     what goes on from the prompt, as `completion`"
                );
                let fenced = |code: String| format!("````python\n{code}\n````");
                said.texts().into_iter().map(fenced).collect()
            }
            _ => bail!("{place}: wanted one of `answer`, `completion`, `solution`"),
        };
        answers.entry(id).or_default().extend(texts);
    }
    let mut given = Vec::new();
    for ask in asks {
        let Some(texts) = answers.remove(&ask.id) else {
            continue;
        };
        let answer = match &ask.request {
            Request::Complete { .. } => Answer::Texts(texts),
            Request::Converse { .. } => Answer::Messages(texts.into_iter().map(message).collect()),
            _ => bail!(
                "{} asks for likelihoods or vectors, which no file of words holds",
                task.about().name
            ),
        };
        given.push((ask, answer));
    }
    let all: Vec<[Answer; 1]> = given.iter().map(|(_, answer)| [answer.clone()]).collect();
    let asked: Vec<crate::Asked<'_>> = given
        .iter()
        .zip(&all)
        .map(|((ask, _), answers)| crate::Asked {
            ask,
            answers,
            judged: &[],
        })
        .collect();
    ensure!(
        asked
            .iter()
            .all(|one| task.next(one.ask, one.answers).is_none()
                && task.judge(one.ask, one.answers).is_empty()),
        "{} asks on, or asks a judge: run it with a model",
        task.about().name
    );
    let scores = task.scores(&[], &asked);
    Ok(given.into_iter().map(|(ask, _)| ask).zip(scores).collect())
}

impl Said {
    fn texts(self) -> Vec<String> {
        match self {
            Said::One(text) => vec![text],
            Said::Many(texts) => texts,
        }
    }
}

fn message(text: String) -> Message {
    Message {
        role: Role::Assistant,
        content: Some(text),
        tool_calls: vec![],
        tool_call_id: None,
        name: None,
        rest: Map::new(),
    }
}
