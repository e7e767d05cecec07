//! MATH: problems of competitions, answered by an expression (Hendrycks et al. 2021).
//!
//! `math/test.jsonl` with `problem`, `solution`, `level` and `type`. Base: lm-eval's `minerva_math_*`,
//! four examples that are always the same; instruct: the answer in a box (report, section 10). What counts
//! as the same answer is told in `maths.rs`.

use crate::ask::{Answer, Ask, Draw, Request};
use crate::choose::converse;
use crate::maths;
use crate::prepared::{Benchmark, Prepared, mean, said, shots, wrong};
use crate::read::json_lines;
use crate::shots::context;
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use crate::tasks::gsm8k::in_a_box;
use anyhow::{Result, anyhow, ensure};
use regex::Regex;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "math",
    needs: &["math/test.jsonl"],
    open,
}];

/// lm-eval's tokens of an answer, where a task says nothing.
const TOKENS: usize = 256;

/// The examples of Minerva's prompt (Lewkowycz et al. 2022, appendix D): problem and solution.
const EXAMPLES: &str = include_str!("math/minerva.json");

static FINAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"Final Answer: The final answer is(.*?). I hope it is correct.")
        .expect("a pattern of ours")
});

struct Math {
    file: PathBuf,
    protocol: Protocol,
    examples: Vec<(String, String)>,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Row {
    problem: String,
    solution: String,
    #[serde(rename = "type", default)]
    subject: String,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 4)?;
    let mut examples: Vec<(String, String)> = serde_json::from_str(EXAMPLES)?;
    ensure!(
        shots <= examples.len(),
        "wanted {shots} examples before each problem, and Minerva's prompt has {}",
        examples.len()
    );
    examples.truncate(shots);
    let metrics = vec![mean("exact_match")];
    let about = About {
        name: "math".into(),
        summary: "problems of competitions, answered by an expression".into(),
        language: "en".into(),
        protocol: match setup.protocol {
            Protocol::Base => format!("{shots}-shot completion, Minerva's prompt"),
            Protocol::Instruct => "0-shot, answer in a box, chat template".into(),
        },
        source: "EleutherAI/hendrycks_math on the hub; one JSON object a line".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Math {
        file: setup.data.join("math/test.jsonl"),
        protocol: setup.protocol,
        examples: examples
            .into_iter()
            .map(|(problem, solution)| (asked(&problem), solution))
            .collect(),
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Math {
    /// What stands in the solution's box.
    type Key = String;

    fn questions(&self) -> Result<Vec<(Ask, String)>> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut questions = Vec::new();
        for row in json_lines::<Row>(&self.file)? {
            let Row {
                problem,
                solution,
                subject,
            } = row.value;
            let key = maths::boxed(&solution).ok_or_else(|| {
                anyhow!(
                    "{}: wanted a solution with its answer in \\boxed{{}}",
                    row.place
                )
            })?;
            let place = places.entry(subject.clone()).or_default();
            let id = format!("{}/{place}", subject.to_lowercase().replace(' ', "_"));
            *place += 1;
            let ask = match self.protocol {
                Protocol::Base => Ask {
                    id,
                    group: subject,
                    request: Request::Complete {
                        prompt: context("", &self.examples, " ", &asked(&problem)),
                        stops: vec!["Problem:".to_owned()],
                        limit: TOKENS,
                    },
                    draw: Draw::default(),
                },
                Protocol::Instruct => converse(id, subject, in_a_box(&problem)),
            };
            questions.push((ask, key.to_owned()));
        }
        Ok(questions)
    }

    fn score(&self, _ask: &Ask, key: &String, answers: &[Answer]) -> Score {
        let found = said(answers).map(|texts| {
            texts
                .into_iter()
                .map(|text| match self.protocol {
                    Protocol::Base => final_answer(text),
                    Protocol::Instruct => maths::boxed(text).map(str::to_owned),
                })
                .collect::<Vec<_>>()
        });
        let expected = maths::normal(key);
        match found {
            Ok(found) => {
                let equal = |found: &&Option<String>| {
                    found
                        .as_deref()
                        .is_some_and(|found| maths::equal(found, key))
                };
                let right = found.iter().filter(equal).count() as f64;
                Score {
                    values: [("exact_match".to_owned(), right / found.len() as f64)].into(),
                    expected,
                    note: match found[0] {
                        Some(_) => String::new(),
                        None => "no final answer is marked".to_owned(),
                    },
                    taken: found[0].clone().unwrap_or_default(),
                    ..Score::default()
                }
            }
            Err(why) => Score {
                expected,
                ..wrong(&self.metrics, why)
            },
        }
    }
}

fn asked(problem: &str) -> String {
    format!("Problem:\n{problem}\n\nSolution:")
}

/// lm-eval's `get_unnormalized_answer`: an answer that breaks off is ended.
fn final_answer(text: &str) -> Option<String> {
    let ended = format!("{text}I hope it is correct.");
    FINAL
        .captures(&ended)
        .map(|found| found[1].trim().to_owned())
}
