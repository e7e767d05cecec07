//! Where the documents went: from pages in to documents out, by step, language and reason, with the
//! signals that decided and samples of what was dropped.

mod samples;

use super::course::language_name;
use crate::kinds;
use crate::stages::filter::ACCOUNT;
use anyhow::Result;
use corpus::classify::Calibrate;
use corpus::filter::{self, Side};
use corpus::{Account, Harvested, Language};
use page::{Axis, Bar, BarChart, Cell, Column, Figure, LineChart, Page, Series, Table};
use recipe::Artifact;
use std::collections::{BTreeMap, BTreeSet};

type Corpora<'a> = &'a [Artifact<kinds::Corpus>];

/// Reasons in a picture.
const REASONS: usize = 16;
/// Bins of a histogram.
const BINS: usize = 40;

/// A step of curation.
struct Step {
    name: String,
    stage: String,
    came: u64,
    kept: u64,
    bytes: u64,
    /// Documents kept by language, where the step knows of languages.
    languages: BTreeMap<String, u64>,
    /// Documents dropped, by reason.
    dropped: BTreeMap<String, u64>,
}

/// Pages that came, and documents that are left.
pub(super) fn figures(corpora: Corpora<'_>) -> Result<Vec<Figure>> {
    let steps = steps(corpora)?;
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return Ok(vec![]);
    };
    let share = last.kept as f64 / first.came.max(1) as f64;
    Ok(vec![
        Figure::new("Came in", page::quantity(first.came as f64), "documents"),
        Figure::new("Kept", page::quantity(last.kept as f64), "documents")
            .note(format!("{} of them", page::percent(share, 1))),
    ])
}

pub(super) fn draw(page: &mut Page, corpora: Corpora<'_>) -> Result<()> {
    let steps = steps(corpora)?;
    if steps.is_empty() {
        return Ok(());
    }
    page.heading("Where the documents went");
    page.bars(flow(&steps));
    page.table(table(&steps));
    for (step, artifact) in steps.iter().zip(corpora) {
        if step.dropped.values().sum::<u64>() > 0 {
            page.subheading(format!("Why {} drops", step.name));
            page.bars(reasons(step));
        }
        signals(page, step, artifact)?;
    }
    samples::draw(page, &steps, corpora)
}

fn steps(corpora: Corpora<'_>) -> Result<Vec<Step>> {
    corpora.iter().map(step).collect()
}

fn step(artifact: &Artifact<kinds::Corpus>) -> Result<Step> {
    let stage = artifact.manifest()?.stage().unwrap_or("outside").to_owned();
    let name = artifact.name().to_owned();
    if artifact.file(ACCOUNT).is_file() {
        let account: Account = artifact.json(ACCOUNT)?;
        let total = &account.total;
        let dropped = total.dropped.iter();
        let languages = account.languages.iter();
        return Ok(Step {
            name,
            stage,
            came: total.came.documents,
            kept: total.kept.documents,
            bytes: total.kept.bytes,
            // A model of languages names many of which nothing is kept.
            languages: languages
                .map(|(language, flow)| (language.clone(), flow.kept.documents))
                .filter(|(_, kept)| *kept > 0)
                .collect(),
            dropped: dropped
                .map(|(reason, amount)| (reason.clone(), amount.documents))
                .collect(),
        });
    }
    let corpus = corpus::Corpus::open(artifact.path())?;
    let total = corpus.statistics().total.clone();
    let mut step = Step {
        name,
        stage,
        came: total.documents,
        kept: total.documents,
        bytes: total.bytes,
        languages: BTreeMap::new(),
        dropped: BTreeMap::new(),
    };
    if artifact.file("extracted.json").is_file() {
        let harvested: Harvested = artifact.json("extracted.json")?;
        step.came = harvested.records;
        for (reason, count) in &harvested.refused {
            let reason = serde_json::to_value(reason)?;
            let reason = reason.as_str().unwrap_or_default().to_owned();
            step.dropped.insert(reason, *count);
        }
        if harvested.bad.total > 0 {
            step.dropped
                .insert("unreadable".to_owned(), harvested.bad.total);
        }
    }
    Ok(step)
}

/// One bar a step and language: what is left.
fn flow(steps: &[Step]) -> BarChart {
    let languages: BTreeSet<&String> = steps
        .iter()
        .flat_map(|step| step.languages.keys())
        .collect();
    let names = languages.iter().map(|code| match code.as_str() {
        "" => "no language".to_owned(),
        code => language_name(code).to_owned(),
    });
    let series: Vec<String> = std::iter::once("all".to_owned()).chain(names).collect();
    let mut chart = BarChart::new("Documents left", Axis::new("documents", ""), series);
    if let Some(first) = steps.first() {
        let nothing = languages.iter().map(|_| None);
        let all = Some(Bar::new(first.came as f64));
        chart = chart.group("came in", std::iter::once(all).chain(nothing));
    }
    for step in steps {
        let by = languages.iter().map(|language| {
            let kept = step.languages.get(*language)?;
            Some(Bar::new(*kept as f64))
        });
        let all = Some(Bar::new(step.kept as f64));
        chart = chart.group(&step.name, std::iter::once(all).chain(by));
    }
    chart
}

fn table(steps: &[Step]) -> Table {
    let mut table = Table::new([
        Column::text("step"),
        Column::text("stage"),
        Column::number("came", 0),
        Column::number("kept", 0),
        Column::number("kept, %", 1),
        Column::text("left"),
    ]);
    for step in steps {
        table.row([
            Cell::from(step.name.as_str()),
            Cell::from(step.stage.as_str()),
            Cell::from(step.came),
            Cell::from(step.kept),
            Cell::from(100.0 * step.kept as f64 / step.came.max(1) as f64),
            Cell::from(format!("{}B", page::quantity(step.bytes as f64))),
        ]);
    }
    table
}

fn reasons(step: &Step) -> BarChart {
    let mut order: Vec<(&String, &u64)> = step.dropped.iter().collect();
    order.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), *reason));
    let title = format!("Dropped by {}, by the first reason", step.name);
    let mut chart = BarChart::new(title, Axis::new("documents", ""), ["documents"]);
    for (reason, count) in order.iter().take(REASONS) {
        chart = chart.group(reason.as_str(), [Some(Bar::new(**count as f64))]);
    }
    let rest: u64 = order.iter().skip(REASONS).map(|(_, count)| **count).sum();
    if rest > 0 {
        chart = chart.note(format!("{rest} more for other reasons"));
    }
    chart
}

/// Histograms of the numbers that a step judged by, with the limits that were laid on them.
fn signals(page: &mut Page, step: &Step, artifact: &Artifact<kinds::Corpus>) -> Result<()> {
    // Only columns that decide something are held: a ledger has fifty of a document each.
    let mut columns: Option<Vec<Signal>> = None;
    corpus::visit_ledger(artifact.path(), |names, entry| {
        let columns = match &mut columns {
            Some(columns) => columns,
            None => columns.insert(deciding(names, step, artifact)?),
        };
        for signal in columns {
            let number = entry.numbers[signal.column];
            if number.is_finite() {
                signal.values.push(number);
            }
        }
        Ok(())
    })?;
    let varies = |signal: &Signal| signal.values.windows(2).any(|pair| pair[0] != pair[1]);
    let charts: Vec<LineChart> = columns
        .unwrap_or_default()
        .iter()
        .filter(|signal| varies(signal))
        .map(|signal| histogram(&signal.name, &signal.values, &signal.limits))
        .collect();
    if !charts.is_empty() {
        page.fold(
            format!("The signals of {}, and its limits", step.name),
            |page| {
                for chart in charts {
                    page.lines(chart);
                }
            },
        );
    }
    Ok(())
}

/// A column of a ledger that has limits.
struct Signal {
    column: usize,
    name: String,
    limits: Vec<Limit>,
    values: Vec<f64>,
}

fn deciding(
    names: &[String],
    step: &Step,
    artifact: &Artifact<kinds::Corpus>,
) -> Result<Vec<Signal>> {
    let mut signals = Vec::new();
    for (column, name) in names.iter().enumerate() {
        let limits = limits(name, step, artifact)?;
        if !limits.is_empty() {
            signals.push(Signal {
                column,
                name: name.clone(),
                limits,
                values: Vec::new(),
            });
        }
    }
    Ok(signals)
}

/// A limit on a signal.
struct Limit {
    at: f64,
    reason: String,
    side: Side,
    /// Whose texts it is laid on; all where it does not say.
    language: Option<Language>,
}

impl Limit {
    fn label(&self) -> String {
        match self.language {
            Some(Language::Korean) => format!("{}, korean", self.reason),
            Some(_) => format!("{}, english", self.reason),
            None => "kept from here".to_owned(),
        }
    }
}

/// The limits on a signal.
fn limits(signal: &str, step: &Step, artifact: &Artifact<kinds::Corpus>) -> Result<Vec<Limit>> {
    let manifest = artifact.manifest()?;
    let settings = match &manifest.origin {
        recipe::Origin::Made { settings, .. } => settings,
        recipe::Origin::Outside { .. } => return Ok(vec![]),
    };
    if step.stage == "classify" {
        let keep = serde_json::from_value(settings["keep"].clone()).unwrap_or(None::<Calibrate>);
        let found = artifact.note("threshold").and_then(|found| found.as_f64());
        let limit = found.filter(|_| keep.is_some());
        return Ok(limit
            .map(|at| Limit {
                at,
                reason: "low_score".to_owned(),
                side: Side::Below,
                language: None,
            })
            .into_iter()
            .collect());
    }
    if step.stage != "filter" {
        return Ok(vec![]);
    }
    let mut limits = Vec::new();
    for rule in filter::rules().filter(|rule| rule.signal == signal) {
        for (language, name, published) in [
            (Language::English, "english", rule.english),
            (Language::Korean, "korean", rule.korean),
        ] {
            // A number is a limit, false is none, and what is not said is the published one.
            let limit = match &settings[name][rule.reason] {
                serde_json::Value::Bool(false) => None,
                value => value.as_f64().or(published),
            };
            limits.extend(limit.map(|at| Limit {
                at,
                reason: rule.reason.to_owned(),
                side: rule.side,
                language: Some(language),
            }));
        }
    }
    Ok(limits)
}

/// Shares of the documents over the middle 99 % of the values, limits marked.
fn histogram(name: &str, values: &[f64], limits: &[Limit]) -> LineChart {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let limit = |choose: fn(f64, f64) -> f64, from: f64| {
        limits.iter().map(|limit| limit.at).fold(from, choose)
    };
    let (low, high) = (limit(f64::min, at(0.005)), limit(f64::max, at(0.995)));
    let width = ((high - low) / BINS as f64).max(f64::MIN_POSITIVE);
    let mut bins = [0_u64; BINS];
    for value in &sorted {
        let bin = ((value - low) / width)
            .floor()
            .clamp(0.0, (BINS - 1) as f64);
        bins[bin as usize] += 1;
    }
    let points: Vec<(f64, f64)> = bins
        .iter()
        .enumerate()
        .map(|(i, count)| {
            let middle = low + (i as f64 + 0.5) * width;
            (middle, *count as f64 / sorted.len() as f64)
        })
        .collect();
    let mut chart = LineChart::new(
        name.replace('_', " "),
        Axis::new(name, ""),
        Axis::new("share of the documents", "").percent().from(0.0),
    )
    .series(Series::new("documents", points));
    for limit in limits {
        chart = chart.mark(limit.at, limit.label());
    }
    chart
}
