//! What is answered when nothing can be: a status, and a sentence in OpenAI's shape of an error.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    message: String,
    /// The field that is at fault.
    param: Option<String>,
    code: Option<&'static str>,
    /// Seconds after which another try makes sense.
    retry: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Refusal {
            status,
            message: message.into(),
            param: None,
            code: None,
            retry: None,
        }
    }

    /// The request makes no sense.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// A field of the request makes no sense.
    pub(crate) fn field(name: &str, message: impl Into<String>) -> Self {
        Refusal {
            param: Some(name.to_owned()),
            ..Refusal::bad(message)
        }
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message =
            format!("the request is larger than {limit} bytes, which is all that is read");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(crate) fn too_long(field: &str, prompt: usize, context: usize) -> Self {
        let message =
            format!("the prompt has {prompt} tokens, and at most {context} fit here; shorten it");
        Refusal {
            code: Some("context_length_exceeded"),
            ..Refusal::field(field, message)
        }
    }

    /// A constraint that could not be compiled: it makes no sense, or the system has no thread left for it.
    pub(crate) fn uncompiled(error: &anyhow::Error) -> Self {
        let message = format!("{error:#}");
        if !error.is::<std::io::Error>() {
            return Refusal::bad(message);
        }
        Refusal {
            retry: Some(5),
            ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }

    pub(crate) fn unknown_model(asked: &str, served: &str) -> Self {
        let message = format!("the model {asked:?} does not exist here; {served:?} is served");
        Refusal {
            param: Some("model".to_owned()),
            code: Some("model_not_found"),
            ..Refusal::new(StatusCode::NOT_FOUND, message)
        }
    }

    pub(crate) fn no_such_place(method: &str, path: &str) -> Self {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!(
                "there is no {method} {path}; see /v1/chat/completions, /v1/completions, /v1/models, /tokenize, /detokenize, /health, /metrics"
            ),
        )
    }

    pub(crate) fn wrong_method(method: &str, path: &str) -> Self {
        let message = format!("{path} does not answer to {method}");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    pub(crate) fn unauthorised() -> Self {
        Refusal {
            code: Some("invalid_api_key"),
            ..Refusal::new(
                StatusCode::UNAUTHORIZED,
                "this server wants its API key, as `Authorization: Bearer KEY`",
            )
        }
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn full(queue: usize, retry: u64) -> Self {
        let message = format!(
            "{queue} answers are being made or waiting, which is all there is room for; try again"
        );
        Refusal {
            code: Some("rate_limit_exceeded"),
            retry: Some(retry),
            ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    pub(crate) fn closing() -> Self {
        Refusal {
            retry: Some(5),
            ..Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server is about to end",
            )
        }
    }

    pub(crate) fn late(seconds: u64) -> Self {
        let message = format!("the answer was not there after {seconds} seconds, and was given up");
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, message)
    }

    pub(crate) fn slow_reader() -> Self {
        let message = "the answer was broken off because it was read too slowly";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// `{"error": {…}}`.
    pub(crate) fn json(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind(),
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let retry = self
            .retry
            .map(|after| (header::RETRY_AFTER, after.to_string()));
        let key = (self.status == StatusCode::UNAUTHORIZED)
            .then(|| (header::WWW_AUTHENTICATE, "Bearer".to_owned()));
        let mut response = (self.status, axum::Json(self.json())).into_response();
        let more: Vec<(HeaderName, String)> = retry.into_iter().chain(key).collect();
        for (name, value) in more {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
