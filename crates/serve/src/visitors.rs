//! Who may come: the key, pages of other origins, names of this machine, sizes; and who came, for the metrics.
//!
//! A browser on this machine may be on a page that wants to use the server behind its user's back.
//! So a page of another origin is refused unless it was named (it could send, if not read), and
//! a server that only this machine can reach answers only to this machine's names (a name that a
//! stranger points here would make his page one of ours).

use crate::app::{App, Phase};
use crate::refusal::Refusal;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);
/// A request that is too large is read on and thrown away up to so many times the limit: a client
/// that is still sending would not see the answer.
const DRAIN: usize = 16;

/// Lets a request in, or does not.
pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| named(&app, origin));
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let mut response = match check(&app, &request, allowed.is_some(), preflight) {
        Err(refusal) => refusal.into_response(),
        Ok(()) if preflight => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
    };
    if let Some(origin) = allowed {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if preflight {
            let methods = HeaderValue::from_static("GET, POST");
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            // Clients bring headers of their own (`x-stainless-…`); whoever may come may bring them.
            let usual = || HeaderValue::from_static("authorization, content-type");
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                wanted.unwrap_or_else(usual),
            );
            headers.append(
                header::VARY,
                HeaderValue::from_static("Access-Control-Request-Headers"),
            );
        }
    }
    let path = path.as_deref().unwrap_or("other");
    app.inner.metrics.request(path, response.status().as_u16());
    response
}

fn check(app: &App, request: &Request, allowed: bool, preflight: bool) -> Result<(), Refusal> {
    let headers = request.headers();
    let host =
        text(headers, header::HOST).or_else(|| request.uri().authority().map(|host| host.as_str()));
    if app.inner.settings.loopback && !host.is_none_or(|host| of_this_machine(app, host)) {
        let host = host.unwrap_or_default();
        return Err(Refusal::forbidden(format!(
            "this server answers to the names of this machine only, not to {host:?}"
        )));
    }
    if let Some(origin) = text(headers, header::ORIGIN)
        && !allowed
        && host.is_none_or(|host| origin.split_once("://").is_none_or(|(_, own)| own != host))
    {
        return Err(Refusal::forbidden(format!(
            "pages of {origin} may not use this server; whoever runs it can allow them"
        )));
    }
    if preflight {
        return Ok(());
    }
    let path = request.uri().path();
    if let Some(key) = &app.inner.settings.api_key
        && !matches!(path, "/" | "/health")
        && !path.starts_with("/page/")
    {
        let given = text(headers, header::AUTHORIZATION).and_then(|value| {
            let (scheme, given) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| given.trim())
        });
        // In constant time, so that a key cannot be guessed letter by letter.
        if !bool::from(given.unwrap_or_default().as_bytes().ct_eq(key.as_bytes())) {
            return Err(Refusal::unauthorised());
        }
    }
    if request.method() == Method::POST && *app.inner.phase.borrow() != Phase::Open {
        return Err(Refusal::closing());
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether an origin was allowed by name.
fn named(app: &App, origin: &HeaderValue) -> bool {
    let mut origins = app.inner.settings.origins.iter();
    origins.any(|one| one == "*" || one.as_bytes() == origin.as_bytes())
}

fn of_this_machine(app: &App, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let own = name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let mut origins = app.inner.settings.origins.iter();
    own || origins.any(|one| {
        one == "*"
            || one
                .split_once("://")
                .is_some_and(|(_, named)| named == host)
    })
}

/// Reads a body of at most `limit` bytes.
async fn body(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let arrived = tokio::time::timeout(ARRIVAL, gather(body, limit)).await;
    arrived.unwrap_or_else(|_| {
        let seconds = ARRIVAL.as_secs();
        Err(Refusal::bad(format!(
            "the request had not arrived after {seconds} seconds"
        )))
    })
}

/// Reads a request, as many at once as there are places, and works on it apart from the tasks that serve
/// everyone: templates and tokenizers take as long as a conversation is.
pub(crate) async fn prepared<T: Send + 'static>(
    app: &App,
    asked: Body,
    work: impl FnOnce(&App, &[u8]) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let bounds = app.inner.settings.bounds;
    let place = Arc::clone(&app.inner.arriving).try_acquire_owned();
    let place = place.map_err(|_| Refusal::full(bounds.queue, 1))?;
    let bytes = body(asked, bounds.body).await?;
    let held = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        // As long as the bytes are there, whether or not anyone still waits.
        let _place = place;
        work(&held, &bytes)
    });
    done.await
        .map_err(|error| Refusal::internal(format!("the request could not be read: {error}")))?
}

async fn gather(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else {
            return Err(Refusal::bad("the request broke off before its end"));
        };
        length += piece.len();
        if length > limit.saturating_mul(DRAIN) {
            break;
        }
        if length <= limit {
            bytes.extend_from_slice(&piece);
        } else {
            bytes = Vec::new();
        }
    }
    match length <= limit {
        true => Ok(bytes.into()),
        false => Err(Refusal::too_large(limit)),
    }
}
