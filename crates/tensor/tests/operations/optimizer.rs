//! The optimizer step, and the small operations around it.

use crate::check::{cpu, on_every_device};
use crate::numbers::{Numbers, distance};
use tensor::{AdamW, Backward, Kernels, Parameter, Precision, Values};

const STEP: AdamW = AdamW {
    rate: 3e-2,
    decay: 2e-3,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    step: 1,
    gradient_scale: 0.5,
};

/// Three steps by the formula, in f64: weight, first and second moment.
fn formula(weight: &[f32], gradients: &[Vec<f32>]) -> [Vec<f32>; 3] {
    let mut state: Vec<[f64; 3]> = weight.iter().map(|&w| [f64::from(w), 0.0, 0.0]).collect();
    let [rate, decay, beta1, beta2, epsilon, scale] = [
        STEP.rate,
        STEP.decay,
        STEP.beta1,
        STEP.beta2,
        STEP.epsilon,
        STEP.gradient_scale,
    ]
    .map(f64::from);
    for (t, gradient) in gradients.iter().enumerate() {
        let t = t as i32 + 1;
        for ([w, m, v], &g) in state.iter_mut().zip(gradient) {
            let g = f64::from(g) * scale;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            let adam =
                (*m / (1.0 - beta1.powi(t))) / ((*v / (1.0 - beta2.powi(t))).sqrt() + epsilon);
            // independent decay: a share of the weight, not multiplied by the rate
            *w -= rate * adam + decay * *w;
        }
    }
    [0, 1, 2].map(|i| state.iter().map(|x| x[i] as f32).collect())
}

/// The same three steps on a device, of a matrix (`cols` > 0) or a vector.
fn steps<D: Backward>(
    device: &D,
    cols: usize,
    weight: &[f32],
    gradients: &[Vec<f32>],
) -> [Vec<f32>; 3] {
    let len = weight.len();
    let mut vector = device.upload(weight);
    let mut matrix = device.trainable(len / cols, cols, Values::F32(weight));
    let [mut first, mut second, mut gradient] = [(); 3].map(|()| device.zeros(len));
    for (t, values) in gradients.iter().enumerate() {
        device.write(values, &mut gradient);
        let step = AdamW {
            step: t as u64 + 1,
            ..STEP
        };
        let parameter = match cols {
            1 => Parameter::Vector(&mut vector),
            _ => Parameter::Matrix(&mut matrix),
        };
        device.adamw(parameter, &mut gradient, &mut first, &mut second, step);
        let left = device.read(&gradient, len);
        assert!(
            left.iter().all(|&x| x == 0.0),
            "{}: the gradient stays",
            device.describe()
        );
    }
    if cols > 1 {
        // products must read the stepped weight, whatever copies of it the device keeps
        let fresh = device.trainable(len / cols, cols, Values::F32(&device.values(&matrix)));
        let x = device.upload(&Numbers::seeded(18).list(3 * cols, 1.0));
        let read = |matrix: &D::Matrix| {
            let mut y = device.zeros(3 * (len / cols));
            device.product(3, &x, &[matrix], &mut y, false);
            let mut dx = device.zeros(3 * cols);
            device.product_backward_input(3, &y, &[matrix], &mut dx, false);
            [
                device.read(&y, 3 * (len / cols)),
                device.read(&dx, 3 * cols),
            ]
        };
        assert_eq!(
            read(&matrix),
            read(&fresh),
            "{}: stale copies",
            device.describe()
        );
    }
    let weight = if cols > 1 {
        device.values(&matrix)
    } else {
        device.read(&vector, len)
    };
    [weight, device.read(&first, len), device.read(&second, len)]
}

fn case(len: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
    let mut numbers = Numbers::seeded(17);
    let weight = numbers.list(len, 1.0);
    let mut gradients: Vec<_> = (0..3).map(|_| numbers.list(len, 0.1)).collect();
    gradients[1][0] = 0.0; // a gradient of nothing still decays its weight
    (weight, gradients)
}

#[test]
fn adamw_follows_the_formula() {
    fn body<D: Backward>(device: &D) {
        for (len, cols) in [(1, 1), (37, 1), (35, 7), (33 * 65, 65)] {
            let (weight, gradients) = case(len);
            let wanted = formula(&weight, &gradients);
            let found = steps(device, cols, &weight, &gradients);
            for (name, (found, wanted)) in ["weight", "first", "second"]
                .iter()
                .zip(found.iter().zip(&wanted))
            {
                let apart = distance(found, wanted);
                assert!(
                    apart < 1e-6,
                    "{}: {name} is {apart:.2e} apart",
                    device.describe()
                );
            }
        }
    }
    on_every_device!(body);
}

#[test]
fn adamw_does_not_depend_on_threads() {
    let (weight, gradients) = case(129 * 67);
    for precision in [Precision::F32, Precision::Bf16] {
        for kernels in Kernels::available() {
            let [one, three] = [1, 3]
                .map(|threads| steps(&cpu(kernels, precision, threads), 67, &weight, &gradients));
            assert_eq!(one, three, "{kernels}");
        }
    }
}

#[test]
fn squares_are_summed_in_f64() {
    fn body<D: Backward>(device: &D) {
        let name = device.describe();
        for len in [1, 15, 1000, 70_001] {
            let values = Numbers::seeded(19).list(len, 3.0);
            let exact: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let found = device.sum_of_squares(&device.upload(&values));
            assert!(
                (found - exact).abs() <= 1e-12 * exact,
                "{name}: {found} for {exact}"
            );
        }
        // f32 would overflow
        let large = device.sum_of_squares(&device.upload(&[1e30; 5]));
        assert!((large / 5e60 - 1.0).abs() < 1e-6, "{name}: {large}");
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = vec![1.0; 333];
            values[200] = bad;
            let found = device.sum_of_squares(&device.upload(&values));
            assert!(!found.is_finite(), "{name}: {bad} is lost in {found}");
        }
    }
    on_every_device!(body);
    let values = Numbers::seeded(20).list(100_003, 1.0);
    for kernels in Kernels::available() {
        let sums = [1, 2, 3].map(|threads| {
            let device = cpu(kernels, Precision::F32, threads);
            device
                .sum_of_squares(&tensor::Forward::upload(&device, &values))
                .to_bits()
        });
        assert_eq!([sums[0]; 3], sums, "{kernels}: the sum depends on threads");
    }
}

#[test]
fn arrays_scale_and_add() {
    fn body<D: Backward>(device: &D) {
        let name = device.describe();
        let mut y = device.upload(&[1.0, -2.0, 4.0]);
        device.scale(&mut y, -0.5);
        assert_eq!(device.read(&y, 3), [-0.5, 1.0, -2.0], "{name}");
        device.add(&device.upload(&[1.0, 1.0, 1.0]), &mut y, 2);
        assert_eq!(device.read(&y, 3), [0.5, 2.0, -2.0], "{name}");
        let mut activation = device.activation(3);
        device.write(&[0.5, 1.5, 2.5], &mut activation);
        device.add(&activation, &mut y, 3);
        assert_eq!(device.read(&y, 3), [1.0, 3.5, 0.5], "{name}");
        device.add(&y, &mut activation, 3);
        assert_eq!(device.read(&activation, 3), [1.5, 5.0, 3.0], "{name}");
        device.scale(&mut activation, 2.0);
        assert_eq!(device.read(&activation, 3), [3.0, 10.0, 6.0], "{name}");
    }
    on_every_device!(body);
}
