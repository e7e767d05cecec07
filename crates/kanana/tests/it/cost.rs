//! What a recipe costs, and inputs that are planned and not there.

use crate::trial::{LIFE, Trial};
use std::fs;

const PLANNED: &str = r#"
seed = 1

[inputs]
text = { kind = "tokens", expected = { tokens = 2e9 } }

[[step]]
name = "untrained"
stage = "init"
expected = { "nominal parameters" = 8e9 }
with = { shape = { name = "8b" }, dtype = "bf16" }

[[step]]
name = "trained"
stage = "pretrain"
inputs = { model = "untrained", tokens = "text" }
expected = { "tokens from scratch" = 4_000_000_000 }
with = { train = { tokens = 2_000_000_000, sequence = 8192, recompute = "block" } }
"#;

#[test]
fn a_recipe_can_be_planned_and_counted_without_its_text() {
    let trial = Trial::new();
    trial.write("planned.toml", PLANNED);
    let plan = trial.ok(&["plan", "planned.toml"]);
    assert!(plan.contains("input text: planned, 2B tokens"), "{plan}");
    assert!(
        plan.contains("8.030B parameters") && !plan.contains("shape/"),
        "{plan}"
    );

    let said = trial.fails(&["run", "planned.toml"]);
    assert!(
        said.contains("the input \"text\" (of kind `tokens`) is planned and not there"),
        "{said}"
    );

    let cost = trial.ok(&[
        "cost",
        "planned.toml",
        "--hardware",
        "tpu-v5p",
        "--utilisation",
        "0.5",
    ]);
    // 6 · 8e9 · 2e9
    for word in ["Google TPU v5p", "9.60e19", "50.00 %", "all together"] {
        assert!(cost.contains(word), "{word} is missing:\n{cost}");
    }
    let json = trial.ok(&["cost", "planned.toml", "--json", "--page", "cost.html"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let step = &json["account"]["steps"][0];
    assert_eq!(step["training"]["nominal"].as_f64(), Some(9.6e19));
    let page = fs::read_to_string(trial.path("cost.html")).expect("a page");
    assert!(
        page.matches("<svg").count() >= 2 && page.contains("Flag 32.5B"),
        "pictures"
    );
    assert!(!page.contains("<script"));
}

/// A teacher's forward passes are no training, and take their time all the same.
#[test]
fn what_is_left_to_compute_is_told_apart() {
    let trial = Trial::new();
    let taught = format!(
        "{PLANNED}\n[[step]]\nname = \"taught\"\nstage = \"distill\"\n\
         inputs = {{ student = \"untrained\", teacher = \"trained\", tokens = \"text\" }}\n\
         with = {{ train = {{ tokens = 1_000_000_000, sequence = 8192 }} }}\n"
    );
    trial
        .write("planned.toml", PLANNED)
        .write("taught.toml", taught);
    let alone = trial.ok(&["plan", "planned.toml"]);
    assert!(alone.contains("Training alone: "), "{alone}");

    let json = trial.ok(&["plan", "taught.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let sum = |name: &str| -> f64 {
        let steps = json["plan"]["steps"].as_array().expect("steps").iter();
        let all = steps.flat_map(|step| step["quantities"].as_array().expect("quantities"));
        let named = all.filter(|quantity| quantity["name"] == name);
        named
            .map(|quantity| quantity["value"].as_f64().expect("a number"))
            .sum()
    };
    let wanted = format!(
        "Training: {} FLOPs, and {} FLOPs of forward passes alone, about ",
        page::quantity(sum("FLOPs")),
        page::quantity(sum("teacher FLOPs"))
    );
    let said = trial.ok(&["plan", "taught.toml"]);
    assert!(
        sum("teacher FLOPs") > 0.0 && said.contains(&wanted),
        "{wanted} is missing:\n{said}"
    );
}

/// The report's family, by the name that it has inside the program: planned and counted, never run.
#[test]
fn the_report_s_family_is_planned_and_counted() {
    let trial = Trial::new();
    let plan = trial.ok(&["plan", "kanana"]);
    for parameters in ["8.030B", "9.775B", "4.513B", "2.087B", "1.279B", "0.635B"] {
        assert!(
            plan.contains(parameters),
            "{parameters} is missing:\n{plan}"
        );
    }
    let cost = trial.ok(&["cost", "kanana"]);
    // the report's saving and its share, with the sizes that the models go by; and ours beside it
    for share in ["11.06 %", "6.67 %", "10.94 %"] {
        assert!(cost.contains(share), "{share} is missing:\n{cost}");
    }
    let said = trial.fails(&["run", "kanana"]);
    assert!(said.contains("is planned and not there"), "{said}");
}

#[test]
fn memory_is_shared_as_the_layout_says() {
    let trial = Trial::new();
    trial.write("planned.toml", PLANNED);
    let needs = |words: &[&str]| -> serde_json::Value {
        let all: Vec<&str> = ["cost", "planned.toml", "--json"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        let json: serde_json::Value = serde_json::from_str(&trial.ok(&all)).expect("JSON");
        json["needs"][0].clone()
    };
    let number = |needs: &serde_json::Value, name: &str| needs[name].as_f64().expect("a number");
    let alone = needs(&["--tensor", "1", "--data", "1"]);
    assert_eq!(alone["fits"], false);
    // 2, 4 and 12 bytes a parameter
    for (name, bytes) in [("weights", 2.0), ("gradients", 4.0), ("optimizer", 12.0)] {
        assert!(
            (number(&alone, name) / 8.03e9 - bytes).abs() < 0.01,
            "{alone}"
        );
    }
    let shared = needs(&["--tensor", "8", "--data", "4", "--shard", "weights"]);
    for name in ["weights", "gradients", "optimizer"] {
        assert!(
            (number(&alone, name) / number(&shared, name) - 32.0).abs() < 1e-9,
            "{shared}"
        );
    }
    assert!((number(&alone, "activations") / number(&shared, "activations") - 8.0).abs() < 1e-9);
    assert_eq!(shared["fits"], true);
    assert!((number(&alone, "hours") / number(&shared, "hours") - 32.0).abs() < 1e-9);
    assert_eq!(
        number(&alone, "device_hours"),
        number(&shared, "device_hours")
    );
}

#[test]
fn a_life_of_this_machine_has_a_cost_too() {
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    let cost = trial.ok(&["cost", "life.toml", "--data", "1", "--tensor", "1"]);
    assert!(
        cost.contains("first")
            && cost.contains("second")
            && !cost.contains("Against training from scratch"),
        "{cost}"
    );
}

#[test]
fn what_cannot_be_counted_is_told() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .write("planned.toml", PLANNED);
    let check = |words: &[&str], expected: &str| {
        let said = trial.fails(words);
        assert!(said.contains(expected), "wanted {expected:?} in {said}");
    };
    check(
        &["cost", "planned.toml", "--hardware", "h1000"],
        "there is no hardware called \"h1000\"; there are h100-sxm",
    );
    check(
        &["cost", "planned.toml", "--utilisation", "40"],
        "wanted a share of the peak",
    );
    check(
        &["cost", "planned.toml", "--data", "0"],
        "--data 0: wanted at least 1",
    );
    check(
        &["cost", "life.toml", "--only", "world"],
        "trains nothing whose size is known",
    );
    trial.write("bad.toml", PLANNED.replace("tokens = 2e9", "tokens = -2e9"));
    check(
        &["plan", "bad.toml"],
        "bad.toml:5: inputs.text.expected.tokens: wanted a number from 0, and found -2000000000",
    );
    trial.write("bad.toml", PLANNED.replace("4_000_000_000", "0"));
    check(
        &["cost", "bad.toml"],
        "step \"trained\", expected: \"tokens from scratch\" = 0 for 8000000000 parameters costs nothing",
    );
    // without `expected` an input must be bound
    trial.write(
        "unbound.toml",
        PLANNED.replace(", expected = { tokens = 2e9 }", ""),
    );
    check(
        &["plan", "unbound.toml"],
        "the input \"text\" (of kind `tokens`) is not bound",
    );
}
