//! A hub on this machine for tests: it speaks the protocol, and misbehaves as it is told.
//!
//! One thread for each connection, one request for each connection, HTTP/1.1 as far as it is used.

use crate::digest::Digest;
use crate::registry::escaped;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files from this size on are told as large ones, with a SHA-256, and live on another host.
const LARGE: usize = 1000;

/// The commit of everything here.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Mischief {
    /// Each answer with a file breaks off after so many bytes.
    pub cut: Option<usize>,
    /// How many answers break off; then all is well.
    pub cuts: usize,
    /// Files arrive with one byte changed.
    pub damage: bool,
    /// Ranges are ignored: always the whole file.
    pub no_ranges: bool,
    /// This status for everything, with this `X-Error-Code`.
    pub refuse: Option<(u16, &'static str)>,
    /// So many answers of 503 with `Retry-After: 0` first.
    pub busy: usize,
    /// Only those with this token are let in.
    pub token: Option<&'static str>,
    /// Sizes are told this much larger, to fill any disk.
    pub inflate: u64,
    /// A name that is told beside the others.
    pub extra: Option<&'static str>,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Path and query.
    pub path: String,
    /// `Range`, if it was there.
    pub range: Option<String>,
    /// `Authorization`, if it was there.
    pub authorization: Option<String>,
    /// Whether it came to the second host, to which large files are redirected.
    pub elsewhere: bool,
}

struct State {
    name: String,
    /// Where it lies: `models` or `datasets`.
    shelf: &'static str,
    licence: Option<&'static str>,
    files: BTreeMap<String, Vec<u8>>,
    mischief: Mutex<Mischief>,
    seen: Mutex<Vec<Seen>>,
    elsewhere: SocketAddr,
}

/// The hub; it lives until the process ends.
pub struct Pretend {
    address: SocketAddr,
    state: Arc<State>,
}

impl Pretend {
    /// Starts a hub that has one model.
    ///
    /// # Panics
    /// If no port is free.
    pub fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        Self::with("models", None, name, files)
    }

    /// Starts a hub that has one data set under a licence.
    ///
    /// # Panics
    /// If no port is free.
    pub fn dataset(name: &str, licence: &'static str, files: &[(&str, &[u8])]) -> Self {
        Self::with("datasets", Some(licence), name, files)
    }

    fn with(
        shelf: &'static str,
        licence: Option<&'static str>,
        name: &str,
        files: &[(&str, &[u8])],
    ) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (here, elsewhere) = (bind(), bind());
        let address = |listener: &TcpListener| listener.local_addr().expect("an address");
        let state = Arc::new(State {
            name: name.to_owned(),
            shelf,
            licence,
            files: files
                .iter()
                .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
                .collect(),
            mischief: Mutex::default(),
            seen: Mutex::default(),
            elsewhere: address(&elsewhere),
        });
        let hub = Pretend {
            address: address(&here),
            state: Arc::clone(&state),
        };
        for (listener, other) in [(here, false), (elsewhere, true)] {
            let state = Arc::clone(&state);
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = Arc::clone(&state);
                    std::thread::spawn(move || answer(&state, stream, other));
                }
            });
        }
        hub
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong from now on.
    pub fn misbehave(&self, mischief: Mischief) {
        *held(&self.state.mischief) = mischief;
    }

    /// The requests that came since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *held(&self.state.seen))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a request and answers it; a client that goes away is no fault here.
fn answer(state: &State, stream: TcpStream, elsewhere: bool) {
    let mut lines = BufReader::new(&stream).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut range, mut authorization) = (None, None);
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value.trim().to_owned()),
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let seen = Seen {
        path,
        range,
        authorization,
        elsewhere,
    };
    held(&state.seen).push(seen.clone());
    let _ = respond(state, &seen, &stream);
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

fn respond(state: &State, seen: &Seen, stream: &TcpStream) -> std::io::Result<()> {
    let mischief = held(&state.mischief).clone();
    if mischief.busy > 0 {
        held(&state.mischief).busy -= 1;
        return send(stream, 503, &[("Retry-After", "0")], b"");
    }
    if let Some((status, code)) = mischief.refuse {
        return send(stream, status, &[("X-Error-Code", code)], b"refused");
    }
    let wanted = mischief.token.map(|token| format!("Bearer {token}"));
    if !seen.elsewhere && wanted.is_some() && seen.authorization != wanted {
        return send(stream, 401, &[], b"");
    }
    if seen
        .path
        .starts_with(&format!("/api/{}/{}/revision/", state.shelf, state.name))
    {
        let text = description(state, &mischief).to_string();
        return send(
            stream,
            200,
            &[("Content-Type", "application/json")],
            text.as_bytes(),
        );
    }
    let shelf = match state.shelf {
        "models" => String::new(),
        shelf => format!("/{shelf}"),
    };
    let resolved = format!("{shelf}/{}/resolve/{COMMIT}/", state.name);
    let file = seen.path.strip_prefix(&resolved);
    let named = |file: &str| {
        let mut files = state.files.iter();
        files.find(|(path, _)| escaped(path) == file)
    };
    let Some((path, bytes)) = file.and_then(named) else {
        return send(stream, 404, &[("X-Error-Code", "RepoNotFound")], b"");
    };
    if bytes.len() >= LARGE && !seen.elsewhere {
        // Another name of this machine, and so another host.
        let there = format!(
            "http://localhost:{}{resolved}{}",
            state.elsewhere.port(),
            escaped(path)
        );
        return send(stream, 302, &[("Location", &there)], b"");
    }
    let mut bytes = bytes.clone();
    if mischief.damage {
        bytes[0] ^= 1;
    }
    let from = seen
        .range
        .as_deref()
        .filter(|_| !mischief.no_ranges)
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .unwrap_or(0_usize);
    if from >= bytes.len() && from > 0 {
        return send(stream, 416, &[], b"");
    }
    let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
    let (status, headers) = match from {
        0 => (200, vec![]),
        _ => (206, vec![("Content-Range", range.as_str())]),
    };
    let rest = &bytes[from..];
    if let Some(cut) = mischief
        .cut
        .filter(|cut| *cut < rest.len() && mischief.cuts > 0)
    {
        held(&state.mischief).cuts -= 1;
        head(stream, status, &headers, rest.len())?;
        return (&*stream).write_all(&rest[..cut]);
    }
    send(stream, status, &headers, rest)
}

fn description(state: &State, mischief: &Mischief) -> serde_json::Value {
    let mut siblings = Vec::new();
    for (path, bytes) in &state.files {
        let size = bytes.len() as u64 + mischief.inflate;
        let mut entry = json!({
            "rfilename": path, "size": size, "blobId": Digest::Git(String::new()).of(bytes),
        });
        if bytes.len() >= LARGE {
            let sha256 = Digest::Sha256(String::new()).of(bytes);
            entry["lfs"] = json!({"sha256": sha256, "size": size, "pointerSize": 130});
        }
        siblings.push(entry);
    }
    if let Some(path) = mischief.extra {
        siblings.push(json!({"rfilename": path, "size": 1, "blobId": "0".repeat(40)}));
    }
    let card = json!({"license": state.licence});
    json!({"id": state.name, "sha": COMMIT, "siblings": siblings, "cardData": card})
}

fn send(
    stream: &TcpStream,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<()> {
    head(stream, status, headers, body.len())?;
    (&*stream).write_all(body)
}

fn head(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, &str)],
    length: usize,
) -> std::io::Result<()> {
    let mut text =
        format!("HTTP/1.1 {status} .\r\nContent-Length: {length}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())
}
