//! Bar charts as SVG: groups of horizontal bars with whiskers, against reference lines.
//!
//! Horizontal, because names of groups are sentences in two languages and have to be read.

use crate::chart::{Bar, BarChart};
use crate::markup::Markup;
use crate::page::Language;
use crate::picture::{Entry, Frame, colour, figure, label, line, rectangle};
use crate::scale::Scale;
use crate::text::{fit_pixels, pixels};

pub(crate) fn write(chart: &BarChart, language: Language, m: &mut Markup) {
    let entry = |(i, name): (usize, &String)| Entry {
        class: format!("{} bar", colour(i)),
        name: name.clone(),
        value: String::new(),
    };
    let legend: Vec<Entry> = chart.series.iter().enumerate().map(entry).collect();
    let legend = if legend.len() > 1 { legend } else { Vec::new() };
    let words = (chart.title.as_str(), chart.note.as_deref());
    figure(m, words, &legend, (chart.hidden(), language), |frame, m| {
        draw(chart, frame, m)
    });
}

/// Draws and returns the height taken.
fn draw(chart: &BarChart, frame: Frame, m: &mut Markup) -> f64 {
    let Frame { width, font, .. } = frame;
    let beside = frame.class == "wide";
    let thick = if beside { 16.0 } else { 14.0 };
    let names = chart
        .groups
        .iter()
        .map(|g| pixels(&g.label, font * 1.05))
        .fold(0.0, f64::max);
    // Names stand beside the bars where there is room, above them on a phone.
    let left = if beside {
        (names + font).min(width * 0.36)
    } else {
        1.0
    };
    let values = chart.groups.iter().flat_map(|g| g.bars.iter().flatten());
    let written = values
        .map(|b| pixels(&chart.axis.label(b.value), font))
        .fold(0.0, f64::max);
    let right = width - written - font;
    let x = Scale::new(
        &chart.axis,
        chart.values(),
        (left, right),
        Some((width / 110.0) as usize),
    );

    let reference_rows = chart.references.len() as f64;
    let top = font * 0.6 + reference_rows * font * 1.5;
    let above = if beside { 0.0 } else { font * 1.6 };
    let gap = font * 1.1;
    let tall = |bars: usize| above + bars as f64 * (thick + 2.0) + gap;
    let all: f64 = chart.groups.iter().map(|g| tall(g.bars.len())).sum();
    let bottom = top + all;

    for (at, text) in x.ticks(&chart.axis, (width / 110.0) as usize) {
        line(m, "grid", (at, top), (at, bottom));
        label(
            m,
            "tick",
            "middle",
            (at.max(pixels(&text, font) / 2.0), bottom + font * 1.4),
            &text,
        );
    }
    let heading = fit_pixels(&chart.axis.heading(), font, width);
    label(m, "name", "end", (right, bottom + font * 2.9), &heading);

    let mut at = top + gap / 2.0;
    for group in &chart.groups {
        for (i, bar) in group.bars.iter().enumerate() {
            if let Some(bar) = bar.filter(|b| chart.axis.shows(b.value)) {
                let name = chart.series.get(i).map_or("", String::as_str);
                let title = format!("{} · {name} · {}", group.label, describe(chart, &bar));
                let y = at + above + i as f64 * (thick + 2.0);
                one(chart, &bar, &x, (y, thick), (i, &title), font, m);
            }
        }
        at += tall(group.bars.len());
    }
    line(m, "axis", (x.clamped(0.0), top), (x.clamped(0.0), bottom));
    for (i, reference) in chart.references.iter().enumerate() {
        let Some(at) = x.at(reference.value) else {
            continue;
        };
        let y = font * 1.1 + i as f64 * font * 1.5;
        line(m, "mark", (at, y + font * 0.3), (at, bottom));
        let half = pixels(&reference.label, font) / 2.0;
        let middle = at.max(half).min(width - half);
        label(m, "over mark", "middle", (middle, y), &reference.label);
    }
    // Names last: on a phone they lie across the lines.
    let mut at = top + gap / 2.0;
    for group in &chart.groups {
        let (size, height) = (font * 1.05, group.bars.len() as f64 * (thick + 2.0));
        if beside {
            let name = fit_pixels(&group.label, size, left - font);
            let place = (left - font * 0.8, at + height / 2.0 + font * 0.35);
            label(m, "group", "end", place, &name);
        } else {
            let name = fit_pixels(&group.label, size, width);
            label(m, "over group", "start", (5.0, at + font), &name);
        }
        at += tall(group.bars.len());
    }
    bottom + font * 3.4
}

fn one(
    chart: &BarChart,
    bar: &Bar,
    x: &Scale,
    (y, thick): (f64, f64),
    (index, title): (usize, &str),
    font: f64,
    m: &mut Markup,
) {
    let (zero, end) = (x.clamped(0.0), x.clamped(bar.value));
    let class = format!("bar {}", colour(index));
    rectangle(
        m,
        &class,
        (zero.min(end), y),
        ((end - zero).abs(), thick),
        title,
    );
    let middle = y + thick / 2.0;
    let mut free = end.max(zero);
    if let Some((low, high)) = bar.interval {
        let (low, high) = (x.clamped(low), x.clamped(high));
        line(m, "whisker", (low, middle), (high, middle));
        for at in [low, high] {
            line(
                m,
                "whisker",
                (at, middle - thick / 4.0),
                (at, middle + thick / 4.0),
            );
        }
        free = free.max(high);
    }
    let text = chart.axis.label(bar.value);
    label(
        m,
        "value",
        "start",
        (free + font * 0.5, middle + font * 0.36),
        &text,
    );
}

/// Value and interval in words.
pub(crate) fn describe(chart: &BarChart, bar: &Bar) -> String {
    let value = chart.axis.label(bar.value);
    match bar.interval {
        Some((low, high)) => {
            format!(
                "{value} ({} – {})",
                chart.axis.label(low),
                chart.axis.label(high)
            )
        }
        None => value,
    }
}
