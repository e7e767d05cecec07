//! From a recipe (strict TOML) to a plan to artifacts on disk, each with its lineage.
//!
//! A *stage* turns artifacts into one artifact; a *recipe* names stages, their settings
//! and how they hang together; a *plan* has checked every edge and setting and knows
//! the key of every artifact before anything runs; a *run* makes what is missing.
//!
//! ```text
//! key = blake3(stage, version, resolved settings, seed of the step, inputs)[..12 hex]
//! STORE/name-key/            one artifact
//!     manifest.json          written last: without it the folder is unfinished, always
//!     …                      what the stage wrote
//!     provenance/            attempts, metrics, messages: outside the key and the hashes
//!     partial/               kept between attempts until the manifest is written
//! STORE/STORE_VERSION        how all this is laid out
//! STORE/locks/               who is making what
//! STORE/hashes.json          hashes of raw files seen before, by size and times
//! ```
//!
//! It deliberately does not know what a token, a tensor or a document is, prints
//! nothing, and reads the clock in one file only (`clock.rs`).

mod artifact;
mod clock;
mod context;
mod gc;
mod inputs;
mod key;
mod lineage;
mod manifest;
mod metrics;
mod mistake;
mod outside;
mod plan;
mod registry;
mod report;
mod run;
mod settings;
mod stage;
mod store;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod verify;
mod writer;

pub use artifact::{Artifact, Kind};
pub use context::{About, Cancel, Cancelled, Context, Resources};
pub use gc::{Freed, FreedItem, gc};
pub use inputs::InputField;
pub use lineage::{From, Lineage, lineage};
pub use manifest::{FileRecord, InputRecord, Inputs, Manifest, Origin};
pub use metrics::read_metrics;
pub use plan::{Bindings, Plan, Planned, State, Step};
pub use registry::{Description, Registry};
pub use report::{Progress, Reporter, Silent};
pub use run::run;
pub use settings::Setting;
pub use stage::{Quantity, Stage};
pub use store::{STORE_VERSION, Store, Stored, Usage};
pub use suggest::did_you_mean;
pub use text::Recipe;
pub use verify::{Problem, verify};
pub use writer::Writer;
