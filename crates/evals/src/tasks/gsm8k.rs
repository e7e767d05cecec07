//! GSM8K: word problems of primary school, answered by a number (Cobbe et al. 2021).
//!
//! `gsm8k/test.jsonl` and `train.jsonl` with `question` and `answer`, which ends in `#### NUMBER`. Base:
//! lm-eval's `gsm8k`, five examples drawn from `train`; strict match wants `#### NUMBER`, flexible takes
//! the last number. Instruct: the report's request to put the answer in a box (section 10), compared by value.

use crate::ask::{Answer, Ask, Draw, Request};
use crate::choose::converse;
use crate::maths;
use crate::prepared::{Benchmark, Prepared, mean, said, shots, wrong};
use crate::read::json_lines;
use crate::shots::{Choice, Shots, context};
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Result, ensure};
use regex::Regex;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "gsm8k",
    needs: &["gsm8k/test.jsonl", "gsm8k/train.jsonl"],
    open,
}];

/// lm-eval's tokens of an answer, where a task says nothing.
const TOKENS: usize = 256;

static STRICT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"#### (\-?[0-9\.\,]+)").expect("a pattern of ours"));
static FLEXIBLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(-?[$0-9.,]{2,})|(-?[0-9]+)").expect("a pattern of ours"));

struct Gsm8k {
    folder: PathBuf,
    protocol: Protocol,
    shots: usize,
    metrics: Vec<Metric>,
}

#[derive(Deserialize, PartialEq)]
struct Row {
    question: String,
    answer: String,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 5)?;
    let metrics = match setup.protocol {
        Protocol::Base => vec![
            mean("exact_match,strict-match"),
            mean("exact_match,flexible-extract"),
        ],
        Protocol::Instruct => vec![mean("exact_match")],
    };
    let about = About {
        name: "gsm8k".into(),
        summary: "word problems of primary school, answered by a number".into(),
        language: "en".into(),
        protocol: match setup.protocol {
            Protocol::Base => format!("{shots}-shot completion, exact match"),
            Protocol::Instruct => "0-shot, answer in a box, chat template".into(),
        },
        source: "openai/gsm8k on the hub; the original JSON lines".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Gsm8k {
        folder: setup.data.join("gsm8k"),
        protocol: setup.protocol,
        shots,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Gsm8k {
    /// The answer, reasons and all.
    type Key = String;

    fn questions(&self) -> Result<Vec<(Ask, String)>> {
        let train = self.folder.join("train.jsonl");
        let pool = match self.shots {
            0 => vec![],
            _ => rows(&train)?,
        };
        let name = train.display().to_string();
        let mut shots = Shots::new(&pool, Choice::Drawn, self.shots, 0, &name)?;
        let rows = rows(&self.folder.join("test.jsonl"))?;
        let ask = |(place, row): (usize, Row)| {
            let id = place.to_string();
            let ask = match self.protocol {
                Protocol::Base => {
                    let example = |row: &Row| (row.asked(), row.answer.clone());
                    let examples: Vec<_> = shots.next(None)?.into_iter().map(example).collect();
                    Ask {
                        id,
                        group: String::new(),
                        request: Request::Complete {
                            prompt: context("", &examples, " ", &row.asked()),
                            stops: ["Question:", "</s>", "<|im_end|>"]
                                .map(str::to_owned)
                                .into(),
                            limit: TOKENS,
                        },
                        draw: Draw::default(),
                    }
                }
                Protocol::Instruct => converse(id, String::new(), in_a_box(&row.question)),
            };
            Ok((ask, row.answer))
        };
        rows.into_iter().enumerate().map(ask).collect()
    }

    fn score(&self, _ask: &Ask, key: &String, answers: &[Answer]) -> Score {
        let wanted = cleaned(key);
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => {
                return Score {
                    expected: wanted,
                    ..wrong(&self.metrics, why)
                };
            }
        };
        let share = |right: &dyn Fn(&str) -> bool| {
            let right = texts.iter().filter(|text| right(text)).count();
            right as f64 / texts.len() as f64
        };
        let (values, taken) = match self.protocol {
            Protocol::Base => (
                vec![
                    share(&|text| cleaned(&strict(text)) == wanted),
                    share(&|text| cleaned(&flexible(text)) == wanted),
                ],
                strict(texts[0]),
            ),
            Protocol::Instruct => (
                vec![share(&|text| same_number(&boxed(text), &wanted))],
                boxed(texts[0]),
            ),
        };
        let names = self.metrics.iter().map(|metric| metric.name.clone());
        Score {
            values: names.zip(values).collect(),
            expected: wanted,
            taken,
            ..Score::default()
        }
    }
}

impl Row {
    fn asked(&self) -> String {
        format!("Question: {}\nAnswer:", self.question)
    }
}

/// The report's request before a mathematical problem.
pub(super) fn in_a_box(problem: &str) -> String {
    format!(
        "Solve the following problem step by step, and put the final answer in \\boxed{{}}.\n\n{problem}"
    )
}

fn rows(path: &Path) -> Result<Vec<Row>> {
    let rows = json_lines::<Row>(path)?.into_iter().map(|row| {
        ensure!(
            row.value.answer.contains("#### "),
            "{}: wanted an answer that ends in `#### NUMBER`, found `{}`",
            row.place,
            row.value.answer
        );
        Ok(row.value)
    });
    rows.collect()
}

/// lm-eval's filter `strict-match`.
fn strict(text: &str) -> String {
    match STRICT.captures(text) {
        Some(found) => found[1].trim().to_owned(),
        None => "[invalid]".to_owned(),
    }
}

/// lm-eval's filter `flexible-extract`.
fn flexible(text: &str) -> String {
    match FLEXIBLE.find_iter(text).last() {
        Some(found) => found.as_str().trim().to_owned(),
        None => "[invalid]".to_owned(),
    }
}

/// What stands in the box; the last number where there is none.
fn boxed(text: &str) -> String {
    match maths::boxed(text) {
        Some(found) => found.to_owned(),
        None => cleaned(&flexible(text)),
    }
}

/// Whether the answer has the wanted value, commas between its thousands or not.
fn same_number(answer: &str, wanted: &str) -> bool {
    maths::equal(answer, wanted) || maths::equal(&answer.replace(',', ""), wanted)
}

/// Without what lm-eval's exact match ignores: commas, dollars, everything before `#### `, a last full
/// stop, and case.
fn cleaned(text: &str) -> String {
    let text = text.replace([',', '$'], "");
    let text = match text.rfind("#### ") {
        Some(at) => &text[at + "#### ".len()..],
        None => &text,
    };
    let text = match text.strip_suffix('\n') {
        Some(line) if line.ends_with('.') => format!("{}\n", &line[..line.len() - 1]),
        _ => text.strip_suffix('.').unwrap_or(text).to_owned(),
    };
    text.to_lowercase()
}
