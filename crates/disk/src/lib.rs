//! Files that are either whole or absent: atomic writes, memory maps whose length is
//! checked first, locks, hashes.
//!
//! Everything that this project writes to a disk passes through this crate, so that
//! one list of fail points ([`fault`]) covers every create, write, rename, fsync and
//! removal. It knows nothing of recipes, tensors or text.

mod atomic;
pub mod fault;
mod lock;
mod map;
mod partial;
mod raw;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::Path;

pub use atomic::{Append, AtomicFile, write};
pub use lock::Lock;
pub use map::Map;
pub use partial::Partial;
pub use raw::{
    create_dir, link, point, remove_dir, remove_empty_dir, remove_file, rename, sync_dir,
};

/// The ending of a file that is still being written. Such a file may always be deleted.
pub const PENDING: &str = ".pending";

/// Whether a file or folder is hidden: of a system, an editor, a version control, or of whoever copied a
/// folder (`._model.safetensors`). Such files enter no key of an artifact, and so nobody reads them.
pub fn is_hidden(path: &Path) -> bool {
    let name = path.file_name();
    name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// BLAKE3 of a file's bytes, as 64 lower-case hexadecimal digits.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path).map_err(|e| named("read", path, e))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(named("read", path, e)),
        };
    }
}

/// Bytes that an ordinary user may still write on the file system that holds `path`.
pub fn free_space(path: &Path) -> io::Result<u64> {
    fs4::available_space(path).map_err(|e| named("ask the free space of", path, e))
}

/// Puts what was attempted and the path into an error of the operating system, which
/// on its own says only "No space left on device".
fn named(what: &str, path: &Path, error: io::Error) -> io::Error {
    let kind = error.kind();
    io::Error::new(kind, format!("cannot {what} {}: {error}", path.display()))
}
