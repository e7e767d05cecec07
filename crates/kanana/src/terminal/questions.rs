//! How an evaluation goes: a bar for a person, a line for every tenth of a task for a file or a pipe.

use super::note;
use anyhow::{Result, ensure};
use evals::{Phase, Stopped, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Watches questions being answered, on standard error.
pub(crate) struct Questions {
    bar: ProgressBar,
    person: bool,
    quiet: bool,
    cancel: Arc<AtomicBool>,
    /// What was told last: of which task, in which phase, which tenth.
    told: (String, Option<Phase>, usize),
}

impl Questions {
    /// Tells nothing where `quiet`; stops the run when `cancel` is raised.
    pub(crate) fn new(quiet: bool, cancel: Arc<AtomicBool>) -> Self {
        let person = std::io::stderr().is_terminal() && !quiet;
        let bar = match person {
            true => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8)),
            false => ProgressBar::hidden(),
        };
        let words = "{msg} {wide_bar:.yellow/dim} {pos} of {len} · {per_sec} · {eta} left";
        if let Ok(style) = ProgressStyle::with_template(words) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Questions {
            bar,
            person,
            quiet,
            cancel,
            told: (String::new(), None, 0),
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Questions {
    fn progress(&mut self, task: &str, phase: Phase, done: usize, total: usize) -> Result<()> {
        ensure!(!self.cancel.load(Ordering::SeqCst), Stopped);
        let tenth = done * 10 / total.max(1);
        let fresh = self.told.0 != task || self.told.1 != Some(phase);
        if fresh {
            self.bar.reset();
            self.bar.set_length(total as u64);
            self.bar.set_message(format!("{task} {}", phase.noun()));
        }
        self.bar.set_position(done as u64);
        if fresh {
            // What is there already is no speed.
            self.bar.reset_eta();
        }
        if !self.person && !self.quiet && (fresh || tenth > self.told.2) {
            note(&format!("{task}: {done} of {total} {}", phase.noun()));
        }
        self.told = (task.to_owned(), Some(phase), tenth);
        Ok(())
    }
}
