//! What Python does on which lm-evaluation-harness' prompts depend: drawing examples, and stripping.
//!
//! `random.Random(seed)` is MT19937 (Matsumoto and Nishimura 1998), seeded by `init_by_array` with the
//! seed's 32-bit words; `sample` is CPython's: a partial shuffle of a small population, rejection in a
//! large one. Only what is needed of each is here: whole numbers below 2³².

const LENGTH: usize = 624;
const SHIFT: usize = 397;

/// `random.Random`.
pub(crate) struct Random {
    state: [u32; LENGTH],
    next: usize,
}

impl Random {
    /// `random.Random(seed)`.
    pub(crate) fn new(seed: u64) -> Random {
        let mut key = vec![seed as u32];
        if seed >> 32 != 0 {
            key.push((seed >> 32) as u32);
        }
        let mut state = [0; LENGTH];
        state[0] = 19_650_218u32;
        for at in 1..LENGTH {
            state[at] = scrambled(state[at - 1])
                .wrapping_mul(1_812_433_253)
                .wrapping_add(at as u32);
        }
        let (mut at, mut word) = (1, 0);
        for _ in 0..LENGTH.max(key.len()) {
            state[at] = (state[at] ^ scrambled(state[at - 1]).wrapping_mul(1_664_525))
                .wrapping_add(key[word])
                .wrapping_add(word as u32);
            word = (word + 1) % key.len();
            at = stepped(&mut state, at);
        }
        for _ in 0..LENGTH - 1 {
            state[at] = (state[at] ^ scrambled(state[at - 1]).wrapping_mul(1_566_083_941))
                .wrapping_sub(at as u32);
            at = stepped(&mut state, at);
        }
        state[0] = 1 << 31;
        Random {
            state,
            next: LENGTH,
        }
    }

    /// `sample(range(population), count)`.
    ///
    /// # Panics
    /// If the population is smaller than the sample.
    pub(crate) fn sample(&mut self, population: usize, count: usize) -> Vec<usize> {
        assert!(count <= population, "the sample exceeds the population");
        let mut small = 21;
        if count > 5 {
            small += 4usize.pow(((count * 3) as f64).log(4.0).ceil() as u32);
        }
        if population <= small {
            let mut pool: Vec<usize> = (0..population).collect();
            (0..count)
                .map(|drawn| {
                    let last = population - drawn - 1;
                    let at = self.below(last + 1);
                    let chosen = pool[at];
                    pool[at] = pool[last];
                    chosen
                })
                .collect()
        } else {
            let mut chosen = Vec::with_capacity(count);
            while chosen.len() < count {
                let at = self.below(population);
                if !chosen.contains(&at) {
                    chosen.push(at);
                }
            }
            chosen
        }
    }

    /// `_randbelow(limit)`.
    fn below(&mut self, limit: usize) -> usize {
        let bits = usize::BITS - limit.leading_zeros();
        loop {
            let drawn = (self.word() >> (32 - bits)) as usize;
            if drawn < limit {
                return drawn;
            }
        }
    }

    /// The next 32 bits.
    fn word(&mut self) -> u32 {
        if self.next == LENGTH {
            for at in 0..LENGTH {
                let joined =
                    (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % LENGTH] & 0x7fff_ffff);
                let mixed = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + SHIFT) % LENGTH] ^ (joined >> 1) ^ mixed;
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }
}

fn scrambled(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The place after `at`, going round; the first word is what the last one was.
fn stepped(state: &mut [u32; LENGTH], at: usize) -> usize {
    if at + 1 < LENGTH {
        return at + 1;
    }
    state[0] = state[LENGTH - 1];
    1
}

/// `str.strip()`: Unicode's white space, and the four separators that Python counts with it.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(|letter: char| {
        letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_cpythons() {
        // random.Random(1234): getrandbits(32) three times
        let mut random = Random::new(1234);
        let words: Vec<u32> = (0..3).map(|_| random.word()).collect();
        assert_eq!(words, [4150886329, 3342196574, 1892932127]);
        let mut random = Random::new(1234);
        assert_eq!(random.sample(5, 5), [3, 0, 4, 2, 1]);
        assert_eq!(random.sample(7473, 5), [5501, 5677, 687, 806, 6279]);
        assert_eq!(random.sample(30, 8), [11, 7, 0, 27, 25, 26, 29, 20]);
        let mut random = Random::new(5_000_000_000);
        assert_eq!(random.sample(100, 3), [11, 77, 1]);
        for _ in 0..1000 {
            random.word();
        }
        assert_eq!(random.sample(21, 5), [1, 5, 18, 11, 4]);
    }

    #[test]
    fn what_is_stripped() {
        assert_eq!(strip("\u{3000}\u{1f} 물음 \n\u{a0}"), "물음");
        assert_eq!(strip("\u{feff}물음"), "\u{feff}물음");
    }
}
