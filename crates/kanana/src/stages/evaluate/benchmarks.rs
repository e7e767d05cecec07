//! Benchmarks within the stage: the same questions, answers and files as `kanana eval`.
//!
//! A step that was stopped goes on from two journals, the answers and the judge's transcript. A power cut may
//! leave them in either order: a verdict that is among the answers and not in the transcript is asked for again,
//! and so is what an earlier attempt got no verdict to.

#[cfg(test)]
mod tests;

use super::{Benchmark, Evaluate};
use crate::evaluation::local::{Local, identify, no_template, own_template};
use crate::evaluation::remote::{Remote, recorded_as};
use crate::evaluation::{self, ANSWERS, Judge, Who};
use crate::kinds::{self, Corpus, Model};
use anyhow::{Context as _, Result, bail};
use evals::{Cache, Outcome, Phase, Protocol, Put, Respondent as _, Stopped, Watch};
use model::Decoder;
use page::Language;
use recipe::{Artifact, Cancelled, Context, Writer};
use remote::{Access, Address, Caller, Conversation, Endpoint, Fingerprint, Recorded};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::HashSet;
use std::io::ErrorKind;
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
        let answers = context.partial()?.join(ANSWERS);
        let recorded = self.judge(context)?;
        let mut judge = recorded.as_ref().map(Recorder::respondent);
        let judged_by = judge.as_ref().map(Remote::identity);
        let mut examine = || -> Result<Vec<Outcome>> {
            let judge = judge.as_mut().map(|respondent| Judge {
                respondent,
                votes: self.votes,
            });
            let outcomes = evaluation::examine_each(
                &wanted,
                &tasks,
                Who::Asked(&mut local),
                judge,
                &mut Cache::open(&answers)?,
                &mut Watching(context),
                // Before more is paid for.
                &mut answered,
            );
            outcomes.map_err(|error| match error.is::<Stopped>() {
                true => Cancelled.into(),
                false => error,
            })
        };
        let mut outcomes = match &recorded {
            Some(recorded) => recorded.heard(&answers, self.votes, &mut examine)?,
            None => examine()?,
        };
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

/// Whether a task was answered and judged at all: figures of one that was not would be those of no model.
fn answered(outcome: &Outcome) -> Result<()> {
    if let Some((id, why)) = outcome.unanswered() {
        bail!(
            "no question of {} was answered, so there is nothing to score, and no scores were written; the first, \
             {id}, because: {why}. Where that can be mended, the step goes on from what was answered; without the \
             task in `tasks` it is another step, which begins again",
            outcome.about.name
        );
    }
    evaluation::judged(outcome)
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
        drop_unheard(&journal, address, self.votes)?;
        Ok(Some(Recorder {
            caller: access.recorded(address, &journal, stop)?,
            address: address.clone(),
            parallel: access.parallel,
            over,
        }))
    }
}

/// A line of the transcript, as far as it matters whether it holds a verdict.
#[derive(Deserialize)]
struct Heard {
    reply: Option<Value>,
    refused: Option<IgnoredAny>,
}

/// Says again what is in a line.
struct Again(Value);

impl Caller for Again {
    fn call(&self, _: &str, _: &Value) -> Result<Value> {
        Ok(self.0.clone())
    }
    fn identity(&self) -> String {
        String::new()
    }
}

/// Takes out of the transcript what is no verdict: it would end every attempt, or leave it without figures, long
/// after the server was mended.
fn drop_unheard(journal: &Path, address: &Address, votes: usize) -> Result<()> {
    let bytes = match std::fs::read(journal) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        bytes => bytes.with_context(|| format!("cannot read {}", journal.display()))?,
    };
    let wanted = Conversation {
        samples: votes,
        ..Conversation::default()
    };
    let stays = |line: &&[u8]| match serde_json::from_slice::<Heard>(line) {
        Ok(Heard {
            reply: Some(reply),
            refused: None,
        }) => remote::chat(&Again(reply), address, &wanted).is_ok(),
        Ok(heard) => heard.refused.is_none(),
        // What is no line of a transcript is told by whoever reads all of it.
        Err(_) => true,
    };
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let kept = lines.filter(stays).collect::<Vec<_>>().concat();
    if kept.len() < bytes.len() {
        disk::write(journal, &kept)?;
    }
    Ok(())
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

    /// What comes of `examine`, which goes on from the `answers`, with every verdict in the transcript.
    fn heard(
        &self,
        answers: &Path,
        votes: usize,
        mut examine: impl FnMut() -> Result<Vec<Outcome>>,
    ) -> Result<Vec<Outcome>> {
        let outcomes = examine()?;
        match self.forget(&outcomes, votes, answers)? {
            // A verdict is counted as the transcript has it: the judge may say something else today.
            true => examine(),
            false => Ok(outcomes),
        }
    }

    /// Takes the verdicts that the transcript lacks out of the `answers`; whether there were any.
    fn forget(&self, outcomes: &[Outcome], votes: usize, answers: &Path) -> Result<bool> {
        let judge = self.respondent().identity();
        let lost = self
            .requests(outcomes, votes)
            .filter(|(_, request)| !self.caller.holds(*request));
        let lost: HashSet<String> = lost.map(|(put, _)| Cache::key(&judge, &put)).collect();
        if lost.is_empty() {
            return Ok(false);
        }
        Cache::forget(answers, &lost)?;
        Ok(true)
    }

    /// Writes what was asked and said, in the order of the questions.
    fn write(&self, outcomes: &[Outcome], votes: usize, path: &Path) -> Result<()> {
        let requests = self.requests(outcomes, votes);
        self.caller
            .write(requests.map(|(_, request)| request), path)
    }

    /// What the judge was asked, in the order of the questions, and what the transcript knows it by.
    fn requests<'a>(
        &self,
        outcomes: &'a [Outcome],
        votes: usize,
    ) -> impl Iterator<Item = (Put<'a>, Fingerprint)> {
        let who = self.caller.identity();
        let draw = evaluation::voted(votes);
        let questions = outcomes.iter().flat_map(|outcome| &outcome.questions);
        let requests = questions.flat_map(|question| &question.judge_requests);
        requests.filter_map(move |request| {
            let put = Put { request, draw };
            let known = recorded_as(&self.address, &who, &put)?;
            Some((put, known))
        })
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
