//! What whoever runs the server decides: who may come, and how much of everything.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What a model's weights are known by, which may take a moment to find out.
#[derive(Clone, Debug)]
pub struct Fingerprint(Arc<LazyLock<Option<String>, Finding>>);

type Finding = Box<dyn FnOnce() -> Option<String> + Send>;

impl Fingerprint {
    /// Finds it out meanwhile: nobody waits but who asks too early.
    pub fn new(find: impl FnOnce() -> Option<String> + Send + 'static) -> Self {
        let find: Finding = Box::new(find);
        let known = Arc::new(LazyLock::new(find));
        let meanwhile = Arc::clone(&known);
        std::thread::spawn(move || LazyLock::force(&meanwhile).is_some());
        Self(known)
    }

    /// Hexadecimal digits; `None` where they could not be found out.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Who may come, under which name.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the model is called in requests and answers.
    pub name: String,
    /// What its weights are known by, hexadecimal, so that a client tells it from another one of this name.
    pub fingerprint: Option<Fingerprint>,
    /// What every request has to bring, if anything.
    pub api_key: Option<String>,
    /// Pages of these origins may ask from a browser (`https://example.org`, or `*`); none by default.
    pub origins: Vec<String>,
    /// Whether only programs on this machine can reach the server. Then requests that call it by another
    /// name are refused: they come from a page that lies about where it is.
    pub loopback: bool,
    /// How much of everything.
    pub bounds: Bounds,
}

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a request.
    pub body: usize,
    /// Tokens of an answer; more is not refused, the answer ends there.
    pub output: usize,
    /// Answers being made or waiting, in all; who comes when there are as many gets 429.
    pub queue: usize,
    /// Answers in one request: prompts times choices.
    pub choices: usize,
    /// How long an answer may take, waiting included.
    pub time: Duration,
    /// How long running answers may go on once the server is asked to end.
    pub grace: Duration,
    /// Events that may lie unread; a request whose client leaves more is broken off.
    pub lag: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            body: 4 << 20,
            output: 1 << 20,
            queue: 256,
            choices: 128,
            time: Duration::from_secs(600),
            grace: Duration::from_secs(30),
            lag: 1024,
        }
    }
}
