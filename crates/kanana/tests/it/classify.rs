//! Classifiers trained and applied by recipe: what is kept, what it says of what is not, what is refused.

use crate::trial::{Trial, contents};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

const RECIPE: &str = r#"
seed = 5
[inputs]
texts = { kind = "files" }

[[step]]
name = "lessons"
stage = "ingest"
inputs = { files = "texts" }
with = { only = "lessons" }

[[step]]
name = "chat"
stage = "ingest"
inputs = { files = "texts" }
with = { only = "chat" }

[[step]]
name = "more"
stage = "ingest"
inputs = { files = "texts" }
with = { only = "more" }

[[step]]
name = "all"
stage = "ingest"
inputs = { files = "texts" }

[[step]]
name = "classifier"
stage = "train-classifier"
inputs = { positives = ["lessons"], negatives = ["chat"] }
with = { train = { dimension = 8, buckets = 2000, epochs = 20, rate = 0.5 }, validation = 0.25 }

[[step]]
name = "graded"
stage = "train-classifier"
inputs = { graded = ["all"] }
with = { grade = { field = "edu", at_least = 3 }, train = { dimension = 8, buckets = 2000, epochs = 20, rate = 0.5 } }

[[step]]
name = "best"
stage = "classify"
inputs = { corpus = "all", classifier = "classifier" }
with = { language = "ko", keep = { precision = 0.9 }, buckets = [{ at_least = 0.9, name = "good" }, { at_least = 0.0, name = "moderate" }] }

[[step]]
name = "third"
stage = "classify"
inputs = { corpus = "all", classifier = "graded" }
with = { keep = { retention = 0.3 }, score = "edu_score" }

[[step]]
name = "edu"
stage = "edu-filter"
inputs = { seed = ["lessons"], negatives = ["chat"], pool = ["all"], held_out = ["more"] }
with = { rounds = 2, train = { dimension = 8, buckets = 2000, epochs = 20, rate = 0.5 } }
"#;

fn trial() -> Trial {
    let trial = Trial::new();
    fs::create_dir(trial.path("texts")).unwrap();
    let lessons = [
        "광합성은",
        "식물이",
        "세포는",
        "함수의",
        "미분은",
        "정의한다",
        "과정이다",
        "원리를",
    ];
    let chat = [
        "ㅋㅋㅋ",
        "진짜",
        "재밌다",
        "노잼",
        "대박",
        "별로",
        "강추",
        "돈아까움",
    ];
    for (file, words, edu, count) in [
        ("lessons", lessons, 5, 60),
        ("chat", chat, 0, 80),
        ("more", lessons, 4, 20),
    ] {
        let mut lines = String::new();
        for i in 0..count {
            let text: Vec<&str> = (0..9)
                .map(|j| words[(i * 5 + j * (1 + i % 3)) % 8])
                .collect();
            let text = format!("{} {}", text.join(" "), ["그리고", "오늘"][i % 2]);
            let line =
                json!({"id": format!("{file}-{i}"), "text": text, "language": "ko", "edu": edu});
            let _ = writeln!(lines, "{line}");
        }
        if file == "chat" {
            let line =
                json!({"id": "en", "text": "an English text that nobody scores", "language": "en"});
            let _ = writeln!(lines, "{line}");
        }
        trial.write(&format!("texts/{file}.jsonl"), lines);
    }
    trial.write("r.toml", RECIPE);
    trial
}

fn run(trial: &Trial, only: &[&str]) {
    let mut words = vec!["run", "r.toml", "--input", "texts=texts"];
    words.extend(only.iter().flat_map(|name| ["--only", name]));
    trial.ok(&words);
}

fn json(trial: &Trial, step: &str, file: &str) -> Value {
    let text = fs::read(trial.artifact(step).join(file)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn train_classifier() {
    let trial = trial();
    run(&trial, &["classifier", "graded"]);
    let about = json(&trial, "classifier", "classifier.json");
    assert_eq!(about["positive"], "hq");
    let held_out = about["held_out"]["documents"].as_u64().unwrap();
    let (hq, lq) = (&about["examples"]["hq"], &about["examples"]["lq"]);
    assert_eq!(hq.as_u64().unwrap() + lq.as_u64().unwrap() + held_out, 141);
    let notes = &json(&trial, "graded", "manifest.json")["notes"];
    assert!(
        notes["average precision"].as_f64().unwrap() > 0.95,
        "{notes}"
    );
}

#[test]
fn classify() {
    let trial = trial();
    run(&trial, &["best", "third"]);
    let account = json(&trial, "best", "curated.json");
    let kept = account["languages"]["ko"]["kept"]["documents"]
        .as_u64()
        .unwrap();
    let dropped = &account["languages"]["ko"]["dropped"]["low_score"]["documents"];
    assert!((70..=95).contains(&kept), "{account}");
    assert_eq!(kept + dropped.as_u64().unwrap(), 160);
    assert_eq!(
        account["languages"]["en"]["kept"]["documents"], 1,
        "it is not scored"
    );
    let said = trial.ok(&["why-dropped", "best", "--reason", "low_score"]);
    assert!(said.contains("chat-"), "{said}");

    let notes = &json(&trial, "third", "manifest.json")["notes"];
    let share = notes["documents"].as_f64().unwrap() / 161.0;
    assert!((0.3..0.45).contains(&share), "{notes}");
}

#[test]
fn edu_filter() {
    let trial = trial();
    run(&trial, &["edu"]);
    let rounds = json(&trial, "edu", "rounds.json");
    assert_eq!(rounds.as_array().unwrap().len(), 2);
    assert!(rounds[1]["positives"].as_u64() > rounds[0]["positives"].as_u64());
    assert!(
        rounds[1]["by_corpus"]["chat"].as_f64().unwrap() < 0.2,
        "{rounds}"
    );
    let page = fs::read_to_string(trial.artifact("edu").join("rounds.html")).unwrap();
    assert!(page.contains("kept of the pool"));

    // The same bytes on one thread as on two.
    let once = contents(&trial.artifact("edu"));
    let again = self::trial();
    again.ok(&[
        "run",
        "r.toml",
        "--input",
        "texts=texts",
        "--only",
        "edu",
        "--threads",
        "1",
    ]);
    assert!(once == contents(&again.artifact("edu")));
}

#[test]
fn what_cannot_be_trained_or_applied_is_said() {
    let trial = trial();
    for (step, sentence) in [
        (
            r#"stage = "train-classifier"
inputs = { positives = ["lessons"] }"#,
            "nothing to learn from",
        ),
        (
            r#"stage = "train-classifier"
inputs = { graded = ["all"] }"#,
            "need `grade",
        ),
        (
            r#"stage = "classify"
inputs = { corpus = "all", classifier = "classifier" }
with = { buckets = [{ at_least = 0.0, name = "b" }, { at_least = 0.9, name = "a" }] }"#,
            "the best must come first",
        ),
        (
            r#"stage = "edu-filter"
inputs = { seed = ["lessons"], negatives = ["chat"], pool = ["all"], held_out = ["more"] }
with = { growth = 0.5 }"#,
            "growth",
        ),
    ] {
        let recipe = format!("{RECIPE}\n[[step]]\nname = \"wrong\"\n{step}\n");
        trial.write("wrong.toml", recipe);
        let said = trial.fails(&["plan", "wrong.toml", "--input", "texts=texts"]);
        assert!(said.contains(sentence), "{said}");
    }
}

/// The page of curation: every step, every reason, and the truth where it is known.
#[test]
fn report_of_curation() {
    let trial = Trial::new();
    trial.write(
        "web.toml",
        r#"
seed = 3
[[step]]
name = "world"
stage = "world"
with = { people = 8, tellings = [3, 4] }

[[step]]
name = "crawl"
stage = "crawl"
inputs = { world = "world" }
with = { web = { copies = 0.2, personal = 0.3 } }

[[step]]
name = "extracted"
stage = "extract"
inputs = { files = "crawl" }

[[step]]
name = "sifted"
stage = "filter"
inputs = { corpus = "extracted" }
with = { english = { few_words = 5, few_sentences = 1, few_stop_words = false }, korean = { few_words = 5, few_sentences = 1, few_stop_words = false } }

[[step]]
name = "unique"
stage = "dedup"
inputs = { corpus = "sifted" }

[[step]]
name = "masked"
stage = "pii"
inputs = { corpus = "unique" }

[[step]]
name = "report"
stage = "report"
inputs = { curation = ["extracted", "sifted", "unique", "masked"], truth = "crawl" }
"#,
    );
    trial.ok(&["run", "web.toml"]);
    let text = fs::read_to_string(trial.artifact("report").join("report.txt")).unwrap();
    for part in [
        "Where the documents went",
        "Dropped by sifted",
        "Samples of what was dropped",
        "Against the truth",
        "copies and near copies",
        "personal data",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    // Nothing personal is shown, though samples are of texts before they were masked.
    let planted = fs::read_to_string(trial.artifact("crawl").join("planted.json")).unwrap();
    let page = fs::read_to_string(trial.artifact("report").join("report.html")).unwrap();
    let mut values = 0;
    for line in planted.lines() {
        let one: Value = serde_json::from_str(line).unwrap();
        for personal in one["personal"].as_array().unwrap() {
            let value = personal["value"].as_str().unwrap();
            assert!(!page.contains(value), "{value} is on the page");
            values += 1;
        }
    }
    assert!(values > 10, "{values} planted");
}
