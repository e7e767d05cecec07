//! The gated activation of the feed-forward block.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::Numbers;
use tensor::Backward;

struct SwiGlu {
    n: usize,
    f: usize,
    size: f32,
}

impl Operation for SwiGlu {
    fn name(&self) -> String {
        format!(
            "swiglu of {} rows of {}, numbers to {}",
            self.n, self.f, self.size
        )
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            f32: 1e-6,
            bf16: 1e-3,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        vec![Numbers::seeded(8).list(self.n * 2 * self.f, self.size)]
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let mut y = desk.room(self.n * self.f);
        desk.device
            .swiglu(self.n, self.f, &desk.place(&inputs[0]), &mut y);
        vec![desk.take(&y, self.n * self.f)].into()
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let (gate_up, dy) = (desk.place(&inputs[0]), desk.place(&doutputs[0]));
        let mut dgate_up = desk.room(inputs[0].len());
        desk.device
            .swiglu_backward(self.n, self.f, &gate_up, &dy, &mut dgate_up);
        vec![desk.take(&dgate_up, inputs[0].len())]
    }

    fn is_small(&self) -> bool {
        self.n * self.f < 50 && self.size < 10.0
    }
}

#[test]
fn swiglu_agrees() {
    // the last one saturates the sigmoid on both sides
    for (n, f, size) in [
        (1, 1, 2.0),
        (3, 5, 2.0),
        (2, 19, 4.0),
        (37, 83, 8.0),
        (9, 160, 200.0),
    ] {
        check(SwiGlu { n, f, size });
    }
}

#[test]
fn swiglu_is_silu_times_up() {
    fn body<D: Backward>(device: &D) {
        // gates, then ups; silu(1) = 0.731058…, silu(−2) = −0.238405…
        let gate_up = device.upload(&[0.0, 1.0, -2.0, 5.0, 3.0, 0.5]);
        let mut y = device.zeros(3);
        device.swiglu(1, 3, &gate_up, &mut y);
        for (found, wanted) in device
            .read(&y, 3)
            .iter()
            .zip([0.0, 2.193_175_8, -0.119_202_92])
        {
            assert!(
                (found - wanted).abs() < 1e-6,
                "{}: {found}",
                device.describe()
            );
        }
    }
    on_every_device!(body);
}
