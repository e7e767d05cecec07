//! KoBEST: five tasks of Korean understanding (Kim et al. 2022): BoolQ, COPA, HellaSwag, SentiNeg, WiC.
//!
//! The original layout: `kobest/BoolQ/train.tsv`, `dev.tsv`, `test.tsv` and so on. The test rows are asked,
//! those of `dev` where there are none; examples are drawn from `train`. Prompts, options and metrics are
//! lm-eval's `kobest_*`. The report has no chat form of these tasks: both protocols put them by
//! likelihood, without examples unless some are wanted.

use crate::ask::{Answer, Ask};
use crate::choose::Options;
use crate::prepared::{Benchmark, Prepared, mean};
use crate::read::{Record, Table};
use crate::shots::{Choice, Shots, context};
use crate::task::{About, Aggregate, Kind, Metric, Score, Setup, Task};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// On the shelf.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "kobest_boolq",
        needs: &["kobest/BoolQ"],
        open: |setup| open(setup, Part::BoolQ),
    },
    Kind {
        name: "kobest_copa",
        needs: &["kobest/COPA"],
        open: |setup| open(setup, Part::Copa),
    },
    Kind {
        name: "kobest_hellaswag",
        needs: &["kobest/HellaSwag"],
        open: |setup| open(setup, Part::HellaSwag),
    },
    Kind {
        name: "kobest_sentineg",
        needs: &["kobest/SentiNeg"],
        open: |setup| open(setup, Part::SentiNeg),
    },
    Kind {
        name: "kobest_wic",
        needs: &["kobest/WiC"],
        open: |setup| open(setup, Part::Wic),
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    BoolQ,
    Copa,
    HellaSwag,
    SentiNeg,
    Wic,
}

struct Kobest {
    part: Part,
    folder: PathBuf,
    asked: &'static str,
    shots: usize,
    metrics: Vec<Metric>,
}

#[derive(PartialEq)]
struct Row {
    prompt: String,
    options: Options,
}

fn open(setup: &Setup, part: Part) -> Result<Box<dyn Task>> {
    let (name, folder, summary) = match part {
        Part::BoolQ => ("kobest_boolq", "BoolQ", "yes or no, by a paragraph"),
        Part::Copa => ("kobest_copa", "COPA", "which is the cause, or the effect"),
        Part::HellaSwag => ("kobest_hellaswag", "HellaSwag", "what happens next"),
        Part::SentiNeg => (
            "kobest_sentineg",
            "SentiNeg",
            "whether a review is favourable",
        ),
        Part::Wic => (
            "kobest_wic",
            "WiC",
            "whether a word means the same in two sentences",
        ),
    };
    let folder = setup.data.join("kobest").join(folder);
    let asked = match folder.join("test.tsv").exists() {
        true => "test.tsv",
        false => "dev.tsv",
    };
    let shots = setup.shots.unwrap_or(0);
    let mut metrics = vec![mean("acc")];
    if part == Part::HellaSwag {
        metrics.push(mean("acc_norm"));
    }
    metrics.push(Metric {
        name: "f1".into(),
        aggregate: Aggregate::MacroF1,
        higher_is_better: true,
    });
    let about = About {
        name: name.into(),
        summary: format!("Korean: {summary}"),
        language: "ko".into(),
        protocol: format!("{shots}-shot log-likelihood, {asked}"),
        source: "skt/kobest_v1 on the hub; the original TSV files".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Kobest {
        part,
        folder,
        asked,
        shots,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for Kobest {
    type Key = Options;

    fn questions(&self) -> Result<Vec<(Ask, Options)>> {
        let train = self.folder.join("train.tsv");
        let pool = match self.shots {
            0 => vec![],
            _ => self.rows(&train)?,
        };
        let name = train.display().to_string();
        let mut shots = Shots::new(&pool, Choice::Drawn, self.shots, 0, &name)?;
        let rows = self.rows(&self.folder.join(self.asked))?;
        let ask = |(place, row): (usize, Row)| {
            let example = |row: &Row| {
                let right = row.options.texts[row.options.right].clone();
                (row.prompt.clone(), right)
            };
            let examples: Vec<_> = shots.next(None)?.into_iter().map(example).collect();
            let context = context("", &examples, " ", &row.prompt);
            let ask = row
                .options
                .ask(place.to_string(), String::new(), context, " ");
            Ok((ask, row.options))
        };
        rows.into_iter().enumerate().map(ask).collect()
    }

    fn score(&self, ask: &Ask, key: &Options, answers: &[Answer]) -> Score {
        key.score(ask, answers, &self.metrics)
    }
}

impl Kobest {
    fn rows(&self, path: &Path) -> Result<Vec<Row>> {
        let names: &[&str] = match self.part {
            Part::BoolQ => &["Text", "Question", "Answer"],
            Part::Copa => &["sentence", "question", "1", "2", "Answer"],
            Part::HellaSwag => &[
                "context", "choice1", "choice2", "choice3", "choice4", "label",
            ],
            Part::SentiNeg => &["Text", "Label"],
            Part::Wic => &["SENTENCE1", "SENTENCE2", "Target", "ANSWER"],
        };
        let table = Table::headed(path)?;
        let columns: Result<Vec<usize>> = names.iter().map(|name| table.column(name)).collect();
        let columns = columns?;
        let row = |record: &Record| {
            let cells = columns.iter().map(|&column| record.cells[column].as_str());
            let mut cells: Vec<&str> = cells.collect();
            let answer = cells.pop().unwrap_or_default().trim();
            self.row(record, &cells, answer)
        };
        table.records.iter().map(row).collect()
    }

    fn row(&self, record: &Record, cells: &[&str], answer: &str) -> Result<Row> {
        // what is written for each option, in the options' order
        let marks: &[&str] = match self.part {
            Part::BoolQ | Part::Wic => &["FALSE", "TRUE"],
            Part::Copa => &["1", "2"],
            Part::HellaSwag => &["0", "1", "2", "3"],
            Part::SentiNeg => &["0", "1"],
        };
        let mark = answer.to_ascii_uppercase();
        let Some(right) = marks.iter().position(|written| **written == mark) else {
            bail!(
                "{}: wanted {} as the answer, found `{answer}`",
                record.place,
                marks.join(" or ")
            );
        };
        let (prompt, texts): (String, &[&str]) = match (self.part, cells) {
            (Part::BoolQ, [text, question]) => {
                (format!("{text} 질문: {question} 답변: "), &["아니오", "예"])
            }
            (Part::Copa, [sentence, question, options @ ..]) => {
                let joined = match question.trim() {
                    "원인" => "왜냐하면",
                    "결과" => "그래서",
                    other => bail!(
                        "{}: wanted 원인 or 결과 as the question, found `{other}`",
                        record.place
                    ),
                };
                (format!("{sentence}  {joined}"), options)
            }
            (Part::HellaSwag, [context, options @ ..]) => (format!("문장: {context}"), options),
            (Part::SentiNeg, [text]) => (format!("문장: {text} 긍부정:"), &["부정", "긍정"]),
            (Part::Wic, [one, two, word]) => (
                format!("문장1: {one} 문장2: {two} 두 문장에서 {word}가 같은 뜻으로 쓰였나?"),
                &["아니오", "예"],
            ),
            _ => unreachable!("the cells are those that were asked for"),
        };
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        // COPA's key is the option's text in lm-eval: the first of two that are the same
        let right = match self.part {
            Part::Copa => texts.iter().position(|text| *text == texts[right]),
            _ => Some(right),
        };
        Ok(Row {
            prompt,
            options: Options {
                right: right.unwrap_or_default(),
                texts,
            },
        })
    }
}
