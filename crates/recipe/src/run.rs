//! Makes what a plan lacks, one step after another, so that being killed at any moment
//! costs time and nothing else.
//!
//! A step: lock, clear what the last attempt left half-made (its partial state stays),
//! run the stage, hash what it wrote, write the manifest, drop the partial state.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use disk::Lock;
use serde_json::json;

use crate::clock::{self, Watch};
use crate::manifest::{
    FileRecord, Manifest, Origin, PARTIAL, PROVENANCE, RESERVED, SCRATCH, files_below,
};
use crate::outside::Hashes;
use crate::{Cancelled, Context, Plan, Quantity, Reporter, Resources, State, Step, Store};

/// Runs every step whose artifact is not there. A second run does nothing.
///
/// Each artifact is locked while it is made: where another run holds one, this one ends
/// with an error that says which process, or waits where `resources` say to. An error ends the run at once; what is finished
/// stays, what is partial is gone on from next time.
pub fn run(
    plan: &Plan,
    store: &Store,
    reporter: &mut dyn Reporter,
    resources: &Resources,
) -> Result<()> {
    if let Some(input) = plan.planned().first() {
        bail!(
            "the input \"{}\" (of kind `{}`) is planned and not there: the recipe says what is expected \
             of it, which is enough to plan; to run, add --input {}=PATH",
            input.name,
            input.kind,
            input.name
        );
    }
    for input in &plan.outside {
        input.record(store)?;
    }
    let total = plan.steps().len();
    for (index, step) in plan.steps().iter().enumerate() {
        if resources.cancel.is_cancelled() {
            return Err(Cancelled).context(format!(
                "stopped before the step \"{}\"; the same command goes on from here",
                step.name
            ));
        }
        let attempt = Attempt {
            plan,
            store,
            step,
            number: index + 1,
            total,
        };
        attempt.make(reporter, resources)?;
    }
    Ok(())
}

/// How long to wait before looking again whether another run is done with a step.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

struct Attempt<'a> {
    plan: &'a Plan,
    store: &'a Store,
    step: &'a Step,
    number: usize,
    total: usize,
}

impl Attempt<'_> {
    fn make(&self, reporter: &mut dyn Reporter, resources: &Resources) -> Result<()> {
        let step = self.step;
        let lock_path = self.store.lock_path(&step.folder());
        if self.cached()? {
            // Killed between the manifest and tidying up, it left something to do; where
            // another run holds the lock, that one does it.
            let left_over = |name: &str| step.path.join(name).exists();
            if (left_over(PARTIAL) || left_over(SCRATCH))
                && let Some(_lock) = Lock::try_new(&lock_path)?
            {
                self.tidy()?;
            }
            reporter.step_cached(step, self.number, self.total);
            return Ok(());
        }
        let Some(_lock) = self.lock(&lock_path, reporter, resources)? else {
            bail!(
                "the step \"{}\" is being made by another run ({}): wait for it, or stop it; two \
                 runs cannot write one artifact, {}",
                step.name,
                Lock::holder(&lock_path),
                step.path.display()
            );
        };
        // Another run may have finished it between the plan and the lock.
        if self.cached()? {
            reporter.step_cached(step, self.number, self.total);
            return Ok(());
        }
        self.enough_space()?;
        let again = step.path.join(PARTIAL).is_dir();
        reporter.step_started(step, self.number, self.total, again);
        let watch = Watch::start();
        let manifest = self
            .clear()
            .and_then(|()| self.attempt(reporter, resources, watch));
        let manifest = manifest.map_err(|error| self.explain(error))?;
        reporter.step_finished(step, &manifest, watch.seconds());
        Ok(())
    }

    /// The lock, or `None` where another run has it and this one will not wait.
    fn lock(
        &self,
        path: &Path,
        reporter: &mut dyn Reporter,
        resources: &Resources,
    ) -> Result<Option<Lock>> {
        let mut told = false;
        loop {
            let lock = Lock::try_new(path)?;
            if lock.is_some() || !resources.patient {
                return Ok(lock);
            }
            if !told {
                told = true;
                reporter.message(&format!(
                    "waiting for the step \"{}\", which another run is making ({})",
                    self.step.name,
                    Lock::holder(path)
                ));
            }
            if resources.cancel.is_cancelled() {
                return Err(Cancelled).context(format!(
                    "stopped while waiting for the step \"{}\", which another run is making",
                    self.step.name
                ));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn cached(&self) -> Result<bool> {
        match self.store.state(&self.step.name, &self.step.key) {
            State::Cached => Ok(true),
            State::Partial | State::Missing => Ok(false),
            State::Damaged(problem) => bail!(
                "the artifact of the step \"{}\" is damaged: {problem}; `kanana verify {}` tells \
                 more, and once {} is removed the step is made again",
                self.step.name,
                self.step.folder(),
                self.step.path.display()
            ),
        }
    }

    /// Empties the folder of everything but partial state and provenance.
    fn clear(&self) -> Result<()> {
        let folder = &self.step.path;
        disk::create_dir(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == PARTIAL || name == PROVENANCE {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => disk::remove_dir(&entry.path())?,
                false => disk::remove_file(&entry.path())?,
            }
        }
        let partial = folder.join(PARTIAL);
        if partial.is_dir() {
            for (name, _) in files_below(&partial, &[])? {
                if name.ends_with(disk::PENDING) {
                    disk::remove_file(&partial.join(name))?;
                }
            }
        }
        disk::create_dir(&folder.join(PROVENANCE))?;
        Ok(())
    }

    /// One attempt from a cleared folder to a manifest.
    fn attempt(
        &self,
        reporter: &mut dyn Reporter,
        resources: &Resources,
        watch: Watch,
    ) -> Result<Manifest> {
        let step = self.step;
        let provenance = step.path.join(PROVENANCE);
        disk::write(&provenance.join("recipe.toml"), self.plan.text.as_bytes())?;
        let mut journal = disk::Append::open(&provenance.join("attempts.jsonl"))?;
        let begun = json!({
            "event": "started",
            "time": clock::now(),
            "process": std::process::id(),
            "about": resources.about,
        });
        journal.line(&begun.to_string())?;
        let mut context = Context::new(step.seed, &step.path, resources, reporter);
        let made = self
            .inputs_unchanged()
            .and_then(|()| step.task.run(&step.bound, &mut context, &step.path))
            .and_then(|notes| {
                self.inputs_unchanged()?;
                let manifest = self.seal(notes)?;
                manifest.write(&step.path)?;
                Ok(manifest)
            });
        let ended = json!({
            "event": match &made {
                Ok(_) => "finished",
                Err(error) if error.is::<Cancelled>() => "cancelled",
                Err(_) => "failed",
            },
            "error": made.as_ref().err().map(|error| format!("{error:#}")),
            "time": clock::now(),
            "seconds": watch.seconds(),
            "progress": context.last(),
        });
        // The artifact is finished, or the error is the one to tell: neither depends on
        // this line.
        let _ = journal.line(&ended.to_string());
        let manifest = made?;
        // Past this point the artifact is finished; what is left over goes next time.
        let _ = self.tidy();
        Ok(manifest)
    }

    fn inputs_unchanged(&self) -> Result<()> {
        let mut hashes = Hashes::open(self.store);
        for input in &self.plan.outside {
            let mut references = self
                .step
                .bound
                .values()
                .flat_map(|bound| bound.references());
            if references.any(|reference| reference.name == input.name) {
                input.unchanged(&mut hashes)?;
            }
        }
        hashes.save(self.store)
    }

    /// Hashes what the stage wrote.
    fn seal(
        &self,
        notes: std::collections::BTreeMap<String, serde_json::Value>,
    ) -> Result<Manifest> {
        let step = self.step;
        let mut files = Vec::new();
        for (name, bytes) in files_below(&step.path, &RESERVED)? {
            if name.ends_with(disk::PENDING) {
                bail!("the stage left {name} unfinished (a bug of the stage)");
            }
            let blake3 = disk::hash_file(&step.path.join(&name))?;
            files.push(FileRecord {
                name,
                bytes,
                blake3,
            });
        }
        let origin = Origin::Made {
            stage: step.stage.clone(),
            version: step.version,
            settings: step.settings.clone(),
            seed: step.seed,
        };
        Manifest::new(
            (&step.name, &step.key, &step.kind),
            origin,
            step.inputs.clone(),
            notes,
            files,
        )
    }

    /// Drops what a finished artifact no longer needs.
    fn tidy(&self) -> Result<()> {
        for name in [PARTIAL, SCRATCH] {
            let folder = self.step.path.join(name);
            if folder.exists() {
                disk::remove_dir(&folder)?;
            }
        }
        Ok(())
    }

    fn enough_space(&self) -> Result<()> {
        let disk = |quantity: &&Quantity| quantity.name == Quantity::DISK;
        let wanted: f64 = self
            .step
            .quantities
            .iter()
            .filter(disk)
            .map(|q| q.value)
            .sum();
        // What an earlier attempt left is part of what it needs.
        let wanted = wanted - below(&self.step.path) as f64;
        let free = disk::free_space(self.store.root())? as f64;
        if wanted > free {
            bail!(
                "the step \"{}\" will need about {} of disk, and {} has {} free: make room (`kanana \
                 gc` says what would go), or name a store elsewhere",
                self.step.name,
                size(wanted),
                self.store.root().display(),
                size(free)
            );
        }
        Ok(())
    }

    /// Says which step failed, where, and how to go on.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let step = self.step;
        let kept = match has_files(&step.path.join(PARTIAL)) {
            true => "what it had saved is kept, and the same command goes on from there",
            false => "it had saved nothing yet, so the same command makes this step anew",
        };
        if error.is::<Cancelled>() {
            return anyhow::Error::from(Cancelled).context(format!(
                "stopped in the step \"{}\" ({}): {kept}",
                step.name,
                step.path.display()
            ));
        }
        let full = error.chain().any(|cause| {
            let cause = cause.downcast_ref::<std::io::Error>();
            cause.is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull)
        });
        let advice = match full {
            true => "; the disk is full: make room first (`kanana gc` says what would go)",
            false => "",
        };
        error.context(anyhow!(
            "the step \"{}\" (stage {}) failed in {}: {kept}{advice}",
            step.name,
            step.stage,
            step.path.display()
        ))
    }
}

fn has_files(folder: &Path) -> bool {
    files_below(folder, &[]).is_ok_and(|files| !files.is_empty())
}

/// The bytes that lie below a folder, which may not be there.
fn below(folder: &Path) -> u64 {
    let files = files_below(folder, &[]).unwrap_or_default();
    files.iter().map(|(_, bytes)| bytes).sum()
}

/// Bytes for people.
pub(crate) fn size(bytes: f64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{value:.0} {}", units[unit]),
        _ => format!("{value:.1} {}", units[unit]),
    }
}
