//! Scores on several threads: a score may be long work, such as running a program that a model wrote.

use super::respondent::{Phase, Watch};
use crate::outcome::Question;
use crate::task::{Score, Task};
use anyhow::Result;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Scores every question.
pub(super) fn score(
    task: &dyn Task,
    questions: &mut [Question],
    threads: usize,
    watch: &mut dyn Watch,
) -> Result<()> {
    let name = &task.about().name;
    let total = questions.len();
    let mut scores: Vec<Option<Score>> = vec![None; total];
    {
        let (asked, next, stop) = (&*questions, &AtomicUsize::new(0), &AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            for _ in 0..threads.clamp(1, total.max(1)) {
                let send = send.clone();
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(one) = asked.get(at) else { break };
                        let score = task.score(&one.ask, &one.answers, &one.judged);
                        if send.send((at, score)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(send);
            for (done, (at, score)) in receive.iter().enumerate() {
                scores[at] = Some(score);
                watch
                    .progress(name, Phase::Scores, done + 1, total)
                    .inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            }
            anyhow::Ok(())
        })?;
    }
    for (question, score) in questions.iter_mut().zip(scores) {
        question.score = score.expect("every question is scored, or a thread has panicked");
    }
    Ok(())
}
