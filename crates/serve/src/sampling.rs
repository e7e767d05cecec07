//! The fields that chats and completions share: how tokens are chosen, when an answer ends, what it must be.

use crate::app::App;
use crate::fields::Fields;
use crate::refusal::Refusal;
use generate::{Constraint, Sampling};
use serde_json::{Map, Value};

/// The most stop strings of a request.
const STOPS: usize = 16;
/// The most tokens whose logits a request may move.
const BIASES: usize = 4096;

/// What was asked for.
pub(crate) struct Asked {
    pub(crate) sampling: Sampling,
    pub(crate) stop: Vec<String>,
    /// How many answers to each prompt.
    pub(crate) n: usize,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) constraint: Option<Constraint>,
    /// Goes on after the tokens that end a text: for measurements.
    pub(crate) ignore_eos: bool,
}

impl Asked {
    /// Takes the shared fields, `model` among them.
    pub(crate) fn take(fields: &mut Fields, app: &App) -> Result<Self, Refusal> {
        let model: Option<String> = fields.take("model", "the name of a model")?;
        app.inner.check_model(model.as_deref())?;
        let defaults = Sampling::default();
        let seed: Option<i64> = fields.take("seed", "a whole number of 64 bits")?;
        let sampling = Sampling {
            temperature: fields.number("temperature", 0.0..=2.0)?.unwrap_or(1.0),
            top_p: fields.number("top_p", 0.0..=1.0)?.unwrap_or(defaults.top_p),
            top_k: top_k(fields)?,
            min_p: fields.number("min_p", 0.0..=1.0)?.unwrap_or(defaults.min_p),
            repetition_penalty: fields
                .number("repetition_penalty", 0.1..=10.0)?
                .unwrap_or(defaults.repetition_penalty),
            presence_penalty: fields
                .number("presence_penalty", -2.0..=2.0)?
                .unwrap_or(0.0),
            frequency_penalty: fields
                .number("frequency_penalty", -2.0..=2.0)?
                .unwrap_or(0.0),
            logit_bias: logit_bias(fields)?,
            seed: seed.map_or_else(|| app.inner.seed(), |seed| seed as u64),
        };
        let stop = stop(fields)?;
        let n = fields.count("n", 1)?.unwrap_or(1);
        let stream = fields.flag("stream")?;
        let mut include_usage = false;
        if let Some(options) = fields.value("stream_options") {
            let Value::Object(options) = options else {
                return Err(Refusal::field(
                    "stream_options",
                    "stream_options is no object",
                ));
            };
            if !stream {
                return Err(Refusal::field(
                    "stream_options",
                    "stream_options without stream means nothing; leave it out",
                ));
            }
            include_usage = options.get("include_usage").and_then(Value::as_bool) == Some(true);
        }
        Ok(Asked {
            sampling,
            stop,
            n,
            stream,
            include_usage,
            constraint: response_format(fields)?,
            ignore_eos: fields.flag("ignore_eos")?,
        })
    }

    /// The sampling of the i-th answer to a prompt: seeds count up, so that each can be had alone.
    pub(crate) fn sampling_of(&self, i: usize) -> Sampling {
        Sampling {
            seed: self.sampling.seed.wrapping_add(i as u64),
            ..self.sampling.clone()
        }
    }
}

/// Answers in all have to fit.
pub(crate) fn check_choices(prompts: usize, n: usize, app: &App) -> Result<usize, Refusal> {
    let bounds = &app.inner.settings.bounds;
    let most = bounds.choices.min(bounds.queue);
    match prompts.checked_mul(n) {
        Some(all) if all <= most => Ok(all),
        _ => Err(Refusal::field(
            "n",
            format!(
                "{prompts} prompts with n = {n} are too many answers for one request; at most {most} are made"
            ),
        )),
    }
}

fn top_k(fields: &mut Fields) -> Result<usize, Refusal> {
    // Some clients say −1 for all.
    match fields.value("top_k") {
        Some(Value::Number(number)) if number.as_i64() == Some(-1) => Ok(0),
        Some(value) => {
            let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
            count.ok_or_else(|| {
                Refusal::field(
                    "top_k",
                    format!("top_k is {value}; wanted a whole number, 0 or -1 for all"),
                )
            })
        }
        None => Ok(0),
    }
}

fn logit_bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>, Refusal> {
    let wanted = "an object of token ids and numbers from -100 to 100";
    let bias: Map<String, Value> = fields.take("logit_bias", wanted)?.unwrap_or_default();
    let refuse = |what: String| Refusal::field("logit_bias", what);
    if bias.len() > BIASES {
        return Err(refuse(format!(
            "logit_bias moves {} tokens; at most {BIASES} are read",
            bias.len()
        )));
    }
    let pair = |(id, value): (&String, &Value)| {
        let number = value.as_f64().filter(|number| number.abs() <= 100.0);
        match (id.parse(), number) {
            (Ok(id), Some(number)) => Ok((id, number as f32)),
            _ => Err(refuse(format!(
                "logit_bias says {value} for {id:?}; wanted {wanted}"
            ))),
        }
    };
    bias.iter().map(pair).collect()
}

/// Bytes of the longest description of what an answer must be: each of `n` answers has its own.
pub(crate) const DESCRIPTION: usize = 64 << 10;

fn stop(fields: &mut Fields) -> Result<Vec<String>, Refusal> {
    let stop = match fields.value("stop") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(several) => serde_json::from_value(several)
            .map_err(|_| Refusal::field("stop", "stop is neither a text nor an array of texts"))?,
    };
    if stop.len() > STOPS {
        return Err(Refusal::field(
            "stop",
            format!("stop has {} texts; at most {STOPS} are heeded", stop.len()),
        ));
    }
    if stop.iter().map(String::len).sum::<usize>() > DESCRIPTION {
        return Err(Refusal::field(
            "stop",
            "the texts of stop are longer than 64 KiB together",
        ));
    }
    if stop.iter().any(String::is_empty) {
        return Err(Refusal::field(
            "stop",
            "a text of stop is empty, and would stop every answer at once",
        ));
    }
    Ok(stop)
}

/// A schema as it is followed: unless it is `strict`, without what of it cannot be followed, as OpenAI's
/// clients have it. What the schema says of this itself (`x-guidance`) goes before.
fn guided(mut schema: Value, strict: bool) -> Value {
    if schema == Value::Bool(true) {
        schema = Value::Object(Map::new());
    }
    // What is no schema is refused by whoever compiles it.
    if let Value::Object(fields) = &mut schema
        && let Value::Object(own) = fields
            .entry("x-guidance")
            .or_insert_with(|| Value::Object(Map::new()))
    {
        own.entry("lenient").or_insert((!strict).into());
    }
    schema
}

/// `text`, `json_object`, `json_schema`; and, beyond OpenAI's, `regex` and `lark`.
fn response_format(fields: &mut Fields) -> Result<Option<Constraint>, Refusal> {
    let Some(format) = fields.value("response_format") else {
        return Ok(None);
    };
    let refuse = |what: &str| Refusal::field("response_format", what);
    if format.to_string().len() > DESCRIPTION {
        return Err(refuse(
            "response_format is longer than 64 KiB, which is all that is read",
        ));
    }
    let text = |name: &str| format.get(name).and_then(Value::as_str).map(str::to_owned);
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Constraint::Json)),
        Some("json_schema") => {
            let described = format.get("json_schema").unwrap_or(&format);
            let strict = described.get("strict").and_then(Value::as_bool);
            let schema = described.get("schema").or_else(|| format.get("schema"));
            match schema {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
                    let schema = guided(schema.clone(), strict == Some(true));
                    Ok(Some(Constraint::JsonSchema(schema)))
                }
                _ => Err(refuse("response_format has no object json_schema.schema")),
            }
        }
        Some("regex") => match text("regex") {
            Some(regex) => Ok(Some(Constraint::Regex(regex))),
            None => Err(refuse(
                "response_format of type regex has no text named regex",
            )),
        },
        Some("lark") => match text("lark") {
            Some(lark) => Ok(Some(Constraint::Lark(lark))),
            None => Err(refuse(
                "response_format of type lark has no text named lark",
            )),
        },
        _ => Err(refuse(
            "response_format has no type that is known; wanted text, json_object, json_schema, regex or lark",
        )),
    }
}
