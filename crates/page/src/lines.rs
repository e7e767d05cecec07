//! Line charts as SVG: grid, shaded stages, bands, lines, marks.
//!
//! A series of many points is thinned to what the pixels can show; the smallest and the largest
//! value within a pixel stay, so that no spike is lost.

use crate::chart::{LineChart, Series};
use crate::markup::{Markup, Px, path};
use crate::page::Language;
use crate::picture::{Entry, Frame, colour, figure, label, line, rectangle};
use crate::scale::Scale;
use crate::text::{fit_pixels, pixels};

pub(crate) fn write(chart: &LineChart, language: Language, m: &mut Markup) {
    let legend: Vec<Entry> = chart
        .series
        .iter()
        .enumerate()
        .map(|(i, series)| Entry {
            class: class(chart, i),
            name: series.name.clone(),
            value: match series.points.last() {
                Some((_, y)) if !series.faint && series.labels.is_none() => chart.y.label(*y),
                _ => String::new(),
            },
        })
        .collect();
    let words = (chart.title.as_str(), chart.note.as_deref());
    figure(m, words, &legend, (chart.hidden(), language), |frame, m| {
        draw(chart, frame, m)
    });
}

fn class(chart: &LineChart, index: usize) -> String {
    let series = &chart.series[index];
    let mut class = colour(chart.colour(index));
    class.push_str(if series.faint { " faint" } else { "" });
    class.push_str(if series.dashed { " dashed" } else { "" });
    class
}

/// Draws and returns the height taken.
fn draw(chart: &LineChart, frame: Frame, m: &mut Markup) -> f64 {
    let Frame {
        width,
        height,
        font,
        ..
    } = frame;
    let (top, bottom) = (font * 2.0, height - font * 3.4);
    let ys = || {
        let bands = chart
            .series
            .iter()
            .flat_map(|s| s.band.iter().flat_map(|b| [b.1, b.2]));
        chart
            .series
            .iter()
            .flat_map(|s| s.points.iter().map(|p| p.1))
            .chain(bands)
    };
    let rows = (height / 55.0) as usize;
    let y = Scale::new(&chart.y, ys(), (bottom, top), Some(rows));
    let y_ticks = y.ticks(&chart.y, rows);
    let widest = y_ticks
        .iter()
        .map(|t| pixels(&t.1, font))
        .fold(0.0, f64::max);
    let (left, right) = (widest + font, width - font * 1.2);
    let areas = chart.areas.iter().flat_map(|a| [a.from, a.to]);
    let xs = chart
        .series
        .iter()
        .flat_map(|s| s.points.iter().map(|p| p.0))
        .chain(areas);
    let x = Scale::new(&chart.x, xs, (left, right), None);

    for (i, area) in chart.areas.iter().enumerate() {
        let (from, to) = (x.clamped(area.from), x.clamped(area.to));
        let class = if i % 2 == 0 { "area" } else { "area other" };
        rectangle(
            m,
            class,
            (from, top),
            (to - from, bottom - top),
            &area.label,
        );
    }
    for (at, text) in &y_ticks {
        line(m, "grid", (left, *at), (right, *at));
        label(
            m,
            "tick",
            "end",
            (left - font * 0.5, at + font * 0.35),
            text,
        );
    }
    let mut free = 0.0;
    for (at, text) in x.ticks(&chart.x, (width / 95.0) as usize) {
        line(m, "axis", (at, bottom), (at, bottom + 4.0));
        let half = pixels(&text, font) / 2.0;
        let middle = at.min(width - half);
        if middle - half >= free {
            label(m, "tick", "middle", (middle, bottom + font * 1.5), &text);
            free = middle + half + font * 0.5;
        }
    }
    line(m, "axis", (left, bottom), (right, bottom));
    label(
        m,
        "name",
        "start",
        (0.0, font),
        &fit_pixels(&chart.y.heading(), font, width),
    );
    label(
        m,
        "name",
        "end",
        (right, height - font * 0.5),
        &chart.x.heading(),
    );

    for (i, series) in chart.series.iter().enumerate() {
        let class = class(chart, i);
        if let Some(labels) = &series.labels {
            scatter(series, labels, (&x, &y), &class, font, m);
            continue;
        }
        band(series, &x, &y, &class, m);
        let points = thin(series, &x, &y);
        m.element(
            "path",
            &[("class", &format!("line {class}")), ("d", &path(points))],
            |m| {
                m.leaf("title", &[], &series.name);
            },
        );
        let last = series.points.last().filter(|_| !series.faint);
        if let Some((Some(cx), Some(cy))) = last.map(|p| (x.at(p.0), y.at(p.1))) {
            let class = format!("dot {class}");
            m.shape(
                "circle",
                &[
                    ("class", &class),
                    ("cx", &Px(cx)),
                    ("cy", &Px(cy)),
                    ("r", &3),
                ],
            );
        }
    }
    // Labels last, above the lines.
    for area in &chart.areas {
        let (from, to) = (x.clamped(area.from), x.clamped(area.to));
        let text = fit_pixels(&area.label, font, to - from - font);
        label(
            m,
            "tick",
            "middle",
            ((from + to) / 2.0, top + font * 1.2),
            &text,
        );
    }
    marks(chart, &x, (top, bottom, right), font, m);
    height
}

/// A dot for every point, its name to the right of it, or to the left where there is no room.
fn scatter(
    series: &Series,
    labels: &[String],
    (x, y): (&Scale, &Scale),
    class: &str,
    font: f64,
    m: &mut Markup,
) {
    for (index, point) in series.points.iter().enumerate() {
        let (Some(cx), Some(cy)) = (x.at(point.0), y.at(point.1)) else {
            continue;
        };
        let name = labels.get(index).map_or("", String::as_str);
        let shape = format!("dot {class}");
        let attributes: [(&str, &dyn std::fmt::Display); 4] = [
            ("class", &shape),
            ("cx", &Px(cx)),
            ("cy", &Px(cy)),
            ("r", &4),
        ];
        m.element("circle", &attributes, |m| {
            m.leaf("title", &[], &format!("{} {name}", series.name));
        });
        let (anchor, at) = match x.clamped(f64::MAX) - cx < pixels(name, font) + 8.0 {
            true => ("end", cx - 7.0),
            false => ("start", cx + 7.0),
        };
        label(m, "over", anchor, (at, cy + font * 0.35), name);
    }
}

fn band(series: &Series, x: &Scale, y: &Scale, class: &str, m: &mut Markup) {
    let shown = |at: f64, value: f64| x.at(at).map(|px| (px, y.clamped(value)));
    let low = series.band.iter().map(|b| shown(b.0, b.1));
    let high = series.band.iter().rev().map(|b| shown(b.0, b.2));
    let outline: Vec<_> = low.chain(high).filter(Option::is_some).collect();
    if !outline.is_empty() {
        m.shape(
            "path",
            &[("class", &format!("band {class}")), ("d", &path(outline))],
        );
    }
}

/// Pixels of a series: of the points within one pixel, the first, the extremes and the last.
fn thin(series: &Series, x: &Scale, y: &Scale) -> Vec<Option<(f64, f64)>> {
    let mut kept: Vec<Option<(f64, f64)>> = Vec::new();
    let mut column: Vec<(f64, f64)> = Vec::new();
    let flush = |column: &mut Vec<(f64, f64)>, kept: &mut Vec<Option<(f64, f64)>>| {
        if column.len() <= 4 {
            kept.extend(column.drain(..).map(Some));
            return;
        }
        let by_height = |i: &usize, j: &usize| column[*i].1.total_cmp(&column[*j].1);
        let lowest = (0..column.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut chosen = vec![0, lowest, highest, column.len() - 1];
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|i| Some(column[i])));
        column.clear();
    };
    for (at, value) in &series.points {
        match (x.at(*at), y.at(*value)) {
            (Some(px), Some(py)) => {
                if column
                    .first()
                    .is_some_and(|first| first.0.floor() != px.floor())
                {
                    flush(&mut column, &mut kept);
                }
                column.push((px, py));
            }
            _ => {
                flush(&mut column, &mut kept);
                kept.push(None);
            }
        }
    }
    flush(&mut column, &mut kept);
    kept
}

/// Vertical marks; labels take the first row in which they have room.
fn marks(
    chart: &LineChart,
    x: &Scale,
    (top, bottom, right): (f64, f64, f64),
    font: f64,
    m: &mut Markup,
) {
    let first = if chart.areas.is_empty() { 0 } else { 1 };
    let mut ends = [f64::NEG_INFINITY; 4];
    let mut marks: Vec<_> = chart
        .marks
        .iter()
        .filter_map(|mark| Some((x.at(mark.at)?, &mark.label)))
        .collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, _) in &marks {
        line(m, "mark", (*at, top), (*at, bottom));
    }
    for (at, text) in marks {
        let wide = pixels(text, font);
        let (anchor, start) = if at + 4.0 + wide <= right {
            ("start", at + 4.0)
        } else {
            ("end", at - 4.0 - wide)
        };
        let Some(row) = (first..ends.len()).find(|r| ends[*r] <= start) else {
            continue;
        };
        ends[row] = start + wide + font * 0.5;
        let place = if anchor == "start" {
            start
        } else {
            start + wide
        };
        label(
            m,
            "over mark",
            anchor,
            (place, top + font * (1.2 + 1.4 * row as f64)),
            text,
        );
    }
}
