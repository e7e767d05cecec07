//! How fast products are, beside what the registers of the processor could do at most.
//!
//! `cargo run --release -p tensor --example products -- [kernels] [f32|bf16] [threads]`
//! prints GFLOP/s of every product of a small decoder, the best of several runs, with the share of
//! the register peak: the rate of multiply–adds whose operands never leave the registers, measured
//! on the spot with the same number of threads.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use tensor::{Backward, Cpu, CpuOptions, Forward, Kernels, Precision, Values};

/// Rows, inputs, outputs of each matrix.
const SHAPES: &[(usize, usize, &[usize])] = &[
    (2048, 512, &[512]),
    (2048, 512, &[512, 256, 256]),
    (2048, 512, &[1408, 1408]),
    (2048, 1408, &[512]),
    (448, 512, &[16384]),
    (2048, 512, &[16384]),
    (2048, 2048, &[2048]),
    (256, 1792, &[7168, 7168]),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |i: usize| arguments.get(i).map(String::as_str);
    let kernels = match argument(0) {
        None => Kernels::available(),
        Some(name) => vec![name.parse().unwrap_or_else(|error| panic!("{error}"))],
    };
    let precisions = match argument(1) {
        None => vec![Precision::Bf16, Precision::F32],
        Some("bf16") => vec![Precision::Bf16],
        Some(_) => vec![Precision::F32],
    };
    let threads = argument(2).map(|n| n.parse().expect("a number of threads"));
    for &kernels in &kernels {
        for &precision in &precisions {
            let device = Cpu::new(CpuOptions {
                threads,
                kernels: Some(kernels),
                precision,
            });
            measure(&device);
        }
    }
}

fn measure(device: &Cpu) {
    let mut operations = 0.0;
    let seconds = best(|| operations = device.exercise());
    let peak = operations / seconds / 1e9;
    println!("{}: register peak {peak:.0} GFLOP/s", device.describe());
    println!(
        "{:>22} {:>14} {:>14} {:>14}",
        "n × inputs × outputs", "y", "dx", "dw"
    );
    for &(n, inputs, outputs) in SHAPES {
        let total: usize = outputs.iter().sum();
        let values: Vec<f32> = (0..total.max(n) * inputs).map(|i| (i % 7) as f32).collect();
        let weights: Vec<_> = outputs
            .iter()
            .map(|&rows| device.trainable(rows, inputs, Values::F32(&values[..rows * inputs])))
            .collect();
        let weights: Vec<_> = weights.iter().collect();
        let mut x = device.activation(n * inputs);
        device.write(&values[..n * inputs], &mut x);
        let (mut y, mut dx) = (device.activation(n * total), device.activation(n * inputs));
        let mut dw: Vec<_> = outputs.iter().map(|&o| device.zeros(o * inputs)).collect();
        let work = 2.0 * (n * inputs * total) as f64 / 1e9;
        let forward = best(|| device.product(n, &x, &weights, &mut y, false));
        let back = best(|| device.product_backward_input(n, &y, &weights, &mut dx, false));
        let learn = best(|| {
            let mut dw: Vec<_> = dw.iter_mut().collect();
            device.product_backward_weights(n, &y, &x, inputs, outputs, &mut dw);
        });
        let rate = |seconds: f64| {
            let rate = work / seconds;
            format!("{rate:.0} ({:.0} %)", 100.0 * rate / peak)
        };
        println!(
            "{:>22} {:>14} {:>14} {:>14}",
            format!("{n} × {inputs} × {total}"),
            rate(forward),
            rate(back),
            rate(learn)
        );
    }
}

/// Seconds of the fastest of the runs that fit half a second.
fn best(mut work: impl FnMut()) -> f64 {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed() < Duration::from_millis(500) {
        let before = Instant::now();
        work();
        best = best.min(before.elapsed().as_secs_f64());
    }
    best
}
