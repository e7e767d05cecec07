//! Pages of HTML are read in children of this program, so that one that never ends, or ends its process, costs
//! itself alone.
//!
//! A child (`extractor/worker.rs`) is this program started again; it takes pages through a pipe, one after another,
//! and answers with their texts. For each it may use so many seconds of processor time, and the kernel counts them:
//! how busy the machine is, whether it slept, and how many pages are read at once change no verdict. A child that used
//! them up is killed, and the page is `timed_out` if one that read nothing before uses them up as well.
//!
//! A page whose child dies of it is tried again with another one, [`ATTEMPTS`] times in all; then it is `crashed`. A child
//! that is killed from outside, or gone before it had the page, says nothing of the page: after [`KILLS`] of them, with
//! longer and longer pauses between, there is an error and no verdict. So there is where one neither answers nor
//! computes, for [`SLACK`] times as long on the clock and a second time, and at once where none can be started.
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

use anyhow::{Context as _, Result, bail, ensure};
use corpus::{Caps, Extracted, Extractor, Here, Mode, Refusal, Refused};
use serde::{Deserialize, Serialize};

use child::{Child, End, WANTED};
pub(crate) use worker::door;

/// How many times as long a page may take on the clock as in processor time.
const SLACK: u64 = 10;
/// How often a page is tried whose child died.
const ATTEMPTS: usize = 3;
/// How many children may be ended by others, one after another.
const KILLS: u32 = 10;
/// How long is waited after the first of them. It doubles, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

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
    /// What goes wrong on purpose, in the words of the command line.
    pub(crate) fn spoilt(self) -> Option<String> {
        let Spoil { hang_on, crash_on } = SPOIL.get()?;
        let said = [("--hang-on", hang_on), ("--crash-on", crash_on)];
        let said = said.into_iter().filter_map(|(flag, word)| {
            let word = word.as_deref()?;
            Some(format!("{flag} {word}"))
        });
        let said = said.collect::<Vec<_>>().join(" ");
        (!said.is_empty()).then_some(said)
    }

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
            pause: PAUSE,
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
    pause: Duration,
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
        self.fresh()
    }

    /// A child that has read nothing yet.
    fn fresh(&self) -> Result<Child> {
        for kills in 1..=KILLS {
            let mut command = Command::new(&self.program);
            command.args(&self.words);
            if let Some(child) = Child::start(command)? {
                return Ok(child);
            }
            self.pause(kills);
        }
        bail!("{WANTED}: it was killed {KILLS} times before it was ready. Is memory running out?")
    }

    /// Gives a machine that ended so many children time to recover.
    fn pause(&self, kills: u32) {
        let doubled = self.pause.saturating_mul(1 << kills.saturating_sub(1));
        std::thread::sleep(doubled.min(LONGEST_PAUSE));
    }
}

impl Extractor for Watched {
    fn main_text(&self, html: &str, mode: Mode, caps: &Caps) -> Result<Result<Extracted, Refused>> {
        // One that is too large for the pipe is refused by its length, without a look into it.
        if html.len() as u64 > caps.bytes {
            return Here.main_text(html, mode, caps);
        }
        let caps = caps.clone();
        let question = serde_json::to_vec(&Question { mode, caps })?;
        let refused = |refusal, detail| Ok(Err(Refused::new(refusal, detail)));
        let (mut deaths, mut kills, mut waited) = (0, 0, false);
        let mut child = self.child()?;
        loop {
            let used = child.used;
            let mut died = |how: &str| {
                deaths += 1;
                (deaths == ATTEMPTS).then(|| {
                    let times = "times, the last time of";
                    format!("the process that read it died {ATTEMPTS} {times} {how}")
                })
            };
            let crash = match child.ask(&question, html, self.wall) {
                Ok(answer) => {
                    self.idle
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(child);
                    return Ok(answer);
                }
                Err(End::Computing) if !used => {
                    let detail = format!("more than {} s of processor time", self.seconds);
                    return refused(Refusal::TimedOut, detail);
                }
                // What it read before may have left it slower than a fresh one.
                Err(End::Computing) => None,
                // It says nothing of the page that its reader gets no processor to read it with.
                Err(End::Waiting) => {
                    ensure!(
                        !waited,
                        "two processes, one after the other, were given a page to read and neither answered nor used up \
                         {} s of processor time within {} s: the machine gives them too little. Try fewer `--threads`, or \
                         `page_seconds = 0`; nothing that is finished is lost",
                        self.seconds,
                        self.wall.as_secs()
                    );
                    waited = true;
                    None
                }
                Err(End::Nonsense) => died("an answer that is none"),
                Err(End::Died(how)) => died(&how),
                Err(End::Killed(how)) => {
                    kills += 1;
                    ensure!(
                        kills < KILLS,
                        "processes that read pages were ended {KILLS} times from outside before they had read this one, \
                         the last time by {how}, as a system does whose memory runs out: free some, or try fewer \
                         `--threads` or a smaller `caps.bytes`; nothing that is finished is lost"
                    );
                    self.pause(kills);
                    None
                }
            };
            if let Some(detail) = crash {
                return refused(Refusal::Crashed, detail);
            }
            child = self.fresh()?;
        }
    }
}

#[cfg(test)]
mod tests;
