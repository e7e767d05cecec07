//! An experiment as its user runs it: planned, stopped, gone on with, read, and refused.

use crate::trial::Trial;
use serde_json::Value;
use std::fs;

/// Two arms on a world of the smallest size, which differ in their learning rate.
const EXPERIMENT: &str = r#"
question = "더 빠르면 더 나은가? Does it learn more at a higher rate?"
report = "nothing"
seeds = [1, 2]
budget = { equal = "flops" }

[[shared]]
name = "world"
stage = "world"
with = { people = 8, towns = 4, islands = 4, mountains = 4, rivers = 0, books = 8, songs = 0, buildings = 4, institutions = 4, tellings = [5], arithmetic = 0.0, largest_number = 0 }

[[shared]]
name = "tokenizer"
stage = "train-tokenizer"
inputs = { corpora = ["world"] }
with = { vocabulary = 512 }

[[step]]
name = "mixture"
stage = "mix"
inputs = { corpora = ["world"], tokenizer = "tokenizer" }
with = { by = "tokens", total = 9_000, validation = 0.05, parts = [{ from = "world", share = 1.0 }] }

[[step]]
name = "tokens"
stage = "tokenize"
inputs = { corpus = "mixture", tokenizer = "tokenizer" }

[[step]]
name = "held-out"
stage = "tokenize"
inputs = { corpus = "mixture", tokenizer = "tokenizer" }
with = { held_out = true, group_by = ["language"] }

[[step]]
name = "untrained"
stage = "init"
inputs = { tokenizer = "tokenizer" }
with = { shape = { layers = 2, width = 16, ffn = 32, query_heads = 2, kv_heads = 1, context = 64 } }

[[step]]
name = "model"
stage = "pretrain"
inputs = { model = "untrained", tokens = "tokens", validation = "held-out" }
with = { train = { tokens = 8_192, sequence = 64, batch_tokens = 256, schedule = { peak = 1e-4 } } }

[[arm]]
name = "slow"

[[arm]]
name = "fast"
says = "a hundred times the rate"
change.model.with.train.schedule.peak = 1e-2

[[outcome]]
name = "bits per byte"
step = "model"
file = "training.json"
at = "/validations/last/total/bits_per_byte"
better = "lower"

[[outcome]]
name = "tokens to the loss of slow"
step = "model"
file = "training.json"
better = "lower"
unit = "quantity"
until = { curve = { list = "/validations", x = "/tokens", y = "/total/bits_per_byte" }, arm = "slow", outcome = "bits per byte", spent = true }

[[picture]]
name = "bits per byte"
along = "tokens"
step = "model"
file = "training.json"
curve = { list = "/validations", x = "/tokens", y = "/total/bits_per_byte" }

[[contrast]]
of = ["fast"]
against = ["slow"]
outcomes = ["bits per byte", "tokens to the loss of slow"]
expect = "lower"
"#;

fn findings(trial: &Trial) -> Value {
    let path = trial.path("store/experiments/rate/findings.json");
    serde_json::from_slice(&fs::read(path).expect("findings")).expect("JSON")
}

#[test]
fn an_experiment_is_planned_run_and_free_the_second_time() {
    let trial = Trial::new();
    trial.write("rate.toml", EXPERIMENT);
    let plan = trial.ok(&["experiment", "rate.toml", "--plan"]);
    assert!(
        plan.contains("a hundred times the rate") && plan.contains("steps are to be made"),
        "{plan}"
    );
    let said = trial.run(&[
        "experiment",
        "rate.toml",
        "--jobs",
        "2",
        "--findings",
        "kept.json",
    ]);
    assert!(said.ok, "{}{}", said.out, said.err);
    assert!(said.err.contains("fast, seed 2: done, "), "{}", said.err);
    for part in [
        "더 빠르면",
        "reproduced in all 2 comparisons",
        "fast − slow",
        "Every seed",
    ] {
        assert!(said.out.contains(part), "no {part:?} in\n{}", said.out);
    }
    // What is shared was made once for all, the rest of the first steps once a seed.
    let folders = |name: &str| {
        let entries = fs::read_dir(trial.path("store")).expect("a store");
        let names = entries.map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        });
        names
            .filter(|folder| folder.starts_with(&format!("{name}-")))
            .count()
    };
    assert_eq!(
        ["world", "tokenizer", "mixture", "untrained", "model"].map(folders),
        [1, 1, 2, 2, 4]
    );
    let found = findings(&trial);
    let values = |arm: usize| {
        found["outcomes"][0]["arms"][arm]["values"]
            .as_array()
            .expect("values")
            .clone()
    };
    assert!(
        values(0)
            .iter()
            .zip(values(1))
            .all(|(slow, fast)| slow.as_f64() > fast.as_f64()),
        "{found}"
    );
    // Reaching its own end costs the slow arm what it costs; the fast one comes there sooner.
    let flops = found["arms"][0]["spent"]["flops"].as_f64().expect("FLOPs");
    let slow = found["outcomes"][1]["arms"][0]["values"][0]
        .as_f64()
        .expect("a number");
    assert!((slow / flops - 1.0).abs() < 0.05, "{slow} of {flops}");
    assert_eq!(
        fs::read(trial.path("kept.json")).expect("kept"),
        fs::read(trial.path("store/experiments/rate/findings.json")).expect("findings")
    );
    let html =
        fs::read_to_string(trial.path("store/experiments/rate/report.html")).expect("a page");
    assert!(
        html.contains("<svg") && html.contains("더 빠르면"),
        "no picture"
    );

    // Each arm with each seed is a recipe, and the same artifacts come of it.
    let arm = trial.run(&[
        "plan",
        "store/experiments/rate/arms/2-fast-2.toml",
        "--only",
        "model",
    ]);
    assert!(
        arm.ok && !arm.out.contains("to do"),
        "{}{}",
        arm.out,
        arm.err
    );
    let again = trial.ok(&["experiment", "rate.toml", "--plan", "--json"]);
    let again: Value = serde_json::from_str(&again).expect("JSON");
    assert_eq!(again["steps_to_do"], 0, "{again}");
}

#[test]
fn a_stopped_experiment_goes_on_to_the_same_findings() {
    let whole = Trial::new();
    whole
        .write("rate.toml", EXPERIMENT)
        .ok(&["experiment", "rate.toml", "--jobs", "1"]);
    let killed = Trial::new();
    killed.write("rate.toml", EXPERIMENT);
    let fell = killed.fall(
        &["experiment", "rate.toml", "--jobs", "1"],
        |attempt| 40 + 37 * attempt,
        60,
    );
    assert!(fell >= 3, "it was stopped {fell} times only");
    assert_eq!(findings(&killed), findings(&whole));
}

#[test]
fn arms_that_cost_different_things_are_refused_with_their_figures() {
    let trial = Trial::new();
    let unequal = EXPERIMENT.replace(
        "change.model.with.train.schedule.peak = 1e-2",
        "change.model.with.train.tokens = 4_096",
    );
    let said = trial
        .write("rate.toml", unequal)
        .run(&["experiment", "rate.toml"]);
    for part in [
        "should cost the same within 1.0 %",
        "\"fast\" costs",
        "\"slow\"",
        "a ratio of 2.0000",
    ] {
        assert!(
            !said.ok && said.err.contains(part),
            "no {part:?} in\n{}",
            said.err
        );
    }
    assert!(
        !trial.path("store/experiments").exists(),
        "something was written before the refusal"
    );
}

fn check_mistake(from: &str, to: &str, expected: &str) {
    let trial = Trial::new();
    assert!(EXPERIMENT.contains(from), "{from}");
    let said = trial
        .write("rate.toml", EXPERIMENT.replacen(from, to, 1))
        .run(&["experiment", "rate.toml", "--plan"]);
    assert!(
        !said.ok && said.err.contains(expected),
        "no {expected:?} in\n{}",
        said.err
    );
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    check_mistake(
        "schedule.peak = 1e-2",
        "schedule.peek = 1e-2",
        "the arm \"fast\"",
    );
    check_mistake(
        "change.model.with",
        "change.modell.with",
        "which is not there",
    );
    check_mistake(
        "budget = { equal = \"flops\" }",
        "budget = { equal = \"flops\", sunk = [\"teacher\"] }",
        "names the step \"teacher\"",
    );
    check_mistake("question", "frage", "unknown field `frage`");
}

#[test]
fn a_place_that_is_not_there_is_told_with_arm_and_seed() {
    let trial = Trial::new();
    let wrong = EXPERIMENT.replacen(
        "/validations/last/total/bits_per_byte",
        "/validations/last/total/bits",
        1,
    );
    let said = trial
        .write("rate.toml", wrong)
        .run(&["experiment", "rate.toml"]);
    for part in [
        "\"bits per byte\" of the arm \"slow\" with seed 1",
        "nothing called \"bits\"",
        "there are ",
    ] {
        assert!(
            !said.ok && said.err.contains(part),
            "no {part:?} in\n{}",
            said.err
        );
    }
}

#[test]
fn claims_are_printed_from_what_was_found() {
    let trial = Trial::new();
    trial.write("rate.toml", EXPERIMENT).ok(&[
        "experiment",
        "rate.toml",
        "--findings",
        "found/rate.json",
    ]);
    trial.write("claims.toml", "[[claim]]\nsays = \"faster is better\"\nreport = \"nothing\"\nexperiments = [\"rate\", \"other\"]\n");
    let page = trial.ok(&["claims", "claims.toml", "--findings", "found"]);
    assert!(
        page.contains("[rate](#rate): fast − slow, bits per byte: −"),
        "{page}"
    );
    trial.ok(&[
        "claims",
        "claims.toml",
        "--findings",
        "found",
        "--out",
        "page.md",
    ]);
    assert_eq!(
        fs::read_to_string(trial.path("page.md"))
            .expect("a page")
            .trim_end(),
        page.trim_end()
    );
    let said =
        trial
            .write("found/rate.json", "{}")
            .run(&["claims", "claims.toml", "--findings", "found"]);
    assert!(
        !said.ok && said.err.contains("holds no findings of an experiment"),
        "{}",
        said.err
    );
}

/// Everything that lies in the folder of experiments can be planned, with budgets that agree; every experiment that a
/// claim names is there.
#[test]
fn the_experiments_of_this_project_are_sound() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let trial = Trial::new();
    trial.write("texts/nothing.jsonl", "{\"text\": \"하늘\"}\n");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("experiments")).expect("experiments") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("text");
        if !text.contains("[[arm]]") {
            continue; // a recipe
        }
        let path = path.to_str().expect("a path");
        let mut words = vec!["experiment", path, "--plan", "--json"];
        for (input, bound) in [
            ("pretrain = {", "pretrain=texts"),
            ("parallel = {", "parallel=texts"),
        ] {
            if text.contains(input) {
                words.extend(["--input", bound]);
            }
        }
        let plan: Value = serde_json::from_str(&trial.ok(&words)).expect("JSON");
        assert!(
            plan["seeds"].as_array().expect("seeds").len() >= 2,
            "{path}: {plan}"
        );
        names.push(plan["experiment"].as_str().expect("a name").to_owned());
    }
    let claims = fs::read_to_string(root.join("claims.toml")).expect("claims");
    let lists = claims
        .lines()
        .filter_map(|line| line.strip_prefix("experiments = "));
    let lists = lists.map(|list| serde_json::from_str::<Vec<String>>(list).expect("a list"));
    let named: Vec<String> = lists.flatten().collect();
    for name in &named {
        assert!(
            names.iter().any(|there| there == name),
            "a claim names {name}, which is not there"
        );
    }
    for name in &names {
        assert!(named.contains(name), "no claim names {name}");
    }
}

/// The index that lies in the repository is what the findings in it say, and they are of the files as they are.
#[test]
fn the_index_of_claims_is_up_to_date() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = |name: &str| root.join(name).to_str().expect("a path").to_owned();
    let said = Trial::new().run(&[
        "claims",
        &path("recipes/claims.toml"),
        "--findings",
        &path("docs/experiments"),
        "--experiments",
        &path("recipes/experiments"),
    ]);
    assert!(said.ok && said.err.is_empty(), "{}", said.err);
    let kept = fs::read_to_string(root.join("docs/claims.md")).expect("the index");
    assert!(
        kept.trim_end() == said.out.trim_end(),
        "docs/claims.md is not what `kanana claims` prints: `kanana claims --out docs/claims.md`"
    );
}
