//! Answers that were given before, in a file of one line each.
//!
//! key = blake3(format, identity of the respondent, request, draw), 32 hexadecimal digits. A line is
//! written the moment an answer comes, so a run that dies keeps what it has; half a last line, which a
//! kill may leave, is dropped. Answers that failed are not kept: the next run tries them again.
//!
//! Answers are forgotten only where what they stand on was lost; whoever wants them given anew removes the file.

use super::respondent::{Put, Reply};
use crate::ask::{Answer, Draw, Request};
use anyhow::{Context as _, Result};
use disk::Append;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Raise it when a line would mean something else. 2: answers say whether they were cut off, and which of a
/// server's tokens are an option's is told by the tokens and no longer by the places that the server gives.
const FORMAT: u32 = 2;

/// What has been answered.
#[derive(Debug, Default)]
pub struct Cache {
    known: HashMap<String, Reply>,
    file: Option<(PathBuf, Append)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    reply: Reply,
}

/// The bytes of a file; none where there is none.
fn read(path: &Path) -> Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
        bytes => bytes.with_context(|| {
            format!(
                "cannot read the answers of earlier runs in {}",
                path.display()
            )
        }),
    }
}

impl Cache {
    /// One that lasts as long as the process.
    pub fn in_memory() -> Self {
        Cache::default()
    }

    /// One in a file, which is begun where there is none. Its folder must exist.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = read(path)?;
        let lines = bytes.split(|byte| *byte == b'\n');
        let known = lines
            .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
            .map(|line| (line.key, line.reply))
            .collect();
        let mut file = Append::open(path)?;
        if bytes.last().is_some_and(|last| *last != b'\n') {
            // What follows half a line must not become part of it.
            file.line("")?;
        }
        Ok(Cache {
            known,
            file: Some((path.to_owned(), file)),
        })
    }

    /// Takes the answers under these keys out of a file that nobody has open.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn forget(path: &Path, keys: &HashSet<String>) -> Result<()> {
        let bytes = read(path)?;
        let mut kept = Vec::with_capacity(bytes.len());
        for line in bytes.split(|byte| *byte == b'\n') {
            // Half a line, which a kill leaves, is no answer either.
            if serde_json::from_slice::<Line>(line).is_ok_and(|line| !keys.contains(&line.key)) {
                kept.extend_from_slice(line);
                kept.push(b'\n');
            }
        }
        Ok(disk::write(path, &kept)?)
    }

    /// Where it lies.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// How many answers are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What an answer of this respondent to this request is kept under.
    pub fn key(identity: &str, put: &Put<'_>) -> String {
        let draw = match put.request {
            Request::Complete { .. } | Request::Converse { .. } => put.draw,
            // Nothing is drawn, so it does not matter how.
            Request::Choose { .. } | Request::Measure { .. } | Request::Embed { .. } => {
                Draw::default()
            }
        };
        let asked = serde_json::to_vec(&(FORMAT, identity, put.request, draw))
            .expect("plain data without maps of other keys than strings");
        blake3::hash(&asked).to_hex()[..32].to_owned()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Reply> {
        self.known.get(key)
    }

    pub(super) fn keep(&mut self, key: &str, reply: &Reply) -> Result<()> {
        if matches!(reply.answer, Answer::Failed(_)) {
            return Ok(());
        }
        if let Some((_, file)) = &mut self.file {
            let line = Line {
                key: key.to_owned(),
                reply: reply.clone(),
            };
            file.line(&serde_json::to_string(&line)?)?;
        }
        self.known.insert(key.to_owned(), reply.clone());
        Ok(())
    }
}
