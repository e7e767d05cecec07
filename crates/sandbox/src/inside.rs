//! The side that goes in: two processes of this very program, the second of which becomes Python's
//! parent.
//!
//! ```text
//! program ─▶ first: becomes nobody where it was root, leaves the namespaces, makes the room
//!              └─▶ second: limits, Landlock, seccomp on itself
//!                     └─▶ Python, which inherits all of it
//! ```
//!
//! Two, because a process enters a new process namespace only by being born into it. The second is
//! its first process: with it, everything that Python started is killed by the kernel. Where there are
//! no namespaces nothing may leave the process group, and the first kills that, also when whoever
//! waits for it is gone. Should the first be killed itself, whoever waits for it kills the group.

mod calls;
mod confine;
mod namespaces;

use crate::Limits;
use crate::python::Python;
use anyhow::{Context, Result, bail};
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, getpgrp, getppid, getuid};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// The words by which the program knows that it is not started by a person.
pub(crate) const FIRST: &str = "--sandbox-first";
const SECOND: &str = "--sandbox-second";

/// Whom root becomes.
const NOBODY: u32 = 65534;

/// Everything a run needs to know, handed on as the one argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    pub(crate) python: Python,
    /// The one folder that may be written.
    pub(crate) room: PathBuf,
    /// The program's text, beside the room.
    pub(crate) program: PathBuf,
    /// Where the end of the run is told, beside the room.
    pub(crate) report: PathBuf,
    /// Whether the first process could leave the namespaces.
    pub(crate) confined: bool,
}

/// What the inside tells the outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Nothing was run, and why.
    Refused(String),
    /// Python ended with this code, or by this signal; whether it had namespaces of its own.
    Ended {
        code: Option<i32>,
        signal: i32,
        confined: bool,
    },
}

/// Does what the command line asks for, if it is the sandbox that asks.
pub(crate) fn enter() {
    let mut words = std::env::args().skip(1);
    let (word, plan) = (words.next(), words.next());
    let step: fn(Plan) -> Result<()> = match word.as_deref() {
        Some(FIRST) => first,
        Some(SECOND) => second,
        _ => return,
    };
    let Some(plan) = plan.and_then(|text| serde_json::from_str::<Plan>(&text).ok()) else {
        std::process::exit(2);
    };
    let report = plan.report.clone();
    if let Err(error) = step(plan) {
        let told =
            open(&report).and_then(|file| tell(&file, &Report::Refused(format!("{error:#}"))));
        std::process::exit(if told.is_ok() { 3 } else { 4 });
    }
    std::process::exit(0);
}

fn first(mut plan: Plan) -> Result<()> {
    let parent = getppid();
    close_inherited()?;
    if getuid().is_root() {
        become_nobody(&plan).context(
            "root must become `nobody` before it runs foreign code, and could not; \
             run as an ordinary user, or with the capabilities to change user",
        )?;
    }
    plan.confined = plan.limits.namespaces && namespaces::leave(&plan)?;
    if plan.confined {
        // with whoever waits for it this ends too, and with it the second and all that is in there;
        // entering namespaces clears it, and without them it would leave nobody to kill the group
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    }
    let mut second = Command::new("/proc/self/exe")
        .arg(SECOND)
        .arg(serde_json::to_string(&plan)?)
        .spawn()
        .context("the sandbox could not start its second process")?;
    let status = end_of(&mut second, || getppid() != parent)?;
    // 0 and 3: it has told how the run ended; a signal: the program may have sent it
    if let Some(code) = status.and_then(|status| status.code())
        && !matches!(code, 0 | 3)
    {
        let fault = format!("the sandbox's second process failed with code {code}");
        tell(&open(&plan.report)?, &Report::Refused(fault))?;
    }
    // whatever is left of the group, this process included
    killpg(getpgrp(), Signal::SIGKILL)?;
    Ok(())
}

/// How the child ended; `None` where it has not when nobody waits for it any more.
fn end_of(child: &mut Child, abandoned: impl Fn() -> bool) -> Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    while !abandoned() {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    Ok(None)
}

/// Closes what whoever started this left open; nothing but the three standard ones is for us.
fn close_inherited() -> Result<()> {
    let entries = std::fs::read_dir("/proc/self/fd").context("open files could not be listed")?;
    // the list itself is open meanwhile, and closed when all is read
    let open: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for file in open.into_iter().filter(|&file| file > 2) {
        nix::unistd::close(file).ok();
    }
    Ok(())
}

fn become_nobody(plan: &Plan) -> Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let folder = plan.room.parent().unwrap_or(Path::new("/"));
    for path in [folder, &plan.room, &plan.program, &plan.report] {
        nix::unistd::chown(path, Some(user), Some(group))
            .with_context(|| format!("{} could not be given away", path.display()))?;
    }
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(group, group, group)?;
    nix::unistd::setresuid(user, user, user)?;
    // a change of user closes /proc/self to the process itself; it must write its maps there
    nix::sys::prctl::set_dumpable(true)?;
    std::fs::metadata(&plan.room).with_context(|| {
        format!(
            "`nobody` cannot reach {}; let TMPDIR name a folder that everybody may enter, such as /tmp",
            plan.room.display()
        )
    })?;
    Ok(())
}

fn second(plan: Plan) -> Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    // orphans stay below this process, where their memory is counted
    nix::sys::prctl::set_child_subreaper(true)?;
    // once it is locked in, this process can open the report no more
    let report = open(&plan.report)?;
    let end = play(&plan).unwrap_or_else(|error| Report::Refused(format!("{error:#}")));
    tell(&report, &end)
}

/// Locks itself in and runs Python to its end.
fn play(plan: &Plan) -> Result<Report> {
    let program = plan.room.join("program.py");
    std::fs::copy(&plan.program, &program).context("the program could not be put into its room")?;
    std::env::set_current_dir(&plan.room)?;
    confine::limit(plan)?;
    let held = confine::lock(plan)?;
    calls::filter(plan.confined, held || plan.confined)?;
    // from here on this process can do no more than the program
    let child = Command::new(&plan.python.executable)
        .args(["-s", "-B", "-X", "utf8"])
        .arg(&program)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", &plan.room)
        .env("TMPDIR", &plan.room)
        .env("LANG", "C.UTF-8")
        // sets come out in the same order today and tomorrow
        .env("PYTHONHASHSEED", "0")
        .env("OMP_NUM_THREADS", "1")
        .env("OPENBLAS_NUM_THREADS", "1")
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => bail!(
            "{} cannot be started in the sandbox: {error}",
            plan.python.executable.display()
        ),
    };
    let status = child.wait()?;
    Ok(Report::Ended {
        code: status.code(),
        signal: status.signal().unwrap_or_default(),
        confined: plan.confined,
    })
}

fn open(report: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_TRUNC;
    nix::fcntl::open(report, flags, Mode::empty())
        .with_context(|| format!("{} could not be opened", report.display()))
}

fn tell(file: &OwnedFd, report: &Report) -> Result<()> {
    nix::unistd::write(file.as_fd(), &serde_json::to_vec(report)?)?;
    Ok(())
}
