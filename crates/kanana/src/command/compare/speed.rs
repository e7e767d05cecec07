//! How fast two models are on this machine: the time to the first token of an answer, and that of each further one.
//!
//! The two take turns, so that what else the machine does falls on both; of each the median of all turns is told. No
//! prompt is like another, so that nothing is found in the cache.

use crate::command::open::{Weights, open};
use crate::command::{Where, now};
use crate::device::Machine;
use anyhow::{Result, bail, ensure};
use generate::{Engine, Event, Finish, Limits, Request, Sampling};
use page::{Cell, Column, Page, Table};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tensor::{Cpu, Precision};

/// Turns of each model that count; one before them does not.
const TURNS: usize = 7;
/// Tokens of a prompt, and after it, at most.
const PROMPT: usize = 512;
const WRITTEN: usize = 64;

/// Both models' times.
#[derive(Serialize)]
pub(super) struct Speeds {
    /// Tokens of each prompt.
    prompt: usize,
    /// Tokens of each answer.
    written: usize,
    turns: usize,
    threads: usize,
    precision: String,
    a: Times,
    b: Times,
}

/// Medians with the least and the most, in seconds.
#[derive(Serialize)]
struct Times {
    first_token: [f64; 3],
    further_token: [f64; 3],
}

/// Measures the models at two paths, until somebody cancels it.
pub(super) fn compare(
    paths: [&str; 2],
    place: &Where,
    machine: &Machine,
    precision: Precision,
    cancel: &AtomicBool,
) -> Result<Speeds> {
    let mut engines = Vec::new();
    for path in paths {
        let opened = open(path, place, machine, precision, Weights::Auto)?;
        let (decoder, tokenizer) = (Arc::new(opened.decoder), Arc::new(opened.tokenizer));
        engines.push(Engine::new(decoder, tokenizer, Limits::default())?);
    }
    let context = engines.iter().map(|engine| engine.decoder().shape.context);
    let context = context.min().unwrap_or_default();
    ensure!(
        context >= 8,
        "one of the models reads {context} tokens: too few to measure anything"
    );
    let prompt = PROMPT.min(context / 2);
    let written = WRITTEN.min(context - prompt);
    let mut times: [[Vec<f64>; 2]; 2] = Default::default();
    for turn in 0..=TURNS {
        for (engine, times) in engines.iter_mut().zip(&mut times) {
            ensure!(!cancel.load(Ordering::SeqCst), "stopped");
            let (first, further) = answer(engine, turn, prompt, written)?;
            if turn > 0 {
                times[0].push(first);
                times[1].push(further);
            }
        }
    }
    let [a, b] = times.map(|[first, further]| Times {
        first_token: spread(first),
        further_token: spread(further),
    });
    Ok(Speeds {
        prompt,
        written,
        turns: TURNS,
        threads: engines[0].decoder().device.threads(),
        precision: crate::evaluation::local::precision_name(precision),
        a,
        b,
    })
}

/// Seconds to the first token, and of each further one.
fn answer(
    engine: &mut Engine<Cpu>,
    turn: usize,
    prompt: usize,
    written: usize,
) -> Result<(f64, f64)> {
    let vocabulary = engine.decoder().shape.vocabulary;
    // Any tokens will do: what they are costs nothing.
    let ids = (0..prompt).map(|at| ((turn * 7919 + at * 104_729 + 1) % vocabulary) as u32);
    let request = Request::new(ids.collect(), written, Sampling::greedy());
    let begun = now();
    engine.submit(request)?;
    let (mut first, mut count, mut failure) = (None, 0, None);
    while !engine.is_idle() {
        engine.step(|_, event| match event {
            Event::Piece { tokens, .. } => count += tokens.len(),
            Event::End(generation) => {
                if let Finish::Failed(why) = generation.finish {
                    failure = Some(why);
                }
            }
        })?;
        if count > 0 && first.is_none() {
            first = Some((now(), count));
        }
    }
    let end = now();
    if let Some(why) = failure {
        bail!("a model could not be measured: {why}");
    }
    ensure!(
        count == written,
        "a model wrote {count} tokens where {written} were wanted: there is nothing to compare"
    );
    let (at, already) = first.unwrap_or((end, count));
    let further = count.saturating_sub(already).max(1);
    Ok((
        (at - begun).as_secs_f64(),
        (end - at).as_secs_f64() / further as f64,
    ))
}

/// The median, the least and the most.
fn spread(mut seconds: Vec<f64>) -> [f64; 3] {
    seconds.sort_by(f64::total_cmp);
    [
        seconds[seconds.len() / 2],
        seconds[0],
        seconds[seconds.len() - 1],
    ]
}

impl Speeds {
    pub(super) fn draw(&self, page: &mut Page, [a, b]: [&str; 2]) {
        page.heading("How fast they are");
        page.paragraph(format!(
            "Prompts of {} tokens, answers of {}, one at a time; {} threads, {}; medians of {} turns, taken in turns.",
            self.prompt, self.written, self.threads, self.precision, self.turns
        ));
        let mut table = Table::new([
            Column::text(""),
            Column::number(format!("{a}, ms"), 2),
            Column::text("from, to"),
            Column::number(format!("{b}, ms"), 2),
            Column::text("from, to"),
            Column::text("second of first"),
        ]);
        let range = |[_, least, most]: [f64; 3]| format!("{:.2} – {:.2}", 1e3 * least, 1e3 * most);
        for (what, a, b) in [
            ("to the first token", self.a.first_token, self.b.first_token),
            (
                "each further token",
                self.a.further_token,
                self.b.further_token,
            ),
        ] {
            table.row([
                Cell::from(what),
                Cell::from(1e3 * a[0]),
                Cell::from(range(a)),
                Cell::from(1e3 * b[0]),
                Cell::from(range(b)),
                Cell::from(page::percent(b[0] / a[0], 1)),
            ]);
        }
        page.table(table);
    }
}
