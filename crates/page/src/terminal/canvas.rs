//! Dots in cells: braille gives two columns and four rows of them to a cell.
//!
//! Each cell remembers which series drew last there, for its colour, or for its mark where there
//! are no colours.

use super::Ink;

/// Cells of a drawing.
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    dots: Vec<u8>,
    pens: Vec<Pen>,
}

/// Who draws: a series by its colour; a faint one gives way to others in its cell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pen {
    pub(super) series: usize,
    pub(super) faint: bool,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Canvas {
            columns,
            rows,
            dots: vec![0; columns * rows],
            pens: vec![Pen::default(); columns * rows],
        }
    }

    /// A straight line between two points in dots (2 per column, 4 per row, from the top left).
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), pen: Pen) {
        let steps = (to.0 - from.0)
            .abs()
            .max((to.1 - from.1).abs())
            .ceil()
            .max(1.0) as usize;
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            let x = from.0 + (to.0 - from.0) * share;
            let y = from.1 + (to.1 - from.1) * share;
            self.dot(x, y, pen);
        }
    }

    fn dot(&mut self, x: f64, y: f64, pen: Pen) {
        let (x, y) = (x.round() as i64, y.round() as i64);
        let (columns, rows) = (self.columns as i64, self.rows as i64);
        if !(0..columns * 2).contains(&x) || !(0..rows * 4).contains(&y) {
            return;
        }
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let cell = (y / 4 * columns + x / 2) as usize;
        if self.pens[cell].faint && !pen.faint {
            self.dots[cell] = 0;
        }
        self.dots[cell] |= BITS[(y % 4) as usize][(x % 2) as usize];
        self.pens[cell] = pen;
    }

    /// One row of cells; `empty` fills a cell without dots, `marks` draws letters instead of dots.
    pub(super) fn row(
        &self,
        row: usize,
        ink: Ink,
        marks: bool,
        empty: impl Fn(usize) -> char,
    ) -> String {
        let mut out = String::new();
        // Cells of one pen in a row are painted together.
        let mut run = (Pen::default(), String::new());
        let flush = |run: &mut (Pen, String), out: &mut String| {
            out.push_str(&ink.pen(run.0, &run.1));
            run.1.clear();
        };
        for column in 0..self.columns {
            let cell = row * self.columns + column;
            if self.dots[cell] == 0 {
                flush(&mut run, &mut out);
                out.push(empty(column));
                continue;
            }
            if run.0 != self.pens[cell] {
                flush(&mut run, &mut out);
                run.0 = self.pens[cell];
            }
            run.1.push(match marks {
                true => mark(run.0.series),
                // Always inside the braille block: 256 patterns from U+2800 on.
                false => char::from_u32(0x2800 + u32::from(self.dots[cell])).unwrap_or('·'),
            });
        }
        flush(&mut run, &mut out);
        out.truncate(out.trim_end().len());
        out
    }
}

/// The mark of a series where there are no colours.
pub(super) fn mark(series: usize) -> char {
    ['*', '+', 'o', 'x', '#', '@', '%', '='][series % 8]
}
