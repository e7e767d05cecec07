//! IFEval: instructions whose following a program can check (Zhou et al. 2023), in English and Korean.
//!
//! `ifeval/input_data.jsonl` as it is released (`key`, `prompt`, `instruction_id_list`, `kwargs`), and
//! `ifeval_ko/input_data.jsonl` in the same format. All 25 kinds, checked as lm-eval 0.4.13 does: strict on
//! the answer itself, loose where one of eight readings of it (without first line, last line, asterisks)
//! follows. The report quotes the mean of prompt- and instruction-level strict accuracy (section 10); it
//! stands in the remarks. What differs for Korean prompts is told in `ifeval/korean.rs`.

mod check;
mod contractions;
mod instruction;
mod korean;
mod sentences;
mod words;

use crate::ask::{Answer, Ask, Draw, Request};
use crate::choose::converse;
use crate::prepared::{Benchmark, Prepared, mean, said, shots, wrong};
use crate::read::json_lines;
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Context as _, Result, ensure};
use instruction::Instruction;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// On the shelf.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "ifeval",
        needs: &["ifeval/input_data.jsonl"],
        open: |setup| open(setup, "ifeval"),
    },
    Kind {
        name: "ifeval_ko",
        needs: &["ifeval_ko/input_data.jsonl"],
        open: |setup| open(setup, "ifeval_ko"),
    },
];

/// lm-eval's tokens of an answer.
const TOKENS: usize = 1280;

struct Ifeval {
    file: PathBuf,
    protocol: Protocol,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Row {
    key: Value,
    prompt: String,
    instruction_id_list: Vec<String>,
    kwargs: Vec<Option<Map<String, Value>>>,
}

/// What a prompt demands.
pub(crate) struct Demands {
    korean: bool,
    instructions: Vec<(String, Instruction)>,
}

fn open(setup: &Setup, name: &'static str) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 0)?;
    ensure!(
        shots == 0,
        "wanted {shots} examples before each prompt, and IFEval has none: leave the number out"
    );
    let metrics: Vec<Metric> = [
        "prompt_level_strict_acc",
        "inst_level_strict_acc",
        "prompt_level_loose_acc",
        "inst_level_loose_acc",
    ]
    .map(mean)
    .into();
    let about = About {
        name: name.into(),
        summary: "instructions whose following a program can check".into(),
        language: if name == "ifeval" { "en" } else { "ko" }.into(),
        protocol: match setup.protocol {
            Protocol::Base => "0-shot completion, checked by rules".into(),
            Protocol::Instruct => "0-shot, chat template, checked by rules".into(),
        },
        source: "google/IFEval on the hub; input_data.jsonl".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Ifeval {
        file: setup.data.join(name).join("input_data.jsonl"),
        protocol: setup.protocol,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Ifeval {
    type Key = Demands;

    fn questions(&self) -> Result<Vec<(Ask, Demands)>> {
        let rows = json_lines::<Row>(&self.file)?.into_iter();
        rows.map(|row| {
            let place = row.place;
            let demands = demands(&row.value).with_context(|| place.to_string())?;
            let id = match &row.value.key {
                Value::String(key) => key.clone(),
                key => key.to_string(),
            };
            let group = if demands.korean { "ko" } else { "en" }.to_owned();
            let mut ask = match self.protocol {
                Protocol::Base => Ask {
                    id,
                    group,
                    request: Request::Complete {
                        prompt: row.value.prompt,
                        stops: vec![],
                        limit: TOKENS,
                    },
                    draw: Draw::default(),
                },
                Protocol::Instruct => converse(id, group, row.value.prompt),
            };
            if let Request::Converse { limit, .. } = &mut ask.request {
                *limit = TOKENS;
            }
            Ok((ask, demands))
        })
        .collect()
    }

    fn score(&self, _ask: &Ask, key: &Demands, answers: &[Answer]) -> Score {
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => return wrong(&self.metrics, why),
        };
        let followed: Vec<Followed> = texts.iter().map(|text| key.followed(text)).collect();
        let all = followed.len() as f64;
        let average =
            |value: &dyn Fn(&Followed) -> f64| followed.iter().map(value).sum::<f64>() / all;
        let values = [
            average(&|it| f64::from(it.strict.iter().all(|it| *it))),
            average(&|it| share(&it.strict)),
            average(&|it| f64::from(it.loose.iter().all(|it| *it))),
            average(&|it| share(&it.loose)),
        ];
        let names = self.metrics.iter().map(|metric| metric.name.clone());
        let weight = key.instructions.len() as f64;
        let weights = names.clone().filter(|name| name.starts_with("inst_"));
        let missed = key.instructions.iter().zip(&followed[0].strict);
        let missed: Vec<&str> = missed
            .filter(|(_, followed)| !**followed)
            .map(|((id, _), _)| id.as_str())
            .collect();
        Score {
            values: names.zip(values).collect(),
            weights: weights.map(|name| (name, weight)).collect(),
            expected: key.ids().collect::<Vec<_>>().join(", "),
            taken: texts[0].to_owned(),
            note: match missed.is_empty() {
                true => String::new(),
                false => format!("not followed: {}", missed.join(", ")),
            },
            ..Score::default()
        }
    }

    fn remarks(&self, asked: &[(&Demands, &[Answer])]) -> Vec<String> {
        let (mut prompts, mut whole, mut instructions, mut single) = (0, 0, 0, 0);
        for (key, answers) in asked {
            let followed = said(answers).map_or(vec![false; key.instructions.len()], |texts| {
                key.followed(texts[0]).strict
            });
            prompts += 1;
            whole += usize::from(followed.iter().all(|it| *it));
            instructions += followed.len();
            single += followed.iter().filter(|it| **it).count();
        }
        if prompts == 0 {
            return vec![];
        }
        let mean = (whole as f64 / prompts as f64 + single as f64 / instructions as f64) / 2.0;
        vec![format!(
            "The mean of prompt- and instruction-level strict accuracy, which the report quotes, is {mean:.4}."
        )]
    }
}

/// What an answer follows, in the order of the instructions.
pub(crate) struct Followed {
    pub(crate) strict: Vec<bool>,
    pub(crate) loose: Vec<bool>,
}

impl Demands {
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.instructions.iter().map(|(id, _)| id.as_str())
    }

    pub(crate) fn followed(&self, answer: &str) -> Followed {
        let holds = |instruction: &Instruction, text: &str| {
            !text.trim().is_empty() && instruction.holds(text, self.korean)
        };
        let readings = readings(answer);
        let of = |reading: &dyn Fn(&Instruction) -> bool| -> Vec<bool> {
            self.instructions
                .iter()
                .map(|(_, it)| reading(it))
                .collect()
        };
        Followed {
            strict: of(&|it| holds(it, answer)),
            loose: of(&|it| readings.iter().any(|text| holds(it, text))),
        }
    }
}

fn demands(row: &Row) -> Result<Demands> {
    ensure!(
        row.kwargs.len() == row.instruction_id_list.len(),
        "wanted as many `kwargs` as instructions, found {} and {}",
        row.kwargs.len(),
        row.instruction_id_list.len()
    );
    ensure!(
        !row.instruction_id_list.is_empty(),
        "wanted instructions, found none"
    );
    let none = Map::new();
    let instructions = row.instruction_id_list.iter().zip(&row.kwargs);
    let instructions = instructions.map(|(id, arguments)| {
        let arguments = arguments.as_ref().unwrap_or(&none);
        let instruction =
            Instruction::read(id, arguments).with_context(|| format!("instruction `{id}`"))?;
        Ok((id.clone(), instruction))
    });
    Ok(Demands {
        korean: korean::is_korean_prompt(&row.prompt),
        instructions: instructions.collect::<Result<_>>()?,
    })
}

fn share(followed: &[bool]) -> f64 {
    followed.iter().filter(|it| **it).count() as f64 / followed.len() as f64
}

/// The answer, and what is left of it without its first line, its last, both, and without asterisks.
fn readings(answer: &str) -> Vec<String> {
    let lines: Vec<&str> = answer.split('\n').collect();
    let part = |from: usize, to: usize| match from < to {
        true => lines[from..to].join("\n").trim().to_owned(),
        false => String::new(),
    };
    let (first, last) = (part(1, lines.len()), part(0, lines.len() - 1));
    let both = part(1, lines.len() - 1);
    let plain = [answer.to_owned(), first, last, both];
    let bare: Vec<String> = plain.iter().map(|text| text.replace('*', "")).collect();
    plain.into_iter().chain(bare).collect()
}

#[cfg(test)]
mod tests;
