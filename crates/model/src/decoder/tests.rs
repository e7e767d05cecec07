//! The whole decoder: segments, the cache, gradients by finite differences, one device and another.

use crate::example::{batch, decoder, shape};
use crate::{Batch, Decoder, Gradients, PagedCache, Recompute, Tape, Use};
use proptest::prelude::*;
use tensor::{
    Backward, Cpu, CpuOptions, Forward, Grads, Kernels, Parameter, Precision, Reference, Stretch,
};

const SETTINGS: [Recompute; 3] = [Recompute::None, Recompute::Light, Recompute::Block];

fn reference() -> Reference {
    Reference::new(Precision::F32)
}

fn hidden<D: Forward>(decoder: &Decoder<D>, batch: &Batch) -> Vec<f32> {
    let mut tape = Tape::new(decoder, batch.rows() + 3, Recompute::Light, false);
    decoder.forward(batch, &mut tape);
    decoder
        .device
        .read(&tape.hidden_nd, batch.rows() * decoder.shape.width)
}

fn targets(batch: &Batch) -> Vec<u32> {
    (0..batch.rows() as u32).map(|r| (r * 7 + 2) % 23).collect()
}

/// The loss is a weighted cross-entropy with z-loss; its gradients are added to `gradients`.
fn loss_and_gradients<D: Backward>(
    decoder: &Decoder<D>,
    batch: &Batch,
    tape: &mut Tape<D>,
    gradients: &mut Gradients<D>,
) {
    decoder.forward(batch, tape);
    let weights: Vec<f32> = (0..batch.rows()).map(|r| 0.5 + 0.1 * r as f32).collect();
    let grads = Grads {
        hidden_nd: &mut tape.dhidden_nd,
        head_vd: gradients.head_mut(),
    };
    decoder.device.cross_entropy(
        &tape.hidden_nd,
        decoder.head(),
        &targets(batch),
        &weights,
        1e-2,
        Some(grads),
    );
    decoder.backward(batch, tape, gradients);
}

fn loss<D: Backward>(decoder: &Decoder<D>, batch: &Batch) -> f64 {
    let mut tape = Tape::new(decoder, batch.rows(), Recompute::Light, false);
    decoder.forward(batch, &mut tape);
    let weights = vec![1.0; batch.rows()];
    let rows = decoder.device.cross_entropy(
        &tape.hidden_nd,
        decoder.head(),
        &targets(batch),
        &weights,
        1e-2,
        None,
    );
    rows.iter()
        .enumerate()
        .map(|(r, &(nll, log_z))| {
            let (nll, log_z) = (f64::from(nll), f64::from(log_z));
            f64::from(0.5 + 0.1 * r as f32) * (nll + 1e-2 * log_z * log_z)
        })
        .sum()
}

fn gradients_of<D: Backward>(
    decoder: &Decoder<D>,
    batch: &Batch,
    recompute: Recompute,
) -> Vec<Vec<f32>> {
    let mut gradients = decoder.gradients();
    let mut tape = Tape::new(decoder, batch.rows() + 2, recompute, true);
    loss_and_gradients(decoder, batch, &mut tape, &mut gradients);
    gradients
        .arrays()
        .zip(decoder.table())
        .map(|(array, spec)| decoder.device.read(array, spec.len()))
        .collect()
}

/// Adds `step` times `direction` to parameter `index`.
fn shift<D: Backward>(decoder: &mut Decoder<D>, index: usize, values: &[f32]) {
    let device = decoder.device.clone();
    match decoder.parameters_mut().nth(index).unwrap().1 {
        Parameter::Matrix(matrix) => device.set(matrix, values),
        Parameter::Vector(array) => device.write(values, array),
    }
}

const YARN: &str = r#"{ "kind": "yarn", "factor": 8.0, "original_context": 16 }"#;

#[test]
fn gradients_by_finite_differences() {
    for tied in [true, false] {
        for causal in [true, false] {
            let mut shape = shape(tied);
            if !tied {
                // Under YaRN a rotation also stretches, and its gradient is not its inverse.
                shape.rope.scaling = Some(serde_json::from_str(YARN).unwrap());
            }
            let mut decoder = decoder(shape, reference(), Use::Train);
            let batch = Batch { causal, ..batch() };
            let gradients = gradients_of(&decoder, &batch, Recompute::None);
            for (index, gradient) in gradients.iter().enumerate() {
                let (spec, values) = decoder.parameters().nth(index).unwrap();
                let name = spec.name.clone();
                // Along the gradient and, to see what it misses, across: a sign pattern.
                let norm = gradient
                    .iter()
                    .map(|g| f64::from(*g).powi(2))
                    .sum::<f64>()
                    .sqrt();
                assert!(norm > 1e-3, "{name} has no gradient to speak of: {norm}");
                let size = (gradient.len() as f64).sqrt();
                for across in [0.0, 1.0] {
                    let direction: Vec<f64> = gradient
                        .iter()
                        .enumerate()
                        .map(|(i, g)| {
                            let sign = if ((i * 2_654_435_761) >> 7) & 1 == 0 {
                                1.0
                            } else {
                                -1.0
                            };
                            f64::from(*g) / norm + across * sign / size
                        })
                        .collect();
                    let expected: f64 = direction
                        .iter()
                        .zip(gradient)
                        .map(|(d, g)| d * f64::from(*g))
                        .sum();
                    let mut at = |step: f64| {
                        let moved: Vec<f32> = values
                            .iter()
                            .zip(&direction)
                            .map(|(v, d)| (f64::from(*v) + step * d) as f32)
                            .collect();
                        shift(&mut decoder, index, &moved);
                        loss(&decoder, &batch)
                    };
                    // Richardson: the error of the central difference is of fourth order. The step
                    // moves the loss by a tenth, far above f32's noise, and weights by a little.
                    let step = (0.1 / norm).min(4e-3);
                    let wide = (at(2.0 * step) - at(-2.0 * step)) / (4.0 * step);
                    let narrow = (at(step) - at(-step)) / (2.0 * step);
                    let found = (4.0 * narrow - wide) / 3.0;
                    shift(&mut decoder, index, &values);
                    let off = (found - expected).abs() / norm;
                    assert!(
                        off < 1e-3,
                        "{name} (tied {tied}, causal {causal}, across {across}): finite \
                         differences give {found}, backward {expected}"
                    );
                }
            }
        }
    }
}

fn check_recomputation<D: Backward>(device: impl Fn() -> D) {
    for tied in [true, false] {
        let decoder = decoder(shape(tied), device(), Use::Train);
        let [none, light, block] = SETTINGS.map(|s| gradients_of(&decoder, &batch(), s));
        assert!(none == light && none == block);
        // A tape may be used again, for a smaller batch too, and gradients add up.
        let mut tape = Tape::new(&decoder, 20, Recompute::Block, true);
        let mut gradients = decoder.gradients();
        for batch in [Batch::segments([[1, 2, 3, 4]]), batch()] {
            let mut fresh = decoder.gradients();
            loss_and_gradients(&decoder, &batch, &mut tape, &mut fresh);
            loss_and_gradients(&decoder, &batch, &mut tape, &mut gradients);
            if batch.rows() == 13 {
                for ((array, spec), expected) in fresh.arrays().zip(decoder.table()).zip(&none) {
                    assert!(
                        decoder.device.read(array, spec.len()) == *expected,
                        "{}",
                        spec.name
                    );
                }
            }
        }
    }
}

#[test]
fn recomputation_gives_the_same_bits() {
    check_recomputation(reference);
    for (precision, kernels) in every_cpu() {
        check_recomputation(|| cpu(precision, kernels));
    }
}

fn cpu(precision: Precision, kernels: Kernels) -> Cpu {
    Cpu::new(CpuOptions {
        precision,
        kernels: Some(kernels),
        ..CpuOptions::default()
    })
}

/// Every precision on every kind of kernels that this processor has.
fn every_cpu() -> impl Iterator<Item = (Precision, Kernels)> {
    [Precision::F32, Precision::Bf16]
        .into_iter()
        .flat_map(|precision| {
            Kernels::available()
                .into_iter()
                .map(move |k| (precision, k))
        })
}

/// ‖a − b‖ / ‖b‖
fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let off: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    let norm: f64 = b.iter().map(|&b| square(f64::from(b))).sum();
    (off / norm).sqrt()
}

#[test]
fn the_fast_device_agrees_with_the_reference() {
    for tied in [true, false] {
        let slow = decoder(shape(tied), reference(), Use::Train);
        for (precision, kernels) in every_cpu() {
            let tolerance = match precision {
                Precision::F32 => 1e-5,
                Precision::Bf16 => 5e-2,
            };
            let fast = decoder(shape(tied), cpu(precision, kernels), Use::Train);
            let off = distance(&hidden(&fast, &batch()), &hidden(&slow, &batch()));
            assert!(off < tolerance, "hidden, {precision:?}: {off}");
            let expected = gradients_of(&slow, &batch(), Recompute::None);
            let found = gradients_of(&fast, &batch(), Recompute::Light);
            for ((found, expected), spec) in found.iter().zip(&expected).zip(slow.table()) {
                let off = distance(found, expected);
                assert!(off < tolerance, "{} in {precision:?}: {off}", spec.name);
            }
        }
    }
}

#[test]
fn backward_works_on_weights_for_inference() {
    for (precision, kernels) in every_cpu() {
        let [a, b] = [Use::Train, Use::Infer].map(|purpose| {
            let decoder = decoder(shape(true), cpu(precision, kernels), purpose);
            gradients_of(&decoder, &batch(), Recompute::Block)
        });
        for (a, b) in a.iter().zip(&b) {
            // Few rows are summed in another order by weights for training than by those for inference,
            // so f32 agrees as devices do; in bf16 one looks its embedding up in f32, the other in bf16.
            let tolerance = match precision {
                Precision::F32 => 1e-5,
                Precision::Bf16 => 5e-2,
            };
            let off = distance(a, b);
            assert!(off < tolerance, "{precision:?}, {kernels}: {off}");
        }
    }
}

#[test]
fn position_counts_within_the_segment() {
    // The same tokens at other positions rotate otherwise, so a mistake in them would show.
    let decoder = decoder(shape(true), reference(), Use::Train);
    let mut moved = batch();
    moved.positions[3] += 5;
    assert!(hidden(&decoder, &batch()) != hidden(&decoder, &moved));
}

fn segments() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0u32..23, 1..9), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn segments_in_one_batch_are_batches_of_their_own(segments in segments(), causal: bool) {
        let decoder = decoder(shape(true), reference(), Use::Infer);
        let alone: Vec<f32> = segments
            .iter()
            .flat_map(|s| hidden(&decoder, &Batch { causal, ..Batch::segments([s]) }))
            .collect();
        prop_assert_eq!(hidden(&decoder, &Batch { causal, ..Batch::segments(&segments) }), alone);
    }

    #[test]
    fn stepping_in_chunks_is_forward(chunks in segments(), back in 0usize..6) {
        for close in [reference_close, cpu_close] {
            close(&chunks, back)?;
        }
    }
}

fn reference_close(chunks: &[Vec<u32>], back: usize) -> Result<(), TestCaseError> {
    check_steps(
        &decoder(shape(false), reference(), Use::Infer),
        chunks,
        back,
    )
}

fn cpu_close(chunks: &[Vec<u32>], back: usize) -> Result<(), TestCaseError> {
    check_steps(
        &decoder(
            shape(false),
            cpu(Precision::F32, Kernels::detect()),
            Use::Infer,
        ),
        chunks,
        back,
    )
}

fn check_steps<D: Forward>(
    decoder: &Decoder<D>,
    chunks: &[Vec<u32>],
    back: usize,
) -> Result<(), TestCaseError> {
    let ids = chunks.concat();
    let expected = hidden(decoder, &Batch::segments([&ids]));
    let width = decoder.shape.width;
    let mut cache = PagedCache::new(decoder, 1, ids.len());
    let mut step = |ids: &[u32], past: usize| {
        let stretch = Stretch {
            rows: ids.len(),
            past,
            pages: &[0],
        };
        let rows = decoder.step(ids, &[stretch], &mut cache);
        decoder.device.read(rows, ids.len() * width)
    };
    let mut found: Vec<f32> = Vec::new();
    for chunk in chunks {
        found.extend(step(chunk, found.len() / width));
    }
    prop_assert!(distance(&found, &expected) < 1e-5);
    // Back a few positions, then token by token.
    let kept = ids.len().saturating_sub(back);
    found.truncate(kept * width);
    for id in &ids[kept..] {
        found.extend(step(&[*id], found.len() / width));
    }
    prop_assert!(distance(&found, &expected) < 1e-5);
    Ok(())
}

#[test]
fn a_batch_that_does_not_fit_says_why() {
    let shape = shape(true);
    for (change, expected) in [
        (
            (|b| b.ids[2] = 23) as fn(&mut Batch),
            "row 2 has token id 23",
        ),
        (|b| b.positions[4] = 32, "row 4 has position 32"),
        (|b| b.starts = vec![0, 9, 8, 13], "must ascend from 0 to 13"),
        (|b| b.starts = vec![0, 9], "must ascend from 0 to 13"),
        (|b| b.positions.truncate(12), "has 12 positions"),
    ] {
        let mut batch = batch();
        change(&mut batch);
        let error = batch.check(&shape).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(batch().check(&shape).is_ok());
    assert_eq!(
        Batch::segments([&[1u32][..], &[], &[2, 3]]).starts,
        [0, 1, 3]
    );
}

#[test]
fn the_estimate_of_memory_is_what_a_tape_takes() {
    // By hand, for one row in f32: the buffers of `tape` with their copies.
    let s = shape(true);
    let (d, f, he, qkv, h) = (10, 14, 24, 48, 4);
    let scratch = d + d + he + qkv + f + 2 * f + d + d + 1; // …, hidden, dhidden, last rstd
    let block = qkv + he + h + d + 2 * f + 2;
    let cheap = 2 * d + f;
    for (recompute, numbers) in [
        (Recompute::None, 3 * d + 2 * block + 2 * cheap + scratch),
        (Recompute::Light, 3 * d + 2 * block + cheap + scratch),
        (Recompute::Block, 3 * d + block + cheap + scratch),
    ] {
        let bytes = s.activation_bytes(5, recompute, Precision::F32, true);
        assert_eq!(bytes, 5 * 4 * numbers, "{recompute:?}");
    }
    let infer = s.activation_bytes(5, Recompute::Block, Precision::F32, false);
    assert_eq!(infer, 5 * 4 * (d + block + cheap + 1 + d));
}
