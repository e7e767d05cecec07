//! The page of an experiment: question, design, outcomes with intervals, verdicts, every seed.

use lab::{Better, Drawn, Findings, OutcomeFindings, Unit};
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
             this scale\" says that this design cannot tell, and no more.",
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

fn unit(findings: &Findings, outcome: &str) -> Unit {
    let found = findings.outcomes.iter().find(|one| one.name == outcome);
    found.map_or(Unit::Number, |outcome| outcome.unit)
}

fn contrasts(findings: &Findings) -> Table {
    let mut table = Table::new(
        [
            "comparison",
            "outcome",
            "difference",
            "95 % interval",
            "the report expects",
            "verdict",
        ]
        .map(Column::text),
    );
    for drawn in &findings.contrasts {
        let unit = unit(findings, &drawn.outcome);
        let (difference, interval) = written(drawn, unit, findings.seeds.len());
        table.row([
            Cell::from(drawn.name.as_str()),
            Cell::from(drawn.outcome.as_str()),
            Cell::from(difference),
            Cell::from(interval),
            Cell::from(drawn.expect.map_or("–", lab::Expected::words)),
            Cell::from(drawn.verdict.words()),
        ]);
    }
    table
}

fn written(drawn: &Drawn, unit: Unit, seeds: usize) -> (String, String) {
    let Some(interval) = drawn.difference else {
        return (
            "–".to_owned(),
            format!("{} of {seeds} seeds have all values", drawn.seeds),
        );
    };
    let some = match drawn.seeds == seeds {
        true => String::new(),
        false => format!(" ({} of {seeds} seeds)", drawn.seeds),
    };
    let range = format!(
        "{} to {}{some}",
        unit.signed(interval.low),
        unit.signed(interval.high)
    );
    (unit.signed(interval.mean), range)
}

fn outcomes(findings: &Findings) -> Table {
    let arms = findings.arms.iter().map(|arm| Column::text(&arm.name));
    let mut table = Table::new(
        [Column::text("outcome"), Column::text("better")]
            .into_iter()
            .chain(arms),
    )
    .caption("means over seeds, with 95 % intervals");
    for outcome in &findings.outcomes {
        let better = match outcome.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        let values = outcome.arms.iter().map(|measured| {
            let there = measured.values.iter().flatten().count();
            let text = measured.interval.map_or_else(
                || {
                    if there == 0 {
                        "–".to_owned()
                    } else {
                        "one seed only".to_owned()
                    }
                },
                |interval| {
                    format!(
                        "{} ± {}",
                        outcome.unit.written(interval.mean),
                        outcome.unit.written(interval.high - interval.mean)
                    )
                },
            );
            match there {
                0 => Cell::from(text),
                some if some < findings.seeds.len() => Cell::from(format!("{text} ({some} seeds)")),
                _ => Cell::from(text),
            }
        });
        table.row(
            [Cell::from(outcome.name.as_str()), Cell::from(better)]
                .into_iter()
                .chain(values),
        );
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
            let values = measured.values.iter().map(|value| {
                Cell::from(
                    value.map_or_else(|| "–".to_owned(), |value| outcome.unit.written(value)),
                )
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
