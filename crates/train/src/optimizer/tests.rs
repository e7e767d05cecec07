use super::*;
use crate::toy;

fn stepped(settings: OptimizerSettings) -> Vec<(String, Vec<f32>, Vec<f32>)> {
    let mut decoder = toy::decoder();
    let before: Vec<_> = decoder
        .parameters()
        .map(|(spec, x)| (spec.name.clone(), x))
        .collect();
    let mut gradients = decoder.gradients();
    let mut optimizer = Optimizer::new(&decoder, settings);
    // Without a gradient only decay moves a weight: rate 1e-3 = peak 1e-2 · factor 0.1.
    optimizer.step(&mut decoder, &mut gradients, 1e-3, 0.1, 1.0);
    let after = decoder.parameters().map(|(_, x)| x);
    before
        .into_iter()
        .zip(after)
        .map(|((name, a), b)| (name, a, b))
        .collect()
}

#[test]
fn decay_groups() {
    let independent = OptimizerSettings {
        decay: Decay::Independent(0.5),
        ..Default::default()
    };
    let coupled = OptimizerSettings {
        decay: Decay::Coupled(0.5),
        ..Default::default()
    };
    let bare = OptimizerSettings {
        decay_embeddings: false,
        ..independent
    };
    for (settings, kept, embedding) in [
        (independent, 1.0 - 0.5 * 0.1, true),
        (coupled, 1.0 - 0.5 * 1e-3, true),
        (bare, 1.0 - 0.5 * 0.1, false),
    ] {
        for (name, before, after) in stepped(settings) {
            let decays = if name == "embed" {
                embedding
            } else {
                !name.contains("norm")
            };
            let kept = if decays { kept } else { 1.0 };
            for (before, after) in before.iter().zip(after) {
                let wanted = before * kept as f32;
                assert!((after - wanted).abs() <= 1e-6 * wanted.abs(), "{name}");
            }
        }
    }
}

#[test]
fn moments_return_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let step =
        |optimizer: &mut Optimizer<_>, decoder: &mut Decoder<tensor::Reference>, size: f32| {
            let mut gradients = decoder.gradients();
            for (spec, array) in decoder.table().iter().zip(gradients.arrays_mut()) {
                let values: Vec<f32> = (0..spec.len()).map(|i| size * (1.0 + i as f32)).collect();
                decoder.device.write(&values, array);
            }
            optimizer.step(decoder, &mut gradients, 1e-2, 1.0, 1.0);
        };
    let settings = OptimizerSettings::default();
    let mut one = toy::decoder();
    let mut first = Optimizer::new(&one, settings);
    step(&mut first, &mut one, 0.1);
    first.save(&one, dir.path()).unwrap();
    one.save(dir.path(), model::Dtype::F32).unwrap();

    let mut two = Decoder::load(dir.path(), one.device.clone(), model::Use::Train).unwrap();
    let mut second = Optimizer::new(&two, settings);
    second.load(&two, dir.path()).unwrap();
    assert_eq!(second.steps(), 1);
    step(&mut first, &mut one, -0.3);
    step(&mut second, &mut two, -0.3);
    assert_eq!(toy::weights(&one), toy::weights(&two));

    let mut other = toy::shape();
    other.ffn = 16;
    let other = Decoder::init(other, one.device.clone(), 7, 0.05).unwrap();
    let error = Optimizer::new(&other, settings)
        .load(&other, dir.path())
        .unwrap_err();
    assert!(error.to_string().contains("another model"), "{error}");
    let error = Optimizer::new(&other, settings).load(&other, &dir.path().join("없음"));
    assert!(error.unwrap_err().to_string().contains("없음"));
}
