//! Runs Python that a model wrote, where it can harm nobody.
//!
//! A program runs in a child that has given up everything before it starts: no network, no file
//! outside its own room but the interpreter's, few processes, little memory, little time. What holds
//! it is the kernel's: Landlock (files, signals, sockets), seccomp (system calls), resource limits,
//! and, where an ordinary user may have them, namespaces. Root first becomes `nobody`. Where the
//! kernel offers no Landlock of version 3 or no seccomp, nothing is run at all.
//!
//! The program that uses this crate starts itself again to make that child, so its `main` begins
//! with [`door`].
//!
//! Deliberately absent: other languages; hiding *that* a file exists (its name can be looked up, its
//! contents and its folder cannot be read); protection from a broken kernel.

#[cfg(target_os = "linux")]
mod inside;
mod python;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod watch;

use anyhow::{Result, bail, ensure};
use python::Python;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a program may use up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Time on the clock of the whole run.
    pub wall: Duration,
    /// Processor time of each process, in whole seconds.
    pub processor: u64,
    /// Memory that all its processes together may occupy, in bytes. Looked at some fifty times a second.
    pub memory: u64,
    /// Address space of each process, in bytes.
    pub addresses: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of its room; also the size of the largest file.
    pub files: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// Bytes of standard output, and as many of standard error.
    pub output: usize,
    /// Whether namespaces are asked for; without them the rest must do, and runs wait for one another.
    pub namespaces: bool,
}

impl Default for Limits {
    /// Ten seconds, one gigabyte, 64 processes: generous to what a benchmark asks for.
    fn default() -> Self {
        Limits {
            wall: Duration::from_secs(10),
            processor: 10,
            memory: 1 << 30,
            addresses: 4 << 30,
            processes: 64,
            files: 64 << 20,
            open_files: 256,
            output: 1 << 20,
            namespaces: true,
        }
    }
}

/// What a program went against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// [`Limits::wall`].
    Wall,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::output`].
    Output,
    /// [`Limits::files`], where the room is a folder of the disk.
    Files,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// By itself, with this code: 0 is well, Python's 1 an exception.
    Ended(i32),
    /// By this signal; 9 and 24 are also what the kernel sends at [`Limits::processor`].
    Killed(i32),
    /// It was stopped.
    Stopped(Bound),
    /// It killed what was to tell how it ended.
    Vanished,
}

/// What came of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What it wrote, with U+FFFD for what is no UTF-8; at most [`Limits::output`].
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
    /// The end as a sentence; empty where it ended well.
    pub why: String,
}

/// A place where programs run; any number at a time.
#[derive(Clone, Debug)]
pub struct Sandbox {
    limits: Limits,
    python: Python,
}

/// Whether `main` began with [`door`].
static OPEN: AtomicBool = AtomicBool::new(false);

/// The way in: the first line of `main` of a program that runs a [`Sandbox`].
///
/// Started as the sandbox's child, this confines itself, runs Python and does not return. Started
/// otherwise it does nothing.
pub fn door() {
    #[cfg(target_os = "linux")]
    inside::enter();
    OPEN.store(true, Ordering::Relaxed);
}

impl Sandbox {
    /// Finds Python and tries it: the first that can be run within these limits.
    ///
    /// # Errors
    /// Sentences: no Python 3.8 or newer, a kernel that cannot confine it, a `main` without [`door`].
    pub fn new(limits: Limits) -> Result<Sandbox> {
        ensure!(
            OPEN.load(Ordering::Relaxed),
            "this program runs no code that a model wrote: its `main` does not begin with sandbox::door()"
        );
        let found = python::find()?;
        let mut refusals = Vec::new();
        for python in found {
            match Sandbox::trial(&limits, &python) {
                Ok(sandbox) => return Ok(sandbox),
                Err(error) => refusals.push(format!("{}: {error:#}", python.executable.display())),
            }
        }
        bail!(
            "no code that a model wrote is run on this machine.\n  {}",
            refusals.join("\n  ")
        )
    }

    /// One program that must do what it always does.
    fn trial(limits: &Limits, python: &Python) -> Result<Sandbox> {
        let generous = Limits {
            wall: limits.wall.max(Duration::from_secs(10)),
            ..limits.clone()
        };
        let (outcome, confined) = go(&generous, python, "print(input() * 2)", "가\n".as_bytes())?;
        ensure!(
            outcome.status == Status::Ended(0) && outcome.stdout == "가가\n",
            "Python does not run in the sandbox: {} {}",
            outcome.why,
            outcome.stderr.trim()
        );
        Ok(Sandbox {
            limits: Limits {
                namespaces: confined,
                ..limits.clone()
            },
            python: python.clone(),
        })
    }

    /// The interpreter.
    pub fn python(&self) -> &Path {
        &self.python.executable
    }

    /// Its version, in words.
    pub fn version(&self) -> &str {
        &self.python.version
    }

    /// What programs may use up; `namespaces` says whether this machine gives them.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same place with other limits.
    #[must_use]
    pub fn within(&self, limits: Limits) -> Sandbox {
        Sandbox {
            limits: Limits {
                namespaces: limits.namespaces && self.limits.namespaces,
                ..limits
            },
            python: self.python.clone(),
        }
    }

    /// Runs a program to its end, whatever that is, and leaves no process and no file of it behind.
    ///
    /// # Errors
    /// Only what hinders the sandbox itself (no room for a folder, a refusal of the kernel); whatever
    /// the program does is an [`Outcome`].
    pub fn run(&self, program: &str, stdin: &[u8]) -> Result<Outcome> {
        Ok(go(&self.limits, &self.python, program, stdin)?.0)
    }
}

#[cfg(target_os = "linux")]
use run::run as go;

#[cfg(not(target_os = "linux"))]
fn go(_: &Limits, _: &Python, _: &str, _: &[u8]) -> Result<(Outcome, bool)> {
    bail!(
        "code that a model wrote runs only on Linux, with Landlock and seccomp; this system has neither"
    )
}
