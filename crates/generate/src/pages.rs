//! Who holds which page of the key–value cache, and which pages hold a beginning that others share.
//!
//! A page that is full is known by its tokens and by what came before them: a chain, compared token
//! by token and never by a hash alone, so that no two texts can be mixed up. A sequence that begins
//! like one that was here reads the same pages. A page that nobody holds is kept as long as there is
//! room; the one unused for longest goes first, and of a text its end before its beginning.

use std::collections::{BTreeMap, HashMap};
use tensor::POSITIONS;

/// A beginning of texts that fills pages exactly; equal if and only if the tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Beginning(u64);

impl Beginning {
    /// Of every text.
    pub(crate) const EMPTY: Beginning = Beginning(0);
}

/// The tokens of a page after a beginning.
type Key = (Beginning, [u32; POSITIONS]);

#[derive(Default)]
struct Page {
    holders: u32,
    /// What it is known by.
    known: Option<(Key, Beginning)>,
    /// When it was last let go.
    since: u64,
}

/// The pages and their holders.
pub(crate) struct Book {
    pages: Vec<Page>,
    /// Pages with nothing worth keeping.
    free: Vec<u32>,
    /// Pages that nobody holds and that are known, by when they were let go.
    unused: BTreeMap<u64, u32>,
    known: HashMap<Key, u32>,
    clock: u64,
    beginnings: u64,
}

impl Book {
    pub(crate) fn new(pages: usize) -> Self {
        Book {
            pages: (0..pages).map(|_| Page::default()).collect(),
            free: (0..pages as u32).rev().collect(),
            unused: BTreeMap::new(),
            known: HashMap::new(),
            clock: 0,
            beginnings: 0,
        }
    }

    /// How many pages there are.
    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Pages that could be had now.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.unused.len()
    }

    /// A page to write to, held once; `None` when all are held.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let page = self.free.pop().or_else(|| {
            let (_, page) = self.unused.pop_first()?;
            let known = self.pages[page as usize].known.take();
            self.known
                .remove(&known.expect("an unused page is known").0);
            Some(page)
        })?;
        self.pages[page as usize].holders = 1;
        Some(page)
    }

    /// The page that holds these tokens after a beginning, and the beginning that it completes.
    pub(crate) fn find(&self, beginning: Beginning, tokens: &[u32]) -> Option<(u32, Beginning)> {
        let key = (beginning, tokens.try_into().ok()?);
        let page = *self.known.get(&key)?;
        let (_, completed) = self.pages[page as usize].known?;
        Some((page, completed))
    }

    /// Whether somebody holds a page.
    pub(crate) fn is_held(&self, page: u32) -> bool {
        self.pages[page as usize].holders > 0
    }

    /// Holds a page that was found.
    pub(crate) fn hold(&mut self, page: u32) {
        let held = &mut self.pages[page as usize];
        if held.holders == 0 {
            self.unused.remove(&held.since);
        }
        held.holders += 1;
    }

    /// Makes a full page known by its tokens; gives the beginning that it completes. Where another
    /// page holds the same, that one stays known, and the two beginnings are one.
    ///
    /// # Panics
    /// When the tokens are not a page.
    pub(crate) fn register(
        &mut self,
        page: u32,
        beginning: Beginning,
        tokens: &[u32],
    ) -> Beginning {
        let key: Key = (beginning, tokens.try_into().expect("the tokens of a page"));
        if let Some((_, completed)) = self.find(beginning, tokens) {
            return completed;
        }
        self.beginnings += 1;
        let completed = Beginning(self.beginnings);
        self.known.insert(key, page);
        self.pages[page as usize].known = Some((key, completed));
        completed
    }

    /// Lets a sequence's pages go.
    pub(crate) fn release(&mut self, pages: Vec<u32>) {
        // Its end is the first to be forgotten.
        for page in pages.into_iter().rev() {
            let let_go = &mut self.pages[page as usize];
            let_go.holders -= 1;
            if let_go.holders > 0 {
                continue;
            }
            if let_go.known.is_some() {
                self.clock += 1;
                let_go.since = self.clock;
                self.unused.insert(self.clock, page);
            } else {
                self.free.push(page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(of: u32) -> [u32; POSITIONS] {
        std::array::from_fn(|i| of * 100 + i as u32)
    }

    #[test]
    fn a_beginning_is_found_as_long_as_there_is_room() {
        let mut book = Book::new(3);
        let (a, b) = (book.take().unwrap(), book.take().unwrap());
        let first = book.register(a, Beginning::EMPTY, &tokens(1));
        let second = book.register(b, first, &tokens(2));
        assert_eq!(book.find(Beginning::EMPTY, &tokens(1)), Some((a, first)));
        assert_eq!(book.find(first, &tokens(2)), Some((b, second)));
        // The same tokens after something else are something else.
        assert_eq!(book.find(Beginning::EMPTY, &tokens(2)), None);
        assert_eq!(book.find(first, &tokens(2)[..31]), None);
        // Held twice, let go once.
        book.hold(a);
        book.release(vec![a, b]);
        assert_eq!(book.available(), 2);
        book.release(vec![a]);
        assert_eq!(book.available(), 3);
        // The free page first, then the end of the text, then its beginning.
        let free = book.take().unwrap();
        assert!(free != a && free != b);
        assert!(book.find(first, &tokens(2)).is_some());
        assert_eq!(book.take(), Some(b));
        assert_eq!(book.find(first, &tokens(2)), None);
        assert_eq!(book.take(), Some(a));
        assert_eq!(
            (book.take(), book.find(Beginning::EMPTY, &tokens(1))),
            (None, None)
        );
        // What comes again is a new beginning: what followed the old one is not found.
        let again = book.register(a, Beginning::EMPTY, &tokens(1));
        assert_ne!(again, first);
    }

    #[test]
    fn a_twin_is_not_registered_twice() {
        let mut book = Book::new(2);
        let (a, b) = (book.take().unwrap(), book.take().unwrap());
        let one = book.register(a, Beginning::EMPTY, &tokens(1));
        assert_eq!(book.register(b, Beginning::EMPTY, &tokens(1)), one);
        book.release(vec![b]);
        // Nothing is known of it, so it is free at once.
        assert_eq!(book.free, [b]);
    }

    proptest! {
        /// Any order of taking, sharing and letting go keeps count, and never hands out a held page.
        #[test]
        fn no_page_is_lost(actions in prop::collection::vec((0u8..3, 0u32..4), 0..200)) {
            let mut book = Book::new(5);
            let mut held: Vec<Vec<u32>> = vec![];
            for (action, of) in actions {
                match action {
                    0 => if let Some(page) = book.take() {
                        prop_assert!(!held.iter().flatten().any(|other| *other == page));
                        book.register(page, Beginning::EMPTY, &tokens(of));
                        held.push(vec![page]);
                    },
                    1 => if let Some((page, _)) = book.find(Beginning::EMPTY, &tokens(of)) {
                        book.hold(page);
                        held.push(vec![page]);
                    },
                    _ => if !held.is_empty() {
                        book.release(held.remove(of as usize % held.len()));
                    },
                }
                let mut distinct: Vec<u32> = held.iter().flatten().copied().collect();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(book.available() + distinct.len(), book.len());
            }
        }
    }
}
