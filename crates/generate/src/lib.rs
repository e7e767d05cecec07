//! Text out of a decoder: continuing a prompt, and judging continuations that are given.
//!
//! [`Generator`] continues one sequence at a time, greedily or by drawing ([`Sampling`]), and hands
//! over whole characters as they come. [`Scorer`] gives log-likelihoods of many continuations at
//! once, as multiple-choice tasks ask for them. Both borrow the decoder, so that the weights being
//! trained can be asked too.
//!
//! Deliberately absent: tasks, templates, HTTP; and, until they are built here, several sequences
//! in one step, paged caches and constrained output.

mod generator;
mod sampling;
mod score;
mod stops;
#[cfg(test)]
mod tiny;

pub use generator::{Finish, Generation, Generator, Request};
pub use sampling::{Choice, Sampling};
pub use score::{Likelihood, Scorer, Sequence, encode_pair};
