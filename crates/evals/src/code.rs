//! What the benchmarks of code share: running an answer against tests, and pass@k.
//!
//! pass@k, without bias, from n answers of which c are right: 1 − Π_{i=n−c+1}^{n} (1 − k/i)
//! (Chen et al. 2021, section 2.1). Answers run in `sandbox`, driven by `code/driver.py`.

mod extract;

pub(crate) use extract::program;

use crate::ask::Draw;
use crate::prepared::mean;
use crate::task::{Metric, Score};
use anyhow::{Result, anyhow, bail};
use sandbox::{Limits, Sandbox, Status};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use std::time::Duration;

const DRIVER: &str = include_str!("code/driver.py");

/// The ks that are told where enough answers were drawn: Codex' and lm-eval's.
const KS: [usize; 8] = [1, 2, 8, 10, 16, 32, 64, 100];

/// Processor seconds of an answer with asserts: `code_eval`'s three seconds are of the clock.
const SECONDS: f64 = 3.0;

/// What an answer is run against.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Tests {
    /// A program that fails where the answer is wrong.
    Asserts {
        /// Its text, to be put behind the answer.
        tests: String,
        seconds: f64,
    },
    /// Inputs, and a solution that knows what is right.
    Compare {
        /// The problem's own row, in which evalplus' inputs stand.
        row: String,
        reference: String,
        /// Whether MBPP's special cases hold, or HumanEval's.
        mbpp: bool,
    },
}

impl Tests {
    pub(crate) fn asserts(tests: String) -> Tests {
        let seconds = SECONDS;
        Tests::Asserts { tests, seconds }
    }

    /// Processor time and clock of the whole run, in seconds: evalplus stops after sixty.
    fn limits(&self) -> (u64, u64) {
        match self {
            Tests::Asserts { .. } => (5, 20),
            Tests::Compare { .. } => (70, 180),
        }
    }
}

/// What came of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Whether the benchmark's own tests hold.
    pub(crate) base: bool,
    /// Whether those and evalplus' do; as `base` where there are none.
    pub(crate) plus: bool,
    /// Why not.
    pub(crate) why: String,
}

#[derive(Deserialize)]
struct Said {
    mark: String,
    base: String,
    plus: Option<String>,
    why: String,
}

/// The place where answers run; the same for all tasks of a process.
///
/// # Errors
/// What [`Sandbox::new`] refuses for: there is no Python, or nothing that could hold it.
pub(crate) fn sandbox() -> Result<&'static Sandbox> {
    static SANDBOX: OnceLock<Result<Sandbox, String>> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| {
        let limits = Limits {
            // two results of Mbpp/255 take more than two gigabytes
            memory: 3 << 30,
            ..Limits::default()
        };
        Sandbox::new(limits).map_err(|error| format!("{error:#}"))
    });
    sandbox.as_ref().map_err(|error| anyhow!("{error}"))
}

/// Runs an answer.
///
/// # Errors
/// Only what hinders the sandbox or the problem itself; an answer that does harm has failed.
pub(crate) fn judge(code: &str, tests: &Tests) -> Result<Verdict> {
    let sandbox = sandbox()?;
    let mark = blake3::hash(format!("{code}\0{tests:?}").as_bytes()).to_string();
    let mut job = serde_json::to_value(tests)?;
    job["code"] = code.into();
    job["mark"] = mark.as_str().into();
    let (processor, clock) = tests.limits();
    let limits = Limits {
        processor,
        wall: Duration::from_secs(clock),
        ..sandbox.limits().clone()
    };
    let outcome = sandbox
        .within(limits)
        .run(DRIVER, &serde_json::to_vec(&job)?)?;
    let said = outcome.stdout.lines().last();
    let said = said.and_then(|line| serde_json::from_str::<Said>(line).ok());
    match said.filter(|said| said.mark == mark && outcome.status == Status::Ended(0)) {
        Some(said) if said.base == "broken" => {
            let holds = |reference: &str| judge(reference, tests).is_ok();
            broken(said.why, code, tests, holds)
        }
        Some(said) => {
            let base = said.base == "pass";
            Ok(Verdict {
                base,
                plus: base && said.plus.is_none_or(|plus| plus == "pass"),
                why: said.why,
            })
        }
        None if outcome.why.is_empty() => Ok(Verdict {
            why: "it ended the program before the tests were through".to_owned(),
            ..Verdict::default()
        }),
        None => Ok(Verdict {
            why: outcome.why,
            ..Verdict::default()
        }),
    }
}

/// What it means that the problem's own solution failed beside an answer: the problem is broken, unless the
/// solution `holds` beside itself. Then the answer broke it, and has failed.
fn broken(
    why: String,
    code: &str,
    tests: &Tests,
    holds: impl FnOnce(&str) -> bool,
) -> Result<Verdict> {
    match tests {
        Tests::Compare { reference, .. } if reference != code && holds(reference) => Ok(Verdict {
            why,
            ..Verdict::default()
        }),
        _ => bail!("{why}"),
    }
}

/// pass@k of one problem.
pub(crate) fn pass_at(k: usize, answers: usize, right: usize) -> f64 {
    if answers - right < k {
        return 1.0;
    }
    1.0 - (answers - right + 1..=answers)
        .map(|i| 1.0 - k as f64 / i as f64)
        .product::<f64>()
}

/// The metrics of a task that draws so many answers: `pass@1` and, with `plus`, `pass@1,base` for
/// the benchmark's own tests alone.
pub(crate) fn metrics(samples: usize, plus: bool) -> Vec<Metric> {
    let ks: Vec<usize> = KS.into_iter().filter(|k| *k <= samples.max(1)).collect();
    let whole = ks.iter().map(|k| mean(&format!("pass@{k}")));
    let base = ks.iter().map(|k| mean(&format!("pass@{k},base")));
    match plus {
        true => whole.chain(base).collect(),
        false => whole.collect(),
    }
}

/// How answers are drawn: greedily where there is one, as lm-eval's `humaneval_64` where there are more.
pub(crate) fn draw(samples: usize) -> Draw {
    match samples {
        0 | 1 => Draw::default(),
        samples => Draw {
            temperature: 0.2,
            top_p: 0.95,
            samples,
            ..Draw::default()
        },
    }
}

/// What all answers to one problem are worth; `programs` are whole.
pub(crate) fn score(metrics: &[Metric], programs: &[String], tests: &Tests) -> Score {
    let mut verdicts = Vec::with_capacity(programs.len());
    for program in programs {
        match judge(program, tests) {
            Ok(verdict) => verdicts.push(verdict),
            // the machine failed, not the model: the question is left out, and says why
            Err(error) => {
                return Score {
                    note: format!("{error:#}"),
                    ..Score::default()
                };
            }
        }
    }
    let all = verdicts.len();
    let count = |right: fn(&Verdict) -> bool| verdicts.iter().filter(|it| right(it)).count();
    let (base, plus) = (count(|it| it.base), count(|it| it.plus));
    // fewer answers than were asked for tell nothing of many draws
    let value = |metric: &Metric| {
        let (name, right) = match metric.name.strip_suffix(",base") {
            Some(name) => (name, base),
            None => (metric.name.as_str(), plus),
        };
        let k = name
            .strip_prefix("pass@")
            .and_then(|k| k.parse().ok())
            .unwrap_or(1);
        (k <= all).then(|| (metric.name.clone(), pass_at(k, all, right)))
    };
    Score {
        values: metrics.iter().filter_map(value).collect(),
        taken: programs.first().cloned().unwrap_or_default(),
        note: verdicts
            .iter()
            .find(|it| !it.why.is_empty())
            .map(|it| it.why.clone())
            .unwrap_or_default(),
        ..Score::default()
    }
}

#[cfg(test)]
mod tests;
