//! Several recipes at once, each with its share of the threads.
//!
//! Small models do not keep many threads busy, so an experiment is faster with a recipe a thread than with all
//! threads on one recipe; nothing that is made depends on it. A step that two recipes share is made by whoever
//! comes first, and the other waits.

use super::design::{Design, Run};
use crate::command::run::{resources, stoppable};
use crate::device::Machine;
use crate::terminal;
use anyhow::{Context as _, Result};
use recipe::{Cancel, Cancelled, Store};
use remote::Access;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Makes what the experiment lacks.
///
/// # Errors
/// The first failure, with its arm and seed; the other jobs stop where they can go on.
pub(super) fn make(
    design: &Design<'_>,
    store: &Store,
    jobs: usize,
    machine: &Machine,
    access: &Access,
) -> Result<()> {
    let cancel = stoppable()?;
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failure = Mutex::new(None);
    let jobs = jobs.min(design.runs.len()).max(1);
    let share = machine.share(jobs);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let _fuse = Fuse(&cancel);
                while let Some(run) = design.runs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let label = label(design, run);
                    if let Err(error) = one(design, run, store, &label, &cancel, &share, access) {
                        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        // That a job was stopped is a consequence, or what the user wanted; a failure is news.
                        let news = failure.as_ref().is_none_or(|first: &anyhow::Error| {
                            first.is::<Cancelled>() && !error.is::<Cancelled>()
                        });
                        if news {
                            *failure = Some(error);
                        }
                        cancel.cancel();
                        return;
                    }
                    let done = done.fetch_add(1, Ordering::SeqCst) + 1;
                    terminal::note(&format!("{label}: done, {done} of {}", design.runs.len()));
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) if error.is::<Cancelled>() => {
            Err(error.context("stopped; the same command goes on from here"))
        }
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Stops the other jobs where one panics: they would run for hours before anybody hears of it.
struct Fuse<'a>(&'a Cancel);

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.cancel();
        }
    }
}

fn one(
    design: &Design<'_>,
    run: &Run,
    store: &Store,
    label: &str,
    cancel: &Cancel,
    share: &Machine,
    access: &Access,
) -> Result<()> {
    let plan = run.plan(design.bindings, store)?;
    let mut resources = resources(cancel.clone(), share.clone(), access.clone());
    resources.patient = true;
    let mut reporter = terminal::beside(label.to_owned());
    recipe::run(&plan, store, &mut *reporter, &resources).with_context(|| format!("in {label}"))
}

/// Whose lines they are.
fn label(design: &Design<'_>, run: &Run) -> String {
    let experiment = design.experiment;
    format!(
        "{}, seed {}",
        experiment.arms[run.arm].name, experiment.seeds[run.seed]
    )
}
