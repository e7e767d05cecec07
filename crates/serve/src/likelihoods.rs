//! Log-probabilities as the two interfaces write them.
//!
//! A token that is no whole text is written `bytes:\xea\xb0`, as OpenAI does, so that the names of
//! different tokens differ. −∞ is no number of JSON: −9999 stands for it.

use generate::Token;
use serde_json::{Map, Value, json};
use tokenizer::{Tokenizer, Utf8Stream};

/// The name of a token for people.
pub(crate) fn shown(tokenizer: &Tokenizer, id: u32) -> String {
    let bytes = tokenizer.bytes_of(id);
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let escaped: String = error
            .as_bytes()
            .iter()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        format!("bytes:{escaped}")
    })
}

fn finite(log_probability: f32) -> f32 {
    log_probability.max(-9999.0)
}

/// An entry of `logprobs.content` of a chat.
pub(crate) fn entry(tokenizer: &Tokenizer, token: &Token) -> Value {
    let one = |id: u32, log_probability: f32| {
        json!({
            "token": shown(tokenizer, id),
            "logprob": finite(log_probability),
            "bytes": tokenizer.bytes_of(id),
        })
    };
    let mut entry = one(token.id, token.log_probability);
    entry["top_logprobs"] = token
        .top
        .iter()
        .map(|(id, value)| one(*id, *value))
        .collect();
    entry
}

/// `logprobs` of a completion, as they gather.
#[derive(Default)]
pub(crate) struct Columns {
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f32>>,
    top_logprobs: Vec<Value>,
    text_offset: Vec<usize>,
    characters: Utf8Stream,
    offset: usize,
}

impl Columns {
    /// The next token; of the first of a text nothing is known but what it is.
    pub(crate) fn push(&mut self, tokenizer: &Tokenizer, id: u32, judged: Option<&Token>) {
        self.tokens.push(shown(tokenizer, id));
        self.text_offset.push(self.offset);
        let bytes = match tokenizer.is_special(id) {
            true => Vec::new(),
            false => tokenizer.bytes_of(id),
        };
        self.offset += self.characters.push(&bytes).chars().count();
        self.token_logprobs
            .push(judged.map(|token| finite(token.log_probability)));
        self.top_logprobs.push(judged.map_or(Value::Null, |token| {
            let named = token
                .top
                .iter()
                .map(|(id, value)| (shown(tokenizer, *id), json!(finite(*value))));
            Value::Object(named.collect::<Map<_, _>>())
        }));
    }

    /// What has gathered since the last time.
    pub(crate) fn drain(&mut self) -> Value {
        json!({
            "tokens": std::mem::take(&mut self.tokens),
            "token_logprobs": std::mem::take(&mut self.token_logprobs),
            "top_logprobs": std::mem::take(&mut self.top_logprobs),
            "text_offset": std::mem::take(&mut self.text_offset),
        })
    }
}
