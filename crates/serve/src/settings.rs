//! What whoever runs the server decides: who may come, and how much of everything.

use std::time::Duration;

/// Who may come, under which name.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the model is called in requests and answers.
    pub name: String,
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
