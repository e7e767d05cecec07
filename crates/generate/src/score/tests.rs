//! Likelihoods against the log-softmax by the book, and against themselves in other company.

use super::*;
use crate::tiny::{cpu, inference, reference, tokenizer, wide};
use model::{Batch, Recompute, Tape};
use std::sync::Arc;
use tensor::{Cpu, CpuOptions, Kernels, Precision};

const PAIRS: [(&str, &str); 11] = [
    ("", "a"),
    ("긴", " 글"),
    ("질문: 하늬마을의 특산물은? 답:", " 감귤"),
    ("질문: 하늬마을의 특산물은? 답:", " 오래된 다리"),
    ("질문: 하늬마을의 특산물은? 답:", " bridge"),
    ("The bridge of Marlow was built in", " 1931"),
    ("The bridge of Marlow was built in", " 1932"),
    ("The bridge of Marlow", " was built in 1931"),
    ("", "하늬마을은 오래된 마을이다."),
    ("끝에 빈칸이 있는 글  ", "이어서"),
    ("질문: 하늬마을의 특산물은? 답:", " 감귤"),
];

/// ln softmax by the book, one sequence at a time, from whole logits.
fn naive<D: Forward>(decoder: &Decoder<D>, sequence: &Sequence) -> (Vec<f64>, bool) {
    let n = sequence.ids.len() - 1;
    let mut tape = Tape::new(decoder, n, Recompute::Block, false);
    decoder.forward(&Batch::segments([&sequence.ids[..n]]), &mut tape);
    let logits = decoder.device.logits(n, &tape.hidden_nd, decoder.head());
    let v = decoder.shape.vocabulary;
    let mut greedy = true;
    let tokens = (sequence.start..sequence.ids.len()).map(|i| {
        let row: Vec<f64> = logits[(i - 1) * v..i * v]
            .iter()
            .map(|l| f64::from(*l))
            .collect();
        let target = row[sequence.ids[i] as usize];
        greedy &= row.iter().all(|l| *l <= target);
        target - row.iter().map(|l| l.exp()).sum::<f64>().ln()
    });
    let tokens = tokens.collect();
    (tokens, greedy)
}

fn agrees_with_naive<D: Forward>(decoder: &Decoder<D>, tolerance: f64) {
    let tokenizer = tokenizer();
    let mut done = Vec::new();
    let scored = Scorer::new(decoder, &tokenizer)
        .unwrap()
        .rows(64)
        .score(&PAIRS, |d| done.push(d))
        .unwrap();
    assert_eq!(done.last(), Some(&PAIRS.len()));
    assert_eq!(scored.len(), PAIRS.len());
    for ((context, continuation), scored) in PAIRS.iter().zip(&scored) {
        let sequence = encode_pair(&tokenizer, context, continuation).unwrap();
        let (tokens, greedy) = naive(decoder, &sequence);
        assert_eq!(scored.tokens.len(), tokens.len());
        for (a, b) in scored.tokens.iter().zip(&tokens) {
            assert!((f64::from(*a) - b).abs() < tolerance, "{a} against {b}");
        }
        assert!((scored.sum - tokens.iter().sum::<f64>()).abs() < tolerance * 10.0);
        assert_eq!(scored.greedy, greedy);
        assert_eq!(scored.bytes, continuation.len());
        assert_eq!(scored.left_out, 0);
        assert!((scored.mean() - scored.sum / continuation.len() as f64).abs() < 1e-12);
    }
    assert_eq!(scored[2], scored[10]);
}

#[test]
fn likelihoods_are_log_softmax() {
    agrees_with_naive(&reference(320, 1), 1e-4);
    agrees_with_naive(&cpu(320, 1, Precision::F32), 1e-4);
    agrees_with_naive(&cpu(320, 1, Precision::Bf16), 0.05);
}

#[test]
fn packing_changes_no_bit() {
    let precisions = [Precision::F32, Precision::Bf16];
    let kinds = Kernels::available();
    for (precision, kernels) in precisions
        .iter()
        .flat_map(|p| kinds.iter().map(move |k| (*p, *k)))
    {
        let options = CpuOptions {
            precision,
            kernels: Some(kernels),
            ..CpuOptions::default()
        };
        packing_changes_no_bit_of(&inference(wide(320), options, 1, 0.1));
        // Weights that are being trained are added up otherwise where rows are few.
        let device = Arc::new(Cpu::new(options));
        packing_changes_no_bit_of(&Decoder::init(wide(320), device, 1, 0.1).unwrap());
    }
}

fn packing_changes_no_bit_of(decoder: &Decoder<Cpu>) {
    let (tokenizer, device) = (tokenizer(), decoder.device.describe());
    let score = |rows: usize, pairs: &[(&str, &str)]| {
        let mut scorer = Scorer::new(decoder, &tokenizer).unwrap().rows(rows);
        scorer.score(pairs, |_| ()).unwrap()
    };
    let together = score(1024, &PAIRS);
    assert_eq!(score(50, &PAIRS), together);
    for (i, pair) in PAIRS.iter().enumerate() {
        assert_eq!(
            score(1, &[*pair])[0],
            together[i],
            "alone, {pair:?}, {device}"
        );
    }
    let mut reversed = PAIRS;
    reversed.reverse();
    let mut scored = score(1024, &reversed);
    scored.reverse();
    assert_eq!(scored, together);
    // So short that alone they are fewer rows than a tile.
    let short: Vec<Sequence> = (0..40)
        .map(|i| Sequence {
            ids: (0..2 + i % 11).map(|j| (i * 37 + j * 53) % 300).collect(),
            start: 1,
        })
        .collect();
    let score = |rows: usize, sequences: &[Sequence]| {
        let mut scorer = Scorer::new(decoder, &tokenizer).unwrap().rows(rows);
        scorer.score_ids(sequences, |_| ()).unwrap()
    };
    let together = score(1024, &short);
    for (i, sequence) in short.iter().enumerate() {
        let alone = &score(1, std::slice::from_ref(sequence))[0];
        assert_eq!(alone, &together[i], "alone, {sequence:?}, {device}");
    }
}

#[test]
fn a_greedy_continuation_is_greedy() {
    let (decoder, tokenizer) = (Arc::new(cpu(320, 5, Precision::F32)), Arc::new(tokenizer()));
    let limits = crate::Limits::default();
    let mut engine = crate::Engine::new(decoder.clone(), tokenizer.clone(), limits).unwrap();
    let mut request = engine.request("하늬마을", 12, crate::Sampling::greedy());
    request.log_probabilities = true;
    let written = engine
        .generate(request.clone(), |_| std::ops::ControlFlow::Continue(()))
        .unwrap();
    let sequence = Sequence {
        ids: [&request.prompt[..], &written.ids].concat(),
        start: request.prompt.len(),
    };
    let mut other = sequence.clone();
    let last = other.ids.len() - 1;
    other.ids[last] = (other.ids[last] + 1) % 300;
    let scored = Scorer::new(&decoder, &tokenizer)
        .unwrap()
        .score_ids(&[sequence, other], |_| ())
        .unwrap();
    assert!(scored[0].greedy && !scored[1].greedy);
    for (a, b) in scored[0].tokens.iter().zip(&written.log_probabilities) {
        assert!((a - b).abs() < 1e-4);
    }
}

#[test]
fn shared_contexts_are_computed_once_and_give_the_same() {
    let (decoder, tokenizer) = (cpu(320, 1, Precision::F32), tokenizer());
    let context: Vec<u32> = (0..120).map(|i| i * 11 % 256).collect();
    let mut sequences: Vec<Sequence> = (0..6)
        .map(|i| Sequence {
            ids: context
                .iter()
                .copied()
                .chain([40 + i, 41, 42 + i])
                .collect(),
            start: 120,
        })
        .collect();
    // Not all are read from the same row on.
    sequences[3].start = 100;
    sequences.push(Sequence {
        ids: vec![9, 8, 7],
        start: 1,
    });
    let alone: Vec<Likelihood> = sequences
        .iter()
        .map(|one| {
            let mut scorer = Scorer::new(&decoder, &tokenizer).unwrap();
            let one = std::slice::from_ref(one);
            scorer.score_ids(one, |_| ()).unwrap().remove(0)
        })
        .collect();
    for rows in [1024, 50, 7] {
        let mut scorer = Scorer::new(&decoder, &tokenizer).unwrap().rows(rows);
        assert_eq!(scorer.score_ids(&sequences, |_| ()).unwrap(), alone);
        // 96 of 119 rows are whole pages that all share; then 122 − 96 rows each, and two of the last.
        assert_eq!(scorer.computed(), 96 + 6 * 26 + 2, "in steps of {rows}");
        // What was there before is there still.
        let again = scorer.score_ids(&sequences[..1], |_| ()).unwrap();
        assert_eq!((&again[0], scorer.computed()), (&alone[0], 96 + 7 * 26 + 2));
    }
}

#[test]
fn one_token_options_are_one_sequence() {
    let ids = |last: u32| vec![1, 2, 3, 4, last];
    let mut sequences: Vec<Sequence> = (10..14)
        .map(|last| Sequence {
            ids: ids(last),
            start: 4,
        })
        .collect();
    sequences.push(Sequence {
        ids: vec![1, 2, 3, 4, 10, 20, 30],
        start: 4,
    });
    sequences.push(Sequence {
        ids: vec![1, 2, 9],
        start: 2,
    });
    let hosts = plan::hosts(plan::jobs(&sequences, 192, 320).unwrap());
    let rows: usize = hosts.iter().map(|host| host.inputs.len()).sum();
    assert_eq!((hosts.len(), rows), (1, 6));
    assert_eq!(hosts[0].jobs.len(), 6);
}

#[test]
fn every_sequence_is_in_the_plan_once() {
    // Sequences of few different tokens share beginnings in every way.
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    for round in 0..200 {
        let sequences: Vec<Sequence> = (0..random(30))
            .map(|_| {
                let length = 2 + random(if round % 2 == 0 { 8 } else { 150 });
                let common = random(length);
                let ids: Vec<u32> = (0..length)
                    .map(|i| if i < common { 1 } else { random(3) as u32 })
                    .collect();
                Sequence {
                    start: 1 + random(length - 1) as usize,
                    ids,
                }
            })
            .collect();
        let mut seen = vec![0; sequences.len()];
        for host in plan::hosts(plan::jobs(&sequences, 192, 3).unwrap()) {
            for job in &host.jobs {
                seen[job.index] += 1;
                let Sequence { ids, start } = &sequences[job.index];
                assert_eq!(host.inputs[..ids.len() - 1], ids[..ids.len() - 1]);
                assert_eq!((job.first, &job.targets[..]), (start - 1, &ids[*start..]));
            }
        }
        assert!(seen.iter().all(|count| *count == 1));
    }
}

#[test]
fn contexts_too_long_lose_their_beginning() {
    let (decoder, tokenizer) = (reference(320, 1), tokenizer());
    let ids: Vec<u32> = (0..250).map(|i| i % 256).collect();
    let mut scorer = Scorer::new(&decoder, &tokenizer).unwrap();
    let long = scorer
        .score_ids(
            &[Sequence {
                ids: ids.clone(),
                start: 240,
            }],
            |_| (),
        )
        .unwrap();
    let cut = Sequence {
        ids: ids[57..].to_vec(),
        start: 240 - 57,
    };
    let short = scorer.score_ids(&[cut], |_| ()).unwrap();
    assert_eq!((long[0].left_out, short[0].left_out), (57, 0));
    assert_eq!(long[0].tokens, short[0].tokens);
}

#[test]
fn pairs_are_cut_into_tokens_as_the_harness_does() {
    let tokenizer = tokenizer();
    let bos = tokenizer.bos().unwrap();
    for (context, continuation) in PAIRS {
        let sequence = encode_pair(&tokenizer, context, continuation).unwrap();
        let joined = tokenizer.encode(&format!("{context}{continuation}"));
        assert_eq!(sequence.ids, [&[bos][..], &joined].concat());
        assert_eq!(
            sequence.start,
            1 + tokenizer.encode(context.trim_end()).len()
        );
    }
    // A continuation that becomes part of the context's last token is judged with that token.
    let merged = (0..tokenizer.vocabulary() as u32)
        .find_map(|id| {
            let text = String::from_utf8(tokenizer.bytes_of(id)).ok()?;
            let (at, _) = text.char_indices().nth(1)?;
            let alone = tokenizer.encode(&text) == [id] && !text.starts_with(' ');
            alone.then(|| (text[..at].to_owned(), text[at..].to_owned()))
        })
        .unwrap();
    let sequence = encode_pair(&tokenizer, &merged.0, &merged.1).unwrap();
    assert_eq!((sequence.ids.len(), sequence.start), (2, 1));
}

#[test]
fn what_cannot_be_judged_is_a_sentence() {
    let (decoder, tokenizer) = (reference(320, 1), tokenizer());
    let mut scorer = Scorer::new(&decoder, &tokenizer).unwrap();
    let error = format!(
        "{:#}",
        scorer
            .score(&[("글", "글"), ("글", "")], |_| ())
            .unwrap_err()
    );
    assert!(
        error.contains("pair number 2") && error.contains("empty"),
        "{error}"
    );
    for (sequence, words) in [
        (
            Sequence {
                ids: vec![1, 2],
                start: 0,
            },
            "begins at 0",
        ),
        (
            Sequence {
                ids: vec![1, 2],
                start: 2,
            },
            "begins at 2",
        ),
        (
            Sequence {
                ids: vec![],
                start: 1,
            },
            "0 tokens",
        ),
        (
            Sequence {
                ids: vec![1, 9999],
                start: 1,
            },
            "token id 9999",
        ),
        (
            Sequence {
                ids: vec![1; 300],
                start: 5,
            },
            "judge it in parts",
        ),
    ] {
        let error = scorer
            .score_ids(&[sequence], |_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(scorer.score_ids(&[], |_| ()).unwrap(), []);
    let mut damaged = reference(320, 1);
    damaged.weights.norm = damaged.device.upload(&[f32::NAN; 32]);
    let mut scorer = Scorer::new(&damaged, &tokenizer).unwrap();
    let error = scorer
        .score(&[("글", "글")], |_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("damaged"), "{error}");
}
