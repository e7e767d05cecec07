//! The root-mean-square norm.

use crate::check::{Desk, Operation, Outcome, Tolerance, check};
use crate::numbers::Numbers;
use tensor::Backward;

struct RmsNorm {
    n: usize,
    d: usize,
}

const EPSILON: f32 = 1e-5;

impl Operation for RmsNorm {
    fn name(&self) -> String {
        format!("norm of {} rows of {}", self.n, self.d)
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            f32: 1e-6,
            bf16: 1e-3,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut numbers = Numbers::seeded(3);
        let x = numbers.list(self.n * self.d, 2.0);
        let gain = numbers.list(self.d, 0.5).iter().map(|x| x + 1.0).collect();
        vec![x, gain]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let (x, gain) = (desk.place(&inputs[0]), desk.device.upload(&inputs[1]));
        let mut y = desk.room(self.n * self.d);
        let mut rstd = desk.full(&vec![0.0; self.n]);
        desk.device
            .rms_norm(self.n, &x, &gain, EPSILON, &mut y, &mut rstd);
        let outputs = vec![desk.take(&y, self.n * self.d)];
        Outcome {
            outputs,
            kept: vec![desk.take(&rstd, self.n)],
        }
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let Self { n, d } = *self;
        let (x, gain) = (desk.place(&inputs[0]), desk.device.upload(&inputs[1]));
        let mut y = desk.room(n * d);
        let mut rstd = desk.full(&vec![0.0; n]);
        desk.device
            .rms_norm(n, &x, &gain, EPSILON, &mut y, &mut rstd);
        let dy = desk.place(&doutputs[0]);
        // both gradients are added to
        let mut dx = desk.full(&vec![0.5; n * d]);
        let mut dgain = desk.device.upload(&vec![0.25; d]);
        desk.device
            .rms_norm_backward(n, &x, &gain, &rstd, &dy, &mut dx, &mut dgain);
        let dx = desk.take(&dx, n * d).iter().map(|x| x - 0.5).collect();
        let dgain = desk
            .device
            .read(&dgain, d)
            .iter()
            .map(|x| x - 0.25)
            .collect();
        vec![dx, dgain]
    }

    fn is_small(&self) -> bool {
        self.n * self.d < 100
    }
}

#[test]
fn norms_agree() {
    for (n, d) in [(1, 2), (3, 7), (5, 16), (33, 50), (70, 129), (2, 1792)] {
        check(RmsNorm { n, d });
    }
}
