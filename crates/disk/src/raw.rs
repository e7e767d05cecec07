//! The bare calls to the operating system, each behind a fail point and each naming
//! its path when it fails.
//!
//! The only file in the project that opens a file for writing or renames one.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one home of the banned calls"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::fault::{CREATE, REMOVE, RENAME, SYNC, WRITE, event};
use crate::named;

/// A new empty file for reading and writing; what stood there is cut off.
pub(crate) fn open_new(path: &Path) -> io::Result<File> {
    event(CREATE)
        .and_then(|()| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
        })
        .map_err(|e| named("create", path, e))
}

/// A file whose every write goes to its end.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    event(CREATE)
        .and_then(|()| OpenOptions::new().append(true).create(true).open(path))
        .map_err(|e| named("append to", path, e))
}

/// A lock file: created where missing, its contents left alone. Not a fail point: a
/// lock carries no data, and two runs that race for it must not shift the count.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| named("open the lock", path, e))
}

/// One write to the operating system.
pub(crate) fn write_some(file: &mut File, path: &Path, bytes: &[u8]) -> io::Result<usize> {
    event(WRITE)
        .and_then(|()| file.write(bytes))
        .map_err(|e| match e.kind() {
            ErrorKind::Interrupted => e,
            _ => named("write", path, e),
        })
}

/// Waits until the file's bytes have reached the disk.
pub(crate) fn sync_file(file: &File, path: &Path) -> io::Result<()> {
    event(SYNC)
        .and_then(|()| file.sync_all())
        .map_err(|e| named("sync", path, e))
}

/// Waits until the folder's entries (new names, renames, removals) have reached the disk.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    let synced = event(SYNC).and_then(|()| match File::open(path)?.sync_all() {
        // Some file systems cannot sync a folder and say so; there is nothing to wait for.
        Err(e) if e.kind() == ErrorKind::InvalidInput => Ok(()),
        other => other,
    });
    synced.map_err(|e| named("sync the folder", path, e))
}

/// Creates a folder and those above it; one that exists already is left as it is.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    event(CREATE)
        .and_then(|()| fs::create_dir_all(path))
        .map_err(|e| named("create the folder", path, e))?;
    sync_dir(&parent(path))
}

/// Removes a folder and everything in it; one that is not there is no error.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    match event(REMOVE).and_then(|()| fs::remove_dir_all(path)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(named("remove the folder", path, e)),
        Ok(()) => sync_dir(&parent(path)),
    }
}

/// Removes a folder that has nothing in it, and fails where something is; one that is not there is
/// no error.
pub fn remove_empty_dir(path: &Path) -> io::Result<()> {
    match event(REMOVE).and_then(|()| fs::remove_dir(path)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(named("remove the folder", path, e)),
        Ok(()) => sync_dir(&parent(path)),
    }
}

/// Removes a file; one that is not there is no error.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match event(REMOVE).and_then(|()| fs::remove_file(path)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(named("remove", path, e)),
        Ok(()) => Ok(()),
    }
}

/// Renames a file or folder within one file system, replacing a file that stands
/// there, and waits until the disk knows the new name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    event(RENAME)
        .and_then(|()| fs::rename(from, to))
        .map_err(|e| named(&format!("rename {} to", from.display()), to, e))?;
    let (source, target) = (parent(from), parent(to));
    sync_dir(&target)?;
    if source != target {
        sync_dir(&source)?;
    }
    Ok(())
}

/// Gives a finished file a second name without copying its bytes; where the file
/// system cannot, the bytes are copied atomically. Of a symbolic link it is the file at its end
/// that gets the name. A file that stands at `to` is replaced.
pub fn link(from: &Path, to: &Path) -> io::Result<()> {
    let failed = |e| named(&format!("link {} to", from.display()), to, e);
    // Linux names the link itself anew, and a relative one leads nowhere from another folder.
    let file = fs::canonicalize(from).map_err(failed)?;
    remove_file(to)?;
    match event(CREATE).and_then(|()| fs::hard_link(&file, to)) {
        Ok(()) => sync_dir(&parent(to)),
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::Unsupported
                    | ErrorKind::PermissionDenied
                    | ErrorKind::CrossesDevices
                    | ErrorKind::TooManyLinks
            ) =>
        {
            let mut copy = crate::AtomicFile::create(to)?;
            io::copy(&mut File::open(&file).map_err(failed)?, &mut copy)?;
            copy.commit()
        }
        Err(e) => Err(failed(e)),
    }
}

/// Makes `at` a symbolic link that says `target`, which is relative to the folder of `at`. What stands
/// there is replaced. On a system where users may not make such links it is a second name instead.
pub fn point(at: &Path, target: &Path) -> io::Result<()> {
    #[cfg(not(unix))]
    return link(&parent(at).join(target), at);
    #[cfg(unix)]
    {
        if fs::read_link(at).is_ok_and(|there| there == target) {
            return Ok(());
        }
        remove_file(at)?;
        event(CREATE)
            .and_then(|()| std::os::unix::fs::symlink(target, at))
            .map_err(|e| named("link", at, e))?;
        sync_dir(&parent(at))
    }
}

/// The folder that holds `path`; a bare name lies in the current one.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
