//! Line charts in braille.

use super::Ink;
use super::canvas::{Canvas, Pen, mark};
use crate::LineChart;
use crate::scale::Scale;
use crate::text::{fit, pad, pad_left, single_line, width};

/// A line chart of `columns` cells and about `rows` lines (axes, legend and labels come on top).
pub fn line_chart(chart: &LineChart, columns: usize, rows: usize, ink: Ink) -> String {
    let (columns, rows) = (columns.max(40), rows.max(4));
    let bottom = (rows * 4 - 1) as f64;
    let ys = chart
        .series
        .iter()
        .flat_map(|s| s.points.iter().map(|p| p.1));
    let count = (rows / 3).max(2);
    let y = Scale::new(&chart.y, ys, (bottom, 0.0), Some(count));
    let labels = y.ticks(&chart.y, count);
    let gutter = labels.iter().map(|l| width(&l.1)).max().unwrap_or(0) + 1;
    let room = columns - gutter - 2;
    let areas = chart.areas.iter().flat_map(|a| [a.from, a.to]);
    let xs = chart
        .series
        .iter()
        .flat_map(|s| s.points.iter().map(|p| p.0))
        .chain(areas);
    let x = Scale::new(&chart.x, xs, (0.0, (room * 2 - 1) as f64), None);

    let mut canvas = Canvas::new(room, rows);
    // Faint series first, so that the others are seen.
    let mut order: Vec<usize> = (0..chart.series.len()).collect();
    order.sort_by_key(|i| !chart.series[*i].faint);
    for i in order {
        let mut before: Option<(f64, f64)> = None;
        for point in &chart.series[i].points {
            let here = x.at(point.0).zip(y.at(point.1));
            if let Some(here) = here {
                let pen = Pen {
                    series: chart.colour(i),
                    faint: chart.series[i].faint,
                };
                canvas.line(before.unwrap_or(here), here, pen);
            }
            before = here.filter(|_| chart.series[i].labels.is_none());
        }
    }

    let marks = ink == Ink::Plain && chart.series.len() > 1;
    let mut out = String::new();
    let mut push = |line: String| {
        out.push_str(line.trim_end());
        out.push('\n');
    };
    push(ink.strong(&fit(&single_line(&chart.title), columns)));
    push(legend(chart, columns, ink, marks));
    push(ink.quiet(&fit(&single_line(&chart.y.heading()), columns)));

    let cell = |at: f64| (x.clamped(at) / 2.0) as usize;
    let edges: Vec<usize> = chart
        .areas
        .iter()
        .map(|a| cell(a.from))
        .chain(chart.marks.iter().map(|m| cell(m.at)))
        .filter(|c| *c > 0)
        .collect();
    for row in 0..rows {
        let label = labels.iter().find(|l| (l.0 / 4.0) as usize == row);
        let text = label.map_or("", |l| l.1.as_str());
        let edge = if label.is_some() { '┤' } else { '│' };
        let empty = |column: usize| if edges.contains(&column) { '┊' } else { ' ' };
        let drawn = canvas.row(row, ink, marks, empty);
        push(format!("{}{edge}{drawn}", pad_left(text, gutter)));
    }
    push(format!("{}└{}", " ".repeat(gutter), "─".repeat(room)));
    let ticks: Vec<(usize, String)> = x
        .ticks(&chart.x, (room / 14).max(2))
        .into_iter()
        .map(|(at, text)| ((at / 2.0) as usize, text))
        .collect();
    push(format!("{} {}", " ".repeat(gutter), place(&ticks, room)));
    let areas: Vec<(usize, String)> = chart
        .areas
        .iter()
        .map(|a| {
            let (from, to) = (cell(a.from), cell(a.to));
            (
                (from + to) / 2,
                fit(&single_line(&a.label), (to - from).saturating_sub(1)),
            )
        })
        .collect();
    if !areas.is_empty() {
        push(ink.quiet(&format!("{} {}", " ".repeat(gutter), place(&areas, room))));
    }
    let heading = fit(&single_line(&chart.x.heading()), room);
    push(ink.quiet(&pad_left(&heading, columns)));
    for one in &chart.marks {
        push(ink.quiet(&fit(
            &format!("┊ {} {}", chart.x.label(one.at), single_line(&one.label)),
            columns,
        )));
    }
    out
}

fn legend(chart: &LineChart, columns: usize, ink: Ink, marks: bool) -> String {
    let mut used = 0;
    let mut entries: Vec<String> = Vec::new();
    for (i, series) in chart.series.iter().enumerate() {
        let colour = chart.colour(i);
        let key = if marks {
            mark(colour).to_string()
        } else {
            "━━".to_owned()
        };
        let value = series.points.last();
        let value = value.filter(|_| !series.faint && series.labels.is_none());
        let value = value.map_or(String::new(), |p| format!(" {}", chart.y.label(p.1)));
        let name = format!("{}{value}", single_line(&series.name));
        let takes = width(&key) + 1 + width(&name);
        if used + takes > columns {
            entries.push(format!("+{}", chart.series.len() - i));
            break;
        }
        used += takes + 3;
        entries.push(format!("{} {name}", ink.series(colour, &key)));
    }
    entries.join("   ")
}

/// Texts centred at their cells, left to right; one that has no room is left out.
fn place(texts: &[(usize, String)], room: usize) -> String {
    let mut line = String::new();
    for (centre, text) in texts {
        let wide = width(text);
        let start = centre
            .saturating_sub(wide / 2)
            .min(room.saturating_sub(wide));
        let used = width(&line);
        if wide > 0 && (used == 0 || start > used) {
            line = pad(&line, start);
            line.push_str(text);
        }
    }
    line
}
