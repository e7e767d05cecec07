//! The matrices of a fastText file, read where they lie: plain f32, or product-quantised (Jégou et
//! al. 2011: a row is a list of codes, each naming one of 256 centroids of its part).

use anyhow::{Context as _, Result, ensure};
use std::ops::Range;

/// Reads a file front to back, and never beyond its end.
pub(super) struct Bytes<'a> {
    pub(super) all: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self
            .at
            .checked_add(count)
            .filter(|end| *end <= self.all.len());
        let end = end.with_context(|| {
            format!(
                "it ends at byte {}, and {count} more were wanted from byte {} on: it was cut short",
                self.all.len(),
                self.at
            )
        })?;
        let taken = &self.all[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("so many were taken"))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool> {
        Ok(self.take(1)?[0] != 0)
    }

    /// A number of things, each at least `size` bytes: never more than the file could hold.
    pub(super) fn count(&mut self, number: i64, size: usize, what: &str) -> Result<usize> {
        let most = (self.all.len() - self.at) / size.max(1);
        let count = usize::try_from(number).ok().filter(|count| *count <= most);
        count.with_context(|| {
            format!("it says that it has {number} {what}, and has no room for them")
        })
    }

    /// Bytes up to a zero.
    pub(super) fn word(&mut self) -> Result<&'a [u8]> {
        let rest = &self.all[self.at..];
        let length = rest.iter().position(|byte| *byte == 0);
        let word = self.take(length.context("a word in it has no end")?)?;
        self.at += 1;
        Ok(word)
    }

    /// Where `count` f32 lie.
    fn floats(&mut self, count: usize) -> Result<Range<usize>> {
        let bytes = count
            .checked_mul(4)
            .context("a matrix in it is too large")?;
        let from = self.at;
        self.take(bytes)?;
        Ok(from..self.at)
    }
}

/// A matrix `[rows, cols]` inside a file.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) cols: usize,
    stored: Stored,
}

#[derive(Debug)]
enum Stored {
    /// Row-major f32, at these bytes of the file.
    Plain(Range<usize>),
    Quantised {
        codes: Range<usize>,
        parts: Parts,
        /// Of each row, by a code of its own.
        norms: Option<(Range<usize>, Parts)>,
    },
}

/// A product quantiser: how a row is cut, and where the centroids lie.
#[derive(Debug)]
struct Parts {
    count: usize,
    width: usize,
    last: usize,
    centroids: Range<usize>,
}

impl Parts {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self> {
        let [dimension, count, width, last] =
            [bytes.i32()?, bytes.i32()?, bytes.i32()?, bytes.i32()?]
                .map(|n| i64::from(n).max(0) as usize);
        ensure!(
            count >= 1 && last <= width && (count - 1) * width + last == dimension,
            "its quantiser cuts rows of {dimension} into {count} parts of {width}, the last of {last}"
        );
        let centroids = bytes.floats(dimension.checked_mul(256).context("too large")?)?;
        Ok(Parts {
            count,
            width,
            last,
            centroids,
        })
    }

    /// The part of a row that a code stands for.
    fn centroid<'a>(&self, file: &'a [u8], part: usize, code: u8) -> &'a [u8] {
        let width = match part + 1 == self.count {
            true => self.last,
            false => self.width,
        };
        let at = part * 256 * self.width + usize::from(code) * width;
        &file[self.centroids.clone()][4 * at..4 * (at + width)]
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|chunk| f32::from_le_bytes(*chunk))
}

impl Matrix {
    pub(super) fn plain(bytes: &mut Bytes<'_>) -> Result<Self> {
        let (rows, cols) = (bytes.i64()?, bytes.i64()?);
        let rows = bytes.count(rows, 4, "rows")?;
        let cols = bytes.count(cols, 4, "columns")?;
        let place = bytes.floats(
            rows.checked_mul(cols)
                .context("a matrix in it is too large")?,
        )?;
        Ok(Matrix {
            rows,
            cols,
            stored: Stored::Plain(place),
        })
    }

    pub(super) fn quantised(bytes: &mut Bytes<'_>) -> Result<Self> {
        let with_norms = bytes.flag()?;
        let (rows, cols, codes) = (bytes.i64()?, bytes.i64()?, bytes.i32()?);
        let rows = bytes.count(rows, 1, "rows")?;
        let cols = bytes.count(cols, 1, "columns")?;
        let count = bytes.count(i64::from(codes), 1, "codes")?;
        let from = bytes.at;
        bytes.take(count)?;
        let codes = from..bytes.at;
        let parts = Parts::read(bytes)?;
        ensure!(
            parts.count.checked_mul(rows) == Some(count)
                && (parts.count - 1) * parts.width + parts.last == cols,
            "its codes do not fit its {rows} rows of {cols}"
        );
        let norms = match with_norms {
            false => None,
            true => {
                let from = bytes.at;
                bytes.take(rows)?;
                let codes = from..bytes.at;
                let norms = Parts::read(bytes)?;
                ensure!(
                    norms.count == 1 && norms.last == 1,
                    "its norms are not numbers"
                );
                Some((codes, norms))
            }
        };
        Ok(Matrix {
            rows,
            cols,
            stored: Stored::Quantised {
                codes,
                parts,
                norms,
            },
        })
    }

    /// `to += row`.
    pub(super) fn add(&self, file: &[u8], row: usize, to: &mut [f32]) {
        self.each(file, row, |col, value| to[col] += value);
    }

    /// `row · x`.
    pub(super) fn dot(&self, file: &[u8], row: usize, x: &[f32]) -> f32 {
        match &self.stored {
            Stored::Plain(_) => {
                let mut sum = 0.0;
                self.each(file, row, |col, value| sum += value * x[col]);
                sum
            }
            // The norm comes last, as in the original.
            Stored::Quantised {
                codes,
                parts,
                norms,
            } => {
                let mut sum = 0.0;
                each_part(file, (codes, parts), row, |col, value| {
                    sum += value * x[col]
                });
                sum * norm(file, norms.as_ref(), row)
            }
        }
    }

    fn each(&self, file: &[u8], row: usize, mut see: impl FnMut(usize, f32)) {
        match &self.stored {
            Stored::Plain(place) => {
                let bytes = &file[place.clone()][4 * row * self.cols..][..4 * self.cols];
                for (col, value) in floats(bytes).enumerate() {
                    see(col, value);
                }
            }
            Stored::Quantised {
                codes,
                parts,
                norms,
            } => {
                let norm = norm(file, norms.as_ref(), row);
                each_part(file, (codes, parts), row, |col, value| {
                    see(col, norm * value)
                });
            }
        }
    }
}

fn norm(file: &[u8], norms: Option<&(Range<usize>, Parts)>, row: usize) -> f32 {
    let Some((codes, parts)) = norms else {
        return 1.0;
    };
    let code = file[codes.clone()][row];
    floats(parts.centroid(file, 0, code)).next().unwrap_or(1.0)
}

fn each_part(
    file: &[u8],
    (codes, parts): (&Range<usize>, &Parts),
    row: usize,
    mut see: impl FnMut(usize, f32),
) {
    let codes = &file[codes.clone()][row * parts.count..][..parts.count];
    for (part, code) in codes.iter().enumerate() {
        for (i, value) in floats(parts.centroid(file, part, *code)).enumerate() {
            see(part * parts.width + i, value);
        }
    }
}
