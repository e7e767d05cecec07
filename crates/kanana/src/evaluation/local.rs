//! A model in this process answers: likelihoods by the scorer, words by the engine, vectors by the decoder.
//!
//! Each answer depends on its question alone: not on what else is asked, in which order or on how many
//! threads. What does not fit the context is treated as lm-evaluation-harness treats it, and said.

mod identity;
mod likelihood;
#[cfg(test)]
mod tests;
mod vector;
mod words;

use super::Wanted;
use anyhow::Result;
use chat::Template;
use evals::{Protocol, Put, Reply, Request, Respondent, RunAbout, Stopped};
use model::Decoder;
use std::path::Path;
use std::sync::Arc;
use tensor::Cpu;
use tokenizer::Tokenizer;

pub(crate) use identity::{Identity, fingerprint, identify, precision_name};
pub(crate) use words::no_template;

/// A loaded model that answers.
pub(crate) struct Local {
    decoder: Arc<Decoder<Cpu>>,
    tokenizer: Arc<Tokenizer>,
    /// Its own chat template; without one it takes no part in conversations.
    template: Option<Template>,
    identity: Identity,
    /// Asked now and then whether to stop.
    stop: Box<dyn Fn() -> bool>,
}

impl Local {
    pub(crate) fn new(
        decoder: Arc<Decoder<Cpu>>,
        tokenizer: Arc<Tokenizer>,
        template: Option<Template>,
        identity: Identity,
    ) -> Self {
        Local {
            decoder,
            tokenizer,
            // A date in the prompt would make every day's scores others: it is always the one that
            // Llama's own template falls back on.
            template: template.map(|template| {
                template.with_clock(|| jiff::civil::date(2024, 7, 26).at(0, 0, 0, 0))
            }),
            identity,
            stop: Box::new(|| false),
        }
    }

    /// Stops where `stop` says so, between two steps.
    pub(crate) fn until(mut self, stop: impl Fn() -> bool + 'static) -> Self {
        self.stop = Box::new(stop);
        self
    }

    /// What the results say of the run.
    pub(crate) fn about(
        &self,
        wanted: &Wanted,
        model: &str,
        protocol: Protocol,
        judge: Option<String>,
    ) -> RunAbout {
        RunAbout {
            tokenizer: Some(self.identity.tokenizer.clone()),
            chat_template: self.identity.template.clone(),
            ..super::about(wanted, model, protocol, self.identity.to_string(), judge)
        }
    }

    fn check_stopped(&self) -> Result<()> {
        match (self.stop)() {
            true => Err(Stopped.into()),
            false => Ok(()),
        }
    }
}

/// The chat template that a model directory has of its own.
pub(crate) fn own_template(folder: &Path) -> Result<Option<Template>> {
    Template::load(folder)
}

/// Questions of one kind, each with its place among those that were put.
type Placed<'a> = Vec<(usize, Put<'a>)>;

impl Respondent for Local {
    fn identity(&self) -> String {
        self.identity.to_string()
    }

    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        let (mut likelihoods, mut words, mut vectors) = (vec![], vec![], vec![]);
        for (at, one) in put.iter().enumerate() {
            match one.request {
                Request::Choose { .. } | Request::Measure { .. } => likelihoods.push((at, *one)),
                Request::Complete { .. } | Request::Converse { .. } => words.push((at, *one)),
                Request::Embed { .. } => vectors.push((at, *one)),
            }
        }
        self.likelihoods(&likelihoods, deliver)?;
        self.words(&words, deliver)?;
        self.vectors(&vectors, deliver)
    }
}
