//! What is answered: whole and in pieces, with all that was asked for.

use super::*;

#[tokio::test]
async fn a_conversation_is_answered_in_openais_shape() {
    let app = app();
    let whole = ask(&app, CHAT, conversation(json!({}))).await;
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["model"], "tiny");
    assert!(whole["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let choice = &whole["choices"][0];
    assert_eq!(choice["index"], 0);
    assert_eq!(choice["message"]["role"], "assistant");
    assert!(choice["message"].get("tool_calls").is_none());
    assert_eq!(choice["logprobs"], Value::Null);
    let usage = &whole["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(
        count("total_tokens"),
        count("prompt_tokens") + count("completion_tokens")
    );
    assert!(count("completion_tokens") <= 12);
    match choice["finish_reason"].as_str() {
        Some("length") => assert_eq!(count("completion_tokens"), 12),
        finish => assert_eq!(finish, Some("stop")),
    }
    // The same seed, the same words; another seed, others.
    let words = |whole: &Value| {
        whole["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        words(&ask(&app, CHAT, conversation(json!({}))).await),
        words(&whole)
    );
    assert_ne!(
        words(&ask(&app, CHAT, conversation(json!({"seed": 6}))).await),
        words(&whole)
    );
}

#[tokio::test]
async fn a_stream_joined_is_the_whole() {
    let app = app();
    let whole = ask(&app, CHAT, conversation(json!({"max_tokens": 40}))).await;
    let body = conversation(
        json!({"max_tokens": 40, "stream": true, "stream_options": {"include_usage": true}}),
    );
    let back = post(&app, CHAT, body.to_string()).await;
    assert!(
        back.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let events = back.events();
    assert_eq!(
        events[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    let joined: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(joined, whole["choices"][0]["message"]["content"]);
    assert!(!joined.is_empty());
    let usage = events.last().unwrap();
    assert_eq!(
        (&usage["choices"], &usage["usage"]["completion_tokens"]),
        (&json!([]), &whole["usage"]["completion_tokens"])
    );
    let last = &events[events.len() - 2]["choices"][0];
    assert_eq!(
        (&last["delta"], &last["finish_reason"]),
        (&json!({}), &whole["choices"][0]["finish_reason"])
    );
    let plain = post(
        &app,
        CHAT,
        conversation(json!({"stream": true})).to_string(),
    )
    .await;
    assert!(
        plain
            .events()
            .iter()
            .all(|event| event.get("usage").is_none())
    );
}

#[tokio::test]
async fn each_of_several_choices_can_be_had_alone() {
    let app = app();
    let three = ask(&app, CHAT, conversation(json!({"n": 3}))).await;
    for i in 0..3 {
        let one = ask(&app, CHAT, conversation(json!({"seed": 5 + i}))).await;
        let choice = &three["choices"][i];
        assert_eq!(choice["index"], i);
        assert_eq!(
            choice["message"]["content"],
            one["choices"][0]["message"]["content"]
        );
    }
    // Their prompt is counted once.
    let one = ask(&app, CHAT, conversation(json!({}))).await;
    assert_eq!(
        three["usage"]["prompt_tokens"],
        one["usage"]["prompt_tokens"]
    );
    let events = post(
        &app,
        CHAT,
        conversation(json!({"n": 3, "stream": true})).to_string(),
    )
    .await
    .events();
    for i in 0..3 {
        let mine = events
            .iter()
            .filter(|event| event["choices"][0]["index"] == i);
        let joined: String = mine
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(joined, three["choices"][i]["message"]["content"]);
    }
}

#[tokio::test]
async fn log_probabilities_come_with_alternatives() {
    let app = app();
    let body = conversation(
        json!({"logprobs": true, "top_logprobs": 3, "temperature": 0, "ignore_eos": true}),
    );
    let whole = ask(&app, CHAT, body.clone()).await;
    let entries = whole["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    assert_eq!(entries.len(), 12);
    for entry in entries {
        let top = entry["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        // Greedily, the likeliest is the one that was chosen.
        assert_eq!(
            (&top[0]["token"], &top[0]["logprob"]),
            (&entry["token"], &entry["logprob"])
        );
        let values: Vec<f64> = top
            .iter()
            .map(|one| one["logprob"].as_f64().unwrap())
            .collect();
        assert!(values[0] <= 0.0 && values.is_sorted_by(|a, b| a >= b));
    }
    let mut streamed = body;
    streamed["stream"] = json!(true);
    let events = post(&app, CHAT, streamed.to_string()).await.events();
    let joined: Vec<Value> = events
        .iter()
        .filter_map(|event| event["choices"][0]["logprobs"]["content"].as_array())
        .flatten()
        .cloned()
        .collect();
    assert_eq!(&joined, entries);
}

#[tokio::test]
async fn texts_are_continued_whatever_form_they_come_in() {
    let app = app();
    let text = "The bridge of";
    let more = |prompt: Value| json!({"prompt": prompt, "max_tokens": 8, "temperature": 0});
    let one = ask(&app, TEXT, more(json!(text))).await;
    assert_eq!(one["object"], "text_completion");
    let ids = ask(&app, "/tokenize", json!({"prompt": text})).await["tokens"].clone();
    for prompt in [json!([text]), ids.clone(), json!([ids])] {
        let same = ask(&app, TEXT, more(prompt)).await;
        assert_eq!(same["choices"], one["choices"]);
    }
    let two = ask(&app, TEXT, more(json!(["하늬", text]))).await;
    assert_eq!(two["choices"][1]["text"], one["choices"][0]["text"]);
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    let events = post(
        &app,
        TEXT,
        json!({"prompt": text, "max_tokens": 8, "temperature": 0, "stream": true, "echo": true})
            .to_string(),
    )
    .await
    .events();
    let joined: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["text"].as_str())
        .collect();
    assert_eq!(
        joined,
        format!("{text}{}", one["choices"][0]["text"].as_str().unwrap())
    );
}

#[tokio::test]
async fn an_echo_judges_the_prompt() {
    let app = app();
    let text = "하늬마을의 특산물";
    let asked = json!({"prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": true, "seed": 1234});
    let whole = ask(&app, TEXT, asked.clone()).await;
    let choice = &whole["choices"][0];
    assert!(choice["text"].as_str().unwrap().starts_with(text));
    let column = |name: &str| choice["logprobs"][name].as_array().unwrap().clone();
    let (tokens, values, top, offsets) = (
        column("tokens"),
        column("token_logprobs"),
        column("top_logprobs"),
        column("text_offset"),
    );
    let prompt = whole["usage"]["prompt_tokens"].as_u64().unwrap() as usize;
    assert_eq!(
        [tokens.len(), values.len(), top.len(), offsets.len()],
        [prompt + 1; 4]
    );
    assert_eq!((&values[0], &top[0]), (&Value::Null, &Value::Null));
    for at in 1..=prompt {
        let best = top[at]
            .as_object()
            .unwrap()
            .values()
            .map(|value| value.as_f64().unwrap())
            .fold(f64::MIN, f64::max);
        assert!(values[at].as_f64().unwrap() <= best);
    }
    // The token that was chosen greedily is the likeliest: the harness compares these exactly.
    assert_eq!(
        &values[prompt],
        top[prompt].as_object().unwrap().values().next().unwrap()
    );
    assert!(
        offsets
            .windows(2)
            .all(|pair| pair[0].as_u64() <= pair[1].as_u64())
    );
    // Judged alone, without a new token, it is the same.
    let mut alone = asked;
    alone["max_tokens"] = json!(0);
    let alone = ask(&app, TEXT, alone).await;
    assert_eq!(alone["choices"][0]["text"], text);
    assert_eq!(
        alone["choices"][0]["logprobs"]["token_logprobs"]
            .as_array()
            .unwrap()[..],
        values[..prompt]
    );
}

#[tokio::test]
async fn stop_strings_end_and_do_not_appear() {
    let app = app();
    let body = |stop: Value| json!({"prompt": "하늬", "max_tokens": 60, "temperature": 0, "ignore_eos": true, "stop": stop});
    let free = ask(&app, TEXT, body(json!([]))).await["choices"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    let stop: String = free.chars().skip(8).take(2).collect();
    let whole = ask(&app, TEXT, body(json!([stop]))).await;
    let text = whole["choices"][0]["text"].as_str().unwrap();
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert!(free.starts_with(text) && !text.contains(&stop));
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let app = app();
    assert_eq!(get(&app, "/health").await.json(), json!({"status": "ok"}));
    let models = get(&app, "/v1/models").await.json();
    assert_eq!(
        (
            &models["data"][0]["id"],
            &models["data"][0]["max_model_len"]
        ),
        (&json!("tiny"), &json!(1024))
    );
    assert_eq!(get(&app, "/v1/models/tiny").await.json(), models["data"][0]);
    assert!(models["data"][0].get("fingerprint").is_none());
    let known = app_with(Settings {
        fingerprint: Some(crate::Fingerprint::new(|| {
            Some("0123456789abcdef".to_owned())
        })),
        ..settings()
    });
    let models = get(&known, "/v1/models").await.json();
    assert_eq!(models["data"][0]["fingerprint"], "0123456789abcdef");
    let nowhere = app_with(Settings {
        fingerprint: Some(crate::Fingerprint::new(|| None)),
        ..settings()
    });
    let models = get(&nowhere, "/v1/models").await.json();
    assert_eq!(models["data"][0]["id"], "tiny");
    assert!(models["data"][0].get("fingerprint").is_none());
    assert_eq!(
        get(&app, "/v1/models/other").await.status,
        StatusCode::NOT_FOUND
    );
    ask(&app, CHAT, conversation(json!({}))).await;
    let metrics = get(&app, "/metrics").await.text;
    for line in [
        "kanana_http_requests_total{path=\"/v1/chat/completions\",status=\"200\"} 1",
        "kanana_http_requests_total{path=\"/v1/models/{*name}\",status=\"404\"} 1",
        "kanana_answers_running 0",
        "kanana_first_token_seconds_count 1",
        "kanana_answer_seconds_bucket{le=\"+Inf\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert!(get(&app, "/").await.text.contains("<html"));
}

#[tokio::test]
async fn tokens_go_there_and_back() {
    let app = app();
    for text in ["하늬마을 👋🏽 ㄱㄴ", "<|begin_of_text|>a<|eot_id|>", ""] {
        let ids = ask(
            &app,
            "/tokenize",
            json!({"content": text, "add_special_tokens": false, "with_pieces": true}),
        )
        .await;
        assert_eq!(ids["count"], ids["tokens"].as_array().unwrap().len());
        assert_eq!(ids["token_strs"].as_array().unwrap().len(), ids["count"]);
        let back = ask(&app, "/detokenize", json!({"tokens": ids["tokens"]})).await;
        assert_eq!(back["prompt"], text);
    }
    let chat = ask(
        &app,
        "/tokenize",
        json!({"messages": [{"role": "user", "content": "안녕"}]}),
    )
    .await;
    let text = ask(&app, "/detokenize", json!({"tokens": chat["tokens"]})).await;
    assert!(
        text["prompt"]
            .as_str()
            .unwrap()
            .ends_with("안녕<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
    );
}
