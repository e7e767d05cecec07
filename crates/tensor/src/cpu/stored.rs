//! Weights for inference, in the order in which products read them.
//!
//! Numbers lie in panels (`tile.rs`), packed once when the weight is loaded instead of at every
//! product: k after k, each with the columns of a tile beside each other. Where the tile multiplies
//! f32 but the compute precision is bfloat16, the panels are bfloat16 and are widened on the way.
//! Blocks of integers are the business of `integers.rs`.
//!
//! What is lost: a row no longer lies in one place. Embedding looks up few rows and can bear it;
//! backward through such a weight unpacks it whole.

use std::ops::Range;

use half::bf16;

use super::array::{Buffer, CpuArray, CpuMatrix, Weight, typed};
use super::integers::Integers;
use super::lanes::Element;
use super::multiply::{Panels, Right, Source};
use super::pack::{PanelAlong, Rows};
use super::team::{Parts, Session};
use super::tile::Unit;
use super::vector::Copy;
use super::{Cpu, from_bits};
use crate::device::{Precision, Values};

/// Rows that a thread unpacks at a time.
const STRETCH: usize = 32;

impl Cpu {
    /// The storage of a weight that will only be read.
    pub(super) fn store(&self, rows: usize, cols: usize, values: Values<'_>) -> Weight {
        match values {
            Values::F32(x) => Weight::Panels(self.panel(Source::F32(Rows::one(x, cols)))),
            Values::Bf16(x) => {
                Weight::Panels(self.panel(Source::Bf16(Rows::one(from_bits(x), cols))))
            }
            Values::Blocks(format, bytes) => {
                let session = self.team.enter();
                Weight::Integers(Integers::new(&session, [rows, cols], format, bytes))
            }
        }
    }

    /// Whether panels hold bfloat16 that the tile has to widen.
    fn half(&self) -> bool {
        self.engine.tile.unit == Unit::Rounded
    }

    fn panel(&self, source: Source<'_>) -> Buffer<u32> {
        let (engine, session) = (&self.engine, self.team.enter());
        let (width, k) = (engine.tile.columns, source.stride());
        let panels = source.count().div_ceil(width);
        if !self.half() {
            let mut words = Buffer::shelved(panels * width * engine.units(k));
            engine.pack_panels(&session, Right::Along(source), 0..panels, &mut words);
            return words;
        }
        let mut words = Buffer::shelved(panels * width * k / 2);
        let parts = Parts::new(&mut words);
        session.run(panels, |panel, arena| {
            let wide = arena.take::<u32>(width * k);
            let first = panel * width;
            let rows = first..source.count().min(first + width);
            match source {
                Source::F32(source) => self.widen_panel(source, rows, wide),
                Source::Bf16(source) => self.widen_panel(source, rows, wide),
            }
            // SAFETY: a task takes its own panel.
            let to = unsafe { parts.slice(panel * width * k / 2..(panel + 1) * width * k / 2) };
            for (to, pair) in to.iter_mut().zip(wide.as_chunks::<2>().0) {
                *to = pair[0] >> 16 | pair[1] & 0xffff_0000;
            }
        });
        words
    }

    fn widen_panel<S: Element>(&self, source: Rows<'_, S>, rows: Range<usize>, panel: &mut [u32]) {
        self.engine.kernels.apply(PanelAlong {
            unit: Unit::Rounded,
            source,
            rows,
            k: 0..source.stride(),
            panel,
            width: self.engine.tile.columns,
        });
    }

    /// Panels as a product reads them.
    pub(super) fn panels<'a>(&self, matrix: &CpuMatrix, words: &'a [u32]) -> Panels<'a> {
        Panels {
            words,
            units: self.engine.units(matrix.cols),
            columns: matrix.rows,
            half: self.half(),
        }
    }

    /// One row of a weight, in f32.
    fn row_of(&self, matrix: &CpuMatrix, row: usize, to: &mut [f32]) {
        let cols = matrix.cols;
        match &matrix.weight {
            Weight::Full(master) | Weight::Both { master, .. } => {
                to.copy_from_slice(&master[row * cols..][..cols]);
            }
            Weight::Integers(integers) => integers.row(row, to),
            Weight::Panels(words) => {
                let (width, unit) = (self.engine.tile.columns, self.engine.tile.unit);
                let (panel, column) = (row / width, row % width);
                let first = panel * self.engine.units(cols) * width + column;
                let upper = |word: u32| f32::from_bits(word & 0xffff_0000);
                for (k, x) in to.iter_mut().enumerate() {
                    *x = match unit {
                        Unit::Single => f32::from_bits(words[first + k * width]),
                        Unit::Pair => upper(words[first + k / 2 * width] << (16 * (1 - k % 2))),
                        Unit::Rounded => {
                            let at = first + k * width;
                            upper(words[at / 2] << (16 * (1 - at % 2)))
                        }
                    };
                }
            }
        }
    }

    /// Some rows of a weight, in f32.
    pub(super) fn unpack(
        &self,
        session: &Session<'_>,
        matrix: &CpuMatrix,
        rows: Range<usize>,
        to: &mut [f32],
    ) {
        let cols = matrix.cols;
        let to = Parts::new(&mut to[..rows.len() * cols]);
        session.stretches(rows.len(), STRETCH, |stretch, _| {
            for row in stretch {
                // SAFETY: a task takes its own rows.
                let to = unsafe { to.slice(row * cols..(row + 1) * cols) };
                self.row_of(matrix, rows.start + row, to);
            }
        });
    }

    /// Rows of the most precise values of a table.
    pub(super) fn lookup(&self, table: &CpuMatrix, ids: &[u32], x: &mut CpuArray) {
        let d = table.cols;
        let missing = ids.iter().find(|&&id| id as usize >= table.rows);
        assert!(
            missing.is_none(),
            "id {missing:?} in a table of {}",
            table.rows
        );
        typed!(x = &mut x.0 => match &table.weight {
            Weight::Full(master) | Weight::Both { master, .. } => self.gather(master, ids, d, x),
            Weight::Panels(_) | Weight::Integers(_) => {
                let x = Parts::new(&mut x[..ids.len() * d]);
                self.team.enter().stretches(ids.len(), STRETCH, |stretch, arena| {
                    let row = arena.take::<f32>(d);
                    for r in stretch {
                        self.row_of(table, ids[r] as usize, row);
                        // SAFETY: a task takes its own rows.
                        let to = unsafe { x.slice(r * d..(r + 1) * d) };
                        self.engine.kernels.apply(Copy { from: &*row, to });
                    }
                });
            }
        });
    }
}

/// The numbers of several weights, row-major, for what reads rows: products of training, and
/// backward through weights that were made for inference, which are unpacked for it.
pub(crate) enum Tall<'a> {
    F32(Vec<&'a [f32]>),
    Bf16(Vec<&'a [bf16]>),
}

impl<'a> Tall<'a> {
    pub(crate) fn new(cpu: &Cpu, session: &'a Session<'_>, weights: &[&'a CpuMatrix]) -> Tall<'a> {
        let shadows = weights.iter().map(|matrix| match &matrix.weight {
            Weight::Both { shadow, .. } => Some(&shadow[..]),
            _ => None,
        });
        if let Some(shadows) = shadows.collect() {
            return Tall::Bf16(shadows);
        }
        let full = weights.iter().map(|matrix| match &matrix.weight {
            Weight::Full(values) if cpu.precision == Precision::F32 => &values[..],
            _ => {
                let to = session.take::<f32>(matrix.rows * matrix.cols);
                cpu.unpack(session, matrix, 0..matrix.rows, to);
                &*to
            }
        });
        Tall::F32(full.collect())
    }

    pub(crate) fn source(&self, columns: usize) -> Source<'_> {
        match self {
            Tall::F32(parts) => Source::F32(Rows::tall(parts, columns)),
            Tall::Bf16(parts) => Source::Bf16(Rows::tall(parts, columns)),
        }
    }
}
