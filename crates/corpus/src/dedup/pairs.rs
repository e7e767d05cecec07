//! Pairs of numbers in order, in a mapped file: what is to be cut of all documents, looked up document by document.
//!
//! They are read in the order in which they lie, so that the kernel keeps the page that is looked at and no more:
//! a corpus that repeats itself everywhere takes no more memory than one that never does. The file lives as long as
//! one deduplication; a killed one makes it again.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Result;

/// Pairs in a file; none where there is no file.
#[derive(Default)]
pub(super) struct Pairs(Option<disk::Map>);

impl Pairs {
    /// Writes what `fill` puts in, which must come in order.
    ///
    /// # Errors
    /// The disk's, and those of `fill`.
    pub(super) fn write(
        path: &Path,
        fill: impl FnOnce(&mut dyn FnMut(u64, u64) -> Result<()>) -> Result<()>,
    ) -> Result<Self> {
        let mut file = BufWriter::new(disk::AtomicFile::create(path)?);
        fill(&mut |first, second| {
            file.write_all(&first.to_ne_bytes())?;
            Ok(file.write_all(&second.to_ne_bytes())?)
        })?;
        let file = file.into_inner().map_err(|error| error.into_error())?;
        file.commit()?;
        let map = disk::Map::open(path)?;
        map.u64s()?;
        Ok(Self(Some(map)))
    }

    /// All of them.
    pub(super) fn all(&self) -> &[[u64; 2]] {
        let numbers = self.0.as_ref().and_then(|map| map.u64s().ok());
        numbers.unwrap_or_default().as_chunks().0
    }

    /// Those from the first on that is not `before` any more.
    pub(super) fn from(&self, before: impl Fn(&[u64; 2]) -> bool) -> &[[u64; 2]] {
        let all = self.all();
        &all[all.partition_point(before)..]
    }
}
