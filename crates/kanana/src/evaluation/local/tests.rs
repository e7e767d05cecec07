use super::*;
use chat::{Message, Tool};
use evals::{Answer, Draw};
use model::{Initial, Numbers, Rope, Shape, Use};
use serde_json::json;
use tensor::{CpuOptions, Precision};
use tokenizer::{TrainSettings, train};

const TEMPLATE: &str =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>";

/// A small model with large random weights, in this many threads.
fn local(threads: usize, template: bool) -> Local {
    let texts = [
        "하늬마을의 특산물은 감귤이다. 하늬마을은 오래된 마을이다.",
        "The bridge of Marlow was built in 1931. The bridge is long.",
    ];
    let settings = TrainSettings {
        vocabulary: 320,
        ..TrainSettings::default()
    };
    let tokenizer = train(texts, &settings).unwrap().tokenizer;
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
        context: 96,
    };
    let options = CpuOptions {
        threads: Some(threads),
        precision: Precision::Bf16,
        ..CpuOptions::default()
    };
    let (of, initial) = (shape.clone(), Initial::from(0.3));
    let decoder = Decoder::build(shape, Arc::new(Cpu::new(options)), Use::Infer, |spec| {
        Ok(Numbers::F32(initial.values(5, &of, spec)))
    });
    let template = template.then(|| Template::new(TEMPLATE, Default::default()).unwrap());
    let identity = Identity {
        weights: "0".repeat(64),
        tokenizer: "1".repeat(64),
        template: None,
        precision: "bf16".to_owned(),
    };
    Local::new(
        Arc::new(decoder.unwrap()),
        Arc::new(tokenizer),
        template,
        identity,
    )
}

fn choose(context: &str, options: &[&str]) -> Request {
    Request::Choose {
        context: context.to_owned(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    }
}

fn complete(prompt: &str, limit: usize) -> Request {
    Request::Complete {
        prompt: prompt.to_owned(),
        stops: vec!["\n".to_owned()],
        limit,
    }
}

fn converse(text: &str, tools: Vec<Tool>) -> Request {
    Request::Converse {
        messages: vec![Message::user(text)],
        tools,
        limit: 12,
    }
}

/// Some of everything, with common beginnings.
fn requests() -> Vec<(Request, Draw)> {
    let examples = "질문: 마을의 특산물은?\n정답: 감귤\n\n";
    let drawn = Draw {
        temperature: 1.0,
        samples: 3,
        ..Draw::default()
    };
    let mut all = vec![];
    for number in 0..6 {
        let context = format!("{examples}질문: {number}번 다리는?\n정답:");
        all.push((
            choose(&context, &[" A", " B", " 다리", " 다리 위"]),
            Draw::default(),
        ));
        all.push((
            complete(&format!("{examples}질문: {number}?"), 10),
            Draw::default(),
        ));
        all.push((complete("The bridge", 6 + number), drawn));
        all.push((converse(&format!("안녕 {number}"), vec![]), drawn));
        let text = "The bridge of Marlow. ".repeat(number + 1);
        all.push((
            Request::Embed {
                text: text.clone(),
                query: false,
            },
            Draw::default(),
        ));
        all.push((
            Request::Measure {
                text: text.repeat(3),
            },
            Draw::default(),
        ));
    }
    all
}

/// The replies to requests that are put in the order of `order`, `batch` at a time.
fn replies(
    local: &mut Local,
    asked: &[(Request, Draw)],
    order: &[usize],
    batch: usize,
) -> Vec<Reply> {
    let mut all: Vec<Option<Reply>> = vec![None; asked.len()];
    for some in order.chunks(batch) {
        let put: Vec<Put<'_>> = some
            .iter()
            .map(|at| Put {
                request: &asked[*at].0,
                draw: asked[*at].1,
            })
            .collect();
        local
            .answer(&put, &mut |index, reply| {
                assert!(put[index].is_answered_by(&reply), "{reply:?}");
                assert!(all[some[index]].replace(reply).is_none(), "answered twice");
                Ok(())
            })
            .unwrap();
    }
    all.into_iter()
        .map(|reply| reply.expect("answered"))
        .collect()
}

#[test]
fn an_answer_depends_on_its_question_alone() {
    let asked = requests();
    let order: Vec<usize> = (0..asked.len()).collect();
    let wanted = replies(&mut local(1, true), &asked, &order, asked.len());
    assert!(
        wanted
            .iter()
            .all(|reply| !matches!(reply.answer, Answer::Failed(_)))
    );
    let backwards: Vec<usize> = order.iter().rev().copied().collect();
    for (threads, order, batch) in [(1, &order, 1), (3, &order, 7), (2, &backwards, 50)] {
        let found = replies(&mut local(threads, true), &asked, order, batch);
        assert_eq!(found, wanted, "{threads} threads, {batch} at a time");
    }
}

fn one(local: &mut Local, request: Request, draw: Draw) -> Reply {
    replies(local, &[(request, draw)], &[0], 1).remove(0)
}

#[test]
fn a_whole_text_is_as_likely_as_an_option_after_nothing() {
    let mut local = local(1, false);
    let text = "하늬마을의 특산물은 감귤이다.";
    let measured = one(
        &mut local,
        Request::Measure {
            text: text.to_owned(),
        },
        Draw::default(),
    );
    let chosen = one(&mut local, choose("", &[text]), Draw::default());
    assert_eq!(measured.answer, chosen.answer);
}

#[test]
fn draws_differ_and_repeat() {
    let mut local = local(1, false);
    let draw = Draw {
        temperature: 1.5,
        samples: 4,
        ..Draw::default()
    };
    let texts = |reply: Reply| match reply.answer {
        Answer::Texts(texts) => texts,
        other => panic!("{other:?}"),
    };
    let first = texts(one(&mut local, complete("The", 12), draw));
    assert!(first.iter().any(|text| *text != first[0]), "{first:?}");
    assert_eq!(texts(one(&mut local, complete("The", 12), draw)), first);
    let other = Draw { seed: 1, ..draw };
    assert_ne!(texts(one(&mut local, complete("The", 12), other)), first);
    let greedy = Draw {
        temperature: 0.0,
        ..draw
    };
    let same = texts(one(&mut local, complete("The", 12), greedy));
    assert!(same.len() == 4 && same.iter().all(|text| *text == same[0]));
}

#[test]
fn what_does_not_fit_is_cut_or_failed_and_said() {
    let mut local = local(1, true);
    let long = "0123456789 ".repeat(40);
    let cut = one(&mut local, choose(&long, &[" A", " B"]), Draw::default());
    assert!(cut.note.contains("were left out"), "{cut:?}");
    let cut = one(&mut local, complete(&long, 20), Draw::default());
    assert!(
        cut.note.contains("left out") && matches!(cut.answer, Answer::Texts(_)),
        "{cut:?}"
    );
    let failed = |reply: Reply| match reply.answer {
        Answer::Failed(why) => why,
        other => panic!("{other:?}"),
    };
    let why = failed(one(
        &mut local,
        choose("짧다", &[" A", &long]),
        Draw::default(),
    ));
    assert!(why.contains("context ends at 96"), "{why}");
    let why = failed(one(
        &mut local,
        choose("짧다", &[" A", ""]),
        Draw::default(),
    ));
    assert!(why.contains("empty"), "{why}");
    let why = failed(one(&mut local, converse(&long, vec![]), Draw::default()));
    assert!(why.contains("context ends at 96"), "{why}");
    let why = failed(one(
        &mut local,
        Request::Measure {
            text: String::new(),
        },
        Draw::default(),
    ));
    assert!(why.contains("empty"), "{why}");
}

#[test]
fn what_the_limit_cuts_off_is_said() {
    let mut local = local(1, true);
    // Without a stop nothing but the end token or the limit ends it.
    let ask = |number: usize, stops: Vec<String>| Request::Complete {
        prompt: format!("The bridge {number}"),
        stops,
        limit: 3,
    };
    let broken = |letter: char| letter == char::REPLACEMENT_CHARACTER;
    let mut found = None;
    for number in 0..40 {
        let reply = one(&mut local, ask(number, vec![]), Draw::default());
        let wanted = ["", "cut off at 3 tokens"][reply.cut];
        assert_eq!(reply.note, wanted, "{reply:?}");
        let Answer::Texts(texts) = &reply.answer else {
            panic!("{reply:?}")
        };
        let first = texts[0].chars().next().filter(|letter| !broken(*letter));
        if let (1, Some(first)) = (reply.cut, first) {
            found = found.or(Some((number, first)));
        }
    }
    let (number, first) = found.expect("one of 40 that goes on and writes letters");
    // The best is one text, however often it is wanted.
    let draw = Draw {
        samples: 4,
        ..Draw::default()
    };
    let four = one(&mut local, ask(number, vec![]), draw);
    assert_eq!((four.cut, &*four.note), (4, "4 of 4 cut off at 3 tokens"));
    // A stop is an end.
    let stops = vec![first.to_string()];
    let stopped = one(&mut local, ask(number, stops), Draw::default());
    assert_eq!((stopped.cut, &*stopped.note), (0, ""), "{stopped:?}");
}

/// A conversation that leaves less of the context than it asks for, and how much.
fn nearly_full(local: &Local, number: usize) -> (Request, usize) {
    let template = local.template.as_ref().unwrap();
    let said = |letters: usize| format!("{number}번 {}", "가".repeat(letters));
    let tokens = |letters: usize| {
        let messages = [Message::user(said(letters))];
        let text = template.render(&messages, &[], true, &Default::default());
        local.tokenizer.encode_with_specials(&text.unwrap()).len()
    };
    let context = local.decoder.shape.context;
    let most = (0..context)
        .rev()
        .find(|letters| tokens(*letters) < context);
    let most = most.expect("some fit");
    (converse(&said(most), vec![]), context - tokens(most))
}

#[test]
fn what_the_context_cuts_off_is_not_put_down_to_the_limit() {
    let mut local = local(1, true);
    let mut cut = 0;
    for number in 0..20 {
        let (request, room) = nearly_full(&local, number);
        assert!(room < 12, "it asks for 12");
        let reply = one(&mut local, request, Draw::default());
        let wanted = match reply.cut {
            0 => String::new(),
            _ => format!("cut off at {room} tokens, where the model's context ends"),
        };
        assert_eq!(reply.note, wanted, "{reply:?}");
        cut += reply.cut;
    }
    assert!(cut > 0, "one of 20 that goes on");
    // An answer that alone would fill it gets what the prompt leaves.
    let request = Request::Complete {
        prompt: "하늬마을".to_owned(),
        stops: vec![],
        limit: 4096,
    };
    let reply = one(&mut local, request, Draw::default());
    assert!(
        reply.cut == 0 || reply.note.ends_with(", where the model's context ends"),
        "{reply:?}"
    );
}

#[test]
fn without_a_template_there_is_no_conversation() {
    let mut local = local(1, false);
    let request = converse("안녕", vec![]);
    let put = [Put {
        request: &request,
        draw: Draw::default(),
    }];
    let error = local.answer(&put, &mut |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("no chat template"), "{error}");
}

#[test]
fn calls_are_read_out_of_answers() {
    let mut local = local(1, true);
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": {
        "type": "object", "properties": {"city": {"enum": ["서울"]}}, "required": ["city"], "additionalProperties": false}}});
    let tool: Tool = serde_json::from_value(tool).unwrap();
    let said = format!("{}{{\"city\": \"서울\"}}</function>", "<function=weather>");
    let parser = chat::tools::Parser::new(
        chat::tools::Format::KANANA,
        vec!["weather".to_owned()],
        true,
    );
    let message = super::words::message(Some(parser.clone()), said);
    assert_eq!(message.tool_calls.len(), 1);
    assert_eq!(
        message.tool_calls[0].function.arguments,
        "{\"city\": \"서울\"}"
    );
    assert_eq!(message.content, None);
    let half = super::words::message(Some(parser), "<function=weather>{\"ci".to_owned());
    assert!(half.tool_calls.is_empty());
    // Whatever this model says, it is words or a whole call of what there is.
    let reply = one(&mut local, converse("날씨?", vec![tool]), Draw::default());
    let Answer::Messages(messages) = reply.answer else {
        panic!("{reply:?}")
    };
    for call in &messages[0].tool_calls {
        assert_eq!(call.function.name, "weather");
    }
}

#[test]
fn vectors_have_length_one_and_know_the_order_of_words() {
    let mut local = local(1, false);
    let mut vector = |text: &str| {
        let request = Request::Embed {
            text: text.to_owned(),
            query: true,
        };
        match one(&mut local, request, Draw::default()).answer {
            Answer::Vector(vector) => vector,
            other => panic!("{other:?}"),
        }
    };
    let (a, b) = (vector("마을의 다리"), vector("다리의 마을"));
    let length: f32 = a.iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5 && a != b);
}

#[test]
fn it_stops_when_told() {
    let mut local = local(1, false).until(|| true);
    let request = choose("가", &[" A"]);
    let put = [Put {
        request: &request,
        draw: Draw::default(),
    }];
    let error = local.answer(&put, &mut |_, _| Ok(())).unwrap_err();
    assert!(error.is::<Stopped>());
}

#[test]
fn answers_come_one_by_one_and_it_stops_between_them() {
    let told = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = told.clone();
    let mut local =
        local(1, false).until(move || seen.load(std::sync::atomic::Ordering::SeqCst) >= 3);
    // 40 questions of which each fills the context, and no two share what is left of them.
    let text = |at: usize| -> String {
        let words = (0..24).map(|word| format!("{at}번째 마을 {word} "));
        words.collect()
    };
    let requests: Vec<Request> = (0..40)
        .map(|at| choose(&text(at), &[" 가", " 나"]))
        .collect();
    let draw = Draw::default();
    let put: Vec<Put<'_>> = requests
        .iter()
        .map(|request| Put { request, draw })
        .collect();
    let mut answered = vec![];
    let error = local.answer(&put, &mut |at, reply| {
        assert!(put[at].is_answered_by(&reply));
        answered.push(at);
        told.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    });
    assert!(error.unwrap_err().is::<Stopped>());
    assert!(
        (3..40).contains(&answered.len()),
        "{} of 40",
        answered.len()
    );
    let mut different = answered.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), answered.len(), "nothing comes twice");
}
