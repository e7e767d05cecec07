//! A file that grows over several attempts, such as a download: what has come stays under a name of
//! its own, and [`commit`](Partial::commit) gives it its last one when it is whole.
//!
//! Unlike an [`AtomicFile`](crate::AtomicFile) it outlives the process that began it. Whether its
//! bytes are the right ones is the caller's business, and so is that one process at a time has it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{named, raw};

/// A file under way.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Partial {
    /// Goes on with the file at `path`, or begins it. Its folder must exist.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = raw::open_append(path)?;
        let length = file.metadata().map_err(|e| named("read", path, e))?.len();
        Ok(Partial {
            file,
            path: path.to_path_buf(),
            length,
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Begins again.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file
            .set_len(0)
            .map_err(|e| named("cut", &self.path, e))?;
        self.length = 0;
        Ok(())
    }

    /// Waits for the disk and gives the file the name `to`, on the same file system.
    pub fn commit(self, to: &Path) -> io::Result<()> {
        raw::sync_file(&self.file, &self.path)?;
        raw::rename(&self.path, to)
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = raw::write_some(&mut self.file, &self.path, bytes)?;
        self.length += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
