//! The driver: every operation through finite differences, every device and any thread count.

use crate::numbers::{Numbers, distance};
use tensor::{Backward, Cpu, CpuOptions, Kernels, Precision, Reference};

/// What an operation gave: outputs that have gradients, and statistics kept for the way back.
pub(crate) struct Outcome {
    pub(crate) outputs: Vec<Vec<f32>>,
    pub(crate) kept: Vec<Vec<f32>>,
}

impl From<Vec<Vec<f32>>> for Outcome {
    fn from(outputs: Vec<Vec<f32>>) -> Self {
        Outcome {
            outputs,
            kept: vec![],
        }
    }
}

/// The largest ‖found − wanted‖ / ‖wanted‖ of a device against the reference device of its
/// precision. In f32 only the order of sums differs; in bf16 a device may also round what lies
/// between the products of one operation.
#[derive(Clone, Copy)]
pub(crate) struct Tolerance {
    pub(crate) f32: f64,
    pub(crate) bf16: f64,
}

impl Tolerance {
    pub(crate) fn of(self, precision: Precision) -> f64 {
        match precision {
            Precision::F32 => self.f32,
            Precision::Bf16 => self.bf16,
        }
    }
}

/// An operation with its inputs: everything the driver needs to know.
pub(crate) trait Operation {
    /// What a failing test says.
    fn name(&self) -> String;
    fn tolerance(&self) -> Tolerance;
    /// The inputs that have gradients.
    fn inputs(&self) -> Vec<Vec<f32>>;
    fn forward<D: Backward>(&self, desk: &Desk<'_, D>, inputs: &[Vec<f32>]) -> Outcome;
    /// The gradient by each input of Σ doutputs·outputs. Where the operation adds into a gradient,
    /// the body starts from numbers that are not zero and takes them away again.
    fn backward<D: Backward>(
        &self,
        desk: &Desk<'_, D>,
        inputs: &[Vec<f32>],
        doutputs: &[Vec<f32>],
    ) -> Vec<Vec<f32>>;
    /// What the outputs are multiplied by to make one number of them.
    fn doutputs(&self, outputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let mut numbers = Numbers::seeded(77);
        outputs
            .iter()
            .map(|output| numbers.list(output.len(), 1.0))
            .collect()
    }
    /// Whether it is small enough for finite differences.
    fn is_small(&self) -> bool;
}

/// Where a test lays its arrays: on one device, in one of its two kinds of storage,
/// each array longer than the operation needs.
pub(crate) struct Desk<'a, D: Backward> {
    pub(crate) device: &'a D,
    /// Arrays in the compute precision, or all in f32.
    pub(crate) activations: bool,
}

/// Numbers past the end of every array: an operation reads none of them and writes none.
const TAIL: usize = 13;
/// What lies in an output before the operation, exact in bfloat16.
const BEFORE: f32 = 7.0;

impl<D: Backward> Desk<'_, D> {
    fn array(&self, values: &[f32], tail: f32) -> D::Array {
        let long: Vec<f32> = values.iter().copied().chain([tail; TAIL]).collect();
        if !self.activations {
            return self.device.upload(&long);
        }
        let mut array = self.device.activation(long.len());
        self.device.write(&long, &mut array);
        array
    }

    /// An input; what follows it is not a number.
    pub(crate) fn place(&self, values: &[f32]) -> D::Array {
        self.array(values, f32::NAN)
    }

    /// An input that the operation also writes.
    pub(crate) fn reuse(&self, values: &[f32]) -> D::Array {
        self.array(values, BEFORE)
    }

    /// An output with something in it already.
    pub(crate) fn room(&self, len: usize) -> D::Array {
        self.reuse(&vec![BEFORE; len])
    }

    /// An output that is f32 on every device: statistics, gradients of weights.
    pub(crate) fn full(&self, values: &[f32]) -> D::Array {
        Desk {
            device: self.device,
            activations: false,
        }
        .reuse(values)
    }

    /// What an operation wrote; panics if it wrote past the end.
    pub(crate) fn take(&self, array: &D::Array, len: usize) -> Vec<f32> {
        let mut values = self.device.read(array, len + TAIL);
        let tail = values.split_off(len);
        let device = self.device.describe();
        assert!(
            tail.iter().all(|&x| x == BEFORE),
            "{device} wrote past row n: {tail:?}"
        );
        values
    }
}

/// Calls a generic function with every device that this machine can make.
macro_rules! on_every_device {
    ($check:expr) => {
        for precision in [tensor::Precision::F32, tensor::Precision::Bf16] {
            $check(&tensor::Reference::new(precision));
            for kernels in tensor::Kernels::available() {
                $check(&crate::check::cpu(kernels, precision, 2));
            }
        }
    };
}
pub(crate) use on_every_device;

pub(crate) fn cpu(kernels: Kernels, precision: Precision, threads: usize) -> Cpu {
    Cpu::new(CpuOptions {
        threads: Some(threads),
        kernels: Some(kernels),
        precision,
    })
}

/// Everything in this module's first lines, for one operation.
pub(crate) fn check(operation: impl Operation) {
    if operation.is_small() {
        finite_differences(&operation);
    }
    for precision in [Precision::F32, Precision::Bf16] {
        for activations in [false, true] {
            let wanted = run(&operation, &Reference::new(precision), activations);
            for kernels in Kernels::available() {
                let device = cpu(kernels, precision, 2);
                let found = run(&operation, &device, activations);
                agree(&operation, &device, &found, &wanted);
                for threads in [1, 3] {
                    let device = cpu(kernels, precision, threads);
                    let again = run(&operation, &device, activations);
                    same_bits(&operation, &device, &again, &found);
                }
            }
        }
    }
}

type Results = Vec<(String, Vec<f32>)>;

/// Forward, then backward; every list of numbers by name.
fn run<D: Backward>(operation: &impl Operation, device: &D, activations: bool) -> Results {
    let desk = Desk {
        device,
        activations,
    };
    let inputs = operation.inputs();
    let outcome = operation.forward(&desk, &inputs);
    let doutputs = operation.doutputs(&outcome.outputs);
    let gradients = operation.backward(&desk, &inputs, &doutputs);
    let named = |name: &str, lists: Vec<Vec<f32>>| -> Results {
        let lists = lists.into_iter().enumerate();
        lists
            .map(|(i, list)| (format!("{name} {i}"), list))
            .collect()
    };
    let groups = [
        named("output", outcome.outputs),
        named("kept", outcome.kept),
        named("gradient of input", gradients),
    ];
    groups.into_iter().flatten().collect()
}

fn agree<D: Backward>(operation: &impl Operation, device: &D, found: &Results, wanted: &Results) {
    let (operation_name, device_name) = (operation.name(), device.describe());
    let allowed = operation.tolerance().of(device.precision());
    for ((name, found), (_, wanted)) in found.iter().zip(wanted) {
        let apart = distance(found, wanted);
        assert!(
            apart <= allowed,
            "{operation_name} on {device_name}: {name} is {apart:.2e} from the reference, \
             and {allowed:.0e} is allowed"
        );
    }
}

fn same_bits<D: Backward>(operation: &impl Operation, device: &D, a: &Results, b: &Results) {
    for ((name, a), (_, b)) in a.iter().zip(b) {
        let differs = a
            .iter()
            .zip(b)
            .position(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!(
            differs,
            None,
            "{} on {}: number of this index in {name} depends on the thread count",
            operation.name(),
            device.describe()
        );
    }
}

/// How far numbers are moved: far enough that f32 outputs tell, near enough that the next term of
/// the series (fifth derivative, h⁴/30) does not.
const STEP: f32 = 0.03;
/// The largest relative distance between a gradient and its finite differences.
const DIFFERENCES: f64 = 1e-4;

/// `f′(x) ≈ (8·(f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h`, number by number.
fn finite_differences(operation: &impl Operation) {
    let device = Reference::new(Precision::F32);
    let desk = Desk {
        device: &device,
        activations: false,
    };
    let inputs = operation.inputs();
    let doutputs = operation.doutputs(&operation.forward(&desk, &inputs).outputs);
    let loss = |inputs: &[Vec<f32>]| -> f64 {
        let outputs = operation.forward(&desk, inputs).outputs;
        let pairs = outputs.iter().flatten().zip(doutputs.iter().flatten());
        pairs.map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
    };
    let gradients = operation.backward(&desk, &inputs, &doutputs);
    assert_eq!(
        gradients.len(),
        inputs.len(),
        "{}: a gradient per input",
        operation.name()
    );
    for (which, gradient) in gradients.iter().enumerate() {
        let slope = |at: usize| -> f32 {
            let moved = |steps: f32| {
                let mut inputs = inputs.clone();
                inputs[which][at] += steps * STEP;
                loss(&inputs)
            };
            let near = moved(1.0) - moved(-1.0);
            let far = moved(2.0) - moved(-2.0);
            ((8.0 * near - far) / (12.0 * f64::from(STEP))) as f32
        };
        let slopes: Vec<f32> = (0..inputs[which].len()).map(slope).collect();
        let apart = distance(gradient, &slopes);
        assert!(
            apart <= DIFFERENCES,
            "{}: the gradient of input {which} is {apart:.2e} from finite differences",
            operation.name()
        );
    }
}
