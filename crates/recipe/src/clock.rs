//! The only clock: times for provenance and speeds for display, never for results.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one home of the clock"
)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970, to the millisecond.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    (since.map_or(0.0, |d| d.as_secs_f64()) * 1e3).round() / 1e3
}

/// A stopwatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start, to the millisecond.
    pub(crate) fn seconds(&self) -> f64 {
        (self.0.elapsed().as_secs_f64() * 1e3).round() / 1e3
    }
}
