//! How far the weights of two models of one shape lie apart: `‖B − A‖ / ‖A‖` of every kind of tensor, layer by layer.

use super::shape::shape_of;
use anyhow::{Result, ensure};
use model::checkpoint::Checkpoint;
use model::gguf::is_gguf;
use model::{ParameterSpec, table};
use page::{Axis, Cell, Column, LineChart, Page, Series, Table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers that are read at once.
const PIECE: usize = 1 << 20;

/// How far apart.
#[derive(Serialize)]
pub(super) struct Apart {
    /// All weights together.
    all: f64,
    /// Tensors that are the same to the bit, of how many.
    same: usize,
    tensors: usize,
    /// By kind of tensor, in the order of the table; of each its layers, or one number.
    kinds: Vec<(String, Vec<f64>)>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    apart: f64,
    whole: f64,
}

impl Sums {
    fn relative(self) -> f64 {
        (self.apart / self.whole.max(f64::MIN_POSITIVE)).sqrt()
    }
}

pub(super) fn compare(a: &Path, b: &Path) -> Result<Apart> {
    ensure!(
        !is_gguf(a) && !is_gguf(b),
        "--weights reads Hugging Face directories: `kanana convert` makes one of a GGUF file"
    );
    let shapes = [shape_of(a)?, shape_of(b)?];
    let specs = table(&shapes[0]);
    let others = table(&shapes[1]);
    let alike =
        |(a, b): (&ParameterSpec, &ParameterSpec)| a.name == b.name && a.dimensions == b.dimensions;
    ensure!(
        specs.len() == others.len() && specs.iter().zip(&others).all(alike),
        "--weights holds tensor against tensor, and the two models have other shapes: leave it out"
    );
    let files = [Checkpoint::open(a)?, Checkpoint::open(b)?];
    let mut kinds: Vec<(String, Vec<f64>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let (mut all, mut same) = (Sums::default(), 0);
    for spec in &specs {
        let sums = tensor(&files, spec)?;
        same += usize::from(sums.apart == 0.0);
        all.apart += sums.apart;
        all.whole += sums.whole;
        let kind = match spec.layer {
            Some(layer) => spec.name.replacen(&format!("layers.{layer}."), "", 1),
            None => spec.name.clone(),
        };
        let place = *places.entry(kind.clone()).or_insert_with(|| {
            kinds.push((kind, Vec::new()));
            kinds.len() - 1
        });
        kinds[place].1.push(sums.relative());
    }
    Ok(Apart {
        all: all.relative(),
        same,
        tensors: specs.len(),
        kinds,
    })
}

fn tensor(files: &[Checkpoint; 2], spec: &ParameterSpec) -> Result<Sums> {
    let mut sums = Sums::default();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut from = 0;
    while from < spec.len() {
        let piece = PIECE.min(spec.len() - from);
        a.resize(piece, 0.0);
        b.resize(piece, 0.0);
        files[0].read_part(spec, from, &mut a)?;
        files[1].read_part(spec, from, &mut b)?;
        for (a, b) in a.iter().zip(&b) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            sums.apart += (b - a) * (b - a);
            sums.whole += a * a;
        }
        from += piece;
    }
    Ok(sums)
}

impl Apart {
    pub(super) fn draw(&self, page: &mut Page, pictures: bool) {
        page.heading("How far apart their weights are");
        page.paragraph(format!(
            "‖second − first‖ is {} of ‖first‖ over all weights; {} of {} tensors are the same to the bit.",
            page::percent(self.all, 3),
            self.same,
            self.tensors
        ));
        let mut table = Table::new([
            Column::text("tensor"),
            Column::number("mean over layers, %", 3),
            Column::number("nearest, %", 3),
            Column::number("farthest, %", 3),
        ]);
        for (name, layers) in &self.kinds {
            let mean = layers.iter().sum::<f64>() / layers.len() as f64;
            let least = layers.iter().copied().fold(f64::INFINITY, f64::min);
            let most = layers.iter().copied().fold(0.0, f64::max);
            table.row([
                Cell::from(name.as_str()),
                Cell::from(100.0 * mean),
                Cell::from(100.0 * least),
                Cell::from(100.0 * most),
            ]);
        }
        page.table(table);
        let mut chart = LineChart::new(
            "By layer",
            Axis::new("layer", ""),
            Axis::new("‖second − first‖ / ‖first‖", "")
                .percent()
                .from(0.0),
        );
        for (name, layers) in self.kinds.iter().filter(|(_, layers)| layers.len() > 1) {
            let points = layers.iter().enumerate();
            let points: Vec<(f64, f64)> = points.map(|(at, apart)| (at as f64, *apart)).collect();
            chart = chart.series(Series::new(name, points));
        }
        if pictures {
            page.lines(chart);
        }
    }
}
