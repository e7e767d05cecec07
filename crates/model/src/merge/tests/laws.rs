//! What holds of any merge: ends, identities, threads, and a naive one beside it.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// A mask of its own that any thread computes alike.
struct Thirds;

impl Masks for Thirds {
    fn fill(&self, place: Place<'_>, _: f64, keep: &mut [bool]) {
        for (index, keep) in keep.iter_mut().enumerate() {
            *keep = !(place.start + index + place.model.len()).is_multiple_of(3);
        }
    }
}

fn close(ours: &[(String, Vec<f32>)], other: &[(String, Vec<f32>)], room: f32) {
    for ((name, ours), (_, other)) in ours.iter().zip(other) {
        for (x, y) in ours.iter().zip(other) {
            assert!((x - y).abs() <= room * y.abs().max(1.0), "{name}: {x} {y}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let bench = Bench::new();
    let shape = shape();
    let given = models(
        ["a", "b", "c"]
            .into_iter()
            .zip(1..)
            .map(|(name, seed)| (name, bench.random(name, &shape, seed))),
    );
    let (two, three) = (&["a", "c"][..], &["a", "b", "c"][..]);
    for (method, names, by_row) in [
        ("linear", three, false),
        ("slerp", two, false),
        ("ties", three, false),
        ("dare_ties", three, false),
        ("dare_linear", three, false),
        ("model_stock", three, false),
        ("model_stock", three, true),
    ] {
        let list: Vec<Value> = names.iter().map(|name| json!({ "model": name })).collect();
        let config = json!({
            "merge_method": method, "base_model": "c", "models": list,
            "parameters": {
                "weight": 0.4, "density": 0.37, "rescale": true, "t": 0.3, "filter_wise": by_row,
            },
        });
        let merged = [1, 2, 5].map(|threads| {
            let folder = bench.merge(config.clone(), &given, Some(&Thirds), threads);
            bytes(&folder.unwrap())
        });
        assert!(merged[0] == merged[1] && merged[1] == merged[2], "{method}");
    }
}

#[test]
fn passthrough_of_all_layers_changes_no_bit() {
    let bench = Bench::new();
    for dtype in [Dtype::F32, Dtype::Bf16] {
        let shape = shape();
        let name = dtype.torch_name();
        let given = models([(
            "a",
            bench.model(name, &shape, dtype, |spec| {
                Initial::from(0.3).values(5, &shape, spec)
            }),
        )]);
        let config = json!({
            "merge_method": "passthrough",
            "slices": [
                { "sources": [{ "model": "a", "layer_range": [0, 1] }] },
                { "sources": [{ "model": "a", "layer_range": [1, 2] }] },
            ],
        });
        let merged = bench.merge(config, &given, None, 2).unwrap();
        let from = bench.0.path().join(name);
        assert!(bytes(&merged) == bytes(&from));
        for file in ["config.json", "generation_config.json"] {
            let read = |folder: &PathBuf| std::fs::read_to_string(folder.join(file)).unwrap();
            assert_eq!(read(&merged), read(&from));
        }
    }
}

#[test]
fn half_precision_is_read_as_it_was_written() {
    let bench = Bench::new();
    let given = models([("a", bench.random("a", &shape(), 6))]);
    let halved = json!({ "merge_method": "passthrough", "models": [{ "model": "a" }], "out_dtype": "float16" });
    let halved = bench.merge(halved, &given, None, 2).unwrap();
    let again = models([("half", Checkpoint::open(&halved).unwrap())]);
    for parameters in [json!({}), json!({ "scale": 1 })] {
        // once by copying bytes, once by way of f32
        let config = json!({ "merge_method": "passthrough", "models": [{ "model": "half" }], "parameters": parameters });
        assert!(bytes(&bench.merge(config, &again, None, 2).unwrap()) == bytes(&halved));
    }
    let exact = tensors(&bench.0.path().join("a/model.safetensors"));
    close(
        &tensors(&halved.join("model.safetensors")),
        &exact,
        1.0 / 2048.0,
    );
}

#[test]
fn shards_are_cut_where_asked_for() {
    let bench = Bench::new();
    let shape = shape();
    let given = models([("a", bench.random("a", &shape, 1))]);
    let folder = bench.0.path().join("sharded");
    std::fs::create_dir(&folder).unwrap();
    let config = json!({ "merge_method": "linear", "models": [{ "model": "a", "parameters": { "weight": 1 } }] });
    let options = Options {
        threads: 2,
        shard_bytes: 100_000,
        progress: &mut |_, _| Ok(()),
    };
    merge(
        &serde_json::from_value(config).unwrap(),
        &given,
        None,
        &folder,
        options,
    )
    .unwrap();
    assert!(folder.join("model.safetensors.index.json").is_file());
    let again = Checkpoint::open(&folder).unwrap();
    for spec in crate::table(&shape) {
        assert_eq!(again.read(&spec).unwrap(), given["a"].read(&spec).unwrap());
    }
}

#[test]
fn a_merge_that_is_stopped_leaves_no_checkpoint() {
    let bench = Bench::new();
    let given = models([("a", bench.random("a", &shape(), 1))]);
    let folder = bench.0.path().join("stopped");
    std::fs::create_dir(&folder).unwrap();
    let config = json!({ "merge_method": "linear", "models": [{ "model": "a", "parameters": { "weight": 1 } }] });
    let options = Options {
        threads: 2,
        shard_bytes: checkpoint::SHARD_BYTES,
        progress: &mut |_, _| anyhow::bail!("stopped"),
    };
    let error = merge(
        &serde_json::from_value(config).unwrap(),
        &given,
        None,
        &folder,
        options,
    );
    assert!(format!("{:#}", error.unwrap_err()).contains("stopped"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// TIES of one model over a base of zeros: what is left are the largest numbers.
#[test]
fn exactly_the_largest_are_kept_even_where_many_are_equal() {
    let bench = Bench::new();
    let shape = shape();
    let coarse = |spec: &ParameterSpec| -> Vec<f32> {
        let fine = Initial::from(1.0).values(9, &shape, spec);
        // a part of the numbers in steps, so that a thousand equal the boundary
        let step = |(index, x): (usize, f32)| {
            if index % 3 == 0 {
                x
            } else {
                (x * 8.0).round() / 8.0
            }
        };
        fine.into_iter().enumerate().map(step).collect()
    };
    let given = models([
        ("a", bench.model("a", &shape, Dtype::F32, coarse)),
        (
            "zero",
            bench.model("zero", &shape, Dtype::F32, |spec| vec![0.0; spec.len()]),
        ),
    ]);
    for density in [0.0001, 0.2, 0.63, 0.95] {
        let config = json!({
            "merge_method": "ties", "base_model": "zero",
            "parameters": { "weight": 1, "density": density, "normalize": false },
            "models": [{ "model": "a" }],
        });
        let merged = bench.merge(config, &given, None, 2).unwrap();
        let merged = tensors(&merged.join("model.safetensors"));
        for spec in crate::table(&shape) {
            let whole = given["a"].read(&spec).unwrap().into_f32();
            let mut order: Vec<usize> = (0..whole.len()).collect();
            // a stable sort: of equal ones the first in row order
            order.sort_by(|a, b| whole[*b].abs().total_cmp(&whole[*a].abs()));
            let mut expected = vec![0.0; whole.len()];
            for &index in &order[..((density * whole.len() as f64) as usize).max(1)] {
                expected[index] = whole[index];
            }
            let (_, found) = merged
                .iter()
                .find(|(name, _)| name == &spec.hugging_face)
                .unwrap();
            assert!(found == &expected, "{} at {density}", spec.hugging_face);
        }
    }
}

fn small() -> Shape {
    Shape {
        vocabulary: 23,
        ..shape()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_model_with_itself_is_itself(one in 0.1f64..2.0, other in 0.1f64..2.0, seed: u64) {
        let bench = Bench::new();
        let given = models([
            ("a", bench.random("a", &small(), seed)),
            ("again", bench.random("again", &small(), seed)),
        ]);
        let merge = |one: f64, other: f64| {
            let config = json!({ "merge_method": "linear", "models": [
                { "model": "a", "parameters": { "weight": one } },
                { "model": "again", "parameters": { "weight": other } },
            ]});
            bench.merge(config, &given, None, 1).unwrap()
        };
        let from = bench.0.path().join("a");
        close(&tensors(&merge(one, other).join("model.safetensors")), &tensors(&from.join("model.safetensors")), 1e-6);
        prop_assert!(bytes(&merge(0.5, 0.5)) == bytes(&from), "halves lose no bit");
    }

    #[test]
    fn the_sphere_has_two_ends(seed: u64) {
        let bench = Bench::new();
        let given = models([
            ("a", bench.random("a", &small(), seed)),
            ("b", bench.random("b", &small(), seed ^ 1)),
        ]);
        for (t, end) in [(0, "a"), (1, "b")] {
            let config = json!({
                "merge_method": "slerp", "base_model": "a", "parameters": { "t": t },
                "models": [{ "model": "a" }, { "model": "b" }],
            });
            let merged = bench.merge(config, &given, None, 2).unwrap();
            prop_assert!(tensors(&merged.join("model.safetensors")) == tensors(&bench.0.path().join(end).join("model.safetensors")));
        }
    }

    #[test]
    fn ties_of_one_whole_difference_is_that_model(seed: u64) {
        let bench = Bench::new();
        let given = models([
            ("a", bench.random("a", &small(), seed)),
            ("base", bench.random("base", &small(), seed ^ 1)),
        ]);
        for method in ["ties", "dare_ties", "task_arithmetic"] {
            let config = json!({
                "merge_method": method, "base_model": "base",
                "parameters": { "density": 1, "weight": 1 },
                "models": [{ "model": "a" }],
            });
            let merged = bench.merge(config, &given, Some(&Thirds), 2).unwrap();
            close(&tensors(&merged.join("model.safetensors")), &tensors(&bench.0.path().join("a/model.safetensors")), 1e-6);
        }
    }

    #[test]
    fn dare_keeps_the_sum_of_magnitudes(seed: u64) {
        let bench = Bench::new();
        let given = models([
            ("a", bench.random("a", &small(), seed)),
            ("zero", bench.model("zero", &small(), Dtype::F32, |spec| vec![0.0; spec.len()])),
        ]);
        let config = json!({
            "merge_method": "dare_linear", "base_model": "zero",
            "parameters": { "density": 0.66, "weight": 1 },
            "models": [{ "model": "a" }],
        });
        let merged = bench.merge(config, &given, Some(&Thirds), 2).unwrap();
        let before = tensors(&bench.0.path().join("a/model.safetensors"));
        for ((name, merged), (_, before)) in tensors(&merged.join("model.safetensors")).iter().zip(&before) {
            let sum = |values: &[f32]| values.iter().map(|x| f64::from(x.abs())).sum::<f64>();
            prop_assert!((sum(merged) / sum(before) - 1.0).abs() < 1e-5, "{name}");
            let dropped = merged.iter().filter(|x| **x == 0.0).count();
            prop_assert!(dropped > 0 && dropped < merged.len());
        }
    }
}
