//! What holds for every text: it is the one without a cache, it repeats, it is whole, it ends for a reason.

use super::*;
use crate::tiny::{byte_tokenizer, cpu, reference, tokenizer};
use proptest::prelude::*;
use tensor::{Cpu, Precision};

const GO: ControlFlow<()> = ControlFlow::Continue(());

fn engine<D: Forward>(decoder: &Arc<Decoder<D>>, tokenizer: &Arc<Tokenizer>) -> Engine<D> {
    Engine::new(decoder.clone(), tokenizer.clone(), Limits::default()).unwrap()
}

fn write<D: Forward>(
    decoder: &Arc<Decoder<D>>,
    tokenizer: &Arc<Tokenizer>,
    change: impl FnOnce(&mut Request),
) -> Generation {
    let mut engine = engine(decoder, tokenizer);
    let mut request = engine.request("하늬마을의", 40, Sampling::greedy());
    change(&mut request);
    let mut heard = String::new();
    let generation = engine
        .generate(request, |text| {
            assert!(!text.is_empty());
            heard.push_str(text);
            GO
        })
        .unwrap();
    assert_eq!(heard, generation.text);
    generation
}

/// Logits of the last token, computed without a cache.
fn uncached<D: Forward>(decoder: &Decoder<D>, ids: &[u32]) -> Vec<f32> {
    let mut tape = model::Tape::new(decoder, ids.len(), model::Recompute::Block, false);
    decoder.forward(&model::Batch::segments([ids]), &mut tape);
    let width = decoder.shape.width;
    let mut last = decoder.device.activation(width);
    decoder
        .device
        .rows(&tape.hidden_nd, &[ids.len() as u32 - 1], width, &mut last);
    decoder.device.logits(1, &last, decoder.head())
}

fn cached_is_uncached<D: Forward>(decoder: &Arc<Decoder<D>>, tolerance: f32) {
    let tokenizer = Arc::new(tokenizer());
    let mut request = None;
    let generation = write(decoder, &tokenizer, |r| {
        r.log_probabilities = true;
        r.end_tokens.clear();
        request = Some(r.clone());
    });
    assert_eq!(generation.finish, Finish::MaxTokens);
    let mut ids = request.unwrap().prompt;
    for (id, log_probability) in generation.ids.iter().zip(&generation.log_probabilities) {
        let mut logits = uncached(decoder, &ids);
        let log_z = logits.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
        let logits = &mut logits[..tokenizer.vocabulary()];
        let best = Sampling::greedy()
            .choose(logits, &Default::default(), 0)
            .unwrap();
        let margin = logits[best as usize] - logits[*id as usize];
        assert!(
            margin <= tolerance,
            "token {id} lies {margin} below the best"
        );
        let expected = (f64::from(logits[*id as usize]) - log_z) as f32;
        assert!((expected - log_probability).abs() <= 2.0 * tolerance);
        ids.push(*id);
    }
}

#[test]
fn cached_generation_is_uncached_generation() {
    cached_is_uncached(&Arc::new(reference(320, 1)), 1e-4);
    cached_is_uncached(&Arc::new(cpu(320, 1, Precision::F32)), 1e-4);
    cached_is_uncached(&Arc::new(cpu(320, 1, Precision::Bf16)), 0.1);
}

#[test]
fn a_long_prompt_goes_through_in_chunks() {
    let decoder = Decoder::<Cpu>::init(
        model::Shape {
            context: 1200,
            ..crate::tiny::shape(320)
        },
        std::sync::Arc::new(Cpu::new(tensor::CpuOptions::default())),
        4,
        0.3,
    )
    .unwrap();
    let (decoder, tokenizer) = (Arc::new(decoder), Arc::new(tokenizer()));
    let prompt: Vec<u32> = (0..1100).map(|i| i * 7 % 256).collect();
    let generation = write(&decoder, &tokenizer, |r| {
        r.prompt = prompt.clone();
        r.max_tokens = 1;
        r.log_probabilities = true;
    });
    let mut logits = uncached(&decoder, &prompt);
    let log_z = logits.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
    let logits = &mut logits[..tokenizer.vocabulary()];
    let best = Sampling::greedy()
        .choose(logits, &Default::default(), 0)
        .unwrap();
    assert_eq!(generation.ids, [best]);
    let expected = f64::from(logits[best as usize]) - log_z;
    assert!((f64::from(generation.log_probabilities[0]) - expected).abs() < 1e-4);
}

#[test]
fn greedy_and_seeded_texts_repeat() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 2, Precision::F32)), Arc::new(tokenizer()));
    let text = |sampling: Sampling| write(&decoder, &tokenizer, |r| r.sampling = sampling);
    assert_eq!(text(Sampling::greedy()), text(Sampling::greedy()));
    let warm = |seed| {
        text(Sampling {
            top_p: 0.95,
            ..Sampling::temperature(1.2, seed)
        })
    };
    assert_eq!(warm(5), warm(5));
    assert_ne!(warm(5).ids, warm(6).ids);
}

#[test]
fn many_prompts_are_each_as_alone() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 2, Precision::F32)), Arc::new(tokenizer()));
    let mut engine = engine(&decoder, &tokenizer);
    let requests: Vec<Request> = ["하늬마을", "The bridge", "질문: "]
        .iter()
        .enumerate()
        .map(|(i, text)| engine.request(text, 20, Sampling::temperature(1.0, i as u64)))
        .collect();
    let mut heard = vec![String::new(); 3];
    let all = engine
        .generate_all(requests.clone(), |i, text| {
            heard[i].push_str(text);
            GO
        })
        .unwrap();
    for (i, request) in requests.iter().enumerate() {
        assert_eq!(all[i], engine.generate(request.clone(), |_| GO).unwrap());
        assert_eq!(all[i].text, heard[i]);
    }
}

#[test]
fn the_text_is_what_the_tokenizer_decodes() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 3, Precision::F32)), Arc::new(tokenizer()));
    for seed in 0..20 {
        let generation = write(&decoder, &tokenizer, |r| {
            r.sampling = Sampling::temperature(1.5, seed)
        });
        let mut ids = generation.ids.clone();
        if let Finish::EndToken(id) = generation.finish {
            assert_eq!(ids.pop(), Some(id));
        }
        assert_eq!(generation.text, tokenizer.decode(&ids));
    }
}

#[test]
fn texts_end_for_the_reason_they_say() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 2, Precision::F32)), Arc::new(tokenizer()));
    let free = write(&decoder, &tokenizer, |r| r.end_tokens.clear());
    assert_eq!(
        (free.ids.len(), &free.finish, free.finish.reason()),
        (40, &Finish::MaxTokens, "length")
    );

    let end = free.ids[10];
    let ended = write(&decoder, &tokenizer, |r| r.end_tokens = vec![end]);
    let at = free.ids.iter().position(|id| *id == end).unwrap();
    assert_eq!(ended.ids, free.ids[..=at]);
    assert_eq!(
        (ended.finish.reason(), ended.finish),
        ("stop", Finish::EndToken(end))
    );

    let none = write(&decoder, &tokenizer, |r| r.max_tokens = 0);
    assert_eq!(
        (none.text.as_str(), none.ids.len(), none.finish),
        ("", 0, Finish::MaxTokens)
    );

    // The context of 192: a prompt of 190 has room for two more that are read, and one that is not.
    let full = write(&decoder, &tokenizer, |r| {
        r.prompt = vec![5; 190];
        r.end_tokens.clear();
    });
    assert_eq!(
        (full.ids.len(), full.finish.reason(), full.finish),
        (3, "length", Finish::ContextFull)
    );
}

#[test]
fn stop_strings_are_found_across_tokens() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 2, Precision::F32)), Arc::new(tokenizer()));
    let free = write(&decoder, &tokenizer, |r| {
        r.sampling = Sampling::temperature(1.0, 8);
        r.end_tokens.clear();
    });
    let places: Vec<usize> = free.text.char_indices().map(|(at, _)| at).collect();
    let mut across = 0;
    for window in places.windows(4) {
        let stop = free.text[window[0]..window[3]].to_owned();
        let found = free.text.find(&stop).unwrap();
        let stopped = write(&decoder, &tokenizer, |r| {
            r.sampling = Sampling::temperature(1.0, 8);
            r.end_tokens.clear();
            r.stop = vec!["없는 글".into(), stop.clone()];
        });
        assert_eq!(stopped.text, free.text[..found]);
        assert_eq!(stopped.finish, Finish::StopString(stop.clone()));
        assert!(free.ids.starts_with(&stopped.ids));
        across += usize::from(
            !tokenizer
                .bytes_of(*stopped.ids.last().unwrap())
                .ends_with(stop.as_bytes()),
        );
    }
    assert!(across > 10, "only {across} stop strings lay across tokens");
}

#[test]
fn a_listener_can_break_off() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 2, Precision::F32)), Arc::new(tokenizer()));
    let mut engine = engine(&decoder, &tokenizer);
    let mut request = engine.request("하늬", 40, Sampling::temperature(1.0, 1));
    request.end_tokens.clear();
    let mut calls = 0;
    let generation = engine
        .generate(request, |_| {
            calls += 1;
            if calls == 3 {
                ControlFlow::Break(())
            } else {
                GO
            }
        })
        .unwrap();
    assert_eq!((calls, generation.finish), (3, Finish::Cancelled));
}

#[test]
fn requests_that_cannot_be_met_are_sentences() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 2, Precision::F32)), Arc::new(tokenizer()));
    let mut engine = engine(&decoder, &tokenizer);
    let base = engine.request("글", 4, Sampling::greedy());
    let cases: [(Request, &str); 7] = [
        (
            Request {
                prompt: vec![],
                ..base.clone()
            },
            "at least one token",
        ),
        (
            Request {
                prompt: vec![1; 193],
                ..base.clone()
            },
            "context ends at 192",
        ),
        (
            Request {
                prompt: vec![4000],
                ..base.clone()
            },
            "4000",
        ),
        (
            Request {
                stop: vec![String::new()],
                ..base.clone()
            },
            "stop string is empty",
        ),
        (
            Request {
                stop: vec!["글".repeat(9000)],
                ..base.clone()
            },
            "27000 bytes",
        ),
        (
            Request {
                top: 21,
                ..base.clone()
            },
            "at most 20",
        ),
        (
            Request {
                sampling: Sampling::temperature(-1.0, 0),
                ..base.clone()
            },
            "temperature",
        ),
    ];
    for (request, words) in cases {
        let error = format!("{:#}", engine.generate(request, |_| GO).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let small = Arc::new(cpu(100, 2, Precision::F32));
    let error = Engine::new(small, tokenizer, Limits::default())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("do not belong together"), "{error}");
}

#[test]
fn rows_of_a_padded_embedding_are_never_chosen() {
    let (decoder, tokenizer) = (Arc::new(cpu(512, 2, Precision::F32)), Arc::new(tokenizer()));
    for seed in 0..4 {
        let generation = write(&decoder, &tokenizer, |r| {
            r.sampling = Sampling::temperature(100.0, seed);
            r.end_tokens.clear();
        });
        assert!(
            generation
                .ids
                .iter()
                .all(|id| (*id as usize) < tokenizer.vocabulary())
        );
    }
}

#[test]
fn damaged_weights_are_an_error_and_no_text() {
    let mut decoder = reference(320, 1);
    let mut norm = vec![1.0; 32];
    norm[3] = f32::NAN;
    decoder.weights.norm = decoder.device.upload(&norm);
    let (decoder, tokenizer) = (Arc::new(decoder), Arc::new(tokenizer()));
    let mut engine = engine(&decoder, &tokenizer);
    let request = engine.request("글", 4, Sampling::greedy());
    let error = format!("{:#}", engine.generate(request, |_| GO).unwrap_err());
    assert!(
        error.contains("could not be chosen") && error.contains("damaged"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A decoder of bytes writes broken UTF-8 all the time; what is streamed is whole characters,
    /// and together what `from_utf8_lossy` makes of all bytes.
    #[test]
    fn streaming_never_splits_a_character(seed in any::<u64>(), hangul in any::<bool>()) {
        let (decoder, tokenizer) = (Arc::new(cpu(272, 9, Precision::F32)), Arc::new(byte_tokenizer()));
        let mut engine = engine(&decoder, &tokenizer);
        let mut request = engine.request(if hangul { "가" } else { "a" }, 60, Sampling::temperature(2.0, seed));
        request.end_tokens.clear();
        let mut pieces = Vec::new();
        let generation = engine.generate(request.clone(), |text| { pieces.push(text.to_owned()); GO }).unwrap();
        let text: Vec<u32> = generation.ids.iter().copied().filter(|id| !tokenizer.is_special(*id)).collect();
        let bytes: Vec<u8> = text.iter().flat_map(|id| tokenizer.bytes_of(*id)).collect();
        prop_assert_eq!(&generation.text, &String::from_utf8_lossy(&bytes));
        prop_assert_eq!(pieces.concat(), generation.text);
    }
}
