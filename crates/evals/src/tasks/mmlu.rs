//! MMLU: 57 subjects, four options each (Hendrycks et al. 2021).
//!
//! The original layout: `mmlu/test/SUBJECT_test.csv` and `mmlu/dev/SUBJECT_dev.csv`, six cells without a
//! heading. Whatever subjects are there are asked. Prompts are lm-eval's `mmlu_*`; base: five examples,
//! the first of `dev`; instruct: the report's chain of thought (section 10).

mod category;

use crate::ask::{Answer, Ask};
use crate::choose::{LETTERS, Options, in_words};
use crate::prepared::{Benchmark, Prepared, mean, shots};
use crate::python::strip;
use crate::read::{self, Record, Table};
use crate::shots::{Choice, Shots, context};
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

/// On the shelf.
pub const KINDS: &[Kind] = &[Kind {
    name: "mmlu",
    needs: &["mmlu/test", "mmlu/dev"],
    open,
}];

const COLUMNS: [&str; 6] = ["question", "A", "B", "C", "D", "answer"];

struct Mmlu {
    folder: PathBuf,
    protocol: Protocol,
    shots: usize,
    metrics: Vec<Metric>,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 5)?;
    let metrics = vec![mean("acc")];
    let about = About {
        name: "mmlu".into(),
        summary: "57 subjects from school to profession, four options each".into(),
        language: "en".into(),
        protocol: match setup.protocol {
            Protocol::Base => format!("{shots}-shot log-likelihood"),
            Protocol::Instruct => "0-shot chain of thought, chat template".into(),
        },
        source: "cais/mmlu on the hub; the original CSV files".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Mmlu {
        folder: setup.data.join("mmlu"),
        protocol: setup.protocol,
        shots,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Mmlu {
    type Key = Options;

    fn questions(&self) -> Result<Vec<(Ask, Options)>> {
        let mut questions = Vec::new();
        for file in read::folder(&self.folder.join("test"), &["_test.csv"])? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let subject = name.trim_end_matches("_test.csv").to_owned();
            self.subject(&subject, &file, &mut questions)
                .with_context(|| format!("MMLU, {subject}"))?;
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

impl Mmlu {
    fn subject(&self, subject: &str, test: &Path, to: &mut Vec<(Ask, Options)>) -> Result<()> {
        let description = format!(
            "The following are multiple choice questions (with answers) about {}.\n\n",
            subject.replace('_', " ")
        );
        let rows = Table::bare(test, &COLUMNS)?.records;
        let dev = self.folder.join(format!("dev/{subject}_dev.csv"));
        let pool = match self.shots {
            0 => vec![],
            _ => Table::bare(&dev, &COLUMNS)?.records,
        };
        let name = dev.display().to_string();
        let mut shots = Shots::new(&pool, Choice::First, self.shots, 0, &name)?;
        for (place, row) in rows.iter().enumerate() {
            let key = Options::letters(4, right(row)?);
            let (id, group) = (format!("{subject}/{place}"), subject.to_owned());
            let text = question(row);
            let ask = match self.protocol {
                Protocol::Base => {
                    let mut examples = Vec::with_capacity(self.shots);
                    for row in shots.next(None)? {
                        examples.push((asked(row), LETTERS[right(row)?].to_owned()));
                    }
                    let context = context(&description, &examples, " ", &asked(row));
                    key.ask(id, group, context, " ")
                }
                Protocol::Instruct => in_words(id, group, false, &text, 4),
            };
            to.push((ask, key));
        }
        Ok(())
    }
}

/// The question and its options.
fn question(row: &Record) -> String {
    let [question, a, b, c, d, _] = &row.cells[..] else {
        unreachable!("a bare table's rows have its columns");
    };
    let question = strip(question);
    format!("{question}\nA. {a}\nB. {b}\nC. {c}\nD. {d}")
}

fn asked(row: &Record) -> String {
    format!("{}\nAnswer:", question(row))
}

fn right(row: &Record) -> Result<usize> {
    let answer = row.cells[5].trim();
    let right = LETTERS[..4].iter().position(|letter| *letter == answer);
    ensure!(
        right.is_some(),
        "{}: wanted A, B, C or D as the answer, found `{answer}`",
        row.place
    );
    Ok(right.unwrap_or_default())
}
