//! `kanana eval compare`, and what `kanana compare` says of questions: is one of two evaluated models better, and is
//! that more than chance?

use crate::terminal;
use anyhow::{Result, ensure};
use clap::Args;
use evals::{Compared, Comparison, Saved, Test, compare};
use page::terminal::Ink;
use page::{Axis, Bar, BarChart, Cell, Column, Page, Table};
use std::path::PathBuf;

/// Columns of the table.
const COLUMNS: usize = 140;

/// Compare two evaluations.
#[derive(Args)]
pub(super) struct Compare {
    /// The folder of the first evaluation
    a: PathBuf,
    /// The folder of the second
    b: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Write a page with pictures as well
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

impl Compare {
    pub(super) fn run(self) -> Result<()> {
        let (mut a, mut b) = (Saved::read(&self.a)?, Saved::read(&self.b)?);
        if a.about.model == b.about.model {
            // One name for both would name neither.
            a.about.model = self.a.display().to_string();
            b.about.model = self.b.display().to_string();
        }
        let compared = compare(&a, &b);
        ensure!(
            !compared.comparisons.is_empty(),
            "there is nothing to compare in {} and {}: {}",
            self.a.display(),
            self.b.display(),
            match compared.left_out.is_empty() {
                true => "neither has a task".to_owned(),
                false => compared.left_out.join("; "),
            }
        );
        if let Some(path) = &self.page {
            let page = draw(&a, &b, &compared, true);
            disk::write(path, page.finish().as_bytes())?;
        }
        if self.json {
            return terminal::json(&compared);
        }
        let page = draw(&a, &b, &compared, false);
        terminal::say(page.terminal(COLUMNS, Ink::Plain).trim_end());
        if let Some(path) = &self.page {
            terminal::note(&format!("The page: {}", path.display()));
        }
        Ok(())
    }
}

fn draw(a: &Saved, b: &Saved, compared: &Compared, picture: bool) -> Page {
    let names = [a.about.model.as_str(), b.about.model.as_str()];
    let mut page = Page::new(format!("{} against {}", names[0], names[1]));
    questions(&mut page, names, compared, picture);
    page
}

/// The table of what two models answered, and a picture of the differences.
pub(in crate::command) fn questions(
    page: &mut Page,
    names: [&str; 2],
    compared: &Compared,
    picture: bool,
) {
    page.paragraph(
        "The same questions, pair by pair; won says how many each of the two did better. p says how likely so large a difference is between equals: by \
         McNemar's exact test where scores are right or wrong, by the paired bootstrap elsewhere; the last \
         p is adjusted for the number of comparisons (Holm).",
    );
    let mut table = Table::new([
        Column::text("task"),
        Column::text("metric"),
        Column::number("questions", 0),
        Column::number(names[0], 4),
        Column::number(names[1], 4),
        Column::number("difference", 4),
        Column::text("95 %"),
        Column::text("won"),
        Column::text("test"),
        Column::text("p"),
        Column::text("p (Holm)"),
        Column::text("verdict"),
    ]);
    for one in &compared.comparisons {
        table.row([
            Cell::from(one.task.as_str()),
            Cell::from(one.metric.name.as_str()),
            Cell::from(one.questions),
            Cell::from(one.a),
            Cell::from(one.b),
            Cell::from(one.difference),
            Cell::from(format!(
                "{} – {}",
                page::fixed(one.low, 4),
                page::fixed(one.high, 4)
            )),
            Cell::from(format!("{} · {}", one.a_higher, one.b_higher)),
            Cell::from(test(one.test)),
            Cell::from(probability(one.p)),
            Cell::from(probability(one.adjusted)),
            Cell::from(verdict(one, names)),
        ]);
    }
    page.table(table);
    let differ = |one: &Comparison| one.low != 0.0 || one.high != 0.0;
    if picture && compared.comparisons.iter().any(differ) {
        page.bars(differences(compared));
    }
    for sentence in &compared.left_out {
        page.paragraph(format!("Left out: {sentence}."));
    }
}

fn differences(compared: &Compared) -> BarChart {
    let mut chart = BarChart::new(
        "Differences with 95 % intervals: the second model against the first",
        Axis::new("difference", ""),
        [""],
    );
    for one in &compared.comparisons {
        let bar = Bar::new(one.difference).interval(one.low, one.high);
        chart = chart.group(format!("{} {}", one.task, one.metric.name), [Some(bar)]);
    }
    chart
}

fn probability(p: f64) -> String {
    match p < 0.0001 {
        true => "< 0.0001".to_owned(),
        false => page::fixed(p, 4),
    }
}

fn test(test: Test) -> &'static str {
    match test {
        Test::McNemar => "McNemar",
        Test::Bootstrap => "bootstrap",
    }
}

fn verdict(one: &Comparison, names: [&str; 2]) -> String {
    if one.adjusted >= 0.05 {
        return "not told apart".to_owned();
    }
    let higher = match one.difference > 0.0 {
        true => one.metric.higher_is_better,
        false => !one.metric.higher_is_better,
    };
    format!("{} is better", names[usize::from(higher)])
}
