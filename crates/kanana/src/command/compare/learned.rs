//! How two models learned: held-out text over tokens, the stages before the last one included where they are known.

use crate::kinds::Model;
use crate::stages::init::Init;
use anyhow::{Context as _, Result};
use page::{Axis, Cell, Column, LineChart, Page, Series, Table};
use recipe::{From, Lineage, Stage as _, Store};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use train::{Curve, Score, Validation};

/// The curves of one model, oldest stage first.
pub(super) struct Course {
    curves: Vec<Curve>,
    /// Whether the first of them begins where nothing had been learned.
    whole: bool,
}

/// Both.
#[derive(Serialize)]
pub(super) struct Learned {
    tokens: [u64; 2],
    /// Whether that is all that each has learned from.
    whole: [bool; 2],
    /// Held-out text at the end, everything together first.
    groups: Vec<Group>,
    /// `(tokens, bits per byte)`.
    curves: [Vec<(f64, f64)>; 2],
    /// Whether all points of both were measured on as many documents and bytes.
    one_text: bool,
}

/// Held-out text of one kind.
#[derive(Serialize)]
struct Group {
    name: String,
    /// Bits per byte.
    a: Option<f64>,
    b: Option<f64>,
    /// Whether both were measured on as many documents and bytes.
    same_text: bool,
}

impl Course {
    /// Reads the curve of a model, and those of the models that it was trained on from.
    pub(super) fn read(name: &str, path: &Path, made: Option<(&Store, &Lineage)>) -> Result<Self> {
        let mut curves = vec![curve(path).with_context(|| format!("the training of {name}"))?];
        let mut whole = false;
        if let Some((store, root)) = made {
            let mut lineage = root;
            while let Some(before) = trained_from(root, lineage) {
                let path = store.folder(&before.name, &before.key);
                if path.join(Model::TRAINING).is_file() {
                    curves.push(curve(&path)?);
                }
                lineage = before;
            }
            whole = matches!(&lineage.from, From::Stage { stage, .. } if stage == Init::NAME);
        }
        curves.reverse();
        Ok(Course { curves, whole })
    }

    fn tokens(&self) -> u64 {
        self.curves.iter().map(tokens).sum()
    }

    fn last(&self) -> Option<&Validation> {
        self.curves.last()?.validations.last()
    }

    fn texts(&self) -> impl Iterator<Item = (u64, u64)> {
        let validations = self.curves.iter().flat_map(|curve| &curve.validations);
        validations.map(|one| (one.total.documents, one.total.bytes))
    }

    fn points(&self) -> Vec<(f64, f64)> {
        let mut from = 0;
        let mut points = Vec::new();
        for curve in &self.curves {
            points.extend(curve.validations.iter().map(|validation| {
                let at = (from + validation.tokens) as f64;
                (at, validation.total.bits_per_byte)
            }));
            from += tokens(curve);
        }
        points
    }
}

fn tokens(curve: &Curve) -> u64 {
    curve.points.last().map_or(0, |point| point.tokens)
}

fn curve(folder: &Path) -> Result<Curve> {
    let path = folder.join(Model::TRAINING);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not the course of a training", path.display()))
}

/// The model that one was trained on from, or cut or deepened from; `root` is the whole tree.
fn trained_from<'a>(root: &'a Lineage, lineage: &'a Lineage) -> Option<&'a Lineage> {
    let From::Stage { inputs, .. } = &lineage.from else {
        return None;
    };
    let named = |binding: &str| inputs.iter().find(|input| input.binding == binding);
    let before = named("student").or_else(|| named("model"))?;
    match before.from {
        From::Above => told(root, &before.name, &before.key),
        _ => Some(before),
    }
}

/// Where the tree says how an artifact was made, of the places where it stands.
fn told<'a>(tree: &'a Lineage, name: &str, key: &str) -> Option<&'a Lineage> {
    let itself = tree.name == name && tree.key == key && !matches!(tree.from, From::Above);
    match &tree.from {
        _ if itself => Some(tree),
        From::Stage { inputs, .. } => inputs.iter().find_map(|input| told(input, name, key)),
        _ => None,
    }
}

pub(super) fn compare(a: Course, b: Course) -> Learned {
    let of = |course: &Course, group: Option<&str>| -> Option<Score> {
        let last = course.last()?;
        match group {
            None => Some(last.total),
            Some(name) => {
                let mut groups = last.groups.iter();
                groups.find(|one| one.name == name).map(|one| one.score)
            }
        }
    };
    let names: BTreeSet<&str> = [&a, &b]
        .iter()
        .filter_map(|course| course.last())
        .flat_map(|last| last.groups.iter().map(|group| group.name.as_str()))
        .collect();
    let groups = std::iter::once(None).chain(names.into_iter().map(Some));
    let groups = groups.map(|name| {
        let (a, b) = (of(&a, name), of(&b, name));
        let text = |score: Score| (score.documents, score.bytes);
        Group {
            name: name.unwrap_or("everything").to_owned(),
            a: a.map(|score| score.bits_per_byte),
            b: b.map(|score| score.bits_per_byte),
            same_text: a.map(text) == b.map(text),
        }
    });
    Learned {
        groups: groups.collect(),
        tokens: [a.tokens(), b.tokens()],
        whole: [a.whole, b.whole],
        one_text: a.texts().chain(b.texts()).collect::<BTreeSet<_>>().len() <= 1,
        curves: [a.points(), b.points()],
    }
}

impl Learned {
    pub(super) fn draw(&self, page: &mut Page, [a, b]: [&str; 2]) {
        page.heading("How they learned");
        let told = |at: usize| {
            let least = if self.whole[at] { "" } else { "at least " };
            format!("{least}{}", page::quantity(self.tokens[at] as f64))
        };
        page.paragraph(format!(
            "Trained on {} and {} tokens, those of the models that they were made from counted.",
            told(0),
            told(1)
        ));
        let mut table = Table::new([
            Column::text("held-out text, bits per byte"),
            Column::number(a, 4),
            Column::number(b, 4),
            Column::number("difference", 4),
        ]);
        for group in &self.groups {
            let both = group.a.zip(group.b).filter(|_| group.same_text);
            table.row([
                Cell::from(group.name.as_str()),
                Cell::from(group.a),
                Cell::from(group.b),
                Cell::from(both.map(|(a, b)| b - a)),
            ]);
        }
        page.table(table);
        if self.groups.iter().any(|group| !group.same_text) {
            page.paragraph(
                "Where there is no difference, the two were measured on other texts: --tasks puts the same to both.",
            );
        }
        let mut chart = LineChart::new(
            "Held-out text",
            Axis::new("tokens", ""),
            Axis::new("", "bits per byte"),
        )
        .note(match self.one_text {
            true => "All held-out text together; lower is better.",
            false => {
                "All held-out text together, which was not always the same: only the table says what can be \
                 held against each other."
            }
        });
        for (name, points) in [a, b].into_iter().zip(&self.curves) {
            chart = chart.series(Series::new(name, points.clone()));
        }
        if self.curves.iter().any(|points| points.len() > 1) {
            page.lines(chart);
        }
    }
}
