//! What other limits would change: signals of the ledger, judged again.
//!
//! Exact, because a verdict of `filter` depends on signals and limits alone. It says nothing of steps after.

use super::Step;
use crate::terminal;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use corpus::filter::judge;
use corpus::{FilterSettings, Language, visit_ledger};
use page::terminal::Ink;
use page::{Cell, Column, Table};
use recipe::Origin;
use serde_json::json;
use std::collections::BTreeMap;

/// Documents by what the change does to them.
#[derive(Default)]
struct Change {
    came: u64,
    before: u64,
    after: u64,
    now_kept: u64,
    now_dropped: u64,
    bytes: i64,
}

pub(super) fn show(steps: &[Step], changes: &[String], as_json: bool) -> Result<()> {
    let mut filters = steps
        .iter()
        .rev()
        .filter_map(|step| match &step.manifest.origin {
            Origin::Made {
                stage, settings, ..
            } if stage == "filter" => Some((step, settings)),
            _ => None,
        });
    let Some((step, settings)) = filters.next() else {
        bail!(
            "--what-if lays other limits on the ledger of a `filter` step, and there is none on the way to this artifact"
        );
    };
    let before: FilterSettings = serde_json::from_value(settings.clone())
        .with_context(|| format!("the settings of {} are of another version", step.name))?;
    let mut after = before.clone();
    for change in changes.iter().flat_map(|changes| changes.split(',')) {
        apply(&mut after, change)?;
    }
    let mut found: BTreeMap<String, Change> = BTreeMap::new();
    let signals = corpus::filter::signals();
    visit_ledger(&step.path, |names, entry| {
        ensure!(
            names == signals,
            "the ledger of {} has signals of another version: run the step again",
            step.name
        );
        let language = Language::of(&entry.language);
        let dropped = |settings: &FilterSettings| {
            !judge(&entry.numbers, settings.limits(language)).is_empty()
        };
        let (was, is) = (dropped(&before), dropped(&after));
        ensure!(
            was != entry.kept(),
            "the ledger of {} disagrees with its own limits on {}: run the step again",
            step.name,
            entry.id
        );
        let change = found.entry(entry.language).or_default();
        change.came += 1;
        change.before += u64::from(!was);
        change.after += u64::from(!is);
        change.now_kept += u64::from(was && !is);
        change.now_dropped += u64::from(!was && is);
        change.bytes += (i64::from(was && !is) - i64::from(!was && is)) * entry.bytes as i64;
        Ok(())
    })?;
    if as_json {
        let rows = found.iter().map(|(language, change)| {
            json!({
                "step": step.name, "language": language, "documents": change.came, "kept": change.before, "kept_then": change.after,
                "now_kept": change.now_kept, "now_dropped": change.now_dropped, "bytes": change.bytes,
            })
        });
        return terminal::json(&rows.collect::<Vec<_>>());
    }
    let mut table = Table::new([
        Column::text("language"),
        Column::number("documents", 0),
        Column::number("kept", 0),
        Column::number("kept then", 0),
        Column::number("now kept", 0),
        Column::number("now dropped", 0),
        Column::number("MB", 2),
    ]);
    for (language, change) in &found {
        let counts = [
            change.came,
            change.before,
            change.after,
            change.now_kept,
            change.now_dropped,
        ];
        let cells = counts.map(|count| Cell::from(count as f64));
        table.row(
            [Cell::from(language.clone())]
                .into_iter()
                .chain(cells)
                .chain([Cell::from(change.bytes as f64 / 1e6)]),
        );
    }
    terminal::say(&page::terminal::table(&table, 120, Ink::Plain));
    terminal::say(&format!(
        "{} with {}; no text was read",
        step.name,
        changes.join(", ")
    ));
    Ok(())
}

/// `ko.few_words=20`, `few_words=off` (in every language).
fn apply(settings: &mut FilterSettings, change: &str) -> Result<()> {
    let (name, limit) = change.split_once('=').with_context(|| {
        format!("{change:?}: wanted a rule and a limit, such as ko.few_words=20 or short_lines=off")
    })?;
    let limit = match limit {
        "off" => None,
        number => Some(
            number
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .with_context(|| format!("{change:?}: {number:?} is neither a number nor off"))?,
        ),
    };
    let (languages, reason) = match name.split_once('.') {
        None => (vec![Language::Korean, Language::English], name),
        Some(("ko", reason)) => (vec![Language::Korean], reason),
        Some(("en", reason)) => (vec![Language::English], reason),
        Some(("code", reason)) => (vec![Language::Code], reason),
        Some((other, _)) => {
            bail!("{change:?}: there are no limits for {other:?}, only for ko, en and code")
        }
    };
    for language in languages {
        settings
            .limits_mut(language)
            .set(reason, limit)
            .map_err(|error| anyhow!(error))?;
    }
    Ok(())
}
