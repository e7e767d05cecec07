//! Benchmarks within the stage: the same questions, answers and files as `kanana eval`.

use super::{Benchmark, Evaluate};
use crate::evaluation::local::{Local, identify, no_template, own_template};
use crate::evaluation::{self, ANSWERS};
use crate::kinds::{self, Corpus, Model};
use anyhow::Result;
use evals::{Cache, Phase, Protocol, Stopped, Watch};
use model::Decoder;
use page::Language;
use recipe::{Artifact, Cancelled, Context, Writer};
use std::path::Path;
use std::sync::Arc;
use tensor::Cpu;
use tokenizer::Tokenizer;

/// What is asked of whom.
pub(super) struct Asked<'a> {
    pub(super) model: &'a Artifact<Model>,
    pub(super) decoder: Arc<Decoder<Cpu>>,
    pub(super) tokenizer: Arc<Tokenizer>,
    pub(super) data: &'a Path,
    pub(super) overlap: Option<&'a Artifact<Corpus>>,
}

impl Evaluate {
    pub(super) fn benchmarks(
        &self,
        asked: Asked<'_>,
        context: &Context<'_>,
        out: &mut Writer<kinds::Scores>,
    ) -> Result<Vec<Benchmark>> {
        let Asked {
            model,
            decoder,
            tokenizer,
            data,
            overlap,
        } = asked;
        let template = own_template(model.path())?;
        let protocol = self.protocol.unwrap_or(match template.is_some() {
            true => Protocol::Instruct,
            false => Protocol::Base,
        });
        if protocol == Protocol::Instruct && template.is_none() {
            return Err(no_template(model.name()));
        }
        let wanted = self.wanted();
        let tasks = wanted.open(data, protocol)?;
        let precision = evaluation::local::precision_name(self.precision);
        let identity = identify(model.path(), &tokenizer, template.as_ref(), precision)?;
        let cancel = context.cancel();
        let mut local =
            Local::new(decoder, tokenizer, template, identity).until(move || cancel.is_cancelled());
        let mut cache = Cache::open(&context.partial()?.join(ANSWERS))?;
        let outcomes = evaluation::examine(
            &wanted,
            &tasks,
            &mut local,
            None,
            &mut cache,
            &mut Watching(context),
        );
        let mut outcomes = outcomes.map_err(|error| match error.is::<Stopped>() {
            true => Cancelled.into(),
            false => error,
        })?;
        if let Some(corpus) = overlap {
            evaluation::overlap::mark(&mut outcomes, corpus.path(), corpus.name())?;
        }
        let about = local.about(&wanted, model.name(), protocol, None);
        evaluation::write(out.path(), &about, &outcomes, Language::English)?;
        let mut figures = vec![];
        for outcome in outcomes {
            if let Some(best) = outcome.headline() {
                let name = format!("{} {}", outcome.about.name, best.metric.name);
                out.note(&name, best.value);
            }
            figures.extend(outcome.estimates.into_iter().map(|estimate| Benchmark {
                task: outcome.about.name.clone(),
                estimate,
            }));
        }
        Ok(figures)
    }
}

/// The runner watches.
struct Watching<'a, 'b>(&'a Context<'b>);

impl Watch for Watching<'_, '_> {
    fn progress(&mut self, task: &str, phase: Phase, done: usize, total: usize) -> Result<()> {
        self.0
            .reached(done as u64, total as u64, phase.noun(), task)
    }
}
