//! The program as its user types it: run, plan, show, why, verify, gc, stages, generate.

use crate::trial::{LIFE, Trial, contents};
use std::fs;

#[test]
fn a_whole_life_runs_once_and_is_then_free() {
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    let plan = trial.ok(&["plan", "life.toml"]);
    assert!(
        plan.contains("second") && plan.contains("to do") && plan.contains("FLOPs"),
        "{plan}"
    );

    let report = trial.ok(&["run", "life.toml"]);
    assert!(
        report.contains("두 단계 <학습>") && report.contains("What second answers"),
        "{report}"
    );
    let again = trial.run(&["run", "life.toml"]);
    assert_eq!(
        again.err.matches("already there").count(),
        10,
        "{}",
        again.err
    );
    let plan = trial.ok(&["plan", "life.toml"]);
    assert!(!plan.contains("to do"), "{plan}");

    let page = fs::read_to_string(trial.artifact("report").join("report.html")).expect("a page");
    assert!(
        page.contains("두 단계 &lt;학습&gt;") && !page.contains("<script"),
        "the title is escaped, nothing is run"
    );
    let curve =
        fs::read_to_string(trial.artifact("second").join("training.json")).expect("a curve");
    assert!(
        curve.contains("bits_per_byte") && curve.contains("ko/"),
        "validation is by language and source"
    );

    let why = trial.ok(&["why", "report"]);
    assert!(
        why.contains("untrained") && why.contains("by world"),
        "{why}"
    );
    let verified = trial.ok(&["verify"]);
    assert_eq!(verified.matches("as it was made").count(), 10, "{verified}");
    let shown: serde_json::Value =
        serde_json::from_str(&trial.ok(&["show", "accuracy", "--json"])).expect("JSON");
    assert!(
        shown["manifest"]["notes"]["accuracy ko"].is_number(),
        "{shown}"
    );
}

#[test]
fn the_same_recipe_gives_the_same_bytes_for_any_thread_count() {
    let models = ["1", "2", "3"].map(|threads| {
        let trial = Trial::new();
        trial.write("life.toml", LIFE).ok(&[
            "run",
            "life.toml",
            "--only",
            "second",
            "--threads",
            threads,
        ]);
        contents(&trial.artifact("second"))
    });
    assert!(models[0] == models[1] && models[1] == models[2]);
}

#[test]
fn generation_streams_and_repeats() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "first"]);
    let words = [
        "generate", "first", "나는 ", "--tokens", "24", "--seed", "5",
    ];
    let text = trial.ok(&words);
    assert!(text.starts_with("나는 "), "{text}");
    assert_eq!(text, trial.ok(&words), "the same seed gives the same text");
    let folder = trial.artifact("first");
    let json = trial.ok(&[
        "generate",
        folder.to_str().expect("UTF-8"),
        "나는 ",
        "--tokens",
        "4",
        "--temperature",
        "0",
        "--json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(["stop", "length"].contains(&json["finish_reason"].as_str().expect("a reason")));

    // Half of what had to be whole is no silence; a plain text just ends where it was to end.
    let schema = r#"{"type": "object", "properties": {"이름": {"type": "string"}}, "required": ["이름"], "additionalProperties": false}"#;
    let short = ["generate", "first", "나는 ", "--tokens", "2"];
    let said = trial.run(&[&short[..], &["--schema", schema]].concat());
    assert!(
        said.ok && !said.out.contains("--tokens"),
        "{}{}",
        said.out,
        said.err
    );
    assert!(said.err.contains("--tokens allows more"), "{}", said.err);
    let said = trial.run(&short);
    assert!(said.ok && !said.err.contains("--tokens"), "{}", said.err);
}

#[test]
fn gc_says_first_and_frees_only_what_nothing_needs() {
    let trial = Trial::new();
    trial.write("life.toml", LIFE).write(
        "less.toml",
        LIFE.replace("total = 12_000", "total = 11_000"),
    );
    trial.ok(&["run", "life.toml", "--only", "tokens"]);
    trial.ok(&["run", "less.toml", "--only", "tokens"]);
    let said = trial.ok(&["gc", "life.toml"]);
    assert!(
        said.contains("would be freed") && said.contains("mixture-"),
        "{said}"
    );
    trial.ok(&["gc", "life.toml", "--yes"]);
    trial.ok(&["verify", "tokens"]);
    let plan = trial.ok(&["plan", "life.toml", "--only", "tokens"]);
    assert!(!plan.contains("to do"), "{plan}");
}

#[test]
fn gc_touches_nothing_while_an_input_is_only_planned() {
    let trial = Trial::new();
    trial
        .write("texts/one.txt", "오늘은 날이 맑습니다.\n")
        .write(
            "own.toml",
            "seed = 1\n[inputs]\ntext = { kind = \"files\", expected = { bytes = 1e9 } }\n\
         [[step]]\nname = \"corpus\"\nstage = \"ingest\"\ninputs = { files = \"text\" }\n",
        );
    trial.ok(&["run", "own.toml", "--input", "text=texts"]);
    let made = contents(&trial.artifact("corpus"));
    for words in [&["gc", "own.toml"][..], &["gc", "own.toml", "--yes"]] {
        let said = trial.fails(words);
        assert!(
            said.contains(
                "own.toml: the input \"text\" (of kind `files`) is planned and not bound"
            ) && said.contains("add --input text=PATH"),
            "{said}"
        );
    }
    assert!(contents(&trial.artifact("corpus")) == made);
    trial.ok(&["gc", "own.toml", "--input", "text=texts", "--yes"]);
    assert!(contents(&trial.artifact("corpus")) == made);
}

#[test]
fn the_family_has_the_sizes_of_the_report() {
    let plan = Trial::new().ok(&["plan", "family"]);
    for size in [
        "8.030B", "9.775B", "4.513B", "2.087B", "1.857B", "1.279B", "0.635B",
    ] {
        assert!(plan.contains(size), "{size} is missing:\n{plan}");
    }
}

#[test]
fn tensorboard_files_are_written_when_asked_for() {
    let trial = Trial::new();
    trial.write("life.toml", LIFE).ok(&[
        "run",
        "life.toml",
        "--only",
        "first",
        "--tensorboard",
        "board",
    ]);
    let files: Vec<_> = fs::read_dir(trial.path("board/first"))
        .expect("a run")
        .flatten()
        .collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].metadata().expect("readable").len() > 1000);
}

#[test]
fn stages_are_documented_as_they_are() {
    let trial = Trial::new();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/stages.md");
    let written = fs::read_to_string(docs).expect("docs/stages.md");
    assert_eq!(
        written.trim(),
        trial.ok(&["stages", "--markdown"]).trim(),
        "docs/stages.md: write it again with `kanana stages --markdown`"
    );
    assert!(
        trial
            .ok(&["stages", "pretrain"])
            .contains("continue_optimizer")
    );
    assert!(
        trial
            .fails(&["stages", "pretain"])
            .contains("there is no stage called")
    );
}

#[test]
fn json_is_for_programs() {
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    let lines = trial.ok(&["run", "life.toml", "--only", "tokens", "--json"]);
    for line in lines.lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(event["event"].is_string());
    }
}

#[test]
fn the_recipe_for_ones_own_text_works_on_a_few_small_files() {
    let own = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../recipes/own.toml"
    ))
    .expect("recipes/own.toml");
    let small = [
        ("vocabulary = 4096", "vocabulary = 400"),
        (
            "layers = 6, width = 256, ffn = 704",
            "layers = 1, width = 32, ffn = 64",
        ),
        (
            "tokens = 2_000_000, sequence = 512, batch_tokens = 8192",
            "tokens = 2048, sequence = 64, batch_tokens = 512",
        ),
    ];
    let mut recipe = own;
    for (large, small) in small {
        assert!(recipe.contains(large), "own.toml has no {large:?}");
        recipe = recipe.replace(large, small);
    }
    let trial = Trial::new();
    trial.write("own.toml", recipe);
    for book in ["하나", "둘"] {
        let text: String = (0..120)
            .map(|i| {
                format!(
                    "{book} 번째 책의 {i}번 문단입니다. 오늘은 {}월이고 날이 맑습니다.\n\n",
                    i % 12 + 1
                )
            })
            .collect();
        trial.write(&format!("texts/{book}.txt"), text);
    }
    let report = trial.ok(&["run", "own.toml", "--input", "text=texts"]);
    assert!(report.contains("옛날 옛적에"), "{report}");
}
