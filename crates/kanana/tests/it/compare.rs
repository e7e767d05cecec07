//! `kanana compare`: two models, two evaluations, two artifacts, side by side.

use crate::trial::{LIFE, Trial};
use serde_json::Value;
use std::fs;

/// Two stages of one life, and the second stage once more at another rate in a store of its own.
fn trial() -> Trial {
    let trial = Trial::new();
    let life = LIFE.replacen("context = 64", "context = 256", 1);
    let other = life.replacen(
        "peak = 1e-2, horizon = 6144, offset",
        "peak = 5e-3, horizon = 6144, offset",
        1,
    );
    assert_ne!(life, other, "the second stage has another rate");
    trial.write("life.toml", life).write("other.toml", other);
    trial.ok(&["run", "life.toml", "--only", "second"]);
    trial.ok(&["run", "other.toml", "--only", "second", "--store", "other"]);
    let rows: String = (0..12)
        .map(|at| {
            format!(
                "{{\"q\": \"하늬마을 질문 {at}\", \"o\": [\"하나\", \"둘\"], \"a\": {}}}\n",
                at % 2
            )
        })
        .collect();
    trial.write("data/물음.jsonl", rows);
    trial.write(
        "data/asked.toml",
        "name = \"asked\"\nkind = \"choose\"\ndata = \"물음.jsonl\"\nprompt = \"{{ q }}:\"\noptions = \"o\"\nanswer = \"{{ a }}\"\n",
    );
    trial
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn two_models_side_by_side() {
    let trial = trial();
    let other = trial.artifact_of("other", "second");
    let other = other.to_str().expect("UTF-8");

    // Names alike: their paths tell them apart. What was asked otherwise is said, and nothing else.
    let found = json(&trial.ok(&["compare", "second", other, "--weights", "--json"]));
    let differences = found["made"]["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 1, "{found}");
    assert_eq!(differences[0]["what"], "train.schedule.peak");
    assert_eq!(
        (&differences[0]["a"], &differences[0]["b"]),
        (&0.01.into(), &0.005.into())
    );
    assert!(found["made"]["same"].as_u64() >= Some(6), "{found}");
    assert_eq!(found["b"], other);
    let apart = found["weights"]["all"].as_f64().expect("a number");
    assert!(0.0 < apart && apart < 1.0, "{apart}");
    assert_eq!(found["learned"]["tokens"], serde_json::json!([6144, 6144]));

    // A model beside what became of it.
    let text = trial.ok(&["compare", "first", "second", "--page", "page.html"]);
    for words in [
        "only in second: second (pretrain)",
        "held-out text, bits per byte",
        "parameters",
    ] {
        assert!(
            text.to_lowercase().contains(words),
            "{words} is missing in\n{text}"
        );
    }
    let page = fs::read_to_string(trial.path("page.html")).expect("a page");
    assert!(page.contains("How they learned") && page.contains("<svg"));

    // A model beside itself is the same to the bit.
    let itself = json(&trial.ok(&["compare", "first", "first", "--weights", "--json"]));
    assert_eq!(itself["weights"]["all"], 0.0);
    assert_eq!(itself["weights"]["same"], itself["weights"]["tensors"]);
}

#[test]
fn both_are_asked_the_same() {
    let trial = trial();
    let words = [
        "compare",
        "first",
        "second",
        "--tasks",
        "asked.toml",
        "--data",
        "data",
        "--out",
        "둘",
    ];
    let said = trial.run(&words);
    assert!(said.ok, "{}", said.err);
    assert!(
        said.err.contains("protocol base, as neither model has"),
        "{}",
        said.err
    );
    assert!(said.out.contains("What they answer"), "{}", said.out);
    for file in ["a/results.json", "b/samples_asked.jsonl", "comparison.html"] {
        assert!(trial.path(&format!("둘/{file}")).is_file(), "{file}");
    }
    // Again, nothing is asked; and the two folders can be set side by side by themselves.
    let again = trial.run(&words);
    assert!(
        again.err.matches("12 answers of earlier runs").count() == 2,
        "{}",
        again.err
    );
    let alone = json(&trial.ok(&["compare", "둘/a", "둘/b", "--json"]));
    let one = &alone["questions"]["comparisons"][0];
    assert_eq!(
        (&one["questions"], &one["test"]),
        (&12.into(), &"mc_nemar".into())
    );
}

#[test]
fn two_models_are_measured() {
    let trial = trial();
    let found = json(&trial.ok(&["compare", "first", "second", "--speed", "--json"]));
    let speed = &found["speed"];
    assert_eq!(
        (&speed["prompt"], &speed["written"]),
        (&128.into(), &64.into())
    );
    for side in ["a", "b"] {
        let times = &speed[side]["further_token"];
        let [median, least, most] = [0, 1, 2].map(|at| times[at].as_f64().expect("seconds"));
        assert!(0.0 < least && least <= median && median <= most, "{times}");
    }
}

#[test]
fn what_cannot_be_compared_is_a_sentence() {
    let trial = trial();
    let said = trial.fails(&["compare", "first", "세번째"]);
    assert!(
        said.contains("wanted a model, the folder of an evaluation, or an artifact"),
        "{said}"
    );
    let said = trial.fails(&["compare", "first", "world", "--speed"]);
    assert!(said.contains("--speed is for two models"), "{said}");
    trial.ok(&["run", "life.toml", "--only", "untrained"]);
    trial.write("wide.toml", LIFE.replacen("width = 32", "width = 48", 1));
    trial.ok(&["run", "wide.toml", "--only", "untrained", "--store", "wide"]);
    let wide = trial.artifact_of("wide", "untrained");
    let said = trial.fails(&[
        "compare",
        "first",
        wide.to_str().expect("UTF-8"),
        "--weights",
    ]);
    assert!(said.contains("other shapes"), "{said}");
}
