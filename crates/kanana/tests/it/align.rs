//! Alignment by recipe: of a world over checkpoints, of translations from outside, killed, refused.

use crate::trial::{LIFE, Trial, contents};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const ALIGN: &str = r#"
[[step]]
name = "alignment"
stage = "align"
inputs = { models = ["untrained", "first"], pairs = "world" }
with = { pairs = 60 }

[[step]]
name = "within"
stage = "align"
inputs = { models = ["untrained"], pairs = "world" }
with = { within = "relation", layers = [0] }
"#;

fn trial() -> Trial {
    let trial = Trial::new();
    trial.write("life.toml", LIFE.to_owned() + ALIGN);
    trial
}

fn json_of(trial: &Trial, step: &str) -> Value {
    let path = trial.artifact(step).join("alignment.json");
    serde_json::from_slice(&fs::read(path).expect("an alignment")).expect("JSON")
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn align() {
    let made = ["1", "2"].map(|threads| {
        let trial = trial();
        let only = [
            "run",
            "life.toml",
            "--only",
            "alignment",
            "--threads",
            threads,
        ];
        let said = trial.ok(&only);
        assert!(
            said.contains("How Korean and English meet") && said.contains("Retrieval, ko → en"),
            "{said}"
        );
        (contents(&trial.artifact("alignment")), trial)
    });
    let [(one, trial), (two, _)] = made;
    assert!(one == two, "the number of threads changes nothing");

    let found = json_of(&trial, "alignment");
    assert_eq!(found["pairs"], 60);
    assert!((number(&found["chance"]["recall"]) - 1.0 / 60.0).abs() < 1e-12);
    let models = found["models"].as_array().expect("models");
    let names: Vec<&Value> = models.iter().map(|model| &model["model"]).collect();
    assert_eq!(names, ["untrained", "first"]);
    for model in models {
        let layers = model["layers"].as_array().expect("layers");
        let places: Vec<_> = layers
            .iter()
            .map(|layer| {
                (
                    layer["place"].as_str().expect("a place"),
                    layer["blocks"].as_u64(),
                )
            })
            .collect();
        let expected = [("embeddings", 0), ("block", 1), ("block", 2), ("norm", 2)];
        assert_eq!(
            places,
            expected.map(|(place, blocks)| (place, Some(blocks)))
        );
        for layer in layers {
            let figures = &layer["figures"];
            for agreement in [
                &figures["forth"]["recall"],
                &figures["forth"]["reciprocal"],
                &figures["back"]["recall"],
                &figures["cka"],
            ] {
                let [low, value, high] =
                    ["low", "value", "high"].map(|field| number(&agreement[field]));
                assert!(low <= value && value <= high && high <= 1.0, "{agreement}");
            }
            let shuffled = |figure: &Value| number(&figure["shuffled"]["mean"]);
            assert!((shuffled(&figures["forth"]["recall"]) - 1.0 / 60.0).abs() < 0.01);
            assert!(shuffled(&figures["cka"]).abs() < 0.05);
            let biased = shuffled(&figures["cka_biased"]);
            assert!(
                biased > shuffled(&figures["cka"]) + 0.005,
                "the bias is there: {biased}"
            );
        }
    }
    // Sentences of one relation have one form, which the embeddings of any model know.
    trial.ok(&["run", "life.toml", "--only", "within"]);
    let within = &json_of(&trial, "within")["models"][0]["layers"][0]["figures"];
    let form = number(&within["cka"]["shuffled"]["mean"]);
    assert!(form > 0.1, "{within}");
    assert!(number(&within["cka"]["value"]) > form, "{within}");

    let folder = trial.artifact("alignment");
    let pairs = fs::read_to_string(folder.join("pairs.jsonl")).expect("pairs");
    assert_eq!(pairs.lines().count(), 60);
    assert!(
        pairs.contains("태어났다") && !pairs.contains('+'),
        "{pairs}"
    );
    let page = fs::read_to_string(folder.join("alignment.html")).expect("a page");
    assert!(page.contains("<svg") && page.contains("en → ko") && !page.contains("<script"));
    let shown = trial.ok(&["show", "alignment"]);
    assert!(shown.contains("first: recall ko-en"), "{shown}");
}

#[test]
fn alignment_of_translations_from_outside() {
    let line = |id: usize, ko: &str, en: &str| {
        json!({ "id": format!("쌍-{id}"), "source": "책", "ko": ko, "en": en }).to_string()
    };
    let mut lines: Vec<String> = (0..14)
        .map(|n| {
            line(
                n,
                &format!("사과가 {n}개 있나요?"),
                &format!("Are there {n} apples?"),
            )
        })
        .collect();
    lines.push(line(20, "사과가 3개 있나요?", "Have you got three?"));
    lines.push(line(21, "LibreOffice?", "LibreOffice?"));
    lines.push(json!({ "source": "책", "ko": "배가 있나요?" }).to_string());
    lines
        .push(json!({ "source": "그림", "ko": "감이 있나요?", "en": "Is there one?" }).to_string());
    const STEP: &str = r#"
[inputs]
parallel = { kind = "pairs" }
[[step]]
name = "alignment"
stage = "align"
inputs = { models = ["untrained"], pairs = "parallel" }
with = { layers = [0, "norm"], pool = "last", precision = "f32", where = { source = "책" } }
"#;
    // The inputs come before the steps of the recipe.
    let (inputs, step) = STEP.split_once("[[step]]").expect("a step");
    let recipe = format!(
        "seed = 3\n{inputs}{}\n[[step]]{step}",
        LIFE.replace("seed = 3", "")
    );
    let trial = Trial::new();
    trial
        .write("r.toml", &recipe)
        .write("parallel/en_ko.jsonl", lines.join("\n"))
        .write("few.jsonl", lines[..9].join("\n"))
        .write("other.jsonl", "{\"text\": \"안녕\"}\n");
    let run = |input: &str| {
        let bound = format!("parallel={input}");
        trial.run(&["run", "r.toml", "--only", "alignment", "--input", &bound])
    };
    let said = run("parallel");
    assert!(said.ok, "{}", said.err);
    let found = json_of(&trial, "alignment");
    assert_eq!(found["pairs"], 14);
    assert_eq!(
        found["left_out"],
        json!({ "missing": 1, "untranslated": 1, "repeated": 1, "other": 1, "beyond": 0 })
    );
    let layers = found["models"][0]["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 2);
    // Every text ends in a question mark, so that the last embeddings are all alike.
    assert_eq!(layers[0]["figures"]["cka"], Value::Null);
    let recall = &layers[0]["figures"]["forth"]["recall"];
    assert!(
        (number(&recall["value"]) - 1.0 / 14.0).abs() < 1e-9,
        "{recall}"
    );
    assert!(layers[1]["figures"]["cka"]["value"].is_number());

    let said = run("few.jsonl");
    assert!(
        !said.ok && said.err.contains("wanted are at least 10"),
        "{}",
        said.err
    );
    let said = run("other.jsonl");
    assert!(
        !said.ok && said.err.contains("no field \"ko\""),
        "{}",
        said.err
    );
}

#[test]
fn an_alignment_that_was_killed_ends_the_same() {
    let whole = trial();
    whole.ok(&["run", "life.toml", "--only", "alignment"]);
    let killed = trial();
    killed.ok(&["run", "life.toml", "--only", "first"]);
    let words = ["run", "life.toml", "--only", "alignment"];
    let falls = killed.fall(&words, |attempt| 5 + 7 * attempt, 12);
    assert!(falls > 0);
    assert!(contents(&whole.artifact("alignment")) == contents(&killed.artifact("alignment")));
}

#[test]
fn alignments_that_cannot_be_are_refused_when_planned() {
    for (inputs, with, sentence) in [
        (r#"["first"]"#, "{ layers = [3] }", "has 2 layers"),
        (r#"["first"]"#, "{ layers = [] }", "wanted places"),
        (r#"["first"]"#, "{ pairs = 5 }", "at least 10"),
        (r#"["first"]"#, "{ longest = 0 }", "longest = 0"),
        (
            r#"["first"]"#,
            r#"{ languages = ["ko", "ko"] }"#,
            "two fields",
        ),
        ("[]", "{}", "no model"),
    ] {
        let trial = Trial::new();
        let step = format!(
            "\n[[step]]\nname = \"a\"\nstage = \"align\"\n\
             inputs = {{ models = {inputs}, pairs = \"world\" }}\nwith = {with}\n"
        );
        trial.write("wrong.toml", LIFE.to_owned() + &step);
        let said = trial.fails(&["plan", "wrong.toml"]);
        assert!(said.contains(sentence), "{said}");
    }
}

/// The recipe goes on from the default one: what that has made is not made again.
#[test]
fn the_recipe_can_be_planned() {
    let plan = |name: &str| {
        let path = format!("{}/../../recipes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        Trial::new().ok(&["plan", &path, "--json"])
    };
    let keys = |plan: String| -> BTreeMap<String, Value> {
        let plan: Value = serde_json::from_str(&plan).expect("JSON");
        let steps = plan["plan"]["steps"].as_array().expect("steps").clone();
        let named = |step: Value| (step["name"].to_string(), step["key"].clone());
        steps.into_iter().map(named).collect()
    };
    let (tiny, align) = (keys(plan("tiny")), keys(plan("align")));
    let shared = tiny.iter().filter(|(name, _)| align.contains_key(*name));
    assert_eq!(shared.clone().count(), 10);
    assert!(shared.into_iter().all(|(name, key)| align[name] == *key));
}
