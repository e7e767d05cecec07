//! Operands into the order in which the tile reads them.
//!
//! A product reads its operands in units of 32 bits along k (see `tile.rs`). Where the source lies
//! *along* k (k is contiguous: rows of a weight in `x·wᵀ`, keys in `q·kᵀ`), a panel of B is a
//! transposition, done in squares of 16 × 16 units in registers. Where it lies *across* (k counts
//! rows: activations in `dyᵀ·x`, values in `p·v`), a line of the panel is a row of the source, or
//! two rows zipped where a unit holds two numbers. f32 becomes bfloat16 and the other way round on
//! the way, so no product needs a converted copy of its operands.

use std::ops::Range;

use super::lanes::{Element, Lanes, Work};
use super::tile::{Unit, prefetch};

/// Rows of equal length in one or several pieces of memory: an activation, or several matrices
/// standing on each other as one tall matrix (q|k|v).
#[derive(Debug)]
pub(crate) struct Rows<'a, S> {
    first: &'a [S],
    rest: &'a [&'a [S]],
    /// Numbers from one row to the next.
    stride: usize,
}

impl<S> Clone for Rows<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Rows<'_, S> {}

impl<'a, S> Rows<'a, S> {
    /// Rows in one piece. The memory must be whole rows, so that any column of any row is there.
    pub(crate) fn one(memory: &'a [S], stride: usize) -> Self {
        Self::whole(memory, stride);
        Rows {
            first: memory,
            rest: &[],
            stride,
        }
    }

    /// Rows in several pieces, each of whole rows.
    pub(crate) fn tall(parts: &'a [&'a [S]], stride: usize) -> Self {
        parts.iter().for_each(|part| Self::whole(part, stride));
        let (first, rest) = parts.split_first().expect("a tall matrix has a part");
        Rows {
            first,
            rest,
            stride,
        }
    }

    fn whole(memory: &[S], stride: usize) {
        let len = memory.len();
        assert!(
            stride > 0 && len.is_multiple_of(stride),
            "{len} numbers are not rows of {stride}"
        );
    }

    pub(crate) fn count(&self) -> usize {
        let rest: usize = self.rest.iter().map(|part| part.len()).sum();
        (self.first.len() + rest) / self.stride
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// One row, if all are one piece.
    pub(crate) fn row(&self, row: usize) -> &'a [S] {
        assert!(self.rest.is_empty(), "a row of several pieces");
        &self.first[row * self.stride..][..self.stride]
    }

    /// Some of the rows, which must be one piece.
    pub(crate) fn range(&self, rows: Range<usize>) -> Rows<'a, S> {
        assert!(self.rest.is_empty(), "a range of rows in several pieces");
        let memory = &self.first[rows.start * self.stride..rows.end * self.stride];
        Rows::one(memory, self.stride)
    }

    /// Where the rows begin, if they are one piece.
    pub(crate) fn start(&self) -> Option<*const S> {
        self.rest.is_empty().then_some(self.first.as_ptr())
    }

    /// Pointers to `columns` of the rows of a range, in order.
    #[inline(always)]
    pub(crate) fn pointers(&self, rows: Range<usize>, columns: Range<usize>) -> Pointers<'a, S> {
        assert!(rows.start <= rows.end && rows.end <= self.count());
        assert!(columns.start <= columns.end && columns.end <= self.stride);
        let mut pointers = Pointers {
            row: self.first.as_ptr().wrapping_add(columns.start),
            rows: self.first.len() / self.stride,
            rest: self.rest,
            stride: self.stride,
            column: columns.start,
        };
        let mut skip = rows.start;
        while skip > 0 {
            if pointers.rows == 0 {
                pointers.enter();
            }
            let skipped = skip.min(pointers.rows);
            pointers.row = pointers.row.wrapping_add(skipped * self.stride);
            pointers.rows -= skipped;
            skip -= skipped;
        }
        pointers
    }
}

/// See [`Rows::pointers`]. Never asked for more rows than there are.
#[derive(Clone)]
pub(crate) struct Pointers<'a, S> {
    row: *const S,
    /// Rows of the present part that are still to come.
    rows: usize,
    rest: &'a [&'a [S]],
    stride: usize,
    column: usize,
}

impl<S> Pointers<'_, S> {
    #[inline(always)]
    fn enter(&mut self) {
        let (part, rest) = self.rest.split_first().expect("a row that is missing");
        self.row = part.as_ptr().wrapping_add(self.column);
        self.rows = part.len() / self.stride;
        self.rest = rest;
    }

    #[inline(always)]
    pub(crate) fn next(&mut self) -> *const S {
        while self.rows == 0 {
            self.enter();
        }
        let row = self.row;
        self.row = row.wrapping_add(self.stride);
        self.rows -= 1;
        row
    }
}

/// How numbers of memory become units.
trait Reading {
    /// Numbers in a unit.
    const NUMBERS: usize;
    /// Up to `L::COUNT` units of the `count` numbers from `from` on; zeros after them.
    unsafe fn along<L: Lanes, S: Element>(from: *const S, count: usize) -> L;
    /// One unit of each of up to `L::COUNT` columns: `count` numbers from `first` on and, where a
    /// unit holds two, from `second` on (zeros, if there is none).
    unsafe fn across<L: Lanes, S: Element>(
        first: *const S,
        second: Option<*const S>,
        count: usize,
    ) -> L;
}

struct Single<const ROUNDED: bool>;

impl<const ROUNDED: bool> Reading for Single<ROUNDED> {
    const NUMBERS: usize = 1;
    #[inline(always)]
    unsafe fn along<L: Lanes, S: Element>(from: *const S, count: usize) -> L {
        // SAFETY: the caller's promise.
        let lanes = unsafe { S::load::<L>(from, count) };
        if ROUNDED { lanes.rounded() } else { lanes }
    }
    #[inline(always)]
    unsafe fn across<L: Lanes, S: Element>(
        first: *const S,
        _: Option<*const S>,
        count: usize,
    ) -> L {
        // SAFETY: the caller's promise.
        unsafe { Self::along(first, count) }
    }
}

struct Pair;

impl Reading for Pair {
    const NUMBERS: usize = 2;
    #[inline(always)]
    unsafe fn along<L: Lanes, S: Element>(from: *const S, count: usize) -> L {
        // SAFETY: the caller's promise; a short part is completed with zeros elsewhere.
        unsafe {
            if count >= 2 * L::COUNT {
                return S::load_pairs(from);
            }
            let mut whole = [S::narrow(0.0); 32];
            from.copy_to_nonoverlapping(whole.as_mut_ptr(), count);
            S::load_pairs(whole.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn across<L: Lanes, S: Element>(
        first: *const S,
        second: Option<*const S>,
        count: usize,
    ) -> L {
        // SAFETY: the caller's promise.
        unsafe {
            match second {
                Some(second) => S::load_zipped(first, second, count),
                None => S::load::<L>(first, count).zip(L::splat(0.0)),
            }
        }
    }
}

/// Hands a packing to the body for its unit.
macro_rules! read_as {
    ($unit:expr, $body:ident::<$lanes:ty>($($argument:expr),*)) => {
        match $unit {
            Unit::Single => $body::<$lanes, Single<false>, _>($($argument),*),
            Unit::Rounded => $body::<$lanes, Single<true>, _>($($argument),*),
            Unit::Pair => $body::<$lanes, Pair, _>($($argument),*),
        }
    };
}

/// A panel of B from rows along k: column c of the panel is row `rows.start + c` of the source,
/// numbers `k` of it.
pub(crate) struct PanelAlong<'a, S> {
    pub(crate) unit: Unit,
    pub(crate) source: Rows<'a, S>,
    /// At most `width`; the columns that are missing become zeros.
    pub(crate) rows: Range<usize>,
    pub(crate) k: Range<usize>,
    /// `[units][width]`
    pub(crate) panel: &'a mut [u32],
    /// Whole vectors.
    pub(crate) width: usize,
}

impl<S: Element> Work for PanelAlong<'_, S> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        read_as!(self.unit, panel_along::<L>(self))
    }
}

#[inline(always)]
fn panel_along<L: Lanes, R: Reading, S: Element>(work: PanelAlong<'_, S>) {
    let PanelAlong { panel, width, .. } = work;
    let units = work.k.len().div_ceil(R::NUMBERS);
    assert!(width % L::COUNT == 0 && work.rows.len() <= width);
    assert!(panel.len() >= units * width);
    let mut pointers = work.source.pointers(work.rows.clone(), work.k.clone());
    let mut rows = [std::ptr::null::<S>(); 16];
    for column in (0..width).step_by(L::COUNT) {
        let present = L::COUNT.min(work.rows.len().saturating_sub(column));
        for row in &mut rows[..present] {
            *row = pointers.next();
        }
        for first in (0..units).step_by(L::COUNT) {
            let at = first * R::NUMBERS;
            let count = work.k.len() - at;
            let mut square = [L::splat(0.0); 16];
            for (lanes, row) in square.iter_mut().zip(&rows[..present]) {
                // Sixteen short streams at once are beyond the processor's own prefetching: ask for
                // the same place of the row that follows these.
                prefetch(row.wrapping_add(L::COUNT * work.source.stride + at).cast());
                // SAFETY: `pointers` checked that the row reaches the end of k.
                *lanes = unsafe { R::along(row.add(at), count) };
            }
            L::transpose(&mut square);
            let lines = L::COUNT.min(units - first);
            for (line, lanes) in square.iter().take(lines).enumerate() {
                // SAFETY: the length of the panel was checked above.
                unsafe {
                    let to = panel.as_mut_ptr().add((first + line) * width + column);
                    lanes.store(to.cast());
                }
            }
        }
    }
}

/// Panels from rows across k: line u of a panel is row u (or rows 2u and 2u + 1) of the source,
/// `width` neighbouring columns of it. Serves B (a panel as wide as a tile) and the transposed A
/// of weight gradients (a panel as wide as a tile is high).
pub(crate) struct PanelsAcross<'a, S> {
    pub(crate) unit: Unit,
    pub(crate) source: Rows<'a, S>,
    /// The rows: k.
    pub(crate) k: Range<usize>,
    pub(crate) columns: Range<usize>,
    /// Panel after panel, `[units][width]` each.
    pub(crate) panels: &'a mut [u32],
    pub(crate) width: usize,
    /// Words from one panel to the next; [`panel_stride`] or more.
    pub(crate) stride: usize,
}

/// Words of a panel across. A vector may be wider than a panel and write past its end, over what
/// the next line will write; past the last line there must be room.
pub(crate) fn panel_stride(units: usize, width: usize) -> usize {
    (units * width + 15).next_multiple_of(16)
}

impl<S: Element> Work for PanelsAcross<'_, S> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        read_as!(self.unit, panels_across::<L>(self))
    }
}

#[inline(always)]
fn panels_across<L: Lanes, R: Reading, S: Element>(work: PanelsAcross<'_, S>) {
    let (width, stride, k) = (work.width, work.stride, work.k.len());
    let units = k.div_ceil(R::NUMBERS);
    let number = work.columns.len().div_ceil(width);
    let vectors = width.div_ceil(L::COUNT);
    assert!(stride >= units * width + vectors * L::COUNT - width);
    assert!(work.panels.len() >= number * stride);
    // Reading on into the next columns does no harm: what a vector writes past its panel's line is
    // overwritten by the next line, and columns past the last panel's end are never looked at.
    let there = work.columns.start..work.source.stride();
    let mut pointers = work.source.pointers(work.k.clone(), there.clone());
    // Rows are far from each other, which the processor's own prefetching does not follow.
    let mut ahead = pointers.clone();
    for _ in 0..AHEAD.min(k) {
        fetch(ahead.next(), work.columns.len());
    }
    for unit in 0..units {
        let numbers = unit * R::NUMBERS..k.min((unit + 1) * R::NUMBERS);
        for _ in numbers.start + AHEAD..k.min(numbers.end + AHEAD) {
            fetch(ahead.next(), work.columns.len());
        }
        let first = pointers.next();
        let second = (numbers.len() == 2).then(|| pointers.next());
        for panel in 0..number {
            for vector in 0..vectors {
                let column = panel * width + vector * L::COUNT;
                if column >= there.len() {
                    break;
                }
                // SAFETY: the row goes on for `there.len() - column`; the length of the panels was
                // checked above.
                unsafe {
                    let second = second.map(|second| second.wrapping_add(column));
                    let lanes: L =
                        R::across(first.wrapping_add(column), second, there.len() - column);
                    let to = panel * stride + unit * width + vector * L::COUNT;
                    lanes.store(work.panels.as_mut_ptr().add(to).cast());
                }
            }
        }
    }
}

/// Rows that are on their way from memory while one is read.
const AHEAD: usize = 12;

/// Asks for a stretch of a row.
#[inline(always)]
pub(crate) fn fetch<S>(row: *const S, count: usize) {
    for at in (0..count).step_by(64 / size_of::<S>()) {
        prefetch(row.wrapping_add(at).cast());
    }
}

/// Rows of A that cannot be read where they lie, as units.
pub(crate) struct LeftAlong<'a, S> {
    pub(crate) unit: Unit,
    pub(crate) source: Rows<'a, S>,
    pub(crate) rows: Range<usize>,
    pub(crate) k: Range<usize>,
    pub(crate) to: &'a mut [u32],
    /// Words from one row to the next: at least the units, in whole lines of 16.
    pub(crate) stride: usize,
}

impl<S: Element> Work for LeftAlong<'_, S> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        read_as!(self.unit, left_along::<L>(self))
    }
}

#[inline(always)]
fn left_along<L: Lanes, R: Reading, S: Element>(work: LeftAlong<'_, S>) {
    let LeftAlong { to, stride, .. } = work;
    let units = work.k.len().div_ceil(R::NUMBERS);
    assert!(stride >= units.next_multiple_of(L::COUNT));
    assert!(to.len() >= work.rows.len() * stride);
    let mut pointers = work.source.pointers(work.rows.clone(), work.k.clone());
    for row in 0..work.rows.len() {
        let from = pointers.next();
        for first in (0..units).step_by(L::COUNT) {
            let at = first * R::NUMBERS;
            // SAFETY: `pointers` checked that the row reaches the end of k; the length of `to`
            // was checked above.
            unsafe {
                let lanes: L = R::along(from.add(at), work.k.len() - at);
                lanes.store(to.as_mut_ptr().add(row * stride + first).cast());
            }
        }
    }
}
