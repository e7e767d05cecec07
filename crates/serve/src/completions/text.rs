//! The continuations that come back, whole or in pieces.

use crate::app::App;
use crate::choices::{Shape, reason};
use crate::likelihoods::Columns;
use generate::{Generation, Token};
use serde_json::{Value, json};

/// A prompt that is part of the answer.
pub(crate) struct Echo {
    pub(crate) text: String,
    pub(crate) ids: Vec<u32>,
}

/// All choices of one request.
pub(crate) struct Answer {
    app: App,
    id: String,
    created: i64,
    stream: bool,
    log_probabilities: bool,
    choices: Vec<Choice>,
}

struct Choice {
    echo: Option<Echo>,
    text: String,
    tokens: Vec<Token>,
    columns: Columns,
    logprobs: Value,
    finish: &'static str,
}

impl Answer {
    pub(crate) fn new(
        app: App,
        stream: bool,
        log_probabilities: bool,
        echoes: Vec<Option<Echo>>,
    ) -> Self {
        let choice = |echo| Choice {
            echo,
            text: String::new(),
            tokens: Vec::new(),
            columns: Columns::default(),
            logprobs: Value::Null,
            finish: "stop",
        };
        Answer {
            id: app.inner.name("cmpl-"),
            created: crate::clock::created(),
            stream,
            log_probabilities,
            choices: echoes.into_iter().map(choice).collect(),
            app,
        }
    }

    fn frame(&self, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.app.inner.settings.name,
            "choices": choices,
        })
    }

    fn chunk(&mut self, index: usize, text: &str, finish: Option<&str>) -> Value {
        let choice = &mut self.choices[index];
        let logprobs = match self.log_probabilities {
            true => choice.columns.drain(),
            false => Value::Null,
        };
        self.frame(
            json!([{"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}]),
        )
    }
}

impl Shape for Answer {
    fn open(&mut self) -> Vec<Value> {
        let echoes: Vec<(usize, String)> = self
            .choices
            .iter_mut()
            .enumerate()
            .filter_map(|(index, choice)| Some((index, choice.echo.take()?.text)))
            .collect();
        echoes
            .into_iter()
            .map(|(index, text)| self.chunk(index, &text, None))
            .collect()
    }

    fn piece(&mut self, index: usize, text: &str, tokens: &[Token]) -> Vec<Value> {
        let choice = &mut self.choices[index];
        if self.stream {
            if self.log_probabilities {
                for token in tokens {
                    choice
                        .columns
                        .push(&self.app.inner.model.tokenizer, token.id, Some(token));
                }
            }
            if text.is_empty() {
                return Vec::new();
            }
            return vec![self.chunk(index, text, None)];
        }
        choice.text.push_str(text);
        if self.log_probabilities {
            choice.tokens.extend_from_slice(tokens);
        }
        Vec::new()
    }

    fn end(&mut self, index: usize, generation: &Generation) -> Vec<Value> {
        let tokenizer = &self.app.inner.model.tokenizer;
        let choice = &mut self.choices[index];
        choice.finish = reason(generation).unwrap_or("error");
        if self.stream {
            let finish = choice.finish;
            return vec![self.chunk(index, "", Some(finish))];
        }
        if self.log_probabilities {
            if let Some(echo) = &choice.echo {
                for (at, id) in echo.ids.iter().enumerate() {
                    let judged = generation.prompt_tokens.get(at).and_then(Option::as_ref);
                    choice.columns.push(tokenizer, *id, judged);
                }
            }
            for token in std::mem::take(&mut choice.tokens) {
                choice.columns.push(tokenizer, token.id, Some(&token));
            }
            choice.logprobs = choice.columns.drain();
        }
        if let Some(echo) = choice.echo.take() {
            choice.text.insert_str(0, &echo.text);
        }
        Vec::new()
    }

    fn usage(&self, usage: Value) -> Value {
        let mut chunk = self.frame(json!([]));
        chunk["usage"] = usage;
        chunk
    }

    fn whole(&mut self, usage: Value) -> Value {
        let choices: Vec<Value> = std::mem::take(&mut self.choices)
            .into_iter()
            .enumerate()
            .map(|(index, choice)| json!({"index": index, "text": choice.text, "logprobs": choice.logprobs, "finish_reason": choice.finish}))
            .collect();
        let mut whole = self.frame(json!(choices));
        whole["usage"] = usage;
        whole
    }
}
