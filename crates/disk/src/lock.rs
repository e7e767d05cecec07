//! One holder at a time: an advisory lock (`flock`) on a small file that says who
//! holds it, freed when it is dropped or its process dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use crate::{named, raw};

/// A lock held.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock, or returns `None` at once where another holds it; then
    /// [`holder`](Lock::holder) says who.
    pub fn try_new(path: &Path) -> io::Result<Option<Lock>> {
        Self::take(path, false)
    }

    /// Takes the lock, waiting for as long as another holds it.
    pub fn wait(path: &Path) -> io::Result<Lock> {
        loop {
            if let Some(lock) = Self::take(path, true)? {
                return Ok(lock);
            }
        }
    }

    /// Who holds, or held last, the lock at `path`: "process 123, started as `…`".
    pub fn holder(path: &Path) -> String {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => text,
            _ => "an unknown process".to_string(),
        }
    }

    /// Removes the lock file. Whoever waits for it notices and takes a fresh one.
    pub fn remove(self) -> io::Result<()> {
        raw::remove_file(&self.path)
    }

    fn take(path: &Path, wait: bool) -> io::Result<Option<Lock>> {
        loop {
            let file = raw::open_lock(path)?;
            if wait {
                file.lock().map_err(|e| named("lock", path, e))?;
            } else {
                match file.try_lock() {
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => return Ok(None),
                    Err(TryLockError::Error(e)) => return Err(named("lock", path, e)),
                }
            }
            // Between opening and locking, the last holder may have removed the file;
            // then this lock guards a name that nobody else can find.
            if same_file(&file, path) {
                let mut lock = Lock {
                    file,
                    path: path.to_path_buf(),
                };
                lock.sign().map_err(|e| named("write the lock", path, e))?;
                return Ok(Some(lock));
            }
        }
    }

    fn sign(&mut self) -> io::Result<()> {
        let command: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let text = format!(
            "process {}, started as `{}`",
            std::process::id(),
            command.join(" ")
        );
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Lock {
    /// Frees the lock itself, not only our handle on it: a child that this process is just
    /// starting shares the handle until it becomes another program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, _: &Path) -> bool {
    // Where an open file cannot be removed, the name cannot have moved on.
    true
}
