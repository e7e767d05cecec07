//! The two questions in types: answer a conversation, go on with a text.

use crate::{Address, Caller, Garbled};
use anyhow::{Context as _, Result, anyhow};
use chat::{Message, Tool};
use serde_json::{Map, Value, json};

/// A conversation to be answered. `Default` is greedy and without limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// What has been said.
    pub messages: Vec<Message>,
    /// Functions that may be called.
    pub tools: Vec<Tool>,
    /// Tokens at most.
    pub limit: Option<usize>,
    /// 0: always the most likely token.
    pub temperature: f32,
    /// The share of probability that is drawn from; `None` leaves it to the server.
    pub top_p: Option<f32>,
    /// Where the draws begin, where the server can be told.
    pub seed: Option<u64>,
    /// Answers wanted; 0 means one.
    pub samples: usize,
}

/// A text to be gone on with. `Default` is greedy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    /// The text.
    pub prompt: Prompt,
    /// Strings that end the answer; they do not belong to it.
    pub stops: Vec<String>,
    /// Tokens at most.
    pub limit: Option<usize>,
    /// 0: always the most likely token.
    pub temperature: f32,
    /// The share of probability that is drawn from; `None` leaves it to the server.
    pub top_p: Option<f32>,
    /// Where the draws begin, where the server can be told.
    pub seed: Option<u64>,
    /// Answers wanted; 0 means one.
    pub samples: usize,
}

/// A text as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// As it is written.
    Text(String),
    /// In the tokens of the server's own tokenizer.
    Tokens(Vec<u32>),
}

impl Default for Prompt {
    fn default() -> Self {
        Prompt::Text(String::new())
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<T> {
    /// What was said.
    pub said: T,
    /// Why it ended: `stop`, `length`, `tool_calls`; empty where the server does not say.
    pub finish: String,
}

impl Conversation {
    /// The body of the request; also what a transcript knows it by.
    pub fn body(&self, address: &Address) -> Result<Value> {
        let mut body = Map::new();
        body.insert("model".into(), address.model.clone().into());
        body.insert("messages".into(), serde_json::to_value(&self.messages)?);
        if !self.tools.is_empty() {
            body.insert("tools".into(), serde_json::to_value(&self.tools)?);
        }
        draw(
            &mut body,
            self.limit,
            self.temperature,
            self.top_p,
            self.seed,
            self.samples,
        );
        extend(&mut body, address);
        Ok(Value::Object(body))
    }
}

impl Completion {
    /// The body of the request; also what a transcript knows it by.
    pub fn body(&self, address: &Address) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), address.model.clone().into());
        body.insert(
            "prompt".into(),
            match &self.prompt {
                Prompt::Text(text) => json!(text),
                Prompt::Tokens(ids) => json!(ids),
            },
        );
        if !self.stops.is_empty() {
            body.insert("stop".into(), json!(self.stops));
        }
        draw(
            &mut body,
            self.limit,
            self.temperature,
            self.top_p,
            self.seed,
            self.samples,
        );
        extend(&mut body, address);
        Value::Object(body)
    }
}

/// Has a conversation answered: as many choices as samples were wanted.
///
/// # Errors
/// Those of [`Caller::call`], and [`Garbled`].
pub fn chat(
    caller: &impl Caller,
    address: &Address,
    conversation: &Conversation,
) -> Result<Vec<Choice<Message>>> {
    let reply = caller.call("chat/completions", &conversation.body(address)?)?;
    choices(caller, &reply, conversation.samples, |choice| {
        let message = choice.get("message").filter(|message| !message.is_null());
        let message = message.context("a choice has no message")?;
        Ok(serde_json::from_value(message.clone())?)
    })
}

/// Has a text gone on with: as many choices as samples were wanted.
///
/// # Errors
/// Those of [`Caller::call`], and [`Garbled`].
pub fn complete(
    caller: &impl Caller,
    address: &Address,
    completion: &Completion,
) -> Result<Vec<Choice<String>>> {
    let reply = caller.call("completions", &completion.body(address))?;
    choices(caller, &reply, completion.samples, |choice| {
        let text = choice.get("text").and_then(Value::as_str);
        Ok(text.context("a choice has no text")?.to_owned())
    })
}

fn draw(
    body: &mut Map<String, Value>,
    limit: Option<usize>,
    temperature: f32,
    top_p: Option<f32>,
    seed: Option<u64>,
    samples: usize,
) {
    if let Some(limit) = limit {
        body.insert("max_tokens".into(), limit.into());
    }
    // By way of text: 0.7 as `f32` would be written 0.699999988079071.
    let short = |number: f32| {
        json!(
            number
                .to_string()
                .parse::<f64>()
                .unwrap_or(f64::from(number))
        )
    };
    body.insert("temperature".into(), short(temperature));
    if let Some(top_p) = top_p {
        body.insert("top_p".into(), short(top_p));
    }
    if let Some(seed) = seed {
        body.insert("seed".into(), seed.into());
    }
    if samples > 1 {
        body.insert("n".into(), samples.into());
    }
}

/// What the recipe adds; a limit under its newer name takes the place of ours.
fn extend(body: &mut Map<String, Value>, address: &Address) {
    if address.extra.contains_key("max_completion_tokens") {
        body.remove("max_tokens");
    }
    for (name, value) in &address.extra {
        body.insert(name.clone(), value.clone());
    }
}

fn choices<T>(
    caller: &impl Caller,
    reply: &Value,
    samples: usize,
    read: impl Fn(&Value) -> Result<T>,
) -> Result<Vec<Choice<T>>> {
    let garbled = |empty: bool, why: String| {
        let who = caller.identity();
        anyhow!(Garbled { who, empty, why })
    };
    let Some(Value::Array(found)) = reply.get("choices") else {
        return Err(garbled(false, "there are no `choices` in it".to_owned()));
    };
    let wanted = samples.max(1);
    if found.len() != wanted {
        let why = format!("wanted {wanted} choices, and found {}", found.len());
        return Err(garbled(found.is_empty(), why));
    }
    // Servers may answer out of order, and say so.
    let place = |choice: &&Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0);
    let mut found: Vec<&Value> = found.iter().collect();
    found.sort_by_key(place);
    let choices = found.into_iter().map(|choice| {
        let finish = choice.get("finish_reason").and_then(Value::as_str);
        Ok(Choice {
            said: read(choice)?,
            finish: finish.unwrap_or_default().to_owned(),
        })
    });
    let choices: Result<Vec<_>> = choices.collect();
    choices.map_err(|error| garbled(true, format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(Value);

    impl Caller for Says {
        fn call(&self, _: &str, _: &Value) -> Result<Value> {
            Ok(self.0.clone())
        }
        fn identity(&self) -> String {
            "http://여기/v1".to_owned()
        }
    }

    fn address(extra: Value) -> Address {
        let Value::Object(extra) = extra else {
            panic!("wanted an object")
        };
        Address {
            url: "http://h/v1".into(),
            model: "모형".into(),
            extra,
        }
    }

    #[test]
    fn a_body_says_what_was_meant() {
        let talk = Conversation {
            messages: vec![Message::user("안녕")],
            limit: Some(8),
            temperature: 0.7,
            top_p: Some(0.95),
            seed: Some(3),
            samples: 2,
            ..Conversation::default()
        };
        assert_eq!(
            talk.body(&address(json!({}))).expect("a body").to_string(),
            r#"{"model":"모형","messages":[{"role":"user","content":"안녕"}],"max_tokens":8,"temperature":0.7,"top_p":0.95,"seed":3,"n":2}"#
        );
        let newer = address(json!({"max_completion_tokens": 9, "temperature": 1}));
        let body = talk.body(&newer).expect("a body");
        assert_eq!(
            (&body["max_completion_tokens"], &body["temperature"]),
            (&json!(9), &json!(1))
        );
        assert!(body.get("max_tokens").is_none());
        let text = Completion {
            prompt: Prompt::Text("옛날".into()),
            stops: vec!["\n".into()],
            ..Completion::default()
        };
        assert_eq!(
            text.body(&address(json!({}))).to_string(),
            r#"{"model":"모형","prompt":"옛날","stop":["\n"],"temperature":0.0}"#
        );
    }

    #[test]
    fn choices_are_put_in_their_order() {
        let reply = json!({"choices": [
            {"index": 1, "message": {"role": "assistant", "content": "나"}, "finish_reason": "length"},
            {"index": 0, "message": {"role": "assistant", "content": "가"}, "finish_reason": null},
        ]});
        let talk = Conversation {
            samples: 2,
            ..Conversation::default()
        };
        let found = chat(&Says(reply), &address(json!({})), &talk).expect("two");
        let found: Vec<_> = found
            .iter()
            .map(|choice| (choice.said.content.as_deref(), &*choice.finish))
            .collect();
        assert_eq!(found, [(Some("가"), ""), (Some("나"), "length")]);
    }

    #[test]
    fn a_reply_that_is_none_says_why() {
        let told = |reply: Value| {
            let error = complete(&Says(reply), &address(json!({})), &Completion::default());
            format!("{:#}", error.expect_err("no reply"))
        };
        assert!(told(json!({"error": 1})).contains("no `choices`"));
        assert!(told(json!({"choices": []})).contains("wanted 1 choices, and found 0"));
        assert!(told(json!({"choices": [{"text": 3}]})).contains("has no text"));
    }

    #[test]
    fn a_reply_without_an_answer_is_told_from_one_of_another_form() {
        let empty = |reply: Value, samples: usize| {
            let talk = Conversation {
                samples,
                ..Conversation::default()
            };
            let error = chat(&Says(reply), &address(json!({})), &talk).expect_err("no reply");
            error.downcast::<Garbled>().expect("typed").empty
        };
        let one = json!({"index": 0, "message": {"role": "assistant", "content": "네"}});
        assert!(empty(json!({"choices": []}), 1));
        assert!(empty(json!({"choices": []}), 3));
        assert!(empty(
            json!({"choices": [{"finish_reason": "content_filter"}]}),
            1
        ));
        assert!(empty(
            json!({"choices": [one.clone(), {"message": null}]}),
            2
        ));
        // What every other reply of that server will be, too.
        assert!(!empty(json!({"choices": [one]}), 3));
        assert!(!empty(json!({"error": {"message": "모형이 없다"}}), 1));
    }
}
