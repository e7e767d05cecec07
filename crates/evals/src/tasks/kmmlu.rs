//! KMMLU: 45 subjects of Korean examinations, four options each (Son et al. 2024).
//!
//! The original layout: `kmmlu/SUBJECT-test.csv` and `kmmlu/SUBJECT-dev.csv` with the columns `question`,
//! `answer` (1 to 4), `A` to `D`. Cells are taken as they are written. Prompts are lm-eval's `kmmlu_*`;
//! base: five examples, drawn from `dev` for each question; instruct: the report's chain of thought.

mod category;

use crate::ask::{Answer, Ask};
use crate::choose::{LETTERS, Options, in_words};
use crate::prepared::{Benchmark, Prepared, mean, shots};
use crate::python::strip;
use crate::read::{self, Table};
use crate::shots::{Choice, Shots, context};
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "kmmlu",
    needs: &["kmmlu"],
    open,
}];

struct Kmmlu {
    folder: PathBuf,
    protocol: Protocol,
    shots: usize,
    metrics: Vec<Metric>,
}

#[derive(PartialEq)]
struct Row {
    /// Question and options, as lm-eval lays them out.
    text: String,
    right: usize,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 5)?;
    let metrics = vec![mean("acc")];
    let about = About {
        name: "kmmlu".into(),
        summary: "45 subjects of Korean examinations, four options each".into(),
        language: "ko".into(),
        protocol: match setup.protocol {
            Protocol::Base => format!("{shots}-shot log-likelihood"),
            Protocol::Instruct => "0-shot chain of thought, chat template".into(),
        },
        source: "HAERAE-HUB/KMMLU on the hub; the original CSV files".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Kmmlu {
        folder: setup.data.join("kmmlu"),
        protocol: setup.protocol,
        shots,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Kmmlu {
    type Key = Options;

    fn questions(&self) -> Result<Vec<(Ask, Options)>> {
        let mut questions = Vec::new();
        for file in read::folder(&self.folder, &["-test.csv"])? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let subject = name.trim_end_matches("-test.csv").to_owned();
            self.subject(&subject, &file, &mut questions)
                .with_context(|| format!("KMMLU, {subject}"))?;
        }
        Ok(questions)
    }

    fn score(&self, ask: &Ask, key: &Options, answers: &[Answer]) -> Score {
        key.score(ask, answers, &self.metrics)
    }

    fn category(&self, group: &str) -> Option<&'static str> {
        category::of(group)
    }
}

impl Kmmlu {
    fn subject(&self, subject: &str, test: &Path, to: &mut Vec<(Ask, Options)>) -> Result<()> {
        let dev = self.folder.join(format!("{subject}-dev.csv"));
        let pool = match self.shots {
            0 => vec![],
            _ => rows(&dev)?,
        };
        let name = dev.display().to_string();
        let mut shots = Shots::new(&pool, Choice::Drawn, self.shots, 0, &name)?;
        for (place, row) in rows(test)?.into_iter().enumerate() {
            let key = Options::letters(4, row.right);
            let (id, group) = (format!("{subject}/{place}"), subject.to_owned());
            let ask = match self.protocol {
                Protocol::Base => {
                    let example = |row: &Row| (row.asked(), LETTERS[row.right].to_owned());
                    let examples: Vec<_> = shots.next(None)?.into_iter().map(example).collect();
                    key.ask(id, group, context("", &examples, " ", &row.asked()), " ")
                }
                Protocol::Instruct => in_words(id, group, true, &row.text, 4),
            };
            to.push((ask, key));
        }
        Ok(())
    }
}

impl Row {
    fn asked(&self) -> String {
        format!("{}\n정답：", self.text)
    }
}

fn rows(path: &Path) -> Result<Vec<Row>> {
    let table = Table::headed(path)?;
    let question = table.column("question")?;
    let answer = table.column("answer")?;
    let [a, b, c, d] = ["A", "B", "C", "D"].map(|name| table.column(name));
    let (a, b, c, d) = (a?, b?, c?, d?);
    let row = |record: &read::Record| {
        let cell = |at: usize| record.cells[at].as_str();
        let right = cell(answer).trim().parse::<usize>();
        let right = right.ok().filter(|right| (1..=4).contains(right));
        ensure!(
            right.is_some(),
            "{}: wanted 1, 2, 3 or 4 as the answer, found `{}`",
            record.place,
            cell(answer)
        );
        Ok(Row {
            text: format!(
                "{}\nA. {}\nB. {}\nC. {}\nD. {}",
                strip(cell(question)),
                cell(a),
                cell(b),
                cell(c),
                cell(d)
            ),
            right: right.unwrap_or(1) - 1,
        })
    };
    table.records.iter().map(row).collect()
}
