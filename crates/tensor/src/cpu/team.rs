//! The threads of a device: one caller and its helpers, who share out numbered tasks.
//!
//! Tasks are taken from a counter, so that a thread that the system holds up costs one task's
//! time and not a fixed share. Which thread does a task never changes what the task computes, and
//! that is the whole argument why results do not depend on the number of threads.
//!
//! A helper without work looks out for more for some microseconds ([`LINGER`]), since operations
//! follow closely and waking costs more than a small one takes; then it sleeps, because other
//! programs may want the core. Rayon is not used: its caller sleeps while workers do the work, so
//! every operation would wait for two threads to wake.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::arena::Arena;
use super::array::Number;

/// The threads. Dropping the team ends them.
pub(crate) struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    caller: Mutex<Memory>,
}

/// What the calling thread works with.
struct Memory {
    /// Pieces that all tasks of an operation read, such as a packed matrix.
    common: Arena,
    /// The caller's own pieces when it does a task.
    own: RefCell<Arena>,
}

/// How often a thread looks before it sleeps: some thirty microseconds.
const LINGER: usize = 2000;

struct Shared {
    state: Mutex<State>,
    /// Helpers sleep here until there is a job.
    posted: Condvar,
    /// The caller sleeps here until helpers are done.
    finished: Condvar,
    /// Raised with every job, so that a helper joins each job once. Changes under the lock.
    number: AtomicU64,
    /// Helpers inside the job. Changes under the lock.
    active: AtomicUsize,
}

struct State {
    job: Option<Job>,
    /// Helpers asleep.
    asleep: usize,
    panic: Option<Box<dyn std::any::Any + Send>>,
    quit: bool,
}

/// A pointer to work on the caller's stack. The caller does not return before `active` is 0 and
/// the job is taken down, so no helper sees it dangle.
#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize, &Arena) + Sync),
    next: *const AtomicUsize,
    tasks: usize,
}

// SAFETY: the work is Sync, and the pointers stay valid while helpers can see the job (above).
unsafe impl Send for Job {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panicking task leaves nothing half done that a later operation would read.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Team {
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                job: None,
                asleep: 0,
                panic: None,
                quit: false,
            }),
            posted: Condvar::new(),
            finished: Condvar::new(),
            number: AtomicU64::new(0),
            active: AtomicUsize::new(0),
        });
        let helpers = (1..threads).map(|i| {
            let shared = Arc::clone(&shared);
            let named = std::thread::Builder::new().name(format!("tensor-{i}"));
            named
                .spawn(move || shared.help())
                .expect("the system refused to start a thread")
        });
        Team {
            helpers: helpers.collect(),
            shared,
            caller: Mutex::new(Memory {
                common: Arena::new(),
                own: RefCell::new(Arena::new()),
            }),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// The team for the length of one operation. Two operations at once take turns.
    pub(crate) fn enter(&self) -> Session<'_> {
        let mut memory = lock(&self.caller);
        memory.common.reset();
        Session { team: self, memory }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        lock(&self.shared.state).quit = true;
        self.shared.posted.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches the panics of its tasks, so it ends in order.
            let _ = helper.join();
        }
    }
}

/// One operation's hold on the team.
pub(crate) struct Session<'a> {
    team: &'a Team,
    memory: MutexGuard<'a, Memory>,
}

impl Session<'_> {
    pub(crate) fn threads(&self) -> usize {
        self.team.threads()
    }

    /// Memory for the operation, of unknown contents.
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn take<T: Number>(&self, len: usize) -> &mut [T] {
        self.memory.common.take(len)
    }

    /// The memory itself.
    pub(crate) fn common(&self) -> &Arena {
        &self.memory.common
    }

    /// A part of the operation whose pieces are forgotten after it.
    /// # Safety
    /// As [`Arena::nested`].
    pub(crate) unsafe fn nested(&self, work: impl FnOnce()) {
        // SAFETY: the caller's promise.
        unsafe { self.memory.common.nested(work) }
    }

    /// Does tasks `0..tasks`, each once, on all threads. A task gets an arena of its thread's own.
    pub(crate) fn run(&self, tasks: usize, work: impl Fn(usize, &Arena) + Sync) {
        let next = AtomicUsize::new(0);
        let take_part = || {
            let mut own = self.memory.own.borrow_mut();
            drain(&next, tasks, &work, &mut own);
        };
        if tasks <= 1 || self.threads() == 1 {
            return take_part();
        }
        let shared = &self.team.shared;
        let work: &(dyn Fn(usize, &Arena) + Sync) = &work;
        // SAFETY: only the lifetime is forgotten; the job is taken down below before `work` ends.
        let work = unsafe {
            std::mem::transmute::<
                *const (dyn Fn(usize, &Arena) + Sync + '_),
                *const (dyn Fn(usize, &Arena) + Sync + 'static),
            >(work)
        };
        let mut state = lock(&shared.state);
        state.job = Some(Job {
            work,
            next: &next,
            tasks,
        });
        shared.number.fetch_add(1, Ordering::Release);
        let asleep = state.asleep;
        drop(state);
        for _ in 0..asleep.min(tasks - 1) {
            shared.posted.notify_one();
        }
        let own = catch_unwind(AssertUnwindSafe(take_part));
        let mut state = lock(&shared.state);
        state.job = None;
        if shared.active.load(Ordering::Relaxed) > 0 {
            drop(state);
            linger(|| shared.active.load(Ordering::Acquire) == 0);
            state = lock(&shared.state);
        }
        while shared.active.load(Ordering::Relaxed) > 0 {
            let woken = shared.finished.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let theirs = state.panic.take();
        drop(state);
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }

    /// Cuts `0..len` into stretches of `grain` (the last may be shorter) and does them all.
    pub(crate) fn stretches(
        &self,
        len: usize,
        grain: usize,
        work: impl Fn(Range<usize>, &Arena) + Sync,
    ) {
        self.run(len.div_ceil(grain), |task, arena| {
            let start = task * grain;
            work(start..len.min(start + grain), arena);
        });
    }
}

/// Takes tasks until there are none.
fn drain(
    next: &AtomicUsize,
    tasks: usize,
    work: &(dyn Fn(usize, &Arena) + Sync),
    arena: &mut Arena,
) {
    loop {
        let task = next.fetch_add(1, Ordering::Relaxed);
        if task >= tasks {
            return;
        }
        arena.reset();
        work(task, arena);
    }
}

impl Shared {
    /// The life of a helper.
    fn help(&self) {
        let mut arena = Arena::new();
        let mut seen = 0;
        let mut state = lock(&self.state);
        while !state.quit {
            let number = self.number.load(Ordering::Relaxed);
            let job = state.job.filter(|_| number != seen);
            if let Some(job) = job {
                self.active.fetch_add(1, Ordering::Relaxed);
                drop(state);
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    // SAFETY: `active` was raised while the job stood, so the caller waits for us.
                    let (next, work) = unsafe { (&*job.next, &*job.work) };
                    drain(next, job.tasks, work, &mut arena);
                }));
                state = lock(&self.state);
                if let Err(panic) = outcome {
                    state.panic = Some(panic);
                }
                if self.active.fetch_sub(1, Ordering::Release) == 1 {
                    self.finished.notify_one();
                }
            } else if number == seen {
                state.asleep += 1;
                let woken = self.posted.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                state.asleep -= 1;
                continue;
            }
            seen = number;
            drop(state);
            linger(|| self.number.load(Ordering::Acquire) != seen);
            state = lock(&self.state);
        }
    }
}

/// Waits awake for a short while.
fn linger(done: impl Fn() -> bool) {
    for _ in 0..LINGER {
        if done() {
            return;
        }
        std::hint::spin_loop();
    }
}

/// A slice that several tasks write, each its own part.
pub(crate) struct Parts<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: tasks promise to take disjoint parts (`Parts::slice`).
unsafe impl<T: Send> Sync for Parts<'_, T> {}
// SAFETY: as a mutable slice.
unsafe impl<T: Send> Send for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Parts {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            borrow: PhantomData,
        }
    }

    /// One part.
    /// # Safety
    /// No two parts that are alive at once may overlap.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "part {range:?} of a slice of {}",
            self.len
        );
        // SAFETY: inside the slice; disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once() {
        for threads in [1, 2, 3, 7] {
            let team = Team::new(threads);
            for tasks in [0, 1, 2, 3, 100] {
                let mut done = vec![0u32; tasks];
                let parts = Parts::new(&mut done);
                team.enter().run(tasks, |task, arena| {
                    arena.take::<f32>(100 * task).fill(1.0);
                    // SAFETY: a task takes its own number.
                    unsafe { parts.slice(task..task + 1)[0] += 1 };
                });
                assert!(done.iter().all(|&n| n == 1), "{threads} threads, {tasks}");
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_survives() {
        let team = Team::new(3);
        for _ in 0..3 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.enter().run(10, |task, _| assert_ne!(task, 5));
            }));
            assert!(outcome.is_err());
            team.enter().run(10, |_, _| ());
        }
    }
}
