//! HumanEval and HumanEval+: a function from its signature and description (Chen et al. 2021; Liu et al. 2023).
//!
//! `humaneval/HumanEval.jsonl.gz`, `humaneval_plus/HumanEvalPlus.jsonl.gz` as they are released. Base: lm-eval's
//! `humaneval` (0-shot, the prompt goes on). Instruct: the text of its `humaneval_instruct` as a user's message,
//! without the beginning of an answer that lm-eval puts into the model's mouth; the program is looked for in
//! the answer. HumanEval runs the released tests; HumanEval+ compares with the released solution on the
//! released inputs as evalplus 0.3.1 does: `pass@1` wants all inputs, `pass@1,base` HumanEval's own. (HumanEval/32
//! is judged as evalplus means it: 0.3.1 itself fails every answer to it, its own solution too.)

use crate::ask::{Answer, Ask, Request};
use crate::choose::converse;
use crate::code::{Tests, draw, metrics, program, sandbox, score};
use crate::prepared::{Benchmark, Prepared, said, shots, wrong};
use crate::read::json_lines_and_text;
use crate::task::{About, Kind, Metric, Protocol, Score, Setup, Task};
use anyhow::{Result, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::PathBuf;

/// On the shelf.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "humaneval",
        needs: &["humaneval/HumanEval.jsonl.gz"],
        open: |setup| open(setup, false),
    },
    Kind {
        name: "humaneval_plus",
        needs: &["humaneval_plus/HumanEvalPlus.jsonl.gz"],
        open: |setup| open(setup, true),
    },
];

/// Where lm-eval cuts what goes on from the prompt.
const STOPS: [&str; 5] = ["\nclass", "\ndef", "\n#", "\nif", "\nprint"];
/// Tokens of an answer.
const TOKENS: usize = 1024;

struct HumanEval {
    file: PathBuf,
    plus: bool,
    protocol: Protocol,
    samples: usize,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    entry_point: String,
    canonical_solution: String,
    test: String,
    base_input: Option<IgnoredAny>,
    plus_input: Option<IgnoredAny>,
}

pub(crate) struct Key {
    prompt: String,
    entry: String,
    solution: String,
    tests: Tests,
}

fn open(setup: &Setup, plus: bool) -> Result<Box<dyn Task>> {
    let shots = shots(setup, 0)?;
    ensure!(
        shots == 0,
        "wanted {shots} examples before each problem, and HumanEval has none: leave the number out"
    );
    let metrics = metrics(setup.samples, plus);
    let (name, source, file) = match plus {
        false => (
            "humaneval",
            "openai/human-eval",
            "humaneval/HumanEval.jsonl.gz",
        ),
        true => (
            "humaneval_plus",
            "evalplus/humanevalplus_release",
            "humaneval_plus/HumanEvalPlus.jsonl.gz",
        ),
    };
    let about = About {
        name: name.into(),
        summary: "a function from its signature and description, run against tests".into(),
        language: "code".into(),
        protocol: match setup.protocol {
            Protocol::Base => "0-shot completion, run in the sandbox".into(),
            Protocol::Instruct => "0-shot, chat template, run in the sandbox".into(),
        },
        source: format!("{source} on GitHub: {file}"),
        version: 1,
        metrics: metrics.clone(),
    };
    let benchmark = HumanEval {
        file: setup.data.join(file),
        plus,
        protocol: setup.protocol,
        samples: setup.samples,
        metrics,
    };
    Ok(Prepared::task(about, benchmark))
}

impl Benchmark for HumanEval {
    type Key = Key;

    fn ready(&self) -> Result<()> {
        sandbox().map(|_| ())
    }

    fn questions(&self) -> Result<Vec<(Ask, Key)>> {
        let question = |(row, line): (crate::read::Row<Row>, String)| {
            let (place, row) = (row.place, row.value);
            let tests = match (self.plus, &row.base_input, &row.plus_input) {
                (false, ..) => Tests::asserts(format!("{}\ncheck({})", row.test, row.entry_point)),
                (true, Some(_), Some(_)) => Tests::Compare {
                    row: line,
                    reference: format!("{}{}", row.prompt, row.canonical_solution),
                    mbpp: false,
                },
                _ => anyhow::bail!(
                    "{place}: wanted `base_input` and `plus_input`, as HumanEvalPlus.jsonl.gz has them"
                ),
            };
            let ask = match self.protocol {
                Protocol::Base => Ask {
                    id: row.task_id.clone(),
                    group: String::new(),
                    request: Request::Complete {
                        prompt: row.prompt.clone(),
                        stops: STOPS.map(str::to_owned).into(),
                        limit: TOKENS,
                    },
                    draw: draw(self.samples),
                },
                Protocol::Instruct => Ask {
                    draw: draw(self.samples),
                    ..converse(
                        row.task_id.clone(),
                        String::new(),
                        format!(
                            "Write a solution to the following problem and make sure that it passes the \
                             tests:\n```python\n{}\n```\n",
                            row.prompt
                        ),
                    )
                },
            };
            let key = Key {
                solution: format!("{}{}", row.prompt, row.canonical_solution),
                prompt: row.prompt,
                entry: row.entry_point,
                tests,
            };
            Ok((ask, key))
        };
        let rows = json_lines_and_text::<Row>(&self.file)?;
        rows.into_iter().map(question).collect()
    }

    fn score(&self, _ask: &Ask, key: &Key, answers: &[Answer]) -> Score {
        let texts = match said(answers) {
            Ok(texts) => texts,
            Err(why) => return wrong(&self.metrics, why),
        };
        let whole = |text: &&str| match self.protocol {
            Protocol::Base => format!("{}{text}", key.prompt),
            Protocol::Instruct => assembled(&key.prompt, &key.entry, text),
        };
        let programs: Vec<String> = texts.iter().map(whole).collect();
        Score {
            expected: key.solution.clone(),
            ..score(&self.metrics, &programs, &key.tests)
        }
    }
}

/// The program of an answer in words: with what the prompt imports and defines before the function.
fn assembled(prompt: &str, entry: &str, answer: &str) -> String {
    let code = program(answer, Some(entry));
    let head = format!("def {entry}");
    if code.contains(&head) || code.contains(&format!("{entry} =")) {
        let before = prompt.find(&head).map_or("", |at| &prompt[..at]);
        return format!("{before}{code}");
    }
    // a body alone goes on from the prompt
    match code.is_empty() {
        true => format!("{prompt}{answer}"),
        false => format!("{prompt}{code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str =
        "from typing import List\n\n\ndef f(x: List[int]) -> int:\n    \"\"\" 합 \"\"\"\n";

    #[test]
    fn an_answer_becomes_a_program() {
        let whole = assembled(
            PROMPT,
            "f",
            "네.\n```python\ndef f(x):\n    return sum(x)\n```",
        );
        assert_eq!(
            whole,
            "from typing import List\n\n\ndef f(x):\n    return sum(x)\n"
        );
        let body = assembled(PROMPT, "f", "```python\n    return sum(x)\n```");
        assert_eq!(body, format!("{PROMPT}    return sum(x)\n"));
        let bare = assembled(PROMPT, "f", "    return sum(x)");
        assert_eq!(bare, format!("{PROMPT}    return sum(x)"));
    }
}
