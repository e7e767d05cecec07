//! A transcript around a caller: what was asked once is answered from the file ever after.
//!
//! The same request at the same time waits for the first one's reply, so that a transcript never holds
//! two answers to one question; whoever wants several draws of one question tells them apart in the body
//! (`seed`, or `n` at once). Replies and declined requests are kept; faults of the connection are not.
//! A transcript that is part of an artifact is written anew in the order of the work
//! ([`Recorded::write`]): the journal itself lies in the order in which replies happened to come.

#[cfg(test)]
mod tests;
mod transcript;

use crate::{Budget, Caller, Refused, Usage};
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use transcript::{Said, Transcript};

pub use transcript::{Fingerprint, fingerprint};

/// A caller with a transcript and a budget.
pub struct Recorded<C> {
    /// `None` replays alone.
    caller: Option<C>,
    identity: String,
    budget: Budget,
    state: Mutex<State>,
    landed: Condvar,
}

struct State {
    transcript: Transcript,
    flying: HashSet<Fingerprint>,
    asked: u64,
}

impl<C: Caller> Recorded<C> {
    /// Goes on with the journal at `path`, which need not be there.
    ///
    /// # Errors
    /// A journal that cannot be read or written, or whose lines were changed.
    pub fn open(caller: C, path: &Path, budget: Budget) -> Result<Self> {
        let identity = caller.identity();
        let transcript = Transcript::open(path, true)?;
        Ok(Recorded::new(Some(caller), identity, transcript, budget))
    }

    /// Answers from the transcript at `path` as `identity` did; what is not in it is an error.
    ///
    /// # Errors
    /// A transcript that cannot be read, or whose lines were changed.
    pub fn replay(identity: &str, path: &Path) -> Result<Self> {
        let transcript = Transcript::open(path, false)?;
        let identity = identity.to_owned();
        Ok(Recorded::new(None, identity, transcript, Budget::default()))
    }

    fn new(caller: Option<C>, identity: String, transcript: Transcript, budget: Budget) -> Self {
        Recorded {
            caller,
            identity,
            budget,
            state: Mutex::new(State {
                transcript,
                flying: HashSet::new(),
                asked: 0,
            }),
            landed: Condvar::new(),
        }
    }

    /// What the transcript holds: calls and tokens of all attempts.
    pub fn usage(&self) -> Usage {
        self.state().transcript.usage
    }

    /// Calls that went out of this process and were answered; the others came from the transcript.
    pub fn asked(&self) -> u64 {
        self.state().asked
    }

    /// Lines of the transcript that could not be read and were passed over; half a line at its end is none.
    pub fn damaged(&self) -> u64 {
        self.state().transcript.damaged
    }

    /// Whether a request has its answer already.
    pub fn holds(&self, fingerprint: Fingerprint) -> bool {
        self.state().transcript.holds(fingerprint)
    }

    /// Writes a transcript of exactly these requests, each at its first place, atomically.
    ///
    /// # Errors
    /// One that was never answered; a disk that fails.
    pub fn write(
        &self,
        requests: impl IntoIterator<Item = Fingerprint>,
        path: &Path,
    ) -> Result<()> {
        let mut file = disk::AtomicFile::create(path)?;
        let mut written = HashSet::new();
        for request in requests {
            if written.insert(request) {
                let line = self.state().transcript.line(request)?;
                let line = line.with_context(|| {
                    format!("the request {request} was never answered (a bug of the program)")
                })?;
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
            }
        }
        Ok(file.commit()?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self, said: Said) -> Result<Value> {
        match said {
            Said::Reply(reply) => Ok(reply),
            Said::Refused { status, said } => Err(anyhow!(Refused {
                who: self.identity.clone(),
                status,
                said
            })),
        }
    }
}

impl<C: Caller> Caller for Recorded<C> {
    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        let path = path.trim_start_matches('/');
        let request = fingerprint(&self.identity, path, body);
        let mut state = self.state();
        loop {
            if let Some(said) = state.transcript.read(request)? {
                drop(state);
                return self.said(said);
            }
            let Some(_) = self.caller else {
                let why = match state.transcript.damaged {
                    0 => "it was made for other questions".to_owned(),
                    damaged => format!(
                        "it was made for other questions, or the reply stood in what is damaged, {damaged} of \
                         its lines"
                    ),
                };
                bail!(
                    "the transcript holds no reply to this request to {}/{path}: {why}",
                    self.identity
                );
            };
            if !state.flying.contains(&request) {
                break;
            }
            let woken = self.landed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let flying = state.flying.len() as u64;
        self.budget.allows(state.transcript.usage, flying)?;
        state.flying.insert(request);
        drop(state);

        // Taken back however the call ends, a panic of the caller included: others may wait for it.
        let landing = Landing { of: self, request };
        let caller = self.caller.as_ref().context("a caller")?;
        let said = match caller.call(path, body) {
            Ok(reply) => Said::Reply(reply),
            Err(error) => match error.downcast::<Refused>() {
                Ok(Refused { status, said, .. }) => Said::Refused { status, said },
                Err(error) => return Err(error),
            },
        };
        let mut state = self.state();
        state
            .transcript
            .add(request, &self.identity, path, body, &said)?;
        state.asked += 1;
        // With the line, or a budget would count the call twice for a moment.
        state.flying.remove(&request);
        drop(state);
        drop(landing);
        if let Said::Reply(reply) = &said {
            self.budget.can_count(reply)?;
        }
        self.said(said)
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}

/// A call under way.
struct Landing<'a, C: Caller> {
    of: &'a Recorded<C>,
    request: Fingerprint,
}

impl<C: Caller> Drop for Landing<'_, C> {
    fn drop(&mut self) {
        self.of.state().flying.remove(&self.request);
        self.of.landed.notify_all();
    }
}
