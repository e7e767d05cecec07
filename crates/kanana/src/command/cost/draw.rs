//! The account as a page: tables for a terminal, pictures beside them in HTML.

use super::account::{Account, Comparison, Flops, ModelCost, Size};
use super::hardware::{self, Cluster, Shard};
use super::published;
use anyhow::Result;
use page::{Axis, Bar, BarChart, Cell, Column, Figure, LineChart, Page, Series, Table};
use std::collections::BTreeMap;

pub(super) fn page(
    account: &Account,
    cluster: &Cluster,
    recipe: &str,
    pictures: bool,
) -> Result<Page> {
    let mut page = Page::new(format!("What {recipe} costs"));
    page.lead(format!(
        "{} × {} at {} of {} FLOP/s each: {} data × {} tensor × {} pipeline, {}.",
        cluster.devices(),
        cluster.hardware.title,
        page::percent(cluster.utilisation, 0),
        page::quantity(cluster.hardware.flops_per_second),
        cluster.data,
        cluster.tensor,
        cluster.pipeline,
        match cluster.shard {
            Shard::Nothing => "nothing shared among replicas",
            Shard::Optimizer => "the optimizer shared among replicas",
            Shard::Gradients => "optimizer and gradients shared among replicas",
            Shard::Weights => "everything shared among replicas",
        }
    ));
    page.figures(figures(account, cluster));
    if !account.comparisons.is_empty() {
        page.heading("Against training from scratch");
        page.table(against(account));
        if pictures {
            page.bars(bars(account));
        }
    }
    page.heading("Models");
    page.table(models(account));
    page.heading("Steps");
    page.table(stages(account, cluster));
    page.table(steps(account, cluster));
    page.table(memory(account, cluster));
    if pictures {
        page.heading("FLOPs and MMLU");
        page.lines(scores(account)?);
        page.table(published_table()?);
    }
    page.heading("How it is counted");
    for text in [
        "6ND: six FLOPs for each parameter and training token, by the sizes that models go by \
         (nominal) or by the parameters of their shapes (counted). Exact: every product and attention \
         score of the shape at the step's sequence length, forward and backward; nothing that is \
         computed again; ~ where a shape or a length of sequences is not known and 6ND stands in. A teacher's forward pass is two FLOPs for each of its parameters and tokens, \
         and stands apart. Data, measuring importance and evaluation are not counted."
            .to_owned(),
        format!(
            "A device holds 2 bytes a weight, 4 a gradient and 12 of optimizer, split over tensor and \
             pipeline, and the activations of {} sequence(s) split over tensor. Hours are exact FLOPs, \
             teachers included, at the stated utilisation. Hardware: {}.",
            cluster.sequences,
            hardware::source()?
        ),
    ] {
        page.paragraph(text);
    }
    if !account.unknown.is_empty() {
        page.paragraph(format!("Left out{}.", account.unknown_sentence()));
    }
    Ok(page)
}

fn figures(account: &Account, cluster: &Cluster) -> Vec<Figure> {
    let work = account.training.exact + account.teachers.exact;
    let mut figures = vec![
        Figure::new(
            "Training",
            page::quantity(account.training.nominal),
            "FLOPs (6ND)",
        )
        .note(format!("{} exact", exact(account.training))),
        Figure::new(
            "On these devices",
            page::quantity(cluster.device_hours(work)),
            "device-hours",
        )
        .note(format!(
            "{} days on all {}",
            page::quantity(cluster.device_hours(work) / cluster.devices() as f64 / 24.0),
            cluster.devices()
        )),
    ];
    if let Some(first) = account.comparisons.first() {
        let saved = page::percent(first.saving.nominal, 2);
        figures.push(Figure::new("Saved", saved, title(first)).note(format!(
            "{} counted",
            page::percent(first.saving.counted, 2)
        )));
    }
    figures
}

fn title(comparison: &Comparison) -> String {
    match comparison.derived_by.as_str() {
        "" => "all together".to_owned(),
        stage => format!("by {stage}"),
    }
}

fn against(account: &Account) -> Table {
    let mut table = Table::new([
        Column::text("models"),
        Column::text("count"),
        Column::text("FLOPs spent"),
        Column::text("from scratch"),
        Column::text("saves"),
        Column::text("after surgery"),
        Column::text("saves, teachers counted"),
    ])
    .caption("all training in the models' lineages, each step once; after surgery on a trained model: as a part of the cost from scratch");
    for comparison in &account.comparisons {
        let names = format!("{}: {}", title(comparison), comparison.models.join(", "));
        let mut shown = names.as_str();
        for (count, of) in COUNTS {
            let by_size = comparison.spent.by_size || comparison.from_scratch.by_size;
            let mark = if count == "exact" && by_size { "~" } else { "" };
            table.row([
                Cell::from(shown),
                Cell::from(format!("{mark}{count}")),
                Cell::from(page::quantity(of(comparison.spent))),
                Cell::from(page::quantity(of(comparison.from_scratch))),
                Cell::from(page::percent(of(comparison.saving), 2)),
                match of(comparison.after_surgery) > 0.0 {
                    true => Cell::from(page::percent(of(comparison.after_surgery_share), 2)),
                    false => Cell::Missing,
                },
                Cell::from(page::percent(of(comparison.saving_with_teachers), 2)),
            ]);
            shown = "";
        }
    }
    table
}

type Count = (&'static str, fn(Flops) -> f64);

/// What every product and score takes; ~ where a part of it is by size.
fn exact(flops: Flops) -> String {
    let mark = if flops.by_size { "~" } else { "" };
    format!("{mark}{}", page::quantity(flops.exact))
}

/// The same, or a dash where there is none.
fn exactly(flops: Flops) -> Cell {
    match flops.exact > 0.0 {
        true => Cell::from(exact(flops)),
        false => Cell::Missing,
    }
}

const COUNTS: [Count; 3] = [
    ("6ND, nominal", |flops| flops.nominal),
    ("6ND, counted", |flops| flops.counted),
    ("exact", |flops| flops.exact),
];

fn size(size: &Size) -> String {
    let parameters = page::quantity(size.parameters);
    match size.nominal {
        Some(nominal) => format!("{} ({parameters})", page::quantity(nominal)),
        None => parameters,
    }
}

fn models(account: &Account) -> Table {
    let mut table = Table::new([
        Column::text("model"),
        Column::text("size (parameters)"),
        Column::text("since surgery"),
        Column::text("whole lineage"),
        Column::text("exact"),
        Column::text("teachers"),
        Column::text("from scratch"),
    ])
    .caption("FLOPs by 6ND with nominal sizes, except where it says exact");
    for model in &account.models {
        table.row([
            Cell::from(model.name.as_str()),
            Cell::from(size(&model.size)),
            spent(model.own.nominal),
            Cell::from(page::quantity(model.lineage.nominal)),
            Cell::from(exact(model.lineage)),
            spent(model.teachers.nominal),
            model.from_scratch.map_or(Cell::Missing, |flops| {
                Cell::from(page::quantity(flops.nominal))
            }),
        ]);
    }
    table
}

/// A cost, or a dash where there is none.
fn spent(flops: f64) -> Cell {
    match flops > 0.0 {
        true => Cell::from(page::quantity(flops)),
        false => Cell::Missing,
    }
}

fn stages(account: &Account, cluster: &Cluster) -> Table {
    let mut table = Table::new([
        Column::text("stage"),
        Column::number("steps", 0),
        Column::text("tokens"),
        Column::text("6ND, nominal"),
        Column::text("exact"),
        Column::text("teacher"),
        Column::text("device-hours"),
        Column::text("days"),
    ])
    .caption("by stage");
    let all = account.stages.iter().map(|one| {
        let name = one.stage.as_str();
        (name, one.steps, one.tokens, one.training, one.teacher)
    });
    let tokens = account.steps.iter().map(|step| step.tokens).sum();
    let (steps, training, teachers) = (account.steps.len(), account.training, account.teachers);
    let together = ("together", steps, tokens, training, teachers);
    for (name, steps, tokens, training, teacher) in all.chain([together]) {
        let hours = cluster.device_hours(training.exact + teacher.exact);
        table.row([
            Cell::from(name),
            Cell::from(steps),
            Cell::from(page::quantity(tokens)),
            spent(training.nominal),
            exactly(training),
            exactly(teacher),
            Cell::from(page::quantity(hours)),
            Cell::from(page::quantity(hours / cluster.devices() as f64 / 24.0)),
        ]);
    }
    table
}

fn steps(account: &Account, cluster: &Cluster) -> Table {
    let mut table = Table::new([
        Column::text("step"),
        Column::text("stage"),
        Column::text("size (parameters)"),
        Column::text("tokens"),
        Column::text("6ND, nominal"),
        Column::text("exact"),
        Column::text("teacher"),
        Column::text("device-hours"),
        Column::text("days"),
    ])
    .caption("by step");
    for step in &account.steps {
        let needs = cluster.needs(step);
        table.row([
            Cell::from(step.name.as_str()),
            Cell::from(step.stage.as_str()),
            Cell::from(size(&step.size)),
            Cell::from(page::quantity(step.tokens)),
            spent(step.training.nominal),
            exactly(step.training),
            exactly(step.teacher),
            Cell::from(page::quantity(needs.device_hours)),
            Cell::from(page::quantity(needs.hours / 24.0)),
        ]);
    }
    table
}

fn memory(account: &Account, cluster: &Cluster) -> Table {
    let columns = [
        "weights",
        "gradients",
        "optimizer",
        "activations",
        "teacher",
        "in all",
    ];
    let numbers = columns.map(|name| Column::number(name, 1));
    let all: Vec<_> = account
        .steps
        .iter()
        .map(|step| cluster.needs(step))
        .collect();
    let most = all.iter().map(|needs| needs.memory).fold(0.0, f64::max);
    let (unit, title) = match most {
        most if most >= 1e9 => (1e9, "gigabytes"),
        _ => (1e6, "megabytes"),
    };
    let mut table =
        Table::new(
            [Column::text("step")]
                .into_iter()
                .chain(numbers)
                .chain([Column::text(format!(
                    "of {} GB",
                    cluster.hardware.memory / 1e9
                ))]),
        )
        .caption(format!("{title} on each device"));
    for (step, needs) in account.steps.iter().zip(all) {
        let verdict = match (needs.fits, needs.activations) {
            (true, Some(_)) => "fits",
            (true, None) => "fits, activations not known",
            (false, _) => {
                "does not fit: more --tensor or --pipeline, --shard weights, or recompute = \"block\""
            }
        };
        let parts = [
            Some(needs.weights),
            Some(needs.gradients),
            Some(needs.optimizer),
            needs.activations,
            Some(needs.teacher),
            Some(needs.memory),
        ];
        table.row(
            [Cell::from(step.name.as_str())]
                .into_iter()
                .chain(parts.map(|bytes| Cell::from(bytes.map(|bytes| bytes / unit))))
                .chain([Cell::from(verdict)]),
        );
    }
    table
}

fn bars(account: &Account) -> BarChart {
    let mut chart = BarChart::new(
        "What each comparison spends, as a part of training from scratch",
        Axis::new("of from scratch, 6ND with nominal sizes", "")
            .percent()
            .from(0.0),
        ["training", "with teachers"],
    )
    .reference(1.0, "from scratch");
    for comparison in &account.comparisons {
        let share = |flops: Flops| Some(Bar::new(flops.share(comparison.from_scratch).nominal));
        chart = chart.group(
            title(comparison),
            [
                share(comparison.spent),
                share(comparison.spent + comparison.teachers),
            ],
        );
    }
    chart
}

/// Published models by family; what this recipe's models would cost is marked.
fn scores(account: &Account) -> Result<LineChart> {
    let published = published::read()?;
    let mut families: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for model in &published.models {
        families.entry(&model.family).or_default().push(model);
    }
    let mut chart = LineChart::new(
        "Training FLOPs and MMLU of published models",
        Axis::new("FLOPs, 6ND", "").log(),
        Axis::new("MMLU", "%"),
    )
    .note(format!(
        "{}. Of pruned models the student's training alone. Vertical marks: up to {MARKED} of this recipe's \
         models, the costliest, counted likewise.",
        published.source
    ));
    for (family, mut models) in families {
        models.sort_by(|a, b| a.flops().total_cmp(&b.flops()));
        let points: Vec<(f64, f64)> = models.iter().map(|one| (one.flops(), one.mmlu)).collect();
        let labels: Vec<String> = models.iter().map(|one| one.name.clone()).collect();
        chart = chart.series(Series::new(family, points).scattered(labels));
    }
    let at = |model: &ModelCost| match model.derived_by.as_deref() {
        Some("prune") => model.own.nominal,
        _ => model.lineage.nominal,
    };
    let drawn = account.models.iter().map(|model| (at(model), model));
    let mut drawn: Vec<(f64, &ModelCost)> = drawn.filter(|(flops, _)| *flops >= 1e20).collect();
    drawn.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (flops, model) in drawn.into_iter().take(MARKED) {
        chart = chart.mark(flops, model.name.as_str());
    }
    Ok(chart)
}

/// Marks that a picture has room for.
const MARKED: usize = 6;

fn published_table() -> Result<Table> {
    let mut table = Table::new([
        Column::text("family"),
        Column::text("model"),
        Column::text("FLOPs, 6ND"),
        Column::number("MMLU", 2),
    ])
    .caption("the points of the picture");
    let mut models = published::read()?.models;
    models.sort_by(|a, b| b.flops().total_cmp(&a.flops()));
    for model in models {
        table.row([
            Cell::from(model.family.as_str()),
            Cell::from(model.name.as_str()),
            Cell::from(page::quantity(model.flops())),
            Cell::from(model.mmlu),
        ]);
    }
    Ok(table)
}
