//! What a run tells whoever is watching. No library prints: the binary implements this
//! with a bar, plain lines or JSON.

use serde::Serialize;
use serde_json::Value;

use crate::{Manifest, Step};

/// How far a long stage has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Units done so far, those of earlier attempts included.
    pub done: u64,
    /// Units in all; 0 where that is not known.
    pub total: u64,
    /// What is counted: "tokens", "documents".
    pub unit: String,
    /// Anything short to show beside it: "loss 3.21".
    pub note: String,
    /// Seconds of this attempt.
    pub seconds: f64,
    /// Units per second over this attempt, work of earlier attempts left out.
    pub per_second: f64,
}

/// Watches a run. Every method may be left out.
pub trait Reporter: Send {
    /// A step begins: the `number`-th of `total`, from 1; `again` when an earlier attempt
    /// left an unfinished folder.
    fn step_started(&mut self, step: &Step, number: usize, total: usize, again: bool) {
        let _ = (step, number, total, again);
    }
    /// A step needs nothing: its artifact is there.
    fn step_cached(&mut self, step: &Step, number: usize, total: usize) {
        let _ = (step, number, total);
    }
    /// A step is done.
    fn step_finished(&mut self, step: &Step, manifest: &Manifest, seconds: f64) {
        let _ = (step, manifest, seconds);
    }
    /// A stage says something worth a line.
    fn message(&mut self, text: &str) {
        let _ = text;
    }
    /// A stage has come further. May be called often: draw seldom.
    fn progress(&mut self, progress: &Progress) {
        let _ = progress;
    }
    /// A stage reported figures; `metrics` has `at`, `time` and `seconds` beside them.
    fn metrics(&mut self, metrics: &Value) {
        let _ = metrics;
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {}
