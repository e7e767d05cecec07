//! Figures as TensorBoard event files, beside whatever else reports the run.
//!
//! One folder a step; every attempt adds a file, as TensorBoard expects of a run that was resumed.

use recipe::{Manifest, Progress, Reporter, Step};
use serde_json::Value;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use train::tensorboard::{EventWriter, file_name};

pub(crate) struct TensorBoard {
    inner: Box<dyn Reporter>,
    folder: PathBuf,
    step: String,
    writer: Option<EventWriter<BufWriter<File>>>,
    /// Said once; the files are a convenience.
    failed: bool,
}

impl TensorBoard {
    pub(crate) fn new(inner: Box<dyn Reporter>, folder: &Path) -> Self {
        TensorBoard {
            inner,
            folder: folder.to_owned(),
            step: String::new(),
            writer: None,
            failed: false,
        }
    }

    /// One line of figures; a disk that refuses is reported once and does not stop the run.
    fn add(&mut self, metrics: &Value) -> std::io::Result<()> {
        let Some(figures) = metrics.as_object() else {
            return Ok(());
        };
        let time = metrics["time"].as_f64().unwrap_or(0.0);
        let at = metrics["at"].as_u64().unwrap_or(0);
        if self.writer.is_none() {
            let folder = self.folder.join(&self.step);
            std::fs::create_dir_all(&folder)?;
            // An event file grows while it is read, so it cannot be renamed into place.
            #[allow(clippy::disallowed_methods)]
            let file = File::create(folder.join(file_name(time as u64)))?;
            self.writer = Some(EventWriter::begin(BufWriter::new(file), time)?);
        }
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        for (name, value) in figures
            .iter()
            .filter(|(name, _)| !["at", "time", "seconds", "tokens"].contains(&name.as_str()))
        {
            if let Some(value) = value.as_f64() {
                writer.scalar(time, at, name, value as f32)?;
            }
        }
        writer.flush()
    }
}

impl Reporter for TensorBoard {
    fn step_started(&mut self, step: &Step, number: usize, total: usize, again: bool) {
        self.writer = None;
        self.step.clone_from(&step.name);
        self.inner.step_started(step, number, total, again);
    }

    fn step_cached(&mut self, step: &Step, number: usize, total: usize) {
        self.inner.step_cached(step, number, total);
    }

    fn step_finished(&mut self, step: &Step, manifest: &Manifest, seconds: f64) {
        self.inner.step_finished(step, manifest, seconds);
    }

    fn message(&mut self, text: &str) {
        self.inner.message(text);
    }

    fn progress(&mut self, progress: &Progress) {
        self.inner.progress(progress);
    }

    fn metrics(&mut self, metrics: &Value) {
        if let Err(error) = self.add(metrics)
            && !std::mem::replace(&mut self.failed, true)
        {
            self.inner.message(&format!(
                "TensorBoard files in {} cannot be written: {error}",
                self.folder.display()
            ));
        }
        self.inner.metrics(metrics);
    }
}
