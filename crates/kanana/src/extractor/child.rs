//! One child that reads pages, seen from the process that asks it.
//!
//! A thread of its own carries questions and answers, because a pipe cannot be waited for with a limit: the asking
//! thread waits for the carrier, and kills the child where that takes too long, which ends the carrier as well.

use std::io::{self, ErrorKind};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use super::frame;

/// What a child says when it has started.
pub(super) const READY: &[u8] = b"ready";
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
    /// It died of this.
    Died(String),
    /// Somebody killed it: the user, or the system where memory ran out.
    Killed,
}

/// A running child.
pub(super) struct Child {
    process: std::process::Child,
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
        match child.answers.recv_timeout(START) {
            Ok(Ok(said)) if said == READY => Ok(Some(child)),
            Ok(Ok(_)) => bail!("{WANTED}: it is another program"),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => match child.fate() {
                End::Killed => Ok(None),
                _ => bail!("{WANTED}: it ended at once, by {}", child.end()),
            },
            Err(RecvTimeoutError::Timeout) => bail!("{WANTED}: it did not get ready"),
        }
    }

    /// Asks for one page, and waits no longer than `wall` for the answer.
    ///
    /// # Errors
    /// There is none, and the child is gone.
    pub(super) fn ask(
        &mut self,
        question: &[u8],
        html: &str,
        wall: Duration,
    ) -> Result<Vec<u8>, End> {
        // Where the carrier is gone, so is the child: that shows below.
        let _ = self.ask.send((question.to_owned(), html.to_owned()));
        match self.answers.recv_timeout(wall) {
            Ok(Ok(answer)) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                self.end();
                Err(End::Waiting)
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(self.fate()),
        }
    }

    /// What became of one that says no more.
    fn fate(&mut self) -> End {
        match self.signal().and_then(|signal| signal.try_into().ok()) {
            Some(Signal::SIGXCPU) => End::Computing,
            Some(Signal::SIGKILL | Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP) => {
                End::Killed
            }
            _ => End::Died(self.end()),
        }
    }

    /// The signal that ended it, once it has ended; it is made to end.
    fn signal(&mut self) -> Option<i32> {
        // One that is dying already dies of what it was dying of.
        self.process.kill().ok();
        self.process.wait().ok().and_then(|status| status.signal())
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
    let mut take = || frame::read(&mut from)?.ok_or_else(|| ErrorKind::UnexpectedEof.into());
    let ready = take();
    let mut well = ready.is_ok();
    let mut heard = answer.send(ready).is_ok();
    while well && heard {
        let Ok((question, html)) = questions.recv() else {
            return;
        };
        let outcome = frame::write(&mut to, &question)
            .and_then(|()| frame::write(&mut to, html.as_bytes()))
            .and_then(|()| take());
        well = outcome.is_ok();
        heard = answer.send(outcome).is_ok();
    }
}
