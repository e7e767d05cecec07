//! Asking a model that somebody else runs, behind an endpoint that speaks the OpenAI interface.
//!
//! A [`Caller`] takes a path and a body and gives the reply. [`Endpoint`] is the one that goes out, with
//! retries; [`Recorded`] puts a transcript around any caller, so that what was asked once is never asked
//! again and a finished transcript replays without a network; a [`Budget`] ends it by calls or tokens;
//! [`in_order`] asks many things at once and hands the answers on in the order of the questions. [`chat()`]
//! and [`complete`] are the two questions in types.
//!
//! Deliberately absent: an async runtime (a thread waits for each call), streaming, recipes, the
//! environment: keys are given by the caller.

mod access;
mod ask;
mod budget;
mod caller;
mod endpoint;
mod key;
mod order;
#[cfg(feature = "pretend")]
pub mod pretend;
mod recorded;

pub use access::{Access, Address};
pub use ask::{Choice, Completion, Conversation, Prompt, chat, complete};
pub use budget::{Budget, Spent, Usage};
pub use caller::{Caller, Garbled, Refused, Stopped};
pub use endpoint::{Endpoint, Patience};
pub use key::Key;
pub use order::in_order;
pub use recorded::{Fingerprint, Recorded, fingerprint};
