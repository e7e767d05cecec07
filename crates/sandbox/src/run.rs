//! The side that stays outside: makes the room, starts the child, watches it, takes what it wrote.

use crate::inside::{Plan, Report};
use crate::python::Python;
use crate::watch;
use crate::{Bound, Limits, Outcome, Status};
use anyhow::{Context, Result, bail};
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long is waited for the last bytes of a run whose processes are dead.
const GRACE: Duration = Duration::from_secs(5);

/// Without namespaces the kernel counts the processes of all runs of a user together: one at a time,
/// or one fork bomb would fail an honest neighbour.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a program; also says whether it had namespaces of its own.
pub(crate) fn run(
    limits: &Limits,
    python: &Python,
    program: &str,
    stdin: &[u8],
) -> Result<(Outcome, bool)> {
    let _alone = (!limits.namespaces).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    let folder = tempfile::Builder::new()
        .prefix("kanana-")
        .tempdir()
        .context("no folder for a program to run in could be made")?;
    // Python names its own file in every traceback: a path of links would read strangely
    let outside = folder.path().canonicalize()?;
    let plan = Plan {
        limits: limits.clone(),
        python: python.clone(),
        room: outside.join("room"),
        program: outside.join("program.py"),
        report: outside.join("report.json"),
        confined: false,
    };
    std::fs::create_dir(&plan.room)?;
    put(&plan.program, program.as_bytes())?;
    put(&plan.report, b"")?;
    let outcome = watched(&plan, stdin);
    sweep(&plan.room);
    let outcome = outcome?;
    // what a hostile program left may resist; the next run has a room of its own
    folder.close().ok();
    Ok(outcome)
}

/// Writes a file that nobody else knows of yet, and that is not to outlive the run.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = nix::fcntl::open(
        path,
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC,
        Mode::from_bits_truncate(0o644),
    )
    .with_context(|| format!("{} could not be written", path.display()))?;
    let mut file = std::fs::File::from(file);
    file.write_all(bytes)?;
    Ok(())
}

fn watched(plan: &Plan, stdin: &[u8]) -> Result<(Outcome, bool)> {
    let mut child = Command::new("/proc/self/exe")
        .arg(crate::inside::FIRST)
        .arg(serde_json::to_string(plan)?)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // a group of its own: one signal reaches all of it
        .process_group(0)
        .spawn()
        .context("the sandbox's child could not be started (is /proc mounted?)")?;
    feed(&mut child, stdin);
    let full = Arc::new(AtomicBool::new(false));
    let stdout = collect(child.stdout.take(), plan.limits.output, &full);
    let stderr = collect(child.stderr.take(), plan.limits.output, &full);
    let stopped = watch::until_it_ends(&mut child, plan, &full);
    let group = Pid::from_raw(i32::try_from(child.id())?);
    // also where the child ended by itself: somebody else may have killed it, and it alone
    killpg(group, Signal::SIGKILL).ok();
    child.wait()?;
    until_gone(group);
    let stopped = stopped?;
    let stdout = take(&stdout);
    let stderr = take(&stderr);
    let report = std::fs::read_to_string(&plan.report)?;
    // the output may have grown full in the very last moment
    let stopped = stopped.or(full.load(Ordering::Relaxed).then_some(Bound::Output));
    let report: Result<Report, _> = serde_json::from_str(&report);
    let confined = matches!(report, Ok(Report::Ended { confined: true, .. }));
    let status = match (stopped, report) {
        (_, Ok(Report::Refused(why))) => bail!("{why}"),
        (Some(bound), _) => Status::Stopped(bound),
        (None, Ok(Report::Ended { code, signal, .. })) => {
            code.map_or(Status::Killed(signal), Status::Ended)
        }
        (None, Err(_)) => Status::Vanished,
    };
    let why = sentence(status, &plan.limits, &stderr);
    let outcome = Outcome {
        status,
        stdout,
        stderr,
        why,
    };
    Ok((outcome, confined))
}

/// Hands over the standard input, however long it is and however little of it is read.
fn feed(child: &mut Child, stdin: &[u8]) {
    if let Some(mut pipe) = child.stdin.take() {
        let bytes = stdin.to_vec();
        // it ends when the last reader is gone, and all readers are killed
        std::thread::spawn(move || pipe.write_all(&bytes).ok());
    }
}

/// Reads to the end, keeps `limit` bytes and says when there are more.
fn collect(
    pipe: Option<impl Read + Send + 'static>,
    limit: usize,
    full: &Arc<AtomicBool>,
) -> Receiver<Vec<u8>> {
    let (give, receive) = channel();
    let full = full.clone();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = [0u8; 1 << 14];
        if let Some(mut pipe) = pipe {
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                let room = limit - kept.len();
                kept.extend_from_slice(&buffer[..read.min(room)]);
                if read > room {
                    full.store(true, Ordering::Relaxed);
                }
            }
        }
        give.send(kept).ok();
    });
    receive
}

fn take(receive: &Receiver<Vec<u8>>) -> String {
    let bytes = receive.recv_timeout(GRACE).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits a moment for a group that was killed: nothing of it is to move files about any more.
fn until_gone(group: Pid) {
    for _ in 0..500 {
        if killpg(group, None).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes every folder of the room one that can be emptied: a program may have forbidden it.
fn sweep(room: &Path) {
    let mut folders = vec![room.to_owned()];
    while let Some(folder) = folders.pop() {
        // never what a link names
        let flag = FchmodatFlags::NoFollowSymlink;
        fchmodat(AT_FDCWD, &folder, Mode::S_IRWXU, flag).ok();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
}

/// The end of a run, for people.
fn sentence(status: Status, limits: &Limits, stderr: &str) -> String {
    match status {
        Status::Ended(0) => String::new(),
        Status::Ended(code) => {
            let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
            last.map_or_else(
                || format!("it ended with code {code}"),
                |line| line.trim().chars().take(300).collect(),
            )
        }
        Status::Killed(24) => format!("it used {} s of processor time", limits.processor),
        Status::Killed(9) => "signal 9 ended it: itself, or its limit of processor time".to_owned(),
        Status::Killed(signal) => format!("signal {signal} ended it"),
        Status::Stopped(Bound::Wall) => format!("it ran longer than {:?}", limits.wall),
        Status::Stopped(Bound::Memory) => {
            format!(
                "it occupied more than {} MiB of memory",
                limits.memory >> 20
            )
        }
        Status::Stopped(Bound::Output) => format!("it wrote more than {} bytes", limits.output),
        Status::Stopped(Bound::Files) => {
            format!("it filled its room of {} MiB", limits.files >> 20)
        }
        Status::Vanished => "it killed the process that watched over it".to_owned(),
    }
}
