//! `/metrics`: counters and times as Prometheus reads them (text format 0.0.4).
//!
//! A dozen numbers, written by hand: what a library would add is a registry to look them up in.

use crate::app::App;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the buckets, in seconds.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// What has happened since the start.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By path as routed and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    first_token: Times,
    answer: Times,
    broken: AtomicU64,
}

/// A histogram of durations.
#[derive(Default)]
struct Times {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    microseconds: AtomicU64,
}

impl Times {
    fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        if let Some(at) = BUCKETS.iter().position(|end| seconds <= *end) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.microseconds
            .fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    fn write(&self, name: &str, help: &str, text: &mut String) {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut below = 0;
        for (bucket, end) in self.buckets.iter().zip(BUCKETS) {
            below += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{end}\"}} {below}");
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = self.microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}

impl Metrics {
    /// A request to a path (as routed, not as sent: strangers do not get to name series).
    pub(crate) fn request(&self, path: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((path.to_owned(), status)).or_default() += 1;
    }

    pub(crate) fn first_token(&self, after: Duration) {
        self.first_token.add(after);
    }

    pub(crate) fn answered(&self, after: Duration) {
        self.answer.add(after);
    }

    pub(crate) fn broken_stream(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }
}

/// All of it as text.
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut text = String::new();
    let counter = |name: &str, help: &str, text: &mut String| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
    };
    let name = "kanana_http_requests_total";
    counter(name, "Requests by path and status.", &mut text);
    for ((path, status), number) in app
        .inner
        .metrics
        .requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
    {
        let _ = writeln!(
            text,
            "{name}{{path=\"{path}\",status=\"{status}\"}} {number}"
        );
    }
    let statistics = app.inner.runner.statistics();
    let broken = app.inner.metrics.broken.load(Ordering::Relaxed);
    for (name, help, value) in [
        (
            "kanana_prompt_tokens_computed_total",
            "Tokens of prompts that went through the decoder.",
            statistics.prompt_computed,
        ),
        (
            "kanana_prompt_tokens_reused_total",
            "Tokens of prompts found in the cache.",
            statistics.prompt_reused,
        ),
        (
            "kanana_generated_tokens_total",
            "Tokens chosen.",
            statistics.generated,
        ),
        (
            "kanana_broken_streams_total",
            "Streams that ended with an error.",
            broken,
        ),
    ] {
        counter(name, help, &mut text);
        let _ = writeln!(text, "{name} {value}");
    }
    for (name, help, value) in [
        (
            "kanana_answers_running",
            "Answers being made.",
            statistics.running,
        ),
        (
            "kanana_answers_waiting",
            "Answers that wait for room in the engine.",
            statistics.waiting,
        ),
        (
            "kanana_answers_taken",
            "Answers taken and not ended, of the most that are taken.",
            app.inner.runner.taken(),
        ),
        (
            "kanana_cache_pages_used",
            "Pages of the key-value cache in use.",
            statistics.pages_used,
        ),
        (
            "kanana_cache_pages",
            "Pages of the key-value cache in all.",
            statistics.pages,
        ),
    ] {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
        );
    }
    app.inner.metrics.first_token.write(
        "kanana_first_token_seconds",
        "From the request to its first token.",
        &mut text,
    );
    app.inner.metrics.answer.write(
        "kanana_answer_seconds",
        "From the request to the end of its answer.",
        &mut text,
    );
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}
