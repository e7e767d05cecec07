//! From the engine's events to an HTTP answer: as one JSON, or as server-sent events while it is made.
//!
//! Once a stream has begun its status is sent; what goes wrong later is told as an event with an
//! `error`, and the stream ends without `[DONE]`, so that nobody takes half an answer for a whole one.

use crate::app::{App, Phase};
use crate::choices::{Shape, Tally, reason};
use crate::engine::Job;
use crate::refusal::Refusal;
use axum::Json;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use generate::{Event, Request};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long after its time an answer may still be read to its end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How an answer is to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// Answers to each prompt.
    pub(crate) n: usize,
}

/// Has the requests answered.
pub(crate) async fn answer(
    app: App,
    requests: Vec<Request>,
    shape: impl Shape,
    manner: Manner,
) -> Result<Response, Refusal> {
    let begun = Instant::now();
    let job = app.inner.runner.submit(requests).await?;
    let mut answering = Answering {
        deadline: begun + app.inner.settings.bounds.time,
        phase: app.inner.phase.subscribe(),
        app,
        job,
        shape,
        manner,
        tally: Tally::default(),
        begun,
        first: None,
        pending: VecDeque::new(),
        ended: false,
    };
    if !manner.stream {
        while answering.advance().await?.is_some() {}
        answering.finished();
        let usage = answering.tally.json();
        return Ok(Json(answering.shape.whole(usage)).into_response());
    }
    for chunk in answering.shape.open() {
        answering.pending.push_back(sent(&chunk));
    }
    // A task of its own: a body that nobody reads is not polled, and its time would never end.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let last = answering.deadline + PATIENCE;
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                event = answering.next() => event,
                () = sender.closed() => None,
            };
            let Some(event) = event else { return };
            let sent = tokio::time::timeout_at(last, sender.send(event)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    let events = stream::unfold(receiver, |mut receiver| async move {
        Some((Ok::<_, Infallible>(receiver.recv().await?), receiver))
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(10));
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let no = axum::http::HeaderValue::from_static("no");
    // For proxies that would gather the pieces.
    response.headers_mut().insert("x-accel-buffering", no);
    Ok(response)
}

fn sent(chunk: &Value) -> Sent {
    Sent::default().data(chunk.to_string())
}

/// An answer being made.
struct Answering<S> {
    app: App,
    job: Job,
    shape: S,
    manner: Manner,
    tally: Tally,
    begun: Instant,
    first: Option<Instant>,
    deadline: Instant,
    phase: watch::Receiver<Phase>,
    pending: VecDeque<Sent>,
    ended: bool,
}

impl<S: Shape> Answering<S> {
    /// Waits for the engine; the chunks it gave, or none when everything has ended.
    async fn advance(&mut self) -> Result<Option<Vec<Value>>, Refusal> {
        let told = tokio::select! {
            told = self.job.next() => told?,
            () = sleep_until(self.deadline) => {
                return Err(Refusal::late(self.app.inner.settings.bounds.time.as_secs()));
            }
            _ = self.phase.wait_for(|phase| *phase == Phase::Over) => return Err(Refusal::closing()),
        };
        match told {
            None => Ok(None),
            Some((choice, Event::Piece { text, tokens })) => {
                if self.first.is_none() && !tokens.is_empty() {
                    let now = Instant::now();
                    self.app.inner.metrics.first_token(now - self.begun);
                    self.first = Some(now);
                }
                Ok(Some(self.shape.piece(choice, &text, &tokens)))
            }
            Some((choice, Event::End(generation))) => {
                reason(&generation)?;
                self.tally.add(choice % self.manner.n == 0, &generation);
                Ok(Some(self.shape.end(choice, &generation)))
            }
        }
    }

    /// The next event of the stream.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.advance().await {
                Ok(Some(chunks)) => self.pending.extend(chunks.iter().map(sent)),
                Ok(None) => {
                    self.finished();
                    if self.manner.include_usage {
                        let chunk = self.shape.usage(self.tally.json());
                        self.pending.push_back(sent(&chunk));
                    }
                    self.pending.push_back(Sent::default().data("[DONE]"));
                    self.ended = true;
                }
                Err(refusal) => {
                    self.app.inner.metrics.broken_stream();
                    self.pending.push_back(sent(&refusal.json()));
                    self.ended = true;
                }
            }
        }
    }

    fn finished(&self) {
        self.app.inner.metrics.answered(self.begun.elapsed());
    }
}
