//! Benchmarks: what a model is asked and what its answers are worth.
//!
//! A [`Task`] makes [`Ask`]s from the files of a benchmark and scores what was answered; it never
//! sees a model. Whoever answers (the engine in this process, a server) is a [`Respondent`], somebody
//! else's business, so that the same prompts and the same scores come out for all of them. [`run()`]
//! brings the two together.
//!
//! Deliberately absent: models, tokens, HTTP; the benchmarks' data, which is read from a folder.

pub mod alignment;
mod ask;
mod choose;
mod code;
mod compare;
mod estimate;
mod given;
pub mod judge;
mod letter;
mod maths;
mod outcome;
mod prepared;
mod python;
mod read;
pub mod retrieval;
mod run;
mod shots;
pub mod sources;
mod task;
pub mod tasks;

pub use ask::{Answer, Ask, Draw, Likelihood, Request};
pub use compare::{Compared, Comparison, Test, compare};
pub use estimate::{Estimate, estimate, wilson};
pub use given::Given;
pub use outcome::{
    Contamination, Group, Outcome, Question, RunAbout, Saved, SavedQuestion, SavedTask, results,
    samples,
};
pub use run::{Cache, Phase, Put, Reply, Respondent, Settings, Silent, Stopped, Watch, run};
pub use task::{About, Aggregate, Asked, Kind, Metric, Protocol, Score, Setup, Task, Told};
