//! Products with one or several matrices, and both of their gradients.

use crate::check::{Desk, Operation, Outcome, Tolerance, check, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{Backward, Blocks, Precision, Reference, Values};

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

/// Random numbers in blocks of a format.
fn blocks(format: Blocks, numbers: &mut Numbers, len: usize) -> Vec<u8> {
    if let Some(bytes) = format.quantise(&numbers.list(len, 1.0)) {
        return bytes;
    }
    let count = len / format.numbers();
    let mut bytes: Vec<u8> = numbers
        .below(count * format.bytes(), 256)
        .into_iter()
        .map(|byte| byte as u8)
        .collect();
    // scales between 0 and 1 and small minima, so that what is random stays a number
    for block in bytes.chunks_exact_mut(format.bytes()) {
        let scales: &[usize] = match format {
            Blocks::Q4_1 | Blocks::Q5_1 | Blocks::Q4K | Blocks::Q5K => &[1, 3],
            Blocks::Q6K => &[209],
            _ => &[1],
        };
        for &at in scales {
            block[at] = 0x24 | block[at] & 3;
        }
    }
    bytes
}

const SHAPES: [(usize, usize, [usize; 2]); 5] = [
    (1, 64, [33, 16]),
    (2, 32, [7, 50]),
    (5, 96, [40, 1]),
    (19, 256, [65, 31]),
    (101, 512, [48, 100]),
];

#[test]
fn products_with_blocks_agree() {
    fn body<D: Backward>(device: &D) {
        let mut numbers = Numbers::seeded(3);
        // these a device keeps as they are, so that the reference device says what comes out
        for format in [Blocks::Q8_0, Blocks::Q4_0, Blocks::Q4_1] {
            for (n, inputs, outputs) in SHAPES {
                let x = numbers.list(n * inputs, 1.0);
                let files = outputs.map(|o| blocks(format, &mut numbers, o * inputs));
                let run = |accumulate: bool| {
                    fn of<D: Backward>(
                        device: &D,
                        (n, inputs, outputs): (usize, usize, [usize; 2]),
                        format: Blocks,
                        files: &[Vec<u8>; 2],
                        x: &[f32],
                        accumulate: bool,
                    ) -> Vec<f32> {
                        let weights: Vec<_> = outputs
                            .iter()
                            .zip(files)
                            .map(|(&o, file)| {
                                device.matrix(o, inputs, Values::Blocks(format, file))
                            })
                            .collect();
                        let len = n * (outputs[0] + outputs[1]);
                        let mut y = device.upload(&vec![0.5; len]);
                        let weights: Vec<_> = weights.iter().collect();
                        device.product(n, &device.upload(x), &weights, &mut y, accumulate);
                        device.read(&y, len)
                    }
                    let shape = (n, inputs, outputs);
                    let wanted = of(
                        &Reference::new(Precision::F32),
                        shape,
                        format,
                        &files,
                        &x,
                        accumulate,
                    );
                    let found = of(device, shape, format, &files, &x, accumulate);
                    let apart = distance(&found, &wanted);
                    assert!(
                        apart < 2e-6,
                        "{}: {n} × {inputs} with {}, {apart:.2e} apart",
                        device.describe(),
                        format.name()
                    );
                };
                run(false);
                run(true);
            }
        }
    }
    on_every_device!(body);
}

#[test]
fn weights_in_blocks_keep_their_numbers() {
    fn body<D: Backward>(device: &D) {
        let mut numbers = Numbers::seeded(4);
        for format in Blocks::ALL {
            let (rows, cols) = (37, 512);
            let file = blocks(format, &mut numbers, rows * cols);
            let exact = Values::Blocks(format, &file).to_f32();
            let matrix = device.matrix(rows, cols, Values::Blocks(format, &file));
            let kept = device.values(&matrix);
            let apart = distance(&kept, &exact);
            // scales of Q4_K are rounded to f16; five and six bits become eight
            let allowed = match format {
                Blocks::Q8_0 | Blocks::Q4_0 | Blocks::Q4_1 => 0.0,
                Blocks::Q4K => 1e-3,
                _ => 6e-3,
            };
            let what = format!("{} on {}", format.name(), device.describe());
            assert!(apart <= allowed, "{what}: {apart:.2e} apart");
            assert!(device.matrix_bytes(&matrix) > 0, "{what}");

            let mut x = device.zeros(3 * cols);
            device.embed(&matrix, &[36, 0, 17], &mut x);
            let rows = device.read(&x, 3 * cols);
            assert_eq!(rows[..cols], kept[36 * cols..], "{what}");
            assert_eq!(rows[2 * cols..], kept[17 * cols..][..cols], "{what}");

            // dx = dy·w by the numbers it keeps
            let dy = numbers.list(2 * 37, 1.0);
            let [mut found, mut wanted] = [(); 2].map(|()| device.zeros(2 * cols));
            let as_trained = device.trainable(37, cols, Values::F32(&kept));
            let dy = device.upload(&dy);
            device.product_backward_input(2, &dy, &[&matrix], &mut found, false);
            device.product_backward_input(2, &dy, &[&as_trained], &mut wanted, false);
            let apart = distance(
                &device.read(&found, 2 * cols),
                &device.read(&wanted, 2 * cols),
            );
            assert!(apart < 1e-6, "{what}: dx is {apart:.2e} apart");
        }
    }
    on_every_device!(body);
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    fn body<D: Backward>(device: &D) {
        let mut numbers = Numbers::seeded(5);
        // more than one pass over k, odd edges, a last tile that is not whole
        for (inputs, outputs) in [(96, 70), (2208, 33)] {
            let weight = numbers.list(outputs * inputs, 1.0);
            let quantised = |format: Blocks| format.quantise(&weight).unwrap();
            let files = [Blocks::Q8_0, Blocks::Q4_0].map(|format| (format, quantised(format)));
            let mut all: Vec<_> = files
                .iter()
                .map(|(format, file)| Values::Blocks(*format, file))
                .collect();
            all.push(Values::F32(&weight));
            for values in all {
                let matrix = device.matrix(outputs, inputs, values);
                let n = 43;
                let x = numbers.list(n * inputs, 1.0);
                let mut y = device.zeros(n * outputs);
                device.product(n, &device.upload(&x), &[&matrix], &mut y, false);
                let whole = device.read(&y, n * outputs);
                let mut at = 0;
                for few in [1, 2, 3, 5, 8, 11, 13] {
                    let part = device.upload(&x[at * inputs..(at + few) * inputs]);
                    device.product(few, &part, &[&matrix], &mut y, false);
                    assert_eq!(
                        device.read(&y, few * outputs),
                        whole[at * outputs..(at + few) * outputs],
                        "{}: {few} rows from {at} on, {inputs} inputs",
                        device.describe()
                    );
                    let logits = device.logits(few, &part, &matrix);
                    assert_eq!(logits, whole[at * outputs..(at + few) * outputs]);
                    at += few;
                }
            }
        }
    }
    on_every_device!(body);
}
