//! Text out of a decoder: continuing prompts, many at once, and judging continuations that are given.
//!
//! [`Engine`] continues texts, greedily or by drawing ([`Sampling`]), and hands over whole characters
//! as they come. [`Scorer`] gives log-likelihoods of many continuations at once, as multiple-choice
//! tasks ask for them.
//!
//! Deliberately absent: tasks, templates, HTTP, threads.

mod constraint;
mod engine;
mod pages;
mod request;
mod sampling;
mod score;
mod sequence;
mod stops;
#[cfg(test)]
mod tiny;
mod written;

pub use constraint::Compiler;
pub use engine::{Engine, Event, Limits, Statistics, Ticket};
pub use request::{Compiled, Constraint, Finish, Generation, MOST_TOP, Request, Token, Usage};
pub use sampling::{Occurred, Sampling};
pub use score::{Likelihood, Scorer, Sequence, encode_pair};
