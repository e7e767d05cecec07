//! Many things at once, and their results in the order in which they were asked.
//!
//! Threads that wait for a network, not for processors: more of them than there are cores is the point.

use anyhow::Result;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError, mpsc};

/// Results that wait for a slower one before them, for each thread.
const AHEAD: usize = 8;

/// Does `work` on every task, on at most `bound` threads, and hands the results to `take` in the order of
/// the tasks. Tasks are drawn from their iterator as they are needed, on this thread, as `take` runs on it.
///
/// # Errors
/// The first of `take`: then nothing further is begun, and what is under way is waited for.
///
/// # Panics
/// If `work` does.
pub fn in_order<T: Send, R: Send>(
    bound: usize,
    tasks: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let bound = bound.max(1);
    let (give, given) = mpsc::channel::<(u64, T)>();
    let given = &Mutex::new(given);
    let work = &work;
    std::thread::scope(|scope| {
        // Owned here: when this closure ends, however it does, the threads see that nothing comes any
        // more, and that nobody wants what they have.
        let give = give;
        let (hand, handed) = mpsc::channel();
        let mut tasks = tasks.into_iter();
        let (mut begun, mut taken) = (0_u64, 0_u64);
        let mut early = BTreeMap::new();
        let mut threads = 0;
        loop {
            while begun - taken < (bound * AHEAD) as u64 {
                let Some(task) = tasks.next() else { break };
                if threads < bound {
                    threads += 1;
                    let hand = hand.clone();
                    scope.spawn(move || {
                        loop {
                            let next = given.lock().unwrap_or_else(PoisonError::into_inner).recv();
                            let Ok((index, task)) = next else { break };
                            let result = catch_unwind(AssertUnwindSafe(|| work(task)));
                            if hand.send((index, result)).is_err() {
                                break;
                            }
                        }
                    });
                }
                // The receiver outlives this loop.
                let _ = give.send((begun, task));
                begun += 1;
            }
            if begun == taken {
                return Ok(());
            }
            let result = match early.remove(&taken) {
                Some(result) => result,
                None => match handed.recv() {
                    Ok((index, result)) if index == taken => result,
                    Ok((index, result)) => {
                        early.insert(index, result);
                        continue;
                    }
                    Err(_) => unreachable!("a sender lives on this thread"),
                },
            };
            taken += 1;
            match result {
                Ok(result) => take(result)?,
                Err(panic) => resume_unwind(panic),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn results_come_in_order_and_never_too_many_at_once(
            pauses in proptest::collection::vec(0_u64..3, 0..60), bound in 1_usize..9,
        ) {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut came = Vec::new();
            in_order(bound, pauses.iter().enumerate(), |(index, pause)| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(*pause));
                now.fetch_sub(1, Ordering::SeqCst);
                index
            }, |index| { came.push(index); Ok(()) }).expect("no error");
            prop_assert_eq!(came, (0..pauses.len()).collect::<Vec<_>>());
            prop_assert!(most.load(Ordering::SeqCst) <= bound);
        }
    }

    #[test]
    fn an_error_ends_it_and_an_endless_line_of_tasks_is_not_read_far() {
        let drawn = AtomicUsize::new(0);
        let tasks = (0..).inspect(|_| {
            drawn.fetch_add(1, Ordering::SeqCst);
        });
        let end = in_order(
            4,
            tasks,
            |task: u32| task,
            |task| match task {
                10 => bail!("열째"),
                _ => Ok(()),
            },
        );
        assert_eq!(end.expect_err("ended").to_string(), "열째");
        assert!(drawn.load(Ordering::SeqCst) <= 11 + 4 * AHEAD);
    }

    #[test]
    fn a_panic_is_passed_on() {
        let end = catch_unwind(|| in_order(3, 0..50, |task| assert_ne!(task, 20), |()| Ok(())));
        assert!(end.is_err());
    }
}
