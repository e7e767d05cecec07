//! How the operands of a product are made ready for the tile: packed, copied, or left where they lie.
//!
//! B is always packed, into panels; A is packed only where it is transposed, and copied only where
//! its type is another or its rows would fight for the same places of the caches.

use std::ops::Range;

use super::{Engine, Left, Panels, Ready, Right, Source};
use crate::cpu::arena::Arena;
use crate::cpu::lanes::Element;
use crate::cpu::pack::{LeftAlong, PanelAlong, PanelsAcross, Rows, panel_stride};
use crate::cpu::team::{Parts, Session};
use crate::cpu::tile::{self, Unit};

impl Engine {
    /// Packs some panels of B, by all threads.
    pub(crate) fn pack_panels(
        &self,
        session: &Session<'_>,
        right: Right<'_>,
        panels: Range<usize>,
        words: &mut [u32],
    ) {
        match right {
            Right::Along(Source::F32(source)) => self.pack_along(session, source, panels, words),
            Right::Along(Source::Bf16(source)) => self.pack_along(session, source, panels, words),
            Right::Across(Source::F32(source)) => self.pack_across(session, source, panels, words),
            Right::Across(Source::Bf16(source)) => self.pack_across(session, source, panels, words),
        }
    }

    fn pack_along<S: Element>(
        &self,
        session: &Session<'_>,
        source: Rows<'_, S>,
        panels: Range<usize>,
        words: &mut [u32],
    ) {
        let (columns, k, width) = (source.count(), source.stride(), self.tile.columns);
        let size = width * self.units(k);
        let words = Parts::new(words);
        let group = panels.len().div_ceil(4 * session.threads()).clamp(1, 4);
        session.stretches(panels.len(), group, |task, _| {
            for panel in task {
                let first = (panels.start + panel) * width;
                self.kernels.apply(PanelAlong {
                    unit: self.tile.unit,
                    source,
                    rows: first..columns.min(first + width),
                    k: 0..k,
                    // SAFETY: a task takes its own panels.
                    panel: unsafe { words.slice(panel * size..(panel + 1) * size) },
                    width,
                });
            }
        });
    }

    fn pack_across<S: Element>(
        &self,
        session: &Session<'_>,
        source: Rows<'_, S>,
        panels: Range<usize>,
        words: &mut [u32],
    ) {
        let (columns, k, width) = (source.stride(), source.count(), self.tile.columns);
        let size = width * self.units(k);
        let words = Parts::new(words);
        // Several panels at a time read longer stretches of each row.
        let group = panels.len().div_ceil(2 * session.threads()).clamp(1, 8);
        session.stretches(panels.len(), group, |task, _| {
            let first = (panels.start + task.start) * width;
            let last = (panels.start + task.end) * width;
            self.kernels.apply(PanelsAcross {
                unit: self.tile.unit,
                source,
                k: 0..k,
                columns: first..columns.min(last),
                // SAFETY: a task takes its own panels.
                panels: unsafe { words.slice(task.start * size..task.end * size) },
                width,
                stride: size,
            });
        });
    }

    /// On this thread, packs B from `k` of some rows along k.
    pub(crate) fn along<'s>(
        &self,
        arena: &'s Arena,
        source: Source<'_>,
        rows: Range<usize>,
        k: Range<usize>,
    ) -> Panels<'s> {
        match source {
            Source::F32(source) => self.along_of(arena, source, rows, k),
            Source::Bf16(source) => self.along_of(arena, source, rows, k),
        }
    }

    fn along_of<'s, S: Element>(
        &self,
        arena: &'s Arena,
        source: Rows<'_, S>,
        rows: Range<usize>,
        k: Range<usize>,
    ) -> Panels<'s> {
        let (columns, width) = (rows.len(), self.tile.columns);
        let units = k.len().div_ceil(self.tile.unit.numbers());
        let words = arena.take::<u32>(columns.next_multiple_of(width) * units);
        for (panel, words) in words.chunks_exact_mut(width * units).enumerate() {
            let first = rows.start + panel * width;
            self.kernels.apply(PanelAlong {
                unit: self.tile.unit,
                source,
                rows: first..rows.end.min(first + width),
                k: k.clone(),
                panel: words,
                width,
            });
        }
        Panels {
            words,
            units,
            columns,
            half: false,
        }
    }

    /// On this thread, packs B from some columns of rows across k.
    pub(crate) fn across<'s>(
        &self,
        arena: &'s Arena,
        source: Source<'_>,
        k: Range<usize>,
        columns: Range<usize>,
    ) -> Panels<'s> {
        match source {
            Source::F32(source) => self.across_of(arena, source, k, columns),
            Source::Bf16(source) => self.across_of(arena, source, k, columns),
        }
    }

    fn across_of<'s, S: Element>(
        &self,
        arena: &'s Arena,
        source: Rows<'_, S>,
        k: Range<usize>,
        columns: Range<usize>,
    ) -> Panels<'s> {
        let (count, width) = (columns.len(), self.tile.columns);
        let units = k.len().div_ceil(self.tile.unit.numbers());
        let words = arena.take::<u32>(count.next_multiple_of(width) * units);
        self.kernels.apply(PanelsAcross {
            unit: self.tile.unit,
            source,
            k,
            columns,
            panels: words,
            width,
            stride: width * units,
        });
        Panels {
            words,
            units,
            columns: count,
            half: false,
        }
    }

    /// Makes numbers `k` of some rows of A readable for the tile: where they lie, or converted or
    /// packed.
    pub(crate) fn ready(
        &self,
        arena: &Arena,
        left: Left<'_>,
        rows: Range<usize>,
        k: Range<usize>,
    ) -> Ready {
        match left {
            Left::Ready(ready) => {
                debug_assert_eq!(rows.start % self.tile.rows, 0);
                ready.from(
                    rows.start / self.tile.rows,
                    k.start / self.tile.unit.numbers(),
                )
            }
            Left::Rows(Source::F32(source)) => {
                self.rows(arena, source, rows, k, self.tile.unit == Unit::Single)
            }
            Left::Rows(Source::Bf16(source)) => {
                self.rows(arena, source, rows, k, self.tile.unit == Unit::Pair)
            }
            Left::Columns(Source::F32(source)) => self.columns(arena, source, rows, k),
            Left::Columns(Source::Bf16(source)) => self.columns(arena, source, rows, k),
        }
    }

    fn rows<S: Element>(
        &self,
        arena: &Arena,
        source: Rows<'_, S>,
        rows: Range<usize>,
        k: Range<usize>,
        same_type: bool,
    ) -> Ready {
        let high = self.tile.rows;
        let whole_units = k.len().is_multiple_of(self.tile.unit.numbers());
        // Rows of a tile at a multiple of 4 KB fall into the same few places of the caches.
        let apart = !(source.stride() * size_of::<S>()).is_multiple_of(4096) || rows.len() == 1;
        let here = source.start().filter(|_| same_type && whole_units && apart);
        // What has to be copied: everything, or the rows of a last tile that is not whole (the
        // tile reads all its rows, and those after the last may not be memory of ours).
        let copied = match here {
            Some(_) => rows.end - rows.len() % high..rows.end,
            None => rows.clone(),
        };
        let stride = k
            .len()
            .div_ceil(self.tile.unit.numbers())
            .next_multiple_of(16)
            + 16;
        let copy = (!copied.is_empty()).then(|| {
            let to = arena.take::<u32>(copied.len().next_multiple_of(high) * stride);
            self.kernels.apply(LeftAlong {
                unit: self.tile.unit,
                source,
                rows: copied,
                k: k.clone(),
                to,
                stride,
            });
            tile::Left {
                start: to.as_ptr(),
                row: stride * 4,
                unit: 4,
            }
        });
        match (here, copy) {
            (Some(here), last) => {
                assert!(rows.end <= source.count() && k.end <= source.stride());
                let row = source.stride() * size_of::<S>();
                let left = tile::Left {
                    start: here
                        .wrapping_add(rows.start * source.stride() + k.start)
                        .cast(),
                    row,
                    unit: 4,
                };
                Ready {
                    left,
                    tile: high * row,
                    last,
                }
            }
            (None, Some(left)) => Ready {
                left,
                tile: high * left.row,
                last: None,
            },
            (None, None) => unreachable!("a block of no rows"),
        }
    }

    /// Packs columns of a source as rows of A.
    pub(crate) fn columns<S: Element>(
        &self,
        arena: &Arena,
        source: Rows<'_, S>,
        columns: Range<usize>,
        k: Range<usize>,
    ) -> Ready {
        let width = self.tile.rows;
        let stride = panel_stride(k.len().div_ceil(self.tile.unit.numbers()), width);
        let panels = arena.take::<u32>(columns.len().div_ceil(width) * stride);
        let start = panels.as_ptr();
        self.kernels.apply(PanelsAcross {
            unit: self.tile.unit,
            source,
            k,
            columns,
            panels,
            width,
            stride,
        });
        Ready {
            left: tile::Left {
                start,
                row: 4,
                unit: 4 * width,
            },
            tile: 4 * stride,
            last: None,
        }
    }
}
