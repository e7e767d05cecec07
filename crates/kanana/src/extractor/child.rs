//! One child that reads pages, seen from the process that asks it.
//!
//! A thread of its own carries questions and answers, because a pipe cannot be waited for with a limit: the asking
//! thread waits for the carrier, and kills the child where that takes too long, which ends the carrier as well.
//! A child says when it has a page, so that what befalls it before is not blamed on the page.

use std::io::{self, ErrorKind};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;

use super::frame;

/// What a child says when it has started.
pub(super) const READY: &[u8] = b"ready";
/// What it says when it has a page and begins to read it.
pub(super) const TAKEN: &[u8] = b"taken";
/// Bytes of either, and of what comes before a page.
const LONGEST_WORD: u64 = 16;
pub(super) const LONGEST_QUESTION: u64 = 64 << 10;
/// In so many pieces a wait is cut. A clock that goes on while this process is stopped, by Ctrl-Z or with its
/// container, ends one of them and not the whole.
const PIECES: u32 = 60;
/// How long it may take to start, on the busiest of machines.
const START: Duration = Duration::from_secs(120);

/// What a child that cannot be started means.
pub(super) const WANTED: &str =
    "a process that reads pages could not be started (with `page_seconds = 0` none is needed)";

/// Why there is no answer. Whatever it is, the child is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It used up its processor time.
    Computing,
    /// It did not answer in time.
    Waiting,
    /// What it says is no answer.
    Nonsense,
    /// It died of this.
    Died(String),
    /// Somebody killed it, the user or the system where memory ran out, or it was gone before it had the page; by what.
    Killed(String),
}

/// How long an answer may be for a page of so many bytes: its text, and as much again for what the page says of
/// itself, in JSON, where a byte may become six.
fn longest_answer(page: usize) -> u64 {
    let most = corpus::longest_text(page.saturating_mul(2)) as u64;
    most.saturating_mul(6).saturating_add(LONGEST_QUESTION)
}

/// A running child.
pub(super) struct Child {
    process: std::process::Child,
    /// What it ended by, once it was waited for.
    ended: Option<ExitStatus>,
    /// Whether it has read a page already.
    pub(super) used: bool,
    /// Question and page.
    ask: Sender<(Vec<u8>, String)>,
    answers: Receiver<io::Result<Vec<u8>>>,
}

impl Child {
    /// Starts it and waits until it is ready; `None` where somebody kills it meanwhile.
    ///
    /// # Errors
    /// It cannot be started, or does not get ready.
    pub(super) fn start(mut command: Command) -> Result<Option<Self>> {
        let process = command
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a parser says when it panics is in the refusal, if it says anything.
            .stderr(Stdio::null())
            // Ctrl-C is for this process, which ends its children when it is done.
            .process_group(0)
            .spawn()
            .context(WANTED)?;
        let (ask, questions) = channel();
        let (answer, answers) = channel();
        let mut child = Self {
            process,
            ended: None,
            used: false,
            ask,
            answers,
        };
        let (Some(to), Some(from)) = (child.process.stdin.take(), child.process.stdout.take())
        else {
            bail!("{WANTED}: it has no pipes");
        };
        std::thread::Builder::new()
            .name("pages".to_owned())
            .spawn(move || carry(&questions, to, from, &answer))
            .context(WANTED)?;
        match child.hear(START) {
            Ok(said) if said == READY => Ok(Some(child)),
            Ok(_) | Err(End::Nonsense) => bail!("{WANTED}: it is another program"),
            Err(End::Killed(_)) => Ok(None),
            Err(End::Waiting) => bail!("{WANTED}: it did not get ready"),
            Err(_) => bail!("{WANTED}: it ended at once, by {}", child.end()),
        }
    }

    /// Asks for one page, and waits no longer than `wall` for the answer.
    ///
    /// # Errors
    /// There is none, and the child is gone.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        question: &[u8],
        html: &str,
        wall: Duration,
    ) -> Result<T, End> {
        // Where the carrier is gone, so is the child: that shows below.
        let _ = self.ask.send((question.to_owned(), html.to_owned()));
        match self.hear(wall) {
            Ok(said) if said == TAKEN => {}
            // A machine that gave it no time is not one that ended it.
            Err(End::Waiting) => return Err(End::Waiting),
            _ => return Err(End::Killed(self.end())),
        }
        let answer = self.hear(wall)?;
        self.used = true;
        serde_json::from_slice(&answer).map_err(|_| {
            self.end();
            End::Nonsense
        })
    }

    /// What it says next.
    fn hear(&mut self, wall: Duration) -> Result<Vec<u8>, End> {
        for _ in 0..PIECES {
            match self.answers.recv_timeout(wall / PIECES) {
                Ok(Ok(said)) => return Ok(said),
                Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                    self.end();
                    return Err(End::Nonsense);
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.fate()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.end();
        Err(End::Waiting)
    }

    /// What became of one that says no more.
    fn fate(&mut self) -> End {
        match self.signal().and_then(|signal| signal.try_into().ok()) {
            Some(Signal::SIGXCPU) => End::Computing,
            Some(Signal::SIGKILL | Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP) => {
                End::Killed(self.end())
            }
            _ => End::Died(self.end()),
        }
    }

    /// The signal that ended it, once it has ended; it is made to end.
    fn signal(&mut self) -> Option<i32> {
        if self.ended.is_none() {
            // One that is dying already dies of what it was dying of. Until it is waited for, its group is there, and
            // nobody else's; whom it started goes with it.
            if let Ok(group) = i32::try_from(self.process.id()) {
                killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
            }
            self.ended = self.process.wait().ok();
        }
        self.ended.and_then(|status| status.signal())
    }

    /// Ends it; what it ended by, in words.
    fn end(&mut self) -> String {
        let signal = self.signal();
        let name = signal.and_then(|number| Signal::try_from(number).ok());
        match (name, signal) {
            (Some(name), _) => name.to_string(),
            (None, Some(number)) => format!("signal {number}"),
            (None, None) => "itself".to_owned(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Carries questions to the child and answers back, until either side is gone.
fn carry(
    questions: &Receiver<(Vec<u8>, String)>,
    mut to: ChildStdin,
    mut from: ChildStdout,
    answer: &Sender<io::Result<Vec<u8>>>,
) {
    let mut take =
        |most| frame::read(&mut from, most)?.ok_or_else(|| ErrorKind::UnexpectedEof.into());
    let ready = take(LONGEST_WORD);
    let mut well = ready.is_ok();
    let mut heard = answer.send(ready).is_ok();
    while well && heard {
        let Ok((question, html)) = questions.recv() else {
            return;
        };
        let taken = frame::write(&mut to, &question)
            .and_then(|()| frame::write(&mut to, html.as_bytes()))
            .and_then(|()| take(LONGEST_WORD));
        well = taken.is_ok();
        heard = answer.send(taken).is_ok();
        if well && heard {
            let outcome = take(longest_answer(html.len()));
            well = outcome.is_ok();
            heard = answer.send(outcome).is_ok();
        }
    }
}
