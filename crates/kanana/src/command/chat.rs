//! `kanana chat`: a conversation in the terminal, or with another program through a pipe.
//!
//! For a person: a line that is edited, a history, answers that stream and can be interrupted, orders
//! that begin with a slash. Through a pipe: a message a line (or all of it as one), answers on standard
//! output and nothing else. What cuts one short is said on standard error.
//!
//! What no longer fits the context is left out from the oldest exchange on, and that is said; the
//! system messages that it begins with always stay.

mod entry;
mod kept;
mod order;
mod talk;

use super::Where;
use super::generate::precision;
use super::open::{Weights, open};
use crate::device::Machine;
use crate::{environment, terminal};
use ::generate::{Engine, Finish, Limits, Sampling};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use entry::{Entry, Input};
use order::{Order, Speech};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use talk::{Answer, Talk};
use tensor::{Forward, Precision};

/// Talk with a model.
#[derive(Args)]
pub(crate) struct Chat {
    /// A Hugging Face directory, a GGUF file, the name of a pulled model, or of a model in the store
    model: String,
    /// What the model is told before anything else
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// At most so many new tokens in an answer
    #[arg(long, default_value_t = 2048, value_name = "N")]
    tokens: usize,
    /// 0 always takes the most likely token
    #[arg(long, default_value_t = 0.6, allow_negative_numbers = true)]
    temperature: f32,
    /// Only the most likely tokens that make up this share of the probability
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    top_p: f32,
    /// Only the k most likely tokens
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    top_k: usize,
    /// Only tokens at least this share as likely as the most likely one
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.0,
        hide_default_value = true
    )]
    min_p: f32,
    /// The same seed gives the same conversation
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on with a conversation that was saved
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Through a pipe: all of standard input is one message, not every line
    #[arg(long)]
    whole: bool,
    /// Keep no history of what is typed
    #[arg(long)]
    no_history: bool,
    /// What products read: f32, or bf16
    #[arg(long, value_name = "PRECISION", value_parser = precision, default_value = "bf16")]
    precision: Precision,
    /// How matrices are stored
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    /// Memory for keys and values, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    cache: u64,
    #[command(flatten)]
    store: Where,
}

impl Chat {
    pub(crate) fn run(self, machine: &Machine) -> Result<()> {
        let opened = open(
            &self.model,
            &self.store,
            machine,
            self.precision,
            self.weights,
        )?;
        let template = opened.template()?.with_clock(::serve::local_time);
        let (decoder, tokenizer) = (Arc::new(opened.decoder), Arc::new(opened.tokenizer));
        let limits = Limits {
            cache_bytes: usize::try_from(self.cache)? << 20,
            sequences: 1,
            ..Limits::default()
        };
        let engine = Engine::new(decoder, tokenizer, limits)?;
        let sampling = Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            seed: self.seed,
            ..Sampling::default()
        };
        let origin = template.origin().to_owned();
        let mut talk = Talk::new(engine, template, sampling, self.tokens)?;
        if let Some(path) = &self.load {
            talk.replace(kept::load(path)?);
        }
        if let Some(text) = self.system {
            talk.system(Some(text));
        }
        let speech = Speech::of(environment::is_korean());
        if !std::io::stdin().is_terminal() {
            return through_a_pipe(&mut talk, &mut Input::pipe(self.whole), speech);
        }
        terminal::aside(&speech.welcome(&self.model, talk.context(), &origin));
        let history = (!self.no_history).then(entry::history_file).flatten();
        with_a_person(&mut talk, &mut Input::person(history)?, speech)
    }
}

/// Every message is answered; the first thing that goes wrong ends it.
fn through_a_pipe<D: Forward>(talk: &mut Talk<D>, input: &mut Input, speech: Speech) -> Result<()> {
    let never = AtomicBool::new(false);
    let answer = |talk: &mut Talk<D>| -> Result<()> {
        let answer = talk.answer(&never, &mut terminal::words)?;
        terminal::say("");
        let missing = missing(&answer, speech);
        if !missing.is_empty() {
            terminal::note(&missing.join(" · "));
        }
        Ok(())
    };
    while let Entry::Text(text) = input.next()? {
        match order::parse(&text)? {
            None => {
                talk.say(text);
                answer(talk)?;
            }
            Some(Order::Exit) => break,
            Some(Order::Again) => {
                talk.again()?;
                answer(talk)?;
            }
            Some(order) => terminal::say(&obey(talk, order, speech)?),
        }
    }
    Ok(())
}

/// What goes wrong is said, and the conversation goes on.
fn with_a_person<D: Forward>(
    talk: &mut Talk<D>,
    input: &mut Input,
    mut speech: Speech,
) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    ctrlc::set_handler(move || heard.store(true, Ordering::SeqCst))
        .context("Ctrl-C cannot be heard")?;
    let mut interrupted = false;
    loop {
        let text = match input.next()? {
            Entry::End => return Ok(()),
            Entry::Interrupted if interrupted => return Ok(()),
            Entry::Interrupted => {
                interrupted = true;
                terminal::aside(speech.leave());
                continue;
            }
            Entry::Text(text) => text,
        };
        interrupted = false;
        let done = match order::parse(&text) {
            Ok(Some(Order::Exit)) => return Ok(()),
            Ok(Some(Order::Again)) => talk.again().and_then(|()| show(talk, &stop, speech)),
            Ok(Some(order)) => {
                if let Order::Help(Some(chosen)) = order {
                    speech = chosen;
                }
                obey(talk, order, speech).map(|said| terminal::aside(&said))
            }
            Ok(None) => {
                talk.say(text);
                show(talk, &stop, speech)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            terminal::error(&error);
        }
    }
}

/// An answer as it comes, and how fast it came.
fn show<D: Forward>(talk: &mut Talk<D>, stop: &AtomicBool, speech: Speech) -> Result<()> {
    stop.store(false, Ordering::SeqCst);
    let answer = talk.answer(stop, &mut |text| {
        // A model may have read of sequences that write where its user does not look.
        terminal::words(text);
    });
    terminal::say("");
    let answer = answer?;
    terminal::aside(&facts(&answer, speech));
    Ok(())
}

/// All there is to say of an answer.
fn facts(answer: &Answer, speech: Speech) -> String {
    let mut said = missing(answer, speech);
    if answer.finish == Finish::Cancelled {
        said.push(speech.stopped(answer.kept).to_owned());
    }
    said.push(speech.facts(answer));
    said.join(" · ")
}

/// What the text of an answer does not show: that it was cut short, or came without having read all.
fn missing(answer: &Answer, speech: Speech) -> Vec<String> {
    let ended = match answer.finish {
        Finish::MaxTokens => Some(speech.longest()),
        Finish::ContextFull => Some(speech.full()),
        _ => None,
    };
    let left_out = (answer.left_out > 0).then(|| speech.left_out(answer.left_out));
    ended
        .map(str::to_owned)
        .into_iter()
        .chain(left_out)
        .collect()
}

/// Does what an order says, and tells what was done.
fn obey<D: Forward>(talk: &mut Talk<D>, order: Order, speech: Speech) -> Result<String> {
    Ok(match order {
        Order::Help(chosen) => order::help(chosen.unwrap_or(speech)),
        Order::Reset => {
            talk.reset();
            speech.reset().to_owned()
        }
        Order::System(None) => talk
            .spoken_system()
            .unwrap_or_else(|| speech.nothing().to_owned()),
        Order::System(Some(text)) => {
            let text = (text != "-").then_some(text);
            talk.system(text);
            speech.done().to_owned()
        }
        Order::Save(path) => {
            kept::save(&path, &talk.messages())?;
            speech.saved(&path)
        }
        Order::Load(path) => {
            talk.replace(kept::load(&path)?);
            speech.loaded(talk.messages().len())
        }
        Order::Undo => {
            talk.undo()?;
            speech.done().to_owned()
        }
        Order::Set(None) => talk.settings(),
        Order::Set(Some((name, value))) => {
            talk.set(&name, &value)?;
            talk.settings()
        }
        Order::Tokens => speech.tokens(&talk.count()?),
        Order::Again | Order::Exit => bail!("this order is for the loop"),
    })
}
