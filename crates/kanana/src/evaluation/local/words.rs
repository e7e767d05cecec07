//! Answers in words: prompts continued, conversations answered through the model's own chat template.
//!
//! A prompt that leaves no room for the answer loses its beginning, as with lm-evaluation-harness; a
//! conversation is never cut: its format would break. With tools an answer is held to their grammar,
//! as `kanana serve` holds it. A draw depends on the prompt, the seed and its number alone.

use super::{Local, Placed};
use anyhow::{Context as _, Result, anyhow, ensure};
use chat::tools::{Choice, Format, Parser, Piece, grammar};
use chat::{Function, Message, Template, Tool, ToolCall};
use evals::{Answer, Draw, Put, Reply, Request};
use generate::{Constraint, Engine, Event, Finish, Generation, Limits, Sampling, Ticket};
use serde_json::Map;
use std::collections::HashMap;

/// What is added to where an answer was cut off: the question left less of the context than was asked for.
const CONTEXT: &str = ", where the model's context ends";
/// The same where the engine had to end it before that.
const MEMORY: &str = ", where the memory for the model's context ends";

/// A question on its way through the engine.
struct Open {
    /// Its place among those that were put.
    at: usize,
    note: String,
    /// Who reads calls out of the answer, where there are tools.
    parser: Option<Parser>,
    converses: bool,
    /// How many answers are wanted.
    samples: usize,
    /// Tokens that each may have.
    limit: usize,
    /// Why they are fewer than were asked for; empty where they are not.
    why: &'static str,
    /// How many of the draws they cut off.
    cut: usize,
    /// One for each draw.
    written: Vec<Option<String>>,
    failed: Option<String>,
}

/// A question made ready.
struct Prepared {
    prompt: Vec<u32>,
    limit: usize,
    why: &'static str,
    end_tokens: Vec<u32>,
    stops: Vec<String>,
    constraint: Option<Constraint>,
    parser: Option<Parser>,
    note: String,
}

impl Local {
    pub(super) fn words(
        &self,
        asked: &Placed<'_>,
        deliver: &mut dyn FnMut(usize, Reply) -> Result<()>,
    ) -> Result<()> {
        if asked.is_empty() {
            return Ok(());
        }
        let mut engine = Engine::new(
            self.decoder.clone(),
            self.tokenizer.clone(),
            Limits::default(),
        )?;
        let mut open: Vec<Open> = vec![];
        let mut tickets: HashMap<Ticket, (usize, usize)> = HashMap::new();
        for (at, put) in asked {
            let prepared = match put.request {
                Request::Converse { .. } => {
                    let template = self.template.as_ref().with_context(|| {
                        "the model has no chat template, and this task converses with it: take a model \
                         that was tuned to, or leave the task out"
                    })?;
                    self.conversation(&engine, template, put)
                }
                _ => self.completion(&engine, put),
            };
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(error) => {
                    deliver(*at, Answer::Failed(format!("{error:#}")).into())?;
                    continue;
                }
            };
            // Greedy, all draws are the first.
            let draws = match put.draw.temperature > 0.0 {
                true => put.draw.samples,
                false => put.draw.samples.min(1),
            };
            let mut one = Open {
                at: *at,
                note: prepared.note.clone(),
                parser: prepared.parser.clone(),
                converses: matches!(put.request, Request::Converse { .. }),
                samples: put.draw.samples,
                limit: prepared.limit,
                why: prepared.why,
                cut: 0,
                written: vec![None; draws],
                failed: None,
            };
            for number in 0..draws {
                match engine.submit(prepared.request(put.draw, number)) {
                    Ok(ticket) => {
                        tickets.insert(ticket, (open.len(), number));
                    }
                    Err(error) => {
                        one.failed = Some(format!("{error:#}"));
                        one.written[number] = Some(String::new());
                    }
                }
            }
            open.push(one);
        }
        for one in open.iter_mut().filter(|one| one.is_done()) {
            deliver(one.at, one.reply())?;
        }
        while !engine.is_idle() {
            self.check_stopped()?;
            let mut ended: Vec<(Ticket, Generation)> = vec![];
            engine.step(|ticket, event| {
                if let Event::End(generation) = event {
                    ended.push((ticket, generation));
                }
            })?;
            for (ticket, generation) in ended {
                let (index, number) = tickets[&ticket];
                let one = &mut open[index];
                one.end(number, generation);
                if one.is_done() {
                    deliver(one.at, one.reply())?;
                }
            }
        }
        Ok(())
    }

    fn completion(&self, engine: &Engine<tensor::Cpu>, put: &Put<'_>) -> Result<Prepared> {
        let Request::Complete {
            prompt,
            stops,
            limit,
        } = put.request
        else {
            unreachable!("asked for completions only");
        };
        let context = self.decoder.shape.context;
        let mut ids = engine.prompt(prompt);
        let room = match *limit < context {
            true => context - limit,
            false => context.div_ceil(2),
        };
        let left_out = ids.len().saturating_sub(room);
        ids.drain(..left_out);
        let (limit, why) = within(*limit, context - ids.len().min(context));
        Ok(Prepared {
            limit,
            why,
            prompt: ids,
            end_tokens: engine.end_tokens(),
            stops: stops
                .iter()
                .filter(|stop| !stop.is_empty())
                .cloned()
                .collect(),
            constraint: None,
            parser: None,
            note: match left_out {
                0 => String::new(),
                tokens => format!(
                    "prompt and answer are longer than the model's context, and the prompt's first {tokens} \
                     tokens were left out"
                ),
            },
        })
    }

    fn conversation(
        &self,
        engine: &Engine<tensor::Cpu>,
        template: &Template,
        put: &Put<'_>,
    ) -> Result<Prepared> {
        let Request::Converse {
            messages,
            tools,
            limit,
        } = put.request
        else {
            unreachable!("asked for conversations only");
        };
        let text = template.render(messages, tools, true, &Map::new())?;
        let prompt = self.tokenizer.encode_with_specials(&text);
        let (length, context) = (prompt.len(), self.decoder.shape.context);
        ensure!(
            length < context,
            "the conversation has {length} tokens, and the model's context ends at {context}"
        );
        let mut end_tokens = engine.end_tokens();
        let named = template.end_tokens().into_iter();
        end_tokens.extend(named.filter_map(|name| self.tokenizer.id_of(name)));
        end_tokens.sort_unstable();
        end_tokens.dedup();
        let (constraint, parser) = calls(template, tools)?;
        let (limit, why) = within(*limit, context - length);
        Ok(Prepared {
            prompt,
            limit,
            why,
            end_tokens,
            stops: template
                .stops()
                .iter()
                .map(|stop| (*stop).to_owned())
                .collect(),
            constraint,
            parser,
            note: String::new(),
        })
    }
}

/// Tokens that an answer may have where the context has room for so many more, and why they are fewer than were
/// asked for, if they are.
fn within(asked: usize, room: usize) -> (usize, &'static str) {
    match asked <= room {
        true => (asked, ""),
        false => (room, CONTEXT),
    }
}

/// What holds an answer to the grammar of calls, and who reads them.
fn calls(template: &Template, tools: &[Tool]) -> Result<(Option<Constraint>, Option<Parser>)> {
    if tools.is_empty() {
        return Ok((None, None));
    }
    let format = Format::of(template);
    let lark = grammar(format, tools, Choice::Auto, true)?;
    let names = tools.iter().map(|tool| tool.name.clone()).collect();
    Ok((
        Some(Constraint::Lark(lark)),
        Some(Parser::new(format, names, true)),
    ))
}

impl Prepared {
    fn request(&self, draw: Draw, number: usize) -> generate::Request {
        let sampling = Sampling {
            top_p: draw.top_p,
            ..Sampling::temperature(draw.temperature, seed(draw.seed, number, &self.prompt))
        };
        generate::Request {
            end_tokens: self.end_tokens.clone(),
            stop: self.stops.clone(),
            constraint: self.constraint.clone(),
            ..generate::Request::new(self.prompt.clone(), self.limit, sampling)
        }
    }
}

/// Every question and every draw has noise of its own.
fn seed(of: u64, number: usize, prompt: &[u32]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&of.to_le_bytes());
    hasher.update(&(number as u64).to_le_bytes());
    for id in prompt {
        hasher.update(&id.to_le_bytes());
    }
    let bytes = hasher.finalize();
    u64::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("eight bytes"))
}

impl Open {
    fn is_done(&self) -> bool {
        self.written.iter().all(Option::is_some)
    }

    /// Takes what was drawn.
    fn end(&mut self, number: usize, generation: Generation) {
        match generation.finish {
            Finish::Failed(why) => self.failed = Some(why),
            Finish::MaxTokens => self.cut += 1,
            Finish::ContextFull => {
                // The limit leaves room in the context: what is full is the memory for it, for every draw alike.
                self.cut += 1;
                (self.limit, self.why) = (generation.ids.len(), MEMORY);
            }
            _ => {}
        }
        self.written[number] = Some(generation.text);
    }

    /// The answer; the first as often as wanted where only one was drawn.
    fn reply(&mut self) -> Reply {
        let mut texts: Vec<String> = self.written.drain(..).flatten().collect();
        if let (Some(first), true) = (texts.first().cloned(), texts.len() < self.samples) {
            texts.resize(self.samples, first);
            self.cut *= self.samples;
        }
        let answer = match (self.failed.take(), self.converses) {
            (Some(why), _) => return Answer::Failed(why).into(),
            (None, false) => Answer::Texts(texts),
            (None, true) => {
                let read = |text: String| message(self.parser.clone(), text);
                Answer::Messages(texts.into_iter().map(read).collect())
            }
        };
        let reply = Reply {
            note: std::mem::take(&mut self.note),
            ..Reply::from(answer)
        };
        let mut reply = reply.cut_off(self.cut, self.limit);
        if reply.cut > 0 {
            reply.note += self.why;
        }
        reply
    }
}

/// The message that a text is: words, and calls where there is a parser.
pub(super) fn message(parser: Option<Parser>, text: String) -> Message {
    let Some(mut parser) = parser else {
        return Message::assistant(text);
    };
    let mut pieces = parser.push(&text);
    pieces.extend(parser.finish());
    let (mut words, mut calls) = (String::new(), Vec::<ToolCall>::new());
    for piece in pieces {
        match piece {
            Piece::Text(text) => words.push_str(&text),
            Piece::Call { index, name } => calls.push(ToolCall {
                // nine letters and digits, as some templates want them
                id: format!("call{index:05}"),
                kind: "function".to_owned(),
                function: Function {
                    name,
                    arguments: String::new(),
                },
            }),
            Piece::Arguments { index, json } => {
                if let Some(call) = calls.get_mut(index) {
                    call.function.arguments.push_str(&json);
                }
            }
        }
    }
    // A call that the limit cut off is not one: its words are.
    let whole = |call: &mut ToolCall| {
        serde_json::from_str::<serde::de::IgnoredAny>(&call.function.arguments).is_err()
    };
    if let Some(call) = calls.pop_if(whole) {
        words.push_str(&call.function.arguments);
    }
    let mut message = Message::assistant(words);
    if !calls.is_empty() {
        message.content = message.content.filter(|words| !words.is_empty());
    }
    message.tool_calls = calls;
    message
}

/// What a conversation without a template is told before it begins.
pub(crate) fn no_template(model: &str) -> anyhow::Error {
    anyhow!(
        "{model} has no chat template, and the protocol instruct puts every question through one: use \
         --protocol base, or a model that was tuned to converse"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use generate::Usage;

    #[test]
    fn what_ends_where_the_memory_is_full_is_not_said_to_be_at_the_limit() {
        let mut one = Open {
            at: 0,
            note: String::new(),
            parser: None,
            converses: false,
            samples: 2,
            limit: 512,
            why: "",
            cut: 0,
            written: vec![None; 2],
            failed: None,
        };
        for (number, finish) in [(0, Finish::ContextFull), (1, Finish::EndToken(7))] {
            let generation = Generation {
                text: "하늬마을의 특산물은".to_owned(),
                ids: vec![7; 9],
                log_probabilities: vec![],
                prompt_tokens: vec![],
                usage: Usage::default(),
                finish,
            };
            one.end(number, generation);
        }
        let reply = one.reply();
        assert_eq!(reply.cut, 1);
        let wanted = "1 of 2 cut off at 9 tokens, where the memory for the model's context ends";
        assert_eq!(reply.note, wanted);
    }
}
