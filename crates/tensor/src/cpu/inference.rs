//! Products with weights that are only read: one row at a time or a prompt at once.
//!
//! `y[r, o] (+)= Σᵢ x[r, i]·w[o, i]`. x is made ready once (converted, or quantised) for all who read
//! it. Then tasks go over panels of w: with few rows of x the weights come from memory once and are
//! the limit, so tasks are cut to what keeps all threads reading; with many rows a chunk of w that
//! stays in the last cache meets one block of rows after the other.
//!
//! A number of y is summed in an order that depends on k alone, so it is the same, bit for bit, for
//! any number of rows beside it and any number of threads.

use std::ops::Range;

use super::Cpu;
use super::arena::Arena;
use super::array::{CpuMatrix, Weight};
use super::integers::{Activations, BLOCK, Integers, PANEL, Quantise, ROWS, Sweep};
use super::lanes::Element;
use super::multiply::{Block, Left, Panels, Ready, Right, Source};
use super::pack::Rows;
use super::stored::Tall;
use super::team::{Parts, Session};
use super::tile::Out;

/// Bytes of w that meet one block of rows after the other.
const CHUNK: usize = 1 << 20;

/// Bytes of w that are worth waking another thread for, and those that a task has at least.
const SHARE: usize = 48 << 10;

/// Rows of x, quantised, in a block: they stay in the second-level cache.
const ROWS_OF_BLOCK: usize = 16 * ROWS;

/// A weight as products read it.
pub(super) enum Stored<'a> {
    Panels(Panels<'a>),
    Integers(&'a Integers),
}

/// x, in the forms that the weights of a product ask for.
struct Operand<'a> {
    ready: Option<Ready>,
    activations: Option<Activations<'a>>,
}

/// What a task computes: some rows with some columns of one weight.
struct Piece {
    weight: usize,
    rows: Range<usize>,
    panels: Range<usize>,
}

impl Cpu {
    /// A weight as products read it; one that is row-major is packed for the time being.
    pub(super) fn stored<'a>(&self, session: &'a Session<'_>, matrix: &'a CpuMatrix) -> Stored<'a> {
        match &matrix.weight {
            Weight::Panels(words) => Stored::Panels(self.panels(matrix, words)),
            Weight::Integers(integers) => Stored::Integers(integers),
            Weight::Full(_) | Weight::Both { .. } => {
                let tall = Tall::new(self, session, &[matrix]);
                let right = Right::Along(tall.source(matrix.cols));
                Stored::Panels(self.engine.pack(session, right))
            }
        }
    }

    /// `out (+)= x · [w₀; w₁; …]ᵀ`; the caller has checked that `out` holds the rows of x.
    pub(super) fn multiply_stored(
        &self,
        session: &Session<'_>,
        x: Source<'_>,
        matrices: &[&CpuMatrix],
        out: Out,
        add: bool,
    ) {
        let n = x.count();
        let weights: Vec<_> = matrices.iter().map(|w| self.stored(session, w)).collect();
        let operand = self.operand(session, x, &weights);
        let out_row = matrices.iter().map(|matrix| matrix.rows).sum();
        let mut column = 0;
        let places: Vec<Out> = matrices
            .iter()
            .map(|matrix| {
                column += matrix.rows;
                out.advance(column - matrix.rows)
            })
            .collect();
        let pieces = self.pieces(n, session.threads(), matrices, &weights);
        session.run(pieces.len(), |task, arena| {
            let piece = &pieces[task];
            let (weight, matrix) = (&weights[piece.weight], matrices[piece.weight]);
            let y = Place {
                out: places[piece.weight],
                out_row,
                columns: matrix.rows,
                add,
            };
            // SAFETY: `out` was checked to hold n rows; tasks write different rows or columns.
            unsafe { self.piece(arena, &operand, weight, piece, matrix.cols, y) };
        });
    }

    /// All rows of x with all of one weight, on this thread.
    /// # Safety
    /// `out` must hold as many rows of `columns`, `out_row` apart, and be nobody else's.
    pub(super) unsafe fn here(
        &self,
        arena: &Arena,
        x: Source<'_>,
        weight: &Stored<'_>,
        columns: usize,
        out: Out,
        out_row: usize,
    ) {
        let (n, k) = (x.count(), x.stride());
        let operand = match weight {
            Stored::Panels(_) => Operand {
                ready: Some(self.engine.ready(arena, Left::Rows(x), 0..n, 0..k)),
                activations: None,
            },
            Stored::Integers(_) => {
                let room = Room::new(arena, n, k);
                self.quantise(x, 0..n, &room);
                Operand {
                    ready: None,
                    activations: Some(room.filled()),
                }
            }
        };
        let piece = Piece {
            weight: 0,
            rows: 0..n,
            panels: 0..columns.div_ceil(self.width(weight)),
        };
        let y = Place {
            out,
            out_row,
            columns,
            add: false,
        };
        // SAFETY: the caller's promise.
        unsafe { self.piece(arena, &operand, weight, &piece, k, y) };
    }

    /// # Safety
    /// As [`here`](Cpu::here), of the piece.
    unsafe fn piece(
        &self,
        arena: &Arena,
        operand: &Operand<'_>,
        weight: &Stored<'_>,
        piece: &Piece,
        k: usize,
        y: Place,
    ) {
        match weight {
            Stored::Panels(panels) => {
                let ready = operand.ready.as_ref();
                let block = Block {
                    left: Left::Ready(ready.expect("x was made ready for panels")),
                    rows: piece.rows.clone(),
                    k,
                    right: *panels,
                    panels: piece.panels.clone(),
                    out: y.out.advance(piece.rows.start * y.out_row),
                    out_row: y.out_row,
                    add: y.add,
                };
                // SAFETY: the caller's promise.
                unsafe { self.engine.block(arena, &block) };
            }
            Stored::Integers(w) => self.engine.kernels.apply(Sweep {
                x: operand.activations.expect("x was quantised for integers"),
                rows: piece.rows.clone(),
                w,
                columns: piece.panels.start * PANEL..y.columns.min(piece.panels.end * PANEL),
                out: y.out,
                out_row: y.out_row,
                add: y.add,
            }),
        }
    }

    /// Columns of y in a panel.
    fn width(&self, weight: &Stored<'_>) -> usize {
        match weight {
            Stored::Panels(_) => self.engine.tile.columns,
            Stored::Integers(_) => PANEL,
        }
    }

    /// Makes x ready, by all threads where it is long.
    fn operand<'s>(
        &self,
        session: &'s Session<'_>,
        x: Source<'_>,
        weights: &[Stored<'_>],
    ) -> Operand<'s> {
        let (n, k) = (x.count(), x.stride());
        let has = |integers| move |w: &Stored<'_>| matches!(w, Stored::Integers(_)) == integers;
        let ready = weights.iter().any(has(false)).then(|| {
            let common = session.common();
            self.engine.ready(common, Left::Rows(x), 0..n, 0..k)
        });
        let activations = weights.iter().any(has(true)).then(|| {
            let room = Room::new(session.common(), n, k);
            // A thread's rows: not worth sharing below some thousand numbers.
            let grain = (SHARE / k.max(1)).clamp(1, n.max(1));
            session.stretches(n, grain, |rows, _| self.quantise(x, rows, &room));
            room.filled()
        });
        Operand { ready, activations }
    }

    fn quantise(&self, x: Source<'_>, rows: Range<usize>, room: &Room<'_>) {
        match x {
            Source::F32(x) => self.quantise_rows(x, rows, room),
            Source::Bf16(x) => self.quantise_rows(x, rows, room),
        }
    }

    fn quantise_rows<S: Element>(&self, x: Rows<'_, S>, rows: Range<usize>, room: &Room<'_>) {
        let numbers = rows.start * room.blocks..rows.end * room.blocks;
        // SAFETY: a task takes its own rows.
        let (bytes, scales, sums) = unsafe {
            (
                room.bytes.slice(numbers.start * BLOCK..numbers.end * BLOCK),
                room.scales.slice(numbers.clone()),
                room.sums.slice(numbers),
            )
        };
        self.engine.kernels.apply(Quantise {
            x,
            rows,
            bytes,
            scales,
            sums,
        });
    }

    /// Cuts a product into tasks; those of one chunk of a weight follow each other.
    fn pieces(
        &self,
        n: usize,
        threads: usize,
        matrices: &[&CpuMatrix],
        weights: &[Stored<'_>],
    ) -> Vec<Piece> {
        let bytes = |matrix: &CpuMatrix| self.bytes_of(matrix);
        let all: usize = matrices.iter().map(|matrix| bytes(matrix)).sum();
        let mut pieces = vec![];
        for (weight, (matrix, stored)) in matrices.iter().zip(weights).enumerate() {
            let blocks: Vec<Range<usize>> = match stored {
                Stored::Panels(_) => self.engine.cut(n, threads).collect(),
                Stored::Integers(_) => {
                    let count = n.div_ceil(ROWS_OF_BLOCK);
                    let tiles = n.div_ceil(ROWS);
                    let cut = |block: usize| (block * tiles / count * ROWS).min(n);
                    (0..count).map(|b| cut(b)..cut(b + 1)).collect()
                }
            };
            let panels = matrix.rows.div_ceil(self.width(stored));
            // Of one block: shares of all weights together, several for each thread, so that one
            // that is held up costs little; of several: what stays near.
            let size = match blocks.len() {
                1 => (all / (4 * threads)).clamp(SHARE, CHUNK / 2),
                _ => CHUNK,
            };
            let size = if threads == 1 { CHUNK } else { size };
            let chunks = bytes(matrix).div_ceil(size).clamp(1, panels.max(1));
            for chunk in 0..chunks {
                let panels = chunk * panels / chunks..(chunk + 1) * panels / chunks;
                pieces.extend(blocks.iter().map(|rows| Piece {
                    weight,
                    rows: rows.clone(),
                    panels: panels.clone(),
                }));
            }
        }
        pieces
    }

    fn bytes_of(&self, matrix: &CpuMatrix) -> usize {
        match &matrix.weight {
            Weight::Panels(words) => size_of_val(&words[..]),
            Weight::Integers(integers) => integers.size(),
            Weight::Full(x) => size_of_val(&x[..]),
            Weight::Both { shadow, .. } => size_of_val(&shadow[..]),
        }
    }
}

/// Where a product with one weight goes.
#[derive(Clone, Copy)]
struct Place {
    /// Row 0, column 0.
    out: Out,
    out_row: usize,
    columns: usize,
    add: bool,
}

/// Where quantised rows go, with room for whole tiles.
struct Room<'a> {
    bytes: Parts<'a, i8>,
    scales: Parts<'a, f32>,
    sums: Parts<'a, i32>,
    blocks: usize,
    count: usize,
}

impl<'a> Room<'a> {
    fn new(arena: &'a Arena, n: usize, k: usize) -> Room<'a> {
        let blocks = k / BLOCK;
        let count = (n + ROWS) * blocks;
        Room {
            bytes: Parts::new(arena.take(count * BLOCK)),
            scales: Parts::new(arena.take(count)),
            sums: Parts::new(arena.take(count)),
            blocks,
            count,
        }
    }

    /// The rows, all of which have been quantised.
    fn filled(&self) -> Activations<'a> {
        // SAFETY: nobody writes any more.
        unsafe {
            Activations {
                bytes: self.bytes.slice(0..self.count * BLOCK),
                scales: self.scales.slice(0..self.count),
                sums: self.sums.slice(0..self.count),
                blocks: self.blocks,
            }
        }
    }
}
