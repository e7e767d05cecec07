//! One vector for a text at every layer: what the decoder makes of it, pooled over its tokens.
//!
//! Read while the one forward pass goes on ([`Decoder::forward_watched`]): the residual stream after
//! the embedding and after every block, and the output of the last norm. A mean is taken in f64.
//! Rows at the beginning of a text can be left out of it: what begins every text is the same row
//! everywhere and often by far the longest (an attention sink, Xiao 2024), and would say how long a
//! text is. With other texts beside it, a text's vectors may differ in their last bits.

use crate::{Batch, Decoder, Place, Recompute, Site, Tape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tensor::Forward;

/// How a text's rows become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Their mean.
    #[default]
    Mean,
    /// The last of them, which has seen all the others.
    Last,
}

/// A decoder whose states are looked at.
pub struct Pooler<'a, D: Forward> {
    decoder: &'a Decoder<D>,
    tape: Tape<D>,
}

impl<'a, D: Forward> Pooler<'a, D> {
    /// Batches may have up to `rows` rows.
    pub fn new(decoder: &'a Decoder<D>, rows: usize) -> Self {
        Pooler {
            tape: Tape::new(decoder, rows, Recompute::Block, false),
            decoder,
        }
    }

    /// Runs a batch and shows `see` the pooled states of its segments, `[segments, d]`, place after
    /// place of those that are `wanted`: [`Place::Stream`] for every number of blocks passed, then
    /// [`Place::LastNorm`]. The first `without` rows of every segment are left out of a mean.
    ///
    /// # Panics
    /// When the batch does not fit the decoder or the tape, or nothing is left of a segment.
    pub fn add(
        &mut self,
        batch: &Batch,
        pool: Pool,
        without: usize,
        wanted: impl Fn(Site) -> bool,
        mut see: impl FnMut(Site, Vec<f32>),
    ) {
        let (device, d) = (&*self.decoder.device, self.decoder.shape.width);
        let segments: Vec<[usize; 2]> = batch
            .starts
            .windows(2)
            .map(|bounds| [bounds[0] as usize, bounds[1] as usize])
            .collect();
        for [start, end] in &segments {
            let rows = end - start;
            assert!(
                rows > without,
                "nothing is left of {rows} rows without {without}"
            );
        }
        self.decoder
            .forward_watched(batch, &mut self.tape, |site, array| {
                if !matches!(site.place, Place::Stream | Place::LastNorm) || !wanted(site) {
                    return;
                }
                let rows = device.read(array, batch.rows() * d);
                let pooled = segments.iter().flat_map(|&[start, end]| match pool {
                    Pool::Mean => mean(&rows[(start + without) * d..end * d], d),
                    Pool::Last => rows[(end - 1) * d..end * d].to_vec(),
                });
                see(site, pooled.collect());
            });
    }
}

fn mean(rows: &[f32], d: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; d];
    for row in rows.chunks_exact(d) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    let n = (rows.len() / d) as f64;
    sums.into_iter().map(|sum| (sum / n) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{batch, decoder, shape};
    use crate::{Batch, Use};
    use tensor::{Precision, Reference};

    fn pooled(batch: &Batch, pool: Pool, without: usize) -> Vec<(Site, Vec<f32>)> {
        let decoder = decoder(shape(true), Reference::new(Precision::F32), Use::Infer);
        let mut pooler = Pooler::new(&decoder, 20);
        let mut seen = vec![];
        pooler.add(
            batch,
            pool,
            without,
            |_| true,
            |site, rows| seen.push((site, rows)),
        );
        seen
    }

    /// The stream under the block, after each of the two, and the last norm; as a tape keeps them.
    #[test]
    fn states_are_those_of_the_forward_pass() {
        let decoder = decoder(shape(true), Reference::new(Precision::F32), Use::Infer);
        let mut tape = Tape::new(&decoder, 13, Recompute::None, true);
        decoder.forward(&batch(), &mut tape);
        let mut whole: Vec<Vec<f32>> = (0..=2)
            .map(|blocks| decoder.device.read(tape.state(blocks), 130))
            .collect();
        whole.push(decoder.device.read(&tape.hidden_nd, 130));

        let means = pooled(&batch(), Pool::Mean, 0);
        let lasts = pooled(&batch(), Pool::Last, 0);
        let places: Vec<_> = means.iter().map(|(s, _)| (s.place, s.layer)).collect();
        let stream = |layer| (Place::Stream, layer);
        assert_eq!(
            places,
            [stream(0), stream(1), stream(2), (Place::LastNorm, 2)]
        );
        for (at, rows) in whole.iter().enumerate() {
            for (segment, [start, end]) in [[0, 7], [7, 8], [8, 13]].into_iter().enumerate() {
                for column in 0..10 {
                    let value = |row: usize| rows[row * 10 + column];
                    let mean = (start..end).map(value).sum::<f32>() / (end - start) as f32;
                    let place = segment * 10 + column;
                    assert!((means[at].1[place] - mean).abs() < 1e-5);
                    assert_eq!(lasts[at].1[place], value(end - 1));
                }
            }
        }
    }

    #[test]
    fn what_begins_a_text_can_be_left_out() {
        let two = Batch::segments([&[3, 1, 4][..], &[3, 5, 9, 2]]);
        let without = pooled(&two, Pool::Mean, 1);
        // The embeddings' mean without the first is that of the others, whatever begins the text.
        let other = pooled(
            &Batch::segments([&[8, 1, 4][..], &[8, 5, 9, 2]]),
            Pool::Mean,
            1,
        );
        assert_eq!(without[0].1, other[0].1);
        assert_ne!(without[1].1, other[1].1, "later layers have seen it");
        assert_ne!(without[0].1, pooled(&two, Pool::Mean, 0)[0].1);
    }

    #[test]
    #[should_panic(expected = "nothing is left")]
    fn a_text_of_nothing_but_its_beginning_is_refused() {
        pooled(&batch(), Pool::Mean, 1);
    }
}
