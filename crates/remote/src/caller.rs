//! Whoever can be asked: a path and a body go in, a reply comes out.

use anyhow::Result;
use serde_json::Value;
use std::sync::Arc;

/// Something that answers in the OpenAI interface.
///
/// Callers are shared by threads, each of which waits for its own reply.
pub trait Caller: Send + Sync {
    /// Asks. `path` is what follows the base address: `chat/completions`, `embeddings`.
    ///
    /// # Errors
    /// [`Refused`] where this very request will never be answered (it is too long, say), which a caller
    /// may count and go on; [`Stopped`] and [`Spent`](crate::Spent), which end the work but keep what
    /// came; anything else is a fault of the connection, the address or the key.
    fn call(&self, path: &str, body: &Value) -> Result<Value>;

    /// Who answers, for a transcript: the base address. The model is named in each body.
    fn identity(&self) -> String;
}

/// The request was understood and declined, for good: another attempt would get the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} declined the request with status {status}: {said}")]
pub struct Refused {
    /// The base address.
    pub who: String,
    /// The status of HTTP: 400, 413 or 422.
    pub status: u16,
    /// The server's reason, cut to a few hundred characters.
    pub said: String,
}

/// A reply came that is no answer in the interface's form. A transcript keeps it: asked again, a caller would
/// only hear the same, until somebody takes its line away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply of {who} is none: {why}")]
pub struct Garbled {
    /// The base address.
    pub who: String,
    /// Whether it has the form and no answer in it: no choice, or one without a message or a text. A filter of
    /// contents leaves such replies, so it concerns this request alone. Anything else concerns all of them: a
    /// server that gives one choice where several were wanted, one that says something else than choices.
    pub empty: bool,
    /// What is wrong with it.
    pub why: String,
}

/// Somebody asked for an end while a call was waiting for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request")]
pub struct Stopped;

impl<C: Caller + ?Sized> Caller for &C {
    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        (**self).call(path, body)
    }
    fn identity(&self) -> String {
        (**self).identity()
    }
}

impl<C: Caller + ?Sized> Caller for Box<C> {
    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        (**self).call(path, body)
    }
    fn identity(&self) -> String {
        (**self).identity()
    }
}

impl<C: Caller + ?Sized> Caller for Arc<C> {
    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        (**self).call(path, body)
    }
    fn identity(&self) -> String {
        (**self).identity()
    }
}
