//! `/v1/completions`: texts or token ids in, their continuations out; with `echo` the prompt is judged too.
//!
//! What lm-evaluation-harness scores with: prompts as token ids, `echo`, `logprobs`, `max_tokens`
//! 0 or 1. `suffix` is refused: the model reads from left to right.

mod text;

use crate::app::App;
use crate::fields::Fields;
use crate::refusal::Refusal;
use crate::sampling::{Asked, check_choices};
use crate::stream::{Manner, answer};
use crate::visitors::prepared;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use generate::Request;
use serde_json::Value;
use text::{Answer, Echo};

/// New tokens where nothing is said, as OpenAI has it.
const USUAL: usize = 16;

/// Continues texts.
pub(crate) async fn complete(State(app): State<App>, asked: Body) -> Result<Response, Refusal> {
    let (requests, shape, manner) = prepared(&app, asked, prepare).await?;
    answer(app, requests, shape, manner).await
}

/// A prompt with the text it stands for, where that was given.
struct Prompt {
    ids: Vec<u32>,
    text: Option<String>,
}

fn prepare(app: &App, bytes: &[u8]) -> Result<(Vec<Request>, Answer, Manner), Refusal> {
    let mut fields = Fields::read(bytes)?;
    let asked = Asked::take(&mut fields, app)?;
    let prompts = prompts(&mut fields, app)?;
    let limit = fields.count("max_tokens", 0)?.unwrap_or(USUAL);
    let most = generate::MOST_TOP;
    let top = match fields.value("logprobs") {
        // Some clients use the word of the other interface.
        Some(Value::Bool(wanted)) => wanted.then_some(0),
        Some(value) => match value.as_u64().and_then(|top| usize::try_from(top).ok()) {
            Some(top) if top <= most => Some(top),
            _ => {
                return Err(Refusal::field(
                    "logprobs",
                    format!("logprobs is {value}; wanted a whole number from 0 to {most}"),
                ));
            }
        },
        None => None,
    };
    let echo = fields.flag("echo")?;
    let best_of = fields.count("best_of", 1)?.unwrap_or(asked.n);
    if best_of != asked.n {
        return Err(Refusal::field(
            "best_of",
            format!(
                "best_of is {best_of} and n is {}; answers are not ranked here, ask for them all",
                asked.n
            ),
        ));
    }
    if fields.value("suffix").is_some_and(|suffix| suffix != "") {
        return Err(Refusal::field(
            "suffix",
            "suffix is not possible: the model reads from left to right and cannot see what follows",
        ));
    }
    fields.finish()?;
    if echo && top.is_some() && asked.stream {
        return Err(Refusal::field(
            "echo",
            "echo with logprobs does not stream: the prompt is judged as a whole; leave stream out",
        ));
    }
    check_choices(prompts.len(), asked.n, app)?;
    let model = &app.inner.model;
    let constraint = model.compiled(asked.constraint.as_ref())?;
    let mut requests = Vec::with_capacity(prompts.len() * asked.n);
    let mut echoes = Vec::with_capacity(prompts.len() * asked.n);
    for prompt in prompts {
        let room = model.room(prompt.ids.len(), "prompt")?;
        let max_tokens = limit.min(app.inner.settings.bounds.output).min(room);
        for i in 0..asked.n {
            requests.push(Request {
                end_tokens: match asked.ignore_eos {
                    true => Vec::new(),
                    false => model.end_tokens.clone(),
                },
                stop: asked.stop.clone(),
                log_probabilities: top.is_some(),
                top: top.unwrap_or(0),
                echo: echo && top.is_some(),
                constraint: constraint.clone(),
                ..Request::new(prompt.ids.clone(), max_tokens, asked.sampling_of(i))
            });
            echoes.push(echo.then(|| {
                Echo {
                    text: prompt
                        .text
                        .clone()
                        .unwrap_or_else(|| model.tokenizer.decode(&prompt.ids)),
                    ids: prompt.ids.clone(),
                }
            }));
        }
    }
    let shape = Answer::new(app.clone(), asked.stream, top.is_some(), echoes);
    let manner = Manner {
        stream: asked.stream,
        include_usage: asked.include_usage,
        n: asked.n,
    };
    Ok((requests, shape, manner))
}

/// `prompt`: a text, texts, token ids, or arrays of them.
fn prompts(fields: &mut Fields, app: &App) -> Result<Vec<Prompt>, Refusal> {
    let model = &app.inner.model;
    let text = |text: String| Prompt {
        ids: model.prompt(&text, true),
        text: Some(text),
    };
    let ids = |ids: Vec<u32>| Prompt { ids, text: None };
    let wanted = "prompt is none of: a text, an array of texts, an array of token ids, an array of such arrays";
    let refuse = || Refusal::field("prompt", wanted);
    let prompts: Vec<Prompt> = match fields.value("prompt") {
        None => {
            return Err(Refusal::field(
                "prompt",
                "prompt is missing; wanted a text to continue",
            ));
        }
        Some(Value::String(one)) => vec![text(one)],
        Some(Value::Array(items)) => match items.first() {
            None => {
                return Err(Refusal::field(
                    "prompt",
                    "prompt is an empty array; there is nothing to continue",
                ));
            }
            Some(Value::String(_)) => {
                let texts: Vec<String> =
                    serde_json::from_value(Value::Array(items)).map_err(|_| refuse())?;
                // What is refused for its number need not be encoded first.
                check_choices(texts.len(), 1, app)?;
                texts.into_iter().map(text).collect()
            }
            Some(Value::Number(_)) => {
                vec![ids(
                    serde_json::from_value(Value::Array(items)).map_err(|_| refuse())?
                )]
            }
            Some(Value::Array(_)) => {
                let all: Vec<Vec<u32>> =
                    serde_json::from_value(Value::Array(items)).map_err(|_| refuse())?;
                all.into_iter().map(ids).collect()
            }
            Some(_) => return Err(refuse()),
        },
        Some(_) => return Err(refuse()),
    };
    let vocabulary = model.tokenizer.vocabulary();
    for id in prompts
        .iter()
        .filter(|prompt| prompt.text.is_none())
        .flat_map(|prompt| &prompt.ids)
    {
        if *id as usize >= vocabulary {
            return Err(Refusal::field(
                "prompt",
                format!("token id {id} does not exist; ids end below {vocabulary}"),
            ));
        }
    }
    Ok(prompts)
}
