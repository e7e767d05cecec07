//! Results as lm-evaluation-harness writes them, so that its readers read ours.
//!
//! `results.json`: `results.<task>.{"acc,none", "acc_stderr,none", alias, sample_len}`, the same for
//! each group as `<task>_<group>` where there are several, `groups`, `group_subtasks`, `configs`,
//! `versions`, `n-shot`, `higher_is_better`, `n-samples`, `task_hashes`; what lm-eval has no word for
//! stands under `kanana`. `samples_<task>.jsonl`: a line a question, as its `--log_samples` writes, an
//! entry of `resps` for each of its requests.
//!
//! What differs in a line: it is one for all filters, where lm-eval writes one for each, and so its metrics
//! keep theirs (`exact_match,strict-match`) and `filter` is `none`; `doc` is only id and group; messages
//! stand as messages, and a request without an answer as `{"failed": why}`. Hashes are BLAKE3, where
//! lm-eval's are SHA-256.

use super::{Group, Outcome, Question};
use crate::ask::{Answer, Likelihood, Request};
use crate::estimate::Estimate;
use crate::task::Protocol;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Raise it when a field of ours would mean something else.
pub(super) const FORMAT: u32 = 1;

/// What all tasks of a run have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The model, by the name that it is shown under.
    pub model: String,
    /// Who answered, in full: what the answers are kept under.
    pub identity: String,
    /// BLAKE3 of the tokenizer, where it is known.
    pub tokenizer: Option<String>,
    /// BLAKE3 of the chat template, where there is one.
    pub chat_template: Option<String>,
    /// Base or instruct.
    pub protocol: Protocol,
    /// Questions of each group at most.
    pub limit: Option<usize>,
    /// Answers drawn for each question.
    pub samples: usize,
    /// The temperature that was asked for; `None` where it was left to the tasks.
    pub temperature: Option<f32>,
    /// Tokens that an answer in words could have; `None` where it was left to the tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// Who judged, where somebody did.
    pub judge: Option<String>,
    /// The version of this program.
    pub version: String,
}

/// `acc` → `acc,none`; a name that has a filter already keeps it.
fn key(metric: &str, suffix: &str) -> String {
    match metric.split_once(',') {
        Some((name, filter)) => format!("{name}{suffix},{filter}"),
        None => format!("{metric}{suffix},none"),
    }
}

/// What a group's figures are listed under.
pub(super) fn subtask(task: &str, group: &Group) -> String {
    let name = group.name.replace([' ', '/'], "_");
    match name.starts_with(&format!("{task}_")) {
        true => name,
        false => format!("{task}_{name}"),
    }
}

fn figures(name: &str, alias: &str, questions: usize, estimates: &[Estimate]) -> Value {
    let mut all = Map::new();
    all.insert("name".to_owned(), json!(name));
    all.insert("alias".to_owned(), json!(alias));
    all.insert("sample_len".to_owned(), json!(questions));
    for estimate in estimates {
        let metric = &estimate.metric.name;
        all.insert(key(metric, ""), json!(estimate.value));
        let error = estimate.error.map_or(json!("N/A"), |error| json!(error));
        all.insert(key(metric, "_stderr"), error);
    }
    Value::Object(all)
}

/// `results.json`.
pub fn results(about: &About, outcomes: &[Outcome]) -> Value {
    let maps = ["results", "groups", "group_subtasks", "configs", "versions"];
    let maps = maps.into_iter().chain([
        "n-shot",
        "higher_is_better",
        "n-samples",
        "task_hashes",
        "kanana",
    ]);
    let mut all: Map<String, Value> = maps.map(|name| (name.to_owned(), json!({}))).collect();
    for outcome in outcomes {
        let task = &outcome.about.name;
        let whole = figures(task, task, outcome.questions.len(), &outcome.estimates);
        let mut put = |field: &str, name: &str, value: Value| {
            all[field]
                .as_object_mut()
                .expect("made above")
                .insert(name.to_owned(), value);
        };
        put("results", task, whole.clone());
        if outcome.groups.len() > 1 {
            let mut names = vec![];
            for group in &outcome.groups {
                let name = subtask(task, group);
                let alias = format!(" - {}", group.name);
                put(
                    "results",
                    &name,
                    figures(&name, &alias, group.questions, &group.estimates),
                );
                names.push(name);
            }
            put("groups", task, whole);
            put("group_subtasks", task, json!(names));
        }
        let mut higher = Map::new();
        for metric in &outcome.about.metrics {
            let (name, _) = metric.name.split_once(',').unwrap_or((&metric.name, ""));
            higher.insert(name.to_owned(), json!(metric.higher_is_better));
        }
        put(
            "configs",
            task,
            json!({
                "task": task,
                "dataset_path": outcome.about.source,
                "description": outcome.about.summary,
                "num_fewshot": outcome.shots(),
                "metadata": {"version": outcome.about.version, "protocol": outcome.about.protocol},
            }),
        );
        put("versions", task, json!(outcome.about.version));
        put("n-shot", task, json!(outcome.shots()));
        put("higher_is_better", task, Value::Object(higher));
        put(
            "n-samples",
            task,
            json!({"original": outcome.total, "effective": outcome.questions.len()}),
        );
        put("task_hashes", task, json!(outcome.prompts_hash()));
        put(
            "kanana",
            task,
            json!({
                "about": outcome.about,
                "intervals": outcome.estimates,
                "failed": outcome.failed(),
                "cut": outcome.cut(),
                "remarks": outcome.remarks,
                "respondent": outcome.respondent,
                "judge": outcome.judge,
                "contamination": outcome.contamination,
            }),
        );
    }
    all.insert(
        "config".to_owned(),
        json!({
            "model": "kanana",
            "model_args": about.identity,
            "limit": about.limit,
            "gen_kwargs": {"temperature": about.temperature, "samples": about.samples},
        }),
    );
    all.insert("model_name".to_owned(), json!(about.model));
    all.insert("chat_template_sha".to_owned(), json!(about.chat_template));
    all.insert("format".to_owned(), json!(FORMAT));
    all.insert("run".to_owned(), json!(about));
    Value::Object(all)
}

/// `samples_<task>.jsonl`: a line for each question.
pub fn samples(outcome: &Outcome) -> impl Iterator<Item = Value> + '_ {
    let metrics: Vec<&str> = outcome
        .about
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    outcome.questions.iter().enumerate().map(move |(at, one)| {
        let mut line = json!({
            "doc_id": at,
            "doc": {"id": one.ask.id, "group": one.ask.group},
            "target": one.score.expected,
            "arguments": arguments(one),
            "resps": responses(one),
            "filtered_resps": filtered(one),
            "filter": "none",
            "metrics": metrics,
            "prompt_hash": one.prompt_hash(),
            "target_hash": blake3::hash(one.score.expected.as_bytes()).to_hex().to_string(),
            "kanana": {"weight": one.score.weight, "weights": one.score.weights,
                "classes": one.score.classes, "taken": one.score.taken, "note": one.score.note,
                "notes": one.notes, "cut": one.cut, "judge": judged(one)},
        });
        let fields = line.as_object_mut().expect("an object");
        for (name, value) in &one.score.values {
            fields.insert(name.clone(), json!(value));
        }
        line
    })
}

fn judged(one: &Question) -> Vec<Value> {
    let pairs = one.judge_requests.iter().zip(&one.judged);
    pairs
        .map(|(request, answer)| json!({"request": request, "answer": answer}))
        .collect()
}

/// `{"gen_args_0": {"arg_0": context, "arg_1": option}, …}`.
fn arguments(one: &Question) -> Value {
    let mut all = Map::new();
    let mut push = |arguments: Vec<Value>| {
        let numbered = arguments.into_iter().enumerate();
        let one: Map<String, Value> = numbered
            .map(|(at, value)| (format!("arg_{at}"), value))
            .collect();
        all.insert(format!("gen_args_{}", all.len()), Value::Object(one));
    };
    for request in &one.requests {
        match request {
            Request::Choose { context, options } => options
                .iter()
                .for_each(|option| push(vec![json!(context), json!(option)])),
            Request::Measure { text } | Request::Embed { text, .. } => push(vec![json!(text)]),
            Request::Complete {
                prompt,
                stops,
                limit,
            } => push(vec![
                json!(prompt),
                json!({"until": stops, "max_gen_toks": limit}),
            ]),
            Request::Converse {
                messages,
                tools,
                limit,
            } => push(vec![
                json!(messages),
                json!({"tools": tools, "max_gen_toks": limit}),
            ]),
        }
    }
    Value::Object(all)
}

/// An entry for each request in lm-eval's sense, each a list of as many answers as were drawn.
fn responses(one: &Question) -> Vec<Value> {
    let mut all = vec![];
    for (at, answer) in one.answers.iter().enumerate() {
        match answer {
            Answer::Likelihoods(likelihoods) => {
                let values = likelihoods.iter().map(|value| likelihood(one, at, value));
                all.extend(values.map(|value| json!([value])));
            }
            Answer::Texts(texts) => all.push(json!(texts)),
            Answer::Messages(messages) => all.push(json!(messages)),
            // Thousands of numbers a line that nobody reads.
            Answer::Vector(vector) => all.push(json!([format!("a vector of {}", vector.len())])),
            Answer::Failed(why) => all.push(json!({"failed": why})),
        }
    }
    all
}

/// Likelihoods as they came, one for each request; of words what was taken from them.
fn filtered(one: &Question) -> Vec<Value> {
    let answers = one.answers.iter().enumerate();
    let all: Vec<Value> = answers
        .filter_map(|(at, answer)| match answer {
            Answer::Likelihoods(all) => Some((at, all)),
            _ => None,
        })
        .flat_map(|(at, all)| all.iter().map(move |value| likelihood(one, at, value)))
        .collect();
    match all.is_empty() {
        true => vec![json!(one.score.taken)],
        false => all,
    }
}

/// In strings, as lm-eval writes them: of a continuation with whether it is greedy, of a whole text alone.
fn likelihood(one: &Question, at: usize, value: &Likelihood) -> Value {
    let sum = value.sum.to_string();
    match one.requests.get(at) {
        Some(Request::Measure { .. }) => json!(sum),
        _ => json!([sum, if value.greedy { "True" } else { "False" }]),
    }
}
