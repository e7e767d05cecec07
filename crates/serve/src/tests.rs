//! A server small enough for tests, and how tests talk to it: without a network where none is needed.

mod answers;
mod hostile;
mod life;
mod tooling;

use crate::{App, Bounds, Settings};
use ::chat::Template;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use generate::{Engine, Limits};
use model::{Decoder, Rope, Shape};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tensor::{Cpu, CpuOptions, Precision};
use tokenizer::{Tokenizer, TrainSettings, train};
use tower::ServiceExt as _;

fn tokenizer() -> Tokenizer {
    let texts = [
        "하늬마을의 특산물은 감귤이다. 하늬마을은 오래된 마을이다.",
        "The bridge of Marlow was built in 1931. The bridge is long.",
    ];
    let settings = TrainSettings {
        vocabulary: 320,
        ..TrainSettings::default()
    };
    train(texts, &settings).unwrap().tokenizer
}

/// Large random weights: nothing learned, everything computed.
pub(crate) fn engine(context: usize) -> Engine<Cpu> {
    engine_with(context, 64 << 20)
}

/// The same, with so many bytes for keys and values.
fn engine_with(context: usize, cache_bytes: usize) -> Engine<Cpu> {
    let tokenizer = tokenizer();
    let shape = Shape {
        layers: 2,
        width: 32,
        ffn: 48,
        query_heads: 4,
        kv_heads: 2,
        head_dim: 8,
        vocabulary: tokenizer.vocabulary(),
        tied: true,
        norm_epsilon: 1e-5,
        rope: Rope::default(),
        context,
    };
    let device = Arc::new(Cpu::new(CpuOptions {
        threads: Some(1),
        precision: Precision::F32,
        ..CpuOptions::default()
    }));
    let decoder = Decoder::init(shape, device, 7, 0.3).unwrap();
    let limits = Limits {
        cache_bytes,
        rows: 256,
        sequences: 4,
    };
    Engine::new(Arc::new(decoder), Arc::new(tokenizer), limits).unwrap()
}

fn settings() -> Settings {
    Settings {
        name: "tiny".to_owned(),
        fingerprint: None,
        api_key: None,
        origins: Vec::new(),
        loopback: true,
        bounds: Bounds {
            time: Duration::from_secs(60),
            ..Bounds::default()
        },
    }
}

fn app_with(settings: Settings) -> App {
    let engine = engine(1024);
    let known = Arc::clone(engine.tokenizer());
    let template = Template::usual(|name| known.id_of(name).is_some());
    App::new(engine, template, settings).unwrap()
}

fn app() -> App {
    app_with(settings())
}

/// What came back.
struct Back {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Back {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The sentence of an error.
    fn sentence(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", self.text))
            .to_owned()
    }

    /// The data of server-sent events; the last has to be `[DONE]`.
    fn events(&self) -> Vec<Value> {
        let mut data: Vec<&str> = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{}", self.text);
        data.into_iter()
            .map(|one| serde_json::from_str(one).unwrap())
            .collect()
    }
}

async fn read(response: Response) -> Back {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Back {
        status: parts.status,
        headers: parts.headers,
        text,
    }
}

async fn send(app: &App, request: Request<Body>) -> Back {
    read(app.router().oneshot(request).await.unwrap()).await
}

async fn get(app: &App, path: &str) -> Back {
    send(app, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn post(app: &App, path: &str, body: impl Into<Body>) -> Back {
    send(app, Request::post(path).body(body.into()).unwrap()).await
}

async fn ask(app: &App, path: &str, body: Value) -> Value {
    let back = post(app, path, body.to_string()).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    back.json()
}

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

/// A conversation with more fields.
fn conversation(more: Value) -> Value {
    let mut body = json!({"model": "tiny", "messages": [{"role": "user", "content": "하늬마을의 특산물은?"}], "max_tokens": 12, "seed": 5});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}
