//! Bars in eighths of a block, with intervals and references in words.

use super::Ink;
use crate::bars::describe;
use crate::scale::Scale;
use crate::text::{fit, pad, single_line, width};
use crate::{Bar, BarChart};

/// A bar chart of `columns` cells.
pub fn bars(chart: &BarChart, columns: usize, ink: Ink) -> String {
    let columns = columns.max(40);
    let all = || chart.groups.iter().flat_map(|g| g.bars.iter().flatten());
    let named = chart.series.len() > 1;
    let names: Vec<String> = if named {
        chart.series.iter().map(|s| single_line(s)).collect()
    } else {
        chart.groups.iter().map(|g| single_line(&g.label)).collect()
    };
    let indent = if named { 2 } else { 0 };
    let name = names
        .iter()
        .map(|n| width(n))
        .max()
        .unwrap_or(0)
        .min(columns / 3);
    // Where bars would be too short beside them, intervals are left out.
    let room = |written: &dyn Fn(&Bar) -> String| {
        let value = all().map(|b| width(&written(b))).max().unwrap_or(0);
        columns.saturating_sub(indent + name + value + 2)
    };
    let (whole, short) = (
        |b: &Bar| describe(chart, b),
        |b: &Bar| chart.axis.label(b.value),
    );
    let written: &dyn Fn(&Bar) -> String = if room(&whole) >= 16 { &whole } else { &short };
    let room = room(written).max(1);
    let x = Scale::new(&chart.axis, chart.values(), (0.0, room as f64), None);

    let mut out = String::new();
    let mut push = |line: String| {
        out.push_str(line.trim_end());
        out.push('\n');
    };
    push(ink.strong(&fit(&single_line(&chart.title), columns)));
    for (g, group) in chart.groups.iter().enumerate() {
        if named {
            push(fit(&single_line(&group.label), columns));
        }
        for (i, bar) in group.bars.iter().enumerate() {
            let label = names
                .get(if named { i } else { g })
                .map_or("", String::as_str);
            let label = pad(&fit(label, name), name);
            let space = " ".repeat(indent);
            let Some(bar) = bar.filter(|b| chart.axis.shows(b.value)) else {
                push(format!("{space}{label} –"));
                continue;
            };
            let cells = blocks(x.clamped(bar.value), room);
            let mut drawn: Vec<char> = pad(&cells, room).chars().collect();
            for reference in &chart.references {
                if let Some(at) = x.at(reference.value) {
                    let at = (at as usize).min(room - 1);
                    drawn[at] = if drawn[at] == ' ' { '┊' } else { '▒' };
                }
            }
            let drawn: String = drawn.into_iter().collect();
            let text = written(&bar);
            push(format!("{space}{label} {} {text}", ink.series(i, &drawn)));
        }
    }
    for reference in &chart.references {
        let text = single_line(&reference.label);
        push(ink.quiet(&fit(&format!("┊ {text}"), columns)));
    }
    out
}

/// A bar of so many cells, in eighths.
fn blocks(cells: f64, room: usize) -> String {
    let eighths = ((cells.max(0.0) * 8.0).round() as usize).min(room * 8);
    let part = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(part[eighths % 8 - 1]);
    }
    bar
}
