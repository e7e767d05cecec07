//! The chat page at `/`: files that lie inside the binary, and the policy under which a browser shows them.
//!
//! Nothing is loaded from elsewhere and nothing runs that is not one of these files: the policy
//! forbids inline scripts and styles, frames and foreign connections, so that even a fault in how
//! a model's text is drawn (`page/markdown.js`) could not make it live. The page talks to the API
//! of this server only, by relative addresses. `benches/page/run.mjs` drives it in a browser.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! file {
    ($path:literal, $name:literal, $kind:expr) => {
        File {
            path: $path,
            kind: $kind,
            text: include_str!(concat!("page/", $name)),
        }
    };
}

static FILES: [File; 12] = [
    file!("/", "index.html", HTML),
    file!("/page/chat.css", "chat.css", STYLE),
    file!("/page/icon.svg", "icon.svg", PICTURE),
    file!("/page/theme.js", "theme.js", SCRIPT),
    file!("/page/chat.js", "chat.js", SCRIPT),
    file!("/page/api.js", "api.js", SCRIPT),
    file!("/page/list.js", "list.js", SCRIPT),
    file!("/page/markdown.js", "markdown.js", SCRIPT),
    file!("/page/settings.js", "settings.js", SCRIPT),
    file!("/page/store.js", "store.js", SCRIPT),
    file!("/page/turns.js", "turns.js", SCRIPT),
    file!("/page/words.js", "words.js", SCRIPT),
];

/// What a browser may do on this page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and what it is made of, to be merged into a server's routes.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(
            file.path,
            get(move |asked: HeaderMap| async move { answer(file, &asked) }),
        )
    })
}

/// The file, or that the browser has it already: after an update of the program it asks again.
fn answer(file: &File, asked: &HeaderMap) -> Response {
    let tag = tag(file.text);
    let same = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, tag.as_str()),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    if same {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.text).into_response()
}

/// A name for a text that changes when the text does.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests;
