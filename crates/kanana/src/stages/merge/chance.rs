//! DARE's masks, from a seed: whether a number is kept is a hash of where it stands.
//!
//! Number i of a tensor is kept where the upper 53 bits of a hash of (seed, tensor, model, i), taken
//! as a fraction, lie below the density. So neither threads nor parts nor other tensors matter.

use model::merge::{Masks, Place};

pub(super) struct Chance {
    seed: u64,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Chance { seed }
    }
}

impl Masks for Chance {
    fn fill(&self, place: Place<'_>, density: f64, keep: &mut [bool]) {
        let key = mix(mix(mix(self.seed) ^ fnv(place.tensor)) ^ fnv(place.model));
        for (index, keep) in (place.start as u64..).zip(keep) {
            let hash = mix(key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            *keep = (((hash >> 11) as f64) / (1u64 << 53) as f64) < density;
        }
    }
}

/// FNV-1a.
fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The finaliser of SplitMix64 (Steele 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(seed: u64, tensor: &str, model: &str, start: usize, count: usize) -> Vec<bool> {
        let mut keep = vec![false; count];
        let place = Place {
            tensor,
            model,
            start,
        };
        Chance::new(seed).fill(place, 0.3, &mut keep);
        keep
    }

    #[test]
    fn a_mask_keeps_its_share_and_depends_on_its_place_alone() {
        let whole = mask(7, "norm", "a", 0, 100_000);
        let share = whole.iter().filter(|keep| **keep).count() as f64 / 1e5;
        // five standard deviations
        assert!(
            (share - 0.3).abs() < 5.0 * (0.3 * 0.7 / 1e5f64).sqrt(),
            "{share}"
        );
        assert_eq!(mask(7, "norm", "a", 500, 1000), whole[500..1500]);
        for other in [
            mask(8, "norm", "a", 0, 1000),
            mask(7, "head", "a", 0, 1000),
            mask(7, "norm", "b", 0, 1000),
        ] {
            let same = whole.iter().zip(&other).filter(|(a, b)| a == b).count();
            // independent masks agree in 0.3² + 0.7²
            assert!((500..660).contains(&same), "{same} of 1000 agree");
        }
    }
}
