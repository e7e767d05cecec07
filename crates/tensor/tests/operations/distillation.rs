//! Distillation: every divergence, temperature and share of cross-entropy, from a whole teacher and
//! from its likeliest tokens.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{
    Backward, Distillation, Divergence, Grads, Kept, Likeliest, Precision, Reference, Taught,
    Teacher, Values,
};

const DIVERGENCES: [Divergence; 4] = [
    Divergence::Forward,
    Divergence::Reverse,
    Divergence::JensenShannon(0.5),
    Divergence::JensenShannon(0.1),
];

/// What a row is held to in most tests.
fn plain(divergence: Divergence) -> Distillation {
    Distillation {
        divergence,
        temperature: 1.0,
        soft: 1.0,
        hard: 0.0,
        z: 0.0,
    }
}

struct Distil {
    n: usize,
    /// Widths of the student and of the teacher.
    d: [usize; 2],
    v: usize,
    /// The teacher's likeliest tokens alone.
    kept: Option<usize>,
    to: Distillation,
    /// The largest numbers of the student and the teacher.
    size: f32,
}

impl Distil {
    /// Whole, halved and zero weights in turn.
    fn weights(&self) -> Vec<f32> {
        (0..self.n).map(|r| [1.0, 0.0, 0.5][r % 3]).collect()
    }

    fn targets(&self) -> Vec<u32> {
        Numbers::seeded(9).below(self.n, self.v as u32)
    }

    /// Its decoder's output, and its head.
    fn teacher(&self) -> [Vec<f32>; 2] {
        let mut numbers = Numbers::seeded(21);
        let hidden = numbers.list(self.n * self.d[1], self.size);
        [hidden, numbers.list(self.v * self.d[1], self.size)]
    }

    /// The same likeliest tokens for every device: the reference's.
    fn found(&self, k: usize) -> Kept {
        let device = Reference::new(Precision::F32);
        let [hidden, head] = self.teacher();
        likeliest(
            &device,
            self.n,
            &hidden,
            &head,
            [self.v, k],
            self.to.temperature,
        )
    }

    fn distil<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        grads: Option<Grads<'_, D>>,
    ) -> Vec<Taught> {
        let (device, [d, width]) = (desk.device, self.d);
        let head = device.trainable(self.v, d, Values::F32(&inputs[1]));
        let hidden = desk.place(&inputs[0]);
        let [theirs, their_head] = self.teacher();
        let (theirs, their_head) = (
            desk.place(&theirs),
            device.matrix(self.v, width, Values::F32(&their_head)),
        );
        let found = self.kept.map(|k| self.found(k));
        let teacher = match &found {
            Some(found) => Teacher::Likeliest(found.view()),
            None => Teacher::Whole {
                hidden: &theirs,
                head: &their_head,
            },
        };
        let (targets, weights) = (self.targets(), self.weights());
        device.distill(&hidden, &head, teacher, &targets, &weights, self.to, grads)
    }
}

fn likeliest<D: Backward>(
    device: &D,
    n: usize,
    hidden: &[f32],
    head: &[f32],
    [v, k]: [usize; 2],
    temperature: f32,
) -> Kept {
    let head = device.matrix(v, head.len() / v, Values::F32(head));
    device.likeliest(n, &device.upload(hidden), &head, k, temperature)
}

impl Operation for Distil {
    fn name(&self) -> String {
        let Distil {
            n,
            d,
            v,
            kept,
            to,
            size,
        } = self;
        format!("{n} rows of {d:?} over {v} tokens ({kept:?} kept), numbers to {size}: {to:?}")
    }

    fn tolerance(&self) -> Tolerance {
        // A divergence is a difference of logarithms, each right to 1e-7 of a nat: of a tenth of a
        // nat, as in some of these rows, six digits are left of seven.
        let large = if self.size > 3.0 { 10.0 } else { 1.0 };
        Tolerance {
            f32: 1e-5 * large,
            bf16: 4e-3,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut numbers = Numbers::seeded(10);
        let hidden = numbers.list(self.n * self.d[0], self.size);
        vec![hidden, numbers.list(self.v * self.d[0], self.size)]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let rows = self.distil(desk, inputs, None);
        let loss = |(weight, row): (f32, &Taught)| {
            let [weight, soft, hard, z, divergence, loss, log_z] = [
                weight,
                self.to.soft,
                self.to.hard,
                self.to.z,
                row.divergence,
                row.loss,
                row.log_z,
            ]
            .map(f64::from);
            (weight * (soft * divergence + hard * (loss + z * log_z * log_z))) as f32
        };
        let kept = |of: fn(&Taught) -> f32| rows.iter().map(of).collect();
        Outcome {
            outputs: vec![self.weights().into_iter().zip(&rows).map(loss).collect()],
            kept: vec![
                kept(|row| row.divergence),
                kept(|row| row.loss),
                kept(|row| row.log_z),
            ],
        }
    }

    /// The operation's loss is the plain sum of its rows.
    fn doutputs(&self, outputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
        outputs
            .iter()
            .map(|output| vec![1.0; output.len()])
            .collect()
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        _: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let (n, d, v) = (self.n, self.d[0], self.v);
        let mut dhidden = desk.room(n * d);
        let mut dhead = desk.full(&vec![0.5; v * d]);
        let grads = Grads {
            hidden_nd: &mut dhidden,
            head_vd: &mut dhead,
        };
        let with = self.distil(desk, inputs, Some(grads));
        let without = self.distil(desk, inputs, None);
        let device = desk.device.describe();
        let [with, without] =
            [with, without].map(|x| x.iter().map(|r| r.divergence).collect::<Vec<_>>());
        assert!(
            distance(&with, &without) < 1e-5,
            "{device}: the divergence depends on the gradients"
        );
        let dhidden = desk.take(&dhidden, n * d);
        for (row, weight) in dhidden.chunks(d).zip(self.weights()) {
            let still = row.iter().all(|&x| x == 0.0);
            assert!(
                weight != 0.0 || still,
                "{device}: a row of weight 0 has a gradient"
            );
        }
        let dhead = desk.take(&dhead, v * d).iter().map(|x| x - 0.5).collect();
        vec![dhidden, dhead]
    }

    fn is_small(&self) -> bool {
        self.v < 20
    }
}

#[test]
fn every_divergence_agrees() {
    for divergence in DIVERGENCES {
        for (n, d, v) in [
            (3, [9, 4], 3),
            (4, [5, 7], 11),
            (29, [40, 24], 211),
            (70, [17, 33], 1501),
        ] {
            check(Distil {
                n,
                d,
                v,
                kept: None,
                to: plain(divergence),
                size: 1.0,
            });
        }
    }
}

#[test]
fn temperature_and_a_share_of_cross_entropy_agree() {
    for divergence in DIVERGENCES {
        for (temperature, hard) in [(2.0, 0.0), (0.7, 0.25), (1.0, 0.5)] {
            for (n, d, v) in [(4, [5, 3], 11), (31, [24, 40], 333)] {
                check(Distil {
                    n,
                    d,
                    v,
                    kept: None,
                    to: Distillation {
                        divergence,
                        temperature,
                        soft: 0.75 * temperature * temperature,
                        hard,
                        z: 0.01,
                    },
                    size: 1.0,
                });
            }
        }
    }
}

#[test]
fn the_likeliest_tokens_of_a_teacher_agree() {
    for divergence in DIVERGENCES {
        for (temperature, hard, k) in [(1.0, 0.0, 3), (1.0, 0.0, 11), (2.0, 0.3, 5), (1.0, 0.3, 1)]
        {
            for (n, d, v) in [(4, [5, 3], 11), (31, [24, 40], 333)] {
                check(Distil {
                    n,
                    d,
                    v,
                    kept: Some(k),
                    to: Distillation {
                        temperature,
                        hard,
                        z: 0.01,
                        ..plain(divergence)
                    },
                    size: 1.0,
                });
            }
        }
    }
}

#[test]
fn large_logits_do_not_overflow() {
    for divergence in DIVERGENCES {
        // With few kept, everything a student says would be the rest's, and no gradient be left.
        for kept in [None, Some(200)] {
            check(Distil {
                n: 9,
                d: [64, 32],
                v: 300,
                kept,
                // Two certainties of different tokens have no divergence to go down but KL's.
                to: Distillation {
                    hard: 0.25,
                    ..plain(divergence)
                },
                size: 6.0,
            });
        }
    }
}

#[test]
fn a_student_that_is_its_teacher_has_nothing_to_learn() {
    fn body<D: Backward>(device: &D) {
        let (n, d, v) = (5, 24, 333);
        let mut numbers = Numbers::seeded(31);
        let (hidden, head) = (numbers.list(n * d, 1.0), numbers.list(v * d, 1.0));
        let (hidden, head) = (
            device.upload(&hidden),
            device.trainable(v, d, Values::F32(&head)),
        );
        for divergence in DIVERGENCES {
            let mut dhidden = device.zeros(n * d);
            let mut dhead = device.zeros(v * d);
            let grads = Grads {
                hidden_nd: &mut dhidden,
                head_vd: &mut dhead,
            };
            let teacher = Teacher::Whole {
                hidden: &hidden,
                head: &head,
            };
            let (targets, weights) = (vec![1; n], vec![1.0; n]);
            let to = plain(divergence);
            let rows = device.distill(&hidden, &head, teacher, &targets, &weights, to, Some(grads));
            let device_name = device.describe();
            assert!(
                rows.iter().all(|row| row.divergence.abs() < 1e-5),
                "{device_name}, {divergence:?}: {rows:?}"
            );
            let largest = device.read(&dhidden, n * d);
            assert!(
                largest.iter().all(|x| x.abs() < 1e-5),
                "{device_name}, {divergence:?}"
            );
        }
    }
    on_every_device!(body);
}

/// All tokens kept is the whole teacher; fewer change D by what they cannot say, and no more; with
/// forward KL and Jensen–Shannon the gradient too, with reverse KL it knows no such bound.
#[test]
fn what_is_not_kept_bounds_what_is_lost() {
    fn body<D: Backward>(device: &D) {
        if device.precision() == Precision::Bf16 {
            // Both sides are rounded alike, but the bound below is one of exact numbers.
            return;
        }
        let (n, d, v) = (7, 16, 97);
        let mut numbers = Numbers::seeded(33);
        let head = device.trainable(v, d, Values::F32(&numbers.list(v * d, 1.0)));
        let hidden = device.upload(&numbers.list(n * d, 1.0));
        let their_head = device.matrix(v, d, Values::F32(&numbers.list(v * d, 2.0)));
        let theirs = device.upload(&numbers.list(n * d, 1.0));
        let ask = |to: Distillation, teacher: Teacher<'_, D>| {
            let (mut dhidden, mut dhead) = (device.zeros(n * d), device.zeros(v * d));
            let grads = Grads {
                hidden_nd: &mut dhidden,
                head_vd: &mut dhead,
            };
            let (targets, weights) = (vec![1; n], vec![1.0; n]);
            let rows = device.distill(&hidden, &head, teacher, &targets, &weights, to, Some(grads));
            let divergences: Vec<f32> = rows.iter().map(|row| row.divergence).collect();
            (divergences, device.read(&dhead, v * d))
        };
        let longest = device
            .read(&hidden, n * d)
            .chunks(d)
            .map(|row| f64::from(row.iter().map(|x| x * x).sum::<f32>()).sqrt())
            .fold(0.0, f64::max);
        let cases = [
            (Divergence::Forward, 1.0, 2.0),
            (Divergence::Forward, 2.0, 2.0),
            (Divergence::JensenShannon(0.5), 1.0, 2.0),
            (Divergence::JensenShannon(0.1), 2.0, 0.4),
            (Divergence::Reverse, 1.0, f64::INFINITY),
        ];
        for (divergence, temperature, factor) in cases {
            let to = Distillation {
                temperature,
                ..plain(divergence)
            };
            let whole = ask(
                to,
                Teacher::Whole {
                    hidden: &theirs,
                    head: &their_head,
                },
            );
            let mut before = f64::INFINITY;
            for k in [1, 4, 16, 64, v] {
                let found = device.likeliest(n, &theirs, &their_head, k, temperature);
                let kept = ask(to, Teacher::Likeliest(found.view()));
                let rest: f64 = found.rest.iter().map(|&rest| f64::from(rest).exp()).sum();
                for (kept, whole) in kept.0.iter().zip(&whole.0) {
                    assert!(*kept <= whole + 1e-5, "{kept} of {whole}");
                }
                // Each row's gradient of logits is off by at most factor·rest / T in sum, and the
                // head's gradient is that times the row.
                let apart = gap(&kept.1, &whole.1);
                let bound = factor * (rest + 1e-5) / f64::from(temperature) * longest + 1e-4;
                assert!(
                    apart <= bound,
                    "{divergence:?}, k = {k}: {apart} of {bound}"
                );
                assert!(rest <= before, "more kept, less left");
                before = rest;
                if k == v {
                    let name = device.describe();
                    assert!(distance(&kept.0, &whole.0) < 1e-5, "{name}");
                    assert!(distance(&kept.1, &whole.1) < 1e-5, "{name}");
                }
            }
        }
    }
    on_every_device!(body);
}

/// The length of a difference.
fn gap(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

/// A teacher that leaves e⁻⁸ to two tokens, which the student holds as likely as the third: the heads
/// are the unit matrix, so that outputs are logits and the gradient of the one is that of the other.
#[test]
fn reverse_is_not_bounded_by_what_is_not_kept() {
    let device = Reference::new(Precision::F32);
    let unit = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let head = tensor::Forward::matrix(&device, 3, 3, Values::F32(&unit));
    let [hidden, theirs] =
        [[0.0; 3], [0.0, -8.0, -16.0]].map(|row| tensor::Forward::upload(&device, &row));
    let found = tensor::Forward::likeliest(&device, 1, &theirs, &head, 1, 1.0);
    let rest = f64::from(found.rest[0]).exp();
    for divergence in DIVERGENCES {
        let ask = |teacher: Teacher<'_, Reference>| {
            let mut dhidden = tensor::Forward::zeros(&device, 3);
            let mut dhead = tensor::Forward::zeros(&device, 9);
            let grads = Grads {
                hidden_nd: &mut dhidden,
                head_vd: &mut dhead,
            };
            let to = plain(divergence);
            device.distill(&hidden, &head, teacher, &[0], &[1.0], to, Some(grads));
            tensor::Forward::read(&device, &dhidden, 3)
        };
        let whole = ask(Teacher::Whole {
            hidden: &theirs,
            head: &head,
        });
        let kept = ask(Teacher::Likeliest(found.view()));
        let pairs = whole.iter().zip(&kept);
        let apart: f64 = pairs.map(|(a, b)| f64::from(a - b).abs()).sum();
        match divergence {
            Divergence::Reverse => assert!(apart > 1000.0 * rest, "{apart} for {rest}"),
            _ => assert!(
                apart <= 2.0 * rest + 1e-6,
                "{divergence:?}: {apart} for {rest}"
            ),
        }
    }
}

#[test]
fn likeliest_agrees_with_the_reference() {
    fn body<D: Backward>(device: &D) {
        let reference = Reference::new(device.precision());
        let mut numbers = Numbers::seeded(41);
        for (n, d, v, k) in [(1, 48, 211, 1), (3, 129, 1001, 16), (20, 64, 96, 96)] {
            let (hidden, head) = (numbers.list(n * d, 1.0), numbers.list(v * d, 1.0));
            for temperature in [1.0, 2.0] {
                let found = likeliest(device, n, &hidden, &head, [v, k], temperature);
                let wanted = likeliest(&reference, n, &hidden, &head, [v, k], temperature);
                let device = device.describe();
                assert_eq!(found.ids, wanted.ids, "{device}");
                assert!(distance(&found.log_p, &wanted.log_p) < 2e-6, "{device}");
                match k == v {
                    true => assert!(found.rest.iter().all(|&x| x == f32::NEG_INFINITY)),
                    false => assert!(distance(&found.rest, &wanted.rest) < 1e-5, "{device}"),
                }
            }
        }
    }
    on_every_device!(body);
}

#[test]
fn beyond_one_chunk() {
    check(Distil {
        n: 1000,
        d: [8, 12],
        v: 75,
        kept: None,
        to: plain(Divergence::Forward),
        size: 1.0,
    });
}

#[test]
#[should_panic(expected = "tokens of the teacher and of the student")]
fn another_vocabulary_is_refused() {
    let device = Reference::new(Precision::F32);
    let (hidden, head) = (device_numbers(&device, 4), matrix(&device, 3));
    let other = matrix(&device, 4);
    let teacher = Teacher::Whole {
        hidden: &hidden,
        head: &other,
    };
    let to = plain(Divergence::Forward);
    device.distill(&hidden, &head, teacher, &[0], &[1.0], to, None);
}

fn device_numbers(device: &Reference, len: usize) -> tensor::Numbers {
    tensor::Forward::upload(device, &vec![1.0; len])
}

fn matrix(device: &Reference, rows: usize) -> tensor::Grid {
    tensor::Forward::matrix(device, rows, 4, Values::F32(&vec![1.0; rows * 4]))
}

#[test]
#[should_panic(expected = "as many tokens for every row")]
fn ragged_likeliest_tokens_are_refused() {
    let device = Reference::new(Precision::F32);
    let kept = Likeliest {
        ids: &[0, 1, 2],
        log_p: &[-1.0; 3],
        rest: &[-1.0; 2],
    };
    let (hidden, head) = (device_numbers(&device, 8), matrix(&device, 3));
    let to = plain(Divergence::Forward);
    let teacher = Teacher::Likeliest(kept);
    device.distill(&hidden, &head, teacher, &[0, 0], &[1.0; 2], to, None);
}
