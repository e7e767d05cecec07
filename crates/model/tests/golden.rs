//! The decoder against PyTorch: logits, losses, optimizer steps and every gradient by name.
//!
//! The files in `fixtures/` were written by `fixtures/make.py` with `transformers`. In f32 a tensor
//! may be 1e-5 of its length from PyTorch's; in bf16 its distance from the f32 truth may be 1.5
//! times that of PyTorch's own autocast. Both are asked of the fast and of the reference device.

use model::checkpoint::{Checkpoint, read_config, read_tensors};
use model::{Batch, Decoder, Dtype, Recompute, Rope, Scaling, Tape, Use, gguf};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tensor::{
    AdamW, Backward, Cpu, CpuOptions, Forward as _, Grads, Kernels, Precision, Reference,
};

/// Distance from PyTorch, in f32, of everything.
const F32: f64 = 1e-5;
/// Distance from the f32 truth, in bf16, as a multiple of autocast's.
const BF16: f64 = 1.5;

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(path)
}

fn json<T: for<'a> Deserialize<'a>>(path: &str) -> T {
    serde_json::from_slice(&std::fs::read(fixtures(path)).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    positions: Vec<u32>,
    starts: Vec<u32>,
    causal: bool,
    targets: Vec<u32>,
    weights: Vec<f32>,
    z: f32,
}

#[derive(Deserialize)]
struct Expected {
    loss: f64,
    autocast: Autocast,
}

/// What PyTorch's autocast made of it: a loss, and distances from f32.
#[derive(Deserialize)]
struct Autocast {
    logits: f64,
    gradients: BTreeMap<String, f64>,
}

impl Case {
    fn batch(&self) -> Batch {
        Batch {
            ids: self.ids.clone(),
            positions: self.positions.clone(),
            starts: self.starts.clone(),
            causal: self.causal,
        }
    }

    /// The loss of the batch; with `gradients`, theirs are added to them.
    fn loss<D: Backward>(
        &self,
        decoder: &Decoder<D>,
        tape: &mut Tape<D>,
        gradients: Option<&mut model::Gradients<D>>,
    ) -> f64 {
        let batch = self.batch();
        decoder.forward(&batch, tape);
        let rows = match gradients {
            None => self.head(decoder, tape, None),
            Some(gradients) => {
                let rows = self.head(decoder, tape, Some(gradients));
                decoder.backward(&batch, tape, gradients);
                rows
            }
        };
        let z = f64::from(self.z);
        let weighted = self
            .weights
            .iter()
            .zip(rows)
            .map(|(&weight, (nll, log_z))| {
                let log_z = f64::from(log_z);
                f64::from(weight) * (f64::from(nll) + z * log_z * log_z)
            });
        weighted.sum()
    }

    fn head<D: Backward>(
        &self,
        decoder: &Decoder<D>,
        tape: &mut Tape<D>,
        gradients: Option<&mut model::Gradients<D>>,
    ) -> Vec<(f32, f32)> {
        let Tape {
            hidden_nd,
            dhidden_nd,
            ..
        } = tape;
        let grads = gradients.map(|g| Grads {
            hidden_nd: dhidden_nd,
            head_vd: g.head_mut(),
        });
        let (targets, weights) = (&self.targets, &self.weights);
        decoder
            .device
            .cross_entropy(hidden_nd, decoder.head(), targets, weights, self.z, grads)
    }
}

/// ‖found − truth‖ / ‖truth‖.
fn apart(found: &[f32], truth: &[f32]) -> f64 {
    assert_eq!(found.len(), truth.len());
    let square = |x: f64| x * x;
    let pairs = found.iter().zip(truth);
    let apart: f64 = pairs
        .map(|(&a, &b)| square(f64::from(a) - f64::from(b)))
        .sum();
    (apart / truth.iter().map(|&b| square(f64::from(b))).sum::<f64>()).sqrt()
}

/// The tensors of a safetensors file by name.
fn tensors(path: &str) -> BTreeMap<String, Vec<f32>> {
    let file = read_tensors(&fixtures(path)).unwrap();
    let read = |name: &str| {
        let len = file.shape(name).unwrap().iter().product();
        (name.to_owned(), file.read(name, len).unwrap())
    };
    file.names().map(read).collect()
}

fn cpu(precision: Precision, kernels: Kernels) -> Cpu {
    Cpu::new(CpuOptions {
        threads: Some(2),
        kernels: Some(kernels),
        precision,
    })
}

/// Calls a generic function with every device, in both precisions.
macro_rules! on_every_device {
    ($check:expr) => {
        for precision in [Precision::F32, Precision::Bf16] {
            $check(Arc::new(Reference::new(precision)));
            for kernels in Kernels::available() {
                $check(Arc::new(cpu(precision, kernels)));
            }
        }
    };
}

const CASES: [(&str, &str); 6] = [
    ("tied", "causal"),
    ("untied", "packed"),
    ("untied", "full"),
    ("linear", "causal"),
    ("llama3", "causal"),
    ("yarn", "causal"),
];

#[test]
fn logits_and_every_gradient_are_those_of_pytorch() {
    fn body<D: Backward>(device: Arc<D>) {
        for (name, title) in CASES {
            for recompute in [Recompute::None, Recompute::Light, Recompute::Block] {
                gradients_agree(device.clone(), name, title, recompute);
            }
        }
    }
    on_every_device!(body);
}

#[test]
fn logits_through_a_gguf_file_are_those_of_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    for (name, title) in CASES {
        let checkpoint = Checkpoint::open(&fixtures(&format!("decoder/{name}"))).unwrap();
        let path = folder.path().join(format!("{name}.gguf"));
        let (shape, special) = (&checkpoint.shape, &checkpoint.special);
        let (metadata, kind) = (gguf::Metadata::default(), gguf::Kind::F32);
        gguf::write(&path, shape, special, metadata, kind, |spec| {
            checkpoint.read(spec)
        })
        .unwrap();
        let case: Case = json(&format!("decoder/{name}.{title}.json"));
        let truth = tensors(&format!("decoder/{name}.{title}.safetensors"));
        for kernels in Kernels::available() {
            let device = Arc::new(cpu(Precision::F32, kernels));
            let decoder = Decoder::load(&path, device.clone(), Use::Infer).unwrap();
            let mut tape = Tape::new(&decoder, case.ids.len(), Recompute::None, false);
            decoder.forward(&case.batch(), &mut tape);
            let logits = device.logits(case.ids.len(), &tape.hidden_nd, decoder.head());
            let far = apart(&logits, &truth["logits"]);
            assert!(far <= F32, "{name}, {kernels}: logits are {far:.2e} away");
            let pairs = logits.iter().zip(&truth["logits"]);
            let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(
                largest <= 1e-4,
                "{name}, {kernels}: a logit is {largest:.2e} away"
            );
        }
    }
}

fn gradients_agree<D: Backward>(device: Arc<D>, name: &str, title: &str, recompute: Recompute) {
    let case: Case = json(&format!("decoder/{name}.{title}.json"));
    let expected: Expected = json(&format!("decoder/{name}.{title}.json"));
    let truth = tensors(&format!("decoder/{name}.{title}.safetensors"));
    let place = format!("{name}, {title}, {recompute:?}, {}", device.describe());
    let allowed = |autocast: f64| match device.precision() {
        Precision::F32 => F32,
        Precision::Bf16 => BF16 * autocast,
    };
    let directory = fixtures(&format!("decoder/{name}"));
    let decoder = Decoder::load(&directory, device.clone(), Use::Train).unwrap();
    let mut tape = Tape::new(&decoder, case.ids.len() + 1, recompute, true);
    let mut gradients = decoder.gradients();
    let loss = case.loss(&decoder, &mut tape, Some(&mut gradients));

    let logits = device.logits(case.ids.len(), &tape.hidden_nd, decoder.head());
    let far = apart(&logits, &truth["logits"]);
    assert!(
        far <= allowed(expected.autocast.logits),
        "{place}: logits are {far:.2e} away"
    );

    // one number may be near by luck, in autocast as here: its logits say what to allow
    let far = (loss / expected.loss - 1.0).abs();
    assert!(
        far <= allowed(expected.autocast.logits),
        "{place}: the loss is {far:.2e} away"
    );

    assert_eq!(
        decoder.table().len(),
        expected.autocast.gradients.len(),
        "{place}"
    );
    for (spec, gradient) in decoder.table().iter().zip(gradients.arrays()) {
        let name = &spec.hugging_face;
        let far = apart(&device.read(gradient, spec.len()), &truth[name]);
        let allowed = allowed(expected.autocast.gradients[name]);
        assert!(
            far <= allowed,
            "{place}: {name} is {far:.2e} away, {allowed:.2e} is allowed"
        );
    }
}

/// Five optimizer steps from the same weights on each of several batches.
#[derive(Deserialize)]
struct Steps {
    peak: f64,
    decay: f64,
    factors: Vec<f64>,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(flatten)]
    case: Case,
    independent: Losses,
    pytorch: Losses,
}

/// The loss before each step and after the last, in f32 and under autocast.
#[derive(Deserialize)]
struct Losses {
    losses: Vec<f64>,
    autocast: Vec<f64>,
}

#[test]
fn losses_of_five_steps_are_those_of_pytorch() {
    fn body<D: Backward>(device: Arc<D>) {
        let steps: Steps = json("decoder/tied.steps.json");
        let independent = |step: usize, decays: bool| {
            let factor = steps.factors[step];
            let decay = if decays { steps.decay } else { 0.0 };
            (factor * steps.peak, factor * decay)
        };
        losses_agree(&device, &steps, |run| &run.independent, independent);
        // PyTorch multiplies the decay by the rate, and here lets it take the norms as well
        let pytorch = |_: usize, _: bool| (steps.peak, steps.peak * steps.decay);
        losses_agree(&device, &steps, |run| &run.pytorch, pytorch);
    }
    on_every_device!(body);
}

fn losses_agree<D: Backward>(
    device: &Arc<D>,
    steps: &Steps,
    expected: impl Fn(&Run) -> &Losses,
    rates: impl Fn(usize, bool) -> (f64, f64),
) {
    let (mut far, mut autocast) = (Vec::new(), Vec::new());
    for run in &steps.runs {
        let expected = expected(run);
        let losses = losses(device, steps, &run.case, &rates);
        assert_eq!(losses.len(), expected.losses.len());
        for ((loss, truth), other) in losses.iter().zip(&expected.losses).zip(&expected.autocast) {
            far.push(loss / truth - 1.0);
            autocast.push(other / truth - 1.0);
        }
    }
    let size = |x: &[f64]| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
    let (far, autocast) = (size(&far), size(&autocast));
    let allowed = match device.precision() {
        Precision::F32 => F32,
        Precision::Bf16 => BF16 * autocast,
    };
    let place = device.describe();
    assert!(
        far <= allowed,
        "{place}: losses are {far:.2e} away, {allowed:.2e} is allowed"
    );
}

/// `rates` gives the rate and the decay of a step, for what decays and what does not.
fn losses<D: Backward>(
    device: &Arc<D>,
    steps: &Steps,
    case: &Case,
    rates: &impl Fn(usize, bool) -> (f64, f64),
) -> Vec<f64> {
    let directory = fixtures("decoder/tied");
    let mut decoder = Decoder::load(&directory, device.clone(), Use::Train).unwrap();
    let mut tape = Tape::new(&decoder, case.ids.len(), Recompute::Light, true);
    let [mut gradients, mut first, mut second] = [(); 3].map(|()| decoder.gradients());
    let mut losses = Vec::new();
    for step in 0..steps.factors.len() {
        losses.push(case.loss(&decoder, &mut tape, Some(&mut gradients)));
        let arrays = gradients
            .arrays_mut()
            .zip(first.arrays_mut())
            .zip(second.arrays_mut());
        for ((spec, parameter), ((gradient, first), second)) in decoder.parameters_mut().zip(arrays)
        {
            let (rate, decay) = rates(step, spec.decays());
            let settings = AdamW {
                rate: rate as f32,
                decay: decay as f32,
                beta1: steps.beta1,
                beta2: steps.beta2,
                epsilon: steps.epsilon,
                step: step as u64 + 1,
                gradient_scale: 1.0,
            };
            device.adamw(parameter, gradient, first, second, settings);
        }
    }
    losses.push(case.loss(&decoder, &mut tape, None));
    losses
}

#[test]
fn a_saved_checkpoint_is_the_same_decoder() {
    let device = Arc::new(Reference::new(Precision::F32));
    for (name, title) in CASES {
        let case: Case = json(&format!("decoder/{name}.{title}.json"));
        let truth = tensors(&format!("decoder/{name}.{title}.safetensors"));
        let decoder = Decoder::load(
            &fixtures(&format!("decoder/{name}")),
            device.clone(),
            Use::Infer,
        )
        .unwrap();
        let saved = tempfile::tempdir().unwrap();
        decoder.save(saved.path(), Dtype::F32).unwrap();
        let again = Decoder::load(saved.path(), device.clone(), Use::Infer).unwrap();
        assert_eq!(again.shape, decoder.shape);
        assert_eq!(again.special.bos, Some(1));
        let mut tape = Tape::new(&again, case.ids.len(), Recompute::Light, false);
        again.forward(&case.batch(), &mut tape);
        let logits =
            tensor::Forward::logits(&*device, case.ids.len(), &tape.hidden_nd, again.head());
        let far = apart(&logits, &truth["logits"]);
        assert!(far <= F32, "{name}: {far:.2e}");
    }
}

#[derive(Deserialize)]
struct Table {
    name: String,
    head_dim: usize,
    context: usize,
    positions: Vec<usize>,
    rope_parameters: serde_json::Value,
}

#[test]
fn rotations_are_those_of_transformers() {
    let tables: Vec<Table> = json("rope/tables.json");
    let truth = tensors("rope/tables.safetensors");
    for table in &tables {
        let rope = rope(table);
        let (name, half) = (&table.name, table.head_dim / 2);
        let frequencies = rope.frequencies(table.head_dim);
        let far = apart(&frequencies, &truth[&format!("{name}.frequencies")]);
        assert!(far < 1e-6, "{name}: frequencies are {far:.2e} away");
        let rotation = rope.rotation(table.head_dim, table.context);
        for (what, all) in [("cos", &rotation.cos), ("sin", &rotation.sin)] {
            let wanted = &truth[&format!("{name}.{what}")];
            for (position, wanted) in table.positions.iter().zip(wanted.chunks(half)) {
                let found = &all[position * half..][..half];
                // an angle of 131,071 has no more than 1/128 of a radian in f32, and both sides
                // round it alike unless a frequency differs in its last bit
                let allowed = 1e-6 + 1e-7 * *position as f64;
                let far = found
                    .iter()
                    .zip(wanted)
                    .map(|(a, b)| f64::from((a - b).abs()));
                let far = far.fold(0.0, f64::max);
                assert!(
                    far <= allowed,
                    "{name}: {what} of position {position} is {far:.2e} away"
                );
            }
        }
    }
    assert_eq!(tables.len(), 5);
}

/// The settings of a table, read as the configuration of a checkpoint would be.
fn rope(table: &Table) -> Rope {
    let directory = tempfile::tempdir().unwrap();
    let path = fixtures("decoder/tied/config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    config["rope_parameters"] = table.rope_parameters.clone();
    config["max_position_embeddings"] = table.context.into();
    let config = serde_json::to_vec(&config).unwrap();
    disk::write(&directory.path().join("config.json"), &config).unwrap();
    let (shape, _) = read_config(directory.path()).unwrap();
    if table.name.starts_with("yarn") {
        assert!(matches!(shape.rope.scaling, Some(Scaling::Yarn { .. })));
    }
    shape.rope
}
