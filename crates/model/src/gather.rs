//! All surgery on a decoder's size: every axis of every weight takes a list of the source's indices.
//!
//! `result[i, j] = source[rows(i), columns(j)]`, the lists being made from the parameter table and a
//! [`Selection`] of indices along its axes (the report's sections on depth up-scaling and on pruning).
//! Fewer indices prune; repeated ones along `Layer` up-scale. Three things are not taken but made:
//! a tied embedding is the mean of embedding and head (Table 17), the products that write to the
//! residual stream of a silent layer are zero, and a number that is stored in a smaller type is rounded.
//!
//! A head's numbers are cut in rotary pairs, (i, i + e/2). Pair i of e' numbers turns by base^(−2i/e'), so
//! only every r-th pair keeps the speed that it learned with, and scores are then divided by √e' and
//! not by √e; the report never cuts there.
//!
//! Parameters come and go a few rows at a time, so that nothing need fit into memory.
//! Deliberately absent: which indices are worth keeping (`importance`), which layers to repeat
//! (`upscale`), and any change of a kept number: a norm divides by the mean square of what is left,
//! so cutting channels that carry nothing still makes its output √(d/d') times smaller than before,
//! d' of d channels being kept; training mends that. Optimizers start afresh.

mod directory;
mod indices;
mod selection;

pub use selection::{Choice, Selection};

use crate::table::Init;
use crate::{Numbers, ParameterSpec, Shape};
use anyhow::{Result, ensure};
use std::collections::BTreeSet;
use std::ops::Range;

/// Where the parameters of the source come from.
pub trait Source {
    /// Rows of a parameter of the source, in the order given; a vector's numbers are its rows.
    ///
    /// # Errors
    /// They cannot be read.
    fn rows(&self, spec: &ParameterSpec, rows: &[usize]) -> Result<Numbers>;
}

/// A surgery that fits its source.
#[derive(Clone, Debug)]
pub struct Gather {
    from: Shape,
    to: Shape,
    selection: Selection,
    /// Layers of the result that add nothing to the residual stream yet.
    silent: BTreeSet<usize>,
}

impl Gather {
    /// Takes a selection from decoders of shape `from`.
    ///
    /// # Errors
    /// An index out of range, lists of different lengths, a choice that depends on an axis which a
    /// parameter does not lie along, half of a rotary pair; the sentence says which.
    pub fn new(from: &Shape, selection: Selection) -> Result<Self> {
        Ok(Gather {
            to: indices::check(&selection, from)?,
            from: from.clone(),
            selection,
            silent: BTreeSet::new(),
        })
    }

    /// Ties the result: embedding and head become their mean.
    ///
    /// # Errors
    /// They are one already.
    pub fn tied(mut self) -> Result<Self> {
        ensure!(
            !self.from.tied,
            "embedding and head were to be tied by their mean, but the model has them tied already; \
             leave that out"
        );
        self.to.tied = true;
        Ok(self)
    }

    /// Makes layers of the result silent: what they write to the residual stream is zero.
    ///
    /// # Errors
    /// The result has no such layer.
    pub fn silent(mut self, layers: impl IntoIterator<Item = usize>) -> Result<Self> {
        self.silent = layers.into_iter().collect();
        if let Some(last) = self.silent.last() {
            ensure!(
                *last < self.to.layers,
                "layer {last} was to be silent, but the result has {} layers, counted from 0",
                self.to.layers
            );
        }
        Ok(self)
    }

    /// The shape of the source.
    pub fn from(&self) -> &Shape {
        &self.from
    }

    /// The shape of the result.
    pub fn shape(&self) -> &Shape {
        &self.to
    }

    /// What is taken.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The layers of the result that are silent.
    pub fn silent_layers(&self) -> impl Iterator<Item = usize> {
        self.silent.iter().copied()
    }

    /// One parameter of the result, ready to be fetched; `spec` is of the result's table.
    pub fn part(&self, spec: &ParameterSpec) -> Part {
        let source = spec.layer.map(|l| self.selection.layer(l));
        let mut lists = spec.axes.iter().map(|axes| {
            let taken = indices::of(&self.selection, &self.from, &self.to, axes, spec.layer);
            Taken::new(
                taken,
                axes.iter().map(|&axis| self.from.size(axis)).product(),
            )
        });
        let rows = lists.next().expect("a parameter has a dimension");
        let columns = lists.next();
        Part {
            source: spec.in_another(&self.from, source),
            other: (self.to.tied && !self.from.tied && spec.is_embedding())
                .then(|| ParameterSpec::head(&self.from)),
            rows: rows.indices,
            columns: columns.filter(|columns| !columns.everything),
            width: spec.dimensions.get(1).copied().unwrap_or(1),
            silent: spec.init == Init::NormalToResidual
                && spec.layer.is_some_and(|l| self.silent.contains(&l)),
        }
    }

    /// The numbers of one parameter of the result, all at once.
    ///
    /// # Errors
    /// The source's.
    pub fn parameter(&self, spec: &ParameterSpec, source: &impl Source) -> Result<Numbers> {
        let part = self.part(spec);
        part.fetch(0..part.rows(), source)
    }
}

/// The indices of a dimension, and whether they are all of them in order.
struct Taken {
    indices: Vec<usize>,
    everything: bool,
}

impl Taken {
    fn new(indices: Vec<usize>, size: usize) -> Self {
        Taken {
            everything: indices.iter().copied().eq(0..size),
            indices,
        }
    }
}

/// One parameter of the result: where its numbers are.
pub struct Part {
    source: ParameterSpec,
    /// To be averaged with.
    other: Option<ParameterSpec>,
    rows: Vec<usize>,
    /// `None`: every column, or a vector.
    columns: Option<Taken>,
    width: usize,
    silent: bool,
}

impl Part {
    /// How many rows it has; a vector's numbers are its rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Numbers in a row, of the source or of the result, whichever are more.
    pub fn widest(&self) -> usize {
        let source = self.source.dimensions.get(1).copied().unwrap_or(1);
        source.max(self.width)
    }

    /// Some of its rows: numbers that are only taken keep their type and their bits.
    ///
    /// # Errors
    /// The source's.
    pub fn fetch(&self, rows: Range<usize>, source: &impl Source) -> Result<Numbers> {
        if self.silent {
            return Ok(Numbers::F32(vec![0.0; rows.len() * self.width]));
        }
        let rows = &self.rows[rows];
        let taken = self.columns_of(source.rows(&self.source, rows)?, &self.source);
        let Some(other) = &self.other else {
            return Ok(taken);
        };
        let mut mean = taken.into_f32();
        let other = self.columns_of(source.rows(other, rows)?, other).into_f32();
        for (a, b) in mean.iter_mut().zip(other) {
            *a = 0.5 * (*a + b);
        }
        Ok(Numbers::F32(mean))
    }

    fn columns_of(&self, rows: Numbers, source: &ParameterSpec) -> Numbers {
        let Some(columns) = &self.columns else {
            return rows;
        };
        match rows {
            Numbers::F32(x) => Numbers::F32(pick(&x, source.dimensions[1], &columns.indices)),
            Numbers::Bf16(x) => Numbers::Bf16(pick(&x, source.dimensions[1], &columns.indices)),
            x => Numbers::F32(pick(&x.into_f32(), source.dimensions[1], &columns.indices)),
        }
    }
}

fn pick<T: Copy>(rows: &[T], width: usize, columns: &[usize]) -> Vec<T> {
    let mut picked = Vec::with_capacity(rows.len() / width * columns.len());
    for row in rows.chunks_exact(width) {
        picked.extend(columns.iter().map(|&column| row[column]));
    }
    picked
}

#[cfg(test)]
mod tests;
