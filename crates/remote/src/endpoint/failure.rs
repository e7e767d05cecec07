//! What went wrong with one attempt, whether another may help, and the sentence that says so.

use crate::Key;
use anyhow::anyhow;
use serde_json::Value;
use std::time::Duration;
use ureq::http::header::{LOCATION, RETRY_AFTER};
use ureq::http::response::Parts;

/// Characters of a server's words that are passed on.
const GLIMPSE: usize = 300;

/// Why an attempt brought nothing.
pub(super) enum Failure {
    /// Another may; after so long, if the server said.
    Passing(anyhow::Error, Option<Duration>),
    /// None will.
    Lasting(anyhow::Error),
    /// None will for this request; others may be answered.
    Refused { status: u16, said: String },
}

impl Failure {
    /// A connection that failed, or broke off.
    pub(super) fn broken(who: &str, error: &ureq::Error) -> Self {
        let told = anyhow!("{who} cannot be reached, or broke off: {error}");
        match error {
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::Protocol(_) => Failure::Passing(told, None),
            ureq::Error::HostNotFound => Failure::Lasting(anyhow!(
                "there is no host of the name in {who}: check the address, and whether this machine is connected"
            )),
            ureq::Error::BodyExceedsLimit(limit) => Failure::Lasting(anyhow!(
                "the reply of {who} is longer than {limit} bytes; ask for less at once"
            )),
            _ => Failure::Lasting(told),
        }
    }

    /// A status that is no success.
    pub(super) fn status(
        who: &str,
        parts: &Parts,
        body: &[u8],
        path: &str,
        key: Option<&Key>,
    ) -> Self {
        let status = parts.status.as_u16();
        let (said, code) = words(body);
        let header = |name| Some(parts.headers.get(name)?.to_str().ok()?.trim().to_owned());
        match status {
            429 if code == "insufficient_quota" => Failure::Lasting(anyhow!(
                "the account at {who} has no credit left: {said}; what came is kept"
            )),
            408 | 425 | 429 | 500.. => {
                // Of the two forms of the header only the one in seconds: a date would need a clock.
                let wait = header(RETRY_AFTER).and_then(|text| text.parse::<f64>().ok());
                let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                Failure::Passing(anyhow!("{who} answered with status {status}: {said}"), wait)
            }
            400 | 413 | 422 => Failure::Refused { status, said },
            401 | 403 => Failure::Lasting(anyhow!(
                "{who} does not let us in (status {status}): {said}; {}",
                match key {
                    Some(_) => "the API key is not taken there",
                    None => "give it an API key",
                }
            )),
            404 | 405 => Failure::Lasting(anyhow!(
                "{who} has no {path:?}, or no such model (status {status}): {said}; wanted the base address \
                 of an OpenAI interface, usually with /v1"
            )),
            300..400 => {
                let there = header(LOCATION).unwrap_or_else(|| "another address".to_owned());
                let there = match key {
                    Some(key) => String::from_utf8_lossy(&key.hide(there.into())).into_owned(),
                    None => there,
                };
                Failure::Lasting(anyhow!(
                    "{who} has moved to {there}: name that address; a key is never sent on"
                ))
            }
            _ => Failure::Lasting(anyhow!("{who} answered with status {status}: {said}")),
        }
    }
}

/// The reason a server gives and its short code: `error.message` and `error.code`, or `error` or
/// `message` or `detail` in words, or the beginning of whatever it is.
pub(super) fn words(body: &[u8]) -> (String, String) {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return (glimpse(body), String::new());
    };
    let text = |value: &Value| value.as_str().map(|text| glimpse(text.as_bytes()));
    let error = json.get("error").unwrap_or(&json);
    let found = ["message", "detail"]
        .iter()
        .find_map(|name| text(error.get(*name)?));
    let said = found
        .or_else(|| text(error))
        .unwrap_or_else(|| glimpse(body));
    let code = ["code", "type"]
        .iter()
        .find_map(|name| error.get(*name)?.as_str());
    (said, code.unwrap_or_default().to_owned())
}

/// The beginning of some bytes, fit for a sentence.
pub(super) fn glimpse(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * GLIMPSE)]);
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = text.chars().take(GLIMPSE).map(plain).collect();
    if short.len() < bytes.len() && !short.is_empty() {
        short.push('…');
    }
    match short.trim() {
        "" => "(nothing said)".to_owned(),
        said => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_wherever_servers_put_it() {
        let said = |body: &str| words(body.as_bytes());
        let both = |said: &str, code: &str| (said.to_owned(), code.to_owned());
        assert_eq!(
            said(r#"{"error":{"message":"너무 깁니다","code":"too_long"}}"#),
            both("너무 깁니다", "too_long")
        );
        assert_eq!(said(r#"{"error":"no"}"#), both("no", ""));
        assert_eq!(said(r#"{"detail":"no","type":"x"}"#), both("no", "x"));
        assert_eq!(said("<html>\n</html>"), both("<html> </html>", ""));
        assert_eq!(said(""), both("(nothing said)", ""));
        assert_eq!(said("{}"), both("{}", ""));
        assert!(said(&"가".repeat(2000)).0.chars().count() <= GLIMPSE + 1);
    }
}
