//! Keys and values of many sequences in pages, and a step of the decoder for rows of all of them.
//!
//! A step takes stretches: new rows of one sequence each, a chunk of a prompt or a single token.
//! What the decoder gives for a row depends on the row's sequence alone, bit for bit, where products
//! do not depend on the number of rows (weights for inference). Who holds which page, and what may
//! be forgotten, is the generation engine's business.

use crate::decoder::{Attend, Rows};
use crate::{Decoder, Recompute, Tape};
use tensor::{Forward, Pages, Stretch};

/// The keys and values of all layers, and scratch for the largest step.
pub struct PagedCache<D: Forward> {
    layers: Vec<Pages<D::Array>>,
    tape: Tape<D>,
    positions: Vec<u32>,
}

impl<D: Forward> PagedCache<D> {
    /// Room for `pages` pages, and for steps of up to `rows` rows.
    pub fn new(decoder: &Decoder<D>, pages: usize, rows: usize) -> Self {
        let heads = decoder.shape.heads();
        let layers = (0..decoder.shape.layers).map(|_| decoder.device.pages(heads, pages));
        PagedCache {
            layers: layers.collect(),
            tape: Tape::new(decoder, rows, Recompute::Block, false),
            positions: Vec::with_capacity(rows),
        }
    }

    /// Bytes of one page in all layers.
    pub fn page_bytes(decoder: &Decoder<D>) -> usize {
        decoder.shape.layers * decoder.device.page_bytes(decoder.shape.heads())
    }

    /// The most rows of a step.
    pub fn rows(&self) -> usize {
        self.tape.rows()
    }
}

impl<D: Forward> Decoder<D> {
    /// Adds rows to sequences, one stretch after the other; gives the decoder's output (after the
    /// last norm, compute precision) for each, `[ids.len(), d]`.
    ///
    /// # Panics
    /// When the stretches are not as many rows as there are ids, or more than the cache was made for;
    /// on ids outside the vocabulary, positions outside the context, and pages that do not exist or
    /// would be written twice. All are bugs in the caller.
    pub fn step<'c>(
        &self,
        ids: &[u32],
        stretches: &[Stretch<'_>],
        cache: &'c mut PagedCache<D>,
    ) -> &'c D::Array {
        let PagedCache {
            layers,
            tape,
            positions,
        } = cache;
        let n = ids.len();
        assert!(
            n <= tape.rows(),
            "a step of {n} rows in a cache for {}",
            tape.rows()
        );
        positions.clear();
        for stretch in stretches {
            let end = stretch.past + stretch.rows;
            assert!(
                end <= self.shape.context,
                "position {end} of a context of {}",
                self.shape.context
            );
            positions.extend(stretch.past as u32..end as u32);
        }
        assert_eq!(positions.len(), n, "rows of stretches, and ids");
        let rows = Rows {
            ids,
            positions,
            rotation: &self.rotation,
        };
        let mut layers = layers.iter_mut();
        let attend = |_| {
            let pages = layers.next().expect("a cache has every layer");
            Attend::Paged(stretches, pages)
        };
        self.run(&rows, tape, attend, |_, _| {});
        &tape.hidden_nd
    }
}

#[cfg(test)]
mod tests {
    use crate::example::{decoder, shape};
    use crate::{Batch, PagedCache, Recompute, Tape, Use};
    use tensor::{Cpu, CpuOptions, Forward, Kernels, Precision, Reference, Stretch};

    /// Steps of several sequences give what a pass over each gives, up to `tolerance`.
    fn check<D: Forward>(device: D, tolerance: f32) {
        let decoder = decoder(shape(true), device, Use::Infer);
        let width = decoder.shape.width;
        let text = |seed: u32, n: u32| (0..n).map(move |i| (i * 7 + seed * 5) % 23);
        let texts: [Vec<u32>; 2] = [text(1, 31).collect(), text(2, 9).collect()];
        let mut wanted = vec![];
        for text in &texts {
            let mut tape = Tape::new(&decoder, text.len(), Recompute::Block, false);
            decoder.forward(&Batch::segments([text]), &mut tape);
            wanted.push(decoder.device.read(&tape.hidden_nd, text.len() * width));
        }
        let mut cache = PagedCache::new(&decoder, 3, 40);
        let mut found = [vec![], vec![]];
        // (of the first, of the second) in each step.
        for (a, b) in [(5, 1), (0, 6), (25, 1), (1, 1)] {
            let past = [found[0].len() / width, found[1].len() / width];
            let ids: Vec<u32> = [(0, a), (1, b)]
                .iter()
                .flat_map(|&(i, n): &(usize, usize)| texts[i][past[i]..past[i] + n].to_vec())
                .collect();
            let stretches = [
                Stretch {
                    rows: a,
                    past: past[0],
                    pages: &[2],
                },
                Stretch {
                    rows: b,
                    past: past[1],
                    pages: &[0],
                },
            ];
            let hidden = decoder.step(&ids, &stretches, &mut cache);
            let rows = decoder.device.read(hidden, ids.len() * width);
            found[0].extend_from_slice(&rows[..a * width]);
            found[1].extend_from_slice(&rows[a * width..]);
        }
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found.len(), wanted.len());
            for (a, b) in found.iter().zip(wanted) {
                assert!((a - b).abs() <= tolerance, "{a} against {b}");
            }
        }
    }

    #[test]
    fn steps_are_passes() {
        check(Reference::new(Precision::F32), 1e-5);
        for kernels in Kernels::available() {
            for (precision, tolerance) in [(Precision::F32, 1e-4), (Precision::Bf16, 0.1)] {
                let options = CpuOptions {
                    precision,
                    kernels: Some(kernels),
                    ..CpuOptions::default()
                };
                check(Cpu::new(options), tolerance);
            }
        }
    }
}
