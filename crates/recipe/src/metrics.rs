//! `provenance/metrics.jsonl`: one line of figures per call, never a line twice.
//!
//! Every line carries `at`, the stage's own position (tokens, documents). A run that is
//! resumed, or that rewinds, reports positions again; the lines from there on are
//! dropped first, so that the file reads as that of a run never stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use crate::clock::{self, Watch};

const FILE: &str = "metrics.jsonl";

/// The metrics in a provenance folder, in order; empty where there are none. A last line
/// torn by a kill is left out.
pub fn read_metrics(provenance: &Path) -> Result<Vec<Value>> {
    let path = provenance.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// The file while a stage writes to it.
#[derive(Debug)]
pub(crate) struct Metrics {
    folder: PathBuf,
    open: Option<(disk::Append, u64)>,
}

impl Metrics {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, open: None }
    }

    /// Stamps and appends a line; returns it as it was written.
    pub(crate) fn add(&mut self, at: u64, figures: Value, watch: Watch) -> Result<Value> {
        let file = match &mut self.open {
            Some((file, last)) if at >= *last => {
                *last = at;
                file
            }
            _ => {
                let file = self.reopen(at)?;
                &mut self.open.insert((file, at)).0
            }
        };
        let mut line = match figures {
            Value::Object(fields) => fields,
            value => Map::from_iter([("value".to_string(), value)]),
        };
        line.insert("at".into(), at.into());
        line.insert("time".into(), clock::now().into());
        line.insert("seconds".into(), watch.seconds().into());
        let line = Value::Object(line);
        file.line(&line.to_string())?;
        Ok(line)
    }

    /// Drops the lines at `first` and beyond, and opens the file at its end.
    fn reopen(&mut self, first: u64) -> Result<disk::Append> {
        let path = self.folder.join(FILE);
        self.open = None;
        if path.exists() {
            let before = |line: &Value| line["at"].as_u64().is_some_and(|at| at < first);
            let kept = read_metrics(&self.folder)?.into_iter().filter(before);
            let text: String = kept.map(|line| format!("{line}\n")).collect();
            disk::write(&path, text.as_bytes())?;
        }
        Ok(disk::Append::open(&path)?)
    }
}
