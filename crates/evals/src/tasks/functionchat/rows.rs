//! The rows of FunctionChat-Bench's three files, as cases that can be asked and scored.

use super::call::{Right, acceptable};
use crate::read::{self, Place, Row};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use chat::{Function, Message, Tool};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// Which of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Singlecall,
    Dialog,
    CallDecision,
}

impl File {
    pub(super) fn name(self) -> &'static str {
        match self {
            File::Singlecall => "FunctionChat-Singlecall.jsonl",
            File::Dialog => "FunctionChat-Dialog.jsonl",
            File::CallDecision => "FunctionChat-CallDecision.jsonl",
        }
    }
}

/// What an answer should be, which is also what it is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Output {
    Call,
    Completion,
    Slot,
    Relevance,
}

impl Output {
    /// The rubric of github.com/kakao/FunctionChat-Bench, which is part of what the benchmark is.
    pub(super) fn rubric(self) -> &'static str {
        match self {
            Output::Call => include_str!("rubric_call.txt"),
            Output::Completion => include_str!("rubric_completion.txt"),
            Output::Slot => include_str!("rubric_slot.txt"),
            Output::Relevance => include_str!("rubric_relevance.txt"),
        }
    }
}

/// What is right.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Call(Right),
    /// Words, whatever they are: a judge reads them.
    Words,
}

/// A case of any of the files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) kind: Output,
    pub(super) messages: Vec<Message>,
    pub(super) tools: Vec<Tool>,
    pub(super) wanted: Wanted,
    // What the judge is shown, as it stands in the file.
    pub(super) messages_json: Value,
    pub(super) tools_json: Value,
    pub(super) truth: Value,
    pub(super) acceptable: Value,
}

/// The system message of Singlecall and Dialog, which lies beside their files.
const SYSTEM: &str = "AI assistant로서, user와 한국어로 대화를 나누세요. 적합한 function이 있으면, 자체 지식으로 답하지 말고 function 호출을 통해 user의 요청을 해결하세요. function 호출에 필요한 파라미터 값을 임의로 생성하지 마세요. 필수 정보가 부족할 경우 user에게 질문해 정보를 얻으세요. 특별한 이유가 없다면, 파라미터 값을 생성할 때 user의 한국어 표현을 영어로 변경하지 마세요.";

#[derive(Deserialize)]
struct SinglecallRow {
    function_name: String,
    query: Vec<Numbered>,
    ground_truth: Vec<Numbered>,
    acceptable_arguments: Vec<Numbered>,
    tools: Vec<Tools>,
}

#[derive(Deserialize)]
struct Numbered {
    serial_num: u64,
    content: Value,
}

#[derive(Deserialize)]
struct Tools {
    #[serde(rename = "type")]
    kind: String,
    content: Value,
}

#[derive(Deserialize)]
struct DialogRow {
    dialog_num: u64,
    tools: Value,
    turns: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    serial_num: u64,
    query: Value,
    ground_truth: Value,
    type_of_output: Output,
    acceptable_arguments: Value,
}

#[derive(Deserialize)]
struct DecisionRow {
    serial_num: u64,
    category: String,
    input_messages: Value,
    input_tools: Value,
    type_of_output: Output,
    ground_truth: Value,
    acceptable_arguments: Value,
}

/// The cases of a file, in its order.
pub(super) fn read(path: &Path, file: File) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    match file {
        File::Singlecall => {
            for Row { place, value } in read::json_lines::<SinglecallRow>(path)? {
                singlecall(&place, value, &mut cases)?;
            }
        }
        File::Dialog => {
            for Row { place, value } in read::json_lines::<DialogRow>(path)? {
                for turn in value.turns {
                    cases.push(
                        case(
                            format!("{}/{}", value.dialog_num, turn.serial_num),
                            None,
                            turn.type_of_output,
                            with_system(&turn.query).with_context(|| place.to_string())?,
                            value.tools.clone(),
                            turn.ground_truth,
                            turn.acceptable_arguments,
                        )
                        .with_context(|| place.to_string())?,
                    );
                }
            }
        }
        File::CallDecision => {
            for Row { place, value } in read::json_lines::<DecisionRow>(path)? {
                cases.push(
                    case(
                        value.serial_num.to_string(),
                        Some(value.category),
                        value.type_of_output,
                        value.input_messages,
                        value.input_tools,
                        value.ground_truth,
                        value.acceptable_arguments,
                    )
                    .with_context(|| place.to_string())?,
                );
            }
        }
    }
    let mut seen = HashSet::new();
    for case in &cases {
        ensure!(
            seen.insert(&case.id),
            "{}: the case {} is there twice",
            path.display(),
            case.id
        );
    }
    Ok(cases)
}

fn singlecall(place: &Place, row: SinglecallRow, cases: &mut Vec<Case>) -> Result<()> {
    let whole = row.ground_truth.len() == row.query.len()
        && row.acceptable_arguments.len() == row.query.len();
    ensure!(
        whole,
        "{place}: {} questions, {} right calls and {} lists of acceptable arguments; wanted as many of each",
        row.query.len(),
        row.ground_truth.len(),
        row.acceptable_arguments.len()
    );
    let of_question = row
        .query
        .iter()
        .zip(&row.ground_truth)
        .zip(&row.acceptable_arguments);
    for ((query, truth), accepted) in of_question {
        let call = truth.content.as_str().map(serde_json::from_str::<Value>);
        let call = match call {
            Some(Ok(call)) => call,
            Some(Err(error)) => bail!(
                "{place}: the right call of {} is no JSON: {error}",
                truth.serial_num
            ),
            None => truth.content.clone(),
        };
        let asked = serde_json::json!([{"role": "user", "content": query.content}]);
        for tools in &row.tools {
            cases.push(
                case(
                    format!("{}/{}/{}", row.function_name, query.serial_num, tools.kind),
                    Some(tools.kind.clone()),
                    Output::Call,
                    with_system(&asked)?,
                    tools.content.clone(),
                    call.clone(),
                    accepted.content.clone(),
                )
                .with_context(|| place.to_string())?,
            );
        }
    }
    Ok(())
}

fn with_system(messages: &Value) -> Result<Value> {
    let messages = messages
        .as_array()
        .ok_or_else(|| anyhow!("the messages are no array"))?;
    let system = serde_json::json!({"role": "system", "content": SYSTEM});
    Ok(std::iter::once(system)
        .chain(messages.iter().cloned())
        .collect())
}

fn case(
    id: String,
    group: Option<String>,
    kind: Output,
    messages_json: Value,
    tools_json: Value,
    mut truth: Value,
    accepted: Value,
) -> Result<Case> {
    // The judge is not shown the made-up ids of calls.
    if let Some(calls) = truth.get_mut("tool_calls").and_then(Value::as_array_mut) {
        for call in calls {
            call.as_object_mut().map(|call| call.shift_remove("id"));
        }
    }
    let wanted = match kind {
        Output::Call => {
            let calls = match truth.get("tool_calls").and_then(Value::as_array) {
                Some(calls) => calls.iter().map(|call| call["function"].clone()).collect(),
                None => vec![truth.clone()],
            };
            let calls: Result<Vec<Function>, _> =
                calls.into_iter().map(serde_json::from_value).collect();
            let calls = calls.with_context(|| format!("the right call of {id}"))?;
            ensure!(!calls.is_empty(), "{id} wants a call, and none is given");
            Wanted::Call(Right {
                calls,
                acceptable: acceptable(&accepted),
            })
        }
        _ => Wanted::Words,
    };
    let named = |what: &'static str| format!("the {what} of {id}");
    let words = serde_json::to_value(WordOf(kind))?;
    Ok(Case {
        messages: serde_json::from_value(messages_json.clone())
            .with_context(|| named("messages"))?,
        tools: serde_json::from_value(tools_json.clone()).with_context(|| named("tools"))?,
        group: group.unwrap_or_else(|| words.as_str().unwrap_or_default().to_owned()),
        id,
        kind,
        wanted,
        messages_json,
        tools_json,
        truth,
        acceptable: match accepted {
            // The original hands the judge an object as its text.
            Value::Object(_) => Value::String(dump(&accepted)),
            other => other,
        },
    })
}

struct WordOf(Output);

impl Serialize for WordOf {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match self.0 {
            Output::Call => "call",
            Output::Completion => "completion",
            Output::Slot => "slot",
            Output::Relevance => "relevance",
        })
    }
}

impl Case {
    /// What is right, to be shown.
    pub(super) fn expected(&self) -> String {
        match &self.wanted {
            Wanted::Call(right) => {
                let calls = right.calls.iter();
                let calls: Vec<String> = calls
                    .map(|call| format!("{} {}", call.name, call.arguments))
                    .collect();
                calls.join("\n")
            }
            Wanted::Words => self.truth["content"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

/// What was answered, to be shown.
pub(super) fn say(message: &Message) -> String {
    let mut said = message.content.clone().unwrap_or_default();
    for call in &message.tool_calls {
        if !said.is_empty() {
            said.push('\n');
        }
        said.push_str(&format!(
            "{} {}",
            call.function.name, call.function.arguments
        ));
    }
    said
}

/// JSON as Python writes it, with a space after each comma and colon: what the judge of the original is shown.
pub(super) fn dump(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut to = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    value
        .serialize(&mut to)
        .expect("a value of JSON can be written");
    String::from_utf8(bytes).expect("JSON is text")
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        to.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        to.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
    ) -> std::io::Result<()> {
        to.write_all(b": ")
    }
}
