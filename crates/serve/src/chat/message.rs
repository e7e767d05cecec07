//! The message that comes back: words and tool calls, whole or as deltas.

use crate::app::App;
use crate::choices::{Shape, reason};
use crate::likelihoods::entry;
use ::chat::tools::{Parser, Piece};
use generate::{Generation, Token};
use serde_json::{Map, Value, json};

/// All choices of one request.
pub(crate) struct Answer {
    app: App,
    id: String,
    created: i64,
    stream: bool,
    log_probabilities: bool,
    /// Tokens that end a message, and are none of its words.
    ends: Vec<u32>,
    choices: Vec<Choice>,
}

#[derive(Default)]
struct Choice {
    parser: Option<Parser>,
    words: String,
    calls: Vec<Call>,
    /// Log-probabilities that have not been sent.
    entries: Vec<Value>,
    finish: &'static str,
}

struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Answer {
    pub(crate) fn new(
        app: App,
        n: usize,
        stream: bool,
        log_probabilities: bool,
        parser: Option<Parser>,
        ends: Vec<u32>,
    ) -> Self {
        let choice = || Choice {
            parser: parser.clone(),
            ..Choice::default()
        };
        Answer {
            id: app.inner.name("chatcmpl-"),
            created: crate::clock::created(),
            stream,
            log_probabilities,
            ends,
            choices: (0..n).map(|_| choice()).collect(),
            app,
        }
    }

    fn frame(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.app.inner.settings.name,
            "choices": choices,
        })
    }

    fn chunk(&mut self, index: usize, delta: Value, finish: Option<&str>) -> Value {
        let mut choice = json!({"index": index, "delta": delta, "finish_reason": finish});
        if self.log_probabilities {
            let entries = std::mem::take(&mut self.choices[index].entries);
            choice["logprobs"] = json!({"content": entries});
        }
        self.frame("chat.completion.chunk", json!([choice]))
    }

    /// Keeps what is new and makes a chunk of it.
    fn tell(&mut self, index: usize, piece: Piece) -> Option<Value> {
        let choice = &mut self.choices[index];
        let delta = match piece {
            Piece::Text(text) => {
                if self.stream {
                    json!({"content": text})
                } else {
                    choice.words.push_str(&text);
                    return None;
                }
            }
            Piece::Call { index: call, name } => {
                let id = self.app.inner.call();
                let function = json!({"name": name, "arguments": ""});
                let delta = json!({"tool_calls": [{"index": call, "id": id, "type": "function", "function": function}]});
                choice.calls.push(Call {
                    id,
                    name,
                    arguments: String::new(),
                });
                delta
            }
            Piece::Arguments { index: call, json } => {
                let delta =
                    json!({"tool_calls": [{"index": call, "function": {"arguments": json}}]});
                choice.calls[call].arguments.push_str(&json);
                delta
            }
        };
        self.stream.then(|| self.chunk(index, delta, None))
    }

    fn tell_all(&mut self, index: usize, pieces: Vec<Piece>) -> Vec<Value> {
        pieces
            .into_iter()
            .filter_map(|piece| self.tell(index, piece))
            .collect()
    }
}

impl Shape for Answer {
    fn open(&mut self) -> Vec<Value> {
        let begin = json!({"role": "assistant", "content": ""});
        let all = 0..self.choices.len();
        all.map(|index| self.chunk(index, begin.clone(), None))
            .collect()
    }

    fn piece(&mut self, index: usize, text: &str, tokens: &[Token]) -> Vec<Value> {
        let choice = &mut self.choices[index];
        if self.log_probabilities {
            let words = tokens.iter().filter(|token| !self.ends.contains(&token.id));
            choice
                .entries
                .extend(words.map(|token| entry(&self.app.inner.model.tokenizer, token)));
        }
        let pieces = match &mut choice.parser {
            Some(parser) => parser.push(text),
            None if text.is_empty() => Vec::new(),
            None => vec![Piece::Text(text.to_owned())],
        };
        self.tell_all(index, pieces)
    }

    fn end(&mut self, index: usize, generation: &Generation) -> Vec<Value> {
        let rest = self.choices[index]
            .parser
            .as_mut()
            .map(Parser::finish)
            .unwrap_or_default();
        let mut chunks = self.tell_all(index, rest);
        let choice = &mut self.choices[index];
        // A call that was cut off, by a limit or by a stop text, is not one: whoever takes the whole
        // answer gets its words.
        choice.cut();
        let called = !choice.calls.is_empty();
        choice.finish = match reason(generation).unwrap_or("error") {
            "stop" if called => "tool_calls",
            finish => finish,
        };
        let finish = choice.finish;
        if self.stream {
            chunks.push(self.chunk(index, json!({}), Some(finish)));
        }
        chunks
    }

    fn usage(&self, usage: Value) -> Value {
        let mut chunk = self.frame("chat.completion.chunk", json!([]));
        chunk["usage"] = usage;
        chunk
    }

    fn whole(&mut self, usage: Value) -> Value {
        let log_probabilities = self.log_probabilities;
        let choices: Vec<Value> = std::mem::take(&mut self.choices)
            .into_iter()
            .enumerate()
            .map(|(index, choice)| choice.json(index, log_probabilities))
            .collect();
        let mut whole = self.frame("chat.completion", json!(choices));
        whole["usage"] = usage;
        whole
    }
}

impl Choice {
    /// Takes back a last call whose arguments never ended.
    fn cut(&mut self) {
        let unfinished = |call: &mut Call| {
            serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_err()
        };
        if let Some(call) = self.calls.pop_if(unfinished) {
            self.words.push_str(&call.arguments);
        }
    }

    fn json(self, index: usize, log_probabilities: bool) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        let content = match self.calls.is_empty() || !self.words.is_empty() {
            true => Value::String(self.words),
            false => Value::Null,
        };
        message.insert("content".to_owned(), content);
        message.insert("refusal".to_owned(), Value::Null);
        if !self.calls.is_empty() {
            let calls = self.calls.into_iter().map(|call| {
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                })
            });
            message.insert("tool_calls".to_owned(), calls.collect());
        }
        let content = log_probabilities.then(|| json!({"content": self.entries}));
        json!({"index": index, "message": message, "logprobs": content, "finish_reason": self.finish})
    }
}
