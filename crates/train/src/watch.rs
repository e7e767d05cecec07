//! How a run tells of itself while it runs: the caller's eyes, clock and stop button.
//!
//! Training knows no recipe, terminal or clock; whoever calls it hands in a [`Watch`].

use crate::{Event, Validation};

/// A step, as it is reported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRecord {
    /// Steps done, from 1.
    pub step: u64,
    /// Tokens seen after it.
    pub tokens: u64,
    /// Tokens in all.
    pub of: u64,
    /// Mean loss of the batch before the step, in nats a token (without z-loss).
    pub loss: f64,
    /// Learning rate.
    pub rate: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Epoch in which the next token lies, from 0.
    pub epoch: u64,
    /// Tokens in the batch.
    pub batch: u64,
    /// How long it took by the caller's clock, in seconds.
    pub seconds: f64,
}

/// The caller's eyes, clock and stop button. Nothing here changes what a run computes.
pub trait Watch {
    /// After each step.
    fn step(&mut self, record: &StepRecord) {
        let _ = record;
    }
    /// After each validation.
    fn validation(&mut self, validation: &Validation) {
        let _ = validation;
    }
    /// When the guard went back.
    fn event(&mut self, event: &Event) {
        let _ = event;
    }
    /// A sentence for the log.
    fn message(&mut self, text: &str) {
        let _ = text;
    }
    /// Whether to stop after this step; the state is saved first.
    fn stop(&mut self) -> bool {
        false
    }
    /// Seconds of the caller's clock, for speed only.
    fn seconds(&mut self) -> f64 {
        0.0
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
