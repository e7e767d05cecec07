//! What the models answered: accuracy by language and by where the fact was told, and samples.

use super::course::language_name;
use crate::kinds;
use crate::stages::Scores;
use anyhow::Result;
use page::{Axis, Bar, BarChart, Cell, Column, Figure, Page, Sample, Table};
use recipe::Artifact;

/// Four options.
const CHANCE: f64 = 0.25;
/// Questions shown one by one.
const SHOWN: usize = 12;

pub(super) fn read(artifacts: &[Artifact<kinds::Scores>]) -> Result<Vec<Scores>> {
    artifacts
        .iter()
        .map(|artifact| artifact.json(kinds::Scores::FILE))
        .collect()
}

/// Accuracy in each language, of the last model that was asked.
pub(super) fn figures(scores: &[Scores]) -> Vec<Figure> {
    let Some(last) = scores.last() else {
        return vec![];
    };
    let languages = last.languages.iter().filter(|(code, _)| *code != "all");
    let figure = |(code, accuracy): (&String, &crate::stages::Accuracy)| {
        Figure::new(
            format!("{} questions", language_name(code)),
            page::percent(accuracy.acc, 1),
            "right",
        )
        .note(format!("chance {}", page::percent(CHANCE, 0)))
    };
    languages.map(figure).collect()
}

pub(super) fn draw(page: &mut Page, scores: &[Scores]) {
    for score in scores {
        page.heading(format!("What {} answers", score.model));
        if !score.answers.is_empty() {
            page.paragraph(
                "Four options each, in phrasings that no document uses. Whiskers are 95 % intervals. \
                 “Told in” says in which language the documents stated the fact; nowhere is a control.",
            );
            page.bars(accuracy(score));
            page.fold("By relation", |page| {
                page.table(relations(score));
            });
            page.fold("Some questions one by one", |page| {
                page.table(questions(score));
            });
        }
        if !score.benchmarks.is_empty() {
            page.subheading("Benchmarks");
            page.table(benchmarks(score));
        }
        if !score.samples.is_empty() {
            page.subheading("In its own words");
            page.samples(score.samples.iter().map(|sample| {
                Sample::new(&score.model, &sample.prompt, &sample.text)
                    .note(format!("greedy, ended by {}", sample.finish))
            }));
        }
    }
}

fn accuracy(score: &Scores) -> BarChart {
    let languages: Vec<&String> = score
        .languages
        .keys()
        .filter(|code| *code != "all")
        .collect();
    let names = languages
        .iter()
        .map(|code| format!("asked in {}", language_name(code)));
    let mut chart = BarChart::new(
        "Right answers",
        Axis::new("right", "").percent().to(1.0),
        names,
    )
    .reference(CHANCE, "chance");
    let bar = |accuracy: &crate::stages::Accuracy| {
        Bar::new(accuracy.acc).interval(accuracy.low, accuracy.high)
    };
    chart = chart.group(
        "all facts",
        languages
            .iter()
            .map(|code| score.languages.get(*code).map(bar)),
    );
    for told in ["both", "english", "korean", "nowhere"] {
        let bars: Vec<_> = languages
            .iter()
            .map(|code| score.told.get(&format!("{code}/{told}")).map(bar))
            .collect();
        if bars.iter().any(Option::is_some) {
            let label = match told {
                "english" => "told in English only",
                "korean" => "told in Korean only",
                "both" => "told in both",
                _ => "told nowhere",
            };
            chart = chart.group(label, bars);
        }
    }
    chart
}

fn benchmarks(score: &Scores) -> Table {
    let mut table = Table::new([
        Column::text("task"),
        Column::text("metric"),
        Column::number("value", 4),
        Column::number("±", 4),
        Column::number("from", 4),
        Column::number("to", 4),
        Column::number("questions", 0),
    ])
    .caption(
        "± is the standard error, from and to hold 95 %; every question is in evaluation.html",
    );
    for one in &score.benchmarks {
        let estimate = &one.estimate;
        table.row([
            Cell::from(one.task.as_str()),
            Cell::from(estimate.metric.name.as_str()),
            Cell::from(estimate.value),
            Cell::from(estimate.error),
            Cell::from(estimate.low),
            Cell::from(estimate.high),
            Cell::from(estimate.questions),
        ]);
    }
    table
}

fn relations(score: &Scores) -> Table {
    let mut table = Table::new([
        Column::text("relation"),
        Column::number("questions", 0),
        Column::number("right, %", 1),
    ]);
    for (relation, accuracy) in &score.relations {
        table.row([
            Cell::from(relation.replace('_', " ")),
            Cell::from(accuracy.questions),
            Cell::from(100.0 * accuracy.acc),
        ]);
    }
    table
}

fn questions(score: &Scores) -> Table {
    let mut table = Table::new([
        Column::text("question"),
        Column::text("answer"),
        Column::text("chosen"),
    ]);
    let step = (score.answers.len() / SHOWN).max(1);
    for answer in score.answers.iter().step_by(step).take(SHOWN) {
        let option = |index: usize| answer.options.get(index).map_or("", String::as_str);
        let verdict = if answer.chosen == answer.answer {
            "✓"
        } else {
            "✗"
        };
        table.row([
            Cell::from(answer.prompt.as_str()),
            Cell::from(option(answer.answer)),
            Cell::from(format!("{verdict} {}", option(answer.chosen))),
        ]);
    }
    table
}
