//! Where keys and values lie in a page, and how those of new rows get there.
//!
//! In panels, as the tile reads them: of keys `[unit of e][position]`, of values `[unit of
//! positions][number of e]`, padded with zeros to whole panels. A place's offset and a number's
//! offset add up, so that a row is scattered by one list of offsets.

use crate::cpu::Cpu;
use crate::cpu::arena::Arena;
use crate::cpu::array::{CpuArray, typed};
use crate::cpu::lanes::Element;
use crate::cpu::team::{Parts, Session};
use crate::cpu::tile::Tile;
use crate::cpu::vector::Copy;
use crate::device::Heads;
use crate::pages::{POSITIONS, Pages, Stretch};

/// Numbers that are worth waking another thread for.
const SHARE: usize = 16 << 10;

/// Where things lie in the part of a page that is one kv head's; in numbers.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Columns of a panel.
    pub(super) width: usize,
    /// Numbers of a unit.
    pub(super) numbers: usize,
    /// Units of a key.
    pub(super) units: usize,
    /// Panels of a value.
    pub(super) panels: usize,
}

impl Layout {
    pub(super) fn new(tile: &Tile, e: usize) -> Self {
        let numbers = tile.unit.numbers();
        Layout {
            width: tile.columns,
            numbers,
            units: e.div_ceil(numbers),
            panels: e.div_ceil(tile.columns),
        }
    }

    /// Numbers of the keys of a page.
    pub(super) fn keys(&self) -> usize {
        POSITIONS * self.units * self.numbers
    }

    /// Numbers of the values of a page.
    pub(super) fn values(&self) -> usize {
        POSITIONS * self.panels * self.width
    }

    /// Where number i of the key at a place lies: the place's part, and the number's.
    pub(super) fn of_key(&self, place: usize) -> usize {
        let (panel, column) = (place / self.width, place % self.width);
        (panel * self.units * self.width + column) * self.numbers
    }

    pub(super) fn in_key(&self, i: usize) -> usize {
        let (unit, part) = (i / self.numbers, i % self.numbers);
        unit * self.width * self.numbers + part
    }

    /// Where number i of the value at a place lies, likewise.
    pub(super) fn of_value(&self, place: usize) -> usize {
        let (unit, part) = (place / self.numbers, place % self.numbers);
        unit * self.width * self.numbers + part
    }

    pub(super) fn in_value(&self, i: usize) -> usize {
        let (panel, column) = (i / self.width, i % self.width);
        panel * POSITIONS * self.width + column * self.numbers
    }
}

/// Where keys (or values) come from and go to: number i of a place lies at `of_place(place) +
/// in_place[i]` of a head's block of a page.
struct Places<F> {
    /// The column of the first head's in a row.
    first: usize,
    /// Numbers of a block.
    block: usize,
    of_place: F,
    in_place: Vec<usize>,
    /// Whether two places share units, the second next to the first.
    pairs: bool,
}

impl Cpu {
    /// Puts keys and values of new rows into their pages. The stretches have been checked.
    pub(super) fn remember_in_pages(
        &self,
        session: &Session<'_>,
        layout: Layout,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &CpuArray,
        pages: &mut Pages<CpuArray>,
    ) {
        let e = heads.dim;
        let first_key = heads.query_columns();
        let places = Places {
            first: first_key,
            block: layout.keys(),
            of_place: |place| layout.of_key(place),
            in_place: (0..e).map(|i| layout.in_key(i)).collect(),
            pairs: false,
        };
        typed!(qkv = &qkv.0, keys = &mut pages.keys.0 => {
            self.put_in_places(session, heads, stretches, qkv, keys, &places);
        });
        let places = Places {
            first: first_key + heads.kv * e,
            block: layout.values(),
            of_place: |place| layout.of_value(place),
            in_place: (0..e).map(|i| layout.in_value(i)).collect(),
            pairs: layout.numbers == 2,
        };
        typed!(qkv = &qkv.0, values = &mut pages.values.0 => {
            self.put_in_places(session, heads, stretches, qkv, values, &places);
        });
    }

    /// Puts keys (or values) of new rows into their places.
    fn put_in_places<X: Element, E: Element>(
        &self,
        session: &Session<'_>,
        heads: Heads,
        stretches: &[Stretch<'_>],
        qkv: &[X],
        to: &mut [E],
        places: &Places<impl Fn(usize) -> usize + Sync>,
    ) {
        let (e, columns) = (heads.dim, heads.columns());
        let rows: usize = stretches.iter().map(|stretch| stretch.rows).sum();
        let to = &Parts::new(to);
        let one = |stretch: usize, k: usize, arena: &Arena| {
            let before = stretches[..stretch].iter().map(|stretch| stretch.rows);
            let (start, stretch) = (before.sum::<usize>(), &stretches[stretch]);
            let key = arena.take::<E>(e);
            for row in 0..stretch.rows {
                let from = &qkv[(start + row) * columns + places.first + k * e..][..e];
                self.engine.kernels.apply(Copy { from, to: key });
                let (page, place) = stretch.place(stretch.past + row);
                let head = (page * heads.kv + k) * places.block;
                // SAFETY: no other task writes to this head of this page (`check`).
                let to = unsafe { to.slice(head..head + places.block) };
                let to = &mut to[(places.of_place)(place)..];
                for (at, number) in places.in_place.iter().zip(key.iter()) {
                    to[*at] = *number;
                }
                if places.pairs && place.is_multiple_of(2) {
                    // Of a unit of two positions the second has not come yet: what a product reads
                    // there must be a number, whoever had the page before.
                    for at in &places.in_place {
                        to[*at + 1] = E::narrow(0.0);
                    }
                }
            }
        };
        let tasks = stretches.len() * heads.kv;
        match rows * e * heads.kv < SHARE {
            true => session.run(1, |_, arena| {
                // SAFETY: nothing taken inside is kept.
                let one = |task| unsafe {
                    arena.nested(|| one(task / heads.kv, task % heads.kv, arena));
                };
                (0..tasks).for_each(one);
            }),
            false => session.run(tasks, |task, arena| {
                one(task / heads.kv, task % heads.kv, arena);
            }),
        }
    }
}
