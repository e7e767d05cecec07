//! What a stage may know of the world around it: a seed, folders to resume from, who is
//! watching, whether to stop, and what the binary handed in.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::clock::{self, Watch};
use crate::manifest::{PARTIAL, PROVENANCE, SCRATCH};
use crate::metrics::Metrics;
use crate::{Progress, Reporter};

/// A flag that asks a run to stop where it can resume. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag not yet raised.
    pub fn new() -> Self {
        Self::default()
    }
    /// Asks the run to stop. Safe to call from a signal handler's thread.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
    /// Whether it was asked to.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The run was asked to stop, and did. `error.is::<Cancelled>()` tells it from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request")]
pub struct Cancelled;

/// What provenance says of the program and the machine; outside keys and hashes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The version of the code.
    pub code: String,
    /// The machine: processor, memory, kernels chosen.
    pub machine: Value,
    /// The command that was typed.
    pub command: String,
}

/// What the binary hands to every stage: where to run, never what to make.
#[derive(Debug, Default)]
pub struct Resources {
    /// Raised to stop the run.
    pub cancel: Cancel,
    /// For provenance.
    pub about: About,
    /// Whether to wait for a step that another run is making, and not to end with an error.
    pub patient: bool,
    values: BTreeMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl Resources {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a thing that stages ask for by its type; the last of a type counts.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.values.insert(TypeId::of::<T>(), Box::new(value));
        self
    }

    /// The thing of this type, or `None`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.values.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

/// A stage's surroundings while it runs. All its methods take `&self`, so that threads
/// may share it.
pub struct Context<'a> {
    seed: u64,
    folder: PathBuf,
    resources: &'a Resources,
    watch: Watch,
    partial: PathBuf,
    scratch: PathBuf,
    told: Mutex<Told<'a>>,
}

struct Told<'a> {
    reporter: &'a mut dyn Reporter,
    metrics: Metrics,
    messages: Option<disk::Append>,
    first: Option<u64>,
    last: Option<Progress>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        seed: u64,
        folder: &Path,
        resources: &'a Resources,
        reporter: &'a mut dyn Reporter,
    ) -> Self {
        Self {
            seed,
            folder: folder.to_path_buf(),
            resources,
            watch: Watch::start(),
            partial: folder.join(PARTIAL),
            scratch: folder.join(SCRATCH),
            told: Mutex::new(Told {
                reporter,
                metrics: Metrics::new(folder.join(PROVENANCE)),
                messages: None,
                first: None,
                last: None,
            }),
        }
    }

    /// The seed of this step: it depends on the recipe's seed and the step's name only.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A folder kept between attempts until the artifact is finished. What a stage finds
    /// there it wrote itself, under the same settings and inputs; files ending in
    /// `.pending` are gone.
    pub fn partial(&self) -> Result<&Path> {
        disk::create_dir(&self.partial)?;
        Ok(&self.partial)
    }

    /// A folder for anything, empty when the attempt begins, gone when it ends.
    pub fn scratch(&self) -> Result<&Path> {
        disk::create_dir(&self.scratch)?;
        Ok(&self.scratch)
    }

    /// Tells how far the stage has come, work of earlier attempts included. `total` is 0
    /// where it is not known. The first call of an attempt says where it begins.
    pub fn progress(&self, done: u64, total: u64, unit: &str, note: &str) {
        let mut told = self.told();
        let first = *told.first.get_or_insert(done);
        let seconds = self.watch.seconds();
        let progress = Progress {
            done,
            total,
            unit: unit.to_string(),
            note: note.to_string(),
            seconds,
            per_second: done.saturating_sub(first) as f64 / seconds.max(1e-3),
        };
        told.reporter.progress(&progress);
        told.last = Some(progress);
    }

    /// Reports figures at the stage's own position `at` (tokens, documents): stamped by
    /// the runner's clock, kept in `provenance/metrics.jsonl`, passed to who watches.
    ///
    /// Positions grow. One that is smaller than the last, or the first after a resumption,
    /// takes back every line from there on: report all figures of a position before saving
    /// the state that stands for it.
    pub fn metrics(&self, at: u64, figures: impl Into<Value>) -> Result<()> {
        let mut told = self.told();
        let line = told.metrics.add(at, figures.into(), self.watch)?;
        told.reporter.metrics(&line);
        Ok(())
    }

    /// Says something worth a line to who watches; kept in `provenance/messages.txt`.
    pub fn message(&self, text: &str) {
        let mut told = self.told();
        told.reporter.message(text);
        let path = self.folder.join(PROVENANCE).join("messages.txt");
        // A message that cannot be kept has still been told; the disk that is full will
        // stop the stage where it writes what counts.
        if told.messages.is_none() {
            told.messages = disk::Append::open(&path).ok();
        }
        if let Some(file) = &mut told.messages {
            let _ = file.line(&format!("{:.3} {text}", clock::now()));
        }
    }

    /// Whether the run was asked to stop. A long stage asks often; when it is true it
    /// saves its partial state and returns `Err(Cancelled.into())`.
    pub fn cancelled(&self) -> bool {
        self.resources.cancel.is_cancelled()
    }

    /// [`Cancelled`] as an error, for a stage that has nothing to save.
    pub fn check_cancelled(&self) -> Result<()> {
        match self.cancelled() {
            true => Err(Cancelled.into()),
            false => Ok(()),
        }
    }

    /// What a stage that has nothing to save says between two pieces of work: how far it has come
    /// ([`progress`](Self::progress)); and hears whether to stop, [`Cancelled`] as an error.
    pub fn reached(&self, done: u64, total: u64, unit: &str, note: &str) -> Result<()> {
        self.progress(done, total, unit, note);
        self.check_cancelled()
    }

    /// Something that the binary handed in: where to run, never what to make.
    pub fn resource<T: Any + Send + Sync>(&self) -> Result<&'a T> {
        self.resources.get().with_context(|| {
            format!(
                "this stage needs {}, which the program did not hand to the run (a bug of the program)",
                type_name::<T>()
            )
        })
    }

    /// The flag of [`cancelled`](Context::cancelled), for a thread of its own.
    pub fn cancel(&self) -> Cancel {
        self.resources.cancel.clone()
    }

    /// Seconds since this attempt began: for showing speeds, never for results.
    pub fn seconds(&self) -> f64 {
        self.watch.seconds()
    }

    /// The last progress reported.
    pub(crate) fn last(&self) -> Option<Progress> {
        self.told().last.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told<'a>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
