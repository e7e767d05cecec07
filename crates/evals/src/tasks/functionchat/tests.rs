use super::*;
use crate::tasks::mt_bench::tests::{folder, put, said, setup, votes};

const TOOL: &str = r#"{"type": "function", "function": {"name": "getTide", "description": "물때를 알려준다", "parameters": {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}}}"#;

fn singlecall() -> String {
    let row = r#"{"function_num": 1, "function_name": "getTide", "function_info": {}, "query": [{"serial_num": 1, "content": "여수항 물때 알려줘"}], "ground_truth": [{"serial_num": 1, "content": "{\"name\":\"getTide\",\"arguments\":\"{\\\"port\\\":\\\"여수항\\\"}\"}"}], "acceptable_arguments": [{"serial_num": 1, "content": "{\"port\": [\"여수\"]}"}], "tools": [{"type": "exact", "content": [TOOL]}, {"type": "4_close", "content": [TOOL]}]}"#;
    row.replace("TOOL", TOOL)
}

fn dialog() -> String {
    let row = r#"{"dialog_num": 7, "tools_count": 1, "tools": [TOOL], "turns": [
        {"turn_num": 1, "serial_num": 1, "query": [{"role": "user", "content": "물때 알려줘"}], "ground_truth": {"role": "assistant", "content": "어느 항구인가요?"}, "type_of_output": "slot", "acceptable_arguments": null},
        {"turn_num": 2, "serial_num": 2, "query": [{"role": "user", "content": "여수항 물때"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "random_id", "type": "function", "function": {"name": "getTide", "arguments": "{\"port\": \"여수항\"}"}}]}, {"role": "tool", "tool_call_id": "random_id", "name": "getTide", "content": "{\"high\": \"07:10\"}"}], "ground_truth": {"role": "assistant", "content": "만조는 7시 10분입니다."}, "type_of_output": "completion", "acceptable_arguments": null},
        {"turn_num": 3, "serial_num": 3, "query": [{"role": "user", "content": "여수항 물때"}], "ground_truth": {"role": "assistant", "content": null, "tool_calls": [{"id": "random_id", "type": "function", "function": {"name": "getTide", "arguments": "{\"port\": \"여수항\"}"}}]}, "type_of_output": "call", "acceptable_arguments": {"port": "여수"}}]}"#;
    row.replace("TOOL", TOOL).replace('\n', " ")
}

fn open(kind: usize, name: &str, text: &str) -> (tempfile::TempDir, Box<dyn Task>) {
    let data = folder("functionchat", &[(name, text)]);
    let task = (KINDS[kind].open)(&setup(data.path())).unwrap();
    (data, task)
}

fn calls(arguments: &str) -> Answer {
    let message = serde_json::json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "getTide", "arguments": arguments}}
    ]});
    Answer::Messages(vec![serde_json::from_value(message).unwrap()])
}

#[test]
fn a_call_is_scored_by_rule_and_else_by_the_judge() {
    let (_data, task) = open(0, "FunctionChat-Singlecall.jsonl", &singlecall());
    let asks = task.asks().unwrap();
    assert_eq!(asks.len(), 2);
    assert_eq!(
        (&*asks[1].id, &*asks[1].group),
        ("getTide/1/4_close", "4_close")
    );
    let Request::Converse {
        messages, tools, ..
    } = &asks[0].request
    else {
        panic!("a conversation")
    };
    assert!(
        messages[0]
            .content
            .as_deref()
            .unwrap()
            .starts_with("AI assistant로서")
    );
    assert_eq!(tools[0].name, "getTide");
    assert_eq!(
        task.judge(&asks[0], &[calls("{\"port\": \"여수\"}")]),
        [],
        "settled by rule"
    );
    let scores = put(&*task, |ask| match &*ask.group {
        "exact" => (vec![calls("{\"port\":\"여 수\"}")], vec![]),
        _ => (
            vec![calls("{\"port\":\"여수 신항\"}")],
            vec![votes(&["설명\npass\npass", "fail\nfail", "pass"])],
        ),
    });
    assert_eq!(scores[0].values["exact_match"], 1.0);
    assert_eq!(scores[0].values["pass"], 1.0);
    assert_eq!(scores[1].values["exact_match"], 0.0);
    assert_eq!(scores[1].values["pass"], 1.0, "two votes of three");
    assert!((scores[1].values["agreement"] - 1.0 / 3.0).abs() < 1e-12);
    assert!(
        scores[1]
            .note
            .contains("port is \"여수 신항\", not \"여수항\""),
        "{}",
        scores[1].note
    );
    assert_eq!(scores[1].expected, "getTide {\"port\":\"여수항\"}");
}

#[test]
fn without_a_judge_the_rule_stands_alone() {
    let (_data, task) = open(0, "FunctionChat-Singlecall.jsonl", &singlecall());
    let scores = put(&*task, |ask| match &*ask.group {
        "exact" => (vec![calls("{\"port\":\"여수\"}")], vec![]),
        _ => (
            vec![said("여수항은 아름답습니다.")],
            vec![Answer::Failed("nobody judged".to_owned())],
        ),
    });
    assert!(
        scores
            .iter()
            .all(|score| !score.values.contains_key("pass")),
        "{scores:?}"
    );
    assert_eq!(scores[1].values["decision"], 0.0);
    assert!(
        scores[1]
            .note
            .contains("no function was called; the judge failed: nobody judged"),
        "{}",
        scores[1].note
    );
}

#[test]
fn words_are_for_the_judge_with_the_rubric_of_their_kind() {
    let (_data, task) = open(1, "FunctionChat-Dialog.jsonl", &dialog());
    let asks = task.asks().unwrap();
    let groups: Vec<&str> = asks.iter().map(|ask| &*ask.group).collect();
    assert_eq!(groups, ["slot", "completion", "call"]);
    let put_to_judge = task.judge(&asks[1], &[said("만조는 07:10입니다.")]);
    let Request::Converse { messages, .. } = &put_to_judge[0] else {
        panic!("a conversation")
    };
    let words = messages[0].content.as_deref().unwrap();
    assert_eq!(messages.len(), 1);
    assert!(words.contains("paraphrased into conversational human utterance"));
    assert!(words.contains("{\"role\": \"user\", \"content\": \"여수항 물때\"}, {\"role\": \"assistant\", \"content\": null"), "{words}");
    assert!(words.contains("{\"content\": \"만조는 07:10입니다.\", \"role\": \"assistant\", \"function_call\": null, \"tool_calls\": null}"), "{words}");
    let call = task.judge(&asks[2], &[calls("{\"port\": \"목포\"}")]);
    let Request::Converse { messages, .. } = &call[0] else {
        panic!("a conversation")
    };
    let words = messages[0].content.as_deref().unwrap();
    assert!(
        words.contains("[Acceptable Arguments]:\n\"{\\\"port\\\": \\\"여수\\\"}\""),
        "{words}"
    );
    assert!(!words.contains("random_id\", \"type\": \"function\", \"function\": {\"name\": \"getTide\", \"arguments\": \"{\\\"port\\\": \\\"여수항\\\"}\"}}]}\n\n[Acceptable"));

    let scores = put(&*task, |ask| match &*ask.group {
        "slot" => (
            vec![calls("{\"port\": \"아무 데나\"}")],
            vec![said("fail\nfail")],
        ),
        "completion" => (
            vec![said("만조는 07:10입니다.")],
            vec![said("잘 모르겠습니다.")],
        ),
        _ => (vec![Answer::Failed("full".to_owned())], vec![]),
    });
    assert_eq!(
        (scores[0].values["decision"], scores[0].values["pass"]),
        (0.0, 0.0)
    );
    assert!(!scores[0].values.contains_key("exact_match"));
    assert!(!scores[1].values.contains_key("pass"), "no vote, no value");
    assert_eq!(scores[1].values["unrated"], 1.0);
    assert_eq!(scores[2].values["pass"], 0.0);
    assert_eq!(scores[2].note, "no answer: full");
}

#[test]
fn to_call_or_not_needs_no_judge() {
    let row = |number: u64, category: &str, kind: &str, truth: &str| {
        format!(
            r#"{{"serial_num": {number}, "category": "{category}", "input_messages": [{{"role": "system", "content": "s"}}, {{"role": "user", "content": "물때?"}}], "input_tools": [{TOOL}], "type_of_output": "{kind}", "ground_truth": {truth}, "acceptable_arguments": null}}"#
        )
    };
    let truth = r#"{"role": "assistant", "content": null, "tool_calls": [{"id": "x", "type": "function", "function": {"name": "getTide", "arguments": "{}"}}]}"#;
    let words = r#"{"role": "assistant", "content": "어느 항구?"}"#;
    let text = [
        row(1, "CALL", "call", truth),
        row(101, "REJECT", "relevance", words),
        row(201, "SLOT-all", "slot", words),
    ]
    .join("\n");
    let (_data, task) = open(2, "FunctionChat-CallDecision.jsonl", &text);
    let scores = put(&*task, |ask| match &*ask.group {
        "CALL" => (vec![calls("{ }")], vec![]),
        "REJECT" => (vec![said("그런 기능은 없습니다.")], vec![]),
        _ => (vec![calls("{}")], vec![]),
    });
    let decisions: Vec<f64> = scores
        .iter()
        .map(|score| score.values["decision"])
        .collect();
    assert_eq!(decisions, [1.0, 1.0, 0.0]);
    assert_eq!(scores[0].values["exact_match"], 1.0);
}

#[test]
fn bad_rows_are_told_in_a_sentence() {
    let good = singlecall();
    for (text, wanted) in [
        (good.replace("\"{\\\"name\\\"", "\"[\\\"name\\\""), "the right call of 1 is no JSON"),
        (good.replace("\"acceptable_arguments\": [{\"serial_num\": 1, \"content\": \"{\\\"port\\\": [\\\"여수\\\"]}\"}]", "\"acceptable_arguments\": []"), "0 lists of acceptable arguments"),
        (good.replace("\"type\": \"function\", \"function\"", "\"type\": \"retrieval\", \"function\""), "only \"function\" is known"),
        (good.replace("4_close", "exact"), "the case getTide/1/exact is there twice"),
        (good[..90].to_owned(), "line 1"),
    ] {
        let (_data, task) = open(0, "FunctionChat-Singlecall.jsonl", &text);
        let error = format!("{:#}", task.asks().unwrap_err());
        assert!(error.contains(wanted), "{error}");
    }
}
