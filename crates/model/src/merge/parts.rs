//! Parts of a tensor over threads, so that neither memory nor results depend on how many there are.
//!
//! A part is some whole rows, as many as about an eighth of a million numbers take. Parts are cut by
//! the tensor's shape alone and taken in their order: sums of fractions are added in that order,
//! whole counts in any.

use crate::ParameterSpec;
use anyhow::{Context, Result};
use std::ops::Range;
use std::sync::mpsc::sync_channel;

/// Numbers of a part, about.
const NUMBERS: usize = 1 << 17;

/// The parts of a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    numbers: usize,
    of_each: usize,
    /// Numbers of a row; a vector is one row.
    pub(super) row: usize,
}

impl Parts {
    pub(super) fn of(spec: &ParameterSpec) -> Self {
        let row = spec.dimensions.last().copied().unwrap_or(1).max(1);
        Parts {
            numbers: spec.len(),
            of_each: (NUMBERS / row).max(1) * row,
            row,
        }
    }

    pub(super) fn count(self) -> usize {
        self.numbers.div_ceil(self.of_each)
    }

    /// The numbers of one part.
    pub(super) fn range(self, part: usize) -> Range<usize> {
        let start = part * self.of_each;
        start..(start + self.of_each).min(self.numbers)
    }
}

/// Makes `count` things on threads and takes them one by one, in their order; few exist at once.
pub(super) fn in_order<T: Send>(
    threads: usize,
    count: usize,
    make: impl Fn(usize) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let threads = threads.min(count);
    if threads <= 1 {
        return (0..count).try_for_each(|index| take(make(index)?));
    }
    std::thread::scope(|scope| {
        let make = &make;
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (send, receive) = sync_channel(2);
                scope.spawn(move || {
                    for index in (worker..count).step_by(threads) {
                        let made = make(index);
                        let failed = made.is_err();
                        // Nobody listens any more once something has failed.
                        if send.send(made).is_err() || failed {
                            return;
                        }
                    }
                });
                receive
            })
            .collect();
        for index in 0..count {
            let made = workers[index % threads].recv();
            take(made.context("a thread of the merge ended early")??)?;
        }
        Ok(())
    })
}

/// Each thread folds the parts it gets into a value of its own; `join` brings these together, in no
/// particular order.
pub(super) fn folded<T: Send>(
    threads: usize,
    count: usize,
    begin: impl Fn() -> T + Sync,
    step: impl Fn(&mut T, usize) -> Result<()> + Sync,
    join: impl Fn(T, T) -> T,
) -> Result<T> {
    let threads = threads.clamp(1, count.max(1));
    let mut whole: Option<T> = None;
    let one = |worker: usize| {
        let mut value = begin();
        for index in (worker..count).step_by(threads) {
            step(&mut value, index)?;
        }
        Ok(value)
    };
    in_order(threads, threads, one, |value| {
        whole = Some(match whole.take() {
            None => value,
            Some(before) => join(before, value),
        });
        Ok(())
    })?;
    whole.context("nothing was folded")
}
