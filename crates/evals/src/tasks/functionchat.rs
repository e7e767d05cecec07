//! FunctionChat-Bench: functions called, asked about, answered from and refused, in Korean conversations (Kakao, 2024).
//!
//! Three tasks from its three files. A call is scored by rule (`functionchat/call.rs`), and so is whether there
//! should be one at all; what is said instead of a call is for a judge, with the benchmark's rubrics, and so is a
//! call that the rule does not let pass, as in the original. Without a judge `exact_match` and `decision`
//! stand alone. `pass` is the judge's, by the majority of his votes; a vote that says neither pass nor fail does
//! not count. Only Singlecall calls are checked by rule in the original; here those of the other files are as well.

mod call;
mod rows;

use crate::ask::{Answer, Ask, Draw, Request};
use crate::judge::{self, agreement, fill};
use crate::task::{About, Aggregate, Asked, Kind, Metric, Score, Setup, Task, Told};
use anyhow::Result;
pub(super) use call::same;
use chat::{Message, ToolCall};
use rows::{Case, File, Wanted};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The shelf's lines.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "functionchat_singlecall",
        needs: &["functionchat/FunctionChat-Singlecall.jsonl"],
        open: |setup| Ok(Box::new(FunctionChat::open(setup, File::Singlecall))),
    },
    Kind {
        name: "functionchat_dialog",
        needs: &["functionchat/FunctionChat-Dialog.jsonl"],
        open: |setup| Ok(Box::new(FunctionChat::open(setup, File::Dialog))),
    },
    Kind {
        name: "functionchat_calldecision",
        needs: &["functionchat/FunctionChat-CallDecision.jsonl"],
        open: |setup| Ok(Box::new(FunctionChat::open(setup, File::CallDecision))),
    },
];

/// Tokens of an answer.
const LIMIT: usize = 1024;
/// As the benchmark draws.
const TEMPERATURE: f32 = 0.1;

struct FunctionChat {
    about: About,
    file: File,
    path: PathBuf,
    read: OnceLock<Arc<Read>>,
}

/// What was read.
struct Read {
    cases: Vec<Case>,
    places: HashMap<String, usize>,
}

impl FunctionChat {
    fn open(setup: &Setup, file: File) -> Self {
        let (name, summary) = match file {
            File::Singlecall => (
                "functionchat_singlecall",
                "calls the one right function among 1, 4 or 8, with the right arguments",
            ),
            File::Dialog => (
                "functionchat_dialog",
                "calls, asks for what is missing, tells what came back and declines, in conversations",
            ),
            File::CallDecision => (
                "functionchat_calldecision",
                "decides whether to call, to ask for what is missing or to decline",
            ),
        };
        let metric = |name: &&str| Metric {
            name: (*name).to_owned(),
            aggregate: Aggregate::Mean,
            higher_is_better: *name != "unrated",
        };
        let metrics = match file {
            File::Singlecall => ["exact_match", "pass", "decision", "agreement", "unrated"],
            File::Dialog => ["pass", "decision", "exact_match", "agreement", "unrated"],
            File::CallDecision => ["decision", "pass", "exact_match", "agreement", "unrated"],
        };
        FunctionChat {
            about: About {
                name: name.to_owned(),
                summary: summary.to_owned(),
                language: "ko".to_owned(),
                protocol: "tools in the chat template; calls by rule, words by a judge".to_owned(),
                source: "kakao/FunctionChat-Bench".to_owned(),
                version: 1,
                metrics: metrics.iter().map(metric).collect(),
            },
            file,
            path: setup.data.join("functionchat").join(file.name()),
            read: OnceLock::new(),
        }
    }

    fn read(&self) -> Result<Arc<Read>> {
        if let Some(read) = self.read.get() {
            return Ok(read.clone());
        }
        let cases = rows::read(&self.path, self.file)?;
        let places = cases.iter().enumerate();
        let places = places
            .map(|(place, case)| (case.id.clone(), place))
            .collect();
        Ok(self
            .read
            .get_or_init(|| Arc::new(Read { cases, places }))
            .clone())
    }

    fn with<T>(&self, ask: &Ask, put: impl FnOnce(&Case) -> T) -> Option<T> {
        let read = self.read().ok()?;
        let place = *read.places.get(&ask.id)?;
        Some(put(&read.cases[place]))
    }
}

/// The first message that came; `None` where none did.
fn message(answers: &[Answer]) -> Option<&Message> {
    match answers.first()? {
        Answer::Messages(messages) => messages.first(),
        _ => None,
    }
}

impl Case {
    /// Why a call is wrong by rule; `None` where it is right, or where none is wanted.
    fn wrong(&self, called: &[ToolCall]) -> Option<String> {
        match &self.wanted {
            Wanted::Call(right) => right.wrong(called),
            Wanted::Words => None,
        }
    }

    fn calls(&self) -> bool {
        matches!(self.wanted, Wanted::Call(_))
    }

    /// Whether the rule settles it, so that no judge is needed.
    fn settled(&self, message: &Message) -> bool {
        self.calls() && self.wrong(&message.tool_calls).is_none()
    }

    fn question(&self, message: &Message) -> Result<Request> {
        let dump = |value: &Value| rows::dump(value);
        let calls: Vec<Value> = message
            .tool_calls
            .iter()
            .map(|call| json!({"function": {"arguments": call.function.arguments, "name": call.function.name}, "type": "function"}))
            .collect();
        let response = json!({
            "content": message.content,
            "role": "assistant",
            "function_call": null,
            "tool_calls": if calls.is_empty() { Value::Null } else { Value::Array(calls) },
        });
        let (tools, query) = (dump(&self.tools_json), dump(&self.messages_json));
        let (truth, response) = (dump(&self.truth), dump(&response));
        let acceptable = dump(&self.acceptable);
        let mut values = vec![
            ("tools", &*tools),
            ("query", &*query),
            ("ground_truth", &*truth),
            ("response", &*response),
        ];
        if self.kind == rows::Output::Call {
            values.push(("acceptable_arguments", &*acceptable));
        }
        Ok(judge::request(
            "",
            fill(self.kind.rubric().trim(), &values)?,
        ))
    }
}

impl Task for FunctionChat {
    fn about(&self) -> &About {
        &self.about
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let ask = |case: &Case| Ask {
            id: case.id.clone(),
            group: case.group.clone(),
            request: Request::Converse {
                messages: case.messages.clone(),
                tools: case.tools.clone(),
                limit: LIMIT,
            },
            draw: Draw {
                temperature: TEMPERATURE,
                ..Draw::default()
            },
        };
        Ok(self.read()?.cases.iter().map(ask).collect())
    }

    fn judge(&self, ask: &Ask, answers: &[Answer]) -> Vec<Request> {
        let Some(message) = message(answers) else {
            return vec![];
        };
        let question = self.with(ask, |case| match case.settled(message) {
            true => None,
            false => case.question(message).ok(),
        });
        question.flatten().into_iter().collect()
    }

    fn score(&self, ask: &Ask, answers: &[Answer], judged: &[Answer]) -> Score {
        let put = |case: &Case| score(case, answers, judged);
        self.with(ask, put).unwrap_or_default()
    }

    fn scores(&self, _: &[Answer], asked: &[Asked<'_>], _: &mut Told<'_>) -> Result<Vec<Score>> {
        let each = asked
            .iter()
            .map(|one| self.score(one.ask, one.answers, one.judged));
        let mut scores: Vec<Score> = each.collect();
        // Without a judge only what the rule lets pass would count, and all of that passes.
        let nobody = judge::nobody(asked.iter().flat_map(|one| one.judged));
        if nobody
            && scores
                .iter()
                .any(|score| !score.values.contains_key("pass"))
        {
            for score in &mut scores {
                score.values.remove("pass");
                score.values.remove("unrated");
            }
        }
        Ok(scores)
    }

    fn remarks(&self, asked: &[Asked<'_>]) -> Vec<String> {
        let judged = asked.iter().flat_map(|one| one.judged);
        if judge::nobody(judged.clone()) {
            return judge::unjudged(judged);
        }
        let votes: Vec<Vec<usize>> = judged.map(|judged| passes(judged).0).collect();
        let Some(share) = agreement::interval(&votes, agreement::equal_share) else {
            return vec![];
        };
        let kappa = agreement::fleiss(&votes);
        vec![format!(
            "the judge's votes on one answer were equal in {:.1} % of pairs [{:.1}, {:.1}]{}",
            100.0 * share.value,
            100.0 * share.low,
            100.0 * share.high,
            kappa.map_or(String::new(), |kappa| format!(", Fleiss' κ {kappa:.2}"))
        )]
    }
}

/// The votes that say pass (1) or fail (0), and how many say neither.
fn passes(judged: &Answer) -> (Vec<usize>, usize) {
    let votes: Vec<Option<bool>> = judge::votes(judged)
        .into_iter()
        .map(judge::passes)
        .collect();
    let neither = votes.iter().filter(|vote| vote.is_none()).count();
    (
        votes.into_iter().flatten().map(usize::from).collect(),
        neither,
    )
}

fn note(notes: &[&str]) -> String {
    let said: Vec<&str> = notes
        .iter()
        .copied()
        .filter(|note| !note.is_empty())
        .collect();
    said.join("; ")
}

fn score(case: &Case, answers: &[Answer], judged: &[Answer]) -> Score {
    let mut score = Score {
        expected: case.expected(),
        ..Score::default()
    };
    let mut put = |name: &str, value: f64| score.values.insert(name.to_owned(), value);
    let Some(message) = message(answers) else {
        put("decision", 0.0);
        put("pass", 0.0);
        if case.calls() {
            put("exact_match", 0.0);
        }
        score.note = match answers.first() {
            Some(Answer::Failed(why)) => format!("no answer: {why}"),
            _ => "no answer".to_owned(),
        };
        return score;
    };
    let wrong = case.wrong(&message.tool_calls);
    let called = !message.tool_calls.is_empty();
    put("decision", f64::from(u8::from(called == case.calls())));
    if case.calls() {
        put("exact_match", f64::from(u8::from(wrong.is_none())));
    }
    let mut unrated = String::new();
    if case.settled(message) {
        put("pass", 1.0);
    } else if let Some(judged) = judged.first() {
        let (votes, neither) = passes(judged);
        put("unrated", neither as f64 / (votes.len() + neither) as f64);
        if let Some(agreed) = agreement::equal_pairs(&votes) {
            put("agreement", agreed);
        }
        let passed: usize = votes.iter().sum();
        match votes.len() {
            0 => {
                unrated = match judged {
                    Answer::Failed(why) => format!("the judge failed: {why}"),
                    _ => "the judge said neither pass nor fail: it is left out".to_owned(),
                };
            }
            all => drop(put("pass", f64::from(u8::from(2 * passed > all)))),
        }
    }
    score.taken = rows::say(message);
    score.note = note(&[wrong.as_deref().unwrap_or_default(), &unrated]);
    score
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests;
