//! The page of an alignment: figures over layers, one line for each model.

use super::{Figures, Found, Looked};
use evals::alignment::Agreement;
use page::{Axis, Cell, Column, Figure, LineChart, Page, Series, Table};

/// Width of the text version: a table of figures with their intervals.
pub(super) const COLUMNS: usize = 112;

/// One measure over layers: what it is called, and where it stands.
struct Line {
    name: String,
    /// Whether it is retrieval, of which chance is known.
    retrieves: bool,
    of: fn(&Figures) -> Option<Agreement>,
}

/// The page.
pub(super) fn draw(found: &Found) -> Page {
    let [first, second] = found.languages.each_ref().map(|code| name(code));
    let mut page = Page::new(format!("How {first} and {second} meet inside the model"));
    page.lead(format!(
        "{} pairs of translations go through the model one text at a time. At every layer, {first} \
         texts look for their translations among all {second} ones by cosine, and the other way \
         round: chance finds {}. CKA says how far the texts of the two languages lie in one shape, \
         0 for nothing in common and 1 for the same up to rotation and scale, without the bias of few \
         pairs. Intervals are of 95 %, over pairs; in tables they stand in brackets.",
        found.pairs,
        page::percent(found.chance.recall, 1)
    ));
    let lines = lines(found);
    if let Some(last) = found.models.last() {
        page.figures(figures(found, &lines, last));
    }
    page.heading("Layer by layer");
    match &found.models[..] {
        [one] => {
            page.lines(alone(one, &lines, found));
        }
        models => {
            for line in &lines {
                page.lines(together(models, line, found));
            }
        }
    }
    page.heading("Where they meet best");
    page.table(summary(found, &lines));
    page.paragraph(left_out(found));
    for looked in &found.models {
        page.fold(format!("All figures of {}", looked.model), |page| {
            if found.models.len() > 1 {
                page.lines(alone(looked, &lines, found));
            }
            page.table(everything(looked, &lines));
        });
    }
    page
}

fn lines(found: &Found) -> [Line; 3] {
    let [first, second] = &found.languages;
    [
        Line {
            name: format!("{first} → {second}"),
            retrieves: true,
            of: |at| Some(at.figures.forth.recall),
        },
        Line {
            name: format!("{second} → {first}"),
            retrieves: true,
            of: |at| Some(at.figures.back.recall),
        },
        Line {
            name: "CKA".to_owned(),
            retrieves: false,
            of: |at| at.figures.cka,
        },
    ]
}

/// What the control is called.
fn control(found: &Found) -> String {
    match &found.within {
        Some(field) => format!("pairs shuffled within {field}"),
        None => "pairs shuffled".to_owned(),
    }
}

fn name(code: &str) -> &str {
    match code {
        "ko" => "Korean",
        "en" => "English",
        other => other,
    }
}

fn figures(found: &Found, lines: &[Line; 3], last: &Looked) -> Vec<Figure> {
    let best = last.best();
    let mut figures = vec![Figure::new("Pairs", page::quantity(found.pairs as f64), "")];
    for line in lines {
        if let Some(agreement) = (line.of)(best) {
            let label = format!("{} at {}", line.name, label(best));
            figures.push(
                Figure::new(label, page::fixed(agreement.value, 3), "").note(format!(
                    "{} to {}; shuffled {}",
                    page::fixed(agreement.low, 3),
                    page::fixed(agreement.high, 3),
                    page::fixed(agreement.shuffled.mean, 3)
                )),
            );
        }
    }
    figures
}

/// What a place is called.
fn label(at: &Figures) -> String {
    match at.place.as_str() {
        "block" => format!("layer {}", at.blocks),
        other => other.to_owned(),
    }
}

/// Where a place stands on the axis: the last norm one step behind the last block.
fn x(at: &Figures) -> f64 {
    (at.blocks + usize::from(at.place == "norm")) as f64
}

fn series(name: &str, looked: &Looked, line: &Line) -> Series {
    let there = || {
        let at = looked.layers.iter();
        at.filter_map(|at| Some((x(at), (line.of)(at)?)))
    };
    let points: Vec<(f64, f64)> = there().map(|(x, figure)| (x, figure.value)).collect();
    let band: Vec<_> = there()
        .map(|(x, figure)| (x, figure.low, figure.high))
        .collect();
    Series::new(name, points).band(band)
}

fn shuffled(name: String, looked: &Looked, line: &Line) -> Series {
    let at = looked.layers.iter();
    let points: Vec<(f64, f64)> = at
        .filter_map(|at| Some((x(at), (line.of)(at)?.shuffled.mean)))
        .collect();
    Series::new(name, points).dashed()
}

fn layers() -> Axis {
    Axis::new("blocks passed", "")
}

/// Marks where the embeddings and the last norm are.
fn marked(chart: LineChart, looked: &Looked) -> LineChart {
    let named = looked.layers.iter().filter(|at| at.place != "block");
    named.fold(chart, |chart, at| chart.mark(x(at), at.place.as_str()))
}

fn alone(looked: &Looked, lines: &[Line; 3], found: &Found) -> LineChart {
    let axis = Axis::new("recall at 1, CKA", "").to(1.0);
    let mut chart = LineChart::new(&looked.model, layers(), axis);
    for line in lines {
        chart = chart.series(series(&line.name, looked, line));
    }
    let [forth, _, cka] = lines;
    let how = control(found);
    chart = chart.series(shuffled(format!("recall, {how}"), looked, forth));
    chart = chart.series(shuffled(format!("CKA, {how}"), looked, cka));
    marked(chart, looked).note(format!(
        "Chance recalls {}. The last point is behind the last norm.",
        page::percent(found.chance.recall, 1)
    ))
}

fn together(models: &[Looked], line: &Line, found: &Found) -> LineChart {
    let (title, measure) = match line.retrieves {
        true => (format!("Retrieval, {}", line.name), "recall at 1"),
        false => (line.name.clone(), line.name.as_str()),
    };
    let mut chart = LineChart::new(title, layers(), Axis::new(measure, "").to(1.0));
    for looked in models {
        chart = chart.series(series(&looked.model, looked, line));
    }
    let Some(last) = models.last() else {
        return chart;
    };
    let name = format!("{}, {}", last.model, control(found));
    chart = chart.series(shuffled(name, last, line));
    match line.retrieves {
        true => chart.note(format!(
            "Chance recalls {}.",
            page::percent(found.chance.recall, 1)
        )),
        false => chart,
    }
}

fn summary(found: &Found, lines: &[Line; 3]) -> Table {
    let columns = [Column::text("model"), Column::text("at")];
    let mut table = Table::new(columns.into_iter().chain(columns_of(lines))).caption(
        "each model at the layer where both recalls together are highest: chosen after looking, so a \
         little too high",
    );
    for looked in &found.models {
        let best = looked.best();
        let named = [Cell::from(looked.model.as_str()), Cell::from(label(best))];
        table.row(named.into_iter().chain(cells_of(best, lines)));
    }
    table
}

/// Every line with its interval, and the controls of the first and the last.
fn columns_of(lines: &[Line; 3]) -> impl Iterator<Item = Column> {
    let names = lines.iter().map(|line| Column::text(&line.name));
    let controls = ["shuffled", "CKA shuffled"].map(|name| Column::number(name, 3));
    names.chain(controls)
}

fn cells_of(at: &Figures, lines: &[Line; 3]) -> impl Iterator<Item = Cell> {
    let [forth, _, cka] = lines;
    let written = lines.iter().map(|line| {
        Cell::from((line.of)(at).map(|figure| {
            let [value, low, high] =
                [figure.value, figure.low, figure.high].map(|number| page::fixed(number, 3));
            format!("{value} ({low}, {high})")
        }))
    });
    let controls = [forth, cka].map(|line| (line.of)(at).map(|figure| figure.shuffled.mean));
    written.chain(controls.map(Cell::from))
}

fn everything(looked: &Looked, lines: &[Line; 3]) -> Table {
    let columns = [Column::text("at")].into_iter().chain(columns_of(lines));
    let columns = columns.chain([Column::number("biased CKA", 3)]);
    let [first, second] = looked.tokens.map(|tokens| page::fixed(tokens, 1));
    let cut = match looked.cut.iter().sum::<usize>() {
        0 => String::new(),
        cut => format!("; {cut} of them were read up to the longest allowed"),
    };
    let mut table = Table::new(columns).caption(format!(
        "{} parameters; a text has {first} and {second} tokens on average{cut}",
        page::quantity(looked.parameters as f64)
    ));
    for at in &looked.layers {
        let biased = at.figures.cka_biased.map(|biased| biased.value);
        let cells = [Cell::from(label(at))]
            .into_iter()
            .chain(cells_of(at, lines));
        table.row(cells.chain([Cell::from(biased)]));
    }
    table
}

fn left_out(found: &Found) -> String {
    let out = &found.left_out;
    format!(
        "Of the pairs, {} were left out because a text is missing, {} because they are not translated, \
         {} because a text had been before, {} by other fields, and {} beyond those that were drawn.",
        out.missing, out.untranslated, out.repeated, out.other, out.beyond
    )
}
