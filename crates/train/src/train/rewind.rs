//! Going back: the last good state again, without the documents of the batch that tripped the guard.
//!
//! What is left out is a matter of batches (see [`guard`](crate::guard)) and so of ranges of
//! documents; they are named in the record, and giving up names them too. Where going back to the
//! newest state does not help, it is removed, and the one before it is the last good one.

use anyhow::{Context as _, Result, anyhow, bail};
use tensor::Backward;

use super::Run;
use crate::state::Which;
use crate::{Cursor, Event, GivenUp, Objective, Piece, SkippedDocument};

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
        // all attempts from the newest state have failed: it is the state that is spoilt
        let guard = &self.state.guard;
        let spoilt = if guard.attempts < settings.attempts {
            None
        } else {
            self.states.saved_at(Which::Due)?
        };
        let led_there = spoilt.and_then(|_| guard.before_saved());
        let tripped = (guard.from().unwrap_or(self.state.cursor), to);
        let ranges = led_there.into_iter().chain([tripped]);
        let pieces: Vec<Piece> = ranges
            .flat_map(|(from, to)| self.stream.between(from, to))
            .collect();
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
        let (attempts, given_up) = match spoilt {
            None => (guard.attempts + 1, guard.given_up),
            Some(tokens) => (0, Some(another(guard.given_up, tokens))),
        };
        let give_up = |why: &str| {
            anyhow!(
                "training gives up after {tokens} tokens: {reason}, although it went back {} times \
                 to the last good state and left out the documents concerned, and {why}; the last \
                 were {}. Look at these documents, lower schedule.peak, or raise guard.attempts or keep",
                settings.attempts,
                names(&named)
            )
        };
        if given_up.is_some_and(|place| place.times > settings.attempts) {
            return Err(give_up(
                "as often to the state before it without getting any further",
            ));
        }
        let which = spoilt.map_or(Which::Due, Which::DueBefore);
        if spoilt.is_some() && self.states.saved_at(which)?.is_none() {
            return Err(give_up("no state before it is kept"));
        }
        let mut skipped = self.state.guard.skipped.clone();
        for piece in &pieces {
            skipped.add(piece.document, piece.from, piece.to);
        }
        self.stream.skip(skipped.clone()).with_context(|| {
            format!("after {tokens} tokens {reason}, and too little is left without what led there")
        })?;

        let device = self.training.decoder.device.clone();
        self.gradients
            .arrays_mut()
            .for_each(|array| device.clear(array));
        let watch = &mut *self.watch;
        let good = self.states.newest(
            which,
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
        if spoilt.is_some() {
            self.states.remove_after(good.tokens)?;
        }
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
        self.state.guard.given_up = given_up;
        Ok(())
    }
}

/// A state that was saved after so many tokens is given up, as others may have been before.
fn another(before: Option<GivenUp>, tokens: u64) -> GivenUp {
    GivenUp {
        tokens: before.map_or(tokens, |place| place.tokens.max(tokens)),
        times: before.map_or(0, |place| place.times) + 1,
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
