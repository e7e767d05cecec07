//! Tool calls and formats, held to even by a model that learned nothing.

use super::*;

fn weather() -> Value {
    let parameters = json!({"type": "object", "properties": {
        "city": {"type": "string", "maxLength": 8},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
    }, "required": ["city", "days"], "additionalProperties": false});
    json!([
        {"type": "function", "function": {"name": "get_weather", "description": "날씨", "parameters": parameters, "strict": true}},
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}, "additionalProperties": false}}},
    ])
}

#[tokio::test]
async fn calls_satisfy_their_schemas_even_of_a_model_that_learned_nothing() {
    let app = app();
    for seed in 0..6 {
        for choice in [
            json!("required"),
            json!({"type": "function", "function": {"name": "get_weather"}}),
        ] {
            let body = conversation(
                json!({"tools": weather(), "tool_choice": choice, "parallel_tool_calls": false, "max_tokens": 300, "seed": seed}),
            );
            let whole = ask(&app, CHAT, body.clone()).await;
            let made = &whole["choices"][0];
            assert_eq!(made["finish_reason"], "tool_calls", "{whole}");
            assert_eq!(made["message"]["content"], Value::Null);
            let call = &made["message"]["tool_calls"][0];
            let arguments: Value =
                serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
            if call["function"]["name"] == "get_weather" {
                assert!(arguments["city"].as_str().unwrap().chars().count() <= 8);
                assert!((1..=7).contains(&arguments["days"].as_i64().unwrap()));
            } else {
                assert_eq!(arguments, json!({}));
            }
            // Streamed, the pieces of the arguments join to the same JSON.
            let mut streamed = body;
            streamed["stream"] = json!(true);
            let events = post(&app, CHAT, streamed.to_string()).await.events();
            let deltas: Vec<&Value> = events
                .iter()
                .filter_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0))
                .collect();
            assert_eq!(deltas[0]["function"]["name"], call["function"]["name"]);
            // Mistral's templates take no other names than these.
            let ids = [&call["id"], &deltas[0]["id"]].map(|id| id.as_str().unwrap());
            assert!(ids.iter().all(|id| id.len() == 9), "{ids:?}");
            assert!(
                ids.concat()
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric())
            );
            assert_ne!(ids[0], ids[1]);
            let joined: String = deltas
                .iter()
                .map(|delta| delta["function"]["arguments"].as_str().unwrap())
                .collect();
            assert_eq!(joined, call["function"]["arguments"].as_str().unwrap());
        }
    }
}

#[tokio::test]
async fn with_auto_words_are_words() {
    let app = app();
    let whole = ask(&app, CHAT, conversation(json!({"tools": weather()}))).await;
    assert!(whole["choices"][0]["message"]["content"].is_string());
    // A conversation that called before is rendered and goes on.
    let messages = json!([
        {"role": "user", "content": "날씨?"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"서울\", \"days\": 1}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "맑음"},
    ]);
    ask(
        &app,
        CHAT,
        conversation(json!({"messages": messages, "tools": weather()})),
    )
    .await;
    ask(
        &app,
        CHAT,
        conversation(json!({"messages": messages, "tools": weather(), "tool_choice": "none"})),
    )
    .await;
}

#[tokio::test]
async fn formats_are_held_to() {
    let app = app();
    let schema = json!({"type": "object", "properties": {"답": {"type": "string", "maxLength": 5}, "n": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["답", "n"], "additionalProperties": false});
    for seed in 0..4 {
        let format = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}});
        let whole = ask(&app, CHAT, conversation(json!({"response_format": format, "max_tokens": 200, "seed": seed, "temperature": 1.5}))).await;
        let words = whole["choices"][0]["message"]["content"].as_str().unwrap();
        let made: Value =
            serde_json::from_str(words).unwrap_or_else(|error| panic!("{error}: {whole}"));
        assert!(
            made["답"].as_str().unwrap().chars().count() <= 5
                && (0..=9).contains(&made["n"].as_i64().unwrap())
        );
        let regex = json!({"type": "regex", "regex": "(예|아니오)[.!]"});
        let whole = ask(
            &app,
            CHAT,
            conversation(json!({"response_format": regex, "seed": seed})),
        )
        .await;
        assert!(
            ["예.", "예!", "아니오.", "아니오!"]
                .contains(&whole["choices"][0]["message"]["content"].as_str().unwrap()),
            "{whole}"
        );
    }
    for (format, sentence) in [
        (
            json!({"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}}),
            "nonsense",
        ),
        (json!({"type": "regex", "regex": "(["}), ""),
        (json!({"type": "lark", "lark": "start: missing"}), "missing"),
    ] {
        let back = post(
            &app,
            CHAT,
            conversation(json!({"response_format": format})).to_string(),
        )
        .await;
        assert_eq!(back.status, StatusCode::BAD_REQUEST);
        assert!(back.sentence().contains(sentence), "{}", back.text);
    }
    let both =
        conversation(json!({"tools": weather(), "response_format": {"type": "json_object"}}));
    let back = post(&app, CHAT, both.to_string()).await;
    assert!(
        back.sentence()
            .contains("cannot both say what the answer is"),
        "{}",
        back.text
    );
}

/// A schema with a word that the grammar does not know, and more of its own.
fn numbers(more: Value) -> Value {
    let mut schema = json!({"type": "object", "properties": {
        "n": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9},
              "minItems": 2, "maxItems": 2, "uniqueItems": true},
    }, "required": ["n"], "additionalProperties": false});
    schema
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    schema
}

#[tokio::test]
async fn only_a_strict_schema_must_be_followed_to_the_letter() {
    let app = app();
    let asked = |described: Value| {
        let format = json!({"type": "json_schema", "json_schema": described});
        conversation(json!({"response_format": format, "max_tokens": 60}))
    };
    let plain = numbers(json!({}));
    let own = numbers(json!({"x-guidance": {"coerce_one_of": true}}));
    for described in [
        json!({"name": "n", "schema": plain}),
        json!({"name": "n", "schema": plain, "strict": false}),
        json!({"name": "n", "schema": plain, "strict": null}),
        // What a schema says of itself leaves our separators alone.
        json!({"name": "n", "schema": own}),
        json!({"name": "n", "schema": numbers(json!({"x-guidance": {"lenient": true}})), "strict": true}),
    ] {
        let whole = ask(&app, CHAT, asked(described.clone())).await;
        let words = whole["choices"][0]["message"]["content"].as_str().unwrap();
        let made: Value =
            serde_json::from_str(words).unwrap_or_else(|error| panic!("{error}: {whole}"));
        let [first, second] = [0, 1].map(|at| made["n"][at].as_u64().unwrap());
        assert_eq!(
            words,
            format!("{{\"n\": [{first}, {second}]}}"),
            "{described}"
        );
    }
    for described in [
        json!({"name": "n", "schema": plain, "strict": true}),
        json!({"name": "n", "schema": own, "strict": true}),
    ] {
        let back = post(&app, CHAT, asked(described).to_string()).await;
        assert_eq!(back.status, StatusCode::BAD_REQUEST, "{}", back.text);
        assert!(back.sentence().contains("uniqueItems"), "{}", back.text);
    }
    let nonsense = numbers(json!({"x-guidance": "loosely"}));
    let back = post(&app, CHAT, asked(json!({"schema": nonsense})).to_string()).await;
    assert_eq!(back.status, StatusCode::BAD_REQUEST, "{}", back.text);
}
