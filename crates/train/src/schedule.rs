//! The learning rate as a function of the tokens that have been seen.
//!
//! `rate = peak · factor(t)`, t being the tokens of the whole plan at the middle of the step.
//! Four shapes: DeepSeek's multi-step (the report's choice, section on pre-training: warm-up,
//! 1.0 to 80 % of the tokens, 0.316 to 90 %, then 0.1), warm-up–stable–decay (MiniCPM), cosine,
//! constant. A stage that is a part of a longer plan says the plan's `horizon` and its own
//! `offset`, and so continues where the stage before it ended.
//!
//! It does not choose the peak: see [`law`](crate::law).

use anyhow::{Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::Amount;

/// The shape of the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// DeepSeek LLM (2024), section 2.3: constant pieces; see [`Schedule::levels`].
    #[default]
    MultiStep,
    /// Warm-up, stable, decay (MiniCPM 2024, section 4): see [`Schedule::decay`].
    Wsd,
    /// Half a cosine from the end of the warm-up to [`Schedule::floor`].
    Cosine,
    /// The peak, after the warm-up.
    Constant,
}

/// A shape, or none, so that a stage may have a default of its own; equal to and written as the
/// shape that counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Chosen(Option<Shape>);

impl Chosen {
    /// The shape: multi-step where none is given.
    pub fn shape(self) -> Shape {
        self.0.unwrap_or_default()
    }

    /// With another default.
    pub fn or(self, default: Shape) -> Self {
        Chosen(self.0.or(Some(default)))
    }
}

impl PartialEq for Chosen {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape()
    }
}

impl Serialize for Chosen {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.shape().serialize(serializer)
    }
}

/// How the last part of a warm-up–stable–decay schedule falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// In a straight line to the floor (0 unless stated).
    #[default]
    Linear,
    /// By equal ratios to the floor (0.01 unless stated).
    Exponential,
    /// `1 − √x` (Hägele et al. 2024), to the floor (0 unless stated).
    SquareRoot,
}

/// The schedule's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// `multi-step` (default; in distillation `cosine`), `wsd`, `cosine` or `constant`.
    pub shape: Chosen,
    /// The highest rate; not given, DeepSeek's scaling law chooses it, and in distillation the report's rate
    /// carried to this budget.
    pub peak: Option<f64>,
    /// Linear warm-up, tokens or a share of the horizon. Default 0.01.
    pub warm_up: Amount,
    /// Tokens of the whole plan; not given, `offset` and this stage's tokens together.
    pub horizon: Option<u64>,
    /// Tokens of the plan that earlier stages have seen. Default 0.
    pub offset: u64,
    /// Multi-step only: `[share of the horizon, factor from there on]`.
    /// Default `[[0.8, 0.316], [0.9, 0.1]]`.
    pub levels: Option<Vec<(f64, f64)>>,
    /// WSD only: how long the decay is, tokens or a share of the horizon. Default 0.1.
    pub decay: Option<Amount>,
    /// WSD only: `linear` (default), `exponential` or `square-root`.
    pub form: Option<Form>,
    /// WSD and cosine: the last factor. Default 0.1 for cosine; for WSD 0.01 where it falls by equal ratios,
    /// and else 0.
    pub floor: Option<f64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            shape: Chosen::default(),
            peak: None,
            warm_up: Amount::Share(0.01),
            horizon: None,
            offset: 0,
            levels: None,
            decay: None,
            form: None,
            floor: None,
        }
    }
}

impl Schedule {
    /// The shape, multi-step where none is given.
    pub fn shape(&self) -> Shape {
        self.shape.shape()
    }

    /// Tokens of the whole plan, for a stage of `tokens`.
    pub fn horizon(&self, tokens: u64) -> u64 {
        self.horizon.unwrap_or(self.offset + tokens)
    }

    /// Whether the settings make sense together, for a stage of `tokens`.
    pub fn check(&self, tokens: u64) -> Result<()> {
        let horizon = self.horizon(tokens);
        ensure!(
            self.offset + tokens <= horizon,
            "schedule.horizon is {horizon} tokens, but this stage goes from {} to {}: \
             raise the horizon or leave it out",
            self.offset,
            self.offset + tokens
        );
        self.warm_up.check("schedule.warm_up")?;
        ensure!(
            self.warm_up.tokens(horizon) <= horizon,
            "schedule.warm_up is {} tokens, longer than the horizon of {horizon}",
            self.warm_up.tokens(horizon)
        );
        if let Some(peak) = self.peak {
            ensure!(
                peak.is_finite() && peak >= 0.0,
                "schedule.peak = {peak}: wanted a number from 0"
            );
        }
        if let Some(floor) = self.floor {
            ensure!(
                (0.0..=1.0).contains(&floor),
                "schedule.floor = {floor}: a share of the peak, within 0 and 1"
            );
        }
        if let Some(decay) = self.decay {
            decay.check("schedule.decay")?;
        }
        if self.shape() == Shape::Wsd {
            // otherwise the rate would jump where the one ends and the other is under way
            let (warm_up, decay) = (self.warm_up.tokens(horizon), self.falls(horizon));
            ensure!(
                // shares of a whole may each be rounded up
                decay.saturating_add(warm_up) <= horizon.saturating_add(1),
                "schedule.decay is {decay} tokens and schedule.warm_up {warm_up}, together more than the \
                 horizon of {horizon}: shorten one of them"
            );
            ensure!(
                self.form.unwrap_or_default() != Form::Exponential || self.floor != Some(0.0),
                "schedule.floor = 0 with form = \"exponential\": by equal ratios nothing falls to 0; wanted a \
                 floor above 0, such as 0.01, or form = \"linear\""
            );
        }
        for &(share, factor) in self.levels.iter().flatten() {
            ensure!(
                (0.0..=1.0).contains(&share) && factor.is_finite() && factor >= 0.0,
                "schedule.levels has [{share}, {factor}]: wanted a share within 0 and 1 and a \
                 factor from 0"
            );
        }
        let shape = self.shape();
        let stray = |name: &str, given: bool, shapes: &[Shape]| -> Result<()> {
            if given && !shapes.contains(&shape) {
                bail!("schedule.{name} says nothing to shape {shape:?}: leave it out");
            }
            Ok(())
        };
        stray("levels", self.levels.is_some(), &[Shape::MultiStep])?;
        stray("decay", self.decay.is_some(), &[Shape::Wsd])?;
        stray("form", self.form.is_some(), &[Shape::Wsd])?;
        stray("floor", self.floor.is_some(), &[Shape::Wsd, Shape::Cosine])
    }

    /// Tokens of the decay at the end of a horizon.
    fn falls(&self, horizon: u64) -> u64 {
        self.decay.unwrap_or(Amount::Share(0.1)).tokens(horizon)
    }

    /// What multiplies the peak after `seen` tokens of a stage of `tokens`.
    pub fn factor(&self, seen: f64, tokens: u64) -> f64 {
        let horizon = self.horizon(tokens);
        let at = self.offset as f64 + seen;
        let warm_up = self.warm_up.tokens(horizon) as f64;
        if at < warm_up {
            return at / warm_up;
        }
        let share = at / (horizon as f64).max(1.0);
        match self.shape() {
            Shape::Constant => 1.0,
            Shape::MultiStep => match &self.levels {
                None => level(&[(0.8, 0.316), (0.9, 0.1)], share),
                Some(levels) => level(levels, share),
            },
            Shape::Cosine => {
                let floor = self.floor.unwrap_or(0.1);
                let x = ((at - warm_up) / (horizon as f64 - warm_up).max(1.0)).min(1.0);
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos())
            }
            Shape::Wsd => {
                let decay = self.falls(horizon) as f64;
                let x = ((at - (horizon as f64 - decay)) / decay.max(1.0)).clamp(0.0, 1.0);
                match self.form.unwrap_or_default() {
                    Form::Linear => 1.0 - (1.0 - self.floor.unwrap_or(0.0)) * x,
                    Form::Exponential => self.floor.unwrap_or(0.01).powf(x),
                    Form::SquareRoot => 1.0 - (1.0 - self.floor.unwrap_or(0.0)) * x.sqrt(),
                }
            }
        }
    }
}

/// The factor of the last level that has begun.
fn level(levels: &[(f64, f64)], share: f64) -> f64 {
    let begun = levels.iter().filter(|level| level.0 <= share);
    // The last to begin, whatever the order in which they were written.
    begun
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(1.0, |level| level.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: Schedule, expected: &[(f64, f64)]) {
        schedule.check(1000).unwrap();
        for &(seen, factor) in expected {
            let found = schedule.factor(seen, 1000);
            assert!(
                (found - factor).abs() < 1e-9,
                "{schedule:?} at {seen}: wanted {factor}, found {found}"
            );
        }
    }

    fn of(text: &str) -> Schedule {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn shapes() {
        check(
            of(r#"{"warm_up": 100}"#),
            &[
                (50.0, 0.5),
                (100.0, 1.0),
                (799.0, 1.0),
                (800.0, 0.316),
                (899.0, 0.316),
                (900.0, 0.1),
                (1000.0, 0.1),
            ],
        );
        check(
            of(r#"{"shape": "wsd", "warm_up": 0.1, "decay": 0.2}"#),
            &[
                (50.0, 0.5),
                (500.0, 1.0),
                (800.0, 1.0),
                (900.0, 0.5),
                (1000.0, 0.0),
            ],
        );
        check(
            of(
                r#"{"shape": "wsd", "warm_up": 0, "decay": 200, "form": "exponential", "floor": 0.01}"#,
            ),
            &[(800.0, 1.0), (900.0, 0.1), (1000.0, 0.01)],
        );
        check(
            of(r#"{"shape": "wsd", "warm_up": 0, "decay": 400, "form": "square-root"}"#),
            &[(600.0, 1.0), (700.0, 0.5), (1000.0, 0.0)],
        );
        check(
            of(r#"{"shape": "cosine", "warm_up": 0, "floor": 0.1}"#),
            &[(0.0, 1.0), (500.0, 0.55), (1000.0, 0.1), (2000.0, 0.1)],
        );
        check(
            of(r#"{"shape": "constant", "warm_up": 10}"#),
            &[(5.0, 0.5), (10.0, 1.0), (1000.0, 1.0)],
        );
    }

    #[test]
    fn shares_that_are_the_whole_are_not_too_much() {
        let halves = of(r#"{"shape": "wsd", "warm_up": 0.25, "decay": 0.75}"#);
        halves.check(1002).unwrap();
    }

    #[test]
    fn a_second_stage_continues_the_first() {
        let whole = of(r#"{"shape": "cosine", "warm_up": 100, "horizon": 3000}"#);
        let second = of(r#"{"shape": "cosine", "warm_up": 100, "horizon": 3000, "offset": 2000}"#);
        second.check(1000).unwrap();
        for seen in [0.0, 10.0, 999.0] {
            assert_eq!(second.factor(seen, 1000), whole.factor(2000.0 + seen, 3000));
        }
        // The report: the second stage of 3T tokens begins at 90 %, the last level.
        let last = of(r#"{"horizon": 3000000000000, "offset": 2700000000000}"#);
        assert_eq!(last.factor(0.0, 300_000_000_000), 0.1);
    }

    #[test]
    fn senseless_settings_are_sentences() {
        for (text, word) in [
            (r#"{"horizon": 10}"#, "horizon"),
            (r#"{"floor": 0.1}"#, "floor"),
            (r#"{"shape": "cosine", "decay": 0.1}"#, "decay"),
            (r#"{"warm_up": 2.0}"#, "share"),
            (r#"{"peak": -1.0}"#, "peak"),
            (r#"{"shape": "wsd", "decay": 2000}"#, "decay"),
            (
                r#"{"shape": "wsd", "decay": 0.8, "warm_up": 0.3}"#,
                "shorten",
            ),
            (
                r#"{"shape": "wsd", "form": "exponential", "floor": 0}"#,
                "equal ratios",
            ),
        ] {
            let error = of(text).check(1000).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
