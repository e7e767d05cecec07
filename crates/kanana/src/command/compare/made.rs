//! How two artifacts were made: which steps are the same, and what sets the others apart, from manifests alone.

use page::{Cell, Column, Page, Table};
use recipe::{FileRecord, From, Lineage};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What sets the making of two artifacts apart.
#[derive(Default, Serialize)]
pub(super) struct Made {
    /// Steps and inputs that are one artifact.
    same: usize,
    /// What was asked for otherwise.
    differences: Vec<Difference>,
    /// Steps with other seeds.
    other_seeds: Vec<String>,
    /// Steps that were asked for the same, and read something else.
    other_inputs: Vec<String>,
    /// Steps and inputs of the first alone.
    only_a: Vec<String>,
    /// Of the second alone.
    only_b: Vec<String>,
}

/// One thing that differs in a step of both.
#[derive(Serialize)]
struct Difference {
    step: String,
    /// A setting, or `stage`, `version`, `files`, `path`.
    what: String,
    a: Value,
    b: Value,
}

pub(super) fn compare(a: &Lineage, b: &Lineage) -> Made {
    let (mut left, mut right) = (Steps::default(), Steps::default());
    left.add(a);
    right.add(b);
    let mut made = Made::default();
    // The two themselves are held against each other whatever their names, unless one was made from the other.
    let apart = !left.0.contains_key(b.name.as_str()) && !right.0.contains_key(a.name.as_str());
    if a.name != b.name && apart && stage(a).is_some() && stage(a) == stage(b) {
        left.0.remove(a.name.as_str());
        right.0.remove(b.name.as_str());
        made.pair(&format!("{} / {}", a.name, b.name), a, b);
    }
    for (name, one) in &left.0 {
        match right.0.get(name) {
            Some(other) => made.pair(name, one, other),
            None => made.only_a.push(title(one)),
        }
    }
    let alone = right
        .0
        .iter()
        .filter(|(name, _)| !left.0.contains_key(*name));
    made.only_b = alone.map(|(_, one)| title(one)).collect();
    made
}

/// The steps above an artifact and itself, by their names.
#[derive(Default)]
struct Steps<'a>(BTreeMap<&'a str, &'a Lineage>);

impl<'a> Steps<'a> {
    fn add(&mut self, lineage: &'a Lineage) {
        if let From::Stage { inputs, .. } = &lineage.from {
            inputs.iter().for_each(|input| self.add(input));
        }
        if !matches!(lineage.from, From::Above) {
            self.0.entry(&lineage.name).or_insert(lineage);
        }
    }
}

fn stage(lineage: &Lineage) -> Option<&str> {
    match &lineage.from {
        From::Stage { stage, .. } => Some(stage),
        _ => None,
    }
}

fn title(lineage: &Lineage) -> String {
    match stage(lineage) {
        Some(stage) => format!("{} ({stage})", lineage.name),
        None => format!("{} ({})", lineage.name, lineage.kind),
    }
}

impl Made {
    fn pair(&mut self, step: &str, a: &Lineage, b: &Lineage) {
        if a.key == b.key {
            self.same += 1;
            return;
        }
        let before = self.differences.len();
        let mut differ = |what: &str, a: Value, b: Value| {
            if a != b {
                self.differences.push(Difference {
                    step: step.to_owned(),
                    what: what.to_owned(),
                    a,
                    b,
                });
            }
        };
        match (&a.from, &b.from) {
            (
                From::Stage {
                    stage,
                    version,
                    settings,
                    seed,
                    ..
                },
                From::Stage {
                    stage: other_stage,
                    version: other_version,
                    settings: other_settings,
                    seed: other_seed,
                    ..
                },
            ) => {
                differ("stage", stage.as_str().into(), other_stage.as_str().into());
                if stage == other_stage {
                    differ("version", (*version).into(), (*other_version).into());
                    for (place, a, b) in settings_apart(settings, other_settings) {
                        differ(&place, a, b);
                    }
                }
                if seed != other_seed {
                    self.other_seeds.push(step.to_owned());
                } else if self.differences.len() == before {
                    self.other_inputs.push(step.to_owned());
                }
            }
            (
                From::Outside { path, files },
                From::Outside {
                    path: other_path,
                    files: other_files,
                },
            ) => {
                differ(
                    "path",
                    path.display().to_string().into(),
                    other_path.display().to_string().into(),
                );
                differ(
                    "files",
                    alone(files, other_files),
                    alone(other_files, files),
                );
            }
            // What is gone is known by its key.
            _ => differ(
                "artifact",
                format!("{}-{}, {}", a.name, a.key, title(a)).into(),
                format!("{}-{}, {}", b.name, b.key, title(b)).into(),
            ),
        }
    }

    pub(super) fn draw(&self, page: &mut Page, [a, b]: [&str; 2]) {
        page.heading("How they were made");
        page.paragraph(match self.same {
            1 => "1 step or input is the same artifact.".to_owned(),
            same => format!("{same} steps and inputs are the same artifacts."),
        });
        if !self.differences.is_empty() {
            let mut table = Table::new([
                Column::text("step"),
                Column::text("setting"),
                Column::text(a),
                Column::text(b),
            ]);
            for one in &self.differences {
                table.row([
                    Cell::from(one.step.as_str()),
                    Cell::from(one.what.as_str()),
                    Cell::from(words(&one.a)),
                    Cell::from(words(&one.b)),
                ]);
            }
            page.table(table);
        }
        for (said, steps) in [
            ("Other seeds in", &self.other_seeds),
            (
                "The same settings, but other inputs, in",
                &self.other_inputs,
            ),
            (&format!("Only in {a}:"), &self.only_a),
            (&format!("Only in {b}:"), &self.only_b),
        ] {
            if !steps.is_empty() {
                page.paragraph(format!("{said} {}.", steps.join(", ")));
            }
        }
    }
}

/// The first few of the files that the others do not have, or have with other contents.
fn alone(files: &[FileRecord], others: &[FileRecord]) -> Value {
    const SHOWN: usize = 5;
    let known: BTreeSet<(&str, &str)> = others
        .iter()
        .map(|file| (file.name.as_str(), file.blake3.as_str()))
        .collect();
    let mut alone: Vec<String> = files
        .iter()
        .filter(|file| !known.contains(&(file.name.as_str(), file.blake3.as_str())))
        .map(|file| format!("{} ({:.8}…)", file.name, file.blake3))
        .collect();
    let more = alone.len().saturating_sub(SHOWN);
    alone.truncate(SHOWN);
    if more > 0 {
        alone.push(format!("and {more} more"));
    }
    alone.join(", ").into()
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `(place, value, other value)` of all that differs, inner objects opened.
fn settings_apart(a: &Value, b: &Value) -> Vec<(String, Value, Value)> {
    let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
    open("", a, &mut left);
    open("", b, &mut right);
    let mut places: Vec<&String> = left.keys().chain(right.keys()).collect();
    places.sort();
    places.dedup();
    let value = |side: &BTreeMap<String, Value>, place: &String| {
        side.get(place).cloned().unwrap_or(Value::Null)
    };
    let apart = places.into_iter().map(|place| {
        let (a, b) = (value(&left, place), value(&right, place));
        (place.clone(), a, b)
    });
    apart.filter(|(_, a, b)| a != b).collect()
}

fn open(place: &str, value: &Value, to: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, inner) in map {
                let dot = if place.is_empty() { "" } else { "." };
                open(&format!("{place}{dot}{name}"), inner, to);
            }
        }
        plain => {
            to.insert(place.to_owned(), plain.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(name: &str, key: &str, settings: Value, seed: u64, inputs: Vec<Lineage>) -> Lineage {
        Lineage {
            binding: String::new(),
            name: name.to_owned(),
            key: key.to_owned(),
            kind: "model".to_owned(),
            from: From::Stage {
                stage: "pretrain".to_owned(),
                version: 1,
                settings,
                seed,
                inputs,
            },
        }
    }

    #[test]
    fn what_sets_two_makings_apart_is_said_once() {
        let text = || step("글", "k1", json!({}), 1, vec![]);
        let base = |rate: f64, key: &str| {
            step(
                "base",
                key,
                json!({ "train": { "rate": rate, "tokens": 10 } }),
                1,
                vec![text()],
            )
        };
        let a = step(
            "tuned",
            "a2",
            json!({ "x": 1 }),
            1,
            vec![base(0.1, "a1"), step("extra", "e", json!({}), 1, vec![])],
        );
        let b = step(
            "taught",
            "b2",
            json!({ "x": 1, "y": [2] }),
            2,
            vec![base(0.2, "b1")],
        );
        let made = compare(&a, &b);
        let said: Vec<(&str, &str, &Value, &Value)> = made
            .differences
            .iter()
            .map(|one| (one.step.as_str(), one.what.as_str(), &one.a, &one.b))
            .collect();
        assert_eq!(
            said,
            [
                ("tuned / taught", "y", &Value::Null, &json!([2])),
                ("base", "train.rate", &json!(0.1), &json!(0.2)),
            ]
        );
        assert_eq!(made.same, 1);
        assert_eq!(made.other_seeds, ["tuned / taught"]);
        assert_eq!(made.only_a, ["extra (pretrain)"]);
        assert!(made.only_b.is_empty() && made.other_inputs.is_empty());
    }

    /// Whatever has another key is spoken of.
    #[test]
    fn an_input_that_was_edited_is_named() {
        let outside = |key: &str, hash: &str| Lineage {
            from: From::Outside {
                path: "글.jsonl".into(),
                files: vec![FileRecord {
                    name: "글.jsonl".to_owned(),
                    bytes: 10,
                    blake3: hash.to_owned(),
                }],
            },
            ..step("text", key, json!({}), 1, vec![])
        };
        let made = compare(
            &outside("k1", "aaaaaaaaaaaa"),
            &outside("k2", "bbbbbbbbbbbb"),
        );
        assert_eq!((made.same, made.differences.len()), (0, 1));
        assert_eq!(made.differences[0].a, "글.jsonl (aaaaaaaa…)");
        let gone = |key: &str| Lineage {
            from: From::Gone,
            ..step("text", key, json!({}), 1, vec![])
        };
        let made = compare(&gone("k1"), &gone("k2"));
        assert_eq!(made.differences[0].a, "text-k1, text (model)");
    }

    /// One that was made from the other is not held against it.
    #[test]
    fn a_model_and_what_became_of_it() {
        let first = || step("first", "f", json!({ "tokens": 1 }), 1, vec![]);
        let second = step("second", "s", json!({ "tokens": 2 }), 1, vec![first()]);
        let made = compare(&first(), &second);
        assert_eq!((made.same, made.differences.len()), (1, 0));
        assert_eq!(made.only_b, ["second (pretrain)"]);
    }
}
