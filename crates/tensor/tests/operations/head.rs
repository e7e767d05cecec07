//! The language-model head: cross-entropy with z-loss, log-likelihoods, logits.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{Backward, Grads, Values};

struct CrossEntropy {
    n: usize,
    d: usize,
    v: usize,
    z: f32,
    /// The largest logit is about this squared times d / 9.
    size: f32,
}

impl CrossEntropy {
    /// Whole, halved and zero weights in turn.
    fn weights(&self) -> Vec<f32> {
        (0..self.n).map(|r| [1.0, 0.0, 0.5][r % 3]).collect()
    }

    fn targets(&self) -> Vec<u32> {
        Numbers::seeded(9).below(self.n, self.v as u32)
    }
}

/// The row's loss, from what the device returned of it.
fn loss(weight: f32, z: f32, (nll, log_z): (f32, f32)) -> f32 {
    let [weight, z, nll, log_z] = [weight, z, nll, log_z].map(f64::from);
    (weight * (nll + z * log_z * log_z)) as f32
}

impl Operation for CrossEntropy {
    fn name(&self) -> String {
        let CrossEntropy { n, d, v, z, size } = self;
        format!("cross-entropy of {n} rows of {d} over {v} tokens, z {z}, numbers to {size}")
    }

    fn tolerance(&self) -> Tolerance {
        // a probability carries the absolute error of its logit
        let large = if self.size > 3.0 { 10.0 } else { 1.0 };
        Tolerance {
            f32: 3e-6 * large,
            bf16: 2e-3,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut numbers = Numbers::seeded(10);
        let hidden = numbers.list(self.n * self.d, self.size);
        vec![hidden, numbers.list(self.v * self.d, self.size)]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let head = desk
            .device
            .trainable(self.v, self.d, Values::F32(&inputs[1]));
        let (hidden, weights) = (desk.place(&inputs[0]), self.weights());
        let targets = self.targets();
        let rows = desk
            .device
            .cross_entropy(&hidden, &head, &targets, &weights, self.z, None);
        let losses = weights
            .iter()
            .zip(&rows)
            .map(|(&w, &row)| loss(w, self.z, row))
            .collect();
        let kept = vec![
            rows.iter().map(|row| row.0).collect(),
            rows.iter().map(|row| row.1).collect(),
        ];
        Outcome {
            outputs: vec![losses],
            kept,
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
        let Self { n, d, v, z, .. } = *self;
        let (targets, weights) = (self.targets(), self.weights());
        let head = desk.device.trainable(v, d, Values::F32(&inputs[1]));
        let hidden = desk.place(&inputs[0]);
        let mut dhidden = desk.room(n * d);
        let mut dhead = desk.full(&vec![0.5; v * d]);
        let grads = Grads {
            hidden_nd: &mut dhidden,
            head_vd: &mut dhead,
        };
        let with = desk
            .device
            .cross_entropy(&hidden, &head, &targets, &weights, z, Some(grads));
        let without = desk
            .device
            .cross_entropy(&hidden, &head, &targets, &weights, z, None);
        let [with, without] = [with, without].map(|x| x.iter().map(|r| r.0).collect::<Vec<_>>());
        let device = desk.device.describe();
        assert!(
            distance(&with, &without) < 1e-6,
            "{device}: the loss depends on the gradients"
        );
        let dhidden = desk.take(&dhidden, n * d);
        for (row, &weight) in dhidden.chunks(d).zip(&weights) {
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
fn cross_entropy_agrees() {
    for z in [0.0, 5e-6, 0.01] {
        for (n, d, v) in [
            (1, 3, 2),
            (4, 5, 11),
            (7, 6, 19),
            (29, 40, 211),
            (70, 33, 3001),
        ] {
            check(CrossEntropy {
                n,
                d,
                v,
                z,
                size: 1.0,
            });
        }
    }
}

#[test]
fn large_logits_do_not_overflow() {
    check(CrossEntropy {
        n: 9,
        d: 64,
        v: 300,
        z: 5e-6,
        size: 6.0,
    });
}

#[test]
fn no_weight_at_all_gives_no_gradient() {
    fn body<D: Backward>(device: &D) {
        let mut numbers = Numbers::seeded(11);
        let head = device.trainable(9, 4, Values::F32(&numbers.list(36, 1.0)));
        let hidden = device.upload(&numbers.list(8, 1.0));
        let mut dhidden = device.upload(&[7.0; 8]);
        let mut dhead = device.upload(&[3.0; 36]);
        let grads = Grads {
            hidden_nd: &mut dhidden,
            head_vd: &mut dhead,
        };
        device.cross_entropy(&hidden, &head, &[1, 8], &[0.0; 2], 5e-6, Some(grads));
        assert_eq!(device.read(&dhidden, 8), [0.0; 8], "{}", device.describe());
        assert_eq!(device.read(&dhead, 36), [3.0; 36], "{}", device.describe());
    }
    on_every_device!(body);
}

#[test]
fn log_likelihood_is_cross_entropy_and_logits_say_which_token() {
    fn body<D: Backward>(device: &D) {
        for (n, d, v) in [(1, 48, 211), (21, 33, 1000), (5, 64, 96)] {
            let mut numbers = Numbers::seeded(12);
            let hidden = device.upload(&numbers.list(n * d, 1.0));
            let head = numbers.list(v * d, 1.0);
            let trainable = device.trainable(v, d, Values::F32(&head));
            let head = device.matrix(v, d, Values::F32(&head));
            let logits = device.logits(n, &hidden, &head);
            assert_eq!(logits.len(), n * v);
            let likeliest = |row: &[f32]| {
                let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                best.unwrap().0 as u32
            };
            // every second target is the likeliest token
            let mut targets = numbers.below(n, v as u32);
            for (r, row) in logits.chunks(v).enumerate().step_by(2) {
                targets[r] = likeliest(row);
            }
            let scored = device.negative_log_likelihood(&hidden, &head, &targets);
            let rows =
                device.cross_entropy(&hidden, &trainable, &targets, &vec![1.0; n], 5e-6, None);
            let device = device.describe();
            for (r, row) in logits.chunks(v).enumerate() {
                let exact: f64 = row.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
                let exact = exact - f64::from(row[targets[r] as usize]);
                for found in [scored[r].0, rows[r].0] {
                    let apart = (f64::from(found) - exact).abs();
                    assert!(apart < 2e-5, "{device}: row {r}, {found} for {exact}");
                }
                assert_eq!(
                    scored[r].1,
                    likeliest(row) == targets[r],
                    "{device}: row {r}"
                );
            }
        }
    }
    on_every_device!(body);
}

#[test]
fn logits_agree_with_the_reference() {
    fn body<D: Backward>(device: &D) {
        let reference = tensor::Reference::new(device.precision());
        let mut numbers = Numbers::seeded(13);
        for (n, d, v) in [(1, 48, 211), (3, 129, 1001), (20, 64, 96)] {
            let (hidden, head) = (numbers.list(n * d, 1.0), numbers.list(v * d, 1.0));
            let found = logits(device, n, &hidden, [v, d], &head);
            let apart = distance(&found, &logits(&reference, n, &hidden, [v, d], &head));
            assert!(apart < 1e-6, "{}: {apart:.2e}", device.describe());
        }
    }
    fn logits<D: Backward>(
        device: &D,
        n: usize,
        hidden: &[f32],
        [v, d]: [usize; 2],
        head: &[f32],
    ) -> Vec<f32> {
        let head = device.matrix(v, d, Values::F32(head));
        device.logits(n, &device.upload(hidden), &head)
    }
    on_every_device!(body);
}
