//! Several checkpoints into one, a part of a tensor at a time, in memory that no model's size enters.
//!
//! Linear and spherical interpolation, task arithmetic, TIES, DARE, Model Stock, passthrough: with
//! `d_i = x_i − x_base`, most are `x_base + λ · Σ w_i · kept(d_i)`; each is at its name in
//! [`Method`]. The report merges once, a tuned model with the one it came from (section on RAG).
//! Settings, defaults and results are mergekit's, so that its users can change over; arithmetic is in
//! f32 whatever the models' type, where mergekit computes differences of bfloat16 in bfloat16.
//!
//! Deliberately absent: models of several shapes or vocabularies, adapters, other architectures, and
//! randomness: DARE's masks come from the caller ([`Masks`]).

mod blend;
mod config;
mod largest;
mod numbers;
mod parts;
mod plan;
mod setting;
#[cfg(test)]
mod tests;

pub use config::{Config, Layers, Method, PARAMETERS, Parameters, Slice, Source, TokenizerSource};
pub use setting::Setting;

use crate::Shape;
use crate::checkpoint::{self, Checkpoint, Stored};
use anyhow::{Result, ensure};
use blend::Blend;
use parts::Parts;
use plan::{Formula, Plan, Thinning};
use std::collections::BTreeMap;
use std::path::Path;

/// Opened checkpoints by the names that the configuration gives them.
pub type Models = BTreeMap<String, Checkpoint>;

/// Where a mask is asked for: of which model's difference, in which tensor of the result, from which
/// number on, in row order.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tensor, as Hugging Face calls it.
    pub tensor: &'a str,
    /// The model.
    pub model: &'a str,
    /// The first number.
    pub start: usize,
}

/// Says which numbers of a difference DARE keeps. Asked for the same place twice it must answer the
/// same, from any thread.
pub trait Masks: Sync {
    /// Fills `keep` for numbers `place.start..place.start + keep.len()`, a share `density` of them true.
    fn fill(&self, place: Place<'_>, density: f64, keep: &mut [bool]);
}

/// How to merge, beyond what: nothing here changes the result.
pub struct Options<'a> {
    /// Threads.
    pub threads: usize,
    /// Bytes of tensors in a file, beyond which another is begun.
    pub shard_bytes: usize,
    /// Called as it goes with numbers written and numbers in all; an error of it ends the merge.
    pub progress: &'a mut dyn FnMut(usize, usize) -> Result<()>,
}

/// The result of a merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Its shape.
    pub shape: Shape,
    /// The type of its numbers.
    pub stored: Stored,
    /// In what a model computes otherwise than the one whose configuration the result takes (rotation,
    /// epsilon of the norms): a sentence each.
    pub differences: Vec<String>,
}

/// Whether a configuration fits these models, and what comes of it; nothing is read but headers.
///
/// # Errors
/// A sentence that says what does not fit.
pub fn check(config: &Config, models: &Models) -> Result<Merged> {
    let plan = Plan::new(config, models)?;
    Ok(Merged {
        shape: plan.shape,
        stored: plan.stored,
        differences: plan.differences,
    })
}

/// Merges into an existing folder; `masks` are needed by DARE alone.
///
/// # Errors
/// What [`check`] says, and the disk.
pub fn merge(
    config: &Config,
    models: &Models,
    masks: Option<&dyn Masks>,
    directory: &Path,
    options: Options<'_>,
) -> Result<Merged> {
    let plan = Plan::new(config, models)?;
    let masked = plan.jobs.iter().any(|job| match &job.formula {
        Formula::Differences(how) => how.thinning == Thinning::Masked,
        _ => false,
    });
    ensure!(
        masks.is_some() || !masked,
        "{} keeps numbers by a mask, and none is given",
        config.merge_method.name()
    );
    let donor = config.donor().expect("a checked merge names a model");
    let of = plan.shape.parameters();
    let (mut jobs, mut done) = (plan.jobs.iter(), 0);
    checkpoint::stream(
        directory,
        &plan.shape,
        &models[donor].special,
        (plan.stored, options.shard_bytes),
        |spec, sink| {
            let blend = Blend {
                job: jobs.next().expect("a job for every line of the table"),
                spec,
                masks,
                parts: Parts::of(spec),
                threads: options.threads,
            };
            blend.write(plan.stored, sink)?;
            done += spec.len();
            (options.progress)(done, of)
        },
    )?;
    Ok(Merged {
        shape: plan.shape,
        stored: plan.stored,
        differences: plan.differences,
    })
}
