//! `/tokenize` and `/detokenize`: what the model sees of a text or a conversation.

use crate::app::App;
use crate::fields::Fields;
use crate::likelihoods::shown;
use crate::refusal::Refusal;
use crate::visitors::prepared;
use ::chat::{Message, Tool};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::{Map, Value, json};

/// Ids of `prompt` (also called `content`) or of `messages`.
pub(crate) async fn tokenize(State(app): State<App>, asked: Body) -> Result<Json<Value>, Refusal> {
    prepared(&app, asked, ids).await.map(Json)
}

/// The text of `tokens`.
pub(crate) async fn detokenize(
    State(app): State<App>,
    asked: Body,
) -> Result<Json<Value>, Refusal> {
    prepared(&app, asked, text).await.map(Json)
}

fn ids(app: &App, bytes: &[u8]) -> Result<Value, Refusal> {
    let mut fields = Fields::read(bytes)?;
    let model: Option<String> = fields.take("model", "the name of a model")?;
    app.inner.check_model(model.as_deref())?;
    let (prompt, content): (Option<String>, Option<String>) = (
        fields.take("prompt", "a text")?,
        fields.take("content", "a text")?,
    );
    let messages: Option<Vec<Message>> = fields.said("messages")?;
    let tools: Vec<Tool> = fields.said("tools")?.unwrap_or_default();
    let extra: Map<String, Value> = fields
        .take("chat_template_kwargs", "an object")?
        .unwrap_or_default();
    let answer = fields
        .take("add_generation_prompt", "true or false")?
        .unwrap_or(true);
    let (one, other) = ("add_special_tokens", "add_special");
    let begin: Option<bool> = fields.take(one, "true or false")?;
    let begin = begin
        .or(fields.take(other, "true or false")?)
        .unwrap_or(true);
    let with_pieces = fields.flag("with_pieces")? | fields.flag("return_token_strs")?;
    fields.finish()?;
    let model = &app.inner.model;
    let ids = match (prompt.or(content), messages) {
        (Some(text), None) => model.prompt(&text, begin),
        (None, Some(messages)) => model.conversation(&messages, &tools, answer, &extra)?,
        _ => {
            return Err(Refusal::field(
                "prompt",
                "wanted a text named prompt, or messages, and not both",
            ));
        }
    };
    let mut answer = json!({"count": ids.len(), "max_model_len": model.context, "tokens": ids});
    if with_pieces {
        answer["token_strs"] = ids.iter().map(|id| shown(&model.tokenizer, *id)).collect();
    }
    Ok(answer)
}

fn text(app: &App, bytes: &[u8]) -> Result<Value, Refusal> {
    let mut fields = Fields::read(bytes)?;
    let model: Option<String> = fields.take("model", "the name of a model")?;
    app.inner.check_model(model.as_deref())?;
    let ids: Option<Vec<u32>> = fields.take("tokens", "an array of token ids")?;
    fields.finish()?;
    let ids = ids.ok_or_else(|| {
        Refusal::field("tokens", "tokens are missing; wanted an array of token ids")
    })?;
    let tokenizer = &app.inner.model.tokenizer;
    if let Some(id) = ids
        .iter()
        .find(|id| **id as usize >= tokenizer.vocabulary())
    {
        let ends = tokenizer.vocabulary();
        return Err(Refusal::field(
            "tokens",
            format!("token id {id} does not exist; ids end below {ends}"),
        ));
    }
    let text = tokenizer.decode_with_specials(&ids);
    Ok(json!({"prompt": text, "content": text}))
}
