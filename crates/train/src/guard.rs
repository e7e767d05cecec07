//! The guard: notices a step that would spoil the weights, before it is taken.
//!
//! A step trips it when its loss or gradient is not finite, or when its loss lies more than
//! `threshold` robust deviations (1.4826 · median absolute deviation) and more than `margin` nats
//! above the median of the recent losses. The run then goes back to the last good state and leaves
//! out the tokens of the offending batch; if it trips again from the same state, of the last two
//! batches, then four, because the batch that did the harm may lie before the one that shows it
//! (PaLM skipped some hundreds). After `attempts` from one state that state itself is held to be
//! spoilt: it is removed, and the run goes back to the state before it, if one is kept, leaving out the
//! batches that led to the spoilt one as well. It gives up where there is none, or after going back as
//! often without getting beyond the state that was spoilt.
//!
//! A model that was made larger or smaller is at its most fragile in its first steps, where there are
//! no recent losses yet. [`FirstSteps`] asks for more there: a loss that rises from where it began,
//! or a gradient beyond a limit, ends the run with what was seen; going back would repeat it.
//!
//! Here is only the judging; going back is the loop's.

use std::collections::VecDeque;

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cursor, Point, Skipped};

/// When to trip, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSettings {
    /// Whether to go back at all; without, a loss that is not finite ends the run. Default true.
    pub enabled: bool,
    /// How many recent losses are looked at. Default 64.
    pub window: usize,
    /// Before there are so many, only a value that is not finite trips. Default 16.
    pub warm_up: usize,
    /// Robust deviations above the median. Default 10.
    pub threshold: f64,
    /// Nats a token above the median, at least; smaller spikes pass by themselves. Default 1.0.
    pub margin: f64,
    /// How often to go back to one and the same state before that state is given up for the one before
    /// it, and how often that may happen at one place before the run gives up. Default 4.
    pub attempts: u32,
    /// What the first steps may not do, such as those of an up-scaled model. Not watched by default.
    pub first: Option<FirstSteps>,
}

/// What ends a run in its first steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstSteps {
    /// How many steps are watched.
    pub steps: u64,
    /// Nats a token above the first step's loss that are too many. Default 0.5.
    #[serde(default = "rise")]
    pub rise: f64,
    /// A norm of the gradient, before clipping, that is too large; not given, any will do.
    #[serde(default)]
    pub gradient: Option<f64>,
}

fn rise() -> f64 {
    0.5
}

impl FirstSteps {
    /// Why the run must end before the step after those `taken`, if it must.
    pub fn judge(&self, taken: &[Point], loss: f64, gradient_norm: f64) -> Option<String> {
        if taken.len() as u64 >= self.steps {
            return None;
        }
        let begun = taken.first().map_or(loss, |first| first.loss);
        let reason = if !loss.is_finite() || !gradient_norm.is_finite() {
            "the loss or the gradient is not finite".to_owned()
        } else if loss > begun + self.rise {
            format!(
                "the loss is {loss:.3}, {:.3} above the {begun:.3} it began with, and \
                 guard.first.rise is {}",
                loss - begun,
                self.rise
            )
        } else if let Some(limit) = self.gradient.filter(|limit| gradient_norm > *limit) {
            format!(
                "the gradient's norm is {gradient_norm:.3}, and guard.first.gradient is {limit}"
            )
        } else {
            return None;
        };
        let shown = taken.len().saturating_sub(8);
        let list = |of: &dyn Fn(&Point) -> f64, last: f64| {
            let values = taken[shown..].iter().map(of).chain([last]);
            let values: Vec<String> = values.map(|value| format!("{value:.3}")).collect();
            values.join(", ")
        };
        Some(format!(
            "step {} of the first {} is not stable: {reason}; the losses up to it were {}, the \
             gradient's norms {}, the rates {}",
            taken.len() + 1,
            self.steps,
            list(&|point| point.loss, loss),
            list(&|point| point.gradient_norm, gradient_norm),
            taken[shown..]
                .iter()
                .map(|point| format!("{:.2e}", point.rate))
                .collect::<Vec<_>>()
                .join(", "),
        ))
    }
}

impl Default for GuardSettings {
    fn default() -> Self {
        GuardSettings {
            enabled: true,
            window: 64,
            warm_up: 16,
            threshold: 10.0,
            margin: 1.0,
            attempts: 4,
            first: None,
        }
    }
}

impl GuardSettings {
    /// Whether the settings make sense together.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.window >= self.warm_up && self.warm_up >= 2,
            "guard.window = {} and guard.warm_up = {}: wanted a window no shorter than its \
             warm-up, and a warm-up of at least 2 steps",
            self.window,
            self.warm_up
        );
        ensure!(
            self.threshold > 0.0 && self.margin >= 0.0,
            "guard.threshold = {} and guard.margin = {}: wanted a threshold above 0 and a margin \
             from 0",
            self.threshold,
            self.margin
        );
        ensure!(
            self.attempts >= 1,
            "guard.attempts = 0: to never go back, set guard.enabled = false"
        );
        if let Some(first) = &self.first {
            ensure!(
                first.steps >= 2 && first.rise >= 0.0 && first.gradient.is_none_or(|x| x > 0.0),
                "guard.first has steps = {}, rise = {} and gradient = {:?}: wanted at least 2 steps, a \
                 rise from 0 and a gradient above 0; to watch nothing leave guard.first out",
                first.steps,
                first.rise,
                first.gradient
            );
        }
        Ok(())
    }
}

/// What the guard remembers; part of the saved state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardState {
    /// Losses of recent steps, oldest first.
    pub losses: VecDeque<f64>,
    /// Where the batches since the last good state began, oldest first.
    pub batches: VecDeque<Cursor>,
    /// Where the batches before the last good state began, oldest first.
    #[serde(default)]
    pub before: VecDeque<Cursor>,
    /// Where the last good state was saved.
    #[serde(default)]
    pub saved: Cursor,
    /// How often the run went back to the last good state.
    pub attempts: u32,
    /// The state beyond which the run has to get, because it was given up.
    #[serde(default)]
    pub given_up: Option<GivenUp>,
    /// What is left out.
    pub skipped: Skipped,
}

/// A place at which a saved state was held to be spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    /// Tokens after which the state was saved.
    pub tokens: u64,
    /// How many states were given up there.
    pub times: u32,
}

/// Batches that can be left out at once.
const MOST_BATCHES: usize = 1 << 10;

impl GuardState {
    /// Why a step must not be taken, if it must not.
    pub fn judge(&self, settings: &GuardSettings, loss: f64, gradient_norm: f64) -> Option<String> {
        if !loss.is_finite() {
            return Some(format!("the loss is {loss}"));
        }
        if !gradient_norm.is_finite() {
            return Some(format!("the gradient's norm is {gradient_norm}"));
        }
        if !settings.enabled || self.losses.len() < settings.warm_up {
            return None;
        }
        let center = median(self.losses.iter().copied());
        let deviation = 1.4826 * median(self.losses.iter().map(|loss| (loss - center).abs()));
        let above = loss - center;
        (above > settings.margin && above > settings.threshold * deviation).then(|| {
            format!(
                "the loss is {loss:.3}, {above:.3} above the median of the last {} steps \
                 (their deviation is {deviation:.3})",
                self.losses.len()
            )
        })
    }

    /// A batch begins.
    pub fn begin(&mut self, at: Cursor) {
        self.batches.push_back(at);
        shorten(&mut self.batches);
    }

    /// Its step was taken.
    pub fn accept(&mut self, settings: &GuardSettings, loss: f64) {
        self.losses.push_back(loss);
        while self.losses.len() > settings.window {
            self.losses.pop_front();
        }
    }

    /// A good state is about to be saved here, after so many tokens: the counting begins anew.
    pub fn mark(&mut self, tokens: u64, at: Cursor) {
        self.saved = at;
        self.before.append(&mut self.batches);
        shorten(&mut self.before);
        self.attempts = 0;
        self.given_up = self.given_up.filter(|place| tokens <= place.tokens);
    }

    /// Where to begin leaving out, the batch that tripped being the last that began.
    pub fn from(&self) -> Option<Cursor> {
        last(&self.batches, 1 << self.attempts.min(20))
    }

    /// What to leave out besides when the last good state is given up: as many batches before it as the
    /// next attempt would have left out, and twice as many each time it happens at one place.
    pub fn before_saved(&self) -> Option<(Cursor, Cursor)> {
        let times = self.given_up.map_or(0, |place| place.times);
        let count = 1 << (self.attempts + times).min(20);
        Some((last(&self.before, count)?, self.saved))
    }
}

/// The oldest of the last so many.
fn last(batches: &VecDeque<Cursor>, count: usize) -> Option<Cursor> {
    batches.get(batches.len().saturating_sub(count)).copied()
}

fn shorten(batches: &mut VecDeque<Cursor>) {
    while batches.len() > MOST_BATCHES {
        batches.pop_front();
    }
}

/// The middle of the sorted values (the upper one of two).
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(losses: impl IntoIterator<Item = f64>) -> GuardState {
        let mut state = GuardState::default();
        for loss in losses {
            state.accept(&GuardSettings::default(), loss);
        }
        state
    }

    #[test]
    fn judges() {
        let settings = GuardSettings::default();
        let calm = state((0..64).map(|i| 3.0 + 0.02 * f64::from(i % 5)));
        // loss, norm, whether it trips
        for (loss, norm, trips) in [
            (3.1, 1.0, false),
            (3.9, 1.0, false), // far in deviations, but within the margin
            (4.3, 1.0, true),
            (1.0, 1.0, false), // better is never worse
            (f64::NAN, 1.0, true),
            (f64::INFINITY, 1.0, true),
            (3.0, f64::NAN, true),
            (3.0, 1e9, false), // clipping deals with it
        ] {
            assert_eq!(
                calm.judge(&settings, loss, norm).is_some(),
                trips,
                "{loss} {norm}"
            );
        }
        let restless = state((0..64).map(|i| 3.0 + 0.3 * f64::from(i % 5)));
        assert!(restless.judge(&settings, 5.0, 1.0).is_none());
        let young = state([3.0, 3.0, 3.0]);
        assert!(young.judge(&settings, 9.0, 1.0).is_none());
        assert!(young.judge(&settings, f64::NAN, 1.0).is_some());
        let asleep = GuardSettings {
            enabled: false,
            ..settings
        };
        assert!(calm.judge(&asleep, 30.0, 1.0).is_none());
        assert!(calm.judge(&asleep, f64::NAN, 1.0).is_some());
    }

    #[test]
    fn first_steps_may_not_rise() {
        let first = FirstSteps {
            steps: 4,
            rise: 0.5,
            gradient: Some(10.0),
        };
        let taken = |losses: &[f64]| -> Vec<Point> {
            let point = |&loss: &f64| Point {
                tokens: 1,
                loss,
                rate: 1e-3,
                gradient_norm: 1.0,
            };
            losses.iter().map(point).collect()
        };
        // losses so far, the next, its gradient, whether it ends the run
        for (so_far, loss, norm, ends) in [
            (&[][..], 9.0, 1.0, false),
            (&[], 9.0, 11.0, true),
            (&[], f64::NAN, 1.0, true),
            (&[3.0, 2.9], 3.4, 1.0, false),
            (&[3.0, 2.0], 3.6, 1.0, true),
            (&[3.0, 2.9, 2.8, 2.7], 9.0, 99.0, false),
        ] {
            let found = first.judge(&taken(so_far), loss, norm);
            assert_eq!(found.is_some(), ends, "{so_far:?} {loss} {norm}: {found:?}");
        }
        let evidence = first.judge(&taken(&[3.0, 2.5]), 7.25, 1.0).unwrap();
        for word in [
            "step 3",
            "3.000, 2.500, 7.250",
            "4.250 above",
            "guard.first.rise",
        ] {
            assert!(evidence.contains(word), "{word}: {evidence}");
        }
    }

    #[test]
    fn leaves_out_twice_as_much_each_time() {
        let mut state = GuardState::default();
        let begin = |state: &mut GuardState, ranks: std::ops::Range<u64>| {
            for rank in ranks {
                state.begin(Cursor {
                    epoch: 0,
                    rank,
                    token: 0,
                });
            }
        };
        begin(&mut state, 0..5);
        let ranks: Vec<u64> = (0..4)
            .map(|attempts| {
                state.attempts = attempts;
                state.from().unwrap().rank
            })
            .collect();
        assert_eq!(ranks, [4, 3, 1, 0]);
        let at = |rank| Cursor {
            epoch: 0,
            rank,
            token: 0,
        };
        state.mark(100, at(5));
        assert_eq!((state.from(), state.attempts), (None, 0));
        // the state is given up: what led to it is left out too
        begin(&mut state, 5..7);
        state.attempts = 1;
        assert_eq!(state.before_saved(), Some((at(3), at(5))));
        let place = GivenUp {
            tokens: 200,
            times: 1,
        };
        state.given_up = Some(place);
        state.mark(200, at(7));
        assert_eq!(state.given_up, Some(place), "not beyond it yet");
        state.mark(201, at(8));
        assert_eq!(state.given_up, None);
    }
}
