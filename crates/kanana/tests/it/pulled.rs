//! Models from outside, with the files and the settings that their makers gave them.

use crate::trial::{LIFE, Trial, contents};
use serde_json::{Value, json};

/// The files of a model at the top of an artifact.
fn files(trial: &Trial, step: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = contents(&trial.artifact(step));
    files.retain(|(name, _)| name != "manifest.json" && !name.contains('/'));
    files
}

/// A trial in which some steps of `LIFE` are done.
fn after(steps: &[&str]) -> Trial {
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    let only = steps.iter().flat_map(|&step| ["--only", step]);
    let words: Vec<&str> = ["run", "life.toml"].into_iter().chain(only).collect();
    trial.ok(&words);
    trial
}

const RANK: &str = r#"
seed = 1

[inputs]
pulled = { kind = "model" }
bound = { kind = "model" }
worse = { kind = "model" }
held = { kind = "tokens" }

[[step]]
name = "best"
stage = "rank"
inputs = { models = ["worse", "pulled"], tokens = "held" }

[[step]]
name = "best-bound"
stage = "rank"
inputs = { models = ["worse", "bound"], tokens = "held" }
"#;

/// What `kanana pull` fetches lies behind relative links. Whoever wins is passed on whole, and shares no
/// bytes with files that somebody may write to.
#[cfg(unix)]
#[test]
fn a_pulled_model_that_wins_is_passed_on_as_a_copy() {
    let trial = after(&["first"]);
    let wanted = files(&trial, "first");
    let mut own = vec![];
    for (number, (name, bytes)) in wanted.iter().enumerate() {
        let blob = format!("모형/blobs/{number}");
        trial.write(&blob, bytes);
        let at = trial.path("모형/snapshots/0a").join(name);
        std::fs::create_dir_all(trial.path("모형/snapshots/0a")).expect("a folder");
        std::os::unix::fs::symlink(format!("../../blobs/{number}"), at).expect("a link");
        own.push(blob);
        // The same in an ordinary folder, beside the record of the artifact that it was.
        trial.write(&format!("bound/{name}"), bytes);
        own.push(format!("bound/{name}"));
    }
    trial.write("bound/manifest.json", "{}");
    trial.write("bound/provenance/1.json", "{}");
    trial.write("rank.toml", RANK);
    let inputs = [
        ("pulled", trial.path("모형/snapshots/0a")),
        ("bound", trial.path("bound")),
        ("worse", trial.artifact("untrained")),
        ("held", trial.artifact("held-out")),
    ]
    .map(|(name, path)| format!("{name}={}", path.display()));
    let mut words = vec!["run", "rank.toml"];
    for input in &inputs {
        words.extend(["--input", input.as_str()]);
    }
    trial.ok(&words);
    // Their owner writes over all of them, in place.
    for file in own {
        trial.write(&file, "다른 것");
    }
    for (step, winner) in [("best", "pulled"), ("best-bound", "bound")] {
        let mut found = files(&trial, step);
        let at = found.iter().position(|(name, _)| name == "ranking.json");
        let (_, ranking) = found.remove(at.expect("a ranking"));
        let ranking: Value = serde_json::from_slice(&ranking).expect("JSON");
        assert_eq!(ranking[0]["model"], winner);
        assert!(found == wanted, "{step} has other files than {winner}");
    }
}

const TAUGHT: &str = r#"
seed = 1

[inputs]
chatty = { kind = "model" }
text = { kind = "tokens" }

[[step]]
name = "trained"
stage = "pretrain"
inputs = { model = "chatty", tokens = "text" }
with = { train = { tokens = 256, sequence = 32, batch_tokens = 256, schedule = { peak = 1e-3 } } }

[[step]]
name = "taught"
stage = "distill"
inputs = { student = "chatty", teacher = "chatty", tokens = "text" }
with = { train = { tokens = 256, sequence = 32, batch_tokens = 256, schedule = { peak = 1e-3 } } }
"#;

/// A tokenizer names one end; a model that was taught to chat stops at several, and goes on doing so.
#[test]
fn a_model_that_stops_at_several_tokens_still_does_when_it_is_trained() {
    let trial = after(&["untrained", "tokens"]);
    let mut end = Value::Null;
    for (name, mut bytes) in files(&trial, "untrained") {
        if name == "config.json" {
            let mut config: Value = serde_json::from_slice(&bytes).expect("JSON");
            end = config["eos_token_id"].take();
            config["eos_token_id"] = json!([5, end, 6]);
            config["pad_token_id"] = json!(7);
            bytes = config.to_string().into_bytes();
        }
        trial.write(&format!("chatty/{name}"), bytes);
    }
    assert!(end.is_u64(), "{end}");
    trial.write("taught.toml", TAUGHT);
    let text = format!("text={}", trial.artifact("tokens").display());
    let words = [
        "run",
        "taught.toml",
        "--input",
        "chatty=chatty",
        "--input",
        &text,
    ];
    trial.ok(&words);
    for step in ["trained", "taught"] {
        for name in ["config.json", "generation_config.json"] {
            let bytes = std::fs::read(trial.artifact(step).join(name)).expect("a file");
            let config: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(config["eos_token_id"], json!([end, 5, 6]), "{step}: {name}");
            assert_eq!(config["pad_token_id"], 7, "{step}: {name}");
        }
    }
}
