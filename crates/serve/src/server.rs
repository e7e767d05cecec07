//! The routes, and a server's life: it serves until it is asked to end, finishes what runs, and ends.
//!
//! Asked once, it takes no new connections, refuses new requests on old ones with 503, and lets answers run
//! for `grace`; after that, or asked again, whoever still waits is told that the server ends, as an
//! error in the stream or as 503. Nothing is dropped in silence.

use crate::app::{App, Phase};
use crate::refusal::Refusal;
use crate::{chat, completions, listing, metrics, page, tokens, visitors};
use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// How long those who were told that it is over may take to hear it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that ran was finished.
    Finished,
    /// So many answers were broken off, and told so.
    BrokenOff(usize),
}

impl App {
    /// Everything that the server answers to.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/chat/completions", post(chat::complete))
            .route("/v1/completions", post(completions::complete))
            .route("/v1/models", get(listing::models))
            .route("/v1/models/{*name}", get(listing::model))
            .route("/tokenize", post(tokens::tokenize))
            .route("/detokenize", post(tokens::detokenize))
            .route("/health", get(listing::health))
            .route("/metrics", get(metrics::metrics))
            .merge(page::routes())
            .method_not_allowed_fallback(|request: Request| async move {
                Refusal::wrong_method(request.method().as_str(), request.uri().path())
            })
            .fallback(|request: Request| async move {
                Refusal::no_such_place(request.method().as_str(), request.uri().path())
            })
            .layer(from_fn_with_state(self.clone(), visitors::admit))
            .with_state(self.clone())
    }
}

/// Serves until `end` is told so: once to finish, twice to stop at once.
///
/// # Errors
/// A listener that breaks.
pub async fn serve(app: App, listener: TcpListener, mut end: mpsc::Receiver<()>) -> Result<Ending> {
    let phase = app.inner.phase.clone();
    let mut closing = phase.subscribe();
    let listener = listener.tap_io(|stream| {
        // Small pieces are to leave at once; without it they only leave later.
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, app.router()).with_graceful_shutdown(async move {
        // An error means that nobody can ask any more, which is an end too.
        let _ = closing.wait_for(|phase| *phase != Phase::Open).await;
    });
    let mut serving = tokio::spawn(served.into_future());
    tokio::select! {
        result = &mut serving => return finish(result).map(|()| Ending::Finished),
        _ = end.recv() => {}
    }
    phase.send_replace(Phase::Closing);
    tokio::select! {
        result = &mut serving => return finish(result).map(|()| Ending::Finished),
        () = tokio::time::sleep(app.inner.settings.bounds.grace) => {}
        _ = end.recv() => {}
    }
    let broken = app.inner.runner.taken();
    phase.send_replace(Phase::Over);
    match tokio::time::timeout(LAST_WORDS, &mut serving).await {
        Ok(result) => finish(result)?,
        // Somebody does not even read that it is over.
        Err(_) => serving.abort(),
    }
    Ok(match broken {
        0 => Ending::Finished,
        broken => Ending::BrokenOff(broken),
    })
}

fn finish(result: Result<std::io::Result<()>, tokio::task::JoinError>) -> Result<()> {
    result
        .context("the server's task failed")?
        .context("the server cannot listen any more")
}

/// Ctrl-C and SIGTERM, as [`serve`] wants to be told; each time anew.
///
/// # Errors
/// A system that lets nobody listen for them.
pub fn signals() -> Result<mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = mpsc::channel(2);
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind).context("signals cannot be listened for")?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if sender.send(()).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}
