//! HTTP: the OpenAI interface over one engine, and the chat page at `/`.
//!
//! The engine lives in a thread of its own (`engine.rs`); requests go in by one channel, events
//! come out by a bounded channel for each HTTP request, and nothing on the asynchronous side ever waits for a
//! forward pass. Who goes away is cancelled, who reads too slowly is broken off and told so, and a
//! server that is asked to end finishes what runs and refuses the rest.
//!
//! Deliberately absent: TLS and users (a proxy's work), several models, storage of conversations.

mod app;
mod chat;
mod choices;
mod clock;
mod completions;
mod engine;
mod fields;
mod likelihoods;
mod listing;
mod metrics;
pub mod page;
mod refusal;
mod sampling;
mod server;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;
mod visitors;

pub use app::App;
pub use clock::local_time;
pub use server::{Ending, serve, signals};
pub use settings::{Bounds, Fingerprint, Settings};
