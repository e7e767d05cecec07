//! What is read of a sequence, on its way through the decoder: which pages it has, and how far it is.

use super::plan::Host;
use crate::pages::{Beginning, Book};
use tensor::POSITIONS;

/// A host on its way.
pub(super) struct Course<'h> {
    pub(super) host: &'h Host,
    /// Positions with keys and values.
    pub(super) done: usize,
    pub(super) pages: Vec<u32>,
    known: usize,
    beginning: Beginning,
    /// By job, as far as they have been read.
    pub(super) scored: Vec<Vec<(f32, bool)>>,
}

impl<'h> Course<'h> {
    pub(super) fn new(host: &'h Host) -> Self {
        Course {
            host,
            done: 0,
            pages: Vec::new(),
            known: 0,
            beginning: Beginning::EMPTY,
            scored: vec![Vec::new(); host.jobs.len()],
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.done == self.host.inputs.len()
    }

    /// Finds pages for the next rows, at most `most`; takes over those that hold what nobody reads
    /// from. How many rows there are pages for.
    pub(super) fn take_rows(&mut self, book: &mut Book, most: usize) -> usize {
        let inputs = &self.host.inputs;
        let first_read = self
            .host
            .jobs
            .iter()
            .map(|job| job.first)
            .min()
            .unwrap_or(0);
        while self.done == self.pages.len() * POSITIONS && self.done + POSITIONS <= first_read {
            let tokens = &inputs[self.done..][..POSITIONS];
            let Some((page, completed)) = book.find(self.beginning, tokens) else {
                break;
            };
            book.hold(page);
            self.pages.push(page);
            self.known += 1;
            self.beginning = completed;
            self.done += POSITIONS;
        }
        let wanted = most.min(inputs.len() - self.done);
        while self.pages.len() * POSITIONS < self.done + wanted {
            let Some(page) = book.take() else { break };
            self.pages.push(page);
        }
        let rows = wanted.min(self.pages.len() * POSITIONS - self.done);
        while (self.known + 1) * POSITIONS <= self.done + rows {
            let tokens = &inputs[self.known * POSITIONS..][..POSITIONS];
            self.beginning = book.register(self.pages[self.known], self.beginning, tokens);
            self.known += 1;
        }
        rows
    }
}
