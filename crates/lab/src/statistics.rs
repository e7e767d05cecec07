//! Means with intervals: Student's t over seeds, which are few.
//!
//! `mean ± t(0.975, n − 1) · s / √n`. Differences between arms are taken seed by seed first, so that what a
//! seed does to both arms cancels.

use serde::{Deserialize, Serialize};

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What rounding may make of equal values, as a share of them.
const ROUNDING: f64 = 1e-9;

impl Interval {
    /// Of some values; `None` where fewer than two leave nothing to judge the spread by.
    pub fn of(values: &[f64]) -> Option<Interval> {
        let n = values.len();
        if n < 2 {
            return None;
        }
        let mean = mean(values);
        let squares = values.iter().map(|value| (value - mean).powi(2));
        let variance = squares.sum::<f64>() / (n - 1) as f64;
        let half = student(n - 1) * (variance / n as f64).sqrt();
        Some(Interval {
            mean,
            low: mean - half,
            high: mean + half,
        })
    }

    /// Whether the values were one and the same, and not nothing: nobody knows then how far another seed would
    /// have been from them. Differences of equal size that are not the same number are so by their rounding.
    pub fn is_flat(&self) -> bool {
        self.mean != 0.0 && self.high - self.low <= ROUNDING * self.mean.abs()
    }

    /// Whether a value lies in it.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    match values.len() {
        0 => 0.0,
        n => values.iter().sum::<f64>() / n as f64,
    }
}

/// The 97.5 % quantile of Student's t; beyond thirty degrees of freedom that of 30, which is wider.
fn student(degrees: usize) -> f64 {
    const T: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    T[degrees.clamp(1, T.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        let interval = Interval::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("five values");
        let half = 2.776 * (2.5_f64 / 5.0).sqrt();
        assert!((interval.mean - 3.0).abs() < 1e-12);
        assert!((interval.high - 3.0 - half).abs() < 1e-9, "{interval:?}");
        assert!((3.0 - interval.low - half).abs() < 1e-9, "{interval:?}");
        assert_eq!(Interval::of(&[1.0]), None);
    }

    #[test]
    fn equal_values_have_no_spread() {
        let flat = |values: &[f64]| Interval::of(values).expect("two and more").is_flat();
        assert!(flat(&[-2.5165e12, -2.5165e12]));
        // Equal, as far as sums of binary fractions are.
        assert!(flat(&[0.9 - 1.0, 1.2 - 1.3, 1.3 - 1.4]));
        assert!(!flat(&[0.1, 0.1001]));
        assert!(!flat(&[0.0, 0.0]), "no difference at all is one");
    }

    /// Of intervals over draws whose mean is known, 95 in a hundred hold it.
    #[test]
    fn intervals_cover_what_they_promise() {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let (draws, seeds) = (4000, 5);
        let covered = (0..draws).filter(|_| {
            let values: Vec<f64> = (0..seeds).map(|_| 0.3 + normal()).collect();
            Interval::of(&values).is_some_and(|interval| interval.holds(0.3))
        });
        let share = covered.count() as f64 / f64::from(draws);
        assert!((0.935..0.965).contains(&share), "{share}");
    }
}
