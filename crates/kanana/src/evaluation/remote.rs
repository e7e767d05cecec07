//! A model behind an OpenAI-compatible server answers.
//!
//! Options and whole texts are judged by `/v1/completions` with `echo` and `logprobs`, as
//! lm-evaluation-harness does with such a server; prompts are continued by `/v1/completions`,
//! conversations answered by `/v1/chat/completions`, vectors come from `/v1/embeddings`. Many questions
//! are on their way at once. A request that is declined for good counts as not answered; a server that is
//! gone, or whose replies make no sense, ends the work, and what came before is kept. A prompt that is gone
//! on with, or before an option, and that its model cannot read whole is cut where the server's tokenizer is
//! known ([`Reach`]), else it is declined; conversations and whole texts are never cut.

mod likelihood;
mod reach;
#[cfg(test)]
mod tests;

pub(crate) use reach::Reach;

use anyhow::{Context as _, Result, ensure};
use evals::{Answer, Put, Reply, Request, Respondent};
use remote::{Address, Caller, Completion, Conversation, Fingerprint, Prompt, Refused, Stopped};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stop strings that the interface takes; more are watched for here.
const MOST_STOPS: usize = 4;

/// A server that answers.
pub(crate) struct Remote<C> {
    caller: C,
    address: Address,
    /// Questions on their way at once.
    parallel: usize,
    /// Raised when nothing more is wanted, for calls that wait for another attempt.
    over: Arc<AtomicBool>,
    /// Whether the server judges a prompt without continuing it.
    judges_alone: AtomicBool,
    /// How far its model reads, where that is known.
    reach: Option<Reach>,
}

impl<C: Caller> Remote<C> {
    /// `over` is shared with the caller, which gives up when it is raised.
    pub(crate) fn new(caller: C, address: Address, parallel: usize, over: Arc<AtomicBool>) -> Self {
        Remote {
            caller,
            address,
            parallel: parallel.max(1),
            over,
            judges_alone: AtomicBool::new(true),
            reach: None,
        }
    }

    /// Cuts prompts that are longer than the model reads.
    pub(crate) fn reaching(self, reach: Option<Reach>) -> Self {
        Remote { reach, ..self }
    }

    /// One question. The outer error ends the work.
    fn ask(&self, put: &Put<'_>) -> Result<Reply> {
        let reply = match put.request {
            Request::Choose { context, options } => self.choose(context, options),
            Request::Measure { text } => self.measure(text),
            Request::Complete {
                prompt,
                stops,
                limit,
            } => self.complete(put, prompt, stops, *limit),
            Request::Converse { .. } => {
                let conversation = conversation(put).expect("it is one");
                let choices = remote::chat(&self.caller, &self.address, &conversation);
                choices.map(|all| {
                    Answer::Messages(all.into_iter().map(|choice| choice.said).collect()).into()
                })
            }
            Request::Embed { text, .. } => self.embed(text),
        };
        match reply {
            Err(error) if error.is::<Refused>() => Ok(Answer::Failed(format!("{error:#}")).into()),
            other => other,
        }
    }

    fn complete(
        &self,
        put: &Put<'_>,
        prompt: &str,
        stops: &[String],
        limit: usize,
    ) -> Result<Reply> {
        let stops: Vec<String> = stops
            .iter()
            .filter(|stop| !stop.is_empty())
            .cloned()
            .collect();
        let (cut, limit) = match &self.reach {
            Some(reach) => reach.prompt(prompt, limit),
            None => (None, limit),
        };
        let note = cut.as_ref().map_or(String::new(), |cut| cut.note());
        let prompt = match cut {
            Some(cut) => Prompt::Tokens(cut.ids),
            None => Prompt::Text(prompt.to_owned()),
        };
        let completion = Completion {
            prompt,
            stops: stops.iter().take(MOST_STOPS).cloned().collect(),
            limit: Some(limit),
            temperature: put.draw.temperature,
            top_p: top_p(put),
            seed: Some(put.draw.seed),
            samples: put.draw.samples,
        };
        let choices = remote::complete(&self.caller, &self.address, &completion)?;
        // Not every server cuts where it was told to.
        let ended = |mut text: String| {
            if let Some(end) = stops
                .iter()
                .filter_map(|stop| text.find(stop.as_str()))
                .min()
            {
                text.truncate(end);
            }
            text
        };
        let texts = choices.into_iter().map(|choice| ended(choice.said));
        Ok(Reply {
            answer: Answer::Texts(texts.collect()),
            note,
        })
    }

    fn embed(&self, text: &str) -> Result<Reply> {
        let body = self.body(json!({"input": text, "encoding_format": "float"}));
        let reply = self.caller.call("embeddings", &body)?;
        let read = || -> Result<Vec<f64>> {
            let vector = reply.pointer("/data/0/embedding");
            let vector = vector.context("there is no data[0].embedding in it")?;
            Ok(serde_json::from_value(vector.clone())?)
        };
        let vector = read().with_context(|| self.nonsense())?;
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        ensure!(
            length > 0.0 && length.is_finite(),
            "{}: the vector has the length {length}",
            self.nonsense()
        );
        let unit = vector.iter().map(|value| (value / length) as f32);
        Ok(Answer::Vector(unit.collect()).into())
    }

    /// A body with the model's name and what the address adds to each.
    fn body(&self, fields: Value) -> Value {
        let mut body = fields;
        body["model"] = json!(self.address.model);
        for (name, value) in &self.address.extra {
            body[name.as_str()] = value.clone();
        }
        body
    }

    fn nonsense(&self) -> String {
        format!(
            "the reply of {} for the model {} makes no sense",
            self.address.url, self.address.model
        )
    }
}

/// The conversation that is put; `None` for other questions.
fn conversation(put: &Put<'_>) -> Option<Conversation> {
    let Request::Converse {
        messages,
        tools,
        limit,
    } = put.request
    else {
        return None;
    };
    Some(Conversation {
        messages: messages.clone(),
        tools: tools.clone(),
        limit: Some(*limit),
        temperature: put.draw.temperature,
        top_p: top_p(put),
        seed: Some(put.draw.seed),
        samples: put.draw.samples,
    })
}

/// What a transcript knows a conversation by; `None` for other questions.
pub(crate) fn recorded_as(address: &Address, who: &str, put: &Put<'_>) -> Option<Fingerprint> {
    let body = conversation(put)?.body(address).ok()?;
    Some(remote::fingerprint(who, "chat/completions", &body))
}

/// What is drawn from; all of it need not be said.
fn top_p(put: &Put<'_>) -> Option<f32> {
    Some(put.draw.top_p).filter(|share| *share < 1.0)
}

impl<C: Caller> Respondent for Remote<C> {
    fn identity(&self) -> String {
        let extra = match self.address.extra.is_empty() {
            true => String::new(),
            false => format!(" with {}", json!(self.address.extra)),
        };
        let reach = self.reach.as_ref().map_or(String::new(), Reach::identity);
        format!(
            "{} at {}{extra}{reach}",
            self.address.model, self.address.url
        )
    }

    fn answer(
        &mut self,
        put: &[Put<'_>],
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        let this = &*self;
        // After a fault nothing more is begun, and what is under way is still taken.
        let halted = AtomicBool::new(false);
        let mut fault = None;
        let asked = put.iter().enumerate();
        remote::in_order(
            this.parallel,
            asked.take_while(|_| !halted.load(Ordering::Relaxed)),
            |(at, one)| match halted.load(Ordering::Relaxed) {
                true => (at, Err(Stopped.into())),
                false => {
                    let reply = this.ask(one);
                    if reply.is_err() {
                        halted.store(true, Ordering::Relaxed);
                        this.over.store(true, Ordering::Relaxed);
                    }
                    (at, reply)
                }
            },
            |(at, reply)| {
                match reply {
                    Ok(reply) => deliver(at, reply).inspect_err(|_| {
                        halted.store(true, Ordering::Relaxed);
                        this.over.store(true, Ordering::Relaxed);
                    })?,
                    // Those that were given up because of another's fault say nothing of their own.
                    Err(error) if error.is::<Stopped>() && fault.is_some() => {}
                    Err(error) => {
                        if fault
                            .as_ref()
                            .is_none_or(|first: &anyhow::Error| first.is::<Stopped>())
                        {
                            fault = Some(error);
                        }
                    }
                }
                Ok(())
            },
        )?;
        match fault {
            None => Ok(()),
            Some(error) if error.is::<Stopped>() => Err(evals::Stopped.into()),
            Some(error) => Err(error),
        }
    }
}
