//! Models made deeper and narrower by recipe: what comes out, what was killed, what does not fit.

use crate::trial::{LIFE, Trial, contents};
use serde_json::Value;
use std::fs;

/// `LIFE`'s model deeper and narrower.
const SURGERY: &str = r#"
[[step]]
name = "deep"
stage = "upscale"
inputs = { model = "second" }
with = { plan = "solar", to = 3 }

[[step]]
name = "deep-trained"
stage = "pretrain"
inputs = { model = "deep", tokens = "tokens", validation = "held-out" }
with = { train = { tokens = 1024, sequence = 32, batch_tokens = 256, schedule = { peak = 3e-3, warm_up = 0.1 } } }

[[step]]
name = "preserved"
stage = "upscale"
inputs = { model = "second" }
with = { plan = "preserving", to = 5 }

[[step]]
name = "shuffled"
stage = "upscale"
inputs = { model = "second" }
with = { layers = [1, 0, 1], dtype = "bf16" }

[[step]]
name = "matters"
stage = "importance"
inputs = { model = "second", tokens = "tokens" }
with = { sequences = 200, sequence = 32 }

[[step]]
name = "thin"
stage = "prune"
inputs = { model = "second", importance = "matters" }
with = { shape = { width = 24, ffn = 48, query_heads = 2 } }

[[step]]
name = "thin-trained"
stage = "pretrain"
inputs = { model = "thin", tokens = "tokens", validation = "held-out" }
with = { train = { tokens = 2048, sequence = 32, batch_tokens = 256, schedule = { peak = 1e-2 } } }

[[step]]
name = "fitting"
stage = "prune"
inputs = { model = "second", importance = "matters" }
with = { candidate = 2, budget = { parameters = 25_000, tolerance = 0.2, width = [16, 24, 32], ffn = [1.5, 2.0, 2.5], query_heads = [2, 4], layers = [1, 2] } }

[[step]]
name = "other"
stage = "prune"
inputs = { model = "second", importance = "matters" }
with = { shape = { width = 16, ffn = 32, query_heads = 2, layers = 1 } }

[[step]]
name = "other-trained"
stage = "pretrain"
inputs = { model = "other", tokens = "tokens", validation = "held-out" }
with = { train = { tokens = 256, sequence = 32, batch_tokens = 256, schedule = { peak = 1e-4 } } }

[[step]]
name = "best"
stage = "rank"
inputs = { models = ["other", "thin"], judged = ["other-trained", "thin-trained"], tokens = "held-out" }

[[step]]
name = "best-trained"
stage = "pretrain"
inputs = { model = "best", tokens = "tokens" }
with = { train = { tokens = 256, sequence = 32, batch_tokens = 256, schedule = { peak = 1e-3 } } }
"#;

fn recipe() -> String {
    LIFE.to_owned() + SURGERY
}

fn trial() -> Trial {
    let trial = Trial::new();
    trial.write("life.toml", recipe());
    trial
}

fn json(trial: &Trial, step: &str, file: &str) -> Value {
    let path = trial.artifact(step).join(file);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// The file of logits that a model gives for a few tokens.
fn logits(trial: &Trial, model: &str) -> Vec<u8> {
    let out = format!("{model}.safetensors");
    trial.ok(&["logits", model, "--ids", "1,40,7,300,41,8", "--out", &out]);
    fs::read(trial.path(&out)).expect("logits")
}

fn bits_per_byte(trial: &Trial, step: &str, index: impl Fn(usize) -> usize) -> f64 {
    let curve = json(trial, step, "training.json");
    let validations = curve["validations"].as_array().expect("validations");
    let at = &validations[index(validations.len())];
    at["total"]["bits_per_byte"].as_f64().expect("a number")
}

#[test]
fn upscale() {
    let trial = trial();
    trial.ok(&[
        "run",
        "life.toml",
        "--only",
        "deep-trained",
        "--only",
        "preserved",
        "--only",
        "shuffled",
    ]);
    let record = json(&trial, "deep", "surgery.json");
    assert_eq!(
        record["taken"]["layer"]["lists"][0],
        serde_json::json!([0, 1, 1])
    );
    assert_eq!(record["from"]["name"], "second");
    assert_eq!(json(&trial, "deep", "config.json")["num_hidden_layers"], 3);
    assert!(logits(&trial, "deep") != logits(&trial, "second"));
    let first = |_| 0;
    let last = |len: usize| len - 1;
    assert!(
        bits_per_byte(&trial, "deep-trained", last) < bits_per_byte(&trial, "deep-trained", first),
        "it recovers"
    );

    // Silent copies change nothing, to the last bit.
    let record = json(&trial, "preserved", "surgery.json");
    assert_eq!(
        record["taken"]["layer"]["lists"][0],
        serde_json::json!([0, 0, 1, 1, 1])
    );
    assert_eq!(record["silent_layers"], serde_json::json!([1, 3, 4]));
    assert!(logits(&trial, "preserved") == logits(&trial, "second"));

    let config = json(&trial, "shuffled", "config.json");
    assert_eq!(config["num_hidden_layers"], 3);
    assert_eq!(config["torch_dtype"], "bfloat16");
    let notes = &json(&trial, "shuffled", "manifest.json")["notes"];
    assert_eq!(notes["layers of the source"], "1, 0-1");
    trial.ok(&["generate", "shuffled", "나는 ", "--tokens", "4"]);
}

/// The better of two candidates goes on as it was cut, whole, and can be trained further.
#[test]
fn rank() {
    let trial = trial();
    trial.ok(&["run", "life.toml", "--only", "best-trained"]);
    let places = json(&trial, "best", "ranking.json");
    let names = |field: &str| [0, 1].map(|at| places[at][field].as_str().map(str::to_owned));
    assert_eq!(
        names("model"),
        ["thin", "other"].map(|name| Some(name.to_owned()))
    );
    assert_eq!(places[0]["candidate"], 2);
    let loss = |at: usize| places[at]["bits_per_byte"].as_f64().expect("a number");
    assert!(loss(0) < loss(1), "{places}");
    let last = |len: usize| len - 1;
    let own = bits_per_byte(&trial, "thin-trained", last);
    assert!((loss(0) / own - 1.0).abs() < 0.01, "{} for {own}", loss(0));
    assert!(logits(&trial, "best") == logits(&trial, "thin"));
    assert_eq!(
        json(&trial, "best", "surgery.json"),
        json(&trial, "thin", "surgery.json")
    );

    for (inputs, sentence) in [
        (
            r#"{ models = ["thin"], tokens = "held-out" }"#,
            "at least two",
        ),
        (
            r#"{ models = ["thin", "other"], judged = ["thin-trained"], tokens = "held-out" }"#,
            "there are 1 for 2",
        ),
    ] {
        let step = format!("\n[[step]]\nname = \"wrong\"\nstage = \"rank\"\ninputs = {inputs}\n");
        trial.write("wrong.toml", recipe() + &step);
        let said = trial.fails(&["plan", "wrong.toml"]);
        assert!(said.contains(sentence), "{said}");
    }
}

#[test]
fn importance() {
    let found = ["1", "2"].map(|threads| {
        let trial = trial();
        trial.ok(&[
            "run",
            "life.toml",
            "--only",
            "matters",
            "--threads",
            threads,
        ]);
        let notes = &json(&trial, "matters", "manifest.json")["notes"];
        assert_eq!(
            (&notes["sequences"], &notes["tokens"]),
            (&200.into(), &6400.into())
        );
        contents(&trial.artifact("matters"))
    });
    assert!(found[0] == found[1], "threads change nothing");
}

#[test]
fn prune() {
    let trial = trial();
    trial.ok(&[
        "run",
        "life.toml",
        "--only",
        "thin-trained",
        "--only",
        "fitting",
    ]);
    let config = json(&trial, "thin", "config.json");
    let sizes = [
        "hidden_size",
        "intermediate_size",
        "num_attention_heads",
        "head_dim",
    ];
    assert_eq!(
        sizes.map(|size| config[size].as_u64()),
        [24, 48, 2, 8].map(Some)
    );
    let record = json(&trial, "thin", "surgery.json");
    let taken = &record["taken"];
    let lists = |axis: &str| taken[axis]["lists"].as_array().expect("lists").len();
    assert_eq!((lists("width"), lists("ffn"), lists("group")), (1, 2, 4));
    assert_eq!(
        taken["group"]["given"],
        serde_json::json!(["layer", "kv_head"])
    );
    assert!(
        record["kept"]["channels"].as_f64() > Some(24.0 / 32.0),
        "{}",
        record["kept"]
    );
    // What was cut is worse than the whole, better than nothing, and learns again.
    let begun = bits_per_byte(&trial, "thin-trained", |_| 0);
    let whole = bits_per_byte(&trial, "second", |len| len - 1);
    let nothing = bits_per_byte(&trial, "first", |_| 0);
    assert!(
        whole < begun && begun < nothing,
        "{whole} {begun} {nothing}"
    );
    assert!(bits_per_byte(&trial, "thin-trained", |len| len - 1) < begun);

    let candidates = json(&trial, "fitting", "candidates.json");
    let candidates = candidates.as_array().expect("a list");
    let keeps: Vec<f64> = candidates
        .iter()
        .map(|one| one["keeps"].as_f64().expect("a share"))
        .collect();
    assert!(
        keeps.len() > 2 && keeps.is_sorted_by(|a, b| a >= b),
        "{keeps:?}"
    );
    for candidate in candidates {
        let parameters = candidate["parameters"].as_f64().expect("a count");
        assert!((20_000.0..=30_000.0).contains(&parameters), "{candidate}");
    }
    let config = json(&trial, "fitting", "config.json");
    assert_eq!(config["hidden_size"], candidates[1]["shape"]["width"]);
    assert_eq!(config["intermediate_size"], candidates[1]["shape"]["ffn"]);
}

#[test]
fn a_tied_model_of_an_untied_one() {
    let trial = Trial::new();
    trial.write(
        "life.toml",
        recipe()
            .replace("context = 64 }", "context = 64, tied = false }")
            .replace(
                "query_heads = 2 } }",
                "tied = true }, aggregation = { align_groups = false, swiglu = \"gate-up\" } }",
            ),
    );
    trial.ok(&["run", "life.toml", "--only", "thin-trained"]);
    let record = json(&trial, "thin", "surgery.json");
    assert_eq!(record["tied_by_mean"], true);
    assert_eq!(record["aggregation"]["swiglu"], "gate-up");
    assert_eq!(
        json(&trial, "thin", "config.json")["tie_word_embeddings"],
        true
    );
}

#[test]
fn a_model_that_was_killed_is_cut_to_the_same() {
    let only = ["run", "life.toml", "--only", "thin", "--only", "deep"];
    let outcome =
        |trial: &Trial| ["matters", "thin", "deep"].map(|step| contents(&trial.artifact(step)));
    let undisturbed = trial();
    undisturbed.ok(&only);
    let trial = trial();
    trial.ok(&["run", "life.toml", "--only", "second"]);
    let falls = trial.fall(&only, |n| 2 + 5 * n, 40);
    assert!(falls >= 4, "only {falls} aborts");
    assert!(
        outcome(&trial) == outcome(&undisturbed),
        "after {falls} aborts"
    );
}

#[test]
fn the_plan_of_the_8b_says_how_large_it_becomes() {
    let trial = Trial::new();
    trial.write(
        "plan.toml",
        "seed = 1\n[[step]]\nname = \"8b\"\nstage = \"init\"\nwith = { shape = { name = \"8b\" }, dtype = \"bf16\" }\n\
         [[step]]\nname = \"essence\"\nstage = \"upscale\"\ninputs = { model = \"8b\" }\nwith = { plan = \"solar\", to = 40 }\n\
         [[step]]\nname = \"twice\"\nstage = \"upscale\"\ninputs = { model = \"essence\" }\nwith = { plan = \"interleaved\", to = 48 }\n",
    );
    let plan = trial.ok(&["plan", "plan.toml"]);
    assert!(
        plan.contains("8.030B parameters") && plan.contains("9.775B parameters"),
        "{plan}"
    );
    assert!(
        !plan.contains("shape/"),
        "only what people want to know: {plan}"
    );
    assert!(
        plan.contains("11.520B"),
        "shapes go from step to step: {plan}"
    );
}

#[test]
fn recipes_of_surgery_can_be_planned() {
    for name in ["upscale", "prune", "distill"] {
        let path = format!("{}/../../recipes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let plan = Trial::new().ok(&["plan", &path, "--json"]);
        let plan: Value = serde_json::from_str(&plan).expect("JSON");
        let steps = plan["plan"]["steps"].as_array().expect("steps");
        let mut training = 0;
        for step in steps {
            let stage = step["stage"].as_str().expect("a stage");
            if ["pretrain", "distill"].contains(&stage) {
                let all = step["quantities"].as_array().expect("quantities");
                let flops = all.iter().find(|one| one["name"] == "FLOPs");
                let flops = flops.and_then(|one| one["value"].as_f64());
                assert!(flops.is_some_and(|flops| flops > 0.0), "{name}: {step}");
                training += 1;
            }
        }
        assert!(training > 1, "{name}");
    }
}

/// A recipe with `from` replaced, which must not run; the complaint says all of `words`.
fn check(from: &str, to: &str, only: &str, words: &[&str]) {
    let text = recipe();
    assert!(text.contains(from), "the recipe has no {from:?}");
    let trial = Trial::new();
    trial.write("life.toml", text.replacen(from, to, 1));
    let complaint = trial.fails(&["run", "life.toml", "--only", only]);
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in:\n{complaint}");
    }
}

/// A model of four layers, known to the plan before it is there, and what matters in it.
const KNOWN: &str = r#"
seed = 1

[inputs]
tokens = { kind = "tokens" }

[[step]]
name = "model"
stage = "init"
with = { shape = { layers = 4, width = 32, ffn = 80, query_heads = 4, kv_heads = 2, vocabulary = 600, context = 64 } }

[[step]]
name = "matters"
stage = "importance"
inputs = { model = "model", tokens = "tokens" }
with = { sequences = 64, sequence = 32 }

[[step]]
name = "cut"
"#;

#[test]
fn what_cannot_be_cut_is_a_sentence_of_the_plan() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "tokens"]);
    let tokens = format!("tokens={}", trial.artifact("tokens").display());
    let check = |stage: &str, inputs: &str, with: &str, words: &[&str]| {
        let step = format!("stage = \"{stage}\"\ninputs = {{ {inputs} }}\nwith = {{ {with} }}\n");
        trial.write("cut.toml", KNOWN.to_owned() + &step);
        let complaint = trial.fails(&["plan", "cut.toml", "--input", &tokens]);
        for word in words {
            assert!(complaint.contains(word), "{word:?} is not in:\n{complaint}");
        }
    };
    for (with, words) in [
        ("layers = [0, 4]", &["layer 4", "layers 0 to 3"][..]),
        ("layers = []", &["at least one layer"]),
        ("plan = \"solar\", to = 9", &["at most 8", "with.to"]),
        ("plan = \"solar\", to = 4", &["more than 4"]),
        ("plan = \"solar\"", &["`plan` with `to`"]),
        (
            "plan = \"interleaved\", to = 4_000_000_000",
            &["at most 10000", "with.to"],
        ),
        ("plan = \"interleaved\", drop = 1", &["another combination"]),
        ("plan = \"solar\", drop = 2", &["fewer than 2", "with.drop"]),
    ] {
        check("upscale", "model = \"model\"", with, words);
    }
    for (with, words) in [
        (
            "shape = { query_heads = 3 }",
            &["query_heads = 3", "2 or 4"][..],
        ),
        (
            "shape = { query_heads = 6 }",
            &["takes away", "ask for 1 to 4"],
        ),
        ("shape = { layers = 5 }", &["ask for 1 to 4"]),
        ("shape = { tied = false }", &["leave it out"]),
        ("", &["neither"]),
        (
            "candidate = 2, shape = { layers = 2 }",
            &["with.candidate is 2", "leave `candidate` out"],
        ),
        (
            "budget = { parameters = 1e3, width = [16, 24], ffn = [2.0], query_heads = [2, 4] }",
            &[
                "no shape in the ranges fits",
                "the nearest is 4 layers, width 16, ffn 32, 2 query heads",
            ],
        ),
        (
            "candidate = 7, budget = { parameters = 26e3, tolerance = 0.5, width = [16, 24], ffn = [2.0], query_heads = [2, 4] }",
            &["with.candidate is 7", "ask for 1 to 4"],
        ),
    ] {
        check(
            "prune",
            "model = \"model\", importance = \"matters\"",
            with,
            words,
        );
    }
    // A budget that leaves embeddings out is of models that have them.
    let step = "stage = \"prune\"\ninputs = { model = \"model\", importance = \"matters\" }\n\
                with = { budget = { parameters = 9e3, tolerance = 0.9, count = \"without-embedding\", width = [16], ffn = [2.0], query_heads = [2, 4] } }\n";
    trial.write("cut.toml", KNOWN.to_owned() + step);
    let plan = trial.ok(&["plan", "cut.toml", "--input", &tokens, "--json"]);
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let steps = plan["plan"]["steps"].as_array().expect("steps");
    let sizes = steps.last().expect("the cut")["quantities"]
        .as_array()
        .expect("quantities");
    let size = sizes
        .iter()
        .find(|one| one["name"] == "parameters")
        .expect("a size");
    let embeddings = (600 * 16) as f64;
    let size = size["value"].as_f64().expect("a number");
    assert!(
        size > 5000.0 + embeddings && size < 17_100.0 + embeddings,
        "{size}"
    );
    // What is known of a model that is not made yet is enough to refuse what it cannot do.
    let both = "before = \"model\", after = \"model\", tokens = \"tokens\"";
    for (stage, inputs, with, words) in [
        (
            "pretrain",
            "model = \"model\", tokens = \"tokens\"",
            "train = { tokens = 1000, sequence = 65 }",
            &["train.sequence is 65", "context of 64"][..],
        ),
        (
            "teach",
            "teacher = \"model\", tokens = \"tokens\"",
            "sequence = 65",
            &["sequence is 65", "context of 64"],
        ),
        (
            "teach",
            "teacher = \"model\", tokens = \"tokens\"",
            "sequence = 64, likeliest = 601",
            &["likeliest = 601", "is 600"],
        ),
        (
            "guard",
            both,
            "rise = 1.0, sequence = 65",
            &["context of 64"],
        ),
        (
            "guard",
            both,
            "rise = 1.0, sample_tokens = 1",
            &["sample_tokens = 1", "at least 2"],
        ),
    ] {
        check(stage, inputs, with, words);
    }
}

#[test]
fn what_cannot_be_measured_is_a_sentence() {
    check(
        "sequences = 200, sequence = 32",
        "sequences = 2, sequence = 32",
        "matters",
        &["64 tokens is too small", "at least 80"],
    );
    check(
        "sequences = 200, sequence = 32",
        // times 32 it is more than 64 bits hold
        "sequences = 576_460_752_303_423_488, sequence = 32",
        "matters",
        &[
            "576460752303423488 calibration sequences",
            "lower `sequences`",
        ],
    );
    check(
        "inputs = { model = \"second\", importance = \"matters\" }",
        "inputs = { model = \"first\", importance = \"matters\" }",
        "thin",
        &["measured on the model second-", "first-", "other weights"],
    );
}
