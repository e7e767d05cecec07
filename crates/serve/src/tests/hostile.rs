//! Requests that make no sense, are enormous or mean harm: each gets a sentence.

use super::*;
use crate::refusal::Refusal;

async fn refused(app: &App, path: &str, body: Value, status: u16, sentence: &str) {
    let back = post(app, path, body.to_string()).await;
    assert_eq!(back.status.as_u16(), status, "{body}: {}", back.text);
    assert!(
        back.sentence().contains(sentence),
        "{body}: {} does not say {sentence:?}",
        back.text
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let app = app();
    for (more, status, sentence) in [
        (
            json!({"model": "gpt-4o"}),
            404,
            "the model \"gpt-4o\" does not exist here; \"tiny\" is served",
        ),
        (
            json!({"temprature": 1}),
            400,
            "nothing here is called \"temprature\"",
        ),
        (
            json!({"temperature": 2.5}),
            400,
            "temperature is 2.5; wanted a number from 0 to 2",
        ),
        (json!({"temperature": "hot"}), 400, "temperature is \"hot\""),
        (
            json!({"max_tokens": -5}),
            400,
            "max_tokens is -5; wanted a whole number of at least 1",
        ),
        (json!({"max_tokens": 1.5}), 400, "max_tokens is 1.5"),
        (json!({"n": 0}), 400, "n is 0; wanted"),
        (
            json!({"n": 100_000_000_000u64}),
            400,
            "too many answers for one request",
        ),
        (json!({"seed": 1e30}), 400, "seed is 1e"),
        (json!({"top_p": -0.1}), 400, "top_p is -0.1"),
        (json!({"presence_penalty": 3}), 400, "presence_penalty is 3"),
        (
            json!({"logit_bias": {"x": 1}}),
            400,
            "logit_bias says 1 for \"x\"",
        ),
        (
            json!({"logit_bias": {"5": 1000}}),
            400,
            "logit_bias says 1000 for \"5\"",
        ),
        (json!({"logit_bias": {"99999999": 1}}), 400, "99999999"),
        (json!({"stop": [""]}), 400, "empty"),
        (json!({"stop": [1]}), 400, "stop is neither"),
        (json!({"top_logprobs": 3}), 400, "needs logprobs to be true"),
        (
            json!({"logprobs": true, "top_logprobs": 21}),
            400,
            "at most 20",
        ),
        (
            json!({"stream_options": {"include_usage": true}}),
            400,
            "without stream means nothing",
        ),
        (json!({"messages": []}), 400, "messages are empty"),
        (json!({"messages": "hi"}), 400, "messages"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            400,
            "this model reads text alone",
        ),
        (
            json!({"messages": [{"role": "boss", "content": "x"}]}),
            400,
            "the role \"boss\" is unknown",
        ),
        (
            json!({"messages": [{"role": "user", "content": "가".repeat(2000)}]}),
            400,
            "at most 1024 fit here",
        ),
        (
            json!({"response_format": {"type": "xml"}}),
            400,
            "no type that is known",
        ),
        (json!({"functions": []}), 400, "older interface; use tools"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "a b"}}]}),
            400,
            "names have 1 to 64",
        ),
        (
            json!({"tool_choice": "required"}),
            400,
            "no tool to choose from",
        ),
        (
            json!({"tool_choice": "sometimes"}),
            400,
            "tool_choice is none of",
        ),
        (
            json!({"chat_template_kwargs": 5}),
            400,
            "chat_template_kwargs is 5",
        ),
    ] {
        refused(&app, CHAT, conversation(more), status, sentence).await;
    }
    for (body, sentence) in [
        (json!({}), "prompt is missing"),
        (json!({"prompt": []}), "prompt is an empty array"),
        (json!({"prompt": [1, "a"]}), "prompt is none of"),
        (json!({"prompt": [-1]}), "prompt is none of"),
        (
            json!({"prompt": [4_000_000_000u32]}),
            "token id 4000000000 does not exist",
        ),
        (json!({"prompt": {"a": 1}}), "prompt is none of"),
        (
            json!({"prompt": "x", "suffix": "y"}),
            "suffix is not possible",
        ),
        (
            json!({"prompt": "x", "best_of": 4}),
            "best_of is 4 and n is 1",
        ),
        (
            json!({"prompt": "x", "logprobs": 99}),
            "logprobs is 99; wanted a whole number from 0 to 20",
        ),
        (
            json!({"prompt": "x", "echo": true, "logprobs": 1, "stream": true}),
            "does not stream",
        ),
        (
            json!({"prompt": vec!["x"; 1000]}),
            "too many answers for one request",
        ),
    ] {
        refused(&app, TEXT, body, 400, sentence).await;
    }
    refused(
        &app,
        "/tokenize",
        json!({}),
        400,
        "wanted a text named prompt, or messages",
    )
    .await;
    refused(
        &app,
        "/detokenize",
        json!({"tokens": [999_999]}),
        400,
        "does not exist",
    )
    .await;
    // And after all of that it still answers.
    ask(&app, CHAT, conversation(json!({}))).await;
}

#[tokio::test]
async fn wrong_json_is_refused_and_wrong_places_are_named() {
    let app = app();
    for body in [
        "",
        "{",
        "nonsense",
        "{\"messages\": [}",
        "[]",
        "\"x\"",
        "{\"a\":1}{\"b\":2}",
    ] {
        let back = post(&app, CHAT, body).await;
        assert_eq!(back.status, StatusCode::BAD_REQUEST);
        assert!(back.sentence().contains("JSON"), "{}", back.text);
        assert_eq!(back.json()["error"]["type"], "invalid_request_error");
    }
    let back = post(&app, CHAT, "[".repeat(1 << 20)).await;
    assert_eq!(back.status, StatusCode::BAD_REQUEST);
    assert!(
        get(&app, "/v1/engines")
            .await
            .sentence()
            .contains("there is no GET /v1/engines")
    );
    let back = get(&app, CHAT).await;
    assert_eq!(back.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(back.sentence().contains("does not answer to GET"));
}

#[tokio::test]
async fn enormous_wishes_are_cut_to_what_there_is() {
    let app = app();
    for huge in [json!(u64::MAX), json!(1e300), json!(1_000_000_000_000u64)] {
        let whole = ask(&app, CHAT, conversation(json!({"max_tokens": huge}))).await;
        let used = whole["usage"]["total_tokens"].as_u64().unwrap();
        assert!(used <= 1025, "{used} tokens in a context of 1024");
    }
}

#[tokio::test]
async fn ten_megabytes_are_refused_by_size() {
    let app = app();
    let body = conversation(
        json!({"messages": [{"role": "user", "content": "가".repeat(10_000_000 / 3)}]}),
    );
    refused(&app, CHAT, body, 413, "larger than 4194304 bytes").await;
    // What is below the limit of bytes is still below the context, or told so.
    let body =
        conversation(json!({"messages": [{"role": "user", "content": "가".repeat(1_000_000)}]}));
    refused(&app, CHAT, body, 400, "at most 1024 fit here").await;
}

/// Twenty kilobytes that once were more than a thread's stack could hold.
#[tokio::test]
async fn a_format_of_many_levels_does_not_end_the_server() {
    let app = app();
    let (open, close) = ("not(".repeat(6000), ")".repeat(6000));
    let lark = format!("start: \"감귤\" %if {open}true{close}");
    let format = json!({"response_format": {"type": "lark", "lark": lark}});
    refused(&app, CHAT, conversation(format), 400, "nested 6000 deep").await;
    let last = 1500;
    let mut definitions: serde_json::Map<String, Value> = (0..last)
        .map(|i| {
            let next = format!("#/$defs/a{}", i + 1);
            (format!("a{i}"), json!({"$ref": next}))
        })
        .collect();
    definitions.insert(format!("a{last}"), json!({"const": "감귤"}));
    let schema = json!({"$ref": "#/$defs/a0", "$defs": definitions});
    let format = json!({"type": "json_schema", "json_schema": {"name": "deep", "schema": schema}});
    let whole = ask(&app, CHAT, conversation(json!({"response_format": format}))).await;
    assert_eq!(whole["choices"][0]["message"]["content"], "\"감귤\"");
    let parameters = json!({"type": "object", "properties": {"말": {"$ref": "#/$defs/a0"}},
        "required": ["말"], "additionalProperties": false, "$defs": definitions});
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": parameters}});
    let body = json!({"tools": [tool], "tool_choice": "required", "parallel_tool_calls": false, "max_tokens": 60});
    // A template that shows no tools: these are longer than the context.
    let app = App::new(engine(1024), Template::usual(|_| false), settings()).unwrap();
    let whole = ask(&app, CHAT, conversation(body)).await;
    let call = &whole["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(
        call["function"]["arguments"], "{\"말\": \"감귤\"}",
        "{whole}"
    );
}

/// Threads with large stacks: however many come at once, few are there at once, and nobody else waits for them.
#[tokio::test]
async fn formats_are_compiled_a_few_at_a_time() {
    let app = app();
    let places = &app.inner.model.compiling;
    let all = u32::try_from(places.available_permits()).unwrap();
    let taken = places.acquire_many(all).await.unwrap();
    let format = json!({"response_format": {"type": "regex", "regex": "감귤"}});
    let mut waiting = std::pin::pin!(ask(&app, CHAT, conversation(format)));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(early.is_err(), "it did not wait for its place");
    ask(&app, CHAT, conversation(json!({}))).await;
    drop(taken);
    let whole = waiting.await;
    assert_eq!(whole["choices"][0]["message"]["content"], "감귤");
    assert_eq!(places.available_permits(), all as usize);
}

#[test]
fn a_format_that_finds_no_thread_is_not_the_fault_of_who_asked() {
    let missing = std::io::Error::from(std::io::ErrorKind::WouldBlock);
    let missing = anyhow::Error::new(missing).context("the thread could not be started");
    let refusal = Refusal::uncompiled(&missing);
    assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.json()["error"]["type"], "server_error");
    let refusal = Refusal::uncompiled(&anyhow::anyhow!("the grammar was refused: 감귤"));
    assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
}

/// What clients shorten a conversation by comes whenever it does not fit, be it the decoder or the cache.
#[tokio::test]
async fn a_small_cache_is_the_context_that_is_told() {
    let engine = engine_with(1024, 64 << 10);
    let room = engine.context();
    assert!((64..1024).contains(&room), "{room}");
    let app = App::new(engine, Template::usual(|_| false), settings()).unwrap();
    let models = get(&app, "/v1/models").await.json();
    assert_eq!(models["data"][0]["max_model_len"], room);
    let ids = ask(&app, "/tokenize", json!({"prompt": "감귤"})).await;
    assert_eq!(ids["max_model_len"], room);
    // More than the cache holds, and less than the decoder.
    let prompt = vec![7; room + 1];
    let back = post(&app, TEXT, json!({"prompt": prompt}).to_string()).await;
    assert_eq!(back.status, StatusCode::BAD_REQUEST);
    let error = &back.json()["error"];
    assert_eq!(error["code"], "context_length_exceeded", "{error}");
    assert_eq!(error["param"], "prompt");
    let sentence = format!(
        "the prompt has {} tokens, and at most {room} fit here; shorten it",
        room + 1
    );
    assert_eq!(error["message"], sentence);
    let whole = ask(
        &app,
        TEXT,
        json!({"prompt": vec![7; room], "max_tokens": 9}),
    )
    .await;
    assert_eq!(whole["usage"]["completion_tokens"], 1);
}

#[tokio::test]
async fn a_template_that_never_ends_is_a_sentence() {
    let template = "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}";
    let template = Template::new(template, serde_json::Map::new()).unwrap();
    let app = App::new(engine(64), template, settings()).unwrap();
    refused(
        &app,
        CHAT,
        conversation(json!({})),
        400,
        "the chat template calls itself without end",
    )
    .await;
    ask(&app, TEXT, json!({"prompt": "x", "max_tokens": 2})).await;
}

#[tokio::test]
async fn fields_without_meaning_and_nulls_are_accepted() {
    let app = app();
    ask(&app, CHAT, conversation(json!({"user": "u", "store": false, "metadata": {}, "service_tier": "auto", "stop": null, "tools": null, "functions": null}))).await;
}
