//! Merging: the stage in a recipe, and mergekit's file with the recipe that it stands for.

use crate::trial::{LIFE, Trial, contents};
use std::fs;

/// Two models of one shape and tokenizer, as `LIFE` trains them one after the other.
fn trained() -> Trial {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "second"]);
    trial
}

fn with_merge(settings: &str) -> String {
    format!(
        "{LIFE}\n[[step]]\nname = \"merged\"\nstage = \"merge\"\ninputs = {{ models = [\"first\", \"second\"] }}\nwith = {{ {settings} }}\n"
    )
}

#[test]
fn merge() {
    let trial = trained();
    let recipe = with_merge(
        "merge_method = \"slerp\", base_model = \"first\", models = [{ model = \"first\" }, { model = \"second\" }], \
         parameters = { t = [{ filter = \"mlp\", value = [0, 1] }, { value = 0.5 }] }, dtype = \"bfloat16\", tokenizer_source = \"base\"",
    );
    trial.write("merge.toml", recipe);
    trial.ok(&["run", "merge.toml", "--only", "merged"]);
    let folder = trial.artifact("merged");
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("config.json")).expect("a file"))
            .expect("JSON");
    assert_eq!(config["dtype"], "bfloat16");
    assert!(folder.join("tokenizer.json").is_file());
    // what was merged speaks
    trial.ok(&["generate", "merged", "나는 ", "--tokens", "4"]);
    let shown = trial.ok(&["show", "merged"]);
    assert!(shown.contains("method: \"slerp\""), "{shown}");
    trial.ok(&["verify", "merged"]);
}

#[test]
fn masks_come_from_the_seed_and_threads_change_no_bit() {
    let trial = trained();
    let settings = "merge_method = \"dare_ties\", base_model = \"first\", models = [{ model = \"second\", parameters = { weight = 1, density = 0.5 } }]";
    trial.write("merge.toml", with_merge(settings));
    let merged = ["1", "3"].map(|threads| {
        let store = format!("store-{threads}");
        // each in a copy of the store, so that both are really made
        copy(&trial.path("store"), &trial.path(&store));
        trial.ok(&[
            "run",
            "merge.toml",
            "--only",
            "merged",
            "--store",
            &store,
            "--threads",
            threads,
        ]);
        let folder = fs::read_dir(trial.path(&store))
            .expect("a store")
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("merged-"));
        contents(&folder.expect("the merged model").path())
    });
    assert!(merged[0] == merged[1]);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

#[test]
fn mergekits_file_is_read_and_its_recipe_makes_the_same() {
    let trial = trained();
    let (first, second) = (trial.path("talker"), trial.artifact("second"));
    copy(&trial.artifact("first"), &first);
    trial.write("talker/chat_template.jinja", "{{ messages }}");
    trial.write(
        "ties.yml",
        format!(
            "models:\n  - model: {}\n  - model: {}\n    parameters:\n      density: 0.4\n      weight: [0.2, 1e0]\n\
             merge_method: ties\nbase_model: {}\nparameters:\n  normalize: true\n  int8_mask: true\ndtype: float32\n",
            first.display(),
            second.display(),
            first.display()
        ),
    );
    trial.ok(&["merge", "ties.yml", "out"]);
    let made = contents(&trial.path("out"));
    let names: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "chat_template.jinja",
        "config.json",
        "merge.toml",
        "model.safetensors",
        "tokenizer.json",
    ] {
        assert!(names.contains(&name), "{names:?} lacks {name}");
    }
    trial.ok(&["generate", "out", "나는 ", "--tokens", "4"]);

    // the recipe beside it, run elsewhere, makes the same model
    trial.ok(&["run", "out/merge.toml", "--store", "elsewhere"]);
    let again = fs::read_dir(trial.path("elsewhere"))
        .expect("a store")
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("merged-"))
        .expect("the merged model")
        .path();
    let weights =
        |folder: &std::path::Path| fs::read(folder.join("model.safetensors")).expect("weights");
    assert!(weights(&trial.path("out")) == weights(&again));

    // once more into the same folder is refused, the recipe alone is not run
    let said = trial.fails(&["merge", "ties.yml", "out"]);
    assert!(said.contains("is there and not an empty folder"), "{said}");
    trial.ok(&["merge", "ties.yml", "only", "--recipe-only"]);
    assert_eq!(contents(&trial.path("only")).len(), 1);
    for left in ["out.pending", "out.lock", "only.lock"] {
        assert!(!trial.path(left).exists(), "{left}");
    }

    // what a merge left half-way is begun again, what somebody else put there is not touched
    trial.write("again.pending/merge.toml", "");
    trial.ok(&["merge", "ties.yml", "again", "--recipe-only"]);
    assert_eq!(
        contents(&trial.path("again")),
        contents(&trial.path("only"))
    );
    trial.write("mine.pending/notes.txt", "mine");
    let said = trial.fails(&["merge", "ties.yml", "mine"]);
    assert!(said.contains("no merge has begun it"), "{said}");
    assert_eq!(contents(&trial.path("mine.pending")).len(), 1);
    let lock = disk::Lock::try_new(&trial.path("held.lock"));
    let lock = lock.expect("a lock").expect("nobody else's");
    let said = trial.fails(&["merge", "ties.yml", "held"]);
    assert!(said.contains("held is being written by process"), "{said}");
    drop(lock);
}

#[test]
fn what_cannot_be_merged_is_told() {
    let trial = trained();
    let check = |settings: &str, expected: &str| {
        trial.write("merge.toml", with_merge(settings));
        let said = trial.fails(&["plan", "merge.toml", "--only", "merged"]);
        assert!(said.contains(expected), "wanted {expected:?} in {said}");
    };
    check(
        "merge_method = \"linear\", models = [{ model = \"first\", parameters = { weight = 1 } }]",
        "the input second is not named by the merge",
    );
    check(
        "merge_method = \"linear\", models = [{ model = \"first\" }, { model = \"third\" }]",
        "the merge names a model third, which is not among the step's inputs",
    );
    check("merge_method = \"lineal\"", "unknown variant `lineal`");
    check(
        "merge_method = \"passthrough\", slices = [{ sources = [{ model = \"first\", layer_range = [0, 2] }] }, { sources = [{ model = \"second\", layer_range = [0, 9] }] }]",
        "reaches beyond second, which has 2 layers",
    );
    copy(&trial.artifact("first"), &trial.path("bare"));
    fs::remove_file(trial.path("bare/tokenizer.json")).expect("a tokenizer");
    let recipe = with_merge(
        "merge_method = \"linear\", base_model = \"bare\", models = [{ model = \"bare\" }, { model = \"second\" }], \
         parameters = { weight = 1 }, tokenizer_source = \"base\"",
    );
    let recipe = recipe.replace("[\"first\", \"second\"]", "[\"second\", \"bare\"]");
    let bare = "bare = { kind = \"model\", path = \"bare\" }";
    trial.write("merge.toml", format!("{recipe}\n[inputs]\n{bare}\n"));
    let said = trial.fails(&["plan", "merge.toml", "--only", "merged"]);
    assert!(
        said.contains("wants the tokenizer of bare, which has none"),
        "{said}"
    );
    trial.write(
        "bad.yml",
        "merge_method: linear\nmodels:\n  - model: some/where\n",
    );
    let said = trial.fails(&["merge", "bad.yml", "out"]);
    assert!(
        said.contains("the model some/where is not a local directory"),
        "{said}"
    );
    assert!(!trial.path("out").exists());
}
