//! A model behind an OpenAI-compatible server answers.
//!
//! Options and whole texts are judged by `/v1/completions` with `echo` and `logprobs`, as
//! lm-evaluation-harness does with such a server; prompts are continued by `/v1/completions`,
//! conversations answered by `/v1/chat/completions`, vectors come from `/v1/embeddings`. Many questions
//! are on their way at once. A request that is declined for good counts as not answered, and so does a
//! conversation whose reply holds no message (a filter of contents may leave none); a server that is gone, or
//! whose other replies make no sense, ends the work, and what came before is kept. A prompt that is gone
//! on with, or before an option, and that its model cannot read whole is cut where the server's tokenizer is
//! known ([`Reach`]), else it is declined; conversations and whole texts are never cut. A server that says what
//! its model's weights are known by (`fingerprint` in `/v1/models`, as `kanana serve` does) is known by that
//! too, so that another model behind the same name is another respondent.

mod likelihood;
mod reach;
#[cfg(test)]
mod tests;

pub(crate) use reach::Reach;

use anyhow::{Context as _, Result, ensure};
use evals::{Answer, Put, Reply, Request, Respondent};
use remote::{
    Address, Caller, Completion, Conversation, Endpoint, Fingerprint, Garbled, Prompt, Refused,
    Stopped,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stop strings that the interface takes; more are watched for here.
const MOST_STOPS: usize = 4;
/// Why an answer ended that the limit of tokens cut off.
const CUT: &str = "length";

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
    /// What its model's weights are known by, where it says so.
    fingerprint: Option<String>,
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
            fingerprint: None,
        }
    }

    /// Cuts prompts that are longer than the model reads.
    pub(crate) fn reaching(self, reach: Option<Reach>) -> Self {
        Remote { reach, ..self }
    }

    /// Is known by its model's weights too.
    pub(crate) fn known_by(self, fingerprint: Option<String>) -> Self {
        Remote {
            fingerprint,
            ..self
        }
    }

    /// Whether another model behind the same name would be told from this one.
    pub(crate) fn is_known(&self) -> bool {
        self.fingerprint.is_some()
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
            Request::Converse { limit, .. } => {
                let conversation = conversation(put).expect("it is one");
                let choices = remote::chat(&self.caller, &self.address, &conversation);
                choices.map(|all| {
                    let cut = all.iter().filter(|choice| choice.finish == CUT).count();
                    let said = all.into_iter().map(|choice| choice.said).collect();
                    Reply::from(Answer::Messages(said)).cut_off(cut, *limit)
                })
            }
            Request::Embed { text, .. } => self.embed(text),
        };
        let conversed = matches!(put.request, Request::Converse { .. });
        let is_empty = |error: &anyhow::Error| {
            let garbled = error.downcast_ref::<Garbled>();
            garbled.is_some_and(|garbled| garbled.empty)
        };
        match reply {
            // A transcript would say the same, and so does a server that filters what it says.
            Err(error) if error.is::<Refused>() || (conversed && is_empty(&error)) => {
                Ok(Answer::Failed(format!("{error:#}")).into())
            }
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
        let mut cut = 0;
        let mut texts = Vec::with_capacity(choices.len());
        for choice in choices {
            let mut text = choice.said;
            let ends = stops.iter().filter_map(|stop| text.find(stop.as_str()));
            match ends.min() {
                // Not every server ends where it was told to.
                Some(end) => text.truncate(end),
                None => cut += usize::from(choice.finish == CUT),
            }
            texts.push(text);
        }
        let reply = Reply {
            note,
            ..Reply::from(Answer::Texts(texts))
        };
        Ok(reply.cut_off(cut, limit))
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

impl Remote<Endpoint> {
    /// What the server says its model's weights are known by.
    ///
    /// # Errors
    /// A server that is not there now.
    pub(crate) fn listed(&self) -> Result<Option<String>> {
        let models = self.caller.models()?;
        let listed = || {
            let mut all = models.as_ref()?.get("data")?.as_array()?.iter();
            let model = all.find(|model| model["id"] == self.address.model)?;
            model.get("fingerprint")?.as_str()
        };
        // It becomes part of a name: nothing but what it is meant to be.
        let is_one = |text: &&str| {
            (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        Ok(listed().filter(is_one).map(str::to_owned))
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
        let weights = self.fingerprint.as_ref();
        let weights = weights.map_or(String::new(), |print| format!(", weights {print}"));
        format!(
            "{} at {}{extra}{reach}{weights}",
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
