//! Who goes away, who reads slowly, who comes when it is full or about to end; who may come at all.

use super::*;
use crate::refusal::Refusal;
use crate::{Ending, Fingerprint, serve};
use generate::{Request as Asked, Sampling};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

struct Served {
    app: App,
    address: std::net::SocketAddr,
    end: mpsc::Sender<()>,
    served: JoinHandle<anyhow::Result<Ending>>,
}

async fn served(app: App) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = mpsc::channel(2);
    let served = tokio::spawn(serve(app.clone(), listener, ended));
    Served {
        app,
        address,
        end,
        served,
    }
}

impl Served {
    async fn connect(&self, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let body = body.to_string();
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        stream
    }
}

/// Reads until something has come.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut all = Vec::new();
    loop {
        let read = stream.read_buf(&mut all).await.unwrap();
        let text = String::from_utf8_lossy(&all).into_owned();
        if text.contains(wanted) || read == 0 {
            return text;
        }
    }
}

/// Waits for something that has to come.
async fn eventually(mut is: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came");
}

fn long() -> Value {
    conversation(json!({"max_tokens": 900, "stream": true, "ignore_eos": true}))
}

#[tokio::test]
async fn who_goes_away_frees_the_place() {
    let served = served(app()).await;
    // A stream, and an answer that was to come whole.
    for stream in [true, false] {
        let mut body = long();
        body["stream"] = json!(stream);
        body["n"] = json!(8);
        let mut client = served.connect(&body).await;
        if stream {
            until(&mut client, "\"content\"").await;
        } else {
            eventually(|| served.app.inner.runner.taken() == 8).await;
        }
        let before = served.app.inner.runner.statistics().generated;
        drop(client);
        eventually(|| served.app.inner.runner.taken() == 0).await;
        eventually(|| served.app.inner.runner.statistics().running == 0).await;
        let after = served.app.inner.runner.statistics().generated;
        assert!(
            after < before + 8 * 900,
            "it was made to the end for nobody"
        );
    }
}

#[tokio::test]
async fn a_full_queue_is_429_with_retry_after() {
    let mut settings = settings();
    settings.bounds.queue = 2;
    let app = app_with(settings);
    let body = conversation(json!({"n": 2, "max_tokens": 900, "stream": true, "ignore_eos": true}));
    let request = Request::post(CHAT)
        .body(Body::from(body.to_string()))
        .unwrap();
    let running = app.router().oneshot(request).await.unwrap();
    let back = post(&app, CHAT, conversation(json!({})).to_string()).await;
    assert_eq!(back.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        back.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert!(
        back.sentence()
            .contains("2 answers are being made or waiting")
    );
    assert_eq!(back.json()["error"]["type"], "rate_limit_error");
    // More than there can ever be room for is another mistake.
    let back = post(&app, CHAT, conversation(json!({"n": 3})).to_string()).await;
    assert_eq!(back.status, StatusCode::BAD_REQUEST);
    drop(running);
    eventually(|| app.inner.runner.taken() == 0).await;
    ask(&app, CHAT, conversation(json!({}))).await;
}

#[tokio::test]
async fn who_reads_too_slowly_stops_nobody_else() {
    let runner = crate::engine::Runner::start(engine(1024), 8, 512).unwrap();
    let request = |seed, most| {
        let mut request = Asked::new(vec![5, 6, 7], most, Sampling::temperature(1.0, seed));
        request.end_tokens = Vec::new();
        request
    };
    let mut slow = runner
        .submit(vec![request(1, 900)])
        .await
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let mut quick = runner
        .submit(vec![request(2, 400)])
        .await
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let mut ended = false;
    while let Some((_, event)) = quick.next().await.unwrap() {
        ended = matches!(event, generate::Event::End(_));
    }
    assert!(ended, "the one who reads gets all of it");
    eventually(|| runner.statistics().running == 0).await;
    let mut read = 0;
    let broken = loop {
        match slow.next().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("nobody told it that it was broken off"),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((read, broken), (512, Refusal::slow_reader()));
}

#[tokio::test]
async fn at_the_end_what_runs_is_finished_and_the_rest_refused() {
    let served = served(app()).await;
    let mut body = long();
    body["max_tokens"] = json!(300);
    let mut client = served.connect(&body).await;
    let begun = until(&mut client, "\"content\"").await;
    served.end.send(()).await.unwrap();
    eventually(|| *served.app.inner.phase.borrow() == crate::app::Phase::Closing).await;
    // Whoever comes by a way that is still open is refused with a sentence.
    let back = post(&served.app, CHAT, conversation(json!({})).to_string()).await;
    assert_eq!(back.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(back.sentence().contains("about to end") && back.headers.contains_key("retry-after"));
    assert_eq!(
        get(&served.app, "/health").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let rest = until(&mut client, "[DONE]").await;
    assert!((begun + &rest).contains("[DONE]"));
    assert_eq!(served.served.await.unwrap().unwrap(), Ending::Finished);
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_finished_in_time_is_told_so() {
    let mut settings = settings();
    settings.bounds.grace = Duration::from_millis(1);
    let served = served(app_with(settings)).await;
    // More than can be made in a millisecond.
    let mut body = long();
    body["n"] = json!(8);
    let mut stream = served.connect(&body).await;
    let begun = until(&mut stream, "\"content\"").await;
    body["stream"] = json!(false);
    let mut whole = served.connect(&body).await;
    eventually(|| served.app.inner.runner.taken() == 16).await;
    served.end.send(()).await.unwrap();
    let rest = begun + &until(&mut stream, "about to end").await;
    assert!(
        rest.contains("\"error\"") && rest.contains("about to end") && !rest.contains("[DONE]")
    );
    let answer = until(&mut whole, "about to end").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(matches!(served.served.await.unwrap().unwrap(), Ending::BrokenOff(n) if n > 0));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let mut settings = settings();
    settings.bounds.time = Duration::from_millis(1);
    let app = app_with(settings);
    let mut body = long();
    body["n"] = json!(8);
    body["stream"] = json!(false);
    let back = post(&app, CHAT, body.to_string()).await;
    assert_eq!(back.status, StatusCode::GATEWAY_TIMEOUT);
    eventually(|| app.inner.runner.taken() == 0).await;
}

/// A model whose weights are being read until somebody says what they are known by; and how often that began.
fn large() -> (App, Sender<String>, Arc<AtomicUsize>) {
    let (say, said) = channel();
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let find = move || {
        count.fetch_add(1, Ordering::SeqCst);
        said.recv_timeout(Duration::from_secs(60)).ok()
    };
    let app = app_with(Settings {
        fingerprint: Some(Fingerprint::new(find)),
        ..settings()
    });
    (app, say, begun)
}

#[tokio::test]
async fn weights_that_are_read_for_who_asks_keep_nobody_else_waiting() {
    let (app, say, begun) = large();
    let times = || begun.load(Ordering::SeqCst);
    let page = "/v1/models?fingerprint=false";
    let listed = get(&app, page).await.json();
    assert_eq!(listed["data"][0]["id"], "tiny");
    assert_eq!(times(), 0, "nobody has asked for it");
    let waits = |path: &'static str| {
        let app = app.clone();
        tokio::spawn(async move { get(&app, path).await })
    };
    let waiting = ["/v1/models", "/v1/models", "/v1/models/tiny"].map(waits);
    eventually(|| times() == 1).await;
    assert_eq!(get(&app, "/health").await.status, StatusCode::OK);
    ask(&app, CHAT, conversation(json!({}))).await;
    let listed = get(&app, page).await.json();
    assert!(listed["data"][0].get("fingerprint").is_none());
    assert!(!waiting.iter().any(JoinHandle::is_finished));
    say.send("0123456789abcdef".to_owned()).unwrap();
    for one in waiting {
        let listed = one.await.unwrap().json();
        let card = listed.get("data").map_or(&listed, |all| &all[0]);
        assert_eq!(card["fingerprint"], "0123456789abcdef");
    }
    assert_eq!(times(), 1, "once for all who asked");
}

#[tokio::test]
async fn who_waits_for_a_fingerprint_does_not_hold_up_the_end() {
    let (app, say, begun) = large();
    let served = served(app).await;
    let mut client = TcpStream::connect(served.address).await.unwrap();
    let asked = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(asked).await.unwrap();
    eventually(|| begun.load(Ordering::SeqCst) == 1).await;
    served.end.send(()).await.unwrap();
    let answer = until(&mut client, "about to end").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert_eq!(served.served.await.unwrap().unwrap(), Ending::Finished);
    drop(say);
}

#[tokio::test]
async fn a_key_opens_everything_but_health_and_the_page() {
    let mut settings = settings();
    settings.api_key = Some("secret-key".to_owned());
    let app = app_with(settings);
    let with = |key: Option<&str>, path: &str| {
        let mut request = Request::get(path);
        if let Some(key) = key {
            request = request.header("authorization", key);
        }
        request.body(Body::empty()).unwrap()
    };
    for key in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer wrong"),
        Some("Basic secret-key"),
        Some("Bearer secret-key2"),
    ] {
        let back = send(&app, with(key, "/v1/models")).await;
        assert_eq!(back.status, StatusCode::UNAUTHORIZED, "{key:?}");
        assert_eq!(back.json()["error"]["code"], "invalid_api_key");
    }
    for path in ["/health", "/", "/page/chat.js"] {
        assert_eq!(send(&app, with(None, path)).await.status, StatusCode::OK);
    }
    assert_eq!(
        send(&app, with(None, "/metrics")).await.status,
        StatusCode::UNAUTHORIZED
    );
    let mut plain = super::settings();
    plain.api_key = Some("key".to_owned());
    let app = app_with(plain);
    for key in ["Bearer key", "bearer  key "] {
        assert_eq!(
            send(&app, with(Some(key), "/v1/models")).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn pages_of_strangers_may_not_use_the_server() {
    let from = |origin: &str, host: &str, method: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/v1/models")
            .header("origin", origin)
            .header("host", host);
        request
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .unwrap()
    };
    let app = app();
    for (origin, host, status) in [
        ("http://localhost:8000", "localhost:8000", 200),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", 200),
        ("http://[::1]:8000", "[::1]:8000", 200),
        ("https://evil.example", "localhost:8000", 403),
        ("null", "localhost:8000", 403),
        ("http://evil.example:8000", "evil.example:8000", 403),
    ] {
        let back = send(&app, from(origin, host, "GET")).await;
        assert_eq!(back.status.as_u16(), status, "{origin}");
        assert!(!back.headers.contains_key("access-control-allow-origin"));
    }
    let mut settings = settings();
    settings.origins = vec!["https://app.example".to_owned()];
    let app = app_with(settings);
    let back = send(&app, from("https://app.example", "localhost", "GET")).await;
    assert_eq!(
        back.headers["access-control-allow-origin"],
        "https://app.example"
    );
    let back = send(&app, from("https://app.example", "localhost", "OPTIONS")).await;
    assert_eq!(back.status, StatusCode::NO_CONTENT);
    assert_eq!(
        back.headers["access-control-allow-headers"],
        "authorization, content-type"
    );
    let mut asked = from("https://app.example", "localhost", "OPTIONS");
    let own = "authorization, content-type, x-stainless-os";
    let headers = asked.headers_mut();
    headers.insert("access-control-request-headers", own.parse().unwrap());
    let back = send(&app, asked).await;
    assert_eq!(back.headers["access-control-allow-headers"], own);
    let back = send(&app, from("https://evil.example", "localhost", "OPTIONS")).await;
    assert_eq!(back.status, StatusCode::FORBIDDEN);
    assert!(!back.headers.contains_key("access-control-allow-headers"));
}
