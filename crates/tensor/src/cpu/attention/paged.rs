//! Attention of a step of many sequences, whose keys and values lie in pages.
//!
//! A page holds keys and values of a kv head as the tile reads them: panels of keys (`[unit of
//! e][position]`), panels of values (`[unit of positions][number of e]`). A new row writes its own
//! columns and lines, and nothing is packed ever again: a prompt's tile of queries and a single
//! token's group of queries read the same words.
//!
//! Scores, running maximum and sums are those of `attention.rs`, in the same order: blocks of
//! [`KEYS`] from the first position on, each a sum over k that starts at zero. What a row gets is
//! therefore what it would have got there, to the last bit, and does not depend on its company.

mod places;
mod reach;

use std::ops::Range;

use half::bf16;

use super::{Advance, KEYS, KEYS_ROW, Softmax};
use crate::cpu::Cpu;
use crate::cpu::arena::Arena;
use crate::cpu::array::{CpuArray, Storage};
use crate::cpu::lanes::Element;
use crate::cpu::multiply::Source;
use crate::cpu::pack::{LeftAlong, Rows};
use crate::cpu::tile::{Out, Unit};
use crate::device::{Forward as _, Heads, Precision};
use crate::pages::{POSITIONS, Pages, Stretch};
use places::Layout;
use reach::{Bodies, Reach};

/// Keys × numbers, for four queries, that are worth waking another thread for.
const SHARE: usize = 32 << 10;

/// Tiles of queries of a task.
const TILES: usize = 4;

/// Some queries of a stretch and one kv head.
struct Task {
    stretch: usize,
    /// The stretch's first row among all.
    first: usize,
    k: usize,
    /// Rows of the stretch.
    rows: Range<usize>,
    /// Keys that the last of them sees.
    seen: usize,
}

/// What tasks share.
struct Look<'a> {
    heads: Heads,
    layout: Layout,
    bodies: &'static Bodies,
    queries: Source<'a>,
    keys: *const u8,
    values: *const u8,
    /// Bytes of a number in a page.
    size: usize,
    out: Out,
}

// SAFETY: tasks read pages that nobody writes meanwhile, and write rows and heads of their own.
unsafe impl Sync for Look<'_> {}

impl Look<'_> {
    /// A panel of keys.
    fn key_panel(&self, page: usize, k: usize, place: usize) -> *const u32 {
        let head = (page * self.heads.kv + k) * self.layout.keys();
        let at = head + self.layout.of_key(place);
        self.keys.wrapping_add(at * self.size).cast()
    }

    /// A panel of values.
    fn value_panel(&self, page: usize, k: usize, panel: usize) -> *const u32 {
        let head = (page * self.heads.kv + k) * self.layout.values();
        let at = head + self.layout.in_value(panel * self.layout.width);
        self.values.wrapping_add(at * self.size).cast()
    }
}

impl Cpu {
    pub(in crate::cpu) fn empty_pages(&self, heads: Heads, count: usize) -> Pages<CpuArray> {
        let layout = Layout::new(&self.engine.tile, heads.dim);
        Pages {
            keys: self.activation(count * heads.kv * layout.keys()),
            values: self.activation(count * heads.kv * layout.values()),
            count,
        }
    }

    pub(in crate::cpu) fn bytes_of_page(&self, heads: Heads) -> usize {
        let layout = Layout::new(&self.engine.tile, heads.dim);
        let number = match self.precision {
            Precision::F32 => size_of::<f32>(),
            Precision::Bf16 => size_of::<bf16>(),
        };
        heads.kv * (layout.keys() + layout.values()) * number
    }

    pub(in crate::cpu) fn attend_paged(
        &self,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &CpuArray,
        pages: &mut Pages<CpuArray>,
        out: &mut CpuArray,
    ) {
        check(stretches, pages.count);
        let n = stretches.iter().map(|stretch| stretch.rows).sum();
        if n == 0 {
            return;
        }
        let (layout, e) = (Layout::new(&self.engine.tile, heads.dim), heads.dim);
        let queries = qkv.source(n, heads.columns());
        let out = out.out(n, heads.query_columns());
        let session = self.team.enter();
        self.remember_in_pages(&session, layout, heads, stretches, qkv, pages);
        let start = |array: &CpuArray| match &array.0 {
            Storage::F32(numbers) => numbers.as_ptr().cast::<u8>(),
            Storage::Bf16(numbers) => numbers.as_ptr().cast(),
        };
        let (half, size) = match pages.keys.0 {
            Storage::F32(_) => (false, size_of::<f32>()),
            Storage::Bf16(_) => (true, size_of::<bf16>()),
        };
        let look = Look {
            heads,
            layout,
            bodies: Bodies::of(self.engine.kernels, self.engine.tile.unit, half),
            queries,
            keys: start(&pages.keys),
            values: start(&pages.values),
            size,
            out,
        };
        let tasks = self.paged_tasks(heads, stretches);
        let one = |task: &Task, arena: &Arena| {
            let stretch = &stretches[task.stretch];
            // SAFETY: tasks write different rows or heads; nothing taken inside is kept.
            unsafe {
                arena.nested(|| match self.engine.tile.unit {
                    Unit::Pair => self.do_task::<bf16>(&look, stretch, task, arena),
                    Unit::Single | Unit::Rounded => {
                        self.do_task::<f32>(&look, stretch, task, arena)
                    }
                });
            }
        };
        let work = |task: &Task| task.seen * e * (task.rows.len() * heads.group).div_ceil(4);
        match tasks.iter().map(work).sum::<usize>() < 2 * SHARE {
            true => session.run(1, |_, arena| tasks.iter().for_each(|task| one(task, arena))),
            false => session.run(tasks.len(), |task, arena| one(&tasks[task], arena)),
        }
    }

    /// The costliest first, so that no thread ends with a long one.
    fn paged_tasks(&self, heads: Heads, stretches: &[Stretch<'_>]) -> Vec<Task> {
        let mut tasks = Vec::with_capacity(stretches.len() * heads.kv);
        let mut first = 0;
        for (index, stretch) in stretches.iter().enumerate() {
            for start in (0..stretch.rows).step_by(TILES * self.engine.tile.rows) {
                let rows = start..stretch.rows.min(start + TILES * self.engine.tile.rows);
                for k in 0..heads.kv {
                    tasks.push(Task {
                        stretch: index,
                        first,
                        k,
                        seen: stretch.past + rows.end,
                        rows: rows.clone(),
                    });
                }
            }
            first += stretch.rows;
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.seen * task.rows.len()));
        tasks
    }

    /// With probabilities of the type that products read.
    ///
    /// # Safety
    /// The rows of the task, in its heads, must be writable and nobody else's.
    unsafe fn do_task<P: Element>(
        &self,
        look: &Look<'_>,
        stretch: &Stretch<'_>,
        task: &Task,
        arena: &Arena,
    ) {
        let (high, e, group) = (self.engine.tile.rows, look.heads.dim, look.heads.group);
        let e_row = look.layout.panels * look.layout.width;
        let query_row = look.layout.units.next_multiple_of(16) + 16;
        let queries = arena.take::<u32>(high * query_row);
        let mut state = Softmax {
            scores: arena.take(high * KEYS_ROW),
            probabilities: arena.take::<P>(high * KEYS_ROW),
            maximum: arena.take(high),
            sum: arena.take(high),
            mixed: arena.take(high * e_row),
            scale: 1.0 / (e as f32).sqrt(),
            rounded: self.engine.tile.unit == Unit::Rounded,
        };
        let column = |head: usize| (task.k * group + head) * e;
        let out_row = look.heads.query_columns();
        // A tile is rows of one head, or heads of one row: whatever fills it better.
        if task.rows.len() >= group.min(high) {
            for head in 0..group {
                for first in task.rows.clone().step_by(high) {
                    let rows = first..task.rows.end.min(first + high);
                    let from = task.first + rows.start..task.first + rows.end;
                    self.queries_of_rows(
                        look.queries,
                        from,
                        column(head)..column(head) + e,
                        queries,
                        query_row,
                    );
                    let seen = |i: usize| stretch.past + rows.start + i + 1;
                    self.look_at(
                        look,
                        stretch,
                        task.k,
                        (&*queries, query_row),
                        rows.len(),
                        seen,
                        &mut state,
                    );
                    for (i, row) in rows.enumerate() {
                        let to = look
                            .out
                            .advance((task.first + row) * out_row + column(head));
                        // SAFETY: the caller's promise.
                        unsafe { self.finish_query(&state, i, e, to) };
                    }
                }
            }
            return;
        }
        for row in task.rows.clone() {
            for first in (0..group).step_by(high) {
                let heads = first..group.min(first + high);
                let columns = column(0)..column(group);
                self.queries_of_heads(
                    look.queries,
                    task.first + row,
                    columns,
                    group,
                    heads.clone(),
                    queries,
                    query_row,
                );
                let seen = |_: usize| stretch.past + row + 1;
                self.look_at(
                    look,
                    stretch,
                    task.k,
                    (&*queries, query_row),
                    heads.len(),
                    seen,
                    &mut state,
                );
                for (i, head) in heads.enumerate() {
                    let to = look
                        .out
                        .advance((task.first + row) * out_row + column(head));
                    // SAFETY: the caller's promise.
                    unsafe { self.finish_query(&state, i, e, to) };
                }
            }
        }
    }

    /// One head's queries of some rows, as units.
    fn queries_of_rows(
        &self,
        from: Source<'_>,
        rows: Range<usize>,
        k: Range<usize>,
        to: &mut [u32],
        stride: usize,
    ) {
        let unit = self.engine.tile.unit;
        match from {
            Source::F32(source) => self.engine.kernels.apply(LeftAlong {
                unit,
                source,
                rows,
                k,
                to,
                stride,
            }),
            Source::Bf16(source) => self.engine.kernels.apply(LeftAlong {
                unit,
                source,
                rows,
                k,
                to,
                stride,
            }),
        }
    }

    /// Some heads' queries of one row, as units; `columns` are those of the whole group.
    #[allow(clippy::too_many_arguments)]
    fn queries_of_heads(
        &self,
        from: Source<'_>,
        row: usize,
        columns: Range<usize>,
        group: usize,
        heads: Range<usize>,
        to: &mut [u32],
        stride: usize,
    ) {
        let e = columns.len() / group;
        let group = match from {
            Source::F32(rows) => Source::F32(Rows::one(&rows.row(row)[columns], e)),
            Source::Bf16(rows) => Source::Bf16(Rows::one(&rows.row(row)[columns], e)),
        };
        self.queries_of_rows(group, heads, 0..e, to, stride);
    }

    /// Σ p·value of `rows` queries, each of which sees the first `seen(i)` positions (ascending), is
    /// left in `state`.
    #[allow(clippy::too_many_arguments)]
    fn look_at<P: Element>(
        &self,
        look: &Look<'_>,
        stretch: &Stretch<'_>,
        k: usize,
        (queries, query_row): (&[u32], usize),
        rows: usize,
        seen: impl Fn(usize) -> usize,
        state: &mut Softmax<'_, P>,
    ) {
        let layout = look.layout;
        let e_row = layout.panels * layout.width;
        let most = seen(rows - 1);
        state.maximum.fill(f32::NEG_INFINITY);
        state.sum.fill(0.0);
        let mut panels = [std::ptr::null::<u32>(); KEYS / POSITIONS];
        for from in (0..most).step_by(KEYS) {
            let count = KEYS.min(most - from);
            for first in (0..count).step_by(layout.width) {
                let (page, place) = stretch.place(from + first);
                let reach = Reach {
                    left: queries.as_ptr(),
                    left_row: query_row * 4,
                    rows,
                    panels: &[look.key_panel(page, k, place)],
                    units_each: layout.units,
                    units: layout.units,
                    // Whole panels: a row of scores has room for a block of whole panels.
                    out: state.scores[first..].as_mut_ptr(),
                    out_row: KEYS_ROW,
                    add: false,
                };
                // SAFETY: the queries are a whole tile of rows of `units` units; a panel of keys is as
                // long; `scores` holds a tile of rows.
                unsafe { look.bodies.run(&reach) };
            }
            self.engine.kernels.apply(Advance {
                state,
                seen: |row: usize| seen(row).saturating_sub(from).min(count),
                rows,
                count: count.next_multiple_of(layout.numbers),
            });
            for panel in 0..layout.panels {
                let pages = count.div_ceil(POSITIONS);
                for (i, pointer) in panels[..pages].iter_mut().enumerate() {
                    let (page, _) = stretch.place(from + i * POSITIONS);
                    *pointer = look.value_panel(page, k, panel);
                }
                let reach = Reach {
                    left: state.probabilities.as_ptr().cast(),
                    left_row: KEYS_ROW * size_of::<P>(),
                    rows,
                    panels: &panels[..pages],
                    units_each: POSITIONS / layout.numbers,
                    units: count.div_ceil(layout.numbers),
                    out: state.mixed[panel * layout.width..].as_mut_ptr(),
                    out_row: e_row,
                    add: from > 0,
                };
                // SAFETY: as above, with probabilities up to a whole unit and values of whole pages.
                unsafe { look.bodies.run(&reach) };
            }
        }
    }

    /// Writes the result of one query.
    ///
    /// # Safety
    /// `e` numbers must be writable at `to`.
    unsafe fn finish_query<P>(&self, state: &Softmax<'_, P>, row: usize, e: usize, to: Out) {
        let e_row = state.mixed.len() / state.maximum.len();
        let from = &state.mixed[row * e_row..][..e];
        // SAFETY: the caller's promise.
        unsafe { self.write_scaled(from, 1.0 / state.sum[row], to) };
    }
}

/// Panics if the stretches cannot be of `count` pages, or write to the same.
fn check(stretches: &[Stretch<'_>], count: usize) {
    let mut written = vec![];
    for stretch in stretches.iter().filter(|stretch| stretch.rows > 0) {
        stretch.check(count);
        let pages = stretch.past / POSITIONS..(stretch.past + stretch.rows).div_ceil(POSITIONS);
        written.extend_from_slice(&stretch.pages[pages]);
    }
    written.sort_unstable();
    let twice = written.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(
        twice.is_none(),
        "page {twice:?} was to be written twice in a step"
    );
}
