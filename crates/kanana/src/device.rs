//! Where to compute: how many threads, which kernels, how many rows at once.
//!
//! None of it changes what an artifact is meant to contain, so it comes from the command line
//! and is handed to stages by the runner; the precision is in the recipe and arrives as an argument.

use anyhow::Result;
use clap::Args;
use std::sync::Arc;
use std::time::Instant;
use tensor::{Cpu, CpuOptions, Forward as _, Kernels, Precision, Values};

/// No machine computes faster with more, and a system has not room for any number of them.
const MOST_THREADS: usize = 1024;

/// The machine as the user wants it used.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Threads to compute with [default: what affinity and cgroup allow]
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
    /// Kernels to compute with: avx512bf16, avx512, avx2 or plain [default: the best this processor has]
    #[arg(long, global = true, value_name = "KIND", value_parser = kernels)]
    kernels: Option<Kernels>,
    /// Rows (tokens) that go through the decoder at once in training [default: 4096]
    #[arg(long, global = true, value_name = "ROWS")]
    pub(crate) micro_batch: Option<usize>,
}

impl Machine {
    /// The processor, computing in `precision`.
    pub(crate) fn cpu(&self, precision: Precision) -> Result<Arc<Cpu>> {
        let options = CpuOptions {
            threads: self.threads,
            kernels: self.kernels,
            precision,
        };
        Ok(Arc::new(Cpu::new(options)))
    }

    /// This machine's part where `jobs` work at once.
    pub(crate) fn share(&self, jobs: usize) -> Machine {
        Machine {
            threads: Some((self.threads() / jobs).max(1)),
            ..self.clone()
        }
    }

    /// Threads for work that is not the decoder's.
    pub(crate) fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(all).max(1)
    }

    /// For people: processor, kernels, threads.
    pub(crate) fn describe(&self) -> String {
        self.cpu(Precision::Bf16)
            .map_or_else(|error| error.to_string(), |cpu| cpu.describe())
    }

    /// What a training step gets out of this machine, measured for a moment: FLOPs a second of a
    /// product of the size that training is made of, times the share of a step that is products.
    pub(crate) fn training_flops_per_second(&self) -> Result<f64> {
        const SHARE: f64 = 0.7;
        let (n, d) = (1024, 1024);
        let cpu = self.cpu(Precision::Bf16)?;
        let values: Vec<f32> = (0..d * d).map(|i| (i % 17) as f32 / 17.0).collect();
        let weight = cpu.matrix(d, d, Values::F32(&values));
        let (mut x, mut y) = (cpu.activation(n * d), cpu.activation(n * d));
        cpu.write(&values, &mut x);
        cpu.product(n, &x, &[&weight], &mut y, false);
        #[allow(clippy::disallowed_methods)]
        // a speed is measured, for people; nothing is made of it
        let (start, mut times) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < 0.2 {
            cpu.product(n, &x, &[&weight], &mut y, false);
            times += 1;
        }
        Ok(SHARE * times as f64 * 2.0 * (n * d * d) as f64 / start.elapsed().as_secs_f64())
    }
}

fn threads(word: &str) -> Result<usize, String> {
    match word.parse::<usize>() {
        Ok(number @ 1..=MOST_THREADS) => Ok(number),
        _ => Err(format!(
            "wanted a number of threads from 1 to {MOST_THREADS}, about as many as there are processors; \
             or leave it out"
        )),
    }
}

fn kernels(word: &str) -> Result<Kernels, String> {
    let available = Kernels::available();
    let names: Vec<_> = available.iter().map(|kind| kind.name()).collect();
    match word.parse::<Kernels>() {
        Ok(kind) if available.contains(&kind) => Ok(kind),
        _ => Err(format!(
            "this processor has no {word:?} kernels; it has {}",
            names.join(", ")
        )),
    }
}
