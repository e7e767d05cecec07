//! Pages of HTML are read in children of this program, so that one that never ends, or ends its process, costs
//! itself alone.
//!
//! A child (`extractor/worker.rs`) is this program started again; it takes pages through a pipe, one after another,
//! and answers with their texts. For each it may use so many seconds of processor time, and the kernel counts them:
//! how busy the machine is, whether it slept, and how many pages are read at once change no verdict. A child that
//! waits instead of computing has [`SLACK`] times as long on the clock. Either way it is killed, the page is
//! `timed_out`, and the next page has a child of its own.
//!
//! A child that dies of something else is tried again with another one: [`ATTEMPTS`] times, and [`KILLS`] times where it
//! was killed from outside, which need not be the page's fault. Then the page is `crashed`. That a child cannot be
//! started at all is an error: it says nothing of a page.
//!
//! This is the only place where time decides what an artifact holds. A page that ends in time gives the bytes that
//! [`corpus::Here`] gives. Deliberately absent: a limit of memory, which would depend on the allocator; pages that
//! are not HTML, whose parsers are our own and bounded.

mod child;
mod frame;
mod worker;

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use corpus::{Caps, Extracted, Extractor, Here, Mode, Refusal, Refused};
use serde::{Deserialize, Serialize};

use child::{Child, End, WANTED};
pub(crate) use worker::door;

/// How many times as long a page may take on the clock as in processor time.
const SLACK: u64 = 10;
/// How often a page is tried whose child died.
const ATTEMPTS: usize = 3;
/// How often one is tried whose child was killed.
const KILLS: usize = 10;

/// What a child is told when it starts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Order {
    seconds: u64,
    spoil: Spoil,
}

/// What a test lets go wrong: pages with these words in them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spoil {
    /// Reading it never ends.
    pub(crate) hang_on: Option<String>,
    /// The child dies of it.
    pub(crate) crash_on: Option<String>,
}

static SPOIL: OnceLock<Spoil> = OnceLock::new();

/// Lets children of this process go wrong from now on.
pub(crate) fn arm(spoil: Spoil) {
    // Armed once, by the command line.
    let _ = SPOIL.set(spoil);
}

/// What a question says before the page itself.
#[derive(Serialize, Deserialize)]
struct Question {
    mode: Mode,
    caps: Caps,
}

/// Where pages are read; the runner hands it to stages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extractors;

impl Extractors {
    /// Readers of pages that give each so many seconds of processor time; with 0 it is this process.
    pub(crate) fn within(self, seconds: u64) -> Result<Box<dyn Extractor>> {
        if seconds == 0 {
            return Ok(Box::new(Here));
        }
        let order = Order {
            seconds,
            spoil: SPOIL.get().cloned().unwrap_or_default(),
        };
        let words = vec![worker::WORD.to_owned(), serde_json::to_string(&order)?];
        Ok(Box::new(Watched {
            program: this_program()?,
            words,
            seconds,
            wall: Duration::from_secs(seconds.saturating_mul(SLACK)),
            idle: Mutex::default(),
        }))
    }
}

/// The program that runs, though its file may have been exchanged since.
fn this_program() -> Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe().context("this program does not know where it lies"),
    }
}

/// Children that read pages, as many as there are threads that ask.
struct Watched {
    program: PathBuf,
    words: Vec<String>,
    seconds: u64,
    wall: Duration,
    idle: Mutex<Vec<Child>>,
}

impl Watched {
    /// A child that has nothing to do, or a fresh one.
    fn child(&self) -> Result<Child> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(child) = idle {
            return Ok(child);
        }
        for _ in 0..KILLS {
            let mut command = Command::new(&self.program);
            command.args(&self.words);
            if let Some(child) = Child::start(command)? {
                return Ok(child);
            }
        }
        bail!("{WANTED}: it was killed {KILLS} times before it was ready. Is memory running out?")
    }
}

impl Extractor for Watched {
    fn main_text(&self, html: &str, mode: Mode, caps: &Caps) -> Result<Result<Extracted, Refused>> {
        let caps = caps.clone();
        let question = serde_json::to_vec(&Question { mode, caps })?;
        let crashed = |detail| Ok(Err(Refused::new(Refusal::Crashed, detail)));
        let (mut deaths, mut kills) = (0, 0);
        loop {
            let mut child = self.child()?;
            match child.ask(&question, html, self.wall) {
                Ok(answer) => {
                    self.idle
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(child);
                    return serde_json::from_slice(&answer)
                        .context("a process that reads pages answered with something else");
                }
                Err(End::Computing) => {
                    let detail = format!("more than {} s of processor time", self.seconds);
                    return Ok(Err(Refused::new(Refusal::TimedOut, detail)));
                }
                Err(End::Waiting) => {
                    let detail = format!("no answer within {} s", self.wall.as_secs());
                    return Ok(Err(Refused::new(Refusal::TimedOut, detail)));
                }
                Err(End::Died(how)) => {
                    deaths += 1;
                    if deaths == ATTEMPTS {
                        let times = "times, the last time of";
                        return crashed(format!(
                            "the process that read it died {ATTEMPTS} {times} {how}"
                        ));
                    }
                }
                Err(End::Killed) => {
                    kills += 1;
                    if kills == KILLS {
                        return crashed(format!(
                            "the process that read it was killed {KILLS} times, as a system does whose memory runs out"
                        ));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
