//! MBPP and MBPP+: a short program from one sentence and its tests (Austin et al. 2021; Liu et al. 2023).
//!
//! `mbpp/mbpp.jsonl` (tasks 11 to 510 are the test split), `mbpp_plus/MbppPlus.jsonl.gz` as released. Base: lm-eval's
//! `mbpp` and `mbpp_plus`, three examples that are always the same (the report's 3-shot; `mbpp/examples.json`, from
//! MBPP, CC-BY-4.0). Instruct, 0-shot: the text of lm-eval's `mbpp_instruct` and `mbpp_plus_instruct` as a user's
//! message, without examples and without a beginning of the answer. The release of MBPP+ has no `test_list`, which
//! lm-eval reads from the hub's copy: the asserts of `assertion`, which are the same, stand in.

use crate::ask::{Answer, Ask, Request};
use crate::choose::converse;
use crate::code::{Tests, draw, metrics, program, sandbox, score};
use crate::prepared::{Benchmark, Prepared, said, shots, wrong};
use crate::read::{Place, json_lines, json_lines_and_text};
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Result, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::PathBuf;

/// On the shelf.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "mbpp",
        needs: &["mbpp/mbpp.jsonl"],
        open: |setup| open(setup, false),
    },
    Kind {
        name: "mbpp_plus",
        needs: &["mbpp_plus/MbppPlus.jsonl.gz"],
        open: |setup| open(setup, true),
    },
];

const EXAMPLES: &str = include_str!("mbpp/examples.json");
/// The end of an answer in the base protocol.
const STOP: &str = "[DONE]";
/// lm-eval's tokens of an answer, where a task says nothing.
const TOKENS: usize = 256;

struct Mbpp {
    file: PathBuf,
    plus: bool,
    protocol: Protocol,
    examples: Vec<Problem>,
    samples: usize,
    metrics: Vec<Metric>,
}

/// What is asked.
#[derive(Clone, Deserialize)]
struct Problem {
    text: String,
    code: String,
    test_list: Vec<String>,
}

#[derive(Deserialize)]
struct Original {
    task_id: u32,
    #[serde(flatten)]
    problem: Problem,
}

#[derive(Deserialize)]
struct Plus {
    task_id: String,
    prompt: String,
    entry_point: String,
    canonical_solution: String,
    #[serde(rename = "base_input")]
    _base: IgnoredAny,
    #[serde(rename = "plus_input")]
    _plus: IgnoredAny,
    assertion: String,
}

pub(crate) struct Key {
    entry: Option<String>,
    solution: String,
    tests: Tests,
}

fn open(setup: &Setup, plus: bool) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 3)?;
    let mut examples: Vec<Problem> = serde_json::from_str(EXAMPLES)?;
    ensure!(
        shots <= examples.len(),
        "wanted {shots} examples before each problem, and MBPP's prompt has {}",
        examples.len()
    );
    examples.truncate(shots);
    let metrics = metrics(setup.samples, plus);
    let (name, source, file) = match plus {
        false => ("mbpp", "google-research/mbpp", "mbpp/mbpp.jsonl"),
        true => (
            "mbpp_plus",
            "evalplus/mbppplus_release",
            "mbpp_plus/MbppPlus.jsonl.gz",
        ),
    };
    let about = About {
        name: name.into(),
        summary: "a short program from one sentence and its tests".into(),
        language: "code".into(),
        protocol: match setup.protocol {
            Protocol::Base => format!("{shots}-shot completion, run in the sandbox"),
            Protocol::Instruct => "0-shot, chat template, run in the sandbox".into(),
        },
        source: format!("{source} on GitHub: {file}"),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = Mbpp {
        file: setup.data.join(file),
        plus,
        protocol: setup.protocol,
        examples,
        samples: setup.samples,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Mbpp {
    fn ask(&self, id: String, problem: &Problem) -> Ask {
        match self.protocol {
            Protocol::Base => Ask {
                id,
                group: String::new(),
                request: Request::Complete {
                    prompt: self
                        .examples
                        .iter()
                        .map(|it| format!("{}{}\n{STOP}\n\n", it.asked(), it.code))
                        .chain([problem.asked()])
                        .collect(),
                    stops: vec![STOP.to_owned()],
                    limit: TOKENS,
                },
                draw: draw(self.samples),
            },
            Protocol::Instruct => Ask {
                draw: draw(self.samples),
                ..converse(id, String::new(), problem.told(self.plus))
            },
        }
    }
}

impl Problem {
    /// lm-eval's prompt of a base model.
    fn asked(&self) -> String {
        format!(
            "You are an expert Python programmer, and here is your task: {} Your code should pass \
             these tests:\n\n{}\n[BEGIN]\n",
            self.text,
            self.tests()
        )
    }

    /// lm-eval's words to a model that chats.
    fn told(&self, plus: bool) -> String {
        match plus {
            true => format!(
                "{} Your code should satisfy the following assertion:\n{}",
                self.text, self.test_list[0]
            ),
            false => format!(
                "You are an expert Python programmer, and here is your task:\n{}\nYour code should pass \
                 these tests:\n{}",
                self.text,
                self.tests()
            ),
        }
    }

    fn tests(&self) -> String {
        self.test_list[..3].join("\n")
    }
}

impl Benchmark for Mbpp {
    type Key = Key;

    fn ready(&self) -> Result<()> {
        sandbox().map(|_| ())
    }

    fn questions(&self) -> Result<Vec<(Ask, Key)>> {
        if self.plus {
            let rows = json_lines_and_text::<Plus>(&self.file)?.into_iter();
            return rows
                .map(|(row, line)| self.extended(&row.place, row.value, line))
                .collect();
        }
        let rows = json_lines::<Original>(&self.file)?;
        let tested = rows
            .into_iter()
            .filter(|row| (11..=510).contains(&row.value.task_id));
        let question = |row: crate::read::Row<Original>| {
            let Original { task_id, problem } = row.value;
            whole(&row.place, &problem)?;
            let key = Key {
                entry: entry(&problem.test_list[0]),
                solution: problem.code.clone(),
                tests: Tests::asserts(problem.tests()),
            };
            Ok((self.ask(task_id.to_string(), &problem), key))
        };
        tested.map(question).collect()
    }

    fn score(&self, _ask: &Ask, key: &Key, answers: &[Answer]) -> Score {
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => return wrong(&self.metrics, why),
        };
        let code = |text: &&str| match self.protocol {
            Protocol::Base => (*text).to_owned(),
            Protocol::Instruct => program(text, key.entry.as_deref()),
        };
        let programs: Vec<String> = texts.iter().map(code).collect();
        Score {
            expected: key.solution.clone(),
            ..score(&self.metrics, &programs, &key.tests)
        }
    }
}

impl Mbpp {
    fn extended(&self, place: &Place, row: Plus, line: String) -> Result<(Ask, Key)> {
        let problem = Problem {
            text: sentence(&row.prompt),
            code: row.canonical_solution,
            test_list: asserts(&row.assertion),
        };
        whole(place, &problem)?;
        let key = Key {
            tests: Tests::Compare {
                row: line,
                reference: format!("{}{}", row.prompt, problem.code),
                mbpp: true,
            },
            entry: Some(row.entry_point),
            solution: problem.code.clone(),
        };
        Ok((self.ask(row.task_id, &problem), key))
    }
}

fn whole(place: &Place, problem: &Problem) -> Result<()> {
    ensure!(
        problem.test_list.len() >= 3,
        "{place}: wanted three asserts, found {}",
        problem.test_list.len()
    );
    Ok(())
}

/// The task alone, of a prompt that is a docstring with an assert at its end.
fn sentence(prompt: &str) -> String {
    let text = prompt.trim().trim_matches('"').trim();
    let end = text.find("\nassert").unwrap_or(text.len());
    text[..end].trim().to_owned()
}

/// The asserts of a program of asserts, each with the lines that belong to it.
fn asserts(program: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in program.lines() {
        if line.starts_with("assert") {
            found.push(line.to_owned());
        } else if let Some(last) = found
            .last_mut()
            .filter(|_| line.starts_with([' ', '\t', ')', ']', '}']))
        {
            *last += &format!("\n{line}");
        }
    }
    found
}

/// The function that an assert calls first: `assert set(f(1)) == …` calls `set`, and then `f`.
fn entry(assert: &str) -> Option<String> {
    const BUILT_IN: [&str; 12] = [
        "abs", "all", "any", "dict", "float", "int", "len", "list", "round", "set", "sorted",
        "tuple",
    ];
    let name = |before: &str| -> String {
        let from_behind = before.chars().rev();
        let name: Vec<char> = from_behind
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        name.into_iter().rev().collect()
    };
    let calls = assert.match_indices('(').map(|(at, _)| name(&assert[..at]));
    let mut own = calls.filter(|name| {
        !name.is_empty()
            && name != "assert"
            && name != "isclose"
            && !BUILT_IN.contains(&name.as_str())
    });
    own.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_of_an_assert_is_found() {
        let check = |assert: &str, wanted: &str| {
            assert_eq!(entry(assert).as_deref(), Some(wanted), "{assert}")
        };
        check("assert min_cost([[1, 2]], 2) == 8", "min_cost");
        check("assert set(similar((1,), (2,))) == set((4, 5))", "similar");
        check("assert math.isclose(area(3), 4.5, rel_tol=0.1)", "area");
        check("assert (f(2)) == True", "f");
        assert_eq!(entry("assert x"), None);
    }

    #[test]
    fn the_release_of_evalplus_is_read_as_the_hub_has_it() {
        assert_eq!(
            sentence("\"\"\"\nWrite a function.\nIt adds.\nassert f(1) == 2\n\"\"\"\n"),
            "Write a function.\nIt adds."
        );
        assert_eq!(
            asserts("\nimport math\nassert f(1) == 2\nassert f([\n  1]) == 3\n"),
            ["assert f(1) == 2", "assert f([\n  1]) == 3"]
        );
    }

    #[test]
    fn the_prompt_is_that_of_lm_eval() {
        let setup = |shots| Setup {
            data: "/nowhere".into(),
            protocol: Protocol::Base,
            shots,
            samples: 1,
        };
        assert_eq!(
            open(&setup(None), false).unwrap().about().protocol,
            "3-shot completion, run in the sandbox"
        );
        let error = open(&setup(Some(4)), false).err().unwrap().to_string();
        assert!(error.contains("has 3"), "{error}");
        let examples: Vec<Problem> = serde_json::from_str(EXAMPLES).unwrap();
        assert!(examples[0].asked().ends_with("== (13, 14)\n[BEGIN]\n"));
        assert!(
            examples[0]
                .asked()
                .starts_with("You are an expert Python programmer, and here is your task: Write")
        );
    }
}
