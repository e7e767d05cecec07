//! Each guard with a failure that was planted, which trips it, and a healthy run, which does not.

use crate::trial::{LIFE, Trial};
use model::checkpoint::Checkpoint;
use model::{Decoder, Dtype, Numbers, ParameterSpec, Shape, Use};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tensor::{Precision, Reference};

/// A model that was trained, and everything that was trained on.
fn trained() -> Trial {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "second"]);
    trial
}

/// Writes a model made of another: `values` says what becomes of each parameter, given the source's
/// values by name.
fn operated(
    trial: &Trial,
    from: &Path,
    name: &str,
    shape: impl Fn(&mut Shape),
    values: impl Fn(&ParameterSpec, &dyn Fn(&str) -> Vec<f32>) -> Vec<f32>,
) {
    let checkpoint = Checkpoint::open(from).expect("a checkpoint");
    let source = model::table(&checkpoint.shape);
    let read = |name: &str| -> Vec<f32> {
        let spec = source.iter().find(|spec| spec.name == name);
        let spec = spec.unwrap_or_else(|| panic!("no {name}"));
        checkpoint.read(spec).expect("values").into_f32()
    };
    let mut of = checkpoint.shape.clone();
    shape(&mut of);
    let device = Arc::new(Reference::new(Precision::F32));
    let decoder = Decoder::build(of, device, Use::Train, |spec| {
        Ok(Numbers::F32(values(spec, &read)))
    })
    .expect("a model");
    let folder = trial.path(name);
    fs::create_dir(&folder).expect("a folder");
    decoder.save(&folder, Dtype::F32).expect("saved");
    let tokenizer = fs::read(from.join("tokenizer.json")).expect("a tokenizer");
    trial.write(&format!("{name}/tokenizer.json"), tokenizer);
}

/// The channel whose embeddings are largest: what is said most loudly.
fn loudest(embed: &[f32], width: usize) -> usize {
    let size = |channel: usize| -> f64 {
        let column = embed.iter().skip(channel).step_by(width);
        column.map(|&x| f64::from(x).powi(2)).sum()
    };
    (0..width)
        .max_by(|&a, &b| size(a).total_cmp(&size(b)))
        .expect("a channel")
}

/// A channel is cut: nothing reads it any more.
fn cut_channel(trial: &Trial, from: &Path, name: &str) {
    operated(
        trial,
        from,
        name,
        |_| (),
        |spec, read| {
            let mut values = read(&spec.name);
            if !spec.is_matrix() {
                let width = values.len();
                values[loudest(&read("embed"), width)] = 0.0;
            }
            values
        },
    );
}

/// Layers of the source in some order; those of `still` add nothing.
fn layers(trial: &Trial, from: &Path, name: &str, order: &[usize], still: &[usize]) {
    operated(
        trial,
        from,
        name,
        |shape| shape.layers = order.len(),
        |spec, read| {
            let parts: Vec<&str> = spec.name.split('.').collect();
            let ["layers", layer, rest @ ..] = &parts[..] else {
                return read(&spec.name);
            };
            let layer: usize = layer.parse().expect("a number");
            let name = format!("layers.{}.{}", order[layer], rest.join("."));
            let mut values = read(&name);
            if still.contains(&layer) && matches!(rest, ["attn", "o"] | ["mlp", "down"]) {
                values.fill(0.0);
            }
            values
        },
    );
}

/// Runs a guard over the trained model and one made of it.
fn guard(trial: &Trial, after: &str, limits: &str) -> crate::trial::Said {
    let text = format!(
        "seed = 1\n[inputs]\nbefore = {{ kind = \"model\" }}\nafter = {{ kind = \"model\" }}\nheld = {{ kind = \"tokens\" }}\n\
         [[step]]\nname = \"watch\"\nstage = \"guard\"\ninputs = {{ before = \"before\", after = \"after\", tokens = \"held\" }}\nwith = {{ {limits} }}\n"
    );
    trial.write("guard.toml", text);
    let before = format!("before={}", trial.artifact("second").display());
    let held = format!("held={}", trial.artifact("held-out").display());
    let after = format!("after={after}");
    let words = [
        "run",
        "guard.toml",
        "--store",
        "guards",
        "--input",
        &before,
        "--input",
        &after,
        "--input",
        &held,
    ];
    trial.run(&words)
}

#[test]
fn guard_of_surgery() {
    let trial = trained();
    let second = trial.artifact("second");
    let limits = "divergence = 0.01, logit = 0.5, rise = 0.01";
    cut_channel(&trial, &second, "cut");
    layers(&trial, &second, "twisted", &[1, 0, 1], &[]);
    layers(&trial, &second, "deeper", &[0, 0, 1], &[1]);

    for (after, words) in [
        (
            "cut",
            &[
                "nats a token from what it said before",
                "document",
                "limit is 0.01",
            ][..],
        ),
        (
            "twisted",
            &["a logit is", "the loss is", "by group", "rose most"],
        ),
    ] {
        let said = guard(&trial, after, limits);
        assert!(
            !said.ok && !said.err.contains("panicked"),
            "{after}: {}",
            said.err
        );
        for word in words {
            assert!(said.err.contains(word), "{after}, {word:?}:\n{}", said.err);
        }
        let finished = fs::read_dir(trial.path("guards"))
            .expect("a store")
            .flatten();
        let evidence = finished.filter(|entry| {
            entry.path().join("manifest.json").is_file()
                && entry.file_name().to_string_lossy().starts_with("watch-")
        });
        assert_eq!(evidence.count(), 0, "nothing is made of what tripped");
    }
    // An up-scale whose new layer adds nothing says what was said before.
    let said = guard(&trial, "deeper", limits);
    assert!(said.ok, "{}", said.err);
}

#[test]
fn a_rate_too_high_ends_the_first_steps() {
    let trial = trained();
    let second = trial.artifact("second");
    layers(&trial, &second, "deeper", &[0, 0, 1], &[1]);
    let base = format!("base={}", trial.path("deeper").display());
    let tokens = format!("text={}", trial.artifact("tokens").display());
    let run = |peak: &str| {
        trial.write(
            "on.toml",
            format!(
                "seed = 9\n[inputs]\nbase = {{ kind = \"model\" }}\ntext = {{ kind = \"tokens\" }}\n[[step]]\nname = \"on\"\nstage = \"pretrain\"\n\
                 inputs = {{ model = \"base\", tokens = \"text\" }}\nwith = {{ train = {{ tokens = 4096, sequence = 32, batch_tokens = 256, \
                 schedule = {{ peak = {peak}, warm_up = 0 }}, guard = {{ first = {{ steps = 16, rise = 0.5 }} }} }} }}\n"
            ),
        );
        trial.run(&[
            "run", "on.toml", "--store", "on", "--input", &base, "--input", &tokens,
        ])
    };
    let said = run("1.0");
    assert!(!said.ok && !said.err.contains("panicked"), "{}", said.err);
    for word in [
        "first 16",
        "guard.first.rise",
        "the losses up to it were",
        "rates 1.00e0",
    ] {
        assert!(said.err.contains(word), "{word:?}:\n{}", said.err);
    }
    let said = run("2e-3");
    assert!(said.ok, "{}", said.err);
}

#[test]
fn guard_of_recovery() {
    let trial = Trial::new();
    let step = |recovered: f64| {
        format!(
            "\n[[step]]\nname = \"watch\"\nstage = \"guard\"\ninputs = {{ before = \"second\", after = \"untrained\", trained = \"first\", tokens = \"held-out\" }}\n\
             with = {{ recovered = {recovered} }}\n"
        )
    };
    trial.write("won.toml", format!("{LIFE}{}", step(0.2)));
    trial.ok(&["run", "won.toml", "--only", "watch"]);
    let text = fs::read_to_string(trial.artifact("watch").join("evidence.json")).expect("it");
    let evidence: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let course: Vec<(u64, f64)> =
        serde_json::from_value(evidence["recovery"].clone()).expect("tokens and losses");
    let ([(0, first), .., (4096, last)], true) = (&course[..], course.is_sorted()) else {
        panic!("from the first token to the last: {course:?}");
    };
    assert!(last < first, "{course:?}");
    let check = &evidence["checks"][0];
    let found = check["found"].as_f64().expect("a share");
    assert!(
        check["what"] == "recovered" && check["tripped"] == false && (0.2..0.999).contains(&found),
        "{check}"
    );
    let said = check["evidence"].as_str().expect("a sentence");
    assert!(said.contains("won back"), "{said}");
    trial.write("lost.toml", format!("{LIFE}{}", step(0.999)));
    let complaint = trial.fails(&["run", "lost.toml", "--only", "watch"]);
    for word in [
        "won back",
        "99.9 %",
        "the validation on the way was",
        "at 0",
    ] {
        assert!(complaint.contains(word), "{word:?}:\n{complaint}");
    }
}

#[test]
fn guard_of_a_drop() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "accuracy"]);
    let scores = fs::read_to_string(trial.artifact("accuracy").join("scores.json")).expect("it");
    let mut good: serde_json::Value = serde_json::from_str(&scores).expect("JSON");
    let mut poor = good.clone();
    for (scores, right, acc) in [(&mut good, 18, 0.9), (&mut poor, 8, 0.4)] {
        let all = &mut scores["languages"]["all"];
        (all["right"], all["acc"]) = (right.into(), acc.into());
    }
    trial
        .write("good/scores.json", good.to_string())
        .write("poor/scores.json", poor.to_string());
    trial.write(
        "drop.toml",
        "seed = 1\n[inputs]\nbefore = { kind = \"scores\" }\nafter = { kind = \"scores\" }\n[[step]]\nname = \"watch\"\nstage = \"guard\"\n\
         inputs = { scores_before = \"before\", scores_after = \"after\" }\nwith = { drop = 0.1, least_questions = 20 }\n",
    );
    let run = |before: &str, after: &str| {
        let (before, after) = (format!("before={before}"), format!("after={after}"));
        trial.run(&[
            "run",
            "drop.toml",
            "--store",
            "drops",
            "--input",
            &before,
            "--input",
            &after,
        ])
    };
    let said = run("good", "poor");
    assert!(
        !said.ok
            && said
                .err
                .contains("all from 90.0 % to 40.0 % of 20 questions"),
        "{}",
        said.err
    );
    assert!(run("good", "good").ok && run("poor", "good").ok);

    // Of other questions nothing is compared.
    poor["languages"]["all"]["questions"] = 19.into();
    let told = poor["told"].as_object_mut().expect("a map");
    let name = told.keys().next().expect("an evaluation").clone();
    told.remove(&name);
    trial.write("other/scores.json", poor.to_string());
    let said = run("good", "other");
    assert!(!said.ok && !said.err.contains("panicked"), "{}", said.err);
    for word in [
        "all asks 20 questions before and 19 after".to_owned(),
        format!("{name} is only before"),
    ] {
        assert!(said.err.contains(&word), "{word:?}:\n{}", said.err);
    }
}

#[test]
fn a_guard_that_guards_nothing_is_refused() {
    let trial = Trial::new();
    for (with, inputs, word) in [
        (
            "",
            "before = \"second\", after = \"first\", tokens = \"held-out\"",
            "at least one",
        ),
        ("with = { rise = 0.1 }", "before = \"second\"", "`after`"),
        (
            "with = { recovered = 0.5 }",
            "before = \"second\", after = \"first\", tokens = \"held-out\"",
            "`trained`",
        ),
        (
            "with = { drop = 0.5 }",
            "before = \"second\"",
            "scores_before",
        ),
        (
            "with = { drop = 1.5 }",
            "scores_before = \"accuracy\", scores_after = \"accuracy\"",
            "a share",
        ),
    ] {
        trial.write(
            "r.toml",
            format!("{LIFE}\n[[step]]\nname = \"watch\"\nstage = \"guard\"\ninputs = {{ {inputs} }}\n{with}\n"),
        );
        let complaint = trial.fails(&["plan", "r.toml"]);
        assert!(complaint.contains(word), "{word:?}:\n{complaint}");
    }
}
