//! The course of training: loss, bits per byte, rate and speed over tokens, stage by stage.

use crate::kinds::{Model, Tokens};
use anyhow::Result;
use model::checkpoint::Checkpoint;
use page::{Axis, Cell, Column, Figure, LineChart, Page, Series, Table};
use recipe::Artifact;
use std::collections::BTreeMap;
use tokenizer::Fertility;
use train::Curve;

/// One stage of training: its curve, and where it lies on the common axis of tokens.
pub(super) struct Trained {
    name: String,
    parameters: usize,
    /// Tokens of the stages before it.
    from: f64,
    tokens: f64,
    curve: Curve,
    /// (tokens, tokens a second) as the runner measured them.
    speeds: Vec<(f64, f64)>,
}

/// The stages that have a curve, in order; models from outside have none.
pub(super) fn read(models: &[Artifact<Model>]) -> Result<Vec<Trained>> {
    let mut from = 0.0;
    let mut stages = Vec::new();
    for model in models
        .iter()
        .filter(|model| model.file(Model::TRAINING).is_file())
    {
        let curve: Curve = model.json(Model::TRAINING)?;
        let tokens = curve.points.last().map_or(0, |point| point.tokens) as f64;
        let speeds = model.metrics()?;
        let speed = |line: &serde_json::Value| {
            Some((
                from + line["tokens"].as_f64()?,
                line["tokens_per_second"].as_f64()?,
            ))
        };
        stages.push(Trained {
            name: model.name().to_owned(),
            parameters: Checkpoint::open(model.path())?.shape.parameters(),
            from,
            tokens,
            speeds: speeds.iter().filter_map(speed).collect(),
            curve,
        });
        from += tokens;
    }
    Ok(stages)
}

/// The numbers to read first.
pub(super) fn figures(stages: &[Trained]) -> Vec<Figure> {
    let Some(last) = stages.last() else {
        return vec![];
    };
    let mut figures = vec![
        Figure::new("Parameters", page::quantity(last.parameters as f64), ""),
        Figure::new("Tokens", page::quantity(last.from + last.tokens), "")
            .note(format!("in {} stages", stages.len())),
    ];
    if let Some(validation) = last.curve.validations.last() {
        figures.push(Figure::new(
            "Held-out text",
            page::fixed(validation.total.bits_per_byte, 3),
            "bits per byte",
        ));
    }
    if let Some(speed) = median(
        stages
            .iter()
            .flat_map(|stage| stage.speeds.iter().map(|(_, speed)| *speed)),
    ) {
        figures.push(Figure::new("Speed", page::quantity(speed), "tokens/s").note("median step"));
    }
    figures
}

/// The charts.
pub(super) fn draw(page: &mut Page, stages: &[Trained]) {
    if stages.is_empty() {
        return;
    }
    page.heading("Training");
    let mut loss = LineChart::new("Loss", tokens(), Axis::new("loss", "nats a token"));
    let mut raw = Vec::new();
    let mut smooth = Vec::new();
    for stage in stages {
        let mut mean = None;
        for point in &stage.curve.points {
            let at = stage.from + point.tokens as f64;
            let now = mean.map_or(point.loss, |mean| 0.9 * mean + 0.1 * point.loss);
            mean = Some(now);
            raw.push((at, point.loss));
            smooth.push((at, now));
        }
    }
    loss = loss
        .series(Series::new("each batch", raw).faint().colour(0))
        .series(Series::new("smoothed", smooth).colour(0));
    for stage in stages {
        loss = loss.area(stage.from, stage.from + stage.tokens, &stage.name);
        for event in &stage.curve.events {
            loss = loss.mark(stage.from + event.tokens as f64, "went back");
        }
    }
    page.lines(loss);

    let groups = by_language(stages);
    if !groups.is_empty() {
        let mut bits = LineChart::new("Held-out text", tokens(), Axis::new("", "bits per byte"))
            .note("Bits per byte do not depend on the tokenizer; lower is better.");
        for (name, points) in groups {
            bits = bits.series(Series::new(name, points));
        }
        for stage in stages {
            bits = bits.area(stage.from, stage.from + stage.tokens, &stage.name);
        }
        page.lines(bits);
        page.fold("Bits per byte by language and source", |page| {
            page.table(by_source(stages));
        });
    }

    let rate: Vec<_> = points(stages, |point| point.rate);
    let norm: Vec<_> = points(stages, |point| point.gradient_norm);
    let speed: Vec<_> = stages
        .iter()
        .flat_map(|stage| stage.speeds.iter().copied())
        .collect();
    page.fold("Learning rate, gradient norm, speed", |page| {
        page.lines(
            LineChart::new("Learning rate", tokens(), Axis::new("rate", ""))
                .series(Series::new("rate", rate)),
        );
        page.lines(
            LineChart::new("Gradient norm", tokens(), Axis::new("norm", "").log())
                .series(Series::new("before clipping", norm)),
        );
        if !speed.is_empty() {
            page.lines(
                LineChart::new("Speed", tokens(), Axis::new("", "tokens/s").from(0.0))
                    .series(Series::new("each step", speed)),
            );
        }
    });
    for stage in stages {
        for event in &stage.curve.events {
            let names: Vec<_> = event
                .skipped
                .iter()
                .map(|document| document.id.as_str())
                .collect();
            page.paragraph(format!(
                "{}, at {} tokens: {}; training went back to {} tokens and left out {}.",
                stage.name,
                event.tokens,
                event.reason,
                event.back_to,
                names.join(", ")
            ));
        }
    }
}

/// Tokens a word in each language and source, as `tokenize` found them.
pub(super) fn fertility(page: &mut Page, tokens: &[Artifact<Tokens>]) -> Result<()> {
    if tokens.is_empty() {
        return Ok(());
    }
    page.heading("Tokenizer");
    for artifact in tokens {
        let fertility: Fertility = artifact.json("fertility.json")?;
        let mut table = Table::new([
            Column::text("language"),
            Column::text("source"),
            Column::number("tokens a word (eojeol)", 2),
            Column::number("bytes a token", 2),
            Column::number("tokens", 0),
        ])
        .caption(artifact.name());
        for row in &fertility.sources {
            table.row([
                Cell::from(row.language.as_str()),
                Cell::from(row.source.as_str()),
                Cell::from(row.tokens_per_word),
                Cell::from(row.bytes_per_token),
                Cell::from(row.tokens),
            ]);
        }
        page.table(table);
        page.paragraph(format!(
            "{} of the {} entries of the vocabulary hold Hangul ({}).",
            page::fixed(fertility.vocabulary.hangul as f64, 0),
            page::fixed(fertility.vocabulary.size as f64, 0),
            page::percent(fertility.vocabulary.hangul_share, 1)
        ));
    }
    Ok(())
}

fn tokens() -> Axis {
    Axis::new("tokens", "")
}

fn points(stages: &[Trained], value: impl Fn(&train::Point) -> f64) -> Vec<(f64, f64)> {
    stages
        .iter()
        .flat_map(|stage| {
            stage
                .curve
                .points
                .iter()
                .map(|point| (stage.from + point.tokens as f64, value(point)))
        })
        .collect()
}

/// Bits per byte of each language over tokens. Groups are named `language/source`.
fn by_language(stages: &[Trained]) -> BTreeMap<String, Vec<(f64, f64)>> {
    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for stage in stages {
        for validation in &stage.curve.validations {
            let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
            for group in &validation.groups {
                let language = group.name.split('/').next().unwrap_or(&group.name);
                let sum = sums.entry(language).or_default();
                sum.0 += group.score.bits_per_byte * group.score.bytes as f64;
                sum.1 += group.score.bytes as f64;
            }
            for (language, (bits, bytes)) in sums {
                lines
                    .entry(language_name(language))
                    .or_default()
                    .push((stage.from + validation.tokens as f64, bits / bytes));
            }
        }
    }
    lines
}

pub(super) fn language_name(code: &str) -> String {
    match code {
        "ko" => "Korean",
        "en" => "English",
        other => other,
    }
    .to_owned()
}

/// The last validation of every stage, a row for each group.
fn by_source(stages: &[Trained]) -> Table {
    let named: Vec<_> = stages
        .iter()
        .filter_map(|stage| Some((stage, stage.curve.validations.last()?)))
        .collect();
    let mut columns = vec![Column::text("language/source")];
    columns.extend(
        named
            .iter()
            .map(|(stage, _)| Column::number(format!("after {}", stage.name), 4)),
    );
    let mut table = Table::new(columns);
    let mut rows: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
    for (index, (_, validation)) in named.iter().enumerate() {
        for group in &validation.groups {
            rows.entry(&group.name)
                .or_insert_with(|| vec![None; named.len()])[index] =
                Some(group.score.bits_per_byte);
        }
    }
    for (name, values) in rows {
        table.row(std::iter::once(Cell::from(name)).chain(values.into_iter().map(Cell::from)));
    }
    table
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
