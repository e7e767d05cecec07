//! The questions of a fictional world whose truth is known: a model knows only what it was told of it.
//!
//! `world/questions.jsonl`, as the stage `world` writes it. Base: the options as ends of a sentence (in
//! Korean a noun and its ending are one word); instruct: the question in words with lettered options. A
//! group is the question's language and where the fact was told: `ko/english`.

use crate::ask::{Answer, Ask};
use crate::choose::{LETTERS, Options, in_words};
use crate::prepared::{Benchmark, Prepared, mean, shots};
use crate::read::json_lines;
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Result, ensure};
use serde::Deserialize;
use std::path::PathBuf;

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "world",
    needs: &["world/questions.jsonl"],
    open,
}];

struct World {
    file: PathBuf,
    protocol: Protocol,
    metrics: Vec<Metric>,
}

/// What is needed of a question.
#[derive(Deserialize)]
struct Row {
    id: String,
    language: String,
    told: String,
    prompt: String,
    continuations: Vec<String>,
    question: String,
    options: Vec<String>,
    answer: usize,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    ensure!(
        shots(setup, 0)? == 0,
        "wanted examples before the world's questions, and there are none: leave the number out"
    );
    let metrics = match setup.protocol {
        Protocol::Base => vec![mean("acc"), mean("acc_norm"), mean("acc_bytes")],
        Protocol::Instruct => vec![mean("acc")],
    };
    let about = About {
        name: "world".into(),
        summary: "facts of a fictional world, four options each, in both languages".into(),
        language: "en, ko".into(),
        protocol: match setup.protocol {
            Protocol::Base => "0-shot log-likelihood".into(),
            Protocol::Instruct => "0-shot chain of thought, chat template".into(),
        },
        source: "the stage `world`".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = World {
        file: setup.data.join("world/questions.jsonl"),
        protocol: setup.protocol,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for World {
    type Key = Options;

    fn questions(&self) -> Result<Vec<(Ask, Options)>> {
        let ask = |row: crate::read::Row<Row>| {
            let (place, row) = (row.place, row.value);
            let count = row.options.len();
            ensure!(
                (2..=LETTERS.len()).contains(&count)
                    && row.continuations.len() == count
                    && row.answer < count,
                "{place}: wanted two to five options, as many continuations and the answer among \
                 them; found {count} options, {} continuations and answer {}",
                row.continuations.len(),
                row.answer
            );
            let group = format!("{}/{}", row.language, row.told);
            let key = Options {
                texts: row.continuations,
                right: row.answer,
            };
            let ask = match self.protocol {
                // the space stands in the continuations
                Protocol::Base => key.ask(row.id, group, row.prompt, ""),
                Protocol::Instruct => {
                    let mut text = row.question;
                    for (letter, option) in LETTERS.iter().zip(&row.options) {
                        text.push_str(&format!("\n{letter}. {option}"));
                    }
                    in_words(row.id, group, row.language == "ko", &text, count)
                }
            };
            Ok((ask, key))
        };
        json_lines::<Row>(&self.file)?
            .into_iter()
            .map(ask)
            .collect()
    }

    fn score(&self, ask: &Ask, key: &Options, answers: &[Answer]) -> Score {
        key.score(ask, answers, &self.metrics)
    }
}
