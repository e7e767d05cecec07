//! How many answers an evaluation had before it asked anybody.

use anyhow::Result;
use evals::{Phase, Watch};

/// Watches on, and counts.
pub(super) struct Kept<'a> {
    watch: &'a mut dyn Watch,
    /// The task and the phase that were seen last.
    seen: Option<(String, Phase)>,
    count: Count,
}

/// Answers that were there already, of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) kept: usize,
    pub(super) all: usize,
}

impl<'a> Kept<'a> {
    pub(super) fn new(watch: &'a mut dyn Watch) -> Self {
        Kept {
            watch,
            seen: None,
            count: Count::default(),
        }
    }

    pub(super) fn count(&self) -> Count {
        self.count
    }
}

impl Watch for Kept<'_> {
    fn progress(&mut self, task: &str, phase: Phase, done: usize, total: usize) -> Result<()> {
        let seen = self.seen.as_ref();
        let fresh = seen.is_none_or(|(name, last)| name != task || *last != phase);
        if fresh {
            self.seen = Some((task.to_owned(), phase));
        }
        // What is done when a phase begins was done before.
        if fresh && matches!(phase, Phase::Ground | Phase::Answers { .. }) {
            self.count.kept += done;
            self.count.all += total;
        }
        self.watch.progress(task, phase, done, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evals::Silent;

    #[test]
    fn what_is_done_when_a_phase_begins_was_there() {
        let mut silent = Silent;
        let mut kept = Kept::new(&mut silent);
        let answers = |turn: usize| Phase::Answers { turn };
        for (task, phase, done, total) in [
            ("a", answers(0), 3, 10),
            ("a", answers(0), 4, 10),
            ("a", answers(0), 10, 10),
            ("a", answers(1), 0, 5),
            ("a", answers(1), 5, 5),
            ("a", Phase::Verdicts, 7, 10),
            ("a", Phase::Scores, 10, 10),
            ("b", Phase::Ground, 2, 2),
            ("b", answers(0), 1, 1),
        ] {
            kept.progress(task, phase, done, total).unwrap();
        }
        assert_eq!(kept.count(), Count { kept: 6, all: 18 });
    }
}
