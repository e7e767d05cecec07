//! A report as one self-contained page with pictures, and the same report in a terminal.
//!
//! A [`Page`] is a list of blocks (headings, key figures, tables, charts, text samples, lineage,
//! folds) written once; [`Page::finish`] renders it as HTML that loads nothing from anywhere and
//! runs no script, [`Page::terminal`] as text of a given width.
//!
//! The pictures are our own SVG. A short try of `plotters` decided that: it writes colours as
//! presentation attributes without classes (no dark mode, no print colours), lays out for one
//! fixed size (a phone gets six-pixel text), rounds to whole pixels, knows no shaded stages,
//! intervals or Hangul widths, and took 27 kB for two lines of 200 points. `lines`, `bars`,
//! `picture` and `scale` are about 700 lines.
//!
//! Deliberately absent: interaction beyond folding, images, colours chosen by the caller, and any
//! knowledge of what the figures mean.

mod bars;
mod chart;
mod figure;
mod lineage;
mod lines;
mod markup;
mod number;
mod page;
mod picture;
mod sample;
mod scale;
mod table;
pub mod terminal;
mod text;

pub use chart::{Area, Axis, Bar, BarChart, Group, LineChart, Mark, Reference, Series};
pub use figure::Figure;
pub use lineage::{Lineage, Node};
pub use number::{fixed, percent, quantity};
pub use page::{Language, Page};
pub use sample::Sample;
pub use table::{Cell, Column, Table};
pub use text::{visible, width, wrap};

#[cfg(test)]
mod tests;
