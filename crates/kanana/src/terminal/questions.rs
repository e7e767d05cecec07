//! How an evaluation goes: a bar for a person, a line for every tenth of a task for a file or a pipe.

use super::note;
use anyhow::{Result, ensure};
use evals::{Phase, Stopped, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What takes longer is told on the way.
const SLOW: Duration = Duration::from_secs(2);

/// Watches questions being answered, on standard error.
pub(crate) struct Questions {
    bar: ProgressBar,
    person: bool,
    quiet: bool,
    cancel: Arc<AtomicBool>,
    /// What was told last: of which task, in which phase, which tenth.
    told: (String, Option<Phase>, usize),
    /// How far that is.
    at: (usize, usize),
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
            at: (0, 0),
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Where a run that was stopped stands, and what is not lost, as the end of "stopped …".
    pub(crate) fn stopped(&self) -> String {
        let (done, total) = self.at;
        match &self.told {
            (task, Some(Phase::Scores), _) => format!(
                "while {task} was scored ({done} of {total}); every answer is kept, and the same command \
                 scores them again"
            ),
            (task, Some(phase), _) => format!(
                "after {done} of {total} {} of {task}; they are kept, and the same command goes on from there",
                phase.noun()
            ),
            (_, None, _) => "before anything was asked; the same command begins again".to_owned(),
        }
    }
}

impl Watch for Questions {
    fn progress(&mut self, task: &str, phase: Phase, done: usize, total: usize) -> Result<()> {
        self.at = (done, total);
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
        // A line for every tenth, of what takes long; of scores, which are mostly there at once, the last.
        let before = if fresh { 0 } else { self.told.2 };
        let due = tenth > before && (done == total || self.bar.elapsed() > SLOW);
        let begins = fresh && phase != Phase::Scores;
        if !self.person && !self.quiet && (begins || due) {
            note(&format!("{task}: {done} of {total} {}", phase.noun()));
        }
        if fresh || tenth != self.told.2 {
            self.told = (task.to_owned(), Some(phase), tenth);
        }
        ensure!(!self.cancel.load(Ordering::SeqCst), Stopped);
        Ok(())
    }
}
