//! `kanana serve` as its user starts and ends it; what it answers is tested in its crate.

use crate::trial::{LIFE, Trial};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Starts a server and reads what it says until the address is there.
pub(crate) fn start(trial: &Trial, words: &[&str]) -> (Child, String, String) {
    let words = [&["serve", "untrained", "--port", "0"], words].concat();
    let mut child = trial
        .command(&words)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut said, mut address) = (String::new(), String::new());
    while !said.contains("Ctrl-C ends it") {
        let mut line = String::new();
        if lines.read_line(&mut line).expect("readable") == 0 {
            panic!("it ended:\n{said}");
        }
        if let Some((_, rest)) = line.split_once("OpenAI API http://") {
            address = rest.trim().trim_end_matches("/v1").to_owned();
        }
        said.push_str(&line);
    }
    child.stderr = Some(lines.into_inner());
    (child, address, said)
}

fn ask(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    answer
}

pub(crate) fn end(mut child: Child, signal: &str) -> String {
    let kill = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(kill.expect("there is a kill").success());
    let mut said = String::new();
    let mut rest = child.stderr.take().expect("a pipe");
    rest.read_to_string(&mut said).expect("UTF-8");
    assert!(child.wait().expect("it ends").success(), "{said}");
    said
}

#[test]
fn serve_answers_and_ends_when_told() {
    let trial = Trial::new();
    trial.write("life.toml", LIFE);
    trial.write("key", "open-sesame\n");
    trial.ok(&["run", "life.toml", "--only", "untrained"]);

    let (child, address, said) = start(&trial, &["--name", "마을", "--max-tokens", "4"]);
    for words in [
        "serving 마을",
        "needs no API key",
        "conversations: Kanana's format",
        "chat page",
    ] {
        assert!(said.contains(words), "{words:?} is missing in\n{said}");
    }
    let body = r#"{"messages": [{"role": "user", "content": "안녕?"}], "model": "마을"}"#;
    let answer = ask(&address, "POST /v1/chat/completions", body);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"completion_tokens\":"),
        "{answer}"
    );
    assert!(ask(&address, "GET /", "").contains("<html"));
    let print = |address: &str| {
        let models = ask(address, "GET /v1/models", "");
        let rest = models.split_once("\"fingerprint\":\"");
        let (print, _) = rest
            .expect("a fingerprint")
            .1
            .split_once('"')
            .expect("its end");
        print.to_owned()
    };
    let first = print(&address);
    assert!(first.len() == 16 && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let taken = address.rsplit_once(':').expect("a port").1;
    let second = trial.fails(&["serve", "untrained", "--port", taken]);
    assert!(second.contains("cannot be listened on"), "{second}");
    assert!(end(child, "-INT").contains("every answer was finished"));

    // The same weights in another precision give other answers.
    let (child, address, _) = start(&trial, &["--precision", "f32"]);
    assert_ne!(print(&address), first);
    end(child, "-INT");

    let (child, address, said) = start(&trial, &["--api-key-file", "key"]);
    assert!(said.contains("needs its API key"));
    assert!(ask(&address, "GET /v1/models", "").starts_with("HTTP/1.1 401"));
    assert!(ask(&address, "GET /health", "").starts_with("HTTP/1.1 200"));
    end(child, "-TERM");

    for (words, sentence) in [
        (&["--cors", "example.org"][..], "is no origin"),
        (&["--api-key-file", "life.toml"], "is no API key"),
        (&["--chat-template", "nowhere"], "cannot be read"),
        (&["--host", "example.org"], "invalid value"),
        (&["--cache", "0"], "invalid value"),
    ] {
        let error = trial.fails(&[&["serve", "untrained", "--port", "0"], words].concat());
        assert!(error.contains(sentence), "{error}");
    }
}
