//! Going back: the last good state again, without the documents of the batch that tripped the guard.
//!
//! What is left out is a matter of batches (see [`guard`](crate::guard)) and so of ranges of
//! documents; they are named in the record, and giving up names them too.

use anyhow::{Result, bail};
use tensor::Backward;

use super::Run;
use crate::{Cursor, Event, Objective, SkippedDocument};

/// A batch that must not be stepped on.
pub(super) struct Trip {
    pub(super) reason: String,
    /// Where the batch ends.
    pub(super) to: Cursor,
}

impl<D: Backward, O: Objective<D>> Run<'_, '_, D, O> {
    /// Takes the last good state again, without the batch that tripped the guard.
    pub(super) fn go_back(&mut self, trip: Trip) -> Result<()> {
        let settings = self.training.settings.guard;
        let Trip { reason, to } = trip;
        let tokens = self.state.tokens;
        if !settings.enabled {
            bail!(
                "training cannot go on after {tokens} tokens: {reason}, and the guard is off; set \
                 guard.enabled = true, or lower schedule.peak"
            );
        }
        let from = self.state.guard.from().unwrap_or(self.state.cursor);
        let pieces = self.stream.between(from, to);
        let named: Vec<SkippedDocument> = pieces
            .iter()
            .map(|piece| {
                let document = self.training.shards.document(piece.document);
                SkippedDocument {
                    id: document.id.to_owned(),
                    group: self.training.shards.groups()[document.group].name.clone(),
                    from: piece.from,
                    to: piece.to,
                    of: document.tokens.len() as u64,
                }
            })
            .collect();
        let attempts = self.state.guard.attempts + 1;
        if attempts > settings.attempts {
            bail!(
                "training gives up after {tokens} tokens: {reason}, although it went back {} times \
                 to the last good state and left out the documents concerned; the last were {}. \
                 Look at these documents, lower schedule.peak, or raise guard.attempts",
                settings.attempts,
                names(&named)
            );
        }
        let mut skipped = self.state.guard.skipped.clone();
        for piece in &pieces {
            skipped.add(piece.document, piece.from, piece.to);
        }
        self.stream.skip(skipped.clone())?;

        let device = self.training.decoder.device.clone();
        self.gradients
            .arrays_mut()
            .for_each(|array| device.clear(array));
        let watch = &mut *self.watch;
        let good = self.states.newest(
            true,
            &self.state,
            self.training.decoder,
            &mut self.optimizer,
            &mut |text| watch.message(text),
        )?;
        let Some(good) = good else {
            bail!(
                "after {tokens} tokens {reason}, and there is no state in {} to go back to: start \
                 the run again",
                self.training.partial.display()
            );
        };
        let event = Event {
            tokens,
            reason,
            back_to: good.tokens,
            skipped: named,
        };
        self.watch.message(&format!(
            "After {tokens} tokens {}; going back to {} tokens, leaving out {}.",
            event.reason,
            event.back_to,
            names(&event.skipped)
        ));
        self.watch.event(&event);
        let mut events = std::mem::take(&mut self.state.curve.events);
        events.push(event);
        self.state = good;
        self.state.curve.events = events;
        self.state.guard.skipped = skipped;
        self.state.guard.attempts = attempts;
        Ok(())
    }
}

/// A few names and the number of the others.
fn names(documents: &[SkippedDocument]) -> String {
    let mut names: Vec<String> = documents
        .iter()
        .take(5)
        .map(|document| format!("{} ({})", document.id, document.group))
        .collect();
    if documents.len() > names.len() {
        names.push(format!("and {} more", documents.len() - names.len()));
    }
    names.join(", ")
}
