//! What users get wrong: each mistake is a sentence that says what was wanted, what was found
//! and what to do.

use crate::trial::{LIFE, Trial};
use std::fs;

/// `LIFE` with `from` replaced, which must not run; the complaint says all of `words`.
fn check(from: &str, to: &str, words: &[&str]) {
    assert!(LIFE.contains(from), "the recipe has no {from:?}");
    let trial = Trial::new();
    let complaint = trial
        .write("life.toml", LIFE.replacen(from, to, 1))
        .fails(&["run", "life.toml"]);
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in:\n{complaint}");
    }
    assert!(
        complaint.contains("life.toml") || complaint.contains("step"),
        "it names the place:\n{complaint}"
    );
}

#[test]
fn a_misspelt_setting() {
    check(
        "vocabulary = 600",
        "vocabluary = 600",
        &["vocabluary", "vocabulary"],
    );
    check(
        "save_every = 1024",
        "save_evry = 1024",
        &["save_evry", "save_every", "first"],
    );
}

#[test]
fn a_wrong_kind_of_artifact() {
    check(
        "inputs = { model = \"untrained\"",
        "inputs = { model = \"tokens\"",
        &["wanted an artifact of kind `model`", "`tokens`"],
    );
}

#[test]
fn a_circular_recipe() {
    check(
        "inputs = { corpora = [\"world\"] }\nwith = { vocabulary",
        "inputs = { corpora = [\"mixture\"] }\nwith = { vocabulary",
        &["mixture", "tokenizer"],
    );
}

#[test]
fn an_unknown_step_or_stage() {
    check(
        "corpus = \"mixture\"",
        "corpus = \"mixtur\"",
        &["mixtur", "mixture"],
    );
    check(
        "stage = \"pretrain\"",
        "stage = \"pretran\"",
        &["pretran", "pretrain"],
    );
}

#[test]
fn a_missing_input() {
    let trial = Trial::new();
    trial.write("r.toml", "seed = 1\n[inputs]\ntexts = { kind = \"files\" }\n[[step]]\nname = \"c\"\nstage = \"ingest\"\ninputs = { files = \"texts\" }\n");
    assert!(trial.fails(&["run", "r.toml"]).contains("--input texts="));
    assert!(
        trial
            .fails(&["run", "r.toml", "--input", "texts=nowhere"])
            .contains("nowhere")
    );
    assert!(
        trial
            .fails(&["run", "none.toml"])
            .contains("there is no recipe file")
    );
}

#[test]
fn a_tokenizer_larger_than_the_model() {
    check(
        "context = 64 }",
        "context = 64, vocabulary = 500 }",
        &["600", "500"],
    );
}

#[test]
fn a_truncated_shard() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "tokens"]);
    let shard = trial.artifact("tokens").join("tokens-00000.u32");
    let bytes = fs::read(&shard).expect("a shard");
    trial.write(shard.to_str().expect("UTF-8"), &bytes[..bytes.len() - 3]);
    let complaint = trial.fails(&["run", "life.toml", "--only", "first"]);
    assert!(
        complaint.contains("tokens-00000.u32") && complaint.contains("bytes"),
        "{complaint}"
    );
    assert!(trial.run(&["verify", "tokens"]).out.contains("cut short"));
}

#[test]
fn a_corrupted_checkpoint() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "untrained"]);
    let model = trial.artifact("untrained");
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        trial.write(
            &format!("broken/{name}"),
            fs::read(model.join(name)).expect("a file"),
        );
    }
    let weights = trial.path("broken/model.safetensors");
    let mut bytes = fs::read(&weights).expect("weights");
    bytes[0] ^= 0x40; // the header's length
    trial.write("broken/model.safetensors", &bytes);
    let complaint = trial.fails(&["generate", "broken", "안녕"]);
    assert!(complaint.contains("model.safetensors"), "{complaint}");
    bytes[0] ^= 0x40;
    bytes.truncate(bytes.len() / 2);
    trial.write("broken/model.safetensors", &bytes);
    let complaint = trial.fails(&["generate", "broken", "안녕"]);
    assert!(complaint.contains("model.safetensors"), "{complaint}");
}

#[test]
fn invalid_utf8_in_a_text_file() {
    let trial = Trial::new();
    let recipe = "seed = 1\n[inputs]\ntexts = { kind = \"files\" }\n[[step]]\nname = \"c\"\nstage = \"ingest\"\ninputs = { files = \"texts\" }\nwith = { read = { stop_past_share = SHARE } }\n";
    trial
        .write("texts/a.txt", "한국어 문장")
        .write("texts/b.txt", &"한국어"[..].as_bytes()[..7]);
    trial
        .write("some.toml", recipe.replace("SHARE", "0.6"))
        .write("none.toml", recipe.replace("SHARE", "0.1"));
    let complaint = trial.fails(&["run", "none.toml", "--input", "texts=texts"]);
    assert!(complaint.contains("invalid_utf8"), "{complaint}");
    let said = trial.run(&["run", "some.toml", "--input", "texts=texts"]);
    assert!(
        said.ok && said.err.contains("invalid_utf8 1"),
        "{}",
        said.err
    );
}

#[test]
fn an_empty_corpus() {
    let trial = Trial::new();
    let recipe = "seed = 1\n[inputs]\ntexts = { kind = \"files\" }\n[[step]]\nname = \"c\"\nstage = \"ingest\"\ninputs = { files = \"texts\" }\n";
    trial.write("texts/a.jsonl", "\n\n").write("r.toml", recipe);
    assert!(
        trial
            .fails(&["run", "r.toml", "--input", "texts=texts"])
            .contains("empty corpus")
    );
}

#[test]
fn two_runs_at_once() {
    let trial = Trial::new();
    trial.write(
        "life.toml",
        LIFE.replace("tokens = 4096", "tokens = 1_000_000")
            .replace("6144", "1_002_048")
            .replace("offset = 4096", "offset = 1_000_000")
            .replace("sequence = 32", "max_epochs = 1e6, sequence = 32"),
    );
    let only = ["run", "life.toml", "--only", "first"];
    let mut first = trial
        .command(&only)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("starts");
    // The first run is in its training when its state is there.
    let partial = || {
        fs::read_dir(trial.path("store"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| {
                entry.file_name().to_string_lossy().starts_with("first-")
                    && entry.path().join("partial").is_dir()
            })
    };
    while !partial() {
        assert!(
            first.try_wait().expect("a child").is_none(),
            "the first run ended too early"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let complaint = trial.fails(&only);
    // nor is anything freed that the first run may still need
    trial.write(
        "other.toml",
        "seed = 4\n[[step]]\nname = \"other\"\nstage = \"world\"\n",
    );
    let freeing = [&["gc", "other.toml"][..], &["gc", "other.toml", "--yes"]];
    let freed = freeing.map(|words| trial.run(words));
    first.kill().expect("SIGKILL");
    first.wait().expect("gone");
    assert!(
        complaint.contains("another run") && complaint.contains("process"),
        "{complaint}"
    );
    for said in freed {
        let refused = "is being made by another run (process";
        assert!(
            !said.ok && said.err.contains("first-") && said.err.contains(refused),
            "{}{}",
            said.out,
            said.err
        );
    }
    trial.ok(&["verify", "tokens"]);
}

#[test]
fn tokens_of_another_tokenizer_than_the_models() {
    let other = LIFE.replace(
        "[[step]]\nname = \"mixture\"",
        "[[step]]\nname = \"other\"\nstage = \"train-tokenizer\"\ninputs = { corpora = [\"world\"] }\nwith = { vocabulary = 500 }\n\n[[step]]\nname = \"mixture\"",
    );
    let other = other.replacen(
        "name = \"tokens\"\nstage = \"tokenize\"\ninputs = { corpus = \"mixture\", tokenizer = \"tokenizer\" }",
        "name = \"tokens\"\nstage = \"tokenize\"\ninputs = { corpus = \"mixture\", tokenizer = \"other\" }",
        1,
    );
    let trial = Trial::new();
    let complaint = trial
        .write("life.toml", other)
        .fails(&["run", "life.toml", "--only", "first"]);
    assert!(complaint.contains("another tokenizer"), "{complaint}");
}

#[test]
fn questions_that_are_none() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "first"]);
    let questions =
        fs::read_to_string(trial.artifact("world").join("questions.jsonl")).expect("questions");
    let mut question: serde_json::Value =
        serde_json::from_str(questions.lines().next().expect("one")).expect("JSON");
    question["answer"] = 9.into();
    trial.write("asked/questions.jsonl", format!("{question}\n"));
    trial.write(
        "ask.toml",
        "seed = 1\n[inputs]\nmodel = { kind = \"model\" }\nasked = { kind = \"questions\" }\n[[step]]\nname = \"scores\"\nstage = \"evaluate\"\ninputs = { model = \"model\", questions = \"asked\" }\n",
    );
    let model = format!("model={}", trial.artifact("first").display());
    let complaint = trial.fails(&[
        "run",
        "ask.toml",
        "--store",
        "other",
        "--input",
        &model,
        "--input",
        "asked=asked",
    ]);
    assert!(
        complaint.contains("line 1") && complaint.contains("answer 9"),
        "{complaint}"
    );
}

#[test]
fn settings_of_a_mixture_that_make_no_sense_are_seen_by_the_plan() {
    check("validation = 0.05", "validation = 3.0", &["validation = 3"]);
    check("share = 0.5", "share = -1.0", &["share", "-1"]);
    check(
        "name = \"mixture\"\nstage = \"mix\"\ninputs = { corpora = [\"world\"],",
        "name = \"other\"\nstage = \"world\"\n\n[[step]]\nname = \"mixture\"\nstage = \"mix\"\ninputs = { corpora = [\"world\", \"other\"],",
        &["the corpus \"other\" is an input, and no part draws from it"],
    );
}

#[test]
fn a_tokenizer_that_is_bound_as_a_file() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "tokenizer"]);
    let folder = trial.artifact("tokenizer");
    trial.write(
        "own.toml",
        "seed = 1\n[inputs]\nwords = { kind = \"tokenizer\" }\n[[step]]\nname = \"untrained\"\nstage = \"init\"\ninputs = { tokenizer = \"words\" }\n\
         with = { shape = { layers = 2, width = 32, ffn = 80, query_heads = 4, kv_heads = 2, context = 64 } }\n",
    );
    let file = format!("words={}", folder.join("tokenizer.json").display());
    let complaint = trial.fails(&["run", "own.toml", "--input", &file]);
    assert!(
        complaint.contains("tokenizer.json is a file: bind the folder that it lies in"),
        "{complaint}"
    );
    let folder = format!("words={}", folder.display());
    trial.ok(&["run", "own.toml", "--input", &folder]);
    assert!(trial.artifact("untrained").join("tokenizer.json").is_file());
}

#[test]
fn a_store_inside_an_input() {
    let trial = Trial::new();
    trial
        .write("one.txt", "오늘은 날이 맑습니다.\n")
        .write("r.toml", "seed = 1\n[inputs]\ntexts = { kind = \"files\" }\n[[step]]\nname = \"corpus\"\nstage = \"ingest\"\ninputs = { files = \"texts\" }\n");
    for command in ["plan", "run"] {
        let complaint = trial.fails(&[command, "r.toml", "--input", "texts=."]);
        assert!(
            complaint.contains("store lies inside the input \"texts\" (")
                && complaint.contains("name a store elsewhere with --store"),
            "{complaint}"
        );
    }
    // what is hidden is not read, so a hidden store changes nothing, and nor do a file manager's notes
    let hidden = ["run", "r.toml", "--input", "texts=.", "--store", ".store"];
    trial.ok(&hidden);
    trial.write(".DS_Store", "notes");
    let again = trial.run(&hidden);
    assert!(
        again.ok && again.err.contains("already there"),
        "{}",
        again.err
    );
}

#[test]
fn threads_that_no_machine_has() {
    let trial = Trial::new();
    for threads in ["0", "100000", "many"] {
        let complaint = trial.fails(&["plan", "--threads", threads]);
        assert!(
            complaint.contains("wanted a number of threads from 1 to 1024"),
            "{complaint}"
        );
    }
}
