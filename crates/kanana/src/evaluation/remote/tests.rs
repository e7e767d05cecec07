mod servers;

use super::*;
use chat::Message;
use evals::{About, Aggregate, Ask, Cache, Draw, Metric, Outcome, Score, Settings, Silent, Task};
use remote::Patience;
use remote::pretend::{Act, Asked, Pretend};
use serde_json::Map;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

fn remote(server: &Pretend, parallel: usize) -> Remote<Endpoint> {
    let patience = Patience {
        attempts: 2,
        pause: Duration::from_millis(1),
        ..Patience::default()
    };
    let over = Arc::new(AtomicBool::new(false));
    let given_up = over.clone();
    let endpoint = Endpoint::new(&server.url(), None, patience).unwrap();
    let address = Address {
        url: server.url(),
        model: "모형".to_owned(),
        extra: Map::new(),
    };
    Remote::new(
        endpoint.until(move || given_up.load(Ordering::SeqCst)),
        address,
        parallel,
        over,
    )
}

/// What a letter of a prompt is worth.
fn worth(letter: char) -> f64 {
    -f64::from(letter as u32 % 97) / 8.0
}

/// What many servers put before a text; nothing is known of it but what it is.
const BEGIN: &str = "<|begin_of_text|>";

/// A server whose tokens are letters, each worth what it is, after one that begins every text. Where each of them
/// begins is told as vLLM tells it: a running sum of the tokens' lengths, the first one's too.
fn judges(asked: &Asked) -> Value {
    judges_in(asked, BEGIN, |letter| vec![letter.to_string()])
}

/// The same where each letter comes in the pieces that `pieces` makes of it, the first of which is worth it all.
fn judges_in(asked: &Asked, begin: &str, pieces: fn(char) -> Vec<String>) -> Value {
    let prompts: Vec<String> = match &asked.body["prompt"] {
        Value::String(one) => vec![one.clone()],
        several => serde_json::from_value(several.clone()).unwrap(),
    };
    let choices = prompts.iter().enumerate().map(|(index, prompt)| {
        let mut tokens: Vec<(String, Option<f64>)> = vec![];
        for letter in prompt.chars() {
            for (number, piece) in pieces(letter).into_iter().enumerate() {
                let value = if number == 0 { worth(letter) } else { 0.0 };
                tokens.push((piece, Some(value)));
            }
        }
        match begin.is_empty() {
            // The first token of all is not judged.
            true => tokens[0].1 = None,
            false => tokens.insert(0, (begin.to_owned(), None)),
        }
        let mut offset = 0;
        let offsets = tokens.iter().map(|(token, _)| {
            let place = offset;
            offset += token.chars().count();
            place
        });
        let offsets: Vec<usize> = offsets.collect();
        let top = tokens.iter().map(|(token, value)| {
            let value = (*value)?;
            Some(json!({token.clone(): value, "other": -1.0}))
        });
        json!({"index": index, "text": prompt, "finish_reason": "length", "logprobs": {
            "tokens": tokens.iter().map(|(token, _)| token).collect::<Vec<_>>(),
            "token_logprobs": tokens.iter().map(|(_, value)| value).collect::<Vec<_>>(),
            "text_offset": offsets,
            "top_logprobs": top.collect::<Vec<_>>(),
        }})
    });
    // Out of order, as servers may.
    json!({"choices": choices.rev().collect::<Vec<_>>()})
}

fn replies<C: Caller>(
    remote: &mut Remote<C>,
    requests: &[Request],
    draw: Draw,
) -> Result<Vec<Reply>> {
    let put: Vec<Put<'_>> = requests
        .iter()
        .map(|request| Put { request, draw })
        .collect();
    let mut all: Vec<Option<Reply>> = vec![None; put.len()];
    remote.answer(&put, &mut |at, reply| {
        assert!(put[at].is_answered_by(&reply), "{reply:?}");
        all[at] = Some(reply);
        Ok(())
    })?;
    Ok(all.into_iter().flatten().collect())
}

fn choose(context: &str, options: &[&str]) -> Request {
    Request::Choose {
        context: context.to_owned(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    }
}

#[test]
fn an_option_is_what_follows_the_context_and_the_spaces_at_its_end() {
    let server = Pretend::new(|asked| Act::Reply(judges(asked)));
    let mut remote = remote(&server, 2);
    let requests = [
        choose("정답: ", &["가", "나다"]),
        choose("Answer:", &[" A", " B"]),
    ];
    let replies = replies(&mut remote, &requests, Draw::default()).unwrap();
    let sums = |reply: &Reply| match &reply.answer {
        Answer::Likelihoods(all) => all
            .iter()
            .map(|one| (one.sum, one.tokens, one.greedy))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let of = |text: &str| {
        let all: Vec<f64> = text.chars().map(worth).collect();
        (
            all.iter().sum::<f64>(),
            all.len(),
            all.iter().all(|value| *value >= -1.0),
        )
    };
    assert_eq!(sums(&replies[0]), [of(" 가"), of(" 나다")]);
    assert_eq!(sums(&replies[1]), [of(" A"), of(" B")]);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "the options of a question go together");
    assert!(
        asked
            .iter()
            .all(|one| one.body["max_tokens"] == 0 && one.body["echo"] == true)
    );
}

#[test]
fn a_server_that_must_write_something_is_let() {
    let server = Pretend::new(|asked| match asked.body["max_tokens"].as_u64() {
        Some(0) => Act::status(400, "max_tokens must be at least 1"),
        _ => Act::Reply(judges(asked)),
    });
    let mut remote = remote(&server, 1);
    let requests = [choose("가", &[" A"]), choose("나", &[" A"])];
    let all = replies(&mut remote, &requests, Draw::default()).unwrap();
    assert!(
        all.iter()
            .all(|one| matches!(one.answer, Answer::Likelihoods(_)))
    );
    assert_eq!(server.asked().len(), 3, "it is tried once");
}

#[test]
fn words_messages_and_vectors() {
    let server = Pretend::new(|asked| {
        let n = asked.body["n"].as_u64().unwrap_or(1);
        let each = |value: Value| -> Value {
            (0..n)
                .map(|index| {
                    let mut choice = value.clone();
                    choice["index"] = json!(index);
                    choice
                })
                .collect()
        };
        Act::Reply(match asked.path.as_str() {
            "/v1/completions" => {
                json!({"choices": each(json!({"text": " 42\nQuestion: and?", "finish_reason": "length"}))})
            }
            "/v1/chat/completions" => {
                json!({"choices": each(json!({"message": {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "날씨", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}))})
            }
            _ => json!({"data": [{"index": 0, "embedding": [3.0, 4.0]}]}),
        })
    });
    let mut remote = remote(&server, 4);
    let requests = [
        Request::Complete {
            prompt: "6 · 7 =".to_owned(),
            stops: ["a", "b", "c", "d", "\nQuestion:", ""]
                .map(str::to_owned)
                .to_vec(),
            limit: 9,
        },
        Request::Converse {
            messages: vec![Message::user("날씨?")],
            tools: vec![],
            limit: 9,
        },
        Request::Embed {
            text: "가".to_owned(),
            query: false,
        },
    ];
    let draw = Draw {
        temperature: 0.8,
        samples: 2,
        ..Draw::default()
    };
    let all = replies(&mut remote, &requests, draw).unwrap();
    // Four stops is what the interface takes; the fifth is cut here.
    assert_eq!(all[0].answer, Answer::Texts(vec![" 42".to_owned(); 2]));
    let Answer::Messages(messages) = &all[1].answer else {
        panic!("{:?}", all[1])
    };
    assert_eq!(messages[1].tool_calls[0].function.name, "날씨");
    assert_eq!(all[2].answer, Answer::Vector(vec![0.6, 0.8]));
    let asked = server.asked();
    let completion = asked
        .iter()
        .find(|one| one.path == "/v1/completions")
        .unwrap();
    assert_eq!(completion.body["stop"].as_array().unwrap().len(), 4);
    assert_eq!(completion.body["temperature"], 0.8);
}

#[test]
fn nonsense_ends_the_work_with_a_sentence_and_a_refusal_does_not() {
    fn check(answer: impl Fn(&Asked) -> Act + Send + Sync + 'static, words: &[&str]) {
        let server = Pretend::new(answer);
        let requests = [choose("가", &[" A", " B"])];
        let error = replies(&mut remote(&server, 2), &requests, Draw::default()).unwrap_err();
        let said = format!("{error:#}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    }
    check(
        |_| Act::Reply(json!({"hello": 1})),
        &["makes no sense", "choices"],
    );
    check(
        |_| Act::Reply(json!({"choices": [{"text": "A"}]})),
        &["wanted 2 choices, and found 1"],
    );
    check(
        |_| Act::Reply(json!({"choices": [{"text": "A", "logprobs": null}, {"text": "B"}]})),
        &["does not judge prompts", "--protocol instruct"],
    );
    check(
        |asked| {
            let mut reply = judges(asked);
            reply["choices"][0]["logprobs"]["tokens"] = json!(["가"]);
            Act::Reply(reply)
        },
        &["values for 1 tokens"],
    );
    check(
        |_| Act::Status(200, vec![], "<html>".to_owned()),
        &["is no JSON"],
    );
    check(|_| Act::HangUp, &["gave up after 2 attempts"]);

    let server = Pretend::new(|_| Act::status(400, "the prompt has 9999 tokens"));
    let requests = [choose("가", &[" A"])];
    let all = replies(&mut remote(&server, 1), &requests, Draw::default()).unwrap();
    assert!(
        matches!(&all[0].answer, Answer::Failed(why) if why.contains("9999 tokens")),
        "{all:?}"
    );
}

/// Forty questions with two options.
struct Quiz(About);

impl Quiz {
    fn new() -> Self {
        Quiz(About {
            name: "quiz".to_owned(),
            summary: String::new(),
            language: "ko".to_owned(),
            protocol: "0-shot".to_owned(),
            source: String::new(),
            version: 1,
            metrics: vec![Metric {
                name: "acc".to_owned(),
                aggregate: Aggregate::Mean,
                higher_is_better: true,
            }],
        })
    }
}

impl Task for Quiz {
    fn about(&self) -> &About {
        &self.0
    }
    fn asks(&self) -> Result<Vec<Ask>> {
        let ask = |at: u32| Ask {
            id: at.to_string(),
            group: String::new(),
            request: choose(&format!("질문 {at}:"), &[" 가", " 나"]),
            draw: Draw::default(),
        };
        Ok((0..40).map(ask).collect())
    }
    fn score(&self, _: &Ask, answers: &[Answer], _: &[Answer]) -> Score {
        let right = matches!(&answers[0], Answer::Likelihoods(all) if all[0].sum > all[1].sum);
        Score {
            values: [("acc".to_owned(), f64::from(u8::from(right)))].into(),
            ..Score::default()
        }
    }
}

fn run(server: &Pretend, parallel: usize, cache: &mut Cache) -> Result<Outcome> {
    let mut remote = remote(server, parallel);
    evals::run(
        &Quiz::new(),
        &mut remote,
        None,
        cache,
        &Settings::default(),
        &mut Silent,
    )
}

#[test]
fn a_server_that_dies_in_the_middle_loses_nothing() {
    let (count, dead) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(true)),
    );
    let (counted, dying) = (count.clone(), dead.clone());
    let server = Pretend::new(move |asked| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        match dying.load(Ordering::SeqCst) && number >= 15 {
            true => Act::HangUp,
            false => Act::Reply(judges(asked)),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.jsonl");
    let error = run(&server, 4, &mut Cache::open(&path).unwrap()).unwrap_err();
    let said = format!("{error:#}");
    assert!(
        said.contains("stopped after 15 of 40 answers")
            && said.contains("answers.jsonl")
            && said.contains("gave up"),
        "{said}"
    );
    dead.store(false, Ordering::SeqCst);
    let before = count.load(Ordering::SeqCst);
    let mut cache = Cache::open(&path).unwrap();
    assert_eq!(cache.len(), 15);
    let outcome = run(&server, 4, &mut cache).unwrap();
    assert_eq!(count.load(Ordering::SeqCst) - before, 25, "the rest alone");
    let alone = run(&server, 1, &mut Cache::in_memory()).unwrap();
    assert_eq!(outcome, alone, "however many are on their way at once");
}

/// A server whose tokens are bytes and which reads nine at once, with what it is worth to know of them.
fn short_sighted(asked: &Asked) -> Act {
    let prompts = match &asked.body["prompt"] {
        Value::Array(several) if !several[0].is_number() => several.clone(),
        one => vec![one.clone()],
    };
    let mut choices = vec![];
    for (index, prompt) in prompts.iter().enumerate() {
        let ids: Vec<u64> = match prompt {
            Value::String(text) => text.bytes().map(u64::from).collect(),
            ids => serde_json::from_value(ids.clone()).unwrap(),
        };
        if ids.len() >= 9 {
            return Act::status(400, "the prompt has too many tokens");
        }
        let known = |at: usize| (at > 0).then(|| -(ids[at] as f64) / 8.0);
        let all = 0..ids.len();
        choices.push(
            json!({"index": index, "text": "답", "finish_reason": "length", "logprobs": {
                "tokens": ids.iter().map(u64::to_string).collect::<Vec<_>>(),
                "token_logprobs": all.clone().map(known).collect::<Vec<_>>(),
                "text_offset": all.collect::<Vec<_>>(),
                "top_logprobs": null,
            }}),
        );
    }
    Act::Reply(json!({"choices": choices}))
}

#[test]
fn what_the_server_cannot_read_whole_is_cut_at_its_left_and_said() {
    let settings = tokenizer::TrainSettings {
        vocabulary: 280,
        ..Default::default()
    };
    let trained = tokenizer::train(["가나다 라마바"], &settings).unwrap();
    let tokens = trained.tokenizer.encode("jkl");
    let begin = trained.tokenizer.bos().unwrap();
    let whole = [vec![begin], trained.tokenizer.encode("abcde")].concat();
    let server = Pretend::new(short_sighted);
    let complete = Request::Complete {
        prompt: "abcdefgh".to_owned(),
        stops: vec![],
        limit: 3,
    };
    let requests = [
        choose("abc", &["de"]),
        choose("abcdefghij", &["k", "kl"]),
        choose("abc", &["0123456789"]),
        complete,
    ];
    // Without knowing its tokenizer: declined, and the reason is the server's.
    let plain = replies(&mut remote(&server, 1), &requests[1..2], Draw::default()).unwrap();
    assert!(
        matches!(&plain[0].answer, Answer::Failed(why) if why.contains("too many tokens")),
        "{plain:?}"
    );
    let before = server.asked().len();
    let reach = Reach::new(trained.tokenizer, 9);
    let mut remote = remote(&server, 1).reaching(Some(reach));
    assert!(remote.identity().contains("cut to 9 tokens"));
    let all = replies(&mut remote, &requests, Draw::default()).unwrap();
    assert!(all[0].note.is_empty());
    let of = |ids: &[u32]| -ids.iter().map(|id| f64::from(*id)).sum::<f64>() / 8.0;
    assert!(
        matches!(&all[0].answer, Answer::Likelihoods(all) if all[0].sum == of(&whole[4..])),
        "{:?}",
        all[0]
    );
    let Answer::Likelihoods(cut) = &all[1].answer else {
        panic!("{:?}", all[1])
    };
    assert_eq!(
        cut.iter()
            .map(|one| (one.sum, one.tokens))
            .collect::<Vec<_>>(),
        [(of(&tokens[1..2]), 1), (of(&tokens[1..]), 2)]
    );
    assert!(
        all[1].note.contains("first 5 tokens were left out"),
        "{}",
        all[1].note
    );
    assert!(
        matches!(&all[2].answer, Answer::Failed(why) if why.contains("an option has 10 tokens")),
        "{:?}",
        all[2]
    );
    assert!(
        all[3].note.contains("first 4 tokens were left out"),
        "{}",
        all[3].note
    );
    assert!(
        all[3].note.ends_with("; cut off at 3 tokens"),
        "{}",
        all[3].note
    );
    let asked = &server.asked()[before..];
    assert_eq!(
        asked[0].body["prompt"],
        json!([whole]),
        "what is judged goes out in tokens"
    );
    let sent: Vec<usize> = asked[1].body["prompt"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ids| ids.as_array().unwrap().len())
        .collect();
    assert_eq!(sent, [8, 8]);
}
