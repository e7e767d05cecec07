//! Times the distillation step that `benches/distill` measures PyTorch on, and what it should cost.
//!
//! Reads the weights of a teacher and a student half as wide, ids and targets from one safetensors
//! file. In turn, so that whatever disturbs one disturbs all: a plain training step of the student,
//! a forward pass of the teacher with its head, and a step of distillation (forward KL). Prints one
//! line of JSON: seconds of each (medians), the share of what the first two predict that the third
//! reaches, tokens a second, peak memory, and the first divergences, which must equal PyTorch's.
//!
//! ```text
//! cargo run --release -p model --example distill -- WEIGHTS [--steps 5] [--precision bf16|f32]
//!     [--threads 2]
//! ```

// a measurement reads the clock and prints
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use anyhow::{Context, Result, bail, ensure};
use model::checkpoint::{Tensors, read_tensors};
use model::{Batch, Decoder, Gradients, Numbers, Recompute, Rope, Shape, Tape, Use};
use safetensors::SafeTensors;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tensor::{
    AdamW, Backward, Cpu, CpuOptions, Distillation, Divergence, Forward, Grads, Precision, Teacher,
};

/// Sequences of the batch, and the tokens of each.
const SEQUENCES: usize = 4;
const LENGTH: usize = 512;

fn shape(width: usize, head_dim: usize, ffn: usize) -> Shape {
    Shape {
        layers: 8,
        width,
        ffn,
        query_heads: 8,
        kv_heads: 4,
        head_dim,
        vocabulary: 16384,
        tied: true,
        norm_epsilon: 1e-5,
        rope: Rope::default(),
        context: LENGTH,
    }
}

/// A tensor of 64-bit ids.
fn ids(path: &Path, name: &str) -> Result<Vec<u32>> {
    let map = disk::Map::open(path)?;
    let file = SafeTensors::deserialize(map.bytes())?;
    let numbers = file.tensor(name)?.data().chunks_exact(8);
    let numbers = numbers.map(|id| i64::from_le_bytes(id.try_into().unwrap()));
    Ok(numbers.map(u32::try_from).collect::<Result<_, _>>()?)
}

fn load(
    file: &Tensors,
    title: &str,
    shape: Shape,
    device: &Arc<Cpu>,
    purpose: Use,
) -> Result<Decoder<Cpu>> {
    Decoder::build(shape, device.clone(), purpose, |spec| {
        let name = format!("{title}.{}", spec.name);
        Ok(Numbers::F32(file.read(&name, spec.len())?))
    })
}

/// A student with all it needs to be stepped.
struct Student {
    decoder: Decoder<Cpu>,
    tape: Tape<Cpu>,
    gradients: Gradients<Cpu>,
    moments: [Gradients<Cpu>; 2],
    steps: u64,
}

impl Student {
    fn new(decoder: Decoder<Cpu>, rows: usize) -> Self {
        Student {
            tape: Tape::new(&decoder, rows, Recompute::Light, true),
            gradients: decoder.gradients(),
            moments: [(); 2].map(|()| decoder.gradients()),
            decoder,
            steps: 0,
        }
    }

    /// Forward, what `judge` makes of it, backward, AdamW; the mean loss.
    fn step(
        &mut self,
        batch: &Batch,
        judge: impl FnOnce(&Decoder<Cpu>, &tensor::CpuArray, Grads<'_, Cpu>) -> f64,
    ) -> f64 {
        self.decoder.forward(batch, &mut self.tape);
        let Tape {
            hidden_nd,
            dhidden_nd,
            ..
        } = &mut self.tape;
        let grads = Grads {
            hidden_nd: dhidden_nd,
            head_vd: self.gradients.head_mut(),
        };
        let loss = judge(&self.decoder, hidden_nd, grads);
        self.decoder
            .backward(batch, &mut self.tape, &mut self.gradients);
        self.steps += 1;
        let settings = AdamW {
            rate: 3e-4,
            decay: 0.1 * 3e-4,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            step: self.steps,
            gradient_scale: 1.0,
        };
        let device = self.decoder.device.clone();
        let [first, second] = &mut self.moments;
        let moments = first.arrays_mut().zip(second.arrays_mut());
        let parameters = self.decoder.parameters_mut();
        for (((_, parameter), gradient), (first, second)) in
            parameters.zip(self.gradients.arrays_mut()).zip(moments)
        {
            device.adamw(parameter, gradient, first, second, settings);
        }
        loss
    }
}

fn main() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let weights = given
        .next()
        .context("the first argument is a safetensors file")?;
    let mut options = CpuOptions {
        precision: Precision::Bf16,
        ..CpuOptions::default()
    };
    let mut steps = 5usize;
    while let Some(name) = given.next() {
        let value = given
            .next()
            .with_context(|| format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--steps", _) => steps = value.parse()?,
            ("--threads", _) => options.threads = Some(value.parse()?),
            ("--precision", "bf16") => options.precision = Precision::Bf16,
            ("--precision", "f32") => options.precision = Precision::F32,
            _ => bail!("{name} {value} is no setting; see the first lines of distill.rs"),
        }
    }
    ensure!(steps > 0, "there must be at least one step");
    let path = Path::new(&weights);
    let device = Arc::new(Cpu::new(options));
    let (ids, targets) = (ids(path, "ids")?, ids(path, "tgt")?);
    ensure!(ids.len() == SEQUENCES * LENGTH, "{} ids", ids.len());
    let batch = Batch::segments(ids.chunks(LENGTH));
    let file = read_tensors(path)?;
    let rows = batch.rows();
    let small = || load(&file, "student", shape(256, 32, 704), &device, Use::Train);
    let (mut plain, mut taught) = (Student::new(small()?, rows), Student::new(small()?, rows));
    let teacher = load(&file, "teacher", shape(512, 64, 1408), &device, Use::Infer)?;
    let mut tape = Tape::new(&teacher, rows, Recompute::None, false);
    let shares = vec![1.0 / rows as f32; rows];
    let to = Distillation {
        divergence: Divergence::Forward,
        temperature: 1.0,
        soft: 1.0,
        hard: 0.0,
        z: 0.0,
    };

    let mut seconds = [const { Vec::new() }; 3];
    let mut losses = Vec::new();
    for _ in 0..steps {
        let start = Instant::now();
        plain.step(&batch, |decoder, hidden, grads| {
            let head = decoder.head();
            device.cross_entropy(hidden, head, &targets, &shares, 0.0, Some(grads));
            0.0
        });
        seconds[0].push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        teacher.forward(&batch, &mut tape);
        device.negative_log_likelihood(&tape.hidden_nd, teacher.head(), &targets);
        seconds[1].push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        losses.push(taught.step(&batch, |decoder, hidden, grads| {
            teacher.forward(&batch, &mut tape);
            let teacher = Teacher::Whole {
                hidden: &tape.hidden_nd,
                head: teacher.head(),
            };
            let head = decoder.head();
            let found = device.distill(hidden, head, teacher, &targets, &shares, to, Some(grads));
            let sum: f64 = found.iter().map(|row| f64::from(row.divergence)).sum();
            sum / rows as f64
        }));
        seconds[2].push(start.elapsed().as_secs_f64());
    }
    let [plain, forward, step] = seconds.map(|seconds| {
        let mut later = seconds[1.min(seconds.len() - 1)..].to_vec();
        later.sort_by(f64::total_cmp);
        later[later.len() / 2]
    });
    let round = |x: f64, digits: i32| (x * 10f64.powi(digits)).round() / 10f64.powi(digits);
    let line = serde_json::json!({
        "cand": format!("kanana-{:?}", options.precision).to_lowercase(),
        "device": device.describe(),
        "plain_s": round(plain, 4),
        "teacher_s": round(forward, 4),
        "med_s": round(step, 4),
        "of_expected": round((plain + forward) / step, 3),
        "tok_s": round(rows as f64 / step, 1),
        "rss_mb": peak_megabytes()?,
        "losses": losses.iter().take(5).map(|x| round(*x, 6)).collect::<Vec<_>>(),
    });
    println!("{line}");
    Ok(())
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
