//! A file that appears under its name only when it is whole: written to
//! `NAME.pending` beside it, synced, renamed, and the folder synced.
//!
//! Two writers of one path at once are the caller's business ([`crate::Lock`]).

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{PENDING, fault, raw};

/// A file under way. [`commit`](AtomicFile::commit) gives it its name; dropped before
/// that, it is removed.
///
/// Writes are gathered into pieces of 256 KiB.
#[derive(Debug)]
pub struct AtomicFile {
    file: Option<BufWriter<Raw>>,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins the file that will be called `path`. Its folder must exist.
    pub fn create(path: &Path) -> io::Result<Self> {
        let pending = pending(path);
        let file = raw::open_new(&pending)?;
        let raw = Raw {
            file,
            path: pending,
        };
        Ok(Self {
            file: Some(BufWriter::with_capacity(256 << 10, raw)),
            path: path.to_path_buf(),
        })
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes out what is buffered, waits for the disk and gives the file its name.
    pub fn commit(mut self) -> io::Result<()> {
        let buffer = self.writer()?;
        buffer.flush()?;
        let raw = buffer.get_ref();
        raw::sync_file(&raw.file, &raw.path)?;
        raw::rename(&pending(&self.path), &self.path)?;
        // Only now is there nothing left for `drop` to remove.
        if let Some(buffer) = self.file.take() {
            drop(buffer.into_parts());
        }
        Ok(())
    }

    fn writer(&mut self) -> io::Result<&mut BufWriter<Raw>> {
        self.file
            .as_mut()
            .ok_or_else(|| io::Error::other("the file is closed"))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer()?.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer()?.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(buffer) = self.file.take() {
            // Taken apart, so that the buffer is not flushed to a file about to go.
            drop(buffer.into_parts());
            if !fault::stopped() {
                // A leftover is harmless: it does not carry the final name.
                let _ = std::fs::remove_file(pending(&self.path));
            }
        }
    }
}

/// Writes a whole file atomically.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// A journal: each [`line`](Append::line) goes to the end of the file at once.
///
/// It is not atomic (a kill may leave half a last line, which a reader must drop)
/// and not synced: it is for records of progress, never for results.
#[derive(Debug)]
pub struct Append(Raw);

impl Append {
    /// Opens `path` for appending, creating it where it is missing.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = raw::open_append(path)?;
        Ok(Self(Raw {
            file,
            path: path.to_path_buf(),
        }))
    }

    /// Appends `text` and a line break in one write.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(format!("{text}\n").as_bytes())
    }
}

/// An open file that counts its writes as fail points and names its path in errors.
#[derive(Debug)]
struct Raw {
    file: File,
    path: PathBuf,
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        raw::write_some(&mut self.file, &self.path, bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Raw {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn pending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(PENDING);
    PathBuf::from(name)
}
