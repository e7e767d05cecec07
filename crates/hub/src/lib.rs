//! Models and data sets by name: fetched from a hub that speaks Hugging Face's protocol, and kept where other tools look too.
//!
//! [`pull`] fetches what a model needs of `ORG/NAME`: it goes on where it was stopped, and no file
//! gets its name before its checksum is right. [`Cache`] is the folder, laid out as
//! `huggingface_hub` lays out its own, so that neither fetches what the other has.
//!
//! Written over `ureq` because the two released generations of the crate `hf-hub` bring 104 and
//! 297 packages (an async runtime, a second TLS, a chunk store) where this brings 28.
//! Deliberately absent: uploading, which files of a data set are wanted, logging in, terminals.

mod cache;
mod choose;
mod digest;
mod name;
#[cfg(feature = "pretend")]
pub mod pretend;
mod pull;
mod registry;
mod settings;

pub use cache::{Cache, packed};
pub use name::Name;
pub use pull::{Ask, News, Pulled, pull};
pub use registry::Registry;
pub use settings::Settings;
