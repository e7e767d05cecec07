//! Keys and values of many sequences at a time: memory in pages, and who reads which.
//!
//! After vLLM (Kwon et al. 2023): a sequence's keys and values lie in pages of equal size that need
//! not be neighbours, so memory is never reserved for text that may not come, and sequences that
//! begin alike read the same pages. Who holds which page is not known here.

/// Pages of one layer. A sequence has a list of page numbers; position p of it is place
/// `p % POSITIONS` of page `list[p / POSITIONS]`.
pub struct Pages<A> {
    /// Keys after rotation, in the order that the device reads them in.
    pub keys: A,
    /// Values, likewise.
    pub values: A,
    /// How many pages.
    pub count: usize,
}

/// Positions of a page: whole tiles on every device.
pub const POSITIONS: usize = 32;

/// New rows of one sequence among the rows of a step; those of the next sequence follow.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// How many rows.
    pub rows: usize,
    /// Positions of the sequence before the first of them. All must have been written, by an earlier
    /// step or by another stretch of this one.
    pub past: usize,
    /// The sequence's pages, with room for `past + rows` positions. A place is written by one
    /// stretch of a step at most; pages that are only read may be in several lists.
    pub pages: &'a [u32],
}

impl Stretch<'_> {
    /// Page and place of a position.
    pub(crate) fn place(&self, position: usize) -> (usize, usize) {
        let page = self.pages[position / POSITIONS] as usize;
        (page, position % POSITIONS)
    }

    /// Panics, with what is wrong, if the lists cannot be those of `count` pages: a bug in the caller.
    pub(crate) fn check(&self, count: usize) {
        let (end, room) = (self.past + self.rows, self.pages.len() * POSITIONS);
        assert!(
            end <= room,
            "{end} positions do not fit {} pages of {POSITIONS}",
            self.pages.len()
        );
        let missing = self.pages.iter().find(|page| **page as usize >= count);
        assert!(
            missing.is_none(),
            "page {missing:?} was listed, and there are {count}"
        );
    }
}
