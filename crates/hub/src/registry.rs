//! What is asked of a hub: what a model or a data set consists of, and the bytes of a file from a place on.
//!
//! `GET /api/models/NAME/revision/REVISION?blobs=true` (`/api/datasets/…`) tells the commit, the licence and
//! for every file its size and its hash; `GET /NAME/resolve/COMMIT/PATH` (`/datasets/NAME/…`) gives the
//! bytes, usually by way of a redirection to
//! another host, which never sees the token. What a hub says is not believed: names must stay inside
//! their folder, hashes must be hashes.

use crate::digest::{Digest, hexadecimal};
use crate::{Name, Settings};
use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::http::header::{AUTHORIZATION, RANGE, RETRY_AFTER};

/// No description of a model is longer.
const LONGEST: u64 = 64 << 20;
/// For a connection, and for every piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hub that can be asked.
pub struct Registry {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
}

/// What a model or a data set consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// The commit that the revision means now.
    pub commit: String,
    /// The licence, as its card names it.
    pub licence: Option<String>,
    /// Its files.
    pub files: Vec<Entry>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path in the repository.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// What it must hash to.
    pub digest: Digest,
}

/// Why the hub gave nothing.
pub(crate) enum Failure {
    /// It may give something later: a connection that broke, a server that is busy (and for how
    /// long, if it said).
    Passing(anyhow::Error, Option<Duration>),
    /// It will not.
    Lasting(anyhow::Error),
}

/// Bytes of a file.
pub(crate) struct Bytes {
    /// Where they begin: where they were wanted from, or 0 if the server gives all or nothing.
    pub(crate) from: u64,
    pub(crate) reader: Box<dyn Read>,
}

impl Registry {
    /// The hub that the settings name. Nothing is asked yet.
    pub fn new(settings: &Settings) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("kanana/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity");
        Registry {
            agent: config.build().new_agent(),
            endpoint: settings.endpoint.clone(),
            token: settings.token.clone(),
        }
    }

    /// The files of a model at its revision.
    pub(crate) fn describe(&self, name: &Name) -> Result<Description, Failure> {
        let revision = name.revision.replace('/', "%2F");
        let address = format!(
            "{}/api/{}/revision/{revision}?blobs=true",
            self.endpoint,
            name.described_at()
        );
        let response = self.get(&address, None)?;
        if response.status() != 200 {
            return Err(self.refused(response, name, None));
        }
        let mut text = String::new();
        let mut body = response.into_body().into_reader().take(LONGEST);
        if let Err(error) = body.read_to_string(&mut text) {
            return Err(self.broken(error.into()));
        }
        described(&text)
            .with_context(|| format!("what {} says of {name}", self.endpoint))
            .map_err(Failure::Lasting)
    }

    /// A file's bytes from a place on.
    pub(crate) fn open(
        &self,
        name: &Name,
        commit: &str,
        path: &str,
        from: u64,
    ) -> Result<Bytes, Failure> {
        let address = format!(
            "{}/{}/resolve/{commit}/{}",
            self.endpoint,
            name.address(),
            escaped(path)
        );
        let response = self.get(&address, (from > 0).then_some(from))?;
        let from = match response.status().as_u16() {
            200 => 0,
            206 if begins_at(&response) == Some(from) => from,
            // More is there than the file has, or another part comes than was asked for: from the start.
            206 | 416 if from > 0 => return self.open(name, commit, path, 0),
            _ => return Err(self.refused(response, name, Some(path))),
        };
        Ok(Bytes {
            from,
            reader: Box::new(response.into_body().into_reader()),
        })
    }

    fn get(&self, address: &str, from: Option<u64>) -> Result<Response<ureq::Body>, Failure> {
        let mut request = self.agent.get(address);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(from) = from {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|error| self.broken(error))
    }

    /// A connection that failed before a status came.
    fn broken(&self, error: ureq::Error) -> Failure {
        let passing = matches!(
            error,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::ConnectionFailed
                | ureq::Error::Protocol(_)
        );
        let said = match error {
            ureq::Error::HostNotFound => {
                "no such host; is this machine connected? What was pulled before works without: --offline"
                    .to_owned()
            }
            other => other.to_string(),
        };
        let told = anyhow!("the hub at {} cannot be reached: {said}", self.endpoint);
        match passing {
            true => Failure::Passing(told, None),
            false => Failure::Lasting(told),
        }
    }

    /// What a status means, and what to do.
    fn refused(&self, response: Response<ureq::Body>, name: &Name, path: Option<&str>) -> Failure {
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let code = header("X-Error-Code").unwrap_or_default();
        let (hub, what) = (&self.endpoint, name.what());
        let who = match self.token {
            Some(_) => "the token in use does not open it",
            None => "set HF_TOKEN to a token of yours",
        };
        let status = response.status();
        let said = match (status.as_u16(), code.as_str(), path) {
            (_, "GatedRepo", _) | (403, _, _) => format!(
                "{name} is given only to those who accepted its conditions: do so at {hub}/{}; {who}",
                name.address()
            ),
            (_, "RevisionNotFound", _) => {
                format!("{} has no revision {:?}", name.path(), name.revision)
            }
            (_, "EntryNotFound", Some(path)) => format!("{name} has no file {path:?}"),
            (401, _, _) => {
                format!("{hub} has no {what} {name}, or it is private: check the name; {who}")
            }
            (404, _, None) => {
                format!("{hub} has no {what} {name}: check the name and the revision")
            }
            (404, _, Some(path)) => format!("{hub} does not have {path:?} of {name} any more"),
            (429, _, _) => format!("{hub} is asked too often"),
            _ => format!("{hub} answered with status {status}"),
        };
        let told = anyhow!(said);
        if status == 429 || status.is_server_error() {
            let wait = header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
            return Failure::Passing(told, wait.map(Duration::from_secs));
        }
        Failure::Lasting(told)
    }
}

/// `Content-Range: bytes 5-9/10` begins at 5.
fn begins_at(response: &Response<ureq::Body>) -> Option<u64> {
    let range = response.headers().get("Content-Range")?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

/// A path within an address.
pub(crate) fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    path.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[derive(Deserialize)]
struct Told {
    sha: String,
    siblings: Vec<Sibling>,
    #[serde(rename = "cardData", default)]
    card: Value,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob: Option<String>,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    sha256: String,
    size: u64,
}

fn described(text: &str) -> Result<Description> {
    let told: Told =
        serde_json::from_str(text).context("this is no description of a repository")?;
    let commit = hexadecimal(&told.sha, 40)
        .with_context(|| format!("the commit is {:?}: wanted 40 hexadecimal digits", told.sha))?;
    let mut files = Vec::with_capacity(told.siblings.len());
    for sibling in told.siblings {
        let path = sibling.rfilename;
        // Looked at as it is written: `a/./b` would be one folder fewer than its slashes say.
        if path.contains('\\') || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            bail!(
                "a file is called {path:?}, which would lie outside its folder; nothing was written"
            );
        }
        let (digest, bytes) = match &sibling.lfs {
            Some(large) => (Digest::sha256(&large.sha256), Some(large.size)),
            None => (sibling.blob.as_deref().and_then(Digest::git), sibling.size),
        };
        let (Some(digest), Some(bytes)) = (digest, bytes) else {
            bail!("no size or no checksum is told of {path:?}, so it could not be checked");
        };
        files.push(Entry {
            path,
            bytes,
            digest,
        });
    }
    // As its card has it (a name or several), or among its tags.
    let licence = match &told.card["license"] {
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            (!names.is_empty()).then(|| names.join(", "))
        }
        _ => None,
    };
    let tagged = || {
        let mut tags = told.tags.iter();
        tags.find_map(|tag| Some(tag.strip_prefix("license:")?.to_owned()))
    };
    Ok(Description {
        commit,
        licence: licence.or_else(tagged),
        files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hub_says_is_not_believed() {
        let commit = "0".repeat(40);
        let blob = "1".repeat(40);
        let told = |name: &str, sha: &str, rest: &str| {
            described(&format!(
                r#"{{"sha":"{sha}","siblings":[{{"rfilename":{name:?},{rest}}}],"other":1}}"#
            ))
        };
        let good = format!(r#""size":3,"blobId":"{blob}""#);
        assert_eq!(
            told("a/설정.json", &commit, &good)
                .expect("good")
                .files
                .len(),
            1
        );
        for (card, wanted) in [
            (
                r#""cardData":{"license":"cc-by-nd-4.0"}"#,
                Some("cc-by-nd-4.0"),
            ),
            (
                r#""cardData":{"license":["mit","other"]}"#,
                Some("mit, other"),
            ),
            (
                r#""cardData":null,"tags":["ko","license:mit"]"#,
                Some("mit"),
            ),
            (r#""cardData":{"license":[]}"#, None),
            (r#""tags":[]"#, None),
        ] {
            let text = format!(r#"{{"sha":"{commit}","siblings":[],{card}}}"#);
            let found = described(&text).expect(card).licence;
            assert_eq!(found.as_deref(), wanted, "{card}");
        }
        for name in ["../a", "/a", "a/../../b", "", ".", "a\\b"] {
            assert!(told(name, &commit, &good).is_err(), "{name}");
        }
        assert!(told("a", "../../etc", &good).is_err());
        assert!(told("a", &commit, r#""size":3"#).is_err());
        assert!(told("a", &commit, r#""size":-3,"blobId":"x""#).is_err());
        assert!(described("<html>").is_err());
    }

    #[test]
    fn paths_in_addresses_are_escaped() {
        assert_eq!(escaped("a b/한.json?#"), "a%20b/%ED%95%9C.json%3F%23");
    }
}
