//! An endpoint on this machine for tests: it answers, and misbehaves, as it is told.
//!
//! One thread and one request for each connection, HTTP/1.1 as far as it is used. What is got and not posted is the
//! list of its models, where it has one.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Which one it is, counted from 0.
    pub number: usize,
    /// The path, `/v1` included.
    pub path: String,
    /// The body.
    pub body: Value,
    /// `Authorization`, if it was there.
    pub authorization: Option<String>,
}

impl Asked {
    /// What the last message says.
    pub fn said(&self) -> &str {
        let messages = self.body["messages"].as_array();
        let last = messages.and_then(|messages| messages.last());
        last.and_then(|last| last["content"].as_str())
            .unwrap_or_default()
    }
}

/// What the endpoint does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Replies.
    Reply(Value),
    /// Answers with this status, these headers and this body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Promises all of this and sends half.
    Half(Value),
    /// Hangs up without a word.
    HangUp,
    /// Does it after a while.
    Later(Duration, Box<Act>),
}

impl Act {
    /// A message of an assistant, and 10 tokens read and 2 written.
    pub fn says(text: &str) -> Act {
        Act::Reply(json!({
            "object": "chat.completion",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
        }))
    }

    /// A status with a reason, as the interface has it.
    pub fn status(status: u16, said: &str) -> Act {
        let body = json!({"error": {"message": said, "type": "test", "code": null}});
        Act::Status(status, vec![], body.to_string())
    }
}

/// The endpoint; it lives until the process ends.
pub struct Pretend {
    address: SocketAddr,
    seen: Arc<Seen>,
}

/// What it has seen, and what it lists.
#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    models: Mutex<Option<Value>>,
}

impl Pretend {
    /// Starts an endpoint that does as `answer` says.
    ///
    /// # Panics
    /// If no port is free.
    pub fn new(answer: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let (answer, shared) = (Arc::new(answer), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&shared));
                std::thread::spawn(move || serve(&stream, &seen, &*answer));
            }
        });
        Pretend { address, seen }
    }

    /// Lists these models from now on, as `/v1/models` has them; before, it has no such place.
    pub fn lists(&self, models: Value) {
        *held(&self.seen.models) = Some(models);
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests that have come; looks at the list of models are none.
    pub fn asked(&self) -> Vec<Asked> {
        held(&self.seen.asked).clone()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a request and does with it as told; a client that goes away is no fault here.
fn serve(stream: &TcpStream, seen: &Seen, answer: &dyn Fn(&Asked) -> Act) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    let got = line.starts_with("GET ");
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        line.clear();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if path.is_empty() || reader.read_exact(&mut body).is_err() {
        return;
    }
    if got {
        let models = held(&seen.models).clone().filter(|_| path == "/v1/models");
        let list = models.map_or_else(|| Act::status(404, "no such place"), Act::Reply);
        let _ = act(stream, list);
        let _ = stream.shutdown(Shutdown::Both);
        return;
    }
    let asked = {
        let mut seen = held(&seen.asked);
        let asked = Asked {
            number: seen.len(),
            path,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            authorization,
        };
        seen.push(asked.clone());
        asked
    };
    let _ = act(stream, answer(&asked));
    let _ = stream.shutdown(Shutdown::Both);
}

fn act(stream: &TcpStream, what: Act) -> std::io::Result<()> {
    match what {
        Act::Reply(reply) => send(stream, 200, &[], &reply.to_string(), 1.0),
        Act::Status(status, headers, body) => send(stream, status, &headers, &body, 1.0),
        Act::Half(reply) => send(stream, 200, &[], &reply.to_string(), 0.5),
        Act::HangUp => Ok(()),
        Act::Later(pause, then) => {
            std::thread::sleep(pause);
            act(stream, *then)
        }
    }
}

fn send(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
    share: f64,
) -> std::io::Result<()> {
    let mut text = format!(
        "HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())?;
    stream.write_all(&body.as_bytes()[..(body.len() as f64 * share) as usize])
}
