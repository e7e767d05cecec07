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
                match generation.finish {
                    Finish::Failed(why) => one.failed = Some(why),
                    Finish::MaxTokens | Finish::ContextFull => one.cut += 1,
                    _ => {}
                }
                one.written[number] = Some(generation.text);
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
        Ok(Prepared {
            limit: (*limit).min(context - ids.len().min(context)),
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
        Ok(Prepared {
            prompt,
            limit: (*limit).min(context - length),
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
        reply.cut_off(self.cut, self.limit)
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
                id: format!("call_{index}"),
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
