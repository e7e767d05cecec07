//! Fail points: every create, write, rename, fsync and removal is counted, and the
//! k-th of them can be made to fail, to kill the process, or to be the last that works.
//!
//! Each is also a point of the crate `fail` under the names below, where a test wants
//! one kind of event only: `fail::cfg("disk::sync", "return(EIO)")`.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

/// A file or folder is about to be created or opened for writing.
pub const CREATE: &str = "disk::create";
/// Bytes are about to be handed to the operating system.
pub const WRITE: &str = "disk::write";
/// A name is about to change.
pub const RENAME: &str = "disk::rename";
/// A file or folder is about to be synced.
pub const SYNC: &str = "disk::sync";
/// A file or folder is about to be removed.
pub const REMOVE: &str = "disk::remove";

/// What happens at the chosen event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the events are only counted.
    Count,
    /// The event fails once. `StorageFull` is what a full disk says (ENOSPC), `Other`
    /// what a broken one says (EIO).
    Error(ErrorKind),
    /// This event and all later ones fail, clean-up included: what the disk holds
    /// afterwards is what a kill at this moment would have left.
    Stop,
    /// The process aborts.
    Abort,
}

/// Whose events count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those of every thread.
    Process,
    /// Those of the thread that armed the fault: other tests go on undisturbed.
    Thread,
}

/// An armed fault; dropping it disarms. Only one is armed at a time: a second `arm`
/// waits for the first to go.
#[derive(Debug)]
pub struct Armed(#[expect(dead_code, reason = "held for its drop")] MutexGuard<'static, ()>);

impl Armed {
    /// The events counted since the fault was armed.
    pub fn seen(&self) -> u64 {
        plan().seen
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        *plan() = Plan::NONE;
        ARMED.store(false, Ordering::SeqCst);
    }
}

/// Arms `fault` at the k-th event from now, counted from 1.
pub fn arm(fault: Fault, k: u64, reach: Reach) -> Armed {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    *plan() = Plan {
        fault,
        at: k,
        thread: (reach == Reach::Thread).then(|| std::thread::current().id()),
        seen: 0,
    };
    ARMED.store(true, Ordering::SeqCst);
    Armed(turn)
}

/// The k-th event of this process from now on, on any thread, kills it.
pub fn arm_abort(k: u64) {
    std::mem::forget(arm(Fault::Abort, k, Reach::Process));
}

/// The k-th event from now on, on any thread, fails once with this error.
pub fn arm_error(k: u64, kind: ErrorKind) -> Armed {
    arm(Fault::Error(kind), k, Reach::Process)
}

/// All events of this process so far.
pub fn events() -> u64 {
    EVENTS.load(Ordering::Relaxed)
}

static EVENTS: AtomicU64 = AtomicU64::new(0);
static ARMED: AtomicBool = AtomicBool::new(false);
static PLAN: Mutex<Plan> = Mutex::new(Plan::NONE);

struct Plan {
    fault: Fault,
    at: u64,
    thread: Option<ThreadId>,
    seen: u64,
}

impl Plan {
    const NONE: Plan = Plan {
        fault: Fault::Count,
        at: 0,
        thread: None,
        seen: 0,
    };

    fn concerns_me(&self) -> bool {
        self.thread
            .is_none_or(|thread| thread == std::thread::current().id())
    }
}

fn plan() -> MutexGuard<'static, Plan> {
    PLAN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts an event and fails where it was told to.
pub(crate) fn event(point: &'static str) -> io::Result<()> {
    fail::fail_point!(point, |argument| Err(match argument.as_deref() {
        Some("ENOSPC") => error(ErrorKind::StorageFull, point),
        _ => error(ErrorKind::Other, point),
    }));
    EVENTS.fetch_add(1, Ordering::Relaxed);
    if !ARMED.load(Ordering::SeqCst) {
        return Ok(());
    }
    let mut plan = plan();
    if !plan.concerns_me() {
        return Ok(());
    }
    plan.seen += 1;
    match plan.fault {
        Fault::Error(kind) if plan.seen == plan.at => Err(error(kind, point)),
        Fault::Stop if plan.seen >= plan.at => Err(io::Error::other(format!(
            "stopped by a test at {point}, event {}",
            plan.at
        ))),
        Fault::Abort if plan.seen == plan.at => std::process::abort(),
        _ => Ok(()),
    }
}

/// Whether a test has stopped this thread's disk, so that not even clean-up may happen.
pub(crate) fn stopped() -> bool {
    if !ARMED.load(Ordering::SeqCst) {
        return false;
    }
    let plan = plan();
    plan.fault == Fault::Stop && plan.concerns_me() && plan.seen >= plan.at
}

/// The error as the operating system words it, where it has a word for it.
fn error(kind: ErrorKind, point: &str) -> io::Error {
    match kind {
        #[cfg(unix)]
        ErrorKind::StorageFull => io::Error::from_raw_os_error(28),
        #[cfg(unix)]
        ErrorKind::Other => io::Error::from_raw_os_error(5),
        kind => io::Error::new(kind, format!("made to fail by a test at {point}")),
    }
}
