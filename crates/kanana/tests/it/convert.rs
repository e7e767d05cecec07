//! Converting between a Hugging Face directory and GGUF files, and inspecting both.

use crate::trial::{LIFE, Trial, contents};
use serde_json::Value;
use std::fs;

fn trained() -> Trial {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "first"]);
    trial
}

const PROMPT: &str = "나는 ";

fn greedy(trial: &Trial, model: &str) -> String {
    trial.ok(&[
        "generate",
        model,
        PROMPT,
        "--tokens",
        "12",
        "--temperature",
        "0",
        "--precision",
        "f32",
        "--json",
    ])
}

#[test]
fn a_model_goes_to_a_file_and_comes_back() {
    let trial = trained();
    let template = trial.artifact("first").join("chat_template.jinja");
    trial.write(&template.to_string_lossy(), "{{ messages }} 안녕");
    let said = trial.ok(&["convert", "first", "model.gguf", "--type", "f32"]);
    assert!(
        said.contains("model.gguf") && said.contains("F32"),
        "{said}"
    );
    assert_eq!(greedy(&trial, "model.gguf"), greedy(&trial, "first"));

    trial.ok(&["convert", "model.gguf", "back", "--type", "f32"]);
    let bytes = |folder: std::path::PathBuf| fs::read(folder.join("model.safetensors")).unwrap();
    assert!(
        bytes(trial.path("back")) == bytes(trial.artifact("first")),
        "weights came back"
    );
    assert_eq!(greedy(&trial, "back"), greedy(&trial, "first"));
    let template = fs::read_to_string(trial.path("back").join("chat_template.jinja")).unwrap();
    assert_eq!(template, "{{ messages }} 안녕");

    // a model's directory is not written over, an empty one is filled
    let before = contents(&trial.path("back"));
    let refused = trial.fails(&["convert", "model.gguf", "back"]);
    assert!(
        refused.contains("back is there and not an empty folder"),
        "{refused}"
    );
    assert!(contents(&trial.path("back")) == before);
    fs::create_dir(trial.path("empty")).unwrap();
    trial.ok(&["convert", "model.gguf", "empty"]);

    // a folder that holds one file stands for it
    fs::create_dir(trial.path("folder")).unwrap();
    fs::copy(
        trial.path("model.gguf"),
        trial.path("folder").join("a.gguf"),
    )
    .unwrap();
    assert_eq!(greedy(&trial, "folder"), greedy(&trial, "first"));
}

#[test]
fn the_template_for_tools_goes_along() {
    let trial = trained();
    let first = trial.artifact("first");
    let tools = "도구 {{ tools[0].function.name }}";
    for (name, text) in [
        ("chat_template.jinja", "{{ messages }} 안녕"),
        ("additional_chat_templates/tool_use.jinja", tools),
    ] {
        trial.write(&first.join(name).to_string_lossy(), text);
    }
    let of_file = |name: &str| {
        let file = model::gguf::Gguf::open(&trial.path(name)).unwrap();
        let key = "tokenizer.chat_template.tool_use";
        file.metadata.text(key).unwrap().map(str::to_owned)
    };
    let of_folder = |name: &str| {
        let folder = trial.path(name).join("additional_chat_templates");
        fs::read_to_string(folder.join("tool_use.jinja")).unwrap()
    };
    trial.ok(&["convert", "first", "model.gguf"]);
    assert_eq!(of_file("model.gguf").as_deref(), Some(tools));
    trial.ok(&["convert", "model.gguf", "again.gguf"]);
    assert_eq!(of_file("again.gguf").as_deref(), Some(tools));
    trial.ok(&["convert", "again.gguf", "back"]);
    assert_eq!(of_folder("back"), tools);
    trial.ok(&["convert", "back", "other"]);
    assert_eq!(of_folder("other"), tools);

    // In the settings they stay in the settings: a file of the usual one would hide the other.
    let other = trial.path("other");
    let settings = other.join("tokenizer_config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&settings).unwrap()).unwrap();
    config["chat_template"] = serde_json::json!([
        {"name": "default", "template": "안녕"}, {"name": "tool_use", "template": tools},
    ]);
    trial.write("other/tokenizer_config.json", config.to_string());
    fs::remove_file(other.join("chat_template.jinja")).unwrap();
    fs::remove_dir_all(other.join("additional_chat_templates")).unwrap();
    trial.ok(&["convert", "other", "listed"]);
    let listed = trial.path("listed");
    assert!(!listed.join("chat_template.jinja").exists());
    let written = fs::read(listed.join("tokenizer_config.json")).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["chat_template"], config["chat_template"]);
    trial.ok(&["convert", "listed", "listed.gguf"]);
    assert_eq!(of_file("listed.gguf").as_deref(), Some(tools));
}

#[test]
fn quantised_files_are_smaller_and_still_speak() {
    let trial = trained();
    let mut sizes = vec![];
    for kind in ["bf16", "q8_0", "q4_0"] {
        let file = format!("{kind}.gguf");
        trial.ok(&["convert", "first", &file, "--type", kind]);
        trial.ok(&["generate", &file, PROMPT, "--tokens", "8"]);
        let said: Value = serde_json::from_str(&trial.ok(&["inspect", &file, "--json"])).unwrap();
        sizes.push(said["bytes"].as_u64().unwrap());
        assert_eq!(said["shape"]["layers"], 2);
        assert_eq!(said["shape"]["rope"]["base"], 500_000.0);
        assert_eq!(said["memory"].as_array().unwrap().len(), 1);
        assert!(said["tokenizer"]["hangul"].as_u64().unwrap() > 0, "{said}");
    }
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
    // every storage, whatever the file has
    for weights in ["dense", "int8", "int4"] {
        for file in ["bf16.gguf", "q4_0.gguf", "first"] {
            trial.ok(&[
                "generate",
                file,
                PROMPT,
                "--tokens",
                "2",
                "--weights",
                weights,
            ]);
        }
    }
    let said = trial.ok(&["inspect", "q8_0.gguf"]);
    for part in [
        "2 layers of width 32",
        "Q8_0",
        "BF16",
        "F32",
        "context",
        "<|end_of_text|>",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let said = trial.ok(&["inspect", "first"]);
    assert!(said.contains("F32") && said.contains("tied"), "{said}");
}

#[test]
fn what_cannot_be_converted_is_said() {
    let trial = trained();
    let refused = trial.fails(&["convert", "first", "folder", "--type", "q8_0"]);
    assert!(refused.contains("end in .gguf"), "{refused}");
    let refused = trial.fails(&["convert", "first", "x.gguf", "--type", "q2"]);
    assert!(refused.contains("q4_0"), "{refused}");
    trial.write("text.gguf", "nothing of the kind");
    for words in [["inspect", "text.gguf"], ["generate", "text.gguf"]] {
        let mut words = words.to_vec();
        if words[0] == "generate" {
            words.push(PROMPT);
        }
        let refused = trial.fails(&words);
        assert!(refused.contains("no GGUF file"), "{refused}");
    }
    trial.ok(&["convert", "first", "good.gguf"]);
    let good = fs::read(trial.path("good.gguf")).unwrap();
    trial.write("cut.gguf", &good[..good.len() / 2]);
    let refused = trial.fails(&["generate", "cut.gguf", PROMPT]);
    assert!(refused.contains("cut off"), "{refused}");
    trial.write(
        "lie.gguf",
        [b"GGUF".as_slice(), &3u32.to_le_bytes(), &[255; 16]].concat(),
    );
    let refused = trial.fails(&["inspect", "lie.gguf"]);
    assert!(refused.contains("lies"), "{refused}");
    // a tokenizer that no name stands for
    let json = fs::read_to_string(trial.artifact("first").join("tokenizer.json")).unwrap();
    trial.ok(&["convert", "good.gguf", "other"]);
    let other = json.replace("\\\\p{N}{1,3}", "\\\\p{N}{1,2}");
    assert_ne!(other, json);
    trial.write("other/tokenizer.json", other);
    let refused = trial.fails(&["convert", "other", "other.gguf"]);
    assert!(
        refused.contains("llama.cpp knows no pre-tokenizer"),
        "{refused}"
    );
    assert!(!trial.path("other.gguf").exists());
}
