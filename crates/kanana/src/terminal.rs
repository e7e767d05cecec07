//! What a person, or a program, sees of a run: a bar, plain lines, or JSON.
//!
//! A bar when standard error is a terminal, a line now and then when it is not, one JSON object
//! a line on standard output with `--json`. Standard output otherwise carries answers only.
#![allow(clippy::print_stdout, clippy::print_stderr)] // its one purpose

mod questions;
mod tensorboard;
mod transfer;

pub(crate) use questions::Questions;
pub(crate) use tensorboard::TensorBoard;
pub(crate) use transfer::Transfer;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recipe::{Manifest, Progress, Reporter, Step};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// Prints an error and its causes as one paragraph.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        let _ = write!(text, "\n  because: {cause}");
    }
    eprintln!("{text}");
}

/// Prints an answer; a closed pipe is not an error of ours.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a piece of an answer at once.
pub(crate) fn stream(text: &str) {
    let mut out = std::io::stdout();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a piece of a model's text at once; to a terminal without the sequences that would steer it.
pub(crate) fn words(text: &str) {
    match std::io::stdout().is_terminal() {
        true => stream(&page::visible(text)),
        false => stream(text),
    }
}

/// Prints something beside the answer.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints something beside the answer, in quiet colours where there are colours.
pub(crate) fn aside(text: &str) {
    let colours = std::io::stderr().is_terminal() && crate::environment::word("NO_COLOR").is_none();
    match colours {
        true => eprintln!("\x1b[2m{text}\x1b[22m"),
        false => eprintln!("{text}"),
    }
}

/// Prints JSON, on several lines for people and on one for a stream of events.
pub(crate) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// The reporter that suits where the output goes.
pub(crate) fn reporter(json: bool) -> Box<dyn Reporter> {
    if json {
        Box::new(Lines {
            json: true,
            ..Lines::default()
        })
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8)),
        })
    } else {
        Box::new(Lines::default())
    }
}

fn heading(step: &Step, number: usize, total: usize) -> String {
    format!("[{number}/{total}] {} ({})", step.name, step.stage)
}

/// What a finished step has to say: its notes, in one line.
fn summary(manifest: &Manifest) -> String {
    let notes = manifest.notes.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key} {text}"),
        other => format!(
            "{key} {}",
            page::quantity(other.as_f64().unwrap_or(f64::NAN))
        ),
    });
    notes.collect::<Vec<_>>().join(", ")
}

/// A duration as people say it.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3600..172_800 => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
        172_800..63_072_000 => format!("{} days", whole / 86_400),
        _ => format!("{} years", page::quantity(seconds / 31_536_000.0)),
    }
}

fn left(progress: &Progress) -> Option<String> {
    let missing = progress.total.checked_sub(progress.done)?;
    (progress.total > 0 && progress.per_second > 0.0)
        .then(|| seconds(missing as f64 / progress.per_second))
}

/// For a terminal.
struct Bar {
    bar: ProgressBar,
}

impl Reporter for Bar {
    fn step_started(&mut self, step: &Step, number: usize, total: usize, again: bool) {
        let again = if again {
            ", going on where it stopped"
        } else {
            ""
        };
        self.bar
            .println(format!("{}{again}", heading(step, number, total)));
        self.bar.reset();
    }

    fn step_cached(&mut self, step: &Step, number: usize, total: usize) {
        self.bar
            .println(format!("{}: already there", heading(step, number, total)));
    }

    fn step_finished(&mut self, _: &Step, manifest: &Manifest, took: f64) {
        self.bar.finish_and_clear();
        self.bar
            .println(format!("      {} · {}", seconds(took), summary(manifest)));
    }

    fn message(&mut self, text: &str) {
        self.bar.println(format!("      {text}"));
    }

    fn progress(&mut self, progress: &Progress) {
        let style = if progress.total > 0 {
            "      {wide_bar:.yellow/dim} {percent:>3} %  {msg}"
        } else {
            "      {spinner:.yellow} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style.progress_chars("━━─"));
        }
        self.bar.set_length(progress.total.max(1));
        self.bar.set_position(progress.done);
        let mut words = format!(
            "{} {}/s",
            page::quantity(progress.per_second),
            progress.unit
        );
        if !progress.note.is_empty() {
            let _ = write!(words, " · {}", progress.note);
        }
        if let Some(left) = left(progress) {
            let _ = write!(words, " · {left} left");
        }
        self.bar.set_message(words);
    }
}

/// The reporter for one of several runs at once: lines that say whose they are.
pub(crate) fn beside(whose: String) -> Box<dyn Reporter> {
    Box::new(Lines {
        whose,
        ..Lines::default()
    })
}

/// For a file or a pipe: a line for each step, and one every ten seconds on long work.
#[derive(Default)]
struct Lines {
    json: bool,
    /// Before every line, where several runs write at once.
    whose: String,
    last: f64,
}

impl Lines {
    fn line(&self, text: &str, event: impl FnOnce() -> Value) {
        match (self.json, self.whose.as_str()) {
            (true, _) => say(&event().to_string()),
            (false, "") => note(text),
            (false, whose) => note(&format!("{whose}: {}", text.trim_start())),
        }
    }
}

impl Reporter for Lines {
    fn step_started(&mut self, step: &Step, number: usize, total: usize, again: bool) {
        self.last = 0.0;
        let going_on = if again {
            ", going on where it stopped"
        } else {
            ""
        };
        self.line(&format!("{}{going_on}", heading(step, number, total)), || {
            json!({"event": "started", "step": step.name, "stage": step.stage, "key": step.key, "number": number, "of": total, "resumed": again})
        });
    }

    fn step_cached(&mut self, step: &Step, number: usize, total: usize) {
        self.line(&format!("{}: already there", heading(step, number, total)), || {
            json!({"event": "cached", "step": step.name, "stage": step.stage, "key": step.key, "number": number, "of": total})
        });
    }

    fn step_finished(&mut self, step: &Step, manifest: &Manifest, took: f64) {
        self.line(&format!("      {} · {}", seconds(took), summary(manifest)), || {
            json!({"event": "finished", "step": step.name, "key": step.key, "seconds": took, "notes": manifest.notes})
        });
    }

    fn message(&mut self, text: &str) {
        self.line(
            &format!("      {text}"),
            || json!({"event": "message", "text": text}),
        );
    }

    fn progress(&mut self, progress: &Progress) {
        if progress.seconds - self.last < 10.0 {
            return;
        }
        self.last = progress.seconds;
        let mut words = format!(
            "      {} of {} {}",
            progress.done, progress.total, progress.unit
        );
        let _ = write!(words, ", {} a second", page::quantity(progress.per_second));
        if !progress.note.is_empty() {
            let _ = write!(words, ", {}", progress.note);
        }
        if let Some(left) = left(progress) {
            let _ = write!(words, ", {left} left");
        }
        self.line(
            &words,
            || json!({"event": "progress", "progress": progress}),
        );
    }

    fn metrics(&mut self, metrics: &Value) {
        if self.json {
            say(&json!({"event": "metrics", "metrics": metrics}).to_string());
        }
    }
}
