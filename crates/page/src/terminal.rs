//! The same pieces as text: charts in braille, bars in blocks, tables whose columns line up.
//!
//! Every width is in cells, and Hangul takes two of them. Text that a model wrote cannot drive the
//! terminal: control characters are shown, not sent. Nothing here asks the terminal anything; the
//! caller says how wide it is and whether it has colours.

mod bars;
mod canvas;
mod lines;
mod table;

pub use bars::bars;
pub use lines::line_chart;
pub use table::table;

use crate::page::Block;
use crate::text::{fit, pad, single_line, visible, width, wrap};
use crate::{Figure, Lineage, Page, Sample};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// No colours: series are told apart by marks.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Ink {
    /// In the colour of series number `index`.
    pub(crate) fn series(self, index: usize, text: &str) -> String {
        self.pen(
            canvas::Pen {
                series: index,
                faint: false,
            },
            text,
        )
    }
    fn pen(self, pen: canvas::Pen, text: &str) -> String {
        // Blue, yellow, green, magenta, cyan, red: readable on dark and on light.
        let colour = ["34", "33", "32", "35", "36", "31"][pen.series % 6];
        match pen.faint {
            true => self.paint(&format!("2;{colour}"), text),
            false => self.paint(colour, text),
        }
    }
    /// Less important.
    pub(crate) fn quiet(self, text: &str) -> String {
        self.paint("2", text)
    }
    /// More important.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Ink::Colour if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

impl Page {
    /// The page as text of at most `width` cells (at least 40 are taken).
    pub fn terminal(&self, width: usize, ink: Ink) -> String {
        let columns = width.max(40);
        let mut out = String::new();
        for line in wrap(&visible(&self.title), columns) {
            out.push_str(&ink.strong(&line));
            out.push('\n');
        }
        if let Some(lead) = &self.lead {
            paragraph(lead, columns, &mut out);
        }
        blocks(&self.blocks, columns, ink, &mut out);
        out
    }
}

fn blocks(blocks: &[Block], columns: usize, ink: Ink, out: &mut String) {
    for block in blocks {
        out.push('\n');
        match block {
            Block::Heading(text) => {
                let text = fit(&single_line(text), columns);
                out.push_str(&ink.strong(&text));
                out.push('\n');
                out.push_str(&"─".repeat(width(&text)));
                out.push('\n');
            }
            Block::Subheading(text) => {
                out.push_str(&ink.strong(&fit(&single_line(text), columns)));
                out.push('\n');
            }
            Block::Paragraph(text) => paragraph(text, columns, out),
            Block::Figures(all) => figures(all, columns, ink, out),
            Block::Table(one) => out.push_str(&table(one, columns, ink)),
            Block::Lines(chart) => out.push_str(&line_chart(chart, columns, 14, ink)),
            Block::Bars(chart) => out.push_str(&bars(chart, columns, ink)),
            Block::Samples(all) => samples(all, columns, ink, out),
            Block::Lineage(one) => out.push_str(&lineage(one, columns, ink)),
            Block::Fold { summary, inside } => {
                out.push_str(&ink.strong(&fit(&single_line(summary), columns)));
                out.push('\n');
                self::blocks(inside, columns, ink, out);
            }
        }
    }
}

fn paragraph(text: &str, columns: usize, out: &mut String) {
    for line in wrap(&visible(text), columns.min(88)) {
        out.push_str(&line);
        out.push('\n');
    }
}

fn figures(all: &[Figure], columns: usize, ink: Ink, out: &mut String) {
    let label = all
        .iter()
        .map(|f| width(&single_line(&f.label)))
        .max()
        .unwrap_or(0);
    let label = label.min(columns / 2);
    for figure in all {
        let name = pad(&fit(&single_line(&figure.label), label), label);
        let value = single_line(&format!("{} {}", figure.value, figure.unit));
        let value = fit(value.trim_end(), columns.saturating_sub(label + 2));
        let note = single_line(figure.note.as_deref().unwrap_or_default());
        let room = columns.saturating_sub(label + 2 + width(&value) + 2);
        let line = format!(
            "{name}  {}  {}",
            ink.strong(&value),
            ink.quiet(&fit(&note, room))
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn samples(all: &[Sample], columns: usize, ink: Ink, out: &mut String) {
    for (i, sample) in all.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        out.push_str(&ink.quiet(&fit(&single_line(&sample.label), columns)));
        out.push('\n');
        // A mark, not only a colour, parts what was given from what was added.
        let text = format!(
            "{}▸{}",
            visible(&sample.prompt),
            visible(&sample.continuation)
        );
        let mut added = false;
        for line in wrap(&text, (columns - 2).min(88)) {
            let painted = match line.split_once('▸') {
                Some((given, new)) if !added => {
                    added = true;
                    format!("{}▸{}", ink.quiet(given), ink.strong(new))
                }
                _ if added => ink.strong(&line),
                _ => ink.quiet(&line),
            };
            out.push_str(format!("  {painted}").trim_end());
            out.push('\n');
        }
        if let Some(note) = &sample.note {
            out.push_str(&ink.quiet(&fit(&single_line(note), columns)));
            out.push('\n');
        }
    }
}

/// Lines of `name  stage  detail  ← inputs`, in the order in which they were made.
pub fn lineage(lineage: &Lineage, columns: usize, ink: Ink) -> String {
    let nodes = &lineage.nodes;
    let widest = |texts: &mut dyn Iterator<Item = &String>, most: usize| {
        texts
            .map(|t| width(&single_line(t)))
            .max()
            .unwrap_or(0)
            .min(most)
    };
    let name = widest(&mut nodes.iter().map(|n| &n.name), columns / 3);
    let kind = widest(&mut nodes.iter().map(|n| &n.kind), columns / 4);
    let mut out = String::new();
    for node in nodes {
        let inputs: Vec<&str> = node
            .inputs
            .iter()
            .map(|i| nodes[*i].name.as_str())
            .collect();
        let mut rest = single_line(&node.detail);
        if !inputs.is_empty() {
            let joined = single_line(&inputs.join(", "));
            rest = format!(
                "{rest}{}← {joined}",
                if rest.is_empty() { "" } else { "  " }
            );
        }
        let line = format!(
            "{}  {}  {}",
            pad(&fit(&single_line(&node.name), name), name),
            ink.quiet(&pad(&fit(&single_line(&node.kind), kind), kind)),
            ink.quiet(&fit(&rest, columns.saturating_sub(name + kind + 4))),
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
