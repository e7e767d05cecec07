//! How a large product is cut so that the tile always finds its operands near.
//!
//! `C[m, n] (+)= A[m, k] · B[k, n]`, after Goto & van de Geijn 2008 ("Anatomy of high-performance
//! matrix multiplication"), with three departures.
//!
//! 1. B is packed a few megabytes at a time by all threads, so that it stays in the last cache while
//!    all rows of A meet it. A block of A (about 100 rows, at most 448 KB) is what stays in the
//!    second-level cache of a thread while panels of B (the columns of a tile) pass by: every word
//!    that comes from further away is used 100 times.
//! 2. A is read where it lies if it can be (rows, in the compute type): packing it costs 5–10 % at
//!    the widths of small models. It is copied per block if its type is another or its rows would
//!    fight for the same places of the caches, and packed if it is transposed (gradients of weights).
//! 3. k is not cut below [`MAXIMUM_UNITS`], so nearly every product stores its result once, straight
//!    from registers and in the type that is wanted, instead of adding to memory. The operands then
//!    come from the second-level cache rather than the first; 13 bytes a cycle are needed, and the
//!    cache gives four times that.
//!
//! Each number of C is one sum over k in an order that k alone decides. How m and n are cut may
//! depend on the number of threads; the bits do not.

mod operands;

use std::ops::Range;

use half::bf16;

use super::arena::Arena;
use super::kernels::Kernels;
use super::lanes::{Element, Lanes, Work, spans};
use super::pack::Rows;
use super::team::Session;
use super::tile::{self, Call, Out, Tile};

/// Longer sums than this many units are taken in passes, each added to the last.
const MAXIMUM_UNITS: usize = 1024;

/// Words of B that are packed at a time: 4 MB stay in the last cache beside the rest.
const CHUNK_WORDS: usize = 1 << 20;

/// Panels of B in a chunk at least: A may have to be copied for every chunk.
const CHUNK_PANELS: usize = 16;

/// The most tiles that a block is high: with 14 rows and [`MAXIMUM_UNITS`], 448 KB.
const BLOCK_TILES: usize = 8;

/// The kernels of a device, as far as products are concerned.
#[derive(Clone, Copy)]
pub(crate) struct Engine {
    pub(crate) kernels: Kernels,
    pub(crate) tile: Tile,
}

/// B.
#[derive(Clone, Copy)]
pub(crate) enum Right<'a> {
    /// Column j of B is row j of the source.
    Along(Source<'a>),
    /// Row i of B is row i of the source.
    Across(Source<'a>),
}

/// B, packed: panel after panel, `[units][columns of a tile]` each.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    pub(crate) words: &'a [u32],
    pub(crate) units: usize,
    pub(crate) columns: usize,
    /// Whether its units are bfloat16, two to a word of `words`.
    pub(crate) half: bool,
}

/// Rows of either type.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    F32(Rows<'a, f32>),
    Bf16(Rows<'a, bf16>),
}

impl<'a> Source<'a> {
    pub(crate) fn stride(&self) -> usize {
        match self {
            Source::F32(rows) => rows.stride(),
            Source::Bf16(rows) => rows.stride(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self {
            Source::F32(rows) => rows.count(),
            Source::Bf16(rows) => rows.count(),
        }
    }

    /// Some of the rows.
    pub(crate) fn range(&self, rows: Range<usize>) -> Source<'a> {
        match self {
            Source::F32(all) => Source::F32(all.range(rows)),
            Source::Bf16(all) => Source::Bf16(all.range(rows)),
        }
    }
}

impl Right<'_> {
    fn k(&self) -> usize {
        match self {
            Right::Along(source) => source.stride(),
            Right::Across(source) => source.count(),
        }
    }

    fn columns(&self) -> usize {
        match self {
            Right::Along(source) => source.count(),
            Right::Across(source) => source.stride(),
        }
    }
}

/// Elements whose rows can be a source.
pub(crate) trait InSource: Element {
    fn source(rows: Rows<'_, Self>) -> Source<'_>;
}
impl InSource for f32 {
    fn source(rows: Rows<'_, f32>) -> Source<'_> {
        Source::F32(rows)
    }
}
impl InSource for bf16 {
    fn source(rows: Rows<'_, bf16>) -> Source<'_> {
        Source::Bf16(rows)
    }
}

/// A.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a> {
    /// Made ready once, for all who read it.
    Ready(&'a Ready),
    /// Row i of A is row i of the source.
    Rows(Source<'a>),
    /// Row i of A is column i of the source.
    Columns(Source<'a>),
}

/// Some rows of C, times all columns or some.
pub(crate) struct Block<'a> {
    pub(crate) left: Left<'a>,
    /// The rows of A.
    pub(crate) rows: Range<usize>,
    pub(crate) k: usize,
    pub(crate) right: Panels<'a>,
    /// The panels of B.
    pub(crate) panels: Range<usize>,
    /// C at the first of the rows and column 0.
    pub(crate) out: Out,
    /// Numbers from one row of C to the next.
    pub(crate) out_row: usize,
    pub(crate) add: bool,
}

/// A whole product. C may be in several pieces of some rows each.
pub(crate) struct Product<'a> {
    pub(crate) left: Left<'a>,
    pub(crate) right: Right<'a>,
    /// Rows of each piece of C, and where it begins.
    pub(crate) pieces: &'a [(usize, Out)],
    pub(crate) out_row: usize,
    pub(crate) add: bool,
}

impl Panels<'_> {
    /// A panel from one of its units on.
    #[inline(always)]
    pub(crate) fn panel(&self, panel: usize, unit: usize, width: usize) -> *const u32 {
        let at = (panel * self.units + unit) * width;
        self.words[if self.half { at / 2 } else { at }..].as_ptr()
    }
}

/// A block of A as the tile reads it.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    /// Of the first tile.
    left: tile::Left,
    /// Bytes from one tile to the next.
    tile: usize,
    /// Of a last tile that is not whole, if it lies elsewhere.
    last: Option<tile::Left>,
}

// SAFETY: the memory is only read, and whoever made it ready keeps it meanwhile.
unsafe impl Sync for Ready {}

impl Ready {
    /// From a tile and a unit on.
    fn from(self, tiles: usize, units: usize) -> Ready {
        let on = |left: tile::Left, bytes| tile::Left {
            start: left.start.wrapping_byte_add(bytes + units * left.unit),
            ..left
        };
        Ready {
            left: on(self.left, tiles * self.tile),
            tile: self.tile,
            last: self.last.map(|last| on(last, 0)),
        }
    }

    /// The rows of one tile.
    #[inline(always)]
    pub(crate) fn tile(&self, tile: usize, whole: bool) -> tile::Left {
        match self.last {
            Some(last) if !whole => last,
            _ => tile::Left {
                start: self.left.start.wrapping_byte_add(tile * self.tile),
                ..self.left
            },
        }
    }
}

/// One tile's rows of A against neighbouring columns of B.
pub(crate) struct Strip<'a> {
    pub(crate) left: tile::Left,
    /// How many of the tile's rows exist.
    pub(crate) rows: usize,
    pub(crate) right: Panels<'a>,
    /// The units of B that meet A's from its first on.
    pub(crate) units: Range<usize>,
    /// The columns of B; the first is that of a panel.
    pub(crate) columns: Range<usize>,
    /// C at the first row and column.
    pub(crate) out: Out,
    pub(crate) out_row: usize,
    pub(crate) add: bool,
}

impl Engine {
    /// Packs all of B, by all threads.
    pub(crate) fn pack<'s>(&self, session: &'s Session<'_>, right: Right<'_>) -> Panels<'s> {
        let panels = right.columns().div_ceil(self.tile.columns);
        let words = session.take::<u32>(panels * self.tile.columns * self.units(right.k()));
        self.pack_panels(session, right, 0..panels, words);
        Panels {
            words,
            units: self.units(right.k()),
            columns: right.columns(),
            half: false,
        }
    }

    pub(crate) fn units(&self, k: usize) -> usize {
        k.div_ceil(self.tile.unit.numbers())
    }

    /// Computes C on all threads.
    /// # Safety
    /// C must be writable and nobody else's.
    pub(crate) unsafe fn multiply(&self, session: &Session<'_>, product: &Product<'_>) {
        let (k, width, threads) = (product.right.k(), self.tile.columns, session.threads());
        let (columns, units) = (product.right.columns(), self.units(k));
        let mut blocks = vec![];
        let mut before = 0;
        for (piece, &(height, _)) in product.pieces.iter().enumerate() {
            for rows in self.cut(height, threads) {
                blocks.push((piece, before, rows));
            }
            before += height;
        }
        if blocks.is_empty() || columns == 0 {
            return;
        }
        // Chunks of B of nearly equal width.
        let panels = columns.div_ceil(width);
        let most = (CHUNK_WORDS / (units * width).max(1)).max(CHUNK_PANELS);
        let chunks = panels.div_ceil(most);
        let words = session.take::<u32>(panels.div_ceil(chunks) * width * units);
        for chunk in 0..chunks {
            let chunk = chunk * panels / chunks..(chunk + 1) * panels / chunks;
            let first = chunk.start * width;
            let words = &mut words[..chunk.len() * width * units];
            self.pack_panels(session, product.right, chunk.clone(), words);
            let right = Panels {
                words,
                units,
                columns: columns.min(chunk.end * width) - first,
                half: false,
            };
            // Where blocks are few, columns are cut too, so that every thread has something to do.
            let groups = match blocks.len() < 2 * threads && threads > 1 {
                true => (2 * threads).div_ceil(blocks.len()).min(chunk.len()),
                false => 1,
            };
            session.run(blocks.len() * groups, |task, arena| {
                let (piece, before, ref rows) = blocks[task / groups];
                let group = task % groups;
                let out = product.pieces[piece]
                    .1
                    .advance(rows.start * product.out_row + first);
                let block = Block {
                    left: product.left,
                    rows: before + rows.start..before + rows.end,
                    k,
                    right,
                    panels: group * chunk.len() / groups..(group + 1) * chunk.len() / groups,
                    out,
                    out_row: product.out_row,
                    add: product.add,
                };
                // SAFETY: the caller's promise; tasks write different rows or columns.
                unsafe { self.block(arena, &block) };
            });
        }
    }

    /// Cuts rows into blocks of nearly equal height; a multiple of the threads if there are more.
    pub(crate) fn cut(&self, height: usize, threads: usize) -> impl Iterator<Item = Range<usize>> {
        let rows = self.tile.rows;
        let tiles = height.div_ceil(rows);
        let blocks = tiles.div_ceil(BLOCK_TILES);
        let blocks = match blocks > threads {
            true => blocks.next_multiple_of(threads).min(tiles),
            false => blocks,
        };
        (0..blocks).map(move |block| {
            let from = block * tiles / blocks * rows;
            let to = (block + 1) * tiles / blocks * rows;
            from..to.min(height)
        })
    }

    /// Multiply–adds whose operands never leave the first-level cache, on all threads: the rate
    /// that no product can exceed. Returns the number of floating-point operations.
    pub(crate) fn exercise(&self, session: &Session<'_>) -> f64 {
        const UNITS: usize = 128;
        const CALLS: usize = 5_000;
        let Tile { rows, columns, .. } = self.tile;
        session.run(session.threads(), |_, arena| {
            let left = arena.take::<u32>(rows * UNITS);
            let right = arena.take::<u32>(columns * UNITS);
            let out = arena.take::<f32>(rows * columns);
            left.fill(0);
            right.fill(0);
            let call = Call {
                units: UNITS,
                left: tile::Left {
                    start: left.as_ptr(),
                    row: 4,
                    unit: 4 * rows,
                },
                right: right.as_ptr(),
                half: false,
                out: Out::F32(out.as_mut_ptr()),
                out_row: columns,
                add: false,
                rows,
                columns,
            };
            for _ in 0..CALLS {
                // SAFETY: the operands are as large as one whole tile of UNITS units.
                unsafe { self.tile.run(&call) };
            }
        });
        let tile = 2 * rows * columns * UNITS * self.tile.unit.numbers();
        (tile * CALLS * session.threads()) as f64
    }

    /// Computes one block on this thread.
    /// # Safety
    /// The block of C must be writable and nobody else's.
    pub(crate) unsafe fn block(&self, arena: &Arena, block: &Block<'_>) {
        let Tile { rows, columns, .. } = self.tile;
        let (numbers, right) = (self.tile.unit.numbers(), block.right);
        let height = block.rows.len();
        if height == 0 || block.panels.is_empty() {
            return;
        }
        if block.k == 0 {
            // An empty sum is zero.
            assert!(block.add, "a product over nothing");
            return;
        }
        assert_eq!(
            right.units,
            block.k.div_ceil(numbers),
            "A and B differ in k"
        );
        // A sum in several passes must not be rounded between them.
        let passes = right.units.div_ceil(MAXIMUM_UNITS);
        let wide = match block.out {
            Out::Bf16(to) if passes > 1 => {
                let wide = arena.take::<f32>(height * right.columns);
                Some((to, wide.as_mut_ptr()))
            }
            _ => None,
        };
        let (out, out_row, add) = match wide {
            Some((_, wide)) => (Out::F32(wide), right.columns, false),
            None => (block.out, block.out_row, block.add),
        };
        for pass in 0..passes {
            let first = pass * right.units / passes;
            let units = (pass + 1) * right.units / passes - first;
            let k = first * numbers..block.k.min((first + units) * numbers);
            let ready = self.ready(arena, block.left, block.rows.clone(), k);
            for panel in block.panels.clone() {
                for tile in 0..height.div_ceil(rows) {
                    let exist = rows.min(height - tile * rows);
                    let call = Call {
                        units,
                        left: ready.tile(tile, exist == rows),
                        right: right.panel(panel, first, columns),
                        half: right.half,
                        out: out.advance(tile * rows * out_row + panel * columns),
                        out_row,
                        add: add || pass > 0,
                        rows: exist,
                        columns: columns.min(right.columns - panel * columns),
                    };
                    // SAFETY: `ready` gives whole tiles; C is the caller's promise.
                    unsafe { self.tile.run(&call) };
                }
            }
        }
        if let Some((to, wide)) = wide {
            let first = block.panels.start * columns;
            let last = right.columns.min(block.panels.end * columns);
            for row in 0..height {
                // SAFETY: these columns of `wide` have been written above; those of C are a part
                // of the block.
                let (from, to) = unsafe {
                    let from = wide.add(row * right.columns + first);
                    let to = to.add(row * block.out_row + first);
                    (
                        std::slice::from_raw_parts(from, last - first),
                        std::slice::from_raw_parts_mut(to, last - first),
                    )
                };
                let add = block.add;
                self.kernels.apply(Narrow { from, to, add });
            }
        }
    }

    /// Computes one strip.
    /// # Safety
    /// As [`Engine::block`]; A must hold as many units as are asked for.
    #[inline]
    pub(crate) unsafe fn strip(&self, strip: &Strip<'_>) {
        let width = self.tile.columns;
        let (units, columns) = (strip.units.clone(), strip.columns.clone());
        debug_assert_eq!(columns.start % width, 0);
        for column in columns.clone().step_by(width) {
            let call = Call {
                units: units.len(),
                left: strip.left,
                right: strip.right.panel(column / width, units.start, width),
                half: strip.right.half,
                out: strip.out.advance(column - columns.start),
                out_row: strip.out_row,
                add: strip.add,
                rows: strip.rows,
                columns: width.min(columns.end - column),
            };
            // SAFETY: the caller's promise.
            unsafe { self.tile.run(&call) };
        }
    }
}

/// `to (+)= from`, rounded.
struct Narrow<'a> {
    from: &'a [f32],
    to: &'a mut [bf16],
    add: bool,
}

impl Work for Narrow<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.from.len()) {
            let mut sum: L = f32::get(self.from, span);
            if self.add {
                sum = sum.add(bf16::get(self.to, span));
            }
            bf16::put(sum, self.to, span);
        }
    }
}
