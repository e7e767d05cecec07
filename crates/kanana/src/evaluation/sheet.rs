//! The page of an evaluation: figures with their intervals, by task and by subject, and every question.
//!
//! What stands before every question of a group (the few-shot examples) is shown once. Everything is
//! folded until it is wanted; a browser's own search finds what is folded.

mod question;
mod words;

use evals::{About, Estimate, Group, Outcome, Protocol, Question, RunAbout};
use page::{Axis, Bar, BarChart, Cell, Column, Figure, Language, Page, Table};
use question::questions;
use words::{Words, words};

/// Questions that a page shows; the others are in the files beside it.
const SHOWN: usize = 20_000;
/// Tiles at the top.
const TILES: usize = 8;

/// The whole page, questions included.
pub(crate) fn whole(about: &RunAbout, outcomes: &[Outcome], language: Language) -> Page {
    let mut page = brief(about, outcomes, language);
    let words = words(language);
    for outcome in outcomes {
        // Every task has its share, so that none is shown whole at another's cost.
        let mut left = SHOWN / outcomes.len();
        task(&mut page, outcome, &words, &mut left);
    }
    page
}

/// What a terminal shows: the figures.
pub(crate) fn brief(about: &RunAbout, outcomes: &[Outcome], language: Language) -> Page {
    let words = words(language);
    let mut page = Page::new(words.title(&about.model)).language(language);
    page.lead(lead(about, &words));
    let tiles = outcomes.iter().filter_map(|outcome| {
        let best = outcome.headline()?;
        let (value, unit) = shown(best);
        Some(
            Figure::new(&outcome.about.name, value, unit)
                .note(words.between(&plain(best, best.low), &plain(best, best.high))),
        )
    });
    page.figures(tiles.take(TILES));
    page.heading(words.figures);
    page.paragraph(words.reading);
    page.table(figures(outcomes, &words));
    let shares: Vec<(&str, &Estimate)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.about.name.as_str(), outcome.headline()?)))
        .filter(|(_, best)| is_share(best))
        .collect();
    if shares.len() > 1 {
        page.bars(bars(words.chart, &shares));
    }
    for outcome in outcomes {
        let name = &outcome.about.name;
        for remark in &outcome.remarks {
            page.paragraph(format!("{name}: {remark}"));
        }
        if outcome.failed() > 0 {
            let mut questions = outcome.questions.iter();
            let first = questions.find_map(|one| Some((one.ask.id.as_str(), one.failure()?)));
            let (id, why) = first.unwrap_or_default();
            page.paragraph(words.failed(name, outcome.failed(), id, why));
        }
        let noted = |one: &&Question| one.notes.iter().any(|note| !note.is_empty());
        let mut with_notes = outcome.questions.iter().filter(noted);
        if let Some(first) = with_notes.next() {
            let note = first.notes.iter().find(|note| !note.is_empty());
            let count = 1 + with_notes.count();
            page.paragraph(words.noted(
                name,
                count,
                &first.ask.id,
                note.map_or("", String::as_str),
            ));
        }
    }
    page
}

fn lead(about: &RunAbout, words: &Words) -> String {
    let protocol = match about.protocol {
        Protocol::Base => words.base,
        Protocol::Instruct => words.instruct,
    };
    let mut parts = vec![protocol.to_owned(), about.identity.clone()];
    if let Some(limit) = about.limit {
        parts.push(words.limit(limit));
    }
    if let Some(tokens) = about.max_tokens {
        parts.push(words.max_tokens(tokens));
    }
    if let Some(judge) = &about.judge {
        parts.push(words.judge(judge));
    }
    parts.join(" · ")
}

/// Whether a figure is a share, to be written in percent.
fn is_share(estimate: &Estimate) -> bool {
    let inside = |value: f64| (0.0..=1.0).contains(&value);
    estimate.metric.higher_is_better
        && inside(estimate.value)
        && inside(estimate.low)
        && inside(estimate.high)
}

/// A figure as it is read, and what it counts.
fn shown(estimate: &Estimate) -> (String, String) {
    (
        plain(estimate, estimate.value),
        estimate.metric.name.clone(),
    )
}

fn plain(estimate: &Estimate, value: f64) -> String {
    match is_share(estimate) {
        true => page::percent(value, 1),
        false => page::fixed(value, 3),
    }
}

fn figures(outcomes: &[Outcome], words: &Words) -> Table {
    let mut table = Table::new([
        Column::text(words.task),
        Column::text(words.metric),
        Column::text(words.value),
        Column::text("±"),
        Column::text(words.interval),
        Column::number(words.questions, 0),
        Column::text(words.contaminated),
    ]);
    for outcome in outcomes {
        let contaminated = match &outcome.contamination {
            None => words.unknown.to_owned(),
            Some(found) => words.overlap(found),
        };
        for (number, estimate) in outcome.estimates.iter().enumerate() {
            let first = number == 0;
            let once = |text: &str| Cell::from(if first { text } else { "" });
            table.row([
                once(&outcome.about.name),
                Cell::from(estimate.metric.name.as_str()),
                Cell::from(plain(estimate, estimate.value)),
                Cell::from(estimate.error.map(|error| plain(estimate, error))),
                Cell::from(words.between(
                    &plain(estimate, estimate.low),
                    &plain(estimate, estimate.high),
                )),
                Cell::from(estimate.questions),
                once(&contaminated),
            ]);
        }
    }
    table
}

fn bars(title: &str, shares: &[(&str, &Estimate)]) -> BarChart {
    let axis = Axis::new("", "").percent().to(1.0);
    let mut chart = BarChart::new(title, axis, [""]);
    for (name, estimate) in shares {
        let bar = Bar::new(estimate.value).interval(estimate.low, estimate.high);
        chart = chart.group(*name, [Some(bar)]);
    }
    chart
}

fn task(page: &mut Page, outcome: &Outcome, words: &Words, left: &mut usize) {
    let about = &outcome.about;
    page.heading(&about.name);
    page.paragraph(words.about(
        &about.summary,
        &about.protocol,
        &about.source,
        about.version,
        &outcome.prompts_hash()[..16],
    ));
    if outcome.questions.len() < outcome.total {
        page.paragraph(words.part(outcome.questions.len(), outcome.total));
    }
    if outcome.groups.len() > 1 {
        let shares: Vec<(&str, &Estimate)> = outcome
            .groups
            .iter()
            .filter_map(|group| Some((group.name.as_str(), group.estimates.first()?)))
            .collect();
        if shares.iter().all(|(_, estimate)| is_share(estimate)) {
            page.bars(bars(words.by_group, &shares));
        }
        page.fold(words.by_group, |page| {
            page.table(groups(outcome, words));
        });
    }
    page.subheading(words.every_question);
    for group in &outcome.groups {
        if *left == 0 {
            page.paragraph(words.elsewhere(&about.name));
            break;
        }
        page.fold(heading(group, about), |page| {
            questions(page, outcome, group, words, left)
        });
    }
}

/// A group and its figures in a line.
fn heading(group: &Group, about: &About) -> String {
    let name = match group.name.is_empty() {
        true => &about.name,
        false => &group.name,
    };
    let mut text = format!("{name} ({})", group.questions);
    if let Some(best) = group.estimates.first() {
        let (value, unit) = shown(best);
        text = format!("{text} · {unit} {value}");
    }
    text
}

fn groups(outcome: &Outcome, words: &Words) -> Table {
    let mut columns = vec![
        Column::text(words.group),
        Column::number(words.questions, 0),
    ];
    for metric in &outcome.about.metrics {
        columns.push(Column::text(&metric.name));
        columns.push(Column::text(words.interval));
    }
    let mut table = Table::new(columns);
    for group in &outcome.groups {
        let mut cells = vec![Cell::from(group.name.as_str()), Cell::from(group.questions)];
        for metric in &outcome.about.metrics {
            let found = group.estimates.iter().find(|one| one.metric == *metric);
            cells.push(Cell::from(found.map(|one| plain(one, one.value))));
            cells.push(Cell::from(found.map(|one| {
                words.between(&plain(one, one.low), &plain(one, one.high))
            })));
        }
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests;
