//! Products with one or several matrices, and both of their gradients.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{Backward, Values};

struct Product {
    n: usize,
    inputs: usize,
    outputs: Vec<usize>,
    accumulate: bool,
}

impl Product {
    fn matrices<D: Backward>(&self, device: &D, inputs: &[Vec<f32>]) -> Vec<D::Matrix> {
        let weights = inputs[1..].iter().zip(&self.outputs);
        weights
            .map(|(w, &o)| device.trainable(o, self.inputs, Values::F32(w)))
            .collect()
    }

    fn before(&self, len: usize) -> Vec<f32> {
        // exact in bfloat16, so that it can be taken away again
        (0..len).map(|i| (i % 5) as f32 * 0.25).collect()
    }
}

fn without(found: Vec<f32>, before: &[f32]) -> Vec<f32> {
    found
        .iter()
        .zip(before)
        .map(|(x, before)| x - before)
        .collect()
}

impl Operation for Product {
    fn name(&self) -> String {
        let Product {
            n,
            inputs,
            outputs,
            accumulate,
        } = self;
        format!("product of {n} rows, {inputs} → {outputs:?}, accumulate: {accumulate}")
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            f32: 1e-6,
            bf16: 5e-4,
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut numbers = Numbers::seeded(1);
        let x = numbers.list(self.n * self.inputs, 1.0);
        let weights = self
            .outputs
            .iter()
            .map(|o| numbers.list(o * self.inputs, 1.0));
        [x].into_iter().chain(weights).collect()
    }

    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome {
        let matrices = self.matrices(desk.device, inputs);
        let matrices: Vec<_> = matrices.iter().collect();
        let len = self.n * self.outputs.iter().sum::<usize>();
        let before = self.before(len);
        let mut y = if self.accumulate {
            desk.reuse(&before)
        } else {
            desk.room(len)
        };
        let x = desk.place(&inputs[0]);
        desk.device
            .product(self.n, &x, &matrices, &mut y, self.accumulate);
        vec![desk.take(&y, len)].into()
    }

    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let matrices = self.matrices(desk.device, inputs);
        let matrices: Vec<_> = matrices.iter().collect();
        let (x, dy) = (desk.place(&inputs[0]), desk.place(&doutputs[0]));
        let len = self.n * self.inputs;
        let before = self.before(len);
        let mut dx = if self.accumulate {
            desk.reuse(&before)
        } else {
            desk.room(len)
        };
        desk.device
            .product_backward_input(self.n, &dy, &matrices, &mut dx, self.accumulate);
        let dx = desk.take(&dx, len);
        let dx = if self.accumulate {
            without(dx, &before)
        } else {
            dx
        };

        let befores: Vec<_> = self
            .outputs
            .iter()
            .map(|o| self.before(o * self.inputs))
            .collect();
        let mut dweights: Vec<_> = befores.iter().map(|before| desk.full(before)).collect();
        let mut borrowed: Vec<_> = dweights.iter_mut().collect();
        desk.device.product_backward_weights(
            self.n,
            &dy,
            &x,
            self.inputs,
            &self.outputs,
            &mut borrowed,
        );
        let dweights = dweights.iter().zip(&befores);
        let dweights = dweights.map(|(dw, before)| without(desk.take(dw, before.len()), before));
        [dx].into_iter().chain(dweights).collect()
    }

    fn is_small(&self) -> bool {
        self.n * self.inputs < 100
    }
}

#[test]
fn products_agree() {
    let cases: [(usize, usize, &[usize]); 7] = [
        (3, 5, &[7]),
        (1, 9, &[4, 3, 2]),
        (5, 8, &[6, 6]),
        (17, 33, &[31, 16, 1]),
        (67, 131, &[149]),
        (130, 257, &[96, 40, 40]),
        (64, 512, &[48]),
    ];
    for (n, inputs, outputs) in cases {
        for accumulate in [false, true] {
            check(Product {
                n,
                inputs,
                outputs: outputs.to_vec(),
                accumulate,
            });
        }
    }
}

#[test]
fn inference_weights_multiply_like_trainable_ones() {
    fn body<D: Backward>(device: &D) {
        let mut numbers = Numbers::seeded(2);
        for (n, inputs, outputs) in [(1, 70, 33), (2, 64, 129), (9, 31, 40), (40, 96, 50)] {
            let x = device.upload(&numbers.list(n * inputs, 1.0));
            let weight = numbers.list(outputs * inputs, 1.0);
            let trainable = device.trainable(outputs, inputs, Values::F32(&weight));
            let inference = device.matrix(outputs, inputs, Values::F32(&weight));
            let [mut y, mut z] = [(); 2].map(|()| device.zeros(n * outputs));
            device.product(n, &x, &[&trainable], &mut y, false);
            device.product(n, &x, &[&inference], &mut z, false);
            let len = n * outputs;
            let apart = distance(&device.read(&z, len), &device.read(&y, len));
            assert!(
                apart < 1e-6,
                "{}: {n} rows, {apart:.2e} apart",
                device.describe()
            );
        }
    }
    on_every_device!(body);
}
