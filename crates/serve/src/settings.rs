//! What whoever runs the server decides: who may come, and how much of everything.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// What a model's weights are known by. To find it out they may have to be read through, which takes a core for
/// seconds or minutes: that begins when it is asked for first, and once for all who ask.
#[derive(Clone)]
pub struct Fingerprint {
    search: Arc<Mutex<Option<Search>>>,
    /// Closed with nothing in it where it could not be found out.
    found: watch::Receiver<Option<String>>,
}

/// A search that nobody has begun.
struct Search {
    find: Box<dyn FnOnce() -> Option<String> + Send>,
    tell: watch::Sender<Option<String>>,
}

impl Fingerprint {
    /// Found out by `find`, once somebody asks.
    pub fn new(find: impl FnOnce() -> Option<String> + Send + 'static) -> Self {
        let (tell, found) = watch::channel(None);
        let find = Box::new(find);
        let search = Arc::new(Mutex::new(Some(Search { find, tell })));
        Self { search, found }
    }

    /// Hexadecimal digits; `None` where they could not be found out.
    pub(crate) async fn get(&self) -> Option<String> {
        self.begin();
        let mut found = self.found.clone();
        let digits = found.wait_for(Option::is_some).await.ok()?;
        digits.clone()
    }

    /// Begins the search, unless it was begun. Its thread is none of the runtime's, which would not end before the
    /// search does.
    fn begin(&self) {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Search { find, tell }) = search.take() else {
            return;
        };
        let look = move || {
            if let Some(digits) = find() {
                tell.send_replace(Some(digits));
            }
        };
        let thread = thread::Builder::new().name("fingerprint".to_owned());
        // A thread that cannot be started has found nothing: the channel closes with it.
        drop(thread.spawn(look));
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.borrow();
        f.debug_tuple("Fingerprint").field(&*found).finish()
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
