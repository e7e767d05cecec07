//! Distillation against PyTorch: divergences, losses and gradients, in f32 to 1e-5.
//!
//! `fixtures/distillation.py` wrote the files with PyTorch's own losses and autograd. Asked of the
//! reference device and of every kind of kernel that this machine has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::checkpoint::read_tensors;
use serde::Deserialize;
use tensor::{
    Backward, Cpu, CpuOptions, Distillation, Divergence, Grads, Kernels, Precision, Reference,
    Teacher, Values,
};

/// Distance from PyTorch, of everything.
const F32: f64 = 1e-5;

#[derive(Deserialize)]
struct Golden {
    shape: Shape,
    targets: Vec<u32>,
    weights: Vec<f32>,
    cases: BTreeMap<String, Case>,
}

#[derive(Clone, Copy, Deserialize)]
struct Shape {
    n: usize,
    d: usize,
    width: usize,
    v: usize,
}

#[derive(Deserialize)]
struct Case {
    divergence: String,
    beta: f32,
    temperature: f32,
    soft: f32,
    hard: f32,
    z: f32,
    /// How many of the teacher's likeliest tokens are known; 0 where all of it is.
    kept: usize,
    divergences: Vec<f64>,
    losses: Vec<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/distillation")
}

/// ‖found − wanted‖ / ‖wanted‖.
fn apart(found: &[f32], wanted: impl Iterator<Item = f64> + Clone) -> f64 {
    let square = |x: f64| x * x;
    let pairs = found.iter().zip(wanted.clone());
    let apart: f64 = pairs.map(|(&a, b)| square(f64::from(a) - b)).sum();
    (apart / wanted.map(square).sum::<f64>()).sqrt()
}

fn check<D: Backward>(device: &D) {
    let text = std::fs::read(folder().join("cases.json")).unwrap();
    let golden: Golden = serde_json::from_slice(&text).unwrap();
    let tensors = read_tensors(&folder().join("cases.safetensors")).unwrap();
    let Shape { n, d, width, v } = golden.shape;
    let read = |name: &str, len: usize| tensors.read(name, len).unwrap();
    let hidden = device.upload(&read("student.hidden", n * d));
    let head = device.trainable(v, d, Values::F32(&read("student.head", v * d)));
    let theirs = device.upload(&read("teacher.hidden", n * width));
    let their_head = device.matrix(v, width, Values::F32(&read("teacher.head", v * width)));
    for (name, case) in &golden.cases {
        let to = Distillation {
            divergence: match case.divergence.as_str() {
                "forward" => Divergence::Forward,
                "reverse" => Divergence::Reverse,
                _ => Divergence::JensenShannon(case.beta),
            },
            temperature: case.temperature,
            soft: case.soft,
            hard: case.hard,
            z: case.z,
        };
        let likeliest = (case.kept > 0)
            .then(|| device.likeliest(n, &theirs, &their_head, case.kept, case.temperature));
        let teacher = match &likeliest {
            Some(found) => Teacher::Likeliest(found.view()),
            None => Teacher::Whole {
                hidden: &theirs,
                head: &their_head,
            },
        };
        let (mut dhidden, mut dhead) = (device.zeros(n * d), device.zeros(v * d));
        let grads = Grads {
            hidden_nd: &mut dhidden,
            head_vd: &mut dhead,
        };
        let (targets, weights) = (&golden.targets, &golden.weights);
        let rows = device.distill(&hidden, &head, teacher, targets, weights, to, Some(grads));
        let divergences: Vec<f32> = rows.iter().map(|row| row.divergence).collect();
        let losses: Vec<f32> = rows.iter().map(|row| row.loss).collect();
        let wanted = |name: String, len: usize| -> Vec<f32> { read(&name, len) };
        let of_hidden = wanted(format!("{name}.hidden"), n * d);
        let of_head = wanted(format!("{name}.head"), v * d);
        for (what, apart) in [
            (
                "divergences",
                apart(&divergences, case.divergences.iter().copied()),
            ),
            ("losses", apart(&losses, case.losses.iter().copied())),
            (
                "gradient of hidden states",
                apart(
                    &device.read(&dhidden, n * d),
                    of_hidden.iter().map(|&x| f64::from(x)),
                ),
            ),
            (
                "gradient of the head",
                apart(
                    &device.read(&dhead, v * d),
                    of_head.iter().map(|&x| f64::from(x)),
                ),
            ),
        ] {
            let device = device.describe();
            assert!(
                apart < F32,
                "{name} on {device}: {what} are {apart:.2e} from PyTorch's"
            );
        }
    }
}

#[test]
fn the_reference_agrees_with_pytorch() {
    check(&Reference::new(Precision::F32));
}

#[test]
fn every_kind_of_kernel_agrees_with_pytorch() {
    for kernels in Kernels::available() {
        check(&Cpu::new(CpuOptions {
            threads: Some(2),
            kernels: Some(kernels),
            precision: Precision::F32,
        }));
    }
}
