//! Questions planted in a corpus are found, dropped or marked, and named; nothing else is.

use crate::trial::{Trial, contents};
use serde_json::{Value, json};
use std::fmt::Write as _;

const RECIPE: &str = r#"
seed = 5
[inputs]
texts = { kind = "files" }
tests = { kind = "files" }

[[step]]
name = "corpus"
stage = "ingest"
inputs = { files = "texts" }

[[step]]
name = "clean"
stage = "decontaminate"
inputs = { corpus = "corpus", benchmarks = ["tests"] }

[[step]]
name = "marked"
stage = "decontaminate"
inputs = { corpus = "corpus", benchmarks = ["tests"] }
with = { drop = false, overlap = { korean = "words", korean_length = 6 } }

[[step]]
name = "page"
stage = "report"
inputs = { curation = ["corpus", "clean", "marked"] }
"#;

const RUN: [&str; 6] = [
    "run",
    "r.toml",
    "--input",
    "texts=texts",
    "--input",
    "tests=tests",
];

const KOREAN: &str =
    "세종대왕이 집현전 학자들과 함께 한글을 만들어 널리 알린 까닭으로 가장 알맞은 것을 고르시오.";
const ENGLISH: &str = "A baker has forty two loaves and sells five of them every hour until the shop closes at noon, so how many remain?";

fn trial() -> Trial {
    let mut lines = String::new();
    let mut add = |id: String, text: String| {
        let _ = writeln!(lines, "{}", json!({ "id": id, "text": text }));
    };
    for at in 0..30 {
        add(
            format!("p{at}"),
            format!(
                "{at}번째 글은 어느 시험에도 나오지 않는다. 바람이 {at}번 불었고 새가 날아갔다."
            ),
        );
    }
    add(
        "korean".to_owned(),
        format!("기출문제 모음\n{KOREAN}\n정답은 3번."),
    );
    add(
        "english".to_owned(),
        format!("Quiz night: {}", ENGLISH.to_uppercase()),
    );
    add(
        "both".to_owned(),
        format!("{} {ENGLISH}", KOREAN.replace("고르시오", "골라 보자")),
    );
    let trial = Trial::new();
    let cells = format!("\"{KOREAN}\",가,나,다,라,3\n짧은 문제,가,나,다,라,1\n");
    trial
        .write("texts/t.jsonl", lines)
        .write("tests/kmmlu/history-test.csv", cells)
        .write(
            "tests/gsm8k/test.jsonl",
            format!("{}\n", json!({ "question": ENGLISH, "answer": "#### 22" })),
        )
        .write("tests/kmmlu/LICENSE.md", "terms")
        .write("r.toml", RECIPE);
    trial
}

fn read(trial: &Trial, step: &str) -> Value {
    let path = trial.artifact(step).join("contamination.json");
    serde_json::from_slice(&std::fs::read(path).expect("a report")).expect("JSON")
}

#[test]
fn decontaminate() {
    let trial = trial();
    trial.ok(&RUN);
    let report = read(&trial, "clean");
    assert_eq!(report["tasks"][0]["task"], "gsm8k");
    assert_eq!(report["tasks"][0]["held"], 1);
    assert_eq!(report["tasks"][1]["questions"], 2);
    assert_eq!(report["tasks"][1]["looked_for"], 1);
    assert_eq!(report["held"][1]["id"], "kmmlu/history-test.csv:1");
    assert_eq!(report["held"][1]["document"], "korean");
    assert_eq!(report["held"][1]["documents"], 2);
    assert_eq!(report["skipped"][0]["name"], "kmmlu/LICENSE.md");
    let notes: Value = serde_json::from_str(&trial.ok(&["show", "clean", "--json"])).expect("JSON");
    assert_eq!(notes["manifest"]["notes"]["documents"], 30);
    let why = trial.ok(&["why-dropped", "clean", "--id", "korean"]);
    assert!(
        why.contains("contaminated: it holds 100 % of kmmlu/history-test.csv:1 (kmmlu)"),
        "{why}"
    );

    let notes: Value =
        serde_json::from_str(&trial.ok(&["show", "marked", "--json"])).expect("JSON");
    assert_eq!(notes["manifest"]["notes"]["documents"], 33, "only marked");
    let marked = corpus::Corpus::open(&trial.artifact("marked")).expect("a corpus");
    let of = |id: &str| {
        let mut documents = marked
            .documents()
            .map(|document| document.expect("a document"));
        let document = documents
            .find(|document| document.id == id)
            .expect("it is there");
        document.metadata.get("contaminated").cloned()
    };
    assert_eq!(of("p3"), None);
    assert_eq!(
        of("both"),
        Some(json!(["gsm8k/test.jsonl:1", "kmmlu/history-test.csv:1"]))
    );

    let again = self::trial();
    again.ok(&[&RUN[..], &["--threads", "7"]].concat());
    for step in ["clean", "marked"] {
        assert!(
            contents(&again.artifact(step)) == contents(&trial.artifact(step)),
            "7 threads make another {step}"
        );
    }
    let broken = self::trial();
    let falls = broken.fall(&RUN, |n| 5 + 11 * n, 60);
    assert!(falls >= 3, "only {falls} aborts");
    assert!(contents(&broken.artifact("clean")) == contents(&trial.artifact("clean")));
}

#[test]
fn questions_that_cannot_be_read_stop_it() {
    let trial = trial();
    trial.write("tests/gsm8k/test.jsonl", "{\"question\": ");
    let complaint = trial.fails(&RUN);
    assert!(
        complaint.contains("test.jsonl cannot be read"),
        "{complaint}"
    );
    assert!(complaint.contains("line 1: no JSON"), "{complaint}");
    trial.write(
        "r.toml",
        RECIPE
            .replace("drop = false", "overlap = { share = 2.0 }, drop = false")
            .replace(", overlap = { korean = \"words\", korean_length = 6 }", ""),
    );
    let complaint = trial.fails(&RUN);
    assert!(complaint.contains("share = 2"), "{complaint}");
}
