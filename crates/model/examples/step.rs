//! Times the training step of the small decoder that `benches/step` measures PyTorch on.
//!
//! Reads the weights, the ids and the targets of one safetensors file, runs AdamW steps on that one
//! batch (4 × 512 tokens), and prints one line of JSON: seconds of the median step, tokens a
//! second, peak memory, and the first losses, which must equal PyTorch's.
//!
//! ```text
//! cargo run --release -p model --example step -- WEIGHTS [--steps 6] [--precision bf16|f32]
//!     [--threads 2] [--kernels avx512bf16|avx512|avx2|plain] [--recompute none|light|block]
//! ```
//!
//! Deliberately absent: everything of a training run but the step itself.

// a measurement reads the clock and prints
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use anyhow::{Context, Result, bail, ensure};
use model::checkpoint::read_tensors;
use model::{Batch, Decoder, Numbers, Recompute, Rope, Shape, Tape, Use};
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tensor::{AdamW, Backward, Cpu, CpuOptions, Forward, Grads, Kernels, Precision};

/// Sequences of the batch, and the tokens of each.
const SEQUENCES: usize = 4;
const LENGTH: usize = 512;

struct Arguments {
    weights: String,
    steps: usize,
    recompute: Recompute,
    device: CpuOptions,
}

fn arguments() -> Result<Arguments> {
    let mut given = std::env::args().skip(1);
    let weights = given
        .next()
        .context("the first argument is a safetensors file")?;
    let mut arguments = Arguments {
        weights,
        steps: 6,
        recompute: Recompute::Light,
        device: CpuOptions {
            precision: Precision::Bf16,
            ..CpuOptions::default()
        },
    };
    while let Some(name) = given.next() {
        let value = given
            .next()
            .with_context(|| format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--steps", _) => arguments.steps = value.parse()?,
            ("--threads", _) => arguments.device.threads = Some(value.parse()?),
            ("--kernels", _) => {
                let kernels: Kernels = value.parse().map_err(anyhow::Error::msg)?;
                arguments.device.kernels = Some(kernels);
            }
            ("--precision", "bf16") => arguments.device.precision = Precision::Bf16,
            ("--precision", "f32") => arguments.device.precision = Precision::F32,
            ("--recompute", "none") => arguments.recompute = Recompute::None,
            ("--recompute", "light") => arguments.recompute = Recompute::Light,
            ("--recompute", "block") => arguments.recompute = Recompute::Block,
            _ => bail!("{name} {value} is no setting; see the first lines of step.rs"),
        }
    }
    ensure!(arguments.steps > 0, "there must be at least one step");
    Ok(arguments)
}

/// The decoder of the comparison: 32M parameters.
fn shape() -> Shape {
    Shape {
        layers: 8,
        width: 512,
        ffn: 1408,
        query_heads: 8,
        kv_heads: 4,
        head_dim: 64,
        vocabulary: 16384,
        tied: true,
        norm_epsilon: 1e-5,
        rope: Rope::default(),
        context: LENGTH,
    }
}

/// The peer's name for a parameter of ours.
fn peer(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["embed"] => "emb.weight".to_owned(),
        ["norm"] => "nf.weight".to_owned(),
        ["layers", l, half, part] => {
            let short = match (half, part) {
                ("attn", "norm") => "n1",
                ("mlp", "norm") => "n2",
                (_, part) => &part[..1],
            };
            format!("blocks.{l}.{short}.weight")
        }
        _ => name.to_owned(),
    }
}

/// A tensor of 64-bit ids.
fn ids(path: &Path, name: &str) -> Result<Vec<u32>> {
    let map = disk::Map::open(path)?;
    let file = SafeTensors::deserialize(map.bytes())?;
    let bytes = file.tensor(name)?.data();
    let numbers = bytes
        .chunks_exact(8)
        .map(|id| i64::from_le_bytes(id.try_into().unwrap()));
    let ids: Vec<u32> = numbers.map(u32::try_from).collect::<Result<_, _>>()?;
    ensure!(
        ids.len() == SEQUENCES * LENGTH,
        "{name} has {} ids",
        ids.len()
    );
    Ok(ids)
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let path = Path::new(&arguments.weights);
    let device = Arc::new(Cpu::new(arguments.device));
    let targets = ids(path, "tgt")?;
    let batch = Batch::segments(ids(path, "ids")?.chunks(LENGTH));
    let file = read_tensors(path)?;
    let decoder = Decoder::build(shape(), device.clone(), Use::Train, |spec| {
        Ok(Numbers::F32(file.read(&peer(&spec.name), spec.len())?))
    })?;

    let (seconds, losses) = train(decoder, &batch, &targets, &arguments);
    let mut later = seconds[1.min(seconds.len() - 1)..].to_vec();
    later.sort_by(f64::total_cmp);
    let (median, fastest) = (later[later.len() / 2], later[0]);
    let tokens = (SEQUENCES * LENGTH) as f64;
    let flops = shape().flops_per_token(LENGTH) * tokens;
    let round = |x: f64, digits: i32| (x * 10f64.powi(digits)).round() / 10f64.powi(digits);
    let line = serde_json::json!({
        "cand": format!("kanana-{:?}", arguments.device.precision).to_lowercase(),
        "device": device.describe(),
        "threads": device.threads(),
        "first": round(seconds[0], 3),
        "med_s": round(median, 3),
        "min_s": round(fastest, 3),
        "tok_s": round(tokens / median, 1),
        "tok_s_best": round(tokens / fastest, 1),
        "gflops": round(flops / median / 1e9, 1),
        "rss_mb": peak_megabytes()?,
        "losses": losses.iter().take(5).map(|x| round(*x, 5)).collect::<Vec<_>>(),
    });
    println!("{line}");
    Ok(())
}

/// Seconds and loss of every step. The peer's optimizer takes every parameter alike.
fn train(
    mut decoder: Decoder<Cpu>,
    batch: &Batch,
    targets: &[u32],
    arguments: &Arguments,
) -> (Vec<f64>, Vec<f64>) {
    let device = decoder.device.clone();
    let mut tape = Tape::new(&decoder, batch.rows(), arguments.recompute, true);
    let [mut gradients, mut first, mut second] = [(); 3].map(|()| decoder.gradients());
    let weights = vec![1.0 / batch.rows() as f32; batch.rows()];
    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for step in 1..=arguments.steps as u64 {
        let start = Instant::now();
        decoder.forward(batch, &mut tape);
        let Tape {
            hidden_nd,
            dhidden_nd,
            ..
        } = &mut tape;
        let grads = Grads {
            hidden_nd: dhidden_nd,
            head_vd: gradients.head_mut(),
        };
        let head = decoder.head();
        let rows = device.cross_entropy(hidden_nd, head, targets, &weights, 0.0, Some(grads));
        decoder.backward(batch, &mut tape, &mut gradients);
        let settings = AdamW {
            rate: 3e-4,
            decay: 0.1 * 3e-4,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            step,
            gradient_scale: 1.0,
        };
        let moments = first.arrays_mut().zip(second.arrays_mut());
        let parameters = decoder.parameters_mut().zip(gradients.arrays_mut());
        for (((_, parameter), gradient), (first, second)) in parameters.zip(moments) {
            device.adamw(parameter, gradient, first, second, settings);
        }
        let loss: f64 = rows.iter().map(|row| f64::from(row.0)).sum();
        losses.push(loss / rows.len() as f64);
        seconds.push(start.elapsed().as_secs_f64());
    }
    (seconds, losses)
}

/// The most memory this process has held at once; 0 where the system does not say.
fn peak_megabytes() -> Result<u64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return Ok(0);
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.unwrap_or("0").parse::<u64>()? / 1024)
}
