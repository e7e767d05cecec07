//! Which layers a deeper decoder is made of.
//!
//! Depth up-scaling, the report's section 4 by SOLAR (Kim 2023): of two copies of n layers the last m
//! of the first and the first m of the second are dropped, so that s = 2(n − m) remain; 32 → 40 is
//! m = 12, layers 0–19 and then 12–31. Interleaved copies follow their own source (LLaMA-Pro, Wu 2024);
//! silent ones compute the very function of the source. The report does not say which it took.
//! Weights are not touched here: the list goes along `Layer` into [`gather`](crate::gather).

use crate::gather::{Choice, Gather, Selection};
use crate::{Axis, Shape};
use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A named way to choose layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Two overlapping copies end to end.
    Solar,
    /// Copies right after their sources, spread evenly.
    Interleaved,
    /// Interleaved, and the copies' output projections are zero: the function stays what it was.
    Preserving,
}

impl Plan {
    /// The source layers of a decoder of `to` layers, from one of `from`.
    ///
    /// # Errors
    /// No such depth can be made; the sentence says which can.
    pub fn layers(self, from: usize, to: usize) -> Result<Vec<usize>> {
        ensure!(
            to > from,
            "up-scaling makes a decoder deeper: {to} layers were wanted of {from}; ask for more than \
             {from}, or cut it with `prune`"
        );
        ensure!(
            to <= Shape::MOST_LAYERS,
            "a decoder of {to} layers was wanted; ask for at most {}",
            Shape::MOST_LAYERS
        );
        Ok(match self {
            Plan::Solar => {
                ensure!(
                    to <= 2 * from,
                    "two overlapping copies of {from} layers make at most {}; {to} were wanted: \
                     ask for fewer, up-scale twice, or give the list of layers",
                    2 * from
                );
                // An odd one goes to the first copy.
                let (first, second) = (to.div_ceil(2), to / 2);
                (0..first).chain(from - second..from).collect()
            }
            // Counted from the end, so that the last of each group is the one repeated.
            Plan::Interleaved | Plan::Preserving => (0..to)
                .map(|l| from - 1 - (to - 1 - l) * from / to)
                .collect(),
        })
    }

    /// SOLAR's own terms: `drop` layers less in each of two copies of `from`.
    ///
    /// # Errors
    /// Nothing would be added.
    pub fn solar_dropping(from: usize, drop: usize) -> Result<Vec<usize>> {
        ensure!(
            drop < from.div_ceil(2),
            "dropping {drop} of {from} layers from each of two copies makes nothing deeper; drop \
             fewer than {}",
            from.div_ceil(2)
        );
        Plan::Solar.layers(from, 2 * (from - drop))
    }

    /// Whether the copies begin silent.
    pub fn silences_copies(self) -> bool {
        self == Plan::Preserving
    }
}

/// The surgery that makes a decoder of these layers of the source; with `silent`, every layer that
/// was there before in the list adds nothing to the residual stream.
///
/// # Errors
/// A layer that the source does not have, or none at all.
pub fn gather(from: &Shape, layers: &[usize], silent: bool) -> Result<Gather> {
    ensure!(
        !layers.is_empty(),
        "a decoder needs at least one layer; the list of layers is empty"
    );
    if let Some(layer) = layers.iter().find(|&&layer| layer >= from.layers) {
        anyhow::bail!(
            "layer {layer} is in the list, but the model has layers 0 to {}",
            from.layers - 1
        );
    }
    let selection = Selection::everything().with(Axis::Layer, Choice::global(layers));
    let gather = Gather::new(from, selection)?;
    let copies = copies(layers);
    gather.silent(copies.into_iter().filter(|_| silent))
}

/// The places of a list whose layer has been there before.
pub fn copies(layers: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    (0..layers.len())
        .filter(|&at| !seen.insert(layers[at]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Plan, copies, gather};
    use crate::Shape;

    fn ranges(ranges: &[std::ops::Range<usize>]) -> Vec<usize> {
        ranges.iter().cloned().flatten().collect()
    }

    #[test]
    fn solar_is_two_overlapping_copies() {
        let solar = |from, to| Plan::Solar.layers(from, to).unwrap();
        assert_eq!(solar(32, 48), ranges(&[0..24, 8..32])); // SOLAR 10.7B
        assert_eq!(solar(32, 40), ranges(&[0..20, 12..32])); // 8B to 9.8B
        assert_eq!(solar(32, 40), Plan::solar_dropping(32, 12).unwrap());
        assert_eq!(solar(32, 64), ranges(&[0..32, 0..32]));
        assert_eq!(solar(5, 8), ranges(&[0..4, 1..5]));
        assert_eq!(solar(4, 5), ranges(&[0..3, 2..4]));
    }

    #[test]
    fn interleaved_copies_follow_their_sources() {
        for plan in [Plan::Interleaved, Plan::Preserving] {
            assert_eq!(plan.layers(4, 6).unwrap(), [0, 1, 1, 2, 3, 3]);
            assert_eq!(plan.layers(2, 6).unwrap(), [0, 0, 0, 1, 1, 1]);
            for (from, to) in [(32, 40), (7, 9), (3, 11), (32, 33)] {
                let layers = plan.layers(from, to).unwrap();
                assert_eq!(layers.len(), to);
                assert!(layers.is_sorted());
                assert!((0..from).all(|layer| layers.contains(&layer)));
            }
        }
        let doubled = copies(&Plan::Interleaved.layers(32, 40).unwrap());
        assert_eq!(doubled, [4, 9, 14, 19, 24, 29, 34, 39]);
    }

    #[test]
    fn what_cannot_be_is_a_sentence() {
        let eight = Shape::named("8b").unwrap();
        for (error, words) in [
            (Plan::Solar.layers(32, 32).err(), "more than 32"),
            (Plan::Solar.layers(32, 65).err(), "at most 64"),
            (Plan::solar_dropping(32, 16).err(), "fewer than 16"),
            (Plan::solar_dropping(32, usize::MAX).err(), "fewer than 16"),
            (Plan::Interleaved.layers(32, 1 << 60).err(), "at most 10000"),
            (gather(&eight, &[0; 10_001], false).err(), "at most 10000"),
            (gather(&eight, &[0, 32], false).err(), "layers 0 to 31"),
            (gather(&eight, &[], false).err(), "at least one layer"),
        ] {
            let error = error.expect("an error").to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_8b_becomes_the_essence() {
        let layers = Plan::Solar.layers(32, 40).unwrap();
        let gather = gather(&Shape::named("8b").unwrap(), &layers, false).unwrap();
        assert_eq!(*gather.shape(), Shape::named("9.8b").unwrap());
    }
}
