//! The tests' program: runs what it is handed, one JSON object a line, and answers in kind.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use sandbox::{Limits, Outcome, Sandbox};
use serde::Deserialize;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Mutex;

#[derive(Deserialize)]
struct Job {
    name: String,
    program: String,
    stdin: String,
    limits: Limits,
}

fn main() -> ExitCode {
    sandbox::door();
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> anyhow::Result<()> {
    let jobs: Vec<Job> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<anyhow::Result<_>>()?;
    let Some(first) = jobs.first() else {
        return Ok(());
    };
    let sandbox = Sandbox::new(first.limits.clone())?;
    let queue = Mutex::new(jobs.into_iter());
    let out = Mutex::new(std::io::stdout());
    // several at a time: that they do not disturb one another is part of what is tested
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let job = queue.lock().expect("no panic").next();
                    let Some(job) = job else { break };
                    let outcome: Result<Outcome, String> = sandbox
                        .within(job.limits)
                        .run(&job.program, job.stdin.as_bytes())
                        .map_err(|error| format!("{error:#}"));
                    let line = serde_json::to_string(&(job.name, outcome)).expect("plain data");
                    writeln!(out.lock().expect("no panic"), "{line}").expect("an open output");
                }
            });
        }
    });
    Ok(())
}
