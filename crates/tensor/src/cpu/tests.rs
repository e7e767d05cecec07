//! Sizes at which this device changes its ways: edges of tiles, blocks, passes, chunks and
//! stretches, on every kind of kernels. What each operation means is tested from outside
//! (`tests/operations`).

use super::{Cpu, CpuOptions};
use crate::device::{Backward, Forward, Grads, Heads, Mask, Precision, Values};
use crate::{CpuArray, Kernels, Reference};

fn devices(threads: usize) -> impl Iterator<Item = Cpu> {
    let both = [Precision::F32, Precision::Bf16];
    both.into_iter().flat_map(move |precision| {
        Kernels::available().into_iter().map(move |kernels| {
            Cpu::new(CpuOptions {
                threads: Some(threads),
                kernels: Some(kernels),
                precision,
            })
        })
    })
}

/// Numbers between −1 and 1 with few digits, so that rounding to bfloat16 changes nothing.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0 >> 33
    }
    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }
    fn numbers(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| (self.next() % 65) as f32 / 32.0 - 1.0)
            .collect()
    }
}

fn place(device: &Cpu, values: &[f32], activation: bool) -> CpuArray {
    if !activation {
        return device.upload(values);
    }
    let mut array = device.activation(values.len());
    device.write(values, &mut array);
    array
}

/// Compares some numbers of C with sums in f64: all corners, and others by chance.
fn check_product(
    what: &str,
    dice: &mut Dice,
    [m, n, k]: [usize; 3],
    found: &[f32],
    tolerance: f64,
    term: impl Fn(usize, usize, usize) -> f64,
    before: impl Fn(usize, usize) -> f64,
) {
    let corners = [(0, 0), (m - 1, 0), (0, n - 1), (m - 1, n - 1)];
    let chance: Vec<_> = (0..200).map(|_| (dice.below(m), dice.below(n))).collect();
    for (i, j) in corners.into_iter().chain(chance) {
        let wanted = before(i, j) + (0..k).map(|p| term(i, j, p)).sum::<f64>();
        let found = f64::from(found[i * n + j]);
        let allowed = tolerance * (k as f64).sqrt().max(wanted.abs());
        assert!(
            (found - wanted).abs() <= allowed,
            "{what}: [{i}, {j}] of [{m}, {n}] over {k} is {found}, not {wanted}"
        );
    }
}

/// All three products of one size, from and to arrays of either type.
fn check_products(device: &Cpu, dice: &mut Dice, n: usize, inputs: usize, outputs: &[usize]) {
    let total: usize = outputs.iter().sum();
    let (x, w) = (dice.numbers(n * inputs), dice.numbers(total * inputs));
    let dy = dice.numbers(n * total);
    let mut rest = &w[..];
    let matrices: Vec<_> = outputs
        .iter()
        .map(|rows| {
            let (own, others) = rest.split_at(rows * inputs);
            rest = others;
            device.trainable(*rows, inputs, Values::F32(own))
        })
        .collect();
    let matrices: Vec<_> = matrices.iter().collect();
    let [source, target, add] = [0, 1, 2].map(|_| dice.below(2) == 1);
    let name = device.describe();
    // A result in bfloat16 has 8 bits.
    let tolerance = match (device.precision, target) {
        (Precision::Bf16, true) => 1e-2,
        _ => 2e-6,
    };
    let before = |i: usize, j: usize| if add { ((i + j) % 3) as f64 } else { 0.0 };
    let filled = |rows: usize, columns: usize| -> Vec<f32> {
        let all = (0..rows).flat_map(|i| (0..columns).map(move |j| ((i + j) % 3) as f32));
        all.collect()
    };
    let (xs, dys) = (place(device, &x, source), place(device, &dy, source));
    let at = |list: &[f32], i: usize| f64::from(list[i]);

    let mut y = place(device, &filled(n, total), target);
    device.product(n, &xs, &matrices, &mut y, add);
    let term = |i: usize, j: usize, p: usize| at(&x, i * inputs + p) * at(&w, j * inputs + p);
    let y = device.read(&y, n * total);
    check_product(&name, dice, [n, total, inputs], &y, tolerance, term, before);

    let mut dx = place(device, &filled(n, inputs), target);
    device.product_backward_input(n, &dys, &matrices, &mut dx, add);
    let term = |i: usize, j: usize, p: usize| at(&dy, i * total + p) * at(&w, p * inputs + j);
    let dx = device.read(&dx, n * inputs);
    check_product(
        &name,
        dice,
        [n, inputs, total],
        &dx,
        tolerance,
        term,
        before,
    );

    let mut dw: Vec<_> = outputs
        .iter()
        .map(|&rows| device.upload(&filled(rows, inputs)))
        .collect();
    let mut borrowed: Vec<_> = dw.iter_mut().collect();
    device.product_backward_weights(n, &dys, &xs, inputs, outputs, &mut borrowed);
    let mut first = 0;
    for (dw, &rows) in dw.iter().zip(outputs) {
        let term =
            |i: usize, j: usize, p: usize| at(&dy, p * total + first + i) * at(&x, p * inputs + j);
        let dw = device.read(dw, rows * inputs);
        let before = |i: usize, j: usize| ((i + j) % 3) as f64;
        check_product(&name, dice, [rows, inputs, n], &dw, 2e-6, term, before);
        first += rows;
    }
}

#[test]
fn products_of_any_size() {
    let mut dice = Dice(1);
    for device in devices(2) {
        for _ in 0..60 {
            let size = |dice: &mut Dice| 1 + dice.below(150);
            let outputs: Vec<_> = (0..1 + dice.below(3)).map(|_| size(&mut dice)).collect();
            let (n, inputs) = (size(&mut dice), size(&mut dice));
            check_products(&device, &mut dice, n, inputs, &outputs);
        }
    }
}

#[test]
fn products_beyond_one_pass_one_block_and_one_chunk() {
    let mut dice = Dice(2);
    for device in devices(3) {
        // k in several passes, odd; rows a multiple of 4 KB apart; columns in several chunks.
        check_products(&device, &mut dice, 33, 2311, &[40]);
        check_products(&device, &mut dice, 20, 2048, &[65]);
        check_products(&device, &mut dice, 130, 40, &[2049, 300]);
        check_products(&device, &mut dice, 4200, 20, &[17]);
        check_products(&device, &mut dice, 18, 2100, &[601]);
    }
}

const HEADS: Heads = Heads {
    kv: 2,
    group: 2,
    dim: 6,
};

fn distance(found: &[f32], wanted: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let pairs = found.iter().zip(wanted);
    let apart: f64 = pairs.map(|(a, b)| square(f64::from(a - b))).sum();
    let length: f64 = wanted.iter().map(|&b| square(f64::from(b))).sum();
    (apart / length.max(1e-30)).sqrt()
}

fn assert_close(device: &Cpu, what: &str, found: &[f32], wanted: &[f32]) {
    let allowed = match device.precision {
        Precision::F32 => 5e-6,
        Precision::Bf16 => 1e-2,
    };
    let apart = distance(found, wanted);
    assert!(
        apart <= allowed,
        "{}: {what} is {apart} away",
        device.describe()
    );
}

/// Output, statistics and gradients of attention.
fn attention<D: Backward>(device: &D, qkv: &[f32], dout: &[f32], mask: Mask<'_>) -> [Vec<f32>; 3] {
    let n = qkv.len() / HEADS.columns();
    let place = |values: &[f32]| {
        let mut array = device.activation(values.len());
        device.write(values, &mut array);
        array
    };
    let (qkv_array, dout) = (place(qkv), place(dout));
    let mut out = device.activation(n * HEADS.query_columns());
    let mut lse = device.zeros(n * HEADS.query());
    device.attention(HEADS, mask, &qkv_array, &mut out, &mut lse);
    let mut dqkv = device.activation(qkv.len());
    device.attention_backward(HEADS, mask, &qkv_array, &out, &lse, &dout, &mut dqkv);
    [
        device.read(&out, n * HEADS.query_columns()),
        device.read(&lse, n * HEADS.query()),
        device.read(&dqkv, qkv.len()),
    ]
}

#[test]
fn attention_beyond_one_block_of_keys_and_one_stretch_of_queries() {
    let mut dice = Dice(3);
    let starts = [0, 1, 1131, 1180];
    let n = 1180;
    let qkv: Vec<_> = dice.numbers(n * HEADS.columns());
    let dout = dice.numbers(n * HEADS.query_columns());
    for causal in [true, false] {
        let mask = Mask {
            starts: &starts,
            causal,
        };
        let wanted = attention(&Reference::new(Precision::F32), &qkv, &dout, mask);
        for device in devices(2) {
            let found = attention(&device, &qkv, &dout, mask);
            for (what, (found, wanted)) in
                ["out", "lse", "dqkv"].iter().zip(found.iter().zip(&wanted))
            {
                assert_close(&device, what, found, wanted);
            }
        }
    }
}

type Judged = (Vec<f32>, Vec<f32>, Vec<f32>);

fn cross_entropy<D: Backward>(device: &D, n: usize, [v, d]: [usize; 2]) -> Judged {
    let mut dice = Dice(5);
    let hidden = device.upload(&dice.numbers(n * d));
    let head = device.trainable(v, d, Values::F32(&dice.numbers(v * d)));
    let targets: Vec<u32> = (0..n).map(|_| dice.below(v) as u32).collect();
    let weights: Vec<f32> = (0..n).map(|r| (r % 3) as f32 / n as f32).collect();
    let (mut dhidden, mut dhead) = (device.zeros(n * d), device.zeros(v * d));
    let grads = Grads {
        hidden_nd: &mut dhidden,
        head_vd: &mut dhead,
    };
    let losses = device.cross_entropy(&hidden, &head, &targets, &weights, 1e-3, Some(grads));
    (
        losses
            .iter()
            .flat_map(|&(loss, log_z)| [loss, log_z])
            .collect(),
        device.read(&dhidden, n * d),
        device.read(&dhead, v * d),
    )
}

#[test]
fn cross_entropy_beyond_one_chunk() {
    let size = [75, 20];
    let wanted = cross_entropy(&Reference::new(Precision::F32), 1000, size);
    for device in devices(2) {
        let found = cross_entropy(&device, 1000, size);
        assert_close(&device, "losses", &found.0, &wanted.0);
        assert_close(&device, "dhidden", &found.1, &wanted.1);
        assert_close(&device, "dhead", &found.2, &wanted.2);
    }
}

#[test]
fn no_number_of_threads_changes_a_bit() {
    let run = |threads: usize| -> Vec<Vec<u32>> {
        let mut results = vec![];
        for device in devices(threads) {
            let mut dice = Dice(6);
            let (n, d, f) = (301, 96, 160);
            let x = place(&device, &dice.numbers(n * d), true);
            let gate = device.trainable(f, d, Values::F32(&dice.numbers(f * d)));
            let up = device.trainable(d, d, Values::F32(&dice.numbers(d * d)));
            let mut y = device.activation(n * (f + d));
            device.product(n, &x, &[&gate, &up], &mut y, false);
            let mut dx = device.zeros(n * d);
            device.product_backward_input(n, &y, &[&gate, &up], &mut dx, true);
            let (mut dgate, mut dup) = (device.zeros(f * d), device.zeros(d * d));
            let dw = &mut [&mut dgate, &mut dup];
            device.product_backward_weights(n, &y, &x, d, &[f, d], dw);
            let (gain, mut dgain) = (device.upload(&dice.numbers(d)), device.zeros(d));
            let (mut h, mut rstd) = (device.activation(n * d), device.zeros(n));
            device.rms_norm(n, &dx, &gain, 1e-5, &mut h, &mut rstd);
            let mut dh = device.zeros(n * d);
            device.rms_norm_backward(n, &dx, &gain, &rstd, &x, &mut dh, &mut dgain);
            for array in [&y, &dx, &dgate, &dup, &h, &dh, &dgain] {
                results.push(device.read(array, array.len()));
            }
            let qkv = dice.numbers(n * HEADS.columns());
            let dout = dice.numbers(n * HEADS.query_columns());
            let starts = [0, 200, 201, 301];
            let causal = true;
            let mask = Mask {
                starts: &starts,
                causal,
            };
            results.extend(attention(&device, &qkv, &dout, mask));
            let (losses, dhidden, dhead) = cross_entropy(&device, 500, [33, 10]);
            results.extend([losses, dhidden, dhead]);
            results.push(vec![device.sum_of_squares(&dh) as f32]);
        }
        let bits = |list: Vec<f32>| list.into_iter().map(f32::to_bits).collect();
        results.into_iter().map(bits).collect()
    };
    let one = run(1);
    for threads in [2, 3, 5] {
        assert!(
            run(threads) == one,
            "{threads} threads gave other bits than one"
        );
    }
}
