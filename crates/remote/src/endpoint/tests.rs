use super::*;
use crate::pretend::{Act, Asked, Pretend};
use serde_json::json;
use std::net::TcpListener;

fn quick() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        call: Duration::from_secs(5),
        attempts: 3,
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
    }
}

/// Asks once; the reply or the whole error, and how many requests that took.
fn ask(answer: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> (Result<Value, String>, usize) {
    let server = Pretend::new(answer);
    let key = Some(Key::new("sk-secret").expect("a key"));
    let endpoint = Endpoint::new(&server.url(), key, quick()).expect("an endpoint");
    let reply = endpoint.call("/chat/completions", &json!({"질문": "?"}));
    let told = reply.map_err(|error| format!("{error:#}"));
    if let Err(told) = &told {
        assert!(!told.contains("sk-secret"), "{told}");
    }
    (told, server.asked().len())
}

/// Refuses once, or whatever the act is, and answers then.
fn once(act: Act) -> impl Fn(&Asked) -> Act {
    move |asked| match asked.number {
        0 => act.clone(),
        _ => Act::says("네"),
    }
}

#[test]
fn a_question_reaches_the_server_whole() {
    let server = Pretend::new(|_| Act::says("안녕"));
    let key = Some(Key::new("sk-1").expect("a key"));
    let endpoint = Endpoint::new(&format!("{}/", server.url()), key, quick()).expect("an endpoint");
    let reply = endpoint
        .call("chat/completions", &json!({"model": "모형"}))
        .expect("a reply");
    assert_eq!(reply["choices"][0]["message"]["content"], "안녕");
    let asked = server.asked();
    assert_eq!(asked[0].path, "/v1/chat/completions");
    assert_eq!(asked[0].body, json!({"model": "모형"}));
    assert_eq!(asked[0].authorization.as_deref(), Some("Bearer sk-1"));
    assert_eq!(endpoint.identity(), server.url());
}

#[test]
fn what_may_pass_is_tried_again() {
    let html = || Act::Status(200, vec![], "<html>잠시만요</html>".into());
    let soon = vec![("Retry-After", "0".to_owned())];
    for act in [
        Act::status(429, "천천히"),
        Act::Status(503, soon, String::new()),
        Act::status(500, "아야"),
        Act::Half(json!({"choices": "아주 긴 대답이 여기 온다"})),
        Act::HangUp,
        Act::Reply(json!({"error": {"message": "behind me it failed"}})),
        html(),
    ] {
        let (reply, requests) = ask(once(act.clone()));
        assert!(reply.is_ok(), "{act:?}: {reply:?}");
        assert_eq!(requests, 2, "{act:?}");
    }
    let (reply, requests) = ask(move |_| html());
    let told = reply.expect_err("nothing but nonsense");
    assert_eq!(requests, 3);
    assert!(
        told.contains("gave up after 3 attempts") && told.contains("잠시만요"),
        "{told}"
    );
}

#[test]
fn what_will_not_pass_is_said_at_once() {
    let quota = json!({"error": {"message": "no money", "code": "insufficient_quota"}}).to_string();
    let there = vec![("Location", "https://evil/v1".to_owned())];
    for (act, word) in [
        (
            Act::status(400, "너무 깁니다"),
            "declined the request with status 400: 너무 깁니다",
        ),
        (
            Act::status(401, "누구세요"),
            "the API key is not taken there",
        ),
        (Act::status(404, "없음"), "or no such model"),
        (Act::Status(429, vec![], quota), "no credit left"),
        (
            Act::Status(307, there, String::new()),
            "has moved to https://evil/v1",
        ),
    ] {
        let (reply, requests) = ask(move |_| act.clone());
        let told = reply.expect_err("refused");
        assert!(told.contains(word), "{told}");
        assert_eq!(requests, 1, "{told}");
    }
}

#[test]
fn a_declined_request_is_told_from_a_fault() {
    let server = Pretend::new(|_| Act::status(422, "no"));
    let endpoint = Endpoint::new(&server.url(), None, quick()).expect("an endpoint");
    let error = endpoint
        .call("completions", &Value::Null)
        .expect_err("declined");
    let refused = error.downcast_ref::<Refused>().expect("typed");
    assert_eq!((refused.status, &*refused.said), (422, "no"));
}

#[test]
fn a_server_that_is_slow_or_not_there_does_not_hang() {
    let slow = Act::Later(Duration::from_secs(30), Box::new(Act::says("늦었다")));
    let server = Pretend::new(once(slow));
    let patience = Patience {
        call: Duration::from_millis(100),
        ..quick()
    };
    let endpoint = Endpoint::new(&server.url(), None, patience).expect("an endpoint");
    assert!(endpoint.call("completions", &Value::Null).is_ok());

    let nobody = nobody();
    let told = format!(
        "{:#}",
        nobody
            .call("completions", &Value::Null)
            .expect_err("nobody")
    );
    assert!(told.contains("cannot be reached"), "{told}");
}

/// A server that declines the limit's older name, as newer models do, and whatever else `also` says.
fn newer_alone(asked: &Asked, also: &str) -> Act {
    let has = |name: &str| asked.body.get(name).is_some();
    match (has("max_tokens"), !also.is_empty() && has(also)) {
        (true, _) => Act::status(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
             'max_completion_tokens' instead.",
        ),
        (false, true) => Act::status(400, &format!("Unsupported value: '{also}'")),
        (false, false) => Act::says("네"),
    }
}

#[test]
fn a_limit_that_is_declined_is_put_by_its_newer_name_and_so_are_all_that_follow() {
    let server = Pretend::new(|asked| newer_alone(asked, ""));
    let endpoint = Endpoint::new(&server.url(), None, quick()).expect("an endpoint");
    let body = json!({"model": "m", "max_tokens": 7, "seed": 1});
    for _ in 0..3 {
        let reply = endpoint.call("chat/completions", &body).expect("a reply");
        assert_eq!(reply["choices"][0]["message"]["content"], "네");
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 4, "it is tried once");
    assert_eq!(asked[0].body, body);
    let newer = json!({"model": "m", "max_completion_tokens": 7, "seed": 1});
    assert!(asked[1..].iter().all(|one| one.body == newer), "{asked:?}");
    // Texts are gone on with by the interface's older half, which knows no other name.
    let error = endpoint.call("completions", &body).expect_err("declined");
    assert!(error.is::<Refused>());
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn what_is_declined_for_something_else_too_is_told_once() {
    let server = Pretend::new(|asked| newer_alone(asked, "temperature"));
    let endpoint = Endpoint::new(&server.url(), None, quick()).expect("an endpoint");
    let body = json!({"max_tokens": 7, "temperature": 0});
    for requests in [2, 3] {
        let error = endpoint
            .call("chat/completions", &body)
            .expect_err("declined");
        assert!(format!("{error:#}").contains("'temperature'"), "{error:#}");
        assert_eq!(server.asked().len(), requests);
    }
    // Without a limit there is no name to change.
    let server = Pretend::new(|_| Act::status(400, "max_completion_tokens is wanted"));
    let endpoint = Endpoint::new(&server.url(), None, quick()).expect("an endpoint");
    let error = endpoint.call("chat/completions", &json!({"seed": 1}));
    assert!(error.expect_err("declined").is::<Refused>());
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_list_of_models_is_read_where_there_is_one() {
    let server = Pretend::new(|_| Act::says("네"));
    let key = Some(Key::new("sk-secret").expect("a key"));
    let endpoint = Endpoint::new(&server.url(), key, quick()).expect("an endpoint");
    assert_eq!(endpoint.models().expect("an answer"), None);
    server.lists(json!({"data": [{"id": "sk-secret"}]}));
    let models = endpoint.models().expect("an answer").expect("a list");
    assert_eq!(models["data"][0]["id"], "…", "the key is not repeated");
    assert!(server.asked().is_empty());
    let nobody = nobody();
    let told = format!("{:#}", nobody.models().expect_err("nobody"));
    assert!(told.contains("cannot be reached"), "{told}");
    let stopped = nobody.until(|| true).models().expect_err("stopped");
    assert!(stopped.is::<Stopped>(), "{stopped:#}");
}

#[test]
fn waiting_ends_when_it_is_told_to() {
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, seen) = (stop.clone(), stop.clone());
    let hour = vec![("Retry-After", "3600".to_owned())];
    let server = Pretend::new(move |_| {
        asked.store(true, Ordering::SeqCst);
        Act::Status(429, hour.clone(), String::new())
    });
    let patience = Patience {
        longest_pause: Duration::from_secs(3600),
        ..quick()
    };
    let endpoint = Endpoint::new(&server.url(), None, patience).expect("an endpoint");
    let endpoint = endpoint.until(move || seen.load(Ordering::SeqCst));
    let error = endpoint
        .call("completions", &Value::Null)
        .expect_err("stopped");
    assert!(error.is::<Stopped>(), "{error:#}");
}

#[test]
fn a_server_that_says_the_key_back_is_not_repeated() {
    let page = "<html>Bearer sk-secret?</html>".to_owned();
    let there = vec![("Location", "https://evil/?key=sk-secret".to_owned())];
    for act in [
        Act::status(400, "Bearer sk-secret은 모릅니다"),
        Act::status(401, "Bearer sk-secret은 모릅니다"),
        Act::status(500, "Bearer sk-secret은 모릅니다"),
        Act::Status(200, vec![], page.clone()),
        Act::Status(404, vec![], page),
        Act::Status(307, there, String::new()),
        Act::Reply(json!({"error": {"message": "sk-secret"}})),
    ] {
        // `ask` looks for the key in what is told.
        let told = ask(move |_| act.clone()).0.expect_err("refused");
        assert!(told.contains('…'), "{told}");
    }
    let reply = ask(|_| Act::says("열쇠는 sk-secret입니다")).0;
    let reply = reply.expect("a reply");
    assert_eq!(reply["choices"][0]["message"]["content"], "열쇠는 …입니다");
}

/// A port where nobody listens.
fn nobody() -> Endpoint {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    Endpoint::new(&format!("http://127.0.0.1:{port}/v1"), None, quick()).expect("an endpoint")
}
