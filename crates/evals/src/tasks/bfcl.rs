//! The Berkeley Function-Calling Leaderboard's single-turn Python parts: one function, one of several, many calls, none.
//!
//! Scored by comparing what was called with the possible answers (`bfcl/check.rs`), without running anything:
//! the leaderboard's AST evaluation. Where no function fits, no call is right. Functions are handed over as
//! tools, their Python types in the words of JSON schema; a name whose dots became underscores is the same name,
//! as with models that take no dots. Absent: the live, multi-turn, Java and JavaScript parts.

mod check;

use crate::ask::{Answer, Ask, Draw, Request};
use crate::read::{self, Row};
use crate::task::{About, Aggregate, Kind, Metric, Score, Setup, Task};
use anyhow::{Context as _, Result, ensure};
use chat::{Message, Tool};
use check::Function;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The shelf's lines.
pub const KINDS: &[Kind] = &[Kind {
    name: "bfcl",
    needs: &[
        "bfcl/BFCL_v4_simple_python.json",
        "bfcl/BFCL_v4_multiple.json",
        "bfcl/BFCL_v4_parallel.json",
        "bfcl/BFCL_v4_parallel_multiple.json",
        "bfcl/BFCL_v4_irrelevance.json",
        "bfcl/possible_answer",
    ],
    open: |setup| Ok(Box::new(open(setup))),
}];

const IRRELEVANCE: &str = "irrelevance";
const CATEGORIES: [&str; 5] = [
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    IRRELEVANCE,
];
/// Tokens of an answer.
const LIMIT: usize = 1024;

struct Bfcl {
    about: About,
    folder: PathBuf,
    read: OnceLock<Arc<Read>>,
}

struct Read {
    cases: Vec<Case>,
    places: HashMap<String, usize>,
}

struct Case {
    id: String,
    category: &'static str,
    messages: Vec<Message>,
    tools: Vec<Tool>,
    functions: Vec<Function>,
    /// Function → argument → what it may be; empty where no call is right.
    answers: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct QuestionRow {
    id: String,
    question: Vec<Vec<Message>>,
    function: Vec<Value>,
}

#[derive(Deserialize)]
struct AnswerRow {
    id: String,
    ground_truth: Vec<Map<String, Value>>,
}

fn open(setup: &Setup) -> Bfcl {
    Bfcl {
        about: About {
            name: "bfcl".to_owned(),
            summary: "calls the right functions with the right arguments, or none where none fits"
                .to_owned(),
            language: "en".to_owned(),
            protocol: "tools in the chat template; calls compared with the possible answers"
                .to_owned(),
            source: "ShishirPatil/gorilla, berkeley-function-call-leaderboard, v4".to_owned(),
            version: 1,
            metrics: vec![Metric {
                name: "acc".to_owned(),
                aggregate: Aggregate::Mean,
                higher_is_better: true,
            }],
        },
        folder: setup.data.join("bfcl"),
        read: OnceLock::new(),
    }
}

impl Bfcl {
    fn read(&self) -> Result<Arc<Read>> {
        if let Some(read) = self.read.get() {
            return Ok(read.clone());
        }
        let mut cases = Vec::new();
        for category in CATEGORIES {
            self.category(category, &mut cases)?;
        }
        let places = cases.iter().enumerate();
        let places = places
            .map(|(place, case)| (case.id.clone(), place))
            .collect();
        let read = Read { cases, places };
        Ok(self.read.get_or_init(|| Arc::new(read)).clone())
    }

    fn category(&self, category: &'static str, cases: &mut Vec<Case>) -> Result<()> {
        let file = format!("BFCL_v4_{category}.json");
        let mut answers = HashMap::new();
        if category != IRRELEVANCE {
            let path = self.folder.join("possible_answer").join(&file);
            for Row { value, .. } in read::json_lines::<AnswerRow>(&path)? {
                answers.insert(value.id, value.ground_truth);
            }
        }
        for Row { place, value } in read::json_lines::<QuestionRow>(&self.folder.join(&file))? {
            let answers = answers.remove(&value.id).unwrap_or_default();
            ensure!(
                category == IRRELEVANCE || !answers.is_empty(),
                "{place}: {} has no possible answer",
                value.id
            );
            let functions: Result<Vec<Function>, _> = value
                .function
                .iter()
                .cloned()
                .map(serde_json::from_value)
                .collect();
            let functions = functions.with_context(|| format!("{place}: a function"))?;
            for name in answers.iter().flat_map(Map::keys) {
                ensure!(
                    functions.iter().any(|function| function.name == *name),
                    "{place}: the answer calls {name}, which is none of the functions"
                );
            }
            let tools: Result<Vec<Tool>, _> = value
                .function
                .into_iter()
                .map(|function| {
                    let function = schema(function);
                    serde_json::from_value(
                        serde_json::json!({"type": "function", "function": function}),
                    )
                })
                .collect();
            cases.push(Case {
                id: value.id,
                category,
                messages: value.question.into_iter().next().unwrap_or_default(),
                tools: tools.with_context(|| format!("{place}: a function"))?,
                functions,
                answers,
            });
        }
        Ok(())
    }
}

/// Python's types in the words of JSON schema.
fn schema(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let word = match (name.as_str(), value.as_str()) {
                    ("type", Some("dict")) => Some("object"),
                    ("type", Some("float")) => Some("number"),
                    ("type", Some("tuple")) => Some("array"),
                    ("type", Some("any")) => Some("string"),
                    _ => None,
                };
                (name, word.map_or_else(|| schema(value), Value::from))
            })
            .collect(),
        Value::Array(values) => values.into_iter().map(schema).collect(),
        other => other,
    }
}

impl Case {
    fn score(&self, answer: Option<&Answer>) -> Score {
        let mut score = Score {
            expected: match self.answers.is_empty() {
                true => "no call".to_owned(),
                false => self
                    .answers
                    .iter()
                    .map(|call| Value::from(call.clone()).to_string())
                    .collect::<Vec<_>>()
                    .join("\n"),
            },
            ..Score::default()
        };
        let message = match answer {
            Some(Answer::Messages(messages)) => messages.first(),
            _ => None,
        };
        let wrong = match message {
            None => Some(match answer {
                Some(Answer::Failed(why)) => format!("no answer: {why}"),
                _ => "no answer".to_owned(),
            }),
            Some(message) => {
                let calls = message.tool_calls.iter().map(|call| &call.function);
                score.taken = calls
                    .map(|call| format!("{} {}", call.name, call.arguments))
                    .collect::<Vec<_>>()
                    .join("\n");
                if score.taken.is_empty() {
                    score.taken = message.content.clone().unwrap_or_default();
                }
                self.wrong(message)
            }
        };
        score
            .values
            .insert("acc".to_owned(), f64::from(u8::from(wrong.is_none())));
        score.note = wrong.unwrap_or_default();
        score
    }

    fn wrong(&self, message: &Message) -> Option<String> {
        if self.answers.is_empty() {
            let called = message.tool_calls.first()?;
            return Some(format!(
                "{} was called, and no function fits",
                called.function.name
            ));
        }
        if message.tool_calls.len() != self.answers.len() {
            return Some(format!(
                "{} calls for {}",
                message.tool_calls.len(),
                self.answers.len()
            ));
        }
        let mut left: Vec<&chat::Function> = message
            .tool_calls
            .iter()
            .map(|call| &call.function)
            .collect();
        for answer in &self.answers {
            let Some((name, possible)) = answer.iter().next() else {
                continue;
            };
            let function = self
                .functions
                .iter()
                .find(|function| function.name == *name)?;
            let mut why = String::new();
            let fits = left
                .iter()
                .position(|call| match function.wrong(call, possible) {
                    None => true,
                    Some(wrong) => {
                        why = wrong;
                        false
                    }
                });
            match fits {
                Some(at) => {
                    left.remove(at);
                }
                None => return Some(why),
            }
        }
        None
    }
}

impl Task for Bfcl {
    fn about(&self) -> &About {
        &self.about
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let ask = |case: &Case| Ask {
            id: case.id.clone(),
            group: case.category.to_owned(),
            request: Request::Converse {
                messages: case.messages.clone(),
                tools: case.tools.clone(),
                limit: LIMIT,
            },
            draw: Draw::default(),
        };
        Ok(self.read()?.cases.iter().map(ask).collect())
    }

    fn score(&self, ask: &Ask, answers: &[Answer], _: &[Answer]) -> Score {
        let Ok(read) = self.read() else {
            return Score::default();
        };
        let case = read.places.get(&ask.id).map(|place| &read.cases[*place]);
        case.map(|case| case.score(answers.first()))
            .unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests;
