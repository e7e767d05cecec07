//! The page of an experiment: question, design, outcomes with intervals, verdicts, every seed.

use lab::{Better, Findings, OutcomeFindings, Unit};
use page::{Axis, Bar, BarChart, Cell, Column, Figure, LineChart, Page, Series, Table};

/// The page, for a browser and for a terminal.
pub(super) fn page(findings: &Findings) -> Page {
    let mut page = Page::new(&findings.question);
    if !findings.report.is_empty() {
        page.lead(format!("The report: {}", findings.report));
    }
    page.figures([
        Figure::new("verdict", findings.verdict(), ""),
        Figure::new("arms", findings.arms.len().to_string(), ""),
        Figure::new("seeds", findings.seeds.len().to_string(), ""),
    ]);
    if !findings.contrasts.is_empty() {
        page.heading("What came out");
        page.table(contrasts(findings));
        page.paragraph(
            "Differences are taken seed by seed; the interval is 95 % of Student's t over seeds, each by itself: of \
             twenty comparisons of nothing with nothing, one is expected to look like something. \"Not visible at \
             this scale\" says that this design cannot tell, and no more, as where all seeds differ by the very same \
             amount and show no spread. \"At most\": a curve began beyond what was to be reached. What is expected is \
             the report's word, or ours where it says nothing.",
        );
    }
    page.heading("Outcomes");
    page.table(outcomes(findings));
    for outcome in &findings.outcomes {
        page.bars(bars(findings, outcome));
    }
    for curve in &findings.curves {
        let mut chart = LineChart::new(
            &curve.name,
            Axis::new(&curve.along, ""),
            Axis::new(&curve.name, ""),
        )
        .note("means over seeds, with 95 % intervals");
        for line in &curve.lines {
            let points: Vec<_> = line.points.iter().map(|point| (point.0, point.1)).collect();
            let band: Vec<_> = line
                .points
                .iter()
                .map(|point| (point.0, point.2, point.3))
                .collect();
            chart = chart.series(Series::new(&line.arm, points).band(band));
        }
        page.lines(chart);
    }
    page.heading("Design");
    page.table(design(findings));
    if !findings.notes.is_empty() {
        page.paragraph(&findings.notes);
    }
    page.heading("Every seed");
    page.table(every_seed(findings));
    page
}

fn contrasts(findings: &Findings) -> Table {
    let titles = [
        "comparison",
        "outcome",
        "difference, 95 % interval",
        "expected",
        "verdict",
    ];
    let mut table = Table::new(titles.map(Column::text));
    for drawn in &findings.contrasts {
        table.row([
            Cell::from(drawn.name.as_str()),
            Cell::from(drawn.outcome.as_str()),
            Cell::from(drawn.written(findings)),
            Cell::from(drawn.expected(findings)),
            Cell::from(drawn.came_out(findings)),
        ]);
    }
    table
}

/// A row for each arm: names of arms are long, and a terminal is not wide.
fn outcomes(findings: &Findings) -> Table {
    let mut table =
        Table::new(["outcome", "arm", "mean", "95 % interval", "seeds"].map(Column::text));
    for outcome in &findings.outcomes {
        let better = match outcome.better {
            Better::Higher => "higher is better",
            Better::Lower => "lower is better",
        };
        for (arm, measured) in findings.arms.iter().zip(&outcome.arms) {
            let there: Vec<f64> = measured.values.iter().flatten().copied().collect();
            let written = |value: f64| outcome.unit.written(value);
            let mean = match there.is_empty() {
                true => "–".to_owned(),
                false => {
                    let mean = lab::statistics::mean(&there);
                    format!("{}{}", measured.before_mean(), written(mean))
                }
            };
            let interval = measured.interval.map_or_else(
                || "–".to_owned(),
                |interval| format!("{} to {}", written(interval.low), written(interval.high)),
            );
            table.row([
                Cell::from(format!("{} ({better})", outcome.name)),
                Cell::from(arm.name.as_str()),
                Cell::from(mean),
                Cell::from(interval),
                Cell::from(format!("{} of {}", there.len(), measured.values.len())),
            ]);
        }
    }
    table
}

fn bars(findings: &Findings, outcome: &OutcomeFindings) -> BarChart {
    let axis = Axis::new(&outcome.name, "");
    let axis = match outcome.unit {
        Unit::Share => axis.percent(),
        Unit::Number | Unit::Quantity => axis,
    };
    let mut chart = BarChart::new(&outcome.name, axis, [outcome.name.as_str()]);
    if let Some(chance) = outcome.chance {
        chart = chart.reference(chance, "chance");
    }
    for (arm, measured) in findings.arms.iter().zip(&outcome.arms) {
        let bar = measured
            .interval
            .map(|interval| Bar::new(interval.mean).interval(interval.low, interval.high));
        chart = chart.group(&arm.name, [bar]);
    }
    chart
}

fn design(findings: &Findings) -> Table {
    let mut table = Table::new([
        Column::text("arm"),
        Column::text("what it is"),
        Column::text("differences"),
        Column::text("tokens"),
        Column::text("training FLOPs"),
        Column::text("teachers' FLOPs"),
    ])
    .caption("what an arm costs with one seed; what was paid for before is left out");
    for arm in &findings.arms {
        table.row([
            Cell::from(arm.name.as_str()),
            Cell::from(arm.says.as_str()),
            Cell::from(arm.differences.join("; ")),
            Cell::from(page::quantity(arm.spent.tokens)),
            Cell::from(format!("{:.3e}", arm.spent.flops)),
            Cell::from(format!("{:.3e}", arm.spent.teacher_flops)),
        ]);
    }
    table
}

fn every_seed(findings: &Findings) -> Table {
    let seeds = findings
        .seeds
        .iter()
        .map(|seed| Column::text(format!("seed {seed}")));
    let mut table = Table::new(
        [Column::text("outcome"), Column::text("arm")]
            .into_iter()
            .chain(seeds),
    );
    for outcome in &findings.outcomes {
        for (arm, measured) in findings.arms.iter().zip(&outcome.arms) {
            let values = measured.values.iter().enumerate().map(|(seed, value)| {
                let written = |value: f64| {
                    format!("{}{}", measured.before(seed), outcome.unit.written(value))
                };
                Cell::from(value.map_or_else(|| "–".to_owned(), written))
            });
            table.row(
                [
                    Cell::from(outcome.name.as_str()),
                    Cell::from(arm.name.as_str()),
                ]
                .into_iter()
                .chain(values),
            );
        }
    }
    table
}
