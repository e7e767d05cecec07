//! Fetches a model or files of a data set: what is there is left, what was begun goes on, what is wrong gets no name.
//!
//! Files come one after the other, each into `blobs/HASH.incomplete`; when all bytes are there and
//! their hash is the one the hub told beforehand, the file gets its name. The reference that makes
//! the model findable is written last. A connection that breaks is tried again from where it broke,
//! for as long as anything comes; five times in vain is enough.

use crate::choose::choose;
use crate::digest::Sum;
use crate::registry::{Entry, Failure};
use crate::{Cache, Name, Registry};
use anyhow::{Context as _, Result, anyhow, ensure};
use disk::{Lock, Partial};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Attempts in a row that bring nothing.
const TRIES: u32 = 5;
const PIECE: usize = 256 << 10;
/// Left free beside what is fetched.
const SPARE: u64 = 64 << 20;
/// Whatever a server asks for, nobody waits longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The model, or the data set.
    pub name: Name,
    /// Patterns of files; none means those that a model needs (a data set has no such).
    pub include: Vec<String>,
    /// The pause before a second attempt; it doubles with each one more.
    pub pause: Duration,
}

/// What happens meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The licence that the card names, before anything is fetched; nothing where it names none.
    Licence(Option<String>),
    /// What there is to do: files and bytes in all, and the bytes that are there already.
    Plan {
        /// Files.
        files: usize,
        /// Bytes in all.
        bytes: u64,
        /// Bytes that are there.
        there: u64,
    },
    /// A file begins, or goes on.
    File(String),
    /// So many of all bytes are there.
    At(u64),
    /// Something went wrong and is tried again.
    Again(String),
}

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The model's folder.
    pub folder: PathBuf,
    /// What the revision means.
    pub commit: String,
    /// Files of the model.
    pub files: usize,
    /// Bytes of the model.
    pub bytes: u64,
    /// Bytes that came over the network.
    pub fetched: u64,
}

/// Fetches a model into the cache.
///
/// # Errors
/// A name that the hub does not know or give, a hub that cannot be reached, a disk without room, bytes
/// that are not what the hub said: each as a sentence that says what to do.
pub fn pull(
    registry: &Registry,
    cache: &Cache,
    ask: &Ask,
    listen: &mut dyn FnMut(News),
) -> Result<Pulled> {
    let name = &ask.name;
    let mut tries = Tries::new(ask.pause);
    let description = loop {
        match registry.describe(name) {
            Ok(description) => break description,
            Err(failure) => tries.fail(failure, listen)?,
        }
    };
    listen(News::Licence(description.licence));
    let commit = description.commit;
    let files = choose(description.files, &ask.include)
        .with_context(|| format!("{name} cannot be pulled"))?;
    let blobs = cache.blobs(name);
    disk::create_dir(&blobs)?;
    disk::create_dir(&cache.locks(name))?;

    // A hub may lie about sizes; a sum that is too large for a number is too large for a disk.
    let bytes = files
        .iter()
        .fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    let there: u64 = files.iter().map(|file| present(&blobs, file)).sum();
    listen(News::Plan {
        files: files.len(),
        bytes,
        there,
    });
    let free = disk::free_space(&blobs)?;
    ensure!(
        bytes == there || (bytes - there).saturating_add(SPARE) <= free,
        "{name} needs {} more, but the disk of {} has {} left: free some, or set HF_HOME to a folder \
         on another disk",
        size(bytes - there),
        cache.folder().display(),
        size(free)
    );

    let mut fetch = Fetch {
        registry,
        cache,
        ask,
        commit: &commit,
        done: 0,
        fetched: 0,
    };
    for file in &files {
        fetch.file(file, listen)?;
        cache.place(name, &commit, &file.path, file.digest.digits())?;
    }
    let fetched = fetch.fetched;
    cache.refer(name, &commit)?;
    Ok(Pulled {
        folder: cache.snapshot(name, &commit),
        commit,
        files: files.len(),
        bytes,
        fetched,
    })
}

/// The bytes of a file that are there, whole or in part.
fn present(blobs: &Path, file: &Entry) -> u64 {
    let length = |name: &str| {
        let found = std::fs::metadata(blobs.join(name));
        found.map_or(0, |found| found.len())
    };
    let digits = file.digest.digits();
    match length(digits) == file.bytes {
        true => file.bytes,
        false => length(&incomplete(digits)).min(file.bytes),
    }
}

fn incomplete(digits: &str) -> String {
    format!("{digits}.incomplete")
}

/// Counts attempts in vain, and waits between them.
struct Tries {
    pause: Duration,
    failed: u32,
}

impl Tries {
    fn new(pause: Duration) -> Self {
        Tries { pause, failed: 0 }
    }

    fn fail(&mut self, failure: Failure, listen: &mut dyn FnMut(News)) -> Result<()> {
        let (error, wanted) = match failure {
            Failure::Lasting(error) => return Err(error),
            Failure::Passing(error, wanted) => (error, wanted),
        };
        self.failed += 1;
        if self.failed >= TRIES {
            return Err(error.context(
                "nothing more came; what came is kept, and the same command goes on from there",
            ));
        }
        let pause = wanted.unwrap_or(self.pause * 2_u32.pow(self.failed - 1));
        let pause = pause.min(LONGEST_PAUSE);
        listen(News::Again(format!(
            "{error}; again in {} s",
            pause.as_secs_f32().ceil()
        )));
        std::thread::sleep(pause);
        Ok(())
    }
}

struct Fetch<'a> {
    registry: &'a Registry,
    cache: &'a Cache,
    ask: &'a Ask,
    commit: &'a str,
    done: u64,
    fetched: u64,
}

impl Fetch<'_> {
    /// Sees to it that a file is there, whole and right.
    fn file(&mut self, file: &Entry, listen: &mut dyn FnMut(News)) -> Result<()> {
        let name = &self.ask.name;
        let digits = file.digest.digits();
        let blob = self.cache.blobs(name).join(digits);
        listen(News::File(file.path.clone()));
        let lock = self.cache.locks(name).join(format!("{digits}.lock"));
        // Another program that fetches the same file finishes it for us.
        let _held = match Lock::try_new(&lock)? {
            Some(held) => held,
            None => {
                listen(News::Again(format!(
                    "{} is being fetched by {}; waiting for it",
                    file.path,
                    Lock::holder(&lock)
                )));
                Lock::wait(&lock)?
            }
        };
        if std::fs::metadata(&blob).is_ok_and(|found| found.len() == file.bytes) {
            self.done += file.bytes;
            listen(News::At(self.done));
            return Ok(());
        }
        let mut partial = Partial::open(&self.cache.blobs(name).join(incomplete(digits)))?;
        if partial.length() > file.bytes {
            partial.clear()?;
        }
        let sum = self.bytes(file, &mut partial, listen)?;
        let found = sum.digits();
        if found != digits {
            let path = partial.path().to_owned();
            drop(partial);
            disk::remove_file(&path)?;
            return Err(anyhow!(
                "{} of {name} arrived damaged: wanted the hash {digits}, found {found}. It was thrown \
                 away; the same command fetches it again",
                file.path
            ));
        }
        partial.commit(&blob)?;
        self.done += file.bytes;
        Ok(())
    }

    /// Fetches until all bytes are there; gives back their hash.
    fn bytes(
        &mut self,
        file: &Entry,
        partial: &mut Partial,
        listen: &mut dyn FnMut(News),
    ) -> Result<Sum> {
        let mut tries = Tries::new(self.ask.pause);
        let mut sum = file.digest.begin(file.bytes);
        let mut piece = vec![0; PIECE];
        // What came in an earlier life is hashed from the disk.
        let mut begun = File::open(partial.path())
            .with_context(|| format!("{} cannot be read", partial.path().display()))?;
        let mut left = partial.length();
        while left > 0 {
            let most = left.min(PIECE as u64) as usize;
            begun.read_exact(&mut piece[..most])?;
            sum.add(&piece[..most]);
            left -= most as u64;
        }
        while partial.length() < file.bytes {
            let before = partial.length();
            let opened = self
                .registry
                .open(&self.ask.name, self.commit, &file.path, before);
            let failure = match opened {
                Ok(mut bytes) => {
                    if bytes.from != before {
                        partial.clear()?;
                        sum = file.digest.begin(file.bytes);
                    }
                    loop {
                        match bytes.reader.read(&mut piece) {
                            Ok(0) => break broken(file, partial, "it ended too soon"),
                            Ok(count) => {
                                let room = file.bytes - partial.length();
                                let count = count.min(room.try_into().unwrap_or(usize::MAX));
                                partial.write_all(&piece[..count])?;
                                sum.add(&piece[..count]);
                                self.fetched += count as u64;
                                listen(News::At(self.done + partial.length()));
                                if partial.length() == file.bytes {
                                    return Ok(sum);
                                }
                            }
                            Err(error) => break broken(file, partial, &error.to_string()),
                        }
                    }
                }
                Err(failure) => failure,
            };
            if partial.length() > before {
                tries = Tries::new(self.ask.pause);
            }
            tries.fail(failure, listen)?;
        }
        Ok(sum)
    }
}

fn broken(file: &Entry, partial: &Partial, why: &str) -> Failure {
    let told = anyhow!(
        "the connection broke in {} after {} of {} ({why})",
        file.path,
        size(partial.length()),
        size(file.bytes)
    );
    Failure::Passing(told, None)
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests;
