//! Documents graded by an endpoint: counted, recorded, gone on with after a kill, ended by a budget.

use crate::trial::{Trial, contents};
use remote::pretend::{Act, Asked, Pretend};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

const DOCUMENTS: usize = 40;

/// A grader whose every reply is a function of the question: lessons are 4, talk is 1, and there are
/// documents that it will not, cannot or does not at first grade.
fn grader(asked: &Asked) -> Act {
    let messages = asked.body["messages"].as_array().expect("messages");
    let question = messages[0]["content"].as_str().expect("text");
    let reminded = messages.len() > 1 || question.contains("읽을 수 없습니다");
    let korean = question.contains("교육 점수");
    match () {
        () if question.contains("너무 긴") => Act::status(400, "context length exceeded"),
        () if question.contains("빈 답") => {
            Act::Reply(json!({"usage": {"prompt_tokens": 10, "completion_tokens": 2}}))
        }
        () if question.contains("모르는") => Act::says("잘 모르겠습니다."),
        () if question.contains("넘치는") => Act::says("교육 점수: 9"),
        () if question.contains("말없는") && !reminded => Act::says(""),
        () if question.contains("수줍은") && !reminded => Act::says("좋은 글이네요."),
        () if question.contains("광합성") => Act::says("차근차근 설명한다.\n교육 점수: 4"),
        () if korean => Act::says("**교육 점수:** 1/5"),
        () => Act::says("Thin.\nEducational score: 2"),
    }
}

fn texts() -> String {
    let mut lines = String::new();
    for i in 0..DOCUMENTS {
        let text = match i {
            3 => "너무 긴 글".to_owned(),
            5 => "모르는 글".to_owned(),
            13 => "빈 답을 부르는 글".to_owned(),
            7 => "넘치는 글".to_owned(),
            9 => "말없는 글".to_owned(),
            11 => "수줍은 글".to_owned(),
            i if i % 3 == 0 => format!("광합성은 식물이 빛으로 양분을 만드는 과정이다. {i}"),
            i if i % 3 == 1 => format!("ㅋㅋㅋ 진짜 재밌다 {i}"),
            i => format!("The offer ends soon, so hurry and buy number {i}."),
        };
        let _ = writeln!(lines, "{}", json!({"id": format!("글-{i}"), "text": text}));
    }
    // The same text twice is one question.
    let _ = writeln!(
        lines,
        "{}",
        json!({"id": "twin", "text": "ㅋㅋㅋ 진짜 재밌다 1"})
    );
    lines
}

fn trial(server: &Pretend, with: &str) -> Trial {
    let trial = Trial::new();
    trial.write("texts/a.jsonl", texts());
    let recipe = format!(
        r#"
seed = 5
[inputs]
texts = {{ kind = "files" }}
[[step]]
name = "all"
stage = "ingest"
inputs = {{ files = "texts" }}
[[step]]
name = "graded"
stage = "label"
inputs = {{ corpus = "all" }}
with = {{ endpoint = {{ url = "{}", model = "모형" }}, buckets = [{{ at_least = 3, name = "edu" }}, {{ at_least = 0, name = "other" }}]{with} }}
[[step]]
name = "lessons"
stage = "mix"
inputs = {{ corpora = ["graded"] }}
with = {{ by = "documents", validation = 0.0, parts = [{{ from = "graded", where = {{ quality = "edu" }}, share = 1.0, epochs = 1.0 }}] }}
[[step]]
name = "classifier"
stage = "train-classifier"
inputs = {{ graded = ["graded"] }}
with = {{ grade = {{ field = "edu", at_least = 3 }}, train = {{ dimension = 8, buckets = 2000, epochs = 20, rate = 0.5 }}, validation = 0.0 }}
"#,
        server.url()
    );
    trial.write("r.toml", recipe);
    trial
}

const RUN: [&str; 6] = [
    "run",
    "r.toml",
    "--input",
    "texts=texts",
    "--only",
    "graded",
];

fn file(trial: &Trial, step: &str, name: &str) -> Value {
    let text = std::fs::read(trial.artifact(step).join(name)).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn label() {
    let server = Pretend::new(grader);
    let trial = trial(&server, "");
    trial.ok(&["run", "r.toml", "--input", "texts=texts"]);
    let labels = file(&trial, "graded", "labels.json");
    assert_eq!(labels["documents"], 41);
    let without = &labels["without"];
    for (reason, id) in [
        ("declined", "글-3"),
        ("no_grade", "글-5"),
        ("out_of_range", "글-7"),
        ("no_reply", "글-13"),
    ] {
        assert_eq!(without[reason]["documents"], 1, "{labels}");
        assert_eq!(without[reason]["samples"][0]["id"], id, "{labels}");
    }
    // Four were reminded; of two of them it helped.
    assert_eq!(labels["reminded"], 4);
    let korean = labels["languages"]["ko"].as_array().expect("counts");
    let counts: Vec<u64> = korean.iter().filter_map(Value::as_u64).collect();
    assert_eq!(counts[4], 12, "{labels}");
    assert_eq!(counts.iter().sum::<u64>(), 26, "{labels}");
    assert_eq!(labels["languages"]["en"][2], 11, "{labels}");
    // 41 documents, of which two are one question, and four reminders.
    assert_eq!(labels["usage"]["calls"], 44);
    assert_eq!(server.asked().len(), 44);
    let account = file(&trial, "graded", "curated.json");
    assert_eq!(account["total"]["kept"]["documents"], 37);
    assert_eq!(account["total"]["dropped"]["declined"]["documents"], 1);
    let said = trial.ok(&["why-dropped", "graded", "--reason", "no_grade"]);
    assert!(said.contains("글-5"), "{said}");
    // What others make of it.
    assert_eq!(
        file(&trial, "lessons", "index.json")["statistics"]["total"]["documents"],
        12
    );
    let notes = &file(&trial, "classifier", "manifest.json")["notes"];
    assert_eq!(notes["examples of hq"], 12, "{notes}");
}

#[test]
fn killed_it_goes_on_to_the_same_bytes() {
    let server = Pretend::new(grader);
    let whole = trial(&server, "");
    whole.ok(&RUN);
    let wanted = contents(&whole.artifact("graded"));
    let before = server.asked().len();

    let killed = trial(&server, "");
    let words = [&RUN[..], &["--parallel-calls", "2"]].concat();
    let falls = killed.fall(&words, |n| 20 + 9 * n, 60);
    assert!(falls >= 3, "only {falls} aborts");
    assert!(
        contents(&killed.artifact("graded")) == wanted,
        "after {falls} aborts the bytes differ"
    );
    let asked = server.asked().len() - before;
    assert!(
        asked <= 44 + 2 * falls,
        "{asked} calls for 44 questions and {falls} aborts"
    );
}

#[test]
fn a_budget_ends_it_and_keeps_what_came() {
    let server = Pretend::new(grader);
    let trial = trial(&server, "");
    let said = trial.fails(&[&RUN[..], &["--max-calls", "10"]].concat());
    assert!(said.contains("the budget of 10 calls is spent"), "{said}");
    assert_eq!(server.asked().len(), 10);
    let said = trial.fails(&[&RUN[..], &["--max-tokens", "240"]].concat());
    assert!(said.contains("the budget of 240 tokens is spent"), "{said}");
    trial.ok(&RUN);
    assert_eq!(server.asked().len(), 44);
}

#[test]
fn a_sample_is_drawn_and_the_rest_is_accounted_for() {
    let server = Pretend::new(grader);
    let trial = trial(&server, ", documents = 12, again = 0");
    trial.write("key", "sk-열쇠가 아님");
    let said = trial.fails(&[&RUN[..], &["--api-key-file", "key"]].concat());
    assert!(said.contains("API key") && !said.contains("sk-"), "{said}");
    trial.write("key", "sk-secret\n");
    trial.ok(&[&RUN[..], &["--api-key-file", "key"]].concat());
    let account = file(&trial, "graded", "curated.json");
    assert_eq!(account["total"]["came"]["documents"], 41);
    assert_eq!(account["total"]["dropped"]["not_drawn"]["documents"], 29);
    let asked = server.asked();
    assert!(asked.len() <= 12);
    assert!(
        asked
            .iter()
            .all(|asked| asked.authorization.as_deref() == Some("Bearer sk-secret"))
    );
    // The key is nowhere in what was made.
    for (name, bytes) in contents(&trial.artifact("graded")) {
        let found = bytes.windows(9).any(|window| window == b"sk-secret");
        assert!(!found, "{name} holds the key");
    }
}

#[test]
fn a_model_that_does_not_understand_is_noticed_early() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Pretend::new(|_| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        Act::says("Once upon a time")
    });
    let said = trial(&server, ", again = 0").fails(&RUN);
    assert!(
        said.contains("41 of 41 documents have no grade (no_grade 41)"),
        "{said}"
    );
    assert!(said.contains("Once upon a time"), "{said}");
}

#[test]
fn an_endpoint_that_cannot_be_asked_is_a_mistake_in_the_plan() {
    let server = Pretend::new(grader);
    let trial = trial(&server, "");
    let recipe = std::fs::read_to_string(trial.path("r.toml")).expect("a recipe");
    trial.write("r.toml", recipe.replace("http://", "gopher://"));
    let said = trial.fails(&["plan", "r.toml", "--input", "texts=texts"]);
    assert!(
        said.contains("gopher://") && said.contains("wanted an address"),
        "{said}"
    );
}
