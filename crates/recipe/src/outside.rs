//! Inputs that live outside the store: hashed into the key, watched while they are read.
//!
//! Of a folder, what no reader reads does not count ([`files`]), so that an editor or a file
//! manager changes no key.
//!
//! Hashing is remembered by path, length, times of change and which file it is, so that
//! planning again is a matter of asking the file system. A file changed within the last two
//! seconds is not remembered: it might change again without its times telling.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::manifest::{FileRecord, Manifest, Origin, contents_key, deep_enough, name_of};
use crate::store::Store;
use crate::{clock, key};

/// An input from outside, bound and hashed.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    pub(crate) files: Vec<FileRecord>,
}

impl Outside {
    /// Hashes what lies at `path`.
    pub(crate) fn read(name: &str, kind: &str, path: &Path, hashes: &mut Hashes) -> Result<Self> {
        // Made absolute, but links are left as they are: a link's name may say what the
        // file is, and that of the blob behind it may not.
        let path =
            std::path::absolute(path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            path.to_str().is_some(),
            "the path {} is not valid UTF-8: rename it",
            path.display()
        );
        let files = hashes.files(&path)?;
        Ok(Self {
            name: name.to_string(),
            kind: kind.to_string(),
            key: contents_key(&files),
            path,
            files,
        })
    }

    /// Fails where the store lies below `path` and is not hidden there: every run would change
    /// what it reads.
    pub(crate) fn holds_no_store(name: &str, path: &Path, store: &Store) -> Result<()> {
        let Ok(real) = path.canonicalize() else {
            return Ok(());
        };
        let Ok(below) = store.root().strip_prefix(&real) else {
            return Ok(());
        };
        ensure!(
            below.iter().any(|part| disk::is_hidden(Path::new(part))),
            "the store {} lies inside the input \"{name}\" ({}), so every run would change what it \
             reads: bind a folder that does not hold the store, or name a store elsewhere with --store",
            store.root().display(),
            real.display()
        );
        Ok(())
    }

    /// Fails where the contents are no longer those that were planned with.
    pub(crate) fn unchanged(&self, hashes: &mut Hashes) -> Result<()> {
        let now = contents_key(&hashes.files(&self.path)?);
        ensure!(
            now == self.key,
            "the input \"{}\" ({}) has changed since the run was planned, so what is made from it \
             would carry a false key: leave it alone during a run, and start again",
            self.name,
            self.path.display()
        );
        Ok(())
    }

    /// Writes its record into the store, so that lineage goes down to raw files.
    pub(crate) fn record(&self, store: &Store) -> Result<()> {
        let folder = store.folder(&self.name, &self.key);
        let origin = Origin::Outside {
            path: self.path.clone(),
        };
        let manifest = Manifest::new(
            (&self.name, &self.key, &self.kind),
            origin,
            BTreeMap::new(),
            BTreeMap::new(),
            self.files.clone(),
        )?;
        if Manifest::read(&folder).is_ok_and(|old| old == manifest) {
            return Ok(());
        }
        let _lock = disk::Lock::wait(&store.lock_path(&key::folder(&self.name, &self.key)))?;
        disk::create_dir(&folder)?;
        manifest.write(&folder)
    }
}

/// The names of the files that make up an input, below the folder that was bound, sorted. Left out
/// is what no reader reads: hidden files and folders, links that lead nowhere or round in a circle,
/// and what is neither a file nor a folder. Other links are followed.
pub(crate) fn files(root: &Path) -> Result<Vec<String>> {
    /// `above` is where the folder and those above it really lie.
    fn walk(
        folder: &Path,
        prefix: &str,
        above: &mut Vec<PathBuf>,
        found: &mut Vec<String>,
    ) -> Result<()> {
        deep_enough(folder, prefix)?;
        let unlisted = || format!("cannot list {}", folder.display());
        for entry in std::fs::read_dir(folder).with_context(unlisted)? {
            let entry = entry.with_context(unlisted)?;
            if disk::is_hidden(&entry.path()) {
                continue;
            }
            let (path, name) = (entry.path(), name_of(&entry)?);
            let unread = || format!("cannot read {}", path.display());
            let link = entry.file_type().with_context(unread)?.is_symlink();
            let about = match std::fs::metadata(&path) {
                Err(error) if link && leads_nowhere(&error) => continue,
                about => about.with_context(unread)?,
            };
            if about.is_file() {
                found.push(format!("{prefix}{name}"));
            } else if about.is_dir() {
                let real = match (link, above.last()) {
                    (false, Some(parent)) => parent.join(&name),
                    _ => path.canonicalize().with_context(unread)?,
                };
                if link && above.iter().any(|folder| folder.starts_with(&real)) {
                    continue;
                }
                above.push(real);
                walk(&path, &format!("{prefix}{name}/"), above, found)?;
                above.pop();
            }
        }
        Ok(())
    }
    let real = root
        .canonicalize()
        .with_context(|| format!("cannot read {}", root.display()))?;
    let mut found = Vec::new();
    walk(root, "", &mut vec![real], &mut found)?;
    found.sort();
    Ok(found)
}

/// Whether this error, of looking at a link, says that there is nothing at its end.
fn leads_nowhere(error: &io::Error) -> bool {
    // ELOOP, for which the library has no stable name: links that lead to one another.
    const CIRCLE: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(CIRCLE)
}

/// Hashes seen before.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    path: PathBuf,
    known: BTreeMap<String, Known>,
    changed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    bytes: u64,
    /// Nanoseconds since 1970, as text: JSON's numbers are too short.
    changed: String,
    /// Which file it was, and when anything of it changed: copying and renaming keep a file's time,
    /// and not these. Empty where the system does not tell, or nobody asked.
    #[serde(default)]
    identity: String,
    blake3: String,
}

/// What a file is known again by, beside its length and the time of its contents; and the time in it,
/// in seconds since 1970.
#[cfg(unix)]
fn identity_of(about: &Metadata) -> (String, f64) {
    use std::os::unix::fs::MetadataExt as _;
    let (seconds, nanoseconds) = (about.ctime(), about.ctime_nsec());
    let text = format!("{} {seconds}.{nanoseconds:09}", about.ino());
    (text, seconds as f64 + nanoseconds as f64 / 1e9)
}

#[cfg(not(unix))]
fn identity_of(_: &Metadata) -> (String, f64) {
    (String::new(), 0.0)
}

impl Hashes {
    /// Reads the store's memory; one that cannot be read is begun afresh, as it can
    /// always be made again.
    pub(crate) fn open(store: &Store) -> Self {
        let path = store.root().join("hashes.json");
        let known = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            known,
            changed: false,
        }
    }

    /// Writes what was learned, together with what others learned meanwhile.
    pub(crate) fn save(&mut self, store: &Store) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let _lock = disk::Lock::wait(&store.lock_path("hashes"))?;
        let mut all = Self::open(store).known;
        all.append(&mut self.known.clone());
        disk::write(&self.path, serde_json::to_string(&all)?.as_bytes())?;
        self.changed = false;
        Ok(())
    }

    fn files(&mut self, path: &Path) -> Result<Vec<FileRecord>> {
        if path.is_dir() {
            return files(path)?
                .into_iter()
                .map(|name| self.file(&path.join(&name), name))
                .collect();
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} has no UTF-8 name", path.display()))?;
        Ok(vec![self.file(path, name.to_string())?])
    }

    fn file(&mut self, path: &Path, name: String) -> Result<FileRecord> {
        let about =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = about.len();
        let changed = about
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let place = path.to_string_lossy().into_owned();
        let time = changed.map(|t| t.as_nanos().to_string());
        let (identity, touched) = identity_of(&about);
        if let (Some(known), Some(time)) = (self.known.get(&place), &time)
            && known.bytes == bytes
            && known.changed == *time
            && known.identity == identity
        {
            let blake3 = known.blake3.clone();
            return Ok(FileRecord {
                name,
                bytes,
                blake3,
            });
        }
        let blake3 = disk::hash_file(path)?;
        if let (Some(changed), Some(time)) = (changed, time)
            && changed.as_secs_f64().max(touched) + 2.0 < clock::now()
        {
            let known = Known {
                bytes,
                changed: time,
                identity,
                blake3: blake3.clone(),
            };
            self.known.insert(place, known);
            self.changed = true;
        }
        Ok(FileRecord {
            name,
            bytes,
            blake3,
        })
    }
}

#[cfg(all(test, unix))]
mod tests;
