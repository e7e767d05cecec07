//! A table of hashes that is emptied and filled again for each text, and never allocates in between.

/// Counts of 64-bit hashes, and the place where each was met first.
#[derive(Default)]
pub(crate) struct Tally {
    slots: Vec<Slot>,
    mask: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    count: u32,
    first: u32,
}

impl Tally {
    /// Empties the table, with room for so many different hashes.
    pub(crate) fn clear(&mut self, most: usize) {
        let size = (most * 2).next_power_of_two().max(16);
        if self.slots.len() < size {
            self.slots.resize(size, Slot::default());
        }
        // Only what this text can reach is emptied: a long text before costs a short one nothing.
        self.slots[..size].fill(Slot::default());
        self.mask = size - 1;
    }

    /// Counts a hash; how often it has been met, this time included, and where first.
    pub(crate) fn add(&mut self, hash: u64, place: usize) -> (u32, usize) {
        let mut at = (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & self.mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.count == 0 {
                *slot = Slot {
                    hash,
                    count: 1,
                    first: place as u32,
                };
                return (1, place);
            }
            if slot.hash == hash {
                slot.count = slot.count.saturating_add(1);
                return (slot.count, slot.first as usize);
            }
            at = (at + 1) & self.mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_counted_and_forgotten() {
        let mut tally = Tally::default();
        for most in [1000, 3] {
            tally.clear(most);
            for place in 0..most {
                assert_eq!(tally.add(place as u64, place), (1, place));
            }
            assert_eq!(tally.add(2, 9), (2, 2));
        }
    }
}
