//! A teacher and its students: live, from lessons, in a chain; what was killed, what does not fit.

use crate::trial::{LIFE, Trial, contents};
use serde_json::Value;
use std::fs;

/// Students of `second`: half as wide, and in a chain a quarter.
const TAUGHT: &str = r#"
[[step]]
name = "half"
stage = "init"
inputs = { tokenizer = "tokenizer" }
with = { shape = { layers = 2, width = 16, ffn = 40, query_heads = 2, kv_heads = 1, context = 64 } }

[[step]]
name = "student"
stage = "distill"
inputs = { student = "half", teacher = "second", tokens = "tokens", validation = "held-out" }
with = { train = { tokens = 4096, sequence = 32, batch_tokens = 256, save_every = 1024, schedule = { peak = 1e-2 } } }

[[step]]
name = "lessons"
stage = "teach"
inputs = { teacher = "second", tokens = "tokens" }
with = { likeliest = 64, sequence = 32 }

[[step]]
name = "reader"
stage = "distill"
inputs = { student = "half", lessons = "lessons", tokens = "tokens", validation = "held-out" }
with = { train = { tokens = 4096, sequence = 32, batch_tokens = 256, save_every = 1024, schedule = { peak = 1e-2 } } }

[[step]]
name = "quarter"
stage = "init"
inputs = { tokenizer = "tokenizer" }
with = { shape = { layers = 2, width = 8, ffn = 24, query_heads = 2, kv_heads = 1, head_dim = 4, context = 64 } }

[[step]]
name = "last"
stage = "distill"
inputs = { student = "quarter", teacher = "second", tokens = "tokens", validation = "held-out" }
with = { divergence = "jensen-shannon", beta = 0.5, temperature = 2.0, cross_entropy = 0.2, train = { tokens = 1024, sequence = 32, batch_tokens = 256 } }
"#;

fn recipe() -> String {
    format!("{LIFE}{TAUGHT}")
}

/// The trial after running a recipe up to some steps.
fn run(text: &str, steps: &[&str]) -> Trial {
    let trial = Trial::new();
    trial.write("taught.toml", text);
    for step in steps {
        trial.ok(&["run", "taught.toml", "--only", step]);
    }
    trial
}

fn curve(trial: &Trial, step: &str) -> Value {
    let text = fs::read_to_string(trial.artifact(step).join("training.json")).expect("a curve");
    serde_json::from_str(&text).expect("JSON")
}

fn bits(curve: &Value) -> Vec<f64> {
    let validations = curve["validations"].as_array().expect("validations");
    validations
        .iter()
        .map(|at| at["total"]["bits_per_byte"].as_f64().expect("a number"))
        .collect()
}

fn losses(curve: &Value) -> Vec<f64> {
    let points = curve["points"].as_array().expect("points");
    points
        .iter()
        .map(|at| at["loss"].as_f64().expect("a number"))
        .collect()
}

#[test]
fn distill() {
    let trial = run(&recipe(), &["second"]);
    let plan = trial.ok(&["plan", "taught.toml"]);
    assert!(plan.contains("teacher FLOPs"), "{plan}");
    for step in ["student", "last"] {
        trial.ok(&["run", "taught.toml", "--only", step]);
        let curve = curve(&trial, step);
        let (bits, losses) = (bits(&curve), losses(&curve));
        assert!(bits[bits.len() - 1] < bits[0], "{step} learns: {bits:?}");
        assert!(losses[losses.len() - 1] < losses[0], "{step}: {losses:?}");
    }
    let shown: Value =
        serde_json::from_str(&trial.ok(&["show", "student", "--json"])).expect("JSON");
    let schedule = &shown["manifest"]["origin"]["made"]["settings"]["train"]["schedule"];
    assert_eq!(schedule["shape"], "cosine", "the report's default: {shown}");
    let why = trial.ok(&["why", "last"]);
    assert!(why.contains("second") && why.contains("quarter"), "{why}");
}

#[test]
fn teach() {
    let trial = run(&recipe(), &["student", "reader"]);
    let shown: Value =
        serde_json::from_str(&trial.ok(&["show", "lessons", "--json"])).expect("JSON");
    let notes = &shown["manifest"]["notes"];
    let rest = notes["mean probability of what was not kept"]
        .as_f64()
        .expect("a number");
    assert!((0.0..0.9).contains(&rest), "{notes}");
    let bytes = notes["bytes per token"].as_f64().expect("a number");
    assert!(bytes < 64.0 * 4.0, "{bytes} bytes a token");
    let (live, kept) = (
        bits(&curve(&trial, "student")),
        bits(&curve(&trial, "reader")),
    );
    let last = |bits: &[f64]| bits[bits.len() - 1];
    assert!(last(&kept) < 0.95 * kept[0], "it learns: {kept:?}");
    assert!(
        (last(&live) - last(&kept)).abs() < 0.1 * last(&live),
        "{live:?} {kept:?}"
    );
    assert!(trial.ok(&["verify", "lessons"]).contains("as it was made"));
}

/// All tokens of the very windows: what a live teacher says, but for the rounding of what is kept.
#[test]
fn lessons_of_the_same_windows_are_the_teacher() {
    let train = "train = { tokens = 2048, sequence = 32, batch_tokens = 256, order = \"written\", schedule = { peak = 1e-2 } }";
    let text = format!(
        "{LIFE}{}\n[[step]]\nname = \"all\"\nstage = \"teach\"\ninputs = {{ teacher = \"second\", tokens = \"tokens\" }}\n\
         with = {{ likeliest = 600, sequence = 32, seen = \"windows\", order = \"written\", precision = \"f32\" }}\n\
         [[step]]\nname = \"live\"\nstage = \"distill\"\ninputs = {{ student = \"half\", teacher = \"second\", tokens = \"tokens\" }}\n\
         with = {{ precision = \"f32\", {train} }}\n\
         [[step]]\nname = \"kept\"\nstage = \"distill\"\ninputs = {{ student = \"half\", lessons = \"all\", tokens = \"tokens\" }}\n\
         with = {{ precision = \"f32\", {train} }}\n",
        &TAUGHT[..TAUGHT.find("[[step]]\nname = \"student\"").expect("a step")]
    );
    let trial = run(&text, &["live", "kept"]);
    let (live, kept) = (
        losses(&curve(&trial, "live")),
        losses(&curve(&trial, "kept")),
    );
    assert_eq!(live.len(), kept.len());
    for (live, kept) in live.iter().zip(&kept) {
        // A log-probability is kept to 2⁻¹² of a nat.
        assert!((live - kept).abs() < 2e-3, "{live} {kept}");
    }
    // Other windows are refused, and more than one pass over these.
    for (from, to, word) in [
        (
            "sequence = 32, batch_tokens = 256, order",
            "sequence = 16, batch_tokens = 256, order",
            "windows of 32",
        ),
        (
            "tokens = 2048, sequence",
            "tokens = 20_000, sequence",
            "one pass",
        ),
    ] {
        let at = text.find("name = \"kept\"").expect("the step");
        let changed = format!("{}{}", &text[..at], text[at..].replace(from, to));
        trial.write("other.toml", changed);
        let complaint = trial.fails(&["run", "other.toml", "--only", "kept"]);
        assert!(complaint.contains(word), "{complaint}");
    }
}

#[test]
fn killed_while_teaching_and_learning() {
    let steps = ["second", "student", "lessons", "reader"];
    let outcome = |trial: &Trial| -> Vec<_> {
        let artifacts = steps
            .iter()
            .flat_map(|name| contents(&trial.artifact(name)));
        artifacts.collect()
    };
    let wanted = outcome(&run(&recipe(), &steps));
    let trial = run(&recipe(), &["second"]);
    let mut falls = 0;
    for step in ["student", "reader"] {
        let words = ["run", "taught.toml", "--only", step];
        falls += trial.fall(&words, |n| 2 + 11 * n + n * n * 5, 60);
    }
    assert!(falls >= 6, "only {falls} aborts");
    assert!(
        outcome(&trial) == wanted,
        "after {falls} aborts the bytes differ"
    );
}

/// The recipe with a change, whose step must fail; the complaint says all of `words`.
fn refused(trial: &Trial, from: &str, to: &str, step: &str, words: &[&str]) {
    let text = recipe();
    let at = text.find(&format!("name = \"{step}\"")).expect("the step");
    assert!(text[at..].contains(from), "no {from:?} in {step}");
    let changed = format!("{}{}", &text[..at], text[at..].replacen(from, to, 1));
    trial.write("changed.toml", changed);
    let complaint = trial.fails(&["run", "changed.toml", "--only", step]);
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in:\n{complaint}");
    }
}

#[test]
fn what_does_not_fit_a_student() {
    let trial = run(&recipe(), &["second", "lessons"]);
    refused(
        &trial,
        "teacher = \"second\", tokens",
        "tokens",
        "student",
        &["teacher", "lessons", "neither"],
    );
    refused(
        &trial,
        "teacher = \"second\", tokens",
        "teacher = \"second\", lessons = \"lessons\", tokens",
        "student",
        &["both"],
    );
    refused(
        &trial,
        "with = { train",
        "with = { temperature = 2.0, train",
        "reader",
        &["temperature"],
    );
    refused(
        &trial,
        "with = { train",
        "with = { hidden = 1.0, train",
        "student",
        &["projection", "32", "16"],
    );
    refused(
        &trial,
        "tokens = \"tokens\"",
        "tokens = \"held-out\"",
        "reader",
        &["other tokens", "lessons"],
    );
    refused(
        &trial,
        "with = { train",
        "with = { divergence = \"sideways\", train",
        "student",
        &["sideways", "forward", "jensen-shannon"],
    );
    refused(
        &trial,
        "cross_entropy = 0.2",
        "cross_entropy = 1.2",
        "last",
        &["cross_entropy", "within 0 and 1"],
    );
    refused(
        &trial,
        "likeliest = 64",
        "likeliest = 601",
        "lessons",
        &["601", "600"],
    );

    // A teacher of another tokenizer, of the same size.
    let other = format!(
        "{}\n[[step]]\nname = \"other-tokenizer\"\nstage = \"train-tokenizer\"\ninputs = {{ corpora = [\"mixture\"] }}\nwith = {{ vocabulary = 600 }}\n\
         [[step]]\nname = \"stranger\"\nstage = \"init\"\ninputs = {{ tokenizer = \"other-tokenizer\" }}\nwith = {{ shape = {{ layers = 1, width = 16, ffn = 16, query_heads = 1, kv_heads = 1, context = 64 }} }}\n",
        recipe().replace(
            "student = \"half\", teacher = \"second\"",
            "student = \"half\", teacher = \"stranger\""
        )
    );
    trial.write("stranger.toml", other);
    let complaint = trial.fails(&["run", "stranger.toml", "--only", "student"]);
    assert!(
        complaint.contains("another tokenizer") && complaint.contains("stranger"),
        "{complaint}"
    );
}

/// What is known of shapes is refused before anything runs.
#[test]
fn what_does_not_fit_is_refused_in_the_plan() {
    let trial = Trial::new();
    let model = |name: &str, vocabulary: usize, context: usize| {
        format!(
            "\n[[step]]\nname = \"{name}\"\nstage = \"init\"\n\
             with = {{ shape = {{ layers = 1, width = 32, ffn = 32, query_heads = 1, kv_heads = 1, vocabulary = {vocabulary}, context = {context} }} }}\n"
        )
    };
    let (wide, short) = (model("wide", 601, 64), model("short", 600, 16));
    let student = "student = \"half\", teacher = \"second\"";
    for (from, to, words) in [
        (
            "with = { train",
            "with = { hidden = 1.0, train",
            ["half cannot learn from second", "projection"],
        ),
        (
            student,
            "student = \"half\", teacher = \"wide\"",
            ["half cannot learn from wide", "vocabulary is 601"],
        ),
        (
            student,
            "student = \"half\", teacher = \"short\"",
            ["half cannot learn from short", "context of 16"],
        ),
    ] {
        let taught = TAUGHT.replacen(from, to, 1);
        trial.write("taught.toml", format!("{LIFE}{wide}{short}{taught}"));
        let complaint = trial.fails(&["plan", "taught.toml"]);
        for word in words {
            assert!(complaint.contains(word), "{word:?}:\n{complaint}");
        }
    }
}

/// A teacher that is asked takes the same, whether its student waits for it or reads it later, and
/// whether it is made by the recipe or brought to it.
#[test]
fn what_a_teacher_takes_is_planned() {
    let trial = Trial::new();
    let quantity = |step: &str, name: &str| -> Option<f64> {
        let plan: Value =
            serde_json::from_str(&trial.ok(&["plan", "planned.toml", "--json"])).expect("JSON");
        let steps = plan["plan"]["steps"].as_array().expect("steps");
        let step = steps.iter().find(|found| found["name"] == step);
        let quantities = step.expect("the step")["quantities"].as_array().cloned();
        let found = quantities.expect("quantities").into_iter();
        let mut found = found.filter(|quantity| quantity["name"] == name);
        found.next().and_then(|quantity| quantity["value"].as_f64())
    };
    let recipe = |inputs: &str, init: &str, precision: &str| {
        trial.write(
            "planned.toml",
            format!(
                "seed = 1\n[inputs]\ntext = {{ kind = \"tokens\", expected = {{ tokens = 1_000_000 }} }}\n{inputs}\n{init}\n\
                 [[step]]\nname = \"young\"\nstage = \"init\"\nwith = {{ shape = {{ layers = 1, width = 64, ffn = 64, query_heads = 1, vocabulary = 500 }} }}\n\
                 [[step]]\nname = \"kept\"\nstage = \"teach\"\ninputs = {{ teacher = \"old\", tokens = \"text\" }}\nwith = {{ sequence = 128, precision = \"{precision}\" }}\n\
                 [[step]]\nname = \"live\"\nstage = \"distill\"\ninputs = {{ student = \"young\", teacher = \"old\", tokens = \"text\" }}\nwith = {{ precision = \"{precision}\", train = {{ tokens = 1_000_000, sequence = 128 }} }}\n\
                 [[step]]\nname = \"alone\"\nstage = \"pretrain\"\ninputs = {{ model = \"young\", tokens = \"text\" }}\nwith = {{ precision = \"{precision}\", train = {{ tokens = 1_000_000, sequence = 128 }} }}\n"
            ),
        );
    };
    let made = "[[step]]\nname = \"old\"\nstage = \"init\"\nwith = { shape = { layers = 2, width = 256, ffn = 512, query_heads = 2, vocabulary = 500 } }";
    let brought = "old = { kind = \"model\", expected = { parameters = 1_500_000 } }";
    for (inputs, init) in [("", made), (brought, "")] {
        let mut memory = Vec::new();
        for precision in ["bf16", "f32"] {
            recipe(inputs, init, precision);
            let flops = ["kept", "live"].map(|step| quantity(step, "teacher FLOPs"));
            assert!(flops[0] > Some(2e12) && flops[0] == flops[1], "{flops:?}");
            assert_eq!(
                quantity("kept", "FLOPs"),
                None,
                "a teacher's are not training"
            );
            assert_eq!(quantity("kept", "training/sequence"), Some(128.0));
            let of = |step: &str| quantity(step, "bytes of memory").expect("memory");
            let kept = of("kept");
            assert!((of("live") - of("alone") - kept).abs() < 1.0, "{kept}");
            memory.push(kept);
        }
        if inputs == brought {
            assert_eq!(memory, [3e6, 6e6], "2 and 4 bytes a parameter");
            assert_eq!(quantity("kept", "teacher FLOPs"), Some(3e12));
        }
    }
}

#[test]
fn the_recipe_plans() {
    let trial = Trial::new();
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/distill.toml");
    let plan = trial.ok(&["plan", recipe, "--json"]);
    for word in ["smallest", "teacher FLOPs", "recovery"] {
        assert!(plan.contains(word), "{word:?}:\n{plan}");
    }
}

#[test]
fn lessons_that_were_cut_short() {
    let trial = run(&recipe(), &["lessons"]);
    let part = trial.artifact("lessons").join("lessons-00000.part");
    let bytes = fs::read(&part).expect("a part");
    trial.write(part.to_str().expect("UTF-8"), &bytes[..bytes.len() - 5]);
    let complaint = trial.fails(&["run", "taught.toml", "--only", "reader"]);
    assert!(complaint.contains("lessons-00000.part"), "{complaint}");
    assert!(trial.run(&["verify", "lessons"]).out.contains("cut short"));
}
