//! A reader that ends with an error where it was not meant to be read any further.
//!
//! The crate `tar` reads the long names of a member (GNU's and PAX's are members of their own) into memory
//! before it shows the member, however long they say they are. What one step of it may read is therefore
//! said beforehand.

use std::cell::Cell;
use std::io::{Error, Read, Result};
use std::rc::Rc;

/// Bytes that the headers and long names of one member may have.
const NAMES: u64 = 1 << 20;
/// What a tar is made of.
const BLOCK: u64 = 512;

/// A reader with a meter.
pub(super) struct Metered<R> {
    input: R,
    meter: Meter,
}

/// How far was read, and how far may be.
#[derive(Clone)]
pub(super) struct Meter {
    read: Rc<Cell<u64>>,
    limit: Rc<Cell<u64>>,
}

impl<R> Metered<R> {
    /// Lets the first member's headers be read.
    pub(super) fn new(input: R) -> (Self, Meter) {
        let meter = Meter {
            read: Rc::default(),
            limit: Rc::new(Cell::new(NAMES)),
        };
        let own = meter.clone();
        (Metered { input, meter: own }, meter)
    }
}

impl Meter {
    /// Lets a member of so many bytes be read, which begins here, and the headers of the next.
    pub(super) fn member(&self, size: u64) {
        let padded = size.saturating_add(BLOCK);
        let end = self.read.get().saturating_add(padded);
        self.limit.set(end.saturating_add(NAMES));
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let left = self.meter.limit.get().saturating_sub(self.meter.read.get());
        if left == 0 && !bytes.is_empty() {
            return Err(Error::other(format!(
                "the names before a member are longer than {NAMES} bytes"
            )));
        }
        let most = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.input.read(&mut bytes[..most])?;
        self.meter.read.set(self.meter.read.get() + count as u64);
        Ok(count)
    }
}
