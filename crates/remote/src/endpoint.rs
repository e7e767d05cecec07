//! The caller that goes out: `POST BASE/PATH` with JSON, tried again while that may help.
//!
//! Tried again, after a pause that doubles or as long as `Retry-After` says: a connection that fails or
//! breaks off, a reply that is no JSON (a gateway's page), 408, 425, 429 and every status from 500 on.
//! Not tried again: a request that was declined ([`Refused`]: 400, 413, 422), a key that is not taken,
//! a path or model that is not there, an account without credit, a redirection (the key would follow it).
//! Newer models know the limit of tokens by another name alone: where a conversation is declined for
//! that, it is put once more with that name, and so are all that follow. Nobody above hears of it, so that a
//! transcript knows a conversation by the same words whoever answers.

mod failure;
#[cfg(test)]
mod tests;

use crate::{Caller, Key, Refused, Stopped};
use anyhow::{Context as _, Result, anyhow, ensure};
use failure::Failure;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};

/// No reply is longer, in bytes.
const LONGEST: u64 = 64 << 20;
/// How soon a waiting call hears that it is to stop.
const SLICE: Duration = Duration::from_millis(50);
/// How long a list of models may take.
const LISTING: Duration = Duration::from_secs(30);
/// Where conversations are answered.
const CHAT: &str = "chat/completions";
/// What the limit of tokens is called.
const LIMIT: &str = "max_tokens";
/// What it is called for newer models.
const NEWER_LIMIT: &str = "max_completion_tokens";

/// How long to wait, and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one attempt from its beginning to the reply's last byte.
    pub call: Duration,
    /// Attempts at most, the first included.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles with each one more.
    pub pause: Duration,
    /// No pause is longer, whatever a server asks for.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// Half a minute to connect, ten minutes to answer, six attempts over about half a minute, and no
    /// pause over two minutes.
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(30),
            call: Duration::from_secs(600),
            attempts: 6,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(120),
        }
    }
}

/// A server that speaks the OpenAI interface.
#[derive(Clone)]
pub struct Endpoint {
    agent: Agent,
    base: String,
    key: Option<Key>,
    patience: Patience,
    stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether the limit of tokens goes by its newer name there.
    newer: Arc<AtomicBool>,
}

impl Endpoint {
    /// The server at a base address such as `http://127.0.0.1:8080/v1`. Nothing is asked yet.
    ///
    /// # Errors
    /// What is no address of the web, or one that holds a query, a name or a password.
    pub fn new(base: &str, key: Option<Key>, patience: Patience) -> Result<Self> {
        let base = checked(base)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(patience.connect))
            .timeout_global(Some(patience.call))
            // Every caller's thread keeps its connection.
            .max_idle_connections(256)
            .max_idle_connections_per_host(256)
            .user_agent(concat!("kanana/", env!("CARGO_PKG_VERSION")))
            .accept("application/json");
        Ok(Endpoint {
            agent: config.build().new_agent(),
            base,
            key,
            patience,
            stop: Arc::new(|| false),
            newer: Arc::default(),
        })
    }

    /// Asked while a call waits for another attempt: whether to give up ([`Stopped`]).
    #[must_use]
    pub fn until(mut self, stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.stop = Arc::new(stop);
        self
    }

    /// The models that the server lists at `GET BASE/models`, as it says it; `None` where it has no such list.
    /// Asked once: whoever wants more of the server will try again.
    ///
    /// # Errors
    /// A server that is not there now, or too busy to say; [`Stopped`].
    pub fn models(&self) -> Result<Option<Value>> {
        ensure!(!(self.stop)(), Stopped);
        let broken =
            |error: ureq::Error| anyhow!("{} cannot be reached, or broke off: {error}", self.base);
        let request = self.agent.get(format!("{}/models", self.base)).config();
        let request = request.timeout_global(Some(self.patience.call.min(LISTING)));
        let mut request = request.build();
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.secret()));
        }
        let response = request.call().map_err(broken)?;
        let (parts, mut body) = response.into_parts();
        let status = parts.status.as_u16();
        ensure!(
            !matches!(status, 408 | 425 | 429 | 500..),
            "{} answered with status {status} when it was asked for its models",
            self.base
        );
        if !parts.status.is_success() {
            return Ok(None);
        }
        let read = body.with_config().limit(LONGEST).read_to_vec();
        let bytes = read.map_err(broken)?;
        let bytes = match &self.key {
            Some(key) => key.hide(bytes),
            None => bytes,
        };
        Ok(serde_json::from_slice(&bytes).ok())
    }

    fn attempt(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let mut request = self
            .agent
            .post(format!("{}/{path}", self.base))
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.secret()));
        }
        let response = request
            .send(body)
            .map_err(|error| Failure::broken(&self.base, &error))?;
        let (parts, mut body) = response.into_parts();
        let mut bytes = body
            .with_config()
            .limit(LONGEST)
            .read_to_vec()
            .map_err(|error| Failure::broken(&self.base, &error))?;
        let key = self.key.as_ref();
        if let Some(key) = key {
            // Before anything is made of it: what a server says goes into errors and transcripts.
            bytes = key.hide(bytes);
        }
        if !parts.status.is_success() {
            return Err(Failure::status(&self.base, &parts, &bytes, path, key));
        }
        let reply = serde_json::from_slice::<Value>(&bytes).map_err(|error| {
            let told = anyhow!(
                "{} answered with what is no JSON ({error}): {:?}; is this the base address of an OpenAI \
                 interface, with its /v1?",
                self.base,
                failure::glimpse(&bytes)
            );
            Failure::Passing(told, None)
        })?;
        // Some gateways say with status 200 that what is behind them has failed.
        match reply.get("error") {
            Some(error) if !error.is_null() && reply.get("choices").is_none() => {
                let told = anyhow!("{} failed: {}", self.base, failure::words(&bytes).0);
                Err(Failure::Passing(told, None))
            }
            _ => Ok(reply),
        }
    }

    fn wait(&self, pause: Duration) -> Result<()> {
        let mut left = pause;
        while !left.is_zero() {
            ensure!(!(self.stop)(), Stopped);
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
        ensure!(!(self.stop)(), Stopped);
        Ok(())
    }
}

impl Endpoint {
    /// Asks until there is a reply, or another attempt cannot help.
    fn put(&self, path: &str, body: &Value) -> Result<Value> {
        let body = serde_json::to_vec(body)?;
        let mut pause = self.patience.pause;
        for attempt in 1.. {
            ensure!(!(self.stop)(), Stopped);
            let (error, wanted) = match self.attempt(path, &body) {
                Ok(reply) => return Ok(reply),
                Err(Failure::Refused { status, said }) => {
                    return Err(anyhow!(Refused {
                        who: self.base.clone(),
                        status,
                        said
                    }));
                }
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error, wanted)) => (error, wanted),
            };
            if attempt >= self.patience.attempts {
                return Err(error).context(format!(
                    "gave up after {attempt} attempts; what came before is kept, and the same command goes on \
                     from there"
                ));
            }
            self.wait(wanted.unwrap_or(pause).min(self.patience.longest_pause))?;
            pause = pause.saturating_mul(2);
        }
        unreachable!("the loop ends by returning")
    }
}

impl Caller for Endpoint {
    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        let path = path.trim_start_matches('/');
        let newer = match path {
            CHAT => newer(body),
            _ => None,
        };
        let Some(newer) = newer else {
            return self.put(path, body);
        };
        if self.newer.load(Ordering::Relaxed) {
            return self.put(path, &newer);
        }
        match self.put(path, body) {
            Err(error) if wants_newer(&error) => {
                let reply = self.put(path, &newer);
                if !reply.as_ref().is_err_and(wants_newer) {
                    self.newer.store(true, Ordering::Relaxed);
                }
                reply
            }
            other => other,
        }
    }

    fn identity(&self) -> String {
        self.base.clone()
    }
}

/// Whether a request was declined because of what its limit of tokens is called.
fn wants_newer(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status == 400 && refused.said.contains(NEWER_LIMIT))
}

/// A body with its limit of tokens under the newer name; `None` where it has none, or has that too.
fn newer(body: &Value) -> Option<Value> {
    let fields = body.as_object()?;
    if !fields.contains_key(LIMIT) || fields.contains_key(NEWER_LIMIT) {
        return None;
    }
    let renamed = fields.iter().map(|(name, value)| {
        let name = match name.as_str() {
            LIMIT => NEWER_LIMIT,
            other => other,
        };
        (name.to_owned(), value.clone())
    });
    Some(Value::Object(renamed.collect()))
}

/// A base address without the slash at its end.
pub(crate) fn checked(base: &str) -> Result<String> {
    let rest = base
        .strip_prefix("https://")
        .or_else(|| base.strip_prefix("http://"))
        .with_context(|| {
            format!("the endpoint is {base:?}: wanted an address such as http://127.0.0.1:8080/v1")
        })?;
    let host = rest.split('/').next().unwrap_or_default();
    ensure!(
        !host.is_empty()
            && !host.contains('@')
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte)),
        "the endpoint is {base:?}: wanted a host and a path, without a query, a name or a password; a key \
         is given apart from the address"
    );
    Ok(base.trim_end_matches('/').to_owned())
}
