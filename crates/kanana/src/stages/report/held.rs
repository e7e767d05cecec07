//! What the corpus held of benchmarks, by task and by question.

use crate::kinds;
use crate::stages::CONTAMINATION;
use anyhow::Result;
use corpus::contamination::Contamination;
use page::{Cell, Column, Page, Table};
use recipe::Artifact;

/// Questions that are listed.
const LISTED: usize = 20;

pub(super) fn draw(page: &mut Page, corpora: &[Artifact<kinds::Corpus>]) -> Result<()> {
    for artifact in corpora {
        if !artifact.file(CONTAMINATION).is_file() {
            continue;
        }
        let report: Contamination = artifact.json(CONTAMINATION)?;
        page.heading("What it held of benchmarks");
        page.paragraph(match report.dropped {
            true => "Documents that held one of these questions were dropped.",
            false => "Documents that hold one of these questions were marked and kept.",
        });
        page.table(by_task(&report));
        if !report.held.is_empty() {
            page.table(by_question(&report));
        }
        if let Some(more) = report
            .held
            .len()
            .checked_sub(LISTED)
            .filter(|more| *more > 0)
        {
            page.paragraph(format!("… and {more} more in {CONTAMINATION}."));
        }
    }
    Ok(())
}

fn by_task(report: &Contamination) -> Table {
    let mut table = Table::new([
        Column::text("benchmark"),
        Column::number("questions", 0),
        Column::number("looked for", 0),
        Column::number("held", 0),
        Column::text("share"),
        Column::number("documents", 0),
    ]);
    for task in &report.tasks {
        table.row([
            Cell::from(task.task.as_str()),
            Cell::from(task.questions as f64),
            Cell::from(task.looked_for as f64),
            Cell::from(task.held as f64),
            Cell::from(page::percent(task.share, 2)),
            Cell::from(task.documents as f64),
        ]);
    }
    table
}

fn by_question(report: &Contamination) -> Table {
    let mut table = Table::new([
        Column::text("question"),
        Column::text("held to"),
        Column::text("by"),
        Column::number("documents", 0),
    ]);
    let mut worst: Vec<_> = report.held.iter().collect();
    worst.sort_by(|a, b| b.share.total_cmp(&a.share));
    for held in worst.into_iter().take(LISTED) {
        table.row([
            Cell::from(held.name.id.as_str()),
            Cell::from(page::percent(held.share, 0)),
            Cell::from(held.document.as_str()),
            Cell::from(held.documents as f64),
        ]);
    }
    table
}
