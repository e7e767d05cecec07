//! What the settings, the model and the data must agree on before anything is computed.

use anyhow::{Result, bail, ensure};
use model::Shape;
use tensor::Backward;

use super::Training;
use crate::{Examples, Shards};

/// What the settings, the model and the data must agree on.
pub(super) fn agree<D: Backward>(training: &Training<'_, D>) -> Result<()> {
    let Training {
        settings,
        shards,
        decoder,
        ..
    } = training;
    settings.check()?;
    ensure!(
        training.micro_batch > 0,
        "micro_batch = 0: wanted at least one sequence"
    );
    for shards in [Some(*shards), training.held_out].into_iter().flatten() {
        can_read(&decoder.shape, shards, settings.sequence)?;
    }
    // The first token of an epoch is nobody's target.
    let targets = shards.tokens() - 1;
    let most = (settings.max_epochs * targets as f64).floor();
    ensure!(
        settings.tokens as f64 <= most && targets > 0,
        "too little to train on: wanted {} tokens, found {} in {}, which may be gone through {} \
         times: lower tokens, raise max_epochs or bring more text",
        settings.tokens,
        shards.tokens(),
        shards.dir().display(),
        settings.max_epochs
    );
    Ok(())
}

/// Whether a model of this shape can read the shards, in windows of so many tokens.
pub(super) fn can_read(shape: &Shape, shards: &Shards, sequence: usize) -> Result<()> {
    ensure!(
        (1..=shape.context).contains(&sequence),
        "sequence = {sequence}, but the model was made for a context of {}: wanted 1 to that; shorten the \
         sequence or give the model a longer context",
        shape.context
    );
    ensure!(
        shards.vocabulary() <= shape.vocabulary,
        "the tokens in {} are of a vocabulary of {}, but the model's vocabulary is {}: use the \
         tokenizer that the model was made for, or make the model's vocabulary larger",
        shards.dir().display(),
        shards.vocabulary(),
        shape.vocabulary
    );
    Ok(())
}

/// Ids come from a file, and one that is damaged must not reach the device.
pub(crate) fn ids(examples: &Examples, shards: &Shards) -> Result<()> {
    let vocabulary = shards.vocabulary();
    let ids = examples.batch.ids.iter().chain(&examples.targets);
    if let Some(id) = ids.copied().find(|&id| id as usize >= vocabulary) {
        bail!(
            "{} holds token {id}, but its vocabulary is {vocabulary}: a file of tokens is damaged, \
             make the shards again",
            shards.dir().display()
        );
    }
    Ok(())
}
