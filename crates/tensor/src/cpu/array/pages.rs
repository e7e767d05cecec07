//! Memory straight from the operating system.
//!
//! Weights that are only read stand on shelves: many buffers in one mapping that asks for pages of
//! 2 MB. A matrix of a small model is shorter than such a page, and a token that reads all weights was
//! written 1.2 to 1.4 times as fast with them (LOG.md).

#[cfg(target_os = "linux")]
pub(super) use linux::{LARGE, Shelf, map, shelve, unmap};

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{LARGE, Shelf, map, shelve, unmap};

#[cfg(target_os = "linux")]
mod linux {
    use std::ptr::{NonNull, null_mut};
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    /// Buffers from this size on.
    pub(crate) const LARGE: usize = 4 << 20;
    /// A large page.
    const PAGE: usize = 2 << 20;
    /// A shelf that holds several buffers; a longer one has a shelf of its own.
    const SHELF: usize = 64 << 20;
    const LINE: usize = 64;

    /// Zeros, at the beginning of a page; null if there is no memory.
    /// # Safety
    /// `bytes` must not be zero.
    pub(crate) unsafe fn map(bytes: usize) -> *mut u8 {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping harms nobody.
        let start = unsafe { libc::mmap(null_mut(), bytes, access, private, -1, 0) };
        match start == libc::MAP_FAILED {
            true => null_mut(),
            false => start.cast(),
        }
    }

    /// Gives a mapping back.
    /// # Safety
    /// It must be one of `map`, of as many bytes.
    pub(crate) unsafe fn unmap(start: *mut u8, bytes: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(start.cast(), bytes) };
    }

    /// One mapping, taken from its beginning on.
    pub(crate) struct Shelf {
        mapping: NonNull<u8>,
        bytes: usize,
    }

    // SAFETY: it owns its memory; what is handed out of it belongs to whoever took it.
    unsafe impl Send for Shelf {}
    // SAFETY: nothing is read or written through it.
    unsafe impl Sync for Shelf {}

    impl Shelf {
        fn new(bytes: usize) -> Option<Self> {
            // One page more, so that the first one can begin where a page of its size may.
            let bytes = bytes.next_multiple_of(PAGE).checked_add(PAGE)?;
            // SAFETY: not zero.
            let mapping = NonNull::new(unsafe { map(bytes) })?;
            // SAFETY: advice on a mapping of its own; a kernel that does not take it says so.
            unsafe { libc::madvise(mapping.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
            Some(Shelf { mapping, bytes })
        }

        /// The first byte, at a multiple of a large page.
        fn start(&self) -> NonNull<u8> {
            let skip = self.mapping.align_offset(PAGE);
            // SAFETY: the mapping is a page longer than what is handed out.
            unsafe { self.mapping.add(skip) }
        }
    }

    impl Drop for Shelf {
        fn drop(&mut self) {
            // SAFETY: mapped in `new`; whoever has memory of it holds the shelf.
            unsafe { unmap(self.mapping.as_ptr(), self.bytes) };
        }
    }

    /// The shelf that is being filled and how many of its bytes are taken; it belongs to its buffers.
    static OPEN: Mutex<(Weak<Shelf>, usize)> = Mutex::new((Weak::new(), 0));

    /// Zeros that nobody else has, at a multiple of a cache line, and the shelf that they stand on;
    /// nothing where there is no memory.
    pub(crate) fn shelve(bytes: usize) -> Option<(NonNull<u8>, Arc<Shelf>)> {
        if bytes > SHELF / 4 {
            let shelf = Arc::new(Shelf::new(bytes)?);
            return Some((shelf.start(), shelf));
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = match open.0.upgrade() {
            Some(shelf) if open.1 + bytes <= SHELF => shelf,
            _ => {
                let shelf = Arc::new(Shelf::new(SHELF)?);
                *open = (Arc::downgrade(&shelf), 0);
                shelf
            }
        };
        // SAFETY: these bytes are inside the shelf, and no others will be handed out.
        let start = unsafe { shelf.start().add(open.1) };
        open.1 = (open.1 + bytes).next_multiple_of(LINE);
        Some((start, shelf))
    }
}

/// Where it is not known how, nothing counts as large and there are no shelves.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::ptr::NonNull;
    use std::sync::Arc;

    pub(crate) const LARGE: usize = usize::MAX;
    pub(crate) struct Shelf;
    pub(crate) unsafe fn map(_: usize) -> *mut u8 {
        std::ptr::null_mut()
    }
    pub(crate) unsafe fn unmap(_: *mut u8, _: usize) {}
    pub(crate) fn shelve(_: usize) -> Option<(NonNull<u8>, Arc<Shelf>)> {
        None
    }
}
