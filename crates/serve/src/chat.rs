//! `/v1/chat/completions`: a conversation in, the next message out; tools, formats, log-probabilities, streams.
//!
//! With tools the answer is held to their grammar, so that calls name given functions and their
//! arguments satisfy the schemas; `tool_choice` says whether it may, must not or has to call. Tools
//! and `response_format` exclude each other: an answer has one grammar.

mod message;

use crate::app::App;
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::sampling::{Asked, DESCRIPTION, check_choices};
use crate::stream::{Manner, answer};
use crate::visitors::prepared;
use ::chat::tools::{Choice, Parser, grammar};
use ::chat::{Message, Template, Tool};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use generate::{Constraint, Request};
use message::Answer;
use serde_json::{Map, Value};
use tokenizer::Tokenizer;

/// The ids that end a message: those that end any text, and those of the template's format.
pub(crate) fn ends(template: &Template, tokenizer: &Tokenizer, usual: &[u32]) -> Vec<u32> {
    let named = template.end_tokens().into_iter();
    let mut ids: Vec<u32> = named.filter_map(|name| tokenizer.id_of(name)).collect();
    ids.extend(usual);
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Answers a conversation.
pub(crate) async fn complete(State(app): State<App>, asked: Body) -> Result<Response, Refusal> {
    let (requests, shape, manner) = prepared(&app, asked, prepare).await?;
    answer(app, requests, shape, manner).await
}

/// What tools were given, and what is to be done with them.
struct Tools {
    tools: Vec<Tool>,
    lark: Option<String>,
}

fn prepare(app: &App, bytes: &[u8]) -> Result<(Vec<Request>, Answer, Manner), Refusal> {
    let mut fields = Fields::read(bytes)?;
    let asked = Asked::take(&mut fields, app)?;
    let messages: Vec<Message> = fields.said("messages")?.ok_or_else(|| {
        Refusal::field("messages", "messages are missing; wanted an array of them")
    })?;
    if messages.is_empty() {
        return Err(Refusal::field(
            "messages",
            "messages are empty; there is nothing to answer",
        ));
    }
    let limit = match (
        fields.count("max_completion_tokens", 1)?,
        fields.count("max_tokens", 1)?,
    ) {
        (Some(newer), _) => Some(newer),
        (None, older) => older,
    };
    let log_probabilities = fields.flag("logprobs")?;
    let top = fields.count("top_logprobs", 0)?.unwrap_or(0);
    check_top(log_probabilities, top)?;
    let tools = tools(&mut fields, app)?;
    let extra: Map<String, Value> = fields
        .take("chat_template_kwargs", "an object")?
        .unwrap_or_default();
    only_text(&mut fields)?;
    fields.finish()?;
    if tools.lark.is_some() && asked.constraint.is_some() {
        let sentence = "tools and response_format cannot both say what the answer is; leave one out, or set tool_choice to \"none\"";
        return Err(Refusal::field("response_format", sentence));
    }
    check_choices(1, asked.n, app)?;
    let model = &app.inner.model;
    let prompt = model.conversation(&messages, &tools.tools, true, &extra)?;
    let room = model.room(prompt.len(), "messages")?;
    let max_tokens = limit
        .unwrap_or(usize::MAX)
        .min(app.inner.settings.bounds.output)
        .min(room);
    let mut stop = asked.stop.clone();
    stop.extend(model.template.stops().iter().map(|stop| (*stop).to_owned()));
    let constraint = tools
        .lark
        .clone()
        .map(Constraint::Lark)
        .or_else(|| asked.constraint.clone());
    let constraint = model.compiled(constraint.as_ref())?;
    let ends = match asked.ignore_eos {
        true => Vec::new(),
        false => model.chat_ends.clone(),
    };
    let request = |i: usize| Request {
        end_tokens: ends.clone(),
        stop: stop.clone(),
        log_probabilities,
        top,
        constraint: constraint.clone(),
        ..Request::new(prompt.clone(), max_tokens, asked.sampling_of(i))
    };
    let requests = (0..asked.n).map(request).collect();
    let parser = tools.lark.is_some().then(|| {
        let names = tools.tools.iter().map(|tool| tool.name.clone()).collect();
        Parser::new(model.format, names, true)
    });
    let shape = Answer::new(
        app.clone(),
        asked.n,
        asked.stream,
        log_probabilities,
        parser,
        ends,
    );
    let manner = Manner {
        stream: asked.stream,
        include_usage: asked.include_usage,
        n: asked.n,
    };
    Ok((requests, shape, manner))
}

fn check_top(log_probabilities: bool, top: usize) -> Result<(), Refusal> {
    let most = generate::MOST_TOP;
    if top > most {
        return Err(Refusal::field(
            "top_logprobs",
            format!("top_logprobs is {top}; at most {most} are told"),
        ));
    }
    if top > 0 && !log_probabilities {
        return Err(Refusal::field(
            "top_logprobs",
            "top_logprobs needs logprobs to be true",
        ));
    }
    Ok(())
}

/// `tools`, `tool_choice` and `parallel_tool_calls`.
fn tools(fields: &mut Fields, app: &App) -> Result<Tools, Refusal> {
    let tools: Vec<Tool> = fields.said("tools")?.unwrap_or_default();
    let several = fields
        .take("parallel_tool_calls", "true or false")?
        .unwrap_or(true);
    let choice = fields.value("tool_choice");
    let unknown = "tool_choice is none of \"none\", \"auto\", \"required\" and {\"type\": \"function\", \"function\": {\"name\": …}}";
    let name;
    let choice = match choice.as_ref() {
        None if tools.is_empty() => None,
        None => Some(Choice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "none" => None,
            "auto" => Some(Choice::Auto),
            "required" => Some(Choice::Required),
            _ => return Err(Refusal::field("tool_choice", unknown)),
        },
        Some(value) => match value.pointer("/function/name").and_then(Value::as_str) {
            Some(found) => {
                name = found.to_owned();
                Some(Choice::Named(&name))
            }
            None => return Err(Refusal::field("tool_choice", unknown)),
        },
    };
    let Some(choice) = choice else {
        // Tools that must not be called are not shown either.
        return Ok(Tools {
            tools: Vec::new(),
            lark: None,
        });
    };
    if tools.is_empty() && choice == Choice::Auto {
        return Ok(Tools { tools, lark: None });
    }
    let lark = grammar(app.inner.model.format, &tools, choice, several)
        .map_err(|error| Refusal::field("tools", format!("{error:#}")))?;
    if lark.len() > DESCRIPTION {
        return Err(Refusal::field(
            "tools",
            "the tools are longer than 64 KiB as a grammar",
        ));
    }
    Ok(Tools {
        tools,
        lark: Some(lark),
    })
}

/// Fields that ask for what this model is not, or in words that are no longer used.
fn only_text(fields: &mut Fields) -> Result<(), Refusal> {
    if let Some(modalities) = fields.value("modalities")
        && modalities != serde_json::json!(["text"])
    {
        return Err(Refusal::field("modalities", "this model writes text alone"));
    }
    for (old, new) in [("functions", "tools"), ("function_call", "tool_choice")] {
        if fields.value(old).is_some() {
            return Err(Refusal::field(
                old,
                format!("{old} is a word of an older interface; use {new}"),
            ));
        }
    }
    Ok(())
}
