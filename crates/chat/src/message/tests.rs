use super::*;

fn read(json: Value) -> Result<Message, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

#[test]
fn content_is_text_in_every_form() {
    for (content, expected) in [
        (json!("안녕 👋"), "안녕 👋"),
        (
            json!([{"type": "text", "text": "하나"}, {"type": "text", "text": "둘"}]),
            "하나\n둘",
        ),
        (json!([]), ""),
    ] {
        let message = read(json!({"role": "user", "content": content})).unwrap();
        assert_eq!(message.content.as_deref(), Some(expected));
    }
    let silent = read(json!({"role": "assistant", "content": null, "refusal": null})).unwrap();
    assert_eq!((silent.content, silent.rest), (None, Map::new()));
}

#[test]
fn what_is_not_known_here_stays_with_the_message() {
    let given = json!({"role": "assistant", "content": "4", "reasoning_content": "2+2"});
    let message = read(given.clone()).unwrap();
    assert_eq!(serde_json::to_value(&message).unwrap(), given);
}

#[test]
fn calls_are_read_with_arguments_as_text_or_object() {
    for arguments in [json!("{\"city\":\"서울\"}"), json!({"city": "서울"})] {
        let call = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}});
        let message = read(json!({"role": "assistant", "tool_calls": [call]})).unwrap();
        assert_eq!(
            message.tool_calls[0].function.arguments,
            "{\"city\":\"서울\"}"
        );
    }
}

#[test]
fn errors_are_sentences() {
    for (json, sentence) in [
        (
            json!({"content": "x"}),
            "a message has no role; wanted one of system",
        ),
        (
            json!({"role": "king", "content": "x"}),
            "the role \"king\" is unknown; wanted one of system",
        ),
        (
            json!({"role": 3, "content": "x"}),
            "role is a number; wanted a string",
        ),
        (
            json!({"role": "user"}),
            "a message of the role user has no content",
        ),
        (
            json!({"role": "user", "content": 7}),
            "content is a number; wanted a string",
        ),
        (
            json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
            "a part of type \"image_url\"; this model reads text alone",
        ),
        (
            json!({"role": "user", "content": [{"type": "text"}]}),
            "no string named text",
        ),
        (
            json!({"role": "user", "content": [{"text": "x"}]}),
            "has no type",
        ),
        (
            json!({"role": "user", "content": "x", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}),
            "only an assistant calls tools",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 3}}]}),
            "arguments are a number",
        ),
        (
            json!({"role": "tool", "content": "x", "tool_call_id": 3}),
            "tool_call_id is a number",
        ),
    ] {
        let error = read(json).unwrap_err();
        assert!(
            error.contains(sentence),
            "{error:?} does not say {sentence:?}"
        );
    }
}

#[test]
fn tools_keep_what_they_were_given_as() {
    let given = json!({"type": "function", "function": {"name": "weather", "description": "날씨", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}, "strict": true}});
    let tool: Tool = serde_json::from_value(given.clone()).unwrap();
    assert!(tool.strict && tool.name == "weather" && tool.description.as_deref() == Some("날씨"));
    // The order of properties too: a template writes them as they came.
    assert_eq!(serde_json::to_string(&tool).unwrap(), given.to_string());
    assert!(given.to_string().contains("{\"z\":{},\"a\":{}}"));
}

#[test]
fn errors_in_tools_are_sentences() {
    for (json, sentence) in [
        (json!({"function": {"name": "f"}}), "a tool has no type"),
        (
            json!({"type": "retrieval"}),
            "has the type \"retrieval\"; only \"function\"",
        ),
        (json!({"type": "function"}), "no object named function"),
        (
            json!({"type": "function", "function": {}}),
            "no string named name",
        ),
        (
            json!({"type": "function", "function": {"name": "f>{}"}}),
            "names have 1 to 64",
        ),
        (
            json!({"type": "function", "function": {"name": "날씨"}}),
            "names have 1 to 64",
        ),
        (
            json!({"type": "function", "function": {"name": "f", "parameters": []}}),
            "parameters of f are an array",
        ),
        (
            json!({"type": "function", "function": {"name": "f", "description": 1}}),
            "description of f is a number",
        ),
    ] {
        let error = serde_json::from_value::<Tool>(json)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(sentence),
            "{error:?} does not say {sentence:?}"
        );
    }
}
