//! Many at once: nothing that a text says depends on its company, and memory is shared out and given back.

use super::*;
use crate::tiny::{cpu, inference, stored, tokenizer, wide};
use crate::{Scorer, Sequence as Given};
use model::{Storage, Use};
use proptest::prelude::*;
use tensor::{Cpu, CpuOptions, Kernels, Precision};

const GO: ControlFlow<()> = ControlFlow::Continue(());

fn engine(decoder: &Arc<Decoder<Cpu>>, limits: Limits) -> Engine<Cpu> {
    Engine::new(decoder.clone(), Arc::new(tokenizer()), limits).unwrap()
}

/// Limits with room for so many pages.
fn pages(decoder: &Decoder<Cpu>, pages: usize, rows: usize, sequences: usize) -> Limits {
    Limits {
        cache_bytes: pages * PagedCache::page_bytes(decoder),
        rows,
        sequences,
    }
}

/// Requests of every kind: short and long prompts, some that begin alike, drawn, penalised, judged.
fn requests(engine: &Engine<Cpu>, seed: u64) -> Vec<Request> {
    let shared: Vec<u32> = (0..70).map(|i| (i * 13 + 5) % 250).collect();
    let prompts: [Vec<u32>; 6] = [
        engine.prompt("하늬마을의 특산물은"),
        vec![7],
        shared[..64].to_vec(),
        [&shared[..], &[3, 4, 5]].concat(),
        [&shared[..], &[9]].concat(),
        (0..120).map(|i| (i * 31 + 2) % 250).collect(),
    ];
    let one = |(i, prompt): (usize, Vec<u32>)| {
        let sampling = Sampling {
            top_p: if i % 2 == 0 { 1.0 } else { 0.9 },
            frequency_penalty: if i == 3 { 0.5 } else { 0.0 },
            ..Sampling::temperature(1.0, seed + i as u64)
        };
        Request {
            log_probabilities: true,
            top: i % 3,
            echo: i == 4,
            stop: vec!["없는 글".to_owned()],
            ..Request::new(prompt, [90, 90, 12, 20, 12, 26][i], sampling)
        }
    };
    prompts.into_iter().enumerate().map(one).collect()
}

/// All that a generation says, whatever was reused.
fn said(generation: Generation) -> Generation {
    let usage = crate::Usage {
        reused: 0,
        ..generation.usage
    };
    Generation {
        usage,
        ..generation
    }
}

#[test]
fn a_text_is_the_same_in_any_company() {
    let [int8, int4] = [Storage::Int8, Storage::Int4].map(Use::InferIn);
    for kernels in Kernels::available() {
        for (precision, purpose) in [
            (Precision::F32, Use::Infer),
            (Precision::Bf16, Use::Infer),
            (Precision::Bf16, int8),
            (Precision::F32, int4),
        ] {
            let options = CpuOptions {
                precision,
                kernels: Some(kernels),
                ..CpuOptions::default()
            };
            let decoder = Arc::new(stored(purpose, wide(320), options, 3, 0.1));
            any_company(
                &decoder,
                &format!("{}, {purpose:?}", decoder.device.describe()),
            );
        }
    }
}

fn any_company(decoder: &Arc<Decoder<Cpu>>, of: &str) {
    let mut first = engine(decoder, Limits::default());
    let requests = requests(&first, 40);
    // Each alone, in an engine that has seen nothing.
    let alone: Vec<Generation> = requests
        .iter()
        .map(|request| {
            let mut fresh = engine(decoder, Limits::default());
            said(fresh.generate(request.clone(), |_| GO).unwrap())
        })
        .collect();
    let check = |engine: &mut Engine<Cpu>, how: &str| {
        let together = engine.generate_all(requests.clone(), |_, _| GO).unwrap();
        for (i, (together, alone)) in together.into_iter().zip(&alone).enumerate() {
            assert_eq!(&said(together), alone, "{i}, {how}, {of}");
        }
        assert_eq!(engine.statistics().pages_used, 0, "{how}");
    };
    check(&mut first, "together");
    let reused = first.statistics().prompt_reused;
    assert!(reused >= 64, "{reused}");
    check(&mut first, "with everything there already");
    for (rows, sequences) in [(1, 3), (5, 2), (17, 6), (50, 6)] {
        let limits = pages(decoder, 64, rows, sequences);
        check(&mut engine(decoder, limits), "in small steps");
    }
    // Room for the longest text alone: they have to give way to each other.
    let mut tight = engine(decoder, pages(decoder, 5, 400, 6));
    check(&mut tight, "with little memory");
    assert!(tight.statistics().put_back > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The same text beside random companions that come and go at random times.
    #[test]
    fn random_companions_change_nothing(
        seed in 0u64..1000,
        companions in prop::collection::vec((prop::collection::vec(0u32..250, 1..90), 1usize..20, 0usize..9, any::<bool>()), 1..7),
        rows in 1usize..80,
        room in 7usize..40,
    ) {
        let decoder = Arc::new(cpu(320, 2, Precision::Bf16));
        let limits = pages(&decoder, room, rows, 4);
        let request = Request {
            log_probabilities: true,
            ..Request::new((0..40).collect(), 24, Sampling::temperature(1.0, seed))
        };
        let alone = engine(&decoder, Limits::default()).generate(request.clone(), |_| GO).unwrap();
        let mut engine = engine(&decoder, limits);
        let mut companions = companions.into_iter().peekable();
        let mut of_companions = Vec::new();
        let (mut found, mut asked, mut ended) = (None, None, 0);
        for step in 0usize.. {
            if step == 2 {
                asked = Some(engine.submit(request.clone()).unwrap());
            }
            if let Some((prompt, tokens, pause, cancelled)) = companions.next() {
                let sampling = Sampling::temperature(1.0, step as u64);
                let ticket = engine.submit(Request::new(prompt, tokens, sampling)).unwrap();
                of_companions.push(ticket);
                for _ in 0..pause {
                    engine.step(|who, event| if let Event::End(generation) = event {
                        ended += 1;
                        if Some(who) == asked {
                            found = Some(generation);
                        }
                    }).unwrap();
                }
                if cancelled {
                    engine.cancel(ticket);
                }
            }
            engine.step(|who, event| if let Event::End(generation) = event {
                ended += 1;
                if Some(who) == asked {
                    found = Some(generation);
                }
            }).unwrap();
            if engine.is_idle() && step > 2 && companions.peek().is_none() {
                break;
            }
        }
        prop_assert_eq!(ended, of_companions.len() + 1);
        prop_assert_eq!(engine.statistics().pages_used, 0);
        let found = found.map(said);
        prop_assert_eq!(found, Some(said(alone)));
    }
}

#[test]
fn every_ticket_ends_once_and_cancelling_frees_its_pages() {
    let decoder = Arc::new(cpu(320, 2, Precision::F32));
    let mut engine = engine(&decoder, pages(&decoder, 30, 64, 2));
    let request = |n: u32| Request::new((0..n).collect(), 30, Sampling::temperature(1.0, 1));
    let tickets: Vec<Ticket> = [40, 50, 60, 70]
        .map(|n| engine.submit(request(n)).unwrap())
        .to_vec();
    engine.step(|_, _| ()).unwrap();
    let statistics = engine.statistics();
    assert_eq!((statistics.running, statistics.waiting), (2, 2));
    assert!(statistics.pages_used > 0);
    engine.cancel(tickets[0]);
    engine.cancel(tickets[3]);
    let mut ends: Vec<(Ticket, Finish)> = vec![];
    while !engine.is_idle() {
        engine
            .step(|ticket, event| {
                if let Event::End(generation) = event {
                    ends.push((ticket, generation.finish));
                }
            })
            .unwrap();
    }
    // Ended long ago: nothing happens.
    engine.cancel(tickets[1]);
    assert!(engine.is_idle());
    ends.sort_by_key(|(ticket, _)| *ticket);
    let finishes: Vec<&str> = ends.iter().map(|(_, finish)| finish.reason()).collect();
    assert_eq!(finishes, ["cancelled", "length", "length", "cancelled"]);
    assert_eq!(engine.statistics().pages_used, 0);
}

#[test]
fn a_long_prompt_does_not_hold_up_the_others() {
    let shape = model::Shape {
        context: 4096,
        ..crate::tiny::shape(320)
    };
    let decoder = Arc::new(inference(shape, CpuOptions::default(), 2, 0.3));
    let mut engine = engine(&decoder, pages(&decoder, 300, 128, 8));
    let long = Request::new((0..3000).map(|i| i % 250).collect(), 1, Sampling::greedy());
    let short = Request::new(vec![1, 2, 3], 10, Sampling::greedy());
    let long = engine.submit(long).unwrap();
    engine.step(|_, _| ()).unwrap();
    let short = engine.submit(short).unwrap();
    // It is through with its prompt in the very next step, and then gets a token in each.
    for step in 0..10 {
        let mut heard = 0;
        engine
            .step(|ticket, event| {
                assert_ne!(ticket, long);
                heard += usize::from(ticket == short && matches!(event, Event::Piece { .. }));
            })
            .unwrap();
        assert_eq!(heard, 1, "step {step}");
    }
}

#[test]
fn a_prompt_that_was_here_is_read_and_not_computed() {
    let decoder = Arc::new(cpu(320, 2, Precision::F32));
    let mut engine = engine(&decoder, Limits::default());
    let mut ask = |prompt: Vec<u32>, tokens: usize| {
        let request = Request::new(prompt, tokens, Sampling::greedy());
        engine.generate(request, |_| GO).unwrap()
    };
    let prompt: Vec<u32> = (0..100).collect();
    assert_eq!(ask(prompt.clone(), 5).usage.reused, 0);
    assert_eq!(ask(prompt.clone(), 5).usage.reused, 96);
    // Of whole pages the last is computed all the same: its last row says what comes next.
    assert_eq!(ask(prompt[..96].to_vec(), 5).usage.reused, 64);
    // A second turn: the answer of the first is there too.
    let first = ask(prompt.clone(), 40);
    let turn = [&prompt[..], &first.ids, &[4, 5]].concat();
    assert_eq!(ask(turn, 5).usage.reused, 128);
}

#[test]
fn a_prompt_is_judged_as_the_scorer_judges_it() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 5, Precision::F32)), tokenizer());
    let mut engine = engine(&decoder, pages(&decoder, 20, 16, 4));
    let prompt =
        engine.prompt("하늬마을은 오래된 마을이다. The bridge of Marlow was built in 1931.");
    let request = Request {
        echo: true,
        top: 3,
        ..Request::new(prompt.clone(), 0, Sampling::greedy())
    };
    let generation = engine.generate(request, |_| GO).unwrap();
    assert_eq!(
        (generation.finish, generation.ids.len()),
        (Finish::MaxTokens, 0)
    );
    let mut scorer = Scorer::new(&decoder, &tokenizer).unwrap();
    let given = Given {
        ids: prompt.clone(),
        start: 1,
    };
    let scored = scorer.score_ids(&[given], |_| ()).unwrap();
    assert_eq!(generation.prompt_tokens[0], None);
    assert_eq!(generation.prompt_tokens.len(), prompt.len());
    for (i, token) in generation.prompt_tokens.iter().enumerate().skip(1) {
        let token = token.as_ref().unwrap();
        assert_eq!(token.id, prompt[i]);
        assert!((token.log_probability - scored[0].tokens[i - 1]).abs() < 1e-5);
        assert_eq!(token.top.len(), 3);
        assert!(token.top[0].1 >= token.top[1].1 && token.top[1].1 >= token.top[2].1);
        assert!(token.log_probability <= token.top[0].1);
    }
}

#[test]
fn the_likeliest_are_told_beside_the_chosen() {
    let decoder = Arc::new(cpu(320, 5, Precision::F32));
    let mut engine = engine(&decoder, Limits::default());
    let request = Request {
        top: 5,
        log_probabilities: true,
        ..Request::new(vec![1, 2, 3], 6, Sampling::greedy())
    };
    let ticket = engine.submit(request).unwrap();
    let mut tokens = vec![];
    while !engine.is_idle() {
        engine
            .step(|_, event| {
                if let Event::Piece { tokens: new, .. } = event {
                    tokens.extend(new);
                }
            })
            .unwrap();
    }
    assert_eq!((tokens.len(), ticket), (6, Ticket(0)));
    for token in tokens {
        assert_eq!(token.top[0], (token.id, token.log_probability));
        assert_eq!(token.top.len(), 5);
        let sum: f32 = token.top.iter().map(|(_, ln_p)| ln_p.exp()).sum();
        assert!(sum <= 1.0 + 1e-5);
    }
}

#[test]
fn a_cache_that_is_full_ends_the_text() {
    let decoder = Arc::new(cpu(320, 2, Precision::F32));
    let mut engine = engine(&decoder, pages(&decoder, 2, 64, 4));
    assert_eq!(engine.context(), 64);
    let request = |n: u32| Request::new((0..n).collect(), 100, Sampling::greedy());
    let generation = engine.generate(request(60), |_| GO).unwrap();
    assert_eq!(
        (generation.ids.len(), generation.finish),
        (5, Finish::ContextFull)
    );
    let error = engine.submit(request(65)).unwrap_err().to_string();
    assert!(error.contains("room for 64"), "{error}");
    let none = Limits {
        cache_bytes: 100,
        ..Limits::default()
    };
    let error = Engine::new(decoder, Arc::new(tokenizer()), none)
        .err()
        .unwrap();
    assert!(error.to_string().contains("bytes of cache"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever tokens a text is made of (the constraint allows any cut, the temperature finds them),
    /// it streams as whole characters and ends before a stop string.
    #[test]
    fn any_cut_of_any_text_streams_whole(
        text in "([가-힣]|[ㄱ-ㅎ]|[a-z ]|👩‍👩‍👧|🇰🇷|é|\u{1100}\u{1161}){1,14}",
        stop in prop::option::of(0usize..12),
        seed in 0u64..1000,
    ) {
        let decoder = Arc::new(cpu(320, 9, Precision::F32));
        let mut engine = engine(&decoder, Limits::default());
        let quoted = serde_json::to_string(&text).unwrap();
        let lark = format!("%llguidance {{ \"no_forcing\": true }}\nstart: {quoted}");
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let stop = stop.and_then(|at| Some(&text[*places.get(at)?..*places.get(at + 2)?]));
        let request = Request {
            constraint: Some(crate::Constraint::Lark(lark)),
            stop: stop.map(str::to_owned).into_iter().collect(),
            ..Request::new(vec![1], 190, Sampling::temperature(3.0, seed))
        };
        let mut pieces = Vec::new();
        let generation = engine.generate(request, |piece| { pieces.push(piece.to_owned()); GO }).unwrap();
        let wanted = match stop {
            Some(stop) => &text[..text.find(stop).unwrap()],
            None => &text,
        };
        prop_assert_eq!(&generation.text, wanted);
        prop_assert_eq!(pieces.concat(), wanted);
        prop_assert_eq!(generation.finish.reason(), "stop");
    }
}
