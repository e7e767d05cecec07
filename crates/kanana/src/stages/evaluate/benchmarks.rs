//! Benchmarks within the stage: the same questions, answers and files as `kanana eval`.

use super::{Benchmark, Evaluate};
use crate::evaluation::local::{Local, identify, no_template, own_template};
use crate::evaluation::remote::{Remote, recorded_as};
use crate::evaluation::{self, ANSWERS, Judge, Who};
use crate::kinds::{self, Corpus, Model};
use anyhow::Result;
use evals::{Cache, Outcome, Phase, Protocol, Put, Respondent as _, Stopped, Watch};
use model::Decoder;
use page::Language;
use recipe::{Artifact, Cancelled, Context, Writer};
use remote::{Access, Address, Caller as _, Endpoint, Recorded};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tensor::Cpu;
use tokenizer::Tokenizer;

/// Every question to the judge, and its reply.
const VERDICTS: &str = "verdicts.jsonl";

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
        let recorded = self.judge(context)?;
        let mut judge = recorded.as_ref().map(Recorder::respondent);
        let judged_by = judge.as_ref().map(Remote::identity);
        let judge = judge.as_mut().map(|respondent| Judge {
            respondent,
            votes: self.votes,
        });
        let outcomes = evaluation::examine(
            &wanted,
            &tasks,
            Who::Asked(&mut local),
            judge,
            &mut cache,
            &mut Watching(context),
        );
        let mut outcomes = outcomes.map_err(|error| match error.is::<Stopped>() {
            true => Cancelled.into(),
            false => error,
        })?;
        if let Some(recorded) = &recorded {
            recorded.write(&outcomes, self.votes, &out.path().join(VERDICTS))?;
        }
        if let Some(corpus) = overlap {
            let found = evaluation::overlap::read(corpus.path())?;
            evaluation::overlap::mark(&mut outcomes, &found, corpus.name());
        }
        let about = local.about(&wanted, model.name(), protocol, judged_by);
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

impl Evaluate {
    /// The judge, with what it has said before.
    fn judge(&self, context: &Context<'_>) -> Result<Option<Recorder>> {
        let Some(address) = &self.judge else {
            return Ok(None);
        };
        let access = context.resource::<Access>()?;
        let over = Arc::new(AtomicBool::new(false));
        let (given_up, cancel) = (over.clone(), context.cancel());
        let journal = context.partial()?.join(VERDICTS);
        let stop = move || given_up.load(Ordering::SeqCst) || cancel.is_cancelled();
        Ok(Some(Recorder {
            caller: access.recorded(address, &journal, stop)?,
            address: address.clone(),
            parallel: access.parallel,
            over,
        }))
    }
}

/// A judge and its transcript.
struct Recorder {
    caller: Recorded<Endpoint>,
    address: Address,
    parallel: usize,
    over: Arc<AtomicBool>,
}

impl Recorder {
    fn respondent(&self) -> Remote<&Recorded<Endpoint>> {
        let address = self.address.clone();
        Remote::new(&self.caller, address, self.parallel, self.over.clone())
    }

    /// Writes what was asked and said, in the order of the questions.
    fn write(&self, outcomes: &[Outcome], votes: usize, path: &Path) -> Result<()> {
        let who = self.caller.identity();
        let draw = evaluation::voted(votes);
        let questions = outcomes.iter().flat_map(|outcome| &outcome.questions);
        let requests = questions.flat_map(|question| &question.judge_requests);
        let known =
            requests.filter_map(|request| recorded_as(&self.address, &who, &Put { request, draw }));
        self.caller.write(known, path)
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
