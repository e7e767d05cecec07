//! Working memory that is kept: taken piece by piece, given back all at once.
//!
//! The first step of a training run grows it; every later step allocates nothing.

use std::cell::{Cell, UnsafeCell};

use super::array::{Buffer, Number};

/// Hands out slices of one piece of memory until [`reset`](Arena::reset).
pub(crate) struct Arena {
    /// The last block is the one in use; there are several only while growing.
    blocks: UnsafeCell<Vec<Buffer<u32>>>,
    /// Words taken from the last block.
    used: Cell<usize>,
    /// Words taken from all blocks, now and at most.
    live: Cell<usize>,
    peak: Cell<usize>,
}

/// Every piece starts at a cache line.
const LINE: usize = 16;

impl Arena {
    pub(crate) fn new() -> Self {
        Arena {
            blocks: UnsafeCell::new(vec![Buffer::zeros(0)]),
            used: Cell::new(0),
            live: Cell::new(0),
            peak: Cell::new(0),
        }
    }

    /// Forgets all pieces. What needed several blocks gets one that is large enough.
    pub(crate) fn reset(&mut self) {
        let blocks = self.blocks.get_mut();
        if blocks.len() > 1 {
            blocks.clear();
            blocks.push(Buffer::zeros(self.peak.get()));
        }
        self.used.set(0);
        self.live.set(0);
        self.peak.set(0);
    }

    /// Does a part of the work and forgets the pieces it took.
    /// # Safety
    /// No piece that was taken inside may be used afterwards.
    pub(crate) unsafe fn nested(&self, work: impl FnOnce()) {
        let blocks = || {
            // SAFETY: read and forgotten, never across a call that changes it.
            unsafe { (*self.blocks.get()).len() }
        };
        let (used, live, before) = (self.used.get(), self.live.get(), blocks());
        work();
        // A block that was added meanwhile holds only pieces of the part.
        self.used.set(if blocks() == before { used } else { 0 });
        self.live.set(live);
    }

    /// `len` numbers of unknown value.
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn take<T: Number>(&self, len: usize) -> &mut [T] {
        let words = (len * size_of::<T>()).div_ceil(4).next_multiple_of(LINE);
        // SAFETY: the vector is only reached through here and `reset`, never across calls; blocks
        // do not move when the vector grows, since they own their memory elsewhere.
        let blocks = unsafe { &mut *self.blocks.get() };
        let room = blocks.last().map_or(0, |last| last.len());
        if self.used.get() + words > room {
            blocks.push(Buffer::zeros(words.max(2 * room)));
            self.used.set(0);
        }
        let last = blocks.last_mut().expect("an arena has a block");
        let at = self.used.get();
        self.used.set(at + words);
        self.live.set(self.live.get() + words);
        self.peak.set(self.peak.get().max(self.live.get()));
        // SAFETY: `words` words from `at` on are inside the block (checked above) and are handed
        // out once between two resets, which need `&mut self`, or in a nested part that is over; every bit pattern is a number; the
        // alignment is that of a cache line.
        unsafe {
            let start = last.as_mut_ptr().add(at).cast::<T>();
            std::slice::from_raw_parts_mut(start, len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_disjoint_aligned_and_kept() {
        let mut arena = Arena::new();
        for round in 0..3 {
            arena.reset();
            let a = arena.take::<f32>(5);
            let b = arena.take::<u32>(1000);
            let c = arena.take::<f32>(17);
            a.fill(1.0);
            b.fill(2);
            c.fill(3.0);
            assert!(a.iter().all(|&x| x == 1.0) && c.iter().all(|&x| x == 3.0));
            assert_eq!(b.as_ptr() as usize % 64, 0);
            // SAFETY: nobody else looks at the arena's list of blocks meanwhile.
            let blocks = unsafe { (*arena.blocks.get()).len() };
            assert!(round == 0 || blocks == 1, "grown once, then one block");
        }
    }
}
