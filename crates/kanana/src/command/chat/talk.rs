//! A conversation and the model that takes part in it: what was said, what fits, the next answer.

use super::order;
use crate::command::now;
use ::chat::{Message, Role, Template};
use ::generate::{Engine, Event, Finish, Request, Sampling, Usage};
use anyhow::{Context as _, Result, bail, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use tensor::Forward;

/// A conversation.
pub(super) struct Talk<D: Forward> {
    engine: Engine<D>,
    template: Template,
    sampling: Sampling,
    most: usize,
    /// What the conversation begins with, and always keeps.
    system: Vec<Message>,
    /// What follows; users and assistant take turns.
    messages: Vec<Message>,
    /// How often the last message has been answered before.
    attempt: u64,
    /// The answer that another is to replace.
    former: Option<Message>,
}

/// An answer, and how it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) finish: Finish,
    pub(super) usage: Usage,
    /// Whether anything was said that stays in the conversation.
    pub(super) kept: bool,
    /// Seconds to the first token.
    pub(super) first: f64,
    /// Seconds from the first token to the last.
    pub(super) seconds: f64,
    /// Messages that no longer fit.
    pub(super) left_out: usize,
}

impl Answer {
    /// The speed of decoding; the wait for the first token is told apart.
    pub(super) fn tokens_per_second(&self) -> f64 {
        match self.seconds > 0.0 {
            true => self.usage.generated.saturating_sub(1) as f64 / self.seconds,
            false => 0.0,
        }
    }
}

/// How much of the context is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) messages: usize,
    pub(super) tokens: usize,
    pub(super) context: usize,
    pub(super) left_out: usize,
}

/// A prompt that fits.
struct Fitting {
    ids: Vec<u32>,
    left_out: usize,
}

impl<D: Forward> Talk<D> {
    pub(super) fn new(
        engine: Engine<D>,
        template: Template,
        sampling: Sampling,
        most: usize,
    ) -> Result<Self> {
        sampling.check(engine.tokenizer().vocabulary())?;
        ensure!(
            most > 0,
            "at most 0 tokens in an answer is no answer; ask for more"
        );
        Ok(Talk {
            engine,
            template,
            sampling,
            most,
            system: Vec::new(),
            messages: Vec::new(),
            attempt: 0,
            former: None,
        })
    }

    /// Adds what the user says.
    pub(super) fn say(&mut self, text: String) {
        self.attempt = 0;
        self.messages.push(Message::user(order::message(&text)));
    }

    /// Takes the last answer back, so that there can be another.
    pub(super) fn again(&mut self) -> Result<()> {
        ensure!(
            self.messages
                .last()
                .is_some_and(|last| last.role == Role::Assistant),
            "there is no answer yet that could be given again"
        );
        self.former = self.messages.pop();
        self.attempt += 1;
        Ok(())
    }

    /// Takes the last message of the user and what followed back.
    pub(super) fn undo(&mut self) -> Result<()> {
        let last = self.messages.iter().rposition(|one| one.role == Role::User);
        self.messages
            .truncate(last.context("there is nothing to take back")?);
        Ok(())
    }

    pub(super) fn reset(&mut self) {
        self.messages.clear();
        self.attempt = 0;
    }

    pub(super) fn system(&mut self, text: Option<String>) {
        self.system = text.map(Message::system).into_iter().collect();
    }

    pub(super) fn spoken_system(&self) -> Option<String> {
        let all = self.system.iter();
        let spoken: Vec<&str> = all.filter_map(|one| one.content.as_deref()).collect();
        (!spoken.is_empty()).then(|| spoken.join("\n\n"))
    }

    /// All that was said, what it begins with first.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.shown(0)
    }

    /// What is left where so many messages are left out.
    fn shown(&self, left_out: usize) -> Vec<Message> {
        let rest = &self.messages[left_out..];
        self.system.iter().chain(rest).cloned().collect()
    }

    /// Takes another conversation's place. Only those that it begins with are its system messages: one that
    /// comes later stays where it was said.
    pub(super) fn replace(&mut self, mut messages: Vec<Message>) {
        let begins = messages
            .iter()
            .take_while(|one| matches!(one.role, Role::System | Role::Developer))
            .count();
        self.messages = messages.split_off(begins);
        self.system = messages;
        self.attempt = 0;
    }

    /// The settings, a line each.
    pub(super) fn settings(&self) -> String {
        let one = &self.sampling;
        format!(
            "  temperature {}\n  top_p {}\n  top_k {}\n  min_p {}\n  repetition_penalty {}\n  \
             presence_penalty {}\n  frequency_penalty {}\n  seed {}\n  tokens {}",
            one.temperature,
            one.top_p,
            one.top_k,
            one.min_p,
            one.repetition_penalty,
            one.presence_penalty,
            one.frequency_penalty,
            one.seed,
            self.most
        )
    }

    /// Changes a setting, unless the value means nothing.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        fn read<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
            let wrong = || format!("{name}: {value:?} is no such number");
            value.parse().ok().with_context(wrong)
        }
        let mut sampling = self.sampling.clone();
        let mut most = self.most;
        match name {
            "temperature" => sampling.temperature = read(name, value)?,
            "top_p" => sampling.top_p = read(name, value)?,
            "top_k" => sampling.top_k = read(name, value)?,
            "min_p" => sampling.min_p = read(name, value)?,
            "repetition_penalty" => sampling.repetition_penalty = read(name, value)?,
            "presence_penalty" => sampling.presence_penalty = read(name, value)?,
            "frequency_penalty" => sampling.frequency_penalty = read(name, value)?,
            "seed" => sampling.seed = read(name, value)?,
            "tokens" => most = read(name, value)?,
            _ => bail!(
                "there is no setting {name:?}; there are:\n{}",
                self.settings()
            ),
        }
        ensure!(most > 0, "tokens: an answer needs at least one");
        sampling.check(self.engine.tokenizer().vocabulary())?;
        (self.sampling, self.most) = (sampling, most);
        Ok(())
    }

    pub(super) fn count(&self) -> Result<Count> {
        let Fitting { ids, left_out } = match self.messages.is_empty() && self.system.is_empty() {
            true => Fitting {
                ids: Vec::new(),
                left_out: 0,
            },
            false => self.fitting()?,
        };
        Ok(Count {
            messages: self.messages.len(),
            tokens: ids.len(),
            context: self.context(),
            left_out,
        })
    }

    /// Tokens that fit the decoder, and the memory for keys and values.
    pub(super) fn context(&self) -> usize {
        self.engine.context()
    }

    /// The prompt for the next answer, without the oldest exchanges if they leave no room for it: a
    /// quarter of the context, or the longest answer if that is less.
    fn fitting(&self) -> Result<Fitting> {
        let context = self.context();
        let room = context - self.most.min(context / 4);
        let mut left_out = 0;
        loop {
            let shown = self.shown(left_out);
            let text = self
                .template
                .render(&shown, &[], true, &serde_json::Map::new())?;
            let ids = self.engine.tokenizer().encode_with_specials(&text);
            let next = self.messages[left_out..]
                .iter()
                .skip(1)
                .position(|one| one.role == Role::User);
            match next {
                Some(next) if ids.len() > room => left_out += 1 + next,
                _ => return Ok(Fitting { ids, left_out }),
            }
        }
    }

    /// Answers the last message. `stop` breaks off; what was written until then stays. Where nothing
    /// was said the former answer comes back, or else the message is taken back, so that users and
    /// assistant keep taking turns.
    pub(super) fn answer(
        &mut self,
        stop: &AtomicBool,
        show: &mut dyn FnMut(&str),
    ) -> Result<Answer> {
        let answer = self.ask(stop, show);
        match (&answer, self.former.take()) {
            (Ok((text, answer)), _) if answer.kept => {
                self.messages
                    .push(Message::new(Role::Assistant, text.clone()));
            }
            (_, Some(former)) => self.messages.push(former),
            (_, None) => {
                self.messages.pop();
            }
        }
        answer.map(|(_, answer)| answer)
    }

    fn ask(&mut self, stop: &AtomicBool, show: &mut dyn FnMut(&str)) -> Result<(String, Answer)> {
        let Fitting { ids, left_out } = self.fitting()?;
        let sampling = Sampling {
            // Another answer is another draw.
            seed: self.sampling.seed.wrapping_add(self.attempt),
            ..self.sampling.clone()
        };
        let tokenizer = self.engine.tokenizer();
        let named = self.template.end_tokens();
        let mut ends = self.engine.end_tokens();
        ends.extend(named.iter().filter_map(|name| tokenizer.id_of(name)));
        let stops = self.template.stops().iter();
        let request = Request {
            end_tokens: ends,
            stop: stops.map(|stop| (*stop).to_owned()).collect(),
            ..Request::new(ids, self.most, sampling)
        };
        let begun = now();
        let ticket = self.engine.submit(request)?;
        let (mut first, mut last) = (None, begun);
        let mut end = None;
        while end.is_none() {
            if stop.load(Ordering::SeqCst) {
                self.engine.cancel(ticket);
            }
            self.engine.step(|_, event| match event {
                Event::Piece { text, .. } => {
                    last = now();
                    first.get_or_insert(last);
                    if !text.is_empty() {
                        show(&text);
                    }
                }
                Event::End(generation) => end = Some(generation),
            })?;
        }
        let generation = end.context("the answer never ended")?;
        if let Finish::Failed(why) = &generation.finish {
            bail!("the answer could not go on: {why}");
        }
        let first = first.unwrap_or(last);
        let text = generation.text.trim().to_owned();
        let answer = Answer {
            kept: !(text.is_empty() && generation.finish == Finish::Cancelled),
            finish: generation.finish,
            usage: generation.usage,
            first: (first - begun).as_secs_f64(),
            seconds: (last - first).as_secs_f64(),
            left_out,
        };
        Ok((text, answer))
    }
}
