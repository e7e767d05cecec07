//! Random numbers that depend on nothing but a seed, the name of a stream and a count.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014) over a counter: the n-th number of a stream is a
//! hash of `(seed, name, n)`, so that a change in one part of the world moves no other part.
//! Integers only, because the last bit of a logarithm differs from machine to machine.

/// One named stream of random numbers.
pub(crate) struct Random {
    key: u64,
    count: u64,
}

impl Random {
    pub(crate) fn new(seed: u64, stream: &str) -> Random {
        // FNV-1a over the name, then mixed with the seed.
        let name = stream
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Random {
            key: mix(seed ^ mix(name)),
            count: 0,
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        mix(self
            .key
            .wrapping_add(self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// An integer in `0..bound`; `bound` must not be 0. The bias of the multiplication is
    /// below `bound / 2^64`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        assert!(
            bound > 0,
            "a random choice needs at least one thing to choose from"
        );
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// An integer from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True in the given share of cases.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        // 53 bits fit a double exactly, so that the comparison is the same everywhere.
        ((self.next() >> 11) as f64) < share * (1_u64 << 53) as f64
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Fisher–Yates.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// An index drawn in proportion to its weight, or none where all weights are 0.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> Option<usize> {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        if total == 0 {
            return None;
        }
        let mut rest = self.below(total as usize) as u64;
        weights.iter().position(|&weight| {
            let here = rest < u64::from(weight);
            rest = rest.wrapping_sub(u64::from(weight));
            here
        })
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn streams_are_fixed_and_apart() {
        let draw = |seed, name| {
            let mut random = Random::new(seed, name);
            (0..4).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "이름"), draw(1, "이름"));
        assert_ne!(draw(1, "이름"), draw(2, "이름"));
        assert_ne!(draw(1, "이름"), draw(1, "names"));
    }

    #[test]
    fn draws_are_even() {
        let mut random = Random::new(3, "even");
        let mut seen = [0_u32; 5];
        for _ in 0..10_000 {
            seen[random.below(5)] += 1;
        }
        assert!(
            seen.iter().all(|&n| (1_850..2_150).contains(&n)),
            "{seen:?}"
        );
        let heads = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2_350..2_650).contains(&heads), "{heads}");
        let heavy = (0..10_000)
            .filter(|_| random.weighted(&[1, 0, 3]) == Some(2))
            .count();
        assert!((7_300..7_700).contains(&heavy), "{heavy}");
        assert_eq!(random.weighted(&[0, 0]), None);
    }
}
