//! Megabytes a second of training and encoding, beside the `tokenizers` crate on the same text.
//!
//! `cargo bench -p tokenizer --bench speed -- TEXT.jsonl [VOCABULARY]`; a line without a file
//! measures nothing and says so. Threads: `RAYON_NUM_THREADS`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures and prints"
)]

use std::time::Instant;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use tokenizer::{TrainSettings, train};

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let Some(path) = arguments.next() else {
        println!("wanted a file of JSON lines with a field `text`: nothing measured");
        return;
    };
    let vocabulary = arguments
        .next()
        .map_or(16_384, |number| number.parse().expect("a number"));
    let lines = std::fs::read_to_string(&path).expect("a file of text");
    let texts: Vec<String> = lines
        .lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
            row["text"].as_str().expect("a text").to_owned()
        })
        .collect();
    let megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let speed = |name: &str, started: Instant| {
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{name:32} {:8.2} MB/s   {seconds:7.2} s",
            megabytes / seconds
        );
    };
    println!(
        "{megabytes:.1} MB, {} texts, {} threads",
        texts.len(),
        rayon::current_num_threads()
    );

    let started = Instant::now();
    let settings = TrainSettings {
        vocabulary,
        ..TrainSettings::default()
    };
    let trained = train(&texts, &settings).expect("training");
    speed(&format!("train {vocabulary}"), started);
    println!("{:?}", trained.training);

    let tokenizer = trained.tokenizer;
    for round in 0..3 {
        let started = Instant::now();
        let ids = tokenizer.encode_batch(&texts);
        speed(&format!("encode_batch, round {round}"), started);
        if round == 0 {
            println!("{} tokens", ids.iter().map(Vec::len).sum::<usize>());
        }
    }
    let started = Instant::now();
    let tokens: usize = texts.iter().map(|text| tokenizer.encode(text).len()).sum();
    speed("encode one by one, one thread", started);

    let json = tokenizer.files().swap_remove(0).1;
    let peer = tokenizers::Tokenizer::from_bytes(&json).expect("our own file");
    let few: Vec<&String> = texts.iter().step_by(8).collect();
    let started = Instant::now();
    let theirs: Vec<usize> = few
        .par_iter()
        .map(|text| peer.encode_fast(text.as_str(), false).expect("BPE").len())
        .collect();
    let seconds = started.elapsed().as_secs_f64();
    let part = few.iter().map(|text| text.len()).sum::<usize>() as f64 / 1e6;
    println!(
        "{:32} {:8.2} MB/s   {seconds:7.2} s (every eighth text)",
        "tokenizers crate",
        part / seconds
    );
    assert!(theirs.iter().sum::<usize>() <= tokens);
}
