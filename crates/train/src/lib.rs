//! Training: token shards in, stepped weights and a curve out; one loop for every objective.
//!
//! The loop ([`train()`]) asks a [`Stream`] for windows of documents, runs the decoder, asks an
//! [`Objective`] for the losses and their gradient with respect to the decoder's output, and steps
//! AdamW by a [`Schedule`] in tokens. A guard takes back what would spoil the weights; the whole
//! state is saved so that a run that was killed ends with the same bytes as one that was not.
//!
//! It does not know what language is: documents have opaque groups, ids and byte counts. It owns
//! no clock and no terminal: see [`Watch`].

mod amount;
mod apart;
mod curve;
mod guard;
pub mod law;
mod lessons;
mod objective;
mod optimizer;
mod packing;
mod schedule;
mod settings;
mod shards;
mod state;
pub mod tensorboard;
#[cfg(test)]
mod toy;
mod train;
mod watch;

pub use amount::Amount;
pub use apart::{Apart, GroupApart, Worst, apart};
pub use curve::{Curve, Event, GroupScore, Point, Score, SkippedDocument, Validation};
pub use guard::{FirstSteps, GivenUp, GuardSettings, GuardState};
pub use lessons::{LessonSettings, Lessons, Seen, Teaching, teach};
pub use objective::{
    Compared, Distillation, DistillationSettings, Hidden, LanguageModel, Losses, Objective, Output,
    Source,
};
pub use optimizer::{Decay, Optimizer, OptimizerSettings};
pub use packing::{Cursor, Documents, Examples, Order, Piece, Skipped, Stream};
pub use schedule::{Chosen, Form, Schedule, Shape as ScheduleShape};
pub use settings::Settings;
pub use shards::{Description, Document, DocumentView, Group, ShardSettings, ShardWriter, Shards};
pub use state::State;
pub use train::{Outcome, Training, train, validate};
pub use watch::{StepRecord, Unwatched, Watch};
