//! The one sentence everything is written in: a stage turns artifacts into an artifact.

use anyhow::Result;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Context, Kind, Writer};

/// One stage of the life cycle. The type is its settings; `run` fills `out`.
///
/// Derive `Serialize` and `Deserialize` with `#[serde(deny_unknown_fields)]`, and let a
/// setting that has a default say so with `#[serde(default = …)]`: what is resolved at
/// plan time, defaults included, is what enters the key.
pub trait Stage: JsonSchema + Serialize + DeserializeOwned + 'static {
    /// What a recipe calls it.
    const NAME: &'static str;
    /// Raise it when the same settings would now write other bytes.
    const VERSION: u32 = 1;
    /// One line for `kanana stages`.
    const SUMMARY: &'static str;
    /// A struct of `Artifact<Kind>`, `Vec<Artifact<Kind>>` and `Option<Artifact<Kind>>`,
    /// or `()` for a stage that reads nothing.
    type Inputs: DeserializeOwned;
    /// What it makes.
    type Output: Kind;

    /// What it will cost, before it runs. The inputs need not exist yet: ask
    /// [`Artifact::exists`](crate::Artifact::exists) before reading them.
    fn estimate(&self, inputs: &Self::Inputs) -> Vec<Quantity> {
        let _ = inputs;
        vec![]
    }

    /// Whether the settings make sense, asked at plan time. The inputs need not exist yet.
    fn check(&self, inputs: &Self::Inputs) -> Result<()> {
        let _ = inputs;
        Ok(())
    }

    /// Makes the artifact. Given the same settings, seed and inputs it writes the same
    /// bytes, whether or not an earlier attempt left something in `context.partial()`.
    fn run(
        &self,
        inputs: Self::Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Self::Output>,
    ) -> Result<()>;
}

/// A cost that the runner prints without understanding it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// What is counted, in the plural: "tokens".
    pub name: String,
    /// How many.
    pub value: f64,
}

impl Quantity {
    /// The one quantity that the runner does understand: it refuses to start a step that
    /// would not fit on the disk.
    pub const DISK: &'static str = "bytes of disk";

    /// A quantity under any name.
    pub fn new(name: &str, value: f64) -> Self {
        Self {
            name: name.to_string(),
            value,
        }
    }
    /// Tokens read or trained on.
    pub fn tokens(value: f64) -> Self {
        Self::new("tokens", value)
    }
    /// Floating-point operations.
    pub fn flops(value: f64) -> Self {
        Self::new("FLOPs", value)
    }
    /// Weights of a model.
    pub fn parameters(value: f64) -> Self {
        Self::new("parameters", value)
    }
    /// The most memory in use at once.
    pub fn memory(value: f64) -> Self {
        Self::new("bytes of memory", value)
    }
    /// The most disk in use at once, partial state included.
    pub fn disk(value: f64) -> Self {
        Self::new(Self::DISK, value)
    }
    /// Time on this machine.
    pub fn seconds(value: f64) -> Self {
        Self::new("seconds", value)
    }
}
