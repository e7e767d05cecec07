//! From values to pixels, linear or logarithmic, and where the ticks go.
//!
//! Ticks are 1, 2 or 5 times a power of ten; a logarithmic axis of less than a decade or so takes
//! the linear ones.

use crate::chart::Axis;
use crate::number::{percent, tick};

/// An axis laid out over pixels.
pub(crate) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    start: f64,
    end: f64,
}

impl Scale {
    /// Room for all `values` (those that the axis can show), from pixel `start` to `end`.
    /// `round` widens the range to whole ticks.
    pub(crate) fn new(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        (start, end): (f64, f64),
        round: Option<usize>,
    ) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| axis.shows(*v)) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = if axis.log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        if let Some(ticks) = round {
            if axis.log {
                let margin = (high / low).powf(0.04).max(1.01);
                (low, high) = (low / margin, high * margin);
            } else {
                let step = nice_step(low, high, ticks);
                (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
            }
        }
        low = axis.low.filter(|v| axis.shows(*v)).unwrap_or(low);
        high = axis.high.filter(|v| axis.shows(*v)).unwrap_or(high);
        if high <= low {
            // One value only: it lies in the middle of some room.
            let room = if axis.log {
                low * 0.5
            } else {
                (low.abs() * 0.1).max(0.5)
            };
            (low, high) = (low - room, low + room);
        }
        Scale {
            low,
            high,
            log: axis.log,
            start,
            end,
        }
    }

    /// The pixel of a value; `None` where the axis cannot show it.
    pub(crate) fn at(&self, value: f64) -> Option<f64> {
        let share = if self.log {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        let inside = share.is_finite() && (-1e-9..=1.0 + 1e-9).contains(&share);
        inside.then_some(self.start + share * (self.end - self.start))
    }

    /// The pixel of a value, or of the end of the axis that it lies beyond.
    pub(crate) fn clamped(&self, value: f64) -> f64 {
        self.at(value.clamp(self.low, self.high))
            .unwrap_or(self.start)
    }

    /// Pixels and labels of about `count` ticks.
    pub(crate) fn ticks(&self, axis: &Axis, count: usize) -> Vec<(f64, String)> {
        let (values, step) = self.tick_values(count);
        let largest = values.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let label = |value: f64| {
            // Ticks of a logarithmic axis differ in size: each has its own step.
            let step = step.unwrap_or(value);
            if axis.percent {
                let decimals = if step < 0.0095 { 1 } else { 0 };
                percent(value, decimals)
            } else {
                tick(value, step, if self.log { value } else { largest })
            }
        };
        values
            .into_iter()
            .filter_map(|v| Some((self.at(v)?, label(v))))
            .collect()
    }

    /// Values of ticks, and their distance where it is the same everywhere.
    fn tick_values(&self, count: usize) -> (Vec<f64>, Option<f64>) {
        if self.log {
            for mantissas in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]] {
                let first = self.low.log10().floor() as i32;
                let last = self.high.log10().ceil() as i32;
                let values: Vec<f64> = (first..=last)
                    .flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power)))
                    .filter(|v| (self.low..=self.high).contains(v))
                    .collect();
                if values.len() < 3 {
                    break;
                }
                if values.len() <= count + 2 {
                    return (values, None);
                }
                if mantissas.len() == 1 {
                    let every = values.len().div_ceil(count.max(1));
                    return (values.into_iter().step_by(every).collect(), None);
                }
            }
        }
        let step = nice_step(self.low, self.high, count);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (
            (first..=last).map(|i| i as f64 * step).collect(),
            Some(step),
        )
    }
}

/// 1, 2 or 5 times a power of ten that cuts the range into about `count` pieces.
fn nice_step(low: f64, high: f64, count: usize) -> f64 {
    let range = if high > low {
        high - low
    } else {
        low.abs().max(1.0)
    };
    let rough = range / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|f| f * power >= rough * 0.999);
    factor.unwrap_or(10.0) * power
}
