//! HAE-RAE Bench: what one knows who grew up with Korean; five options (Son et al. 2023).
//!
//! `haerae/SUBSET.csv` or `.jsonl` with the columns `query` (question and options, ready to be put) and
//! `answer` (`(A)` to `(E)`), as the hub's HAERAE-HUB/HAE_RAE_BENCH has them. Prompts are lm-eval's
//! `haerae_*`; base: five examples, drawn for each question from the same subset, itself left out;
//! instruct: the report's chain of thought, there of `general_knowledge` alone.

use crate::ask::{Answer, Ask};
use crate::choose::{LETTERS, Options, in_words};
use crate::prepared::{Benchmark, Prepared, mean, shots};
use crate::read::{self, Table};
use crate::shots::{Choice, Shots, context};
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "haerae",
    needs: &["haerae"],
    open,
}];

/// What the report's instruct protocol asks (section 10).
const GENERAL: &str = "general_knowledge";

struct Haerae {
    folder: PathBuf,
    protocol: Protocol,
    shots: usize,
    metrics: Vec<Metric>,
}

/// A row; two are the same where everything is, what is not asked too.
#[derive(Deserialize, PartialEq)]
struct Row {
    query: String,
    answer: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 5)?;
    let metrics = vec![mean("acc"), mean("acc_norm")];
    let about = About {
        name: "haerae".into(),
        summary: "Korean vocabulary, history and general knowledge, five options each".into(),
        language: "ko".into(),
        protocol: match setup.protocol {
            Protocol::Base => format!("{shots}-shot log-likelihood"),
            Protocol::Instruct => {
                "0-shot chain of thought, chat template, general knowledge alone".into()
            }
        },
        source: "HAERAE-HUB/HAE_RAE_BENCH on the hub".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Haerae {
        folder: setup.data.join("haerae"),
        protocol: setup.protocol,
        shots,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Haerae {
    type Key = Options;

    fn questions(&self) -> Result<Vec<(Ask, Options)>> {
        let mut questions = Vec::new();
        for file in read::folder(&self.folder, &[".csv", ".jsonl", ".jsonl.gz"])? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let subset = name.split('.').next().unwrap_or_default().to_owned();
            if self.protocol == Protocol::Instruct && subset != GENERAL {
                continue;
            }
            self.subset(&subset, &file, &mut questions)
                .with_context(|| format!("HAE-RAE, {subset}"))?;
        }
        ensure!(
            !questions.is_empty(),
            "wanted {}/{GENERAL}.csv or .jsonl, and it is not there: the instruct protocol asks it alone",
            self.folder.display()
        );
        Ok(questions)
    }

    fn score(&self, ask: &Ask, key: &Options, answers: &[Answer]) -> Score {
        key.score(ask, answers, &self.metrics)
    }
}

impl Haerae {
    fn subset(&self, subset: &str, file: &Path, to: &mut Vec<(Ask, Options)>) -> Result<()> {
        let rows = rows(file)?;
        let name = file.display().to_string();
        let mut shots = Shots::new(&rows, Choice::Drawn, self.shots, 1, &name)?;
        for (place, row) in rows.iter().enumerate() {
            let right = letter(&row.answer).expect("checked when it was read");
            let key = Options {
                texts: LETTERS.iter().map(|letter| format!("({letter})")).collect(),
                right,
            };
            let (id, group) = (format!("{subset}/{place}"), subset.to_owned());
            let ask = match self.protocol {
                Protocol::Base => {
                    let example = |row: &Row| (row.query.clone(), row.answer.clone());
                    let drawn = shots.next(Some(row))?;
                    let examples: Vec<_> = drawn.into_iter().map(example).collect();
                    key.ask(id, group, context("", &examples, " ", &row.query), " ")
                }
                Protocol::Instruct => in_words(id, group, true, &row.query, 5),
            };
            to.push((ask, key));
        }
        Ok(())
    }
}

fn rows(file: &Path) -> Result<Vec<Row>> {
    let rows: Vec<(read::Place, Row)> = match file.extension() {
        Some(ending) if ending == "csv" => {
            let table = Table::headed(file)?;
            let (query, answer) = (table.column("query")?, table.column("answer")?);
            let columns = table.columns().to_vec();
            let row = |record: read::Record| {
                let rest = columns.iter().cloned().zip(record.cells.iter());
                let row = Row {
                    query: record.cells[query].clone(),
                    answer: record.cells[answer].clone(),
                    rest: rest
                        .map(|(name, cell)| (name, cell.as_str().into()))
                        .collect(),
                };
                (record.place, row)
            };
            table.records.into_iter().map(row).collect()
        }
        _ => {
            let rows = read::json_lines(file)?.into_iter();
            rows.map(|row| (row.place, row.value)).collect()
        }
    };
    for (place, row) in &rows {
        ensure!(
            letter(&row.answer).is_some(),
            "{place}: wanted (A), (B), (C), (D) or (E) as the answer, found `{}`",
            row.answer
        );
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn letter(answer: &str) -> Option<usize> {
    let inner = answer.strip_prefix('(')?.strip_suffix(')')?;
    LETTERS.iter().position(|letter| *letter == inner)
}
