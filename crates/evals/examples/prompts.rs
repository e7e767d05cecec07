//! Prints every question of a task as it is put under the base protocol, one JSON object a line.
//!
//! `cargo run --release -p evals --example prompts -- FOLDER TASK`; `benches/evals/prompts.py` compares
//! what it prints with lm-evaluation-harness.

use anyhow::{Context as _, Result, bail};
use evals::{Protocol, Request, Setup, tasks};
use serde_json::json;
use std::io::Write as _;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, name] = &arguments[..] else {
        bail!("wanted FOLDER TASK, found {} words", arguments.len());
    };
    let kind = tasks::find(name).with_context(|| format!("no task is called {name}"))?;
    let task = (kind.open)(&Setup {
        data: data.into(),
        protocol: Protocol::Base,
        shots: None,
        samples: 1,
    })?;
    let mut out = std::io::stdout().lock();
    for ask in task.asks()? {
        let line = match ask.request {
            Request::Choose { context, options } => {
                json!({"id": ask.id, "context": context, "options": options})
            }
            Request::Complete { prompt, stops, .. } => {
                json!({"id": ask.id, "context": prompt, "options": stops})
            }
            other => bail!("{name} asks otherwise: {other:?}"),
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}
