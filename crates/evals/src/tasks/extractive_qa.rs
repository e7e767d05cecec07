//! Answers that stand in a passage: SQuAD (Rajpurkar et al. 2016, 2018) and KorQuAD (Lim et al. 2019).
//!
//! `squad/*.json` and `korquad/*.json` in SQuAD's layout. An answer is worth what the official script
//! of its benchmark gives for the best of the right answers: exact match and F1 after normalisation,
//! F1 over words in SQuAD, over characters in KorQuAD. Where a question has no answer, `unanswerable`
//! (`답 없음`) is right. The same prompt in both protocols; lm-eval's `squadv2` has it.

mod measure;

use crate::ask::{Answer, Ask, Draw, Request};
use crate::choose::converse;
use crate::prepared::{Benchmark, Prepared, mean, said, shots, wrong};
use crate::read;
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Result, anyhow, ensure};
use serde::Deserialize;
use std::path::PathBuf;

/// On the shelf.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "squad",
        needs: &["squad"],
        open: |setup| open(setup, false),
    },
    Kind {
        name: "korquad",
        needs: &["korquad"],
        open: |setup| open(setup, true),
    },
];

/// Tokens of an answer.
const TOKENS: usize = 64;

struct ExtractiveQa {
    folder: PathBuf,
    korean: bool,
    protocol: Protocol,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    #[serde(default)]
    title: String,
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    id: String,
    question: String,
    #[serde(default)]
    answers: Vec<Span>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct Span {
    text: String,
}

fn open(setup: &Setup, korean: bool) -> Result<Box<dyn Task>> {
    ensure!(
        shots(setup, 0)? == 0,
        "wanted examples before the questions, and this task puts them without: leave the number out"
    );
    let name = if korean { "korquad" } else { "squad" };
    let metrics = vec![mean("f1"), mean("exact")];
    let about = About {
        name: name.into(),
        summary: "answers that stand in a passage".into(),
        language: if korean { "ko" } else { "en" }.into(),
        protocol: match setup.protocol {
            Protocol::Base => "0-shot completion, exact match and F1".into(),
            Protocol::Instruct => "0-shot, chat template, exact match and F1".into(),
        },
        source: "files in SQuAD's layout".into(),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = ExtractiveQa {
        folder: setup.data.join(name),
        korean,
        protocol: setup.protocol,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for ExtractiveQa {
    /// The right answers; empty where there is none.
    type Key = Vec<String>;

    fn questions(&self) -> Result<Vec<(Ask, Vec<String>)>> {
        let mut questions = Vec::new();
        for path in read::folder(&self.folder, &[".json"])? {
            let file: File = serde_json::from_str(&read::text(&path)?)
                .map_err(|error| anyhow!("{}: not in SQuAD's layout: {error}", path.display()))?;
            for article in file.data {
                for paragraph in article.paragraphs {
                    for question in paragraph.qas {
                        ensure!(
                            question.is_impossible || !question.answers.is_empty(),
                            "{}, question {}: wanted an answer or `is_impossible`, found neither",
                            path.display(),
                            question.id
                        );
                        let right = match question.is_impossible {
                            true => vec![],
                            false => question.answers.into_iter().map(|span| span.text).collect(),
                        };
                        let prompt =
                            self.prompt(&article.title, &paragraph.context, &question.question);
                        questions.push((self.ask(question.id, prompt), right));
                    }
                }
            }
        }
        Ok(questions)
    }

    fn score(&self, _ask: &Ask, right: &Vec<String>, answers: &[Answer]) -> Score {
        let expected = match right.first() {
            Some(first) => first.clone(),
            None => self.nothing().to_owned(),
        };
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => {
                return Score {
                    expected,
                    ..wrong(&self.metrics, why)
                };
            }
        };
        let normal = |text: &str| measure::normal(text, self.korean);
        let none = normal(self.nothing());
        let worth = |text: &str| match right.is_empty() {
            true => {
                let found = normal(text);
                let value = f64::from(found.is_empty() || found == none);
                (value, value)
            }
            false => measure::best(text, right, self.korean),
        };
        let worths: Vec<(f64, f64)> = texts.iter().map(|text| worth(text.trim())).collect();
        let count = worths.len() as f64;
        Score {
            values: [
                (
                    "exact".to_owned(),
                    worths.iter().map(|worth| worth.0).sum::<f64>() / count,
                ),
                (
                    "f1".to_owned(),
                    worths.iter().map(|worth| worth.1).sum::<f64>() / count,
                ),
            ]
            .into(),
            expected,
            taken: texts[0].trim().to_owned(),
            ..Score::default()
        }
    }
}

impl ExtractiveQa {
    /// What is to be said where there is no answer.
    fn nothing(&self) -> &'static str {
        if self.korean {
            "답 없음"
        } else {
            "unanswerable"
        }
    }

    fn prompt(&self, title: &str, context: &str, question: &str) -> String {
        match self.korean {
            true => format!("제목: {title}\n\n지문: {context}\n\n질문: {question}\n\n답변:"),
            false => format!(
                "Title: {title}\n\nBackground: {context}\n\nQuestion: {question}\n\nAnswer:"
            ),
        }
    }

    fn ask(&self, id: String, prompt: String) -> Ask {
        match self.protocol {
            Protocol::Base => Ask {
                id,
                group: String::new(),
                request: Request::Complete {
                    prompt,
                    stops: vec!["\n".to_owned()],
                    limit: TOKENS,
                },
                draw: Draw::default(),
            },
            Protocol::Instruct => {
                let request = match self.korean {
                    true => {
                        "지문에 있는 말 그대로, 답만 짧게 쓰세요. 지문에 답이 없으면 \"답 없음\"이라고 쓰세요."
                    }
                    false => {
                        "Answer with words of the background alone, as briefly as possible. \
                         If it holds no answer, write \"unanswerable\"."
                    }
                };
                converse(id, String::new(), format!("{request}\n\n{prompt}"))
            }
        }
    }
}
