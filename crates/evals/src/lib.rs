//! Benchmarks: what a model is asked and what its answers are worth.
//!
//! A [`Task`] makes [`Ask`]s from the files of a benchmark and scores what was answered; it never
//! sees a model. Whoever answers (the engine in this process, a server) is somebody else's business,
//! so that the same prompts and the same scores come out for all of them.
//!
//! Deliberately absent: models, tokens, HTTP; the benchmarks' data, which is read from a folder.

mod ask;
mod choose;
mod letter;
mod maths;
mod prepared;
mod python;
mod read;
mod shots;
mod task;
pub mod tasks;

pub use ask::{Answer, Ask, Draw, Likelihood, Request};
pub use task::{About, Aggregate, Kind, Metric, Protocol, Score, Setup, Task};
