//! The file: a line of JSON for every answer, found again by a hash of its question.
//!
//! ```text
//! {"request":"32 hex digits","to":"http://…/v1","path":"chat/completions","body":{…},"reply":{…}}
//! {"request":…,"to":…,"path":…,"body":{…},"refused":{"status":400,"said":"…"}}
//! ```
//!
//! `request` is the first half of BLAKE3 of address, path and body. A kill may leave half a line: it is
//! passed over, and closed before the next is written; what is no JSON before the last line is passed over
//! too, and counted. A whole line of another form, or whose hash is not that of its question, was changed
//! by somebody, which is an error. Memory is 40 bytes an answer: the answers themselves stay in the file.

use crate::Usage;
use anyhow::{Context as _, Result, bail, ensure};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Which request: the same address, path and body give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The fingerprint of a request to a caller of this identity.
pub fn fingerprint(identity: &str, path: &str, body: &Value) -> Fingerprint {
    let mut hasher = blake3::Hasher::new();
    for part in [identity, path, &body.to_string()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Fingerprint(half)
}

/// What came back for good.
pub(super) enum Said {
    Reply(Value),
    Refused { status: u16, said: String },
}

#[derive(Serialize)]
struct Line<'a> {
    request: String,
    to: &'a str,
    path: &'a str,
    body: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Declined>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    request: String,
    to: String,
    path: String,
    body: Value,
    reply: Option<Value>,
    refused: Option<Declined>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declined {
    status: u16,
    said: String,
}

/// The journal and its index.
pub(super) struct Transcript {
    path: PathBuf,
    /// Where each answer's line begins, and its bytes without the line break.
    lines: HashMap<Fingerprint, (u64, usize)>,
    bytes: u64,
    journal: Option<disk::Append>,
    /// Whether the last line has no end.
    torn: bool,
    /// Lines that have an end and are no JSON: cut off by a kill and closed since, or damaged.
    pub(super) damaged: u64,
    pub(super) usage: Usage,
}

impl Transcript {
    pub(super) fn open(path: &Path, append: bool) -> Result<Self> {
        let mut transcript = Transcript {
            path: path.to_owned(),
            lines: HashMap::new(),
            bytes: 0,
            journal: None,
            torn: false,
            damaged: 0,
            usage: Usage::default(),
        };
        match File::open(path) {
            Ok(file) => transcript
                .index(file)
                .with_context(|| format!("the transcript {}", path.display()))?,
            Err(error) if append && error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
        if append {
            transcript.journal = Some(disk::Append::open(path)?);
        }
        Ok(transcript)
    }

    fn index(&mut self, file: File) -> Result<()> {
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let start = self.bytes;
            self.bytes += line.len() as u64;
            self.torn = line.pop_if(|last| *last == b'\n').is_none();
            let entry = match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) => entry,
                Err(error) if serde_json::from_slice::<IgnoredAny>(&line).is_ok() => bail!(
                    "line {number} is not of a transcript's form: {error}; take the line away, and what it \
                     answered is asked again"
                ),
                // Half a line is what a kill leaves; the next attempt ends it.
                Err(_) => {
                    self.damaged += u64::from(!self.torn && !line.trim_ascii().is_empty());
                    continue;
                }
            };
            let request = fingerprint(&entry.to, &entry.path, &entry.body);
            ensure!(
                request.to_string() == entry.request,
                "line {number} was changed: its question is not the one that was asked; take the line away, \
                 and it is asked again"
            );
            let usage = entry.reply.as_ref().and_then(Usage::of);
            self.count(usage);
            self.lines.insert(request, (start, line.len()));
        }
        Ok(())
    }

    fn count(&mut self, reported: Option<Usage>) {
        self.usage.add(reported.unwrap_or(Usage {
            calls: 1,
            ..Usage::default()
        }));
    }

    pub(super) fn holds(&self, request: Fingerprint) -> bool {
        self.lines.contains_key(&request)
    }

    /// The line of an answer, without its end.
    pub(super) fn line(&self, request: Fingerprint) -> Result<Option<String>> {
        let Some(&(start, length)) = self.lines.get(&request) else {
            return Ok(None);
        };
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(start))?;
            let mut line = String::with_capacity(length);
            file.take(length as u64).read_to_string(&mut line)?;
            Ok(line)
        };
        let line = read().with_context(|| format!("cannot read {}", self.path.display()))?;
        Ok(Some(line))
    }

    pub(super) fn read(&self, request: Fingerprint) -> Result<Option<Said>> {
        let Some(line) = self.line(request)? else {
            return Ok(None);
        };
        let entry: Entry = serde_json::from_str(&line)
            .with_context(|| format!("{} changed while it was in use", self.path.display()))?;
        Ok(Some(match (entry.reply, entry.refused) {
            (Some(reply), None) => Said::Reply(reply),
            (None, Some(Declined { status, said })) => Said::Refused { status, said },
            _ => bail!(
                "the transcript {} says both or neither of `reply` and `refused` to the request {request}",
                self.path.display()
            ),
        }))
    }

    /// Appends an answer.
    pub(super) fn add(
        &mut self,
        request: Fingerprint,
        to: &str,
        path: &str,
        body: &Value,
        said: &Said,
    ) -> Result<()> {
        let (reply, refused) = match said {
            Said::Reply(reply) => (Some(reply), None),
            Said::Refused { status, said } => {
                let (status, said) = (*status, said.clone());
                (None, Some(Declined { status, said }))
            }
        };
        let line = serde_json::to_string(&Line {
            request: request.to_string(),
            to,
            path,
            body,
            reply,
            refused,
        })?;
        let journal = self
            .journal
            .as_mut()
            .context("this transcript is only read")?;
        if self.torn {
            journal.line("")?;
            self.torn = false;
            self.bytes += 1;
        }
        if let Err(error) = journal.line(&line) {
            // Nobody knows how much of it was written: what comes after must not be found by its place.
            self.journal = None;
            return Err(error.into());
        }
        self.lines.insert(request, (self.bytes, line.len()));
        self.bytes += line.len() as u64 + 1;
        self.count(reply.and_then(Usage::of));
        Ok(())
    }
}
