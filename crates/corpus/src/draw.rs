//! Numbers that look random and depend on nothing but a seed and a name.
//!
//! A counter-based generator (SplitMix64): the n-th number is a function of the seed and n, so
//! that no order of threads and no machine can change a draw.

/// A stream of numbers.
pub(crate) struct Draw {
    state: u64,
}

impl Draw {
    /// The stream of this seed and name; another name gives an unrelated stream.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        Self {
            state: first_eight(&hasher.finalize()),
        }
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`. The bias is at most bound / 2^64: nothing, for lists that fit in memory.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Shuffles in place (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// A number that is a function of a text alone.
pub(crate) fn hash(purpose: &str, text: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(purpose.as_bytes());
    hasher.update(&[0]);
    hasher.update(text.as_bytes());
    first_eight(&hasher.finalize())
}

fn first_eight(hash: &blake3::Hash) -> u64 {
    let bytes: [u8; 8] = hash.as_bytes()[..8]
        .try_into()
        .expect("a hash has 32 bytes");
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_all_and_depends_on_seed_and_name() {
        let shuffled = |seed, name| {
            let mut items: Vec<u32> = (0..1000).collect();
            Draw::new(seed, name).shuffle(&mut items);
            items
        };
        let first = shuffled(7, "ko");
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<u32>>());
        assert_eq!(first, shuffled(7, "ko"));
        assert_ne!(first, shuffled(8, "ko"));
        assert_ne!(first, shuffled(7, "en"));
    }

    #[test]
    fn every_place_is_as_likely_as_another() {
        let mut counts = [0u32; 4];
        for seed in 0..4000 {
            let mut items = [0, 1, 2, 3];
            Draw::new(seed, "").shuffle(&mut items);
            counts[items.iter().position(|item| *item == 0).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
