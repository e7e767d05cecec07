//! Measuring: calibration sequences through the decoder, scores into sums.
//!
//! Activations are read to the host at each site, while the one forward pass goes on.

use super::{Importance, Ranking};
use crate::{Batch, Decoder, Place, Recompute, Shape, Tape};
use anyhow::{Result, ensure};
use std::ops::Range;
use tensor::Forward;

/// A decoder that is being measured.
pub struct Meter<'a, D: Forward> {
    decoder: &'a Decoder<D>,
    rankings: &'a [Ranking],
    importance: Importance,
    tape: Tape<D>,
}

impl<'a, D: Forward> Meter<'a, D> {
    /// Goes on from `importance`, or begins; batches may have up to `rows` rows.
    ///
    /// # Errors
    /// What was begun is of another decoder or of other rankings.
    pub fn new(
        decoder: &'a Decoder<D>,
        rankings: &'a [Ranking],
        begun: Option<Importance>,
        rows: usize,
    ) -> Result<Self> {
        let nothing = Importance::new(&decoder.shape, rankings);
        let importance = match begun {
            None => nothing,
            Some(begun) => {
                let same =
                    begun.shape == nothing.shape
                        && begun.sums.len() == nothing.sums.len()
                        && begun.sums.iter().zip(&nothing.sums).all(|(a, b)| {
                            (&a.name, &a.layers, a.size) == (&b.name, &b.layers, b.size)
                        });
                ensure!(
                    same,
                    "the measurement that was begun is of another model than the one to go on with"
                );
                begun
            }
        };
        Ok(Meter {
            tape: Tape::new(decoder, rows, Recompute::Block, false),
            decoder,
            rankings,
            importance,
        })
    }

    /// Runs a batch of calibration sequences and adds what it does; `sequences` are ranges of its rows,
    /// in order (a sequence may hold several segments of attention).
    ///
    /// # Panics
    /// When the batch does not fit the decoder or the tape.
    pub fn add(&mut self, batch: &Batch, sequences: &[Range<usize>]) {
        let decoder = self.decoder;
        let (shape, device, n) = (&decoder.shape, &*decoder.device, batch.rows());
        let mut scores: Vec<Scores> = self
            .rankings
            .iter()
            .map(|r| Scores::new(r, shape))
            .collect();
        let mut before: Vec<f32> = Vec::new();
        let importance = &mut self.importance;
        let rankings = self.rankings;
        decoder.forward_watched(batch, &mut self.tape, |site, array| {
            let watched = rankings.iter().any(|r| r.places.contains(&site.place));
            if !watched {
                return;
            }
            let mut rows = device.read(array, n * columns(site.place, shape));
            let mut layer = site.layer;
            if site.place == Place::Stream {
                let after = rows;
                rows = side_by_side(&before, &after, shape.width);
                before = after;
                if layer == 0 {
                    return;
                }
                layer -= 1;
            }
            let all = rankings.iter().zip(&mut importance.sums).zip(&mut scores);
            for ((ranking, sums), scores) in all {
                if ranking.places.contains(&site.place) {
                    let width = rows.len() / n;
                    for sequence in sequences {
                        let rows = &rows[sequence.start * width..sequence.end * width];
                        scores.sequence(ranking, shape, rows, width);
                        scores.add_to(sums.site(layer, ranking.place_in(site.place)));
                    }
                }
            }
        });
        importance.sequences += sequences.len() as u64;
        importance.tokens += sequences.iter().map(|rows| rows.len() as u64).sum::<u64>();
    }

    /// What has been measured so far.
    pub fn importance(&self) -> &Importance {
        &self.importance
    }

    /// What was measured.
    ///
    /// # Errors
    /// Activations that are no numbers, or too few tokens to rank by.
    pub fn finish(self) -> Result<Importance> {
        let importance = self.importance;
        Importance::enough(&importance.shape, importance.tokens)?;
        for sums in &importance.sums {
            ensure!(
                sums.values.iter().all(|x| x.is_finite()),
                "the {} of the model have activations that are not finite: its weights are damaged \
                 or it has diverged, and nothing can be ranked",
                sums.name.replace('_', " ")
            );
        }
        Ok(importance)
    }
}

/// Numbers in a row of a place's array.
fn columns(place: Place, shape: &Shape) -> usize {
    match place {
        Place::AttentionOutput => shape.heads().query_columns(),
        Place::GateUp => 2 * shape.ffn,
        Place::Swiglu => shape.ffn,
        Place::Stream | Place::AttentionNorm | Place::FeedForwardNorm | Place::LastNorm => {
            shape.width
        }
    }
}

fn side_by_side(before: &[f32], after: &[f32], d: usize) -> Vec<f32> {
    let rows = before.chunks_exact(d).zip(after.chunks_exact(d));
    rows.flat_map(|(before, after)| [before, after])
        .flatten()
        .copied()
        .collect()
}

impl Ranking {
    /// How many of its places in a layer come before `place`; the last norm is in none, and alone
    /// behind them.
    fn place_in(&self, place: Place) -> usize {
        let mut within = self.places.iter().filter(|&&p| p != Place::LastNorm);
        within.position(|&p| p == place).unwrap_or(0)
    }
}

impl super::Sums {
    /// The four sums of a site.
    fn site(&mut self, layer: usize, place: usize) -> &mut [f64] {
        let at = self.layers.partition_point(|&l| l < layer) + place;
        &mut self.values[at * 4 * self.size..][..4 * self.size]
    }
}

/// The scores of one sequence, over its tokens.
struct Scores {
    row: Vec<f32>,
    sum: Vec<f64>,
    squares: Vec<f64>,
    tokens: usize,
}

impl Scores {
    fn new(ranking: &Ranking, shape: &Shape) -> Self {
        let size = ranking.size(shape);
        Scores {
            row: vec![0.0; size],
            sum: vec![0.0; size],
            squares: vec![0.0; size],
            tokens: 0,
        }
    }

    fn sequence(&mut self, ranking: &Ranking, shape: &Shape, rows: &[f32], width: usize) {
        self.sum.fill(0.0);
        self.squares.fill(0.0);
        self.tokens = rows.len() / width;
        for row in rows.chunks_exact(width) {
            (ranking.score)(shape, row, &mut self.row);
            for ((sum, square), &score) in self.sum.iter_mut().zip(&mut self.squares).zip(&self.row)
            {
                let score = f64::from(score);
                *sum += score;
                *square += score * score;
            }
        }
    }

    fn add_to(&self, site: &mut [f64]) {
        let size = self.sum.len();
        let (means, roots) = site.split_at_mut(2 * size);
        let (mean, mean_squared) = means.split_at_mut(size);
        let (root, root_squared) = roots.split_at_mut(size);
        for i in 0..size {
            let m = self.sum[i] / self.tokens as f64;
            mean[i] += m;
            mean_squared[i] += m * m;
            root[i] += self.squares[i].sqrt();
            root_squared[i] += self.squares[i];
        }
    }
}
