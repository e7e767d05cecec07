//! A contrast: one or several arms against as many others in an outcome, and what the report says of it.

use crate::statistics::Interval;
use serde::{Deserialize, Serialize};

/// One contrast as it is written. Several arms on each side are taken pair by pair, and a seed's difference is the
/// mean over its pairs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// What it shows, in a few words; the names of the arms where nothing is said.
    #[serde(default)]
    pub name: String,
    /// The arms on one side.
    pub of: Vec<String>,
    /// The arms on the other.
    pub against: Vec<String>,
    /// The outcomes to compare.
    pub outcomes: Vec<String>,
    /// What should come out; where nothing is said, only the figure is given.
    pub expect: Option<Expected>,
    /// Whether that is our own guess, or a check of the laboratory, and nothing that the report says.
    #[serde(default)]
    pub ours: bool,
    /// How large the difference should be: the interval must hold it.
    pub about: Option<f64>,
    /// The smallest difference that would count. Where the whole interval is nearer to nothing, there is no effect
    /// worth the name; without it, an interval around nothing only says that none was seen.
    pub smallest: Option<f64>,
}

/// What should come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// `of` is higher than `against`.
    Higher,
    /// `of` is lower.
    Lower,
    /// Nothing sets them apart.
    Equal,
}

impl Expected {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Expected::Higher => "higher",
            Expected::Lower => "lower",
            Expected::Equal => "equal",
        }
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the report says.
    Reproduced,
    /// Against what the report says, or smaller than what would count.
    NotReproduced,
    /// The interval holds nothing as well as something, or there is no spread to judge by.
    NotVisible,
    /// Nothing was expected: it is higher.
    Higher,
    /// Nothing was expected: it is lower.
    Lower,
}

impl Verdict {
    /// In words; `ours` where it is nothing that the report says.
    pub fn words(self, ours: bool) -> &'static str {
        match (self, ours) {
            (Verdict::Reproduced, false) => "reproduced",
            (Verdict::Reproduced, true) => "as expected",
            (Verdict::NotReproduced, false) => "not reproduced",
            (Verdict::NotReproduced, true) => "not as expected",
            (Verdict::NotVisible, _) => "not visible at this scale",
            (Verdict::Higher, _) => "higher",
            (Verdict::Lower, _) => "lower",
        }
    }

    /// What the interval of the differences says.
    pub fn of(
        interval: Interval,
        expect: Option<Expected>,
        smallest: Option<f64>,
        about: Option<f64>,
    ) -> Verdict {
        // Seeds that agree to the last digit were not free to differ: such as those that reach a value at the very
        // beginning of a curve, or at the end of the one that it was taken from. Where they agree on less than what
        // would count, that is what was looked for.
        let counts = smallest.is_none_or(|smallest| interval.mean.abs() >= smallest);
        if interval.is_flat() && counts {
            return Verdict::NotVisible;
        }
        let Interval { low, high, .. } = interval;
        if about.is_some_and(|about| !interval.holds(about)) {
            return Verdict::NotReproduced;
        }
        let nothing = smallest.is_some_and(|smallest| -smallest < low && high < smallest);
        match expect {
            None if low > 0.0 => Verdict::Higher,
            None if high < 0.0 => Verdict::Lower,
            Some(Expected::Higher) if nothing => Verdict::NotReproduced,
            Some(Expected::Lower) if nothing => Verdict::NotReproduced,
            Some(Expected::Higher) if low > 0.0 => Verdict::Reproduced,
            Some(Expected::Higher) if high < 0.0 => Verdict::NotReproduced,
            Some(Expected::Lower) if high < 0.0 => Verdict::Reproduced,
            Some(Expected::Lower) if low > 0.0 => Verdict::NotReproduced,
            // That two things are equal is shown by an interval that is narrow, not by one that is wide.
            Some(Expected::Equal) if nothing => Verdict::Reproduced,
            Some(Expected::Equal) if low > 0.0 || high < 0.0 => Verdict::NotReproduced,
            _ => Verdict::NotVisible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        low: f64,
        high: f64,
        expect: Option<Expected>,
        smallest: Option<f64>,
        expected: Verdict,
    ) {
        let interval = Interval {
            mean: (low + high) / 2.0,
            low,
            high,
        };
        let found = Verdict::of(interval, expect, smallest, None);
        assert_eq!(found, expected, "{low} to {high}, {expect:?}, {smallest:?}");
    }

    #[test]
    fn a_verdict_is_read_off_the_interval() {
        use Expected::{Equal, Higher, Lower};
        check(0.1, 0.3, Some(Higher), None, Verdict::Reproduced);
        check(-0.3, -0.1, Some(Higher), None, Verdict::NotReproduced);
        check(-0.1, 0.3, Some(Higher), None, Verdict::NotVisible);
        check(-0.3, -0.1, Some(Lower), None, Verdict::Reproduced);
        check(0.1, 0.3, Some(Lower), None, Verdict::NotReproduced);
        // Surely smaller than what would count.
        check(
            -0.01,
            0.02,
            Some(Higher),
            Some(0.05),
            Verdict::NotReproduced,
        );
        check(0.01, 0.02, Some(Lower), Some(0.05), Verdict::NotReproduced);
        check(-0.01, 0.02, Some(Equal), Some(0.05), Verdict::Reproduced);
        check(-0.1, 0.2, Some(Equal), Some(0.05), Verdict::NotVisible);
        check(0.1, 0.2, Some(Equal), Some(0.05), Verdict::NotReproduced);
        check(-0.1, 0.2, Some(Equal), None, Verdict::NotVisible);
        check(0.1, 0.2, None, None, Verdict::Higher);
        check(-0.2, -0.1, None, None, Verdict::Lower);
        check(-0.2, 0.1, None, None, Verdict::NotVisible);
    }

    #[test]
    fn equal_differences_are_no_certainty() {
        use Expected::{Equal, Higher, Lower};
        for expect in [None, Some(Higher), Some(Lower), Some(Equal)] {
            check(-0.2, -0.2, expect, Some(0.1), Verdict::NotVisible);
            check(2.5e12, 2.5e12, expect, None, Verdict::NotVisible);
        }
        let flat = Interval {
            mean: -0.2,
            low: -0.2,
            high: -0.2,
        };
        let about = Verdict::of(flat, None, None, Some(-0.5));
        assert_eq!(about, Verdict::NotVisible);
        // Less than what would count, and no difference at all, as of an arm against itself.
        check(0.01, 0.01, Some(Equal), Some(0.05), Verdict::Reproduced);
        check(0.0, 0.0, Some(Equal), Some(0.1), Verdict::Reproduced);
    }

    #[test]
    fn a_size_that_should_come_out_must_lie_in_the_interval() {
        let interval = Interval {
            mean: -0.1,
            low: -0.15,
            high: -0.05,
        };
        let of = |expect, about| Verdict::of(interval, Some(expect), Some(0.2), Some(about));
        assert_eq!(of(Expected::Equal, 0.0), Verdict::NotReproduced);
        assert_eq!(of(Expected::Equal, -0.1), Verdict::Reproduced);
        let lower = Verdict::of(interval, Some(Expected::Lower), None, Some(-0.12));
        assert_eq!(lower, Verdict::Reproduced);
        let larger = Verdict::of(interval, Some(Expected::Lower), None, Some(-0.3));
        assert_eq!(larger, Verdict::NotReproduced);
    }
}
