//! A file seen as memory, its length checked before a single number is read from it.
//!
//! The bytes are little-endian, as every file of this project. A file must not be cut
//! short while it is mapped; finished files here are never changed, only replaced.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::named;

#[cfg(target_endian = "big")]
compile_error!("files are mapped as they lie, and they lie in little-endian order");

/// A read-only memory map of a whole file.
#[derive(Debug)]
pub struct Map {
    // Nothing can be mapped of an empty file.
    map: Option<memmap2::Mmap>,
    path: PathBuf,
}

impl Map {
    /// Maps the file.
    pub fn open(path: &Path) -> io::Result<Map> {
        let file = File::open(path).map_err(|e| named("read", path, e))?;
        let length = file.metadata().map_err(|e| named("read", path, e))?.len();
        let map = if length == 0 {
            None
        } else {
            // SAFETY: the map is read-only and private to this value. That no one cuts the
            // file short meanwhile is the rule stated above: finished files are never changed.
            let map = unsafe { memmap2::Mmap::map(&file) };
            Some(map.map_err(|e| named("map", path, e))?)
        };
        Ok(Map {
            map,
            path: path.to_path_buf(),
        })
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or(&[])
    }

    /// The file as 32-bit numbers; an error where its length is not a multiple of four.
    pub fn u32s(&self) -> io::Result<&[u32]> {
        // SAFETY: every bit pattern is a u32.
        unsafe { self.numbers("32-bit") }
    }

    /// The file as 64-bit numbers; an error where its length is not a multiple of eight.
    pub fn u64s(&self) -> io::Result<&[u64]> {
        // SAFETY: every bit pattern is a u64.
        unsafe { self.numbers("64-bit") }
    }

    /// A stretch of the file as 16-bit numbers; nothing where it is not inside the file, is no
    /// whole number of them, or does not lie at a multiple of their size.
    pub fn u16s_of(&self, range: Range<usize>) -> Option<&[u16]> {
        // SAFETY: every bit pattern is a u16.
        unsafe { self.stretch(range) }
    }

    /// A stretch of the file as f32 numbers; nothing in the same cases.
    pub fn f32s_of(&self, range: Range<usize>) -> Option<&[f32]> {
        // SAFETY: every bit pattern is an f32.
        unsafe { self.stretch(range) }
    }

    /// # Safety
    /// Every bit pattern must be a valid `T`.
    unsafe fn stretch<T>(&self, range: Range<usize>) -> Option<&[T]> {
        let bytes = self.bytes().get(range)?;
        // SAFETY: the caller vouches for the patterns; `align_to` keeps within the bytes.
        let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
        (before.is_empty() && after.is_empty()).then_some(numbers)
    }

    /// # Safety
    /// Every bit pattern must be a valid `T`.
    unsafe fn numbers<T>(&self, what: &str) -> io::Result<&[T]> {
        let size = size_of::<T>();
        // SAFETY: the caller vouches for the patterns; `align_to` keeps within the bytes.
        let (before, numbers, after) = unsafe { self.bytes().align_to::<T>() };
        if before.is_empty() && after.is_empty() {
            return Ok(numbers);
        }
        Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "{} should hold {what} numbers, {size} bytes each, but has {} bytes, which is {} too many: \
                 it was cut short or is another kind of file; make it again",
                self.path.display(),
                self.bytes().len(),
                self.bytes().len() % size,
            ),
        ))
    }
}
