//! What a run was like: its curve, its validations, what happened on the way.
//!
//! Only what would be the same on every repetition; there is no clock in it.

use serde::{Deserialize, Serialize};

/// The record of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// One for every step that counts; steps that were taken back are not here.
    pub points: Vec<Point>,
    /// In the order of their tokens.
    pub validations: Vec<Validation>,
    /// What happened on the way.
    pub events: Vec<Event>,
}

/// A step of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Tokens seen after the step.
    pub tokens: u64,
    /// Mean loss of the batch before the step, in nats a token (without z-loss).
    pub loss: f64,
    /// Learning rate.
    pub rate: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
}

/// Losses on held-out documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Tokens trained on before.
    pub tokens: u64,
    /// Everything together.
    pub total: Score,
    /// By group, in the order of the shards' groups; groups with no target are left out.
    pub groups: Vec<GroupScore>,
}

/// Losses on a group of documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupScore {
    /// Its name.
    pub name: String,
    /// Its losses.
    pub score: Score,
}

/// Losses on some documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Documents.
    pub documents: u64,
    /// Tokens that were targets.
    pub tokens: u64,
    /// UTF-8 bytes of the documents.
    pub bytes: u64,
    /// Mean loss in nats a token.
    pub loss: f64,
    /// Σ loss / ln 2 / bytes: comparable between tokenizers. 0 where there are no bytes.
    pub bits_per_byte: f64,
    /// Share of the targets that were the most likely token.
    pub accuracy: f64,
}

/// Something that happened on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Tokens seen when it happened.
    pub tokens: u64,
    /// What was noticed.
    pub reason: String,
    /// Tokens seen at the state that was gone back to.
    pub back_to: u64,
    /// What is left out from then on.
    pub skipped: Vec<SkippedDocument>,
}

/// A document, or a part of one, that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkippedDocument {
    /// Its id.
    pub id: String,
    /// Its group.
    pub group: String,
    /// First token that is left out.
    pub from: u64,
    /// One past the last.
    pub to: u64,
    /// Tokens of the whole document.
    pub of: u64,
}
