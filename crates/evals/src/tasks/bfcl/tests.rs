use super::*;
use crate::tasks::mt_bench::tests::{folder, put, said, setup};
use serde_json::json;

const TRIANGLE: &str = r#"{"name": "geometry.area", "description": "넓이", "parameters": {"type": "dict", "properties": {"base": {"type": "integer"}, "height": {"type": "float"}, "unit": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}, "style": {"type": "dict", "properties": {"color": {"type": "string"}}}}, "required": ["base", "height"]}}"#;
const PLAY: &str = r#"{"name": "play", "description": "튼다", "parameters": {"type": "dict", "properties": {"artist": {"type": "string"}, "tracks": {"type": "array", "items": {"type": "dict"}}}, "required": ["artist"]}}"#;

fn row(id: &str, functions: &[&str]) -> String {
    format!(
        r#"{{"id": "{id}", "question": [[{{"role": "user", "content": "밑변 10, 높이 5인 삼각형"}}]], "function": [{}]}}"#,
        functions.join(", ")
    )
}

fn files(answer: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut add = |category: &str, functions: &[&str], truth: &str| {
        let id = format!("{category}_0");
        files.push((format!("BFCL_v4_{category}.json"), row(&id, functions)));
        if category != IRRELEVANCE {
            files.push((
                format!("possible_answer/BFCL_v4_{category}.json"),
                format!(r#"{{"id": "{id}", "ground_truth": {truth}}}"#),
            ));
        }
    };
    add("simple_python", &[TRIANGLE], answer);
    add(
        "multiple",
        &[PLAY, TRIANGLE],
        r#"[{"geometry.area": {"base": [10], "height": [5]}}]"#,
    );
    let two = r#"[{"play": {"artist": ["IU", "아이유"]}}, {"play": {"artist": ["New Jeans"]}}]"#;
    add("parallel", &[PLAY], two);
    add(
        "parallel_multiple",
        &[PLAY, TRIANGLE],
        r#"[{"play": {"artist": ["IU"], "tracks": [[{"name": ["밤편지"], "count": [1, ""]}], ""]}}, {"geometry.area": {"base": [1], "height": [2.5]}}]"#,
    );
    add(IRRELEVANCE, &[PLAY], "");
    files
}

const ANSWER: &str = r#"[{"geometry.area": {"base": [10], "height": [5], "unit": ["square cm", "cm²", ""], "tags": [["red", "Blue-green"], ""], "style": [{"color": ["red"], "width": [1, ""]}, ""]}}]"#;

fn open(files: &[(String, String)]) -> (tempfile::TempDir, Box<dyn Task>) {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let data = folder("bfcl", &files);
    let task = (KINDS[0].open)(&setup(data.path())).unwrap();
    (data, task)
}

fn calls(calls: &[(&str, Value)]) -> Answer {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(name, arguments)| json!({"id": "x", "type": "function", "function": {"name": name, "arguments": arguments.to_string()}}))
        .collect();
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    Answer::Messages(vec![serde_json::from_value(message).unwrap()])
}

/// The accuracy and note of one case.
fn scored(case: &str, answer: &Answer) -> (f64, String) {
    let (_data, task) = open(&files(ANSWER));
    let scores = put(&*task, |_| (vec![answer.clone()], vec![]));
    let at = CATEGORIES
        .iter()
        .position(|category| *category == case)
        .unwrap();
    (scores[at].values["acc"], scores[at].note.clone())
}

#[test]
fn tools_are_schemas_of_json() {
    let (_data, task) = open(&files(ANSWER));
    let asks = task.asks().unwrap();
    assert_eq!(asks.len(), 5);
    let Request::Converse { tools, .. } = &asks[0].request else {
        panic!("a conversation")
    };
    let parameters = tools[0].parameters.as_ref().unwrap();
    assert_eq!(parameters["type"], "object");
    assert_eq!(parameters["properties"]["height"]["type"], "number");
}

#[test]
fn what_is_possible_is_right() {
    for arguments in [
        json!({"base": 10, "height": 5}),
        json!({"base": 10, "height": 5.0, "unit": "Square-CM"}),
        json!({"base": 10, "height": 5, "tags": ["Red", "blue green"]}),
        json!({"base": 10, "height": 5, "tags": []}),
        json!({"base": 10, "height": 5, "style": {"color": "RED"}}),
        json!({"base": 10, "height": 5, "style": {"color": "red", "width": 1}}),
    ] {
        for name in ["geometry.area", "geometry_area"] {
            let found = scored("simple_python", &calls(&[(name, arguments.clone())]));
            assert_eq!(found, (1.0, String::new()), "{arguments}");
        }
    }
}

#[test]
fn what_is_not_possible_is_wrong_and_why_is_said() {
    for (arguments, why) in [
        (json!({"base": 10}), "height is missing"),
        (
            json!({"base": 11, "height": 5}),
            "base is 11: wanted one of [10]",
        ),
        (json!({"base": "10", "height": 5}), "wanted integer"),
        (json!({"base": 10.0, "height": 5}), "wanted integer"),
        (json!({"base": 10, "height": true}), "wanted float"),
        (
            json!({"base": 10, "height": 5, "color": "red"}),
            "color is no argument",
        ),
        (
            json!({"base": 10, "height": 5, "unit": "inch"}),
            "unit is \"inch\"",
        ),
        (
            json!({"base": 10, "height": 5, "tags": ["blue green", "red"]}),
            "tags is",
        ),
        (
            json!({"base": 10, "height": 5, "tags": [1, 2]}),
            "tags is [1,2]",
        ),
        (
            json!({"base": 10, "height": 5, "style": {"width": 1}}),
            "style is",
        ),
        (json!([10, 5]), "no JSON object"),
    ] {
        let (score, note) = scored("simple_python", &calls(&[("geometry.area", arguments)]));
        assert!(score == 0.0 && note.contains(why), "{note}");
    }
    assert!(
        scored("simple_python", &said("넓이는 25"))
            .1
            .contains("0 calls for 1")
    );
    assert_eq!(
        scored("simple_python", &Answer::Failed("full".to_owned())).1,
        "no answer: full"
    );
    let right = ("geometry.area", json!({"base": 10, "height": 5}));
    assert!(
        scored("simple_python", &calls(&[right.clone(), right]))
            .1
            .contains("2 calls for 1")
    );
}

#[test]
fn an_empty_list_is_wrong_where_the_argument_is_needed() {
    let needed = ANSWER.replace(r#"["red", "Blue-green"], """#, r#"["red", "Blue-green"]"#);
    assert_ne!(needed, ANSWER);
    let (_data, task) = open(&files(&needed));
    let call = (
        "geometry.area",
        json!({"base": 10, "height": 5, "tags": []}),
    );
    let scores = put(&*task, |_| {
        (vec![calls(std::slice::from_ref(&call))], vec![])
    });
    assert!(scores[0].note.contains("tags is []"), "{}", scores[0].note);
}

#[test]
fn nothing_is_right_of_a_type_that_is_not_known() {
    let mut files = files(ANSWER);
    let known = r#""base": {"type": "integer"}"#;
    assert!(files[0].1.contains(known));
    files[0].1 = files[0].1.replace(known, r#""base": {"type": "whole"}"#);
    let (_data, task) = open(&files);
    for base in [json!(10), json!("anything")] {
        let call = ("geometry.area", json!({"base": base, "height": 5}));
        let scores = put(&*task, |_| {
            (vec![calls(std::slice::from_ref(&call))], vec![])
        });
        assert_eq!(scores[0].values["acc"], 0.0);
        assert!(scores[0].note.contains("`whole`"), "{}", scores[0].note);
    }
}

#[test]
fn several_calls_come_in_any_order_and_none_is_right_where_none_fits() {
    let (iu, jeans) = (
        ("play", json!({"artist": "아이유"})),
        ("play", json!({"artist": "newjeans"})),
    );
    assert_eq!(
        scored("parallel", &calls(&[jeans.clone(), iu.clone()])).0,
        1.0
    );
    assert_eq!(scored("parallel", &calls(&[iu.clone(), iu.clone()])).0, 0.0);
    let area = ("geometry_area", json!({"base": 1, "height": 2.5}));
    let tracks = (
        "play",
        json!({"artist": "iu", "tracks": [{"name": "밤편지"}]}),
    );
    assert_eq!(
        scored("parallel_multiple", &calls(&[area.clone(), tracks])).0,
        1.0
    );
    let wrong = (
        "play",
        json!({"artist": "iu", "tracks": [{"name": "좋은 날"}]}),
    );
    assert_eq!(scored("parallel_multiple", &calls(&[area, wrong])).0, 0.0);
    assert_eq!(scored(IRRELEVANCE, &said("그런 기능은 없습니다.")).0, 1.0);
    let (score, note) = scored(IRRELEVANCE, &calls(&[iu]));
    assert!(score == 0.0 && note.contains("no function fits"), "{note}");
}

#[test]
fn bad_files_are_told_in_a_sentence() {
    let other = ANSWER.replace("geometry.area", "area");
    let (_data, task) = open(&files(&other));
    let error = format!("{:#}", task.asks().unwrap_err());
    assert!(
        error.contains("the answer calls area, which is none"),
        "{error}"
    );
    let mut without = files(ANSWER);
    without[1].1 = without[1].1.replace("simple_python_0", "simple_python_1");
    let (_data, task) = open(&without);
    let error = format!("{:#}", task.asks().unwrap_err());
    assert!(
        error.contains("simple_python_0 has no possible answer"),
        "{error}"
    );
}
