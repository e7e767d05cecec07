//! What servers differ in: how they write tokens, why answers end, whether they say which model they have.

use super::*;
use ::remote::{Budget, Recorded};

/// The bytes of a letter, each a token of its own, as `kanana serve` and OpenAI write what is no whole text.
fn in_bytes(letter: char) -> Vec<String> {
    let text = letter.to_string();
    match text.len() {
        1 => vec![text],
        _ => text
            .bytes()
            .map(|byte| format!("bytes:\\x{byte:02x}"))
            .collect(),
    }
}

/// The same as vLLM writes them: nobody knows any more what they were.
fn in_marks(letter: char) -> Vec<String> {
    let marks = |_| char::REPLACEMENT_CHARACTER.to_string();
    match letter.len_utf8() {
        1 => vec![letter.to_string()],
        length => (0..length).map(marks).collect(),
    }
}

#[test]
fn an_option_is_found_by_the_tokens_and_not_by_what_a_server_says_of_their_places() {
    let worths = |begin: &'static str, pieces: fn(char) -> Vec<String>| -> Result<Vec<f64>> {
        let server = Pretend::new(move |asked| Act::Reply(judges_in(asked, begin, pieces)));
        let requests = [choose("다음 글의 정답은", &[" 가", " 나다"])];
        let replies = replies(&mut remote(&server, 1), &requests, Draw::default())?;
        match &replies[0].answer {
            Answer::Likelihoods(all) => Ok(all.iter().map(|one| one.sum).collect()),
            other => panic!("{other:?}"),
        }
    };
    let of = |text: &str| text.chars().map(worth).sum::<f64>();
    let wanted = [of(" 가"), of(" 나다")];
    let whole = |letter: char| vec![letter.to_string()];
    assert_eq!(worths(BEGIN, whole).unwrap(), wanted);
    assert_eq!(
        worths("", whole).unwrap(),
        wanted,
        "no token before the text"
    );
    assert_eq!(worths(BEGIN, in_bytes).unwrap(), wanted);
    let said = format!("{:#}", worths(BEGIN, in_marks).unwrap_err());
    assert!(
        said.contains("join to the prompt") && said.contains("--tokenizer"),
        "{said}"
    );
}

#[test]
fn of_a_whole_text_it_is_said_where_its_first_token_is_not_judged() {
    let measured = |begin: &'static str| {
        let server = Pretend::new(move |asked| Act::Reply(judges_in(asked, begin, in_bytes)));
        let text = "가a".to_owned();
        let requests = [Request::Measure { text }];
        let replies = replies(&mut remote(&server, 1), &requests, Draw::default());
        let reply = replies.unwrap().remove(0);
        match reply.answer {
            Answer::Likelihoods(all) => (all[0].sum, reply.note),
            other => panic!("{other:?}"),
        }
    };
    let (sum, note) = measured(BEGIN);
    assert_eq!((sum, &*note), (worth('가') + worth('a'), ""));
    let (sum, note) = measured("");
    assert_eq!(sum, worth('a'));
    assert!(note.contains("first token"), "{note}");
}

#[test]
fn what_the_limit_cut_off_is_said_but_not_what_ends_at_a_stop() {
    let server = Pretend::new(|asked| {
        let said = |at: usize| ["하나", "둘\n\n셋", "넷"][at];
        let finish = |at: usize| ["length", "length", "stop"][at];
        let choice = |at: usize| match asked.path.as_str() {
            "/v1/completions" => {
                json!({"index": at, "text": said(at), "finish_reason": finish(at)})
            }
            _ => json!({"index": at, "finish_reason": finish(at),
                        "message": {"role": "assistant", "content": said(at)}}),
        };
        Act::Reply(json!({"choices": (0..3).map(choice).collect::<Vec<_>>()}))
    });
    let requests = [
        Request::Complete {
            prompt: "수:".to_owned(),
            stops: vec!["\n\n".to_owned()],
            limit: 9,
        },
        Request::Converse {
            messages: vec![Message::user("수?")],
            tools: vec![],
            limit: 9,
        },
    ];
    let draw = Draw {
        temperature: 0.8,
        samples: 3,
        ..Draw::default()
    };
    let all = replies(&mut remote(&server, 2), &requests, draw).unwrap();
    let noted = |at: usize| (all[at].cut, &*all[at].note);
    assert_eq!(noted(0), (1, "1 of 3 cut off at 9 tokens"));
    assert_eq!(noted(1), (2, "2 of 3 cut off at 9 tokens"));
}

#[test]
fn another_model_behind_the_same_name_is_another_respondent() {
    let server = Pretend::new(|_| Act::says("네"));
    let listed = || remote(&server, 1).listed().unwrap();
    assert_eq!(listed(), None, "it has no list");
    let list = |id: &str, fingerprint: Value| {
        server.lists(json!({"data": [
            {"id": "other", "fingerprint": "ffffffffffffffff"},
            {"id": id, "fingerprint": fingerprint},
        ]}));
    };
    list("모형", json!("0123456789abcdef"));
    assert_eq!(listed().as_deref(), Some("0123456789abcdef"));
    for (id, fingerprint) in [
        ("다른 모형", json!("0123456789abcdef")),
        ("모형", json!("no number at all")),
        ("모형", json!(7)),
        ("모형", Value::Null),
    ] {
        list(id, fingerprint);
        assert_eq!(listed(), None);
    }
    let names = ["0123456789abcdef", "fedcba9876543210"].map(|print| {
        remote(&server, 1)
            .known_by(Some(print.to_owned()))
            .identity()
    });
    let plain = remote(&server, 1);
    assert_ne!(names[0], names[1]);
    assert_eq!(
        names[0],
        format!("{}, weights 0123456789abcdef", plain.identity())
    );
    assert!(server.asked().is_empty(), "a list is no question");
}

#[test]
fn a_conversation_whose_reply_is_none_counts_as_not_answered_and_ends_nothing() {
    // What a filter of contents may leave of a reply.
    let server = Pretend::new(|asked| match asked.said() {
        "둘?" => Act::Reply(json!({"choices": []})),
        _ => Act::says("네"),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verdicts.jsonl");
    let requests = ["하나?", "둘?", "셋?"].map(|text| Request::Converse {
        messages: vec![Message::user(text)],
        tools: vec![],
        limit: 9,
    });
    // The second time, all of it is in the transcript.
    for _ in 0..2 {
        let endpoint = Endpoint::new(&server.url(), None, Patience::default()).unwrap();
        let caller = Recorded::open(endpoint, &path, Budget::default()).unwrap();
        let address = remote(&server, 1).address;
        let mut judge = Remote::new(&caller, address, 2, Arc::new(AtomicBool::new(false)));
        let all = replies(&mut judge, &requests, Draw::default()).unwrap();
        let said = |at: usize| matches!(&all[at].answer, Answer::Messages(all) if all[0].content.as_deref() == Some("네"));
        assert!(said(0) && said(2), "{all:?}");
        assert!(
            matches!(&all[1].answer, Answer::Failed(why) if why.contains("wanted 1 choices, and found 0")),
            "{all:?}"
        );
        assert_eq!(server.asked().len(), 3);
    }
    // Prompts that are gone on with are another matter: an empty reply ends the work.
    let server = Pretend::new(|_| Act::Reply(json!({"choices": []})));
    let request = Request::Complete {
        prompt: "수:".to_owned(),
        stops: vec![],
        limit: 9,
    };
    assert!(replies(&mut remote(&server, 1), &[request], Draw::default()).is_err());
}

#[test]
fn a_judge_that_gives_one_verdict_where_three_were_wanted_ends_the_work() {
    let request = [Request::Converse {
        messages: vec![Message::user("이 답을 평가하라")],
        tools: vec![],
        limit: 9,
    }];
    let draw = Draw {
        temperature: 0.7,
        samples: 3,
        ..Draw::default()
    };
    let told = |answer: fn() -> Act| {
        let server = Pretend::new(move |_| answer());
        let error = replies(&mut remote(&server, 1), &request, draw).unwrap_err();
        format!("{error:#}")
    };
    let said = told(|| Act::says("[[7]]"));
    assert!(said.contains("wanted 3 choices, and found 1"), "{said}");
    let said = told(|| Act::Reply(json!({"detail": "모형이 없다"})));
    assert!(said.contains("no `choices`"), "{said}");
}
