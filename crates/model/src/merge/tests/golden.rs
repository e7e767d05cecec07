//! Every tensor of every case in `fixtures/merge` beside the one that mergekit wrote.

use super::*;
use std::path::Path;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/merge")
}

/// The masks of `fixtures/merge.py`.
struct Injected {
    others: Vec<String>,
}

impl Masks for Injected {
    fn fill(&self, place: Place<'_>, density: f64, keep: &mut [bool]) {
        let entry = self.others.iter().position(|name| name == place.model);
        let shift = place.tensor.len() * 3 + entry.unwrap() * 5;
        for (index, keep) in keep.iter_mut().enumerate() {
            let digit = ((place.start + index) * 7 + shift) % 10;
            *keep = (digit as f64) < density * 10.0;
        }
    }
}

#[test]
fn every_tensor_is_mergekits() {
    let text = std::fs::read(fixtures().join("cases.json")).unwrap();
    let cases: Value = serde_json::from_slice(&text).unwrap();
    let bench = Bench::new();
    let mut seen = 0;
    for (name, case) in cases["cases"].as_object().unwrap() {
        let config: Config = serde_json::from_value(case.clone()).unwrap();
        let open = |name: &str| {
            let checkpoint = Checkpoint::open(&fixtures().join(name)).unwrap();
            (name.to_owned(), checkpoint)
        };
        let models: Models = config.names().into_iter().map(open).collect();
        let base = config.base_model.as_deref();
        let others = config
            .names()
            .into_iter()
            .filter(|name| Some(*name) != base);
        let masks = Injected {
            others: others.map(str::to_owned).collect(),
        };
        let folder = bench.merge(case.clone(), &models, Some(&masks), 2).unwrap();
        let ours = tensors(&folder.join("model.safetensors"));
        let file = fixtures().join(format!("{name}.safetensors"));
        let theirs = tensors(&file);
        let names = |list: &[(String, Vec<f32>)]| -> Vec<String> {
            list.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&ours), names(&theirs), "{name}");
        // What is written in fewer bits may round to the neighbour; everything else is f32 rounding.
        let stored = check(&config, &models).unwrap().stored;
        let step = match stored {
            Stored::F32 => 2e-6,
            Stored::F16 => 1.0 / 1024.0,
            Stored::Bf16 => 1.0 / 128.0,
        };
        let exact = name == "passthrough";
        let mut same = 0;
        for ((tensor, ours), (_, theirs)) in ours.iter().zip(&theirs) {
            let largest = theirs.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            for (index, (x, y)) in ours.iter().zip(theirs).enumerate() {
                let room = match stored {
                    Stored::F32 => step * largest,
                    _ => step * y.abs().max(1e-3),
                };
                assert!(
                    if exact {
                        x.to_bits() == y.to_bits()
                    } else {
                        (x - y).abs() <= room
                    },
                    "{name}: {tensor}[{index}] is {x}, and mergekit's {y}"
                );
                same += usize::from(x == y);
            }
        }
        let all: usize = theirs.iter().map(|(_, values)| values.len()).sum();
        assert!(
            same * 100 >= all * if stored == Stored::F32 { 40 } else { 99 },
            "{name}: only {same} of {all} numbers are the very same"
        );
        seen += 1;
    }
    assert!(seen >= 18, "only {seen} cases");
}
