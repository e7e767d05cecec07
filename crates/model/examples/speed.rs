//! How fast a model reads a prompt and writes, and what loading it takes: for `benches/generate`.
//!
//! `speed MODEL [--threads N] [--kernels K] [--precision bf16|f32] [--weights auto|dense|int8|int4]
//! [--prompt 512] [--tokens 128] [--repeat 3] [--past 16]` prints one JSON line: tokens a second (the best
//! of the repeats), seconds of loading, and what the process held at most, in bytes.
//! `speed --make SHAPE FILE` writes a GGUF file of a shape of the family with weights by chance;
//! `speed --memory` measures how fast memory is read.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use model::gguf::{self, Kind, Metadata};
use model::{Decoder, Numbers, PagedCache, Shape, SpecialTokens, Storage, Use};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tensor::{Blocks, Cpu, CpuOptions, Forward, POSITIONS, Precision, Stretch};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--make") => make(&arguments[1], Path::new(&arguments[2]), arguments.get(3)),
        Some("--memory") => memory(),
        Some(model) => measure(Path::new(model), &arguments[1..]),
        None => println!("wanted a model"),
    }
}

fn measure(path: &Path, options: &[String]) {
    let option = |name: &str| {
        let at = options.iter().position(|option| option == name)?;
        options.get(at + 1).map(String::as_str)
    };
    let number =
        |name: &str, usual: usize| option(name).map_or(usual, |n| n.parse().expect("a number"));
    let purpose = match option("--weights") {
        None | Some("auto") => Use::Infer,
        Some("dense") => Use::InferIn(Storage::Dense),
        Some("int8") => Use::InferIn(Storage::Int8),
        Some(_) => Use::InferIn(Storage::Int4),
    };
    let device = Arc::new(Cpu::new(CpuOptions {
        threads: option("--threads").map(|n| n.parse().expect("a number")),
        kernels: option("--kernels").map(|name| name.parse().expect("kernels of this processor")),
        precision: match option("--precision") {
            Some("f32") => Precision::F32,
            _ => Precision::Bf16,
        },
    }));
    let start = Instant::now();
    let decoder = Decoder::load(path, device.clone(), purpose).unwrap();
    let load = start.elapsed().as_secs_f64();
    let (prompt, tokens) = (number("--prompt", 512), number("--tokens", 128));
    let (repeat, past) = (number("--repeat", 3), number("--past", 16));
    let vocabulary = decoder.shape.vocabulary;
    let room = prompt.max(past) + tokens + 1;
    let ids: Vec<u32> = (0..room)
        .map(|i| ((i * 7919 + 13) % (vocabulary - 1) + 1) as u32)
        .collect();
    let pages: Vec<u32> = (0..room.div_ceil(POSITIONS) as u32).collect();
    let mut cache = PagedCache::new(&decoder, pages.len(), prompt.max(past));
    let mut last = device.activation(decoder.shape.width);
    let mut step = |ids: &[u32], past: usize| {
        let stretch = Stretch {
            rows: ids.len(),
            past,
            pages: &pages,
        };
        let hidden = decoder.step(ids, &[stretch], &mut cache);
        let row = ids.len() as u32 - 1;
        device.rows(hidden, &[row], decoder.shape.width, &mut last);
        device.logits(1, &last, decoder.head())
    };
    let (mut read, mut written) = (0f64, 0f64);
    for round in 0..=repeat {
        let start = Instant::now();
        let count = if round == 0 { prompt.min(32) } else { prompt };
        step(&ids[..count], 0);
        if round > 0 {
            read = read.max(prompt as f64 / start.elapsed().as_secs_f64());
        }
    }
    for _ in 0..repeat {
        step(&ids[..past], 0);
        let mut next = ids[past];
        let start = Instant::now();
        for position in past..past + tokens {
            let logits = step(&[next], position);
            let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            next = best.map_or(0, |(id, _)| id as u32);
        }
        written = written.max(tokens as f64 / start.elapsed().as_secs_f64());
    }
    let bytes: usize = decoder
        .weights
        .iter()
        .map(|slot| match slot {
            model::Slot::Matrix(matrix) => device.matrix_bytes(matrix),
            model::Slot::Vector(_) => 0,
        })
        .sum();
    println!(
        "{{\"prompt\": {read:.1}, \"decode\": {written:.1}, \"load\": {load:.2}, \"bytes\": {bytes}, \
         \"gb_per_second\": {:.1}, \"peak_bytes\": {}, \"file_bytes\": {}, \"device\": \"{}\"}}",
        written * bytes as f64 / 1e9,
        peak(),
        std::fs::metadata(path).map_or(0, |file| file.len()),
        device.describe()
    );
}

/// The most memory that the process held.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Writes a model of a shape of the family, by chance, without ever holding more than a tensor.
fn make(name: &str, path: &Path, kind: Option<&String>) {
    let shape = Shape::named(name).unwrap();
    let kind = match kind.map(String::as_str) {
        Some("q8_0") => Kind::Blocks(Blocks::Q8_0),
        Some("q4_0") => Kind::Blocks(Blocks::Q4_0),
        _ => Kind::Bf16,
    };
    let special = SpecialTokens::default();
    let mut state = 1u32;
    gguf::write(path, &shape, &special, Metadata::default(), kind, |spec| {
        let values = (0..spec.len()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if spec.is_matrix() {
                (state >> 8) as f32 / 1.6e8 - 0.05
            } else {
                1.0
            }
        });
        Ok(Numbers::F32(values.collect()))
    })
    .unwrap();
}

/// Reads memory larger than any cache with all threads, and says how fast that was.
fn memory() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, threads] {
        let numbers: Vec<Vec<u64>> = (0..threads).map(|_| vec![1; 1 << 27]).collect();
        let mut best = 0f64;
        for _ in 0..3 {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for numbers in &numbers {
                    scope.spawn(|| {
                        let sums = numbers.chunks_exact(32).fold([0u64; 32], |mut sums, x| {
                            sums.iter_mut()
                                .zip(x)
                                .for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
                            sums
                        });
                        std::hint::black_box(sums);
                    });
                }
            });
            let bytes = (threads << 30) as f64;
            best = best.max(bytes / start.elapsed().as_secs_f64() / 1e9);
        }
        println!("{threads} threads read memory at {best:.1} GB/s");
    }
}
