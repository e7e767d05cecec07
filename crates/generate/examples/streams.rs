//! How fast many texts are written at once, and what the engine costs beside the decoder.
//!
//! `streams MODEL TOKENIZER [--streams 1,4,16] [--prompt 64] [--tokens 64] [--temperature 0.8]
//! [--precision bf16|f32] [--threads N]` prints a line for each number of streams: tokens a second
//! through the engine, through bare steps of the decoder with their logits, and their ratio.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use generate::{Engine, Limits, Request, Sampling};
use model::{Decoder, PagedCache, Use};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tensor::{Cpu, CpuOptions, Forward, POSITIONS, Precision, Stretch};
use tokenizer::Tokenizer;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let number = |name: &str, usual: usize| -> usize {
        option(name).map_or(usual, |n| n.parse().expect("a number"))
    };
    let device = Arc::new(Cpu::new(CpuOptions {
        threads: option("--threads").map(|n| n.parse().expect("a number")),
        kernels: None,
        precision: match option("--precision") {
            Some("f32") => Precision::F32,
            _ => Precision::Bf16,
        },
    }));
    let decoder = Arc::new(Decoder::load(Path::new(&arguments[0]), device, Use::Infer).unwrap());
    let tokenizer = Arc::new(Tokenizer::load(Path::new(&arguments[1])).unwrap());
    let temperature = option("--temperature").map_or(0.8, |t| t.parse().expect("a number"));
    let (prompt, tokens) = (number("--prompt", 64), number("--tokens", 64));
    println!("{}", decoder.device.describe());
    println!(
        "a prompt of 512: {:.0} tokens/s",
        prompt_speed(&decoder, 512)
    );
    for streams in option("--streams").unwrap_or("1,4,16").split(',') {
        let streams: usize = streams.parse().expect("a number");
        let prompts: Vec<Vec<u32>> = (0..streams as u32)
            .map(|s| {
                (0..prompt as u32)
                    .map(|i| (i * 37 + s * 101) % 20_000 + 1)
                    .collect()
            })
            .collect();
        // Alternated, the best of three.
        let (mut engine, mut bare) = (0f64, 0f64);
        for _ in 0..3 {
            engine = engine.max(through_engine(
                &decoder,
                &tokenizer,
                &prompts,
                tokens,
                temperature,
            ));
            bare = bare.max(bare_steps(&decoder, &prompts, tokens));
        }
        println!(
            "{streams:>3} streams: engine {engine:7.1} tokens/s, bare steps {bare:7.1}, ratio {:.3}",
            engine / bare
        );
    }
}

/// Rows a second of one step that reads a prompt.
fn prompt_speed(decoder: &Decoder<Cpu>, rows: usize) -> f64 {
    let pages: Vec<u32> = (0..rows.div_ceil(POSITIONS) as u32).collect();
    let mut cache = PagedCache::new(decoder, pages.len(), rows);
    let ids: Vec<u32> = (1..=rows as u32).collect();
    let stretch = Stretch {
        rows,
        past: 0,
        pages: &pages,
    };
    let mut best = 0f64;
    for _ in 0..4 {
        let start = Instant::now();
        decoder.step(&ids, &[stretch], &mut cache);
        best = best.max(rows as f64 / start.elapsed().as_secs_f64());
    }
    best
}

/// Tokens a second, prompts not counted.
fn through_engine(
    decoder: &Arc<Decoder<Cpu>>,
    tokenizer: &Arc<Tokenizer>,
    prompts: &[Vec<u32>],
    tokens: usize,
    temperature: f32,
) -> f64 {
    let limits = Limits {
        rows: 4096,
        ..Limits::default()
    };
    let mut engine = Engine::new(decoder.clone(), tokenizer.clone(), limits).unwrap();
    let request = |(seed, prompt): (usize, &Vec<u32>)| {
        let sampling = Sampling::temperature(temperature, seed as u64);
        Request::new(prompt.clone(), tokens + 1, sampling)
    };
    let requests: Vec<Request> = prompts.iter().enumerate().map(request).collect();
    let mut start = None;
    let go = |_, _: &str| {
        start.get_or_insert_with(Instant::now);
        ControlFlow::Continue(())
    };
    let all = engine.generate_all(requests, go).unwrap();
    let seconds = start.expect("some text").elapsed().as_secs_f64();
    let written: usize = all.iter().map(|one| one.ids.len() - 1).sum();
    written as f64 / seconds
}

/// The decoder's steps and the logits of every row, and nothing else.
fn bare_steps(decoder: &Decoder<Cpu>, prompts: &[Vec<u32>], tokens: usize) -> f64 {
    let (device, width) = (&*decoder.device, decoder.shape.width);
    let (streams, prompt) = (prompts.len(), prompts[0].len());
    let each = (prompt + tokens).div_ceil(POSITIONS);
    let mut cache = PagedCache::new(decoder, streams * each, streams * prompt);
    let pages: Vec<Vec<u32>> = (0..streams)
        .map(|s| (s * each..(s + 1) * each).map(|page| page as u32).collect())
        .collect();
    let mut last = device.activation(streams * width);
    let mut logits = Vec::new();
    let rows: Vec<u32> = (0..streams as u32).collect();
    let mut step = |ids: &[u32], rows_each: usize, past: usize| {
        let stretch = |pages| Stretch {
            rows: rows_each,
            past,
            pages,
        };
        let stretches: Vec<Stretch<'_>> = pages.iter().map(|pages| stretch(&pages[..])).collect();
        let hidden = decoder.step(ids, &stretches, &mut cache);
        device.rows(hidden, &rows, width, &mut last);
        device.logits_into(streams, &last, decoder.head(), &mut logits);
    };
    step(&prompts.concat(), prompt, 0);
    let ids: Vec<u32> = (1..=streams as u32).collect();
    let start = Instant::now();
    for token in 0..tokens {
        step(&ids, 1, prompt + token);
    }
    (streams * tokens) as f64 / start.elapsed().as_secs_f64()
}
