//! Scores answers that are in a file: `answers TASK DATA FILE [base|instruct]`; one JSON object a line.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use anyhow::{Context, Result, bail};
use evals::{Cache, Given, Protocol, Settings, Setup, Silent};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // answers may be programs
    sandbox::door();
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (task, data, file, protocol) = match &words[..] {
        [task, data, file] => (task, data, file, "instruct"),
        [task, data, file, protocol] => (task, data, file, protocol.as_str()),
        _ => bail!("usage: answers TASK DATA FILE [base|instruct]"),
    };
    let kind = evals::tasks::find(task).with_context(|| format!("there is no task `{task}`"))?;
    let task = (kind.open)(&Setup {
        data: data.into(),
        protocol: match protocol {
            "base" => Protocol::Base,
            "instruct" => Protocol::Instruct,
            other => bail!("wanted `base` or `instruct`, found `{other}`"),
        },
        shots: None,
        samples: 1,
    })?;
    let outcome = Given::read(Path::new(file))?.outcome(
        task.as_ref(),
        true,
        None,
        &mut Cache::in_memory(),
        &Settings::default(),
        &mut Silent,
    )?;
    let given = outcome.questions.iter();
    for question in given.filter(|question| question.failure().is_none()) {
        let (id, score) = (&question.ask.id, &question.score);
        let line = serde_json::json!({"id": id, "values": score.values, "note": score.note});
        println!("{line}");
    }
    Ok(())
}
