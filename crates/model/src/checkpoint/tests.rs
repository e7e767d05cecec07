//! Whole directories: written, read, damaged.

use super::header::tests::file;
use super::{Checkpoint, Dtype, Named, Settings, read_tensors, write, write_tensors};
use crate::example::{batch, decoder, shape};
use crate::{Decoder, Initial, Recompute, Shape, SpecialTokens, Tape, Use, table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::{TempDir, tempdir};
use tensor::{Forward, Precision, Reference};

fn device() -> Reference {
    Reference::new(Precision::F32)
}

fn load(directory: &Path, purpose: Use) -> anyhow::Result<Decoder<Reference>> {
    Decoder::load(directory, Arc::new(device()), purpose)
}

fn special() -> SpecialTokens {
    SpecialTokens {
        bos: Some(1),
        eos: vec![2, 3],
        pad: Some(2),
    }
}

/// A checkpoint of the odd little shape, in shards of at most `shard_bytes`.
fn written(tied: bool, dtype: Dtype, shard_bytes: usize) -> TempDir {
    let directory = tempdir().unwrap();
    let shape = shape(tied);
    let settings = Settings { dtype, shard_bytes };
    write(directory.path(), &shape, &special(), settings, |spec| {
        Initial::from(0.4).values(11, &shape, spec)
    })
    .unwrap();
    directory
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

fn put(path: &Path, bytes: &[u8]) {
    disk::write(path, bytes).unwrap();
}

#[test]
fn saved_and_loaded_and_saved_are_the_same_bytes() {
    for tied in [true, false] {
        for (dtype, purpose) in [(Dtype::F32, Use::Train), (Dtype::Bf16, Use::Infer)] {
            let first = tempdir().unwrap();
            let mut original = decoder(shape(tied), device(), Use::Train);
            original.special = special();
            original.save(first.path(), dtype).unwrap();
            let again = load(first.path(), purpose).unwrap();
            assert_eq!(
                (&again.shape, &again.special),
                (&original.shape, &original.special)
            );
            if dtype == Dtype::F32 {
                assert!(again.parameters().eq(original.parameters()));
            }
            let second = tempdir().unwrap();
            again.save(second.path(), dtype).unwrap();
            let (first, second) = (files(first.path()), files(second.path()));
            assert!(first == second);
            let names: Vec<&str> = first.keys().map(String::as_str).collect();
            assert_eq!(
                names,
                ["config.json", "generation_config.json", "model.safetensors"]
            );
            // What others read: the crate of the format's authors agrees on names and metadata.
            let bytes = &first["model.safetensors"];
            let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
            assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
            let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
            let mut expected: Vec<String> = table(&shape(tied))
                .into_iter()
                .map(|p| p.hugging_face)
                .collect();
            let mut names: Vec<String> = tensors.names().into_iter().map(str::to_owned).collect();
            expected.sort();
            names.sort();
            assert_eq!(names, expected);
        }
    }
}

#[test]
fn shards_hold_what_one_file_holds() {
    let whole = written(false, Dtype::Bf16, usize::MAX);
    let sharded = written(false, Dtype::Bf16, 1000);
    let names: Vec<String> = files(sharded.path()).into_keys().collect();
    let count = names.iter().filter(|n| n.starts_with("model-0000")).count();
    assert!(count > 3, "{names:?}");
    assert!(
        names.contains(&format!("model-00001-of-{count:05}.safetensors")),
        "{names:?}"
    );
    let index: Value = serde_json::from_slice(&files(sharded.path())[super::INDEX]).unwrap();
    let specs = table(&shape(false));
    assert_eq!(index["weight_map"].as_object().unwrap().len(), specs.len());
    assert_eq!(
        index["metadata"]["total_size"],
        2 * shape(false).parameters()
    );
    let [whole_is, sharded_is] = [&whole, &sharded].map(|d| Checkpoint::open(d.path()).unwrap());
    for spec in &specs {
        assert_eq!(whole_is.read(spec).unwrap(), sharded_is.read(spec).unwrap());
    }
    // One layout is never written beside the other, where a reader would take the wrong one.
    for (directory, shard_bytes, found) in [
        (&whole, 1000, "model.safetensors"),
        (&sharded, usize::MAX, super::INDEX),
    ] {
        let settings = Settings {
            dtype: Dtype::Bf16,
            shard_bytes,
        };
        let error = write(
            directory.path(),
            &shape(false),
            &special(),
            settings,
            |spec| vec![0.0; spec.len()],
        );
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(found) && error.contains("remove that first"),
            "{error}"
        );
    }
}

#[test]
fn a_checkpoint_is_written_over_its_own_kind() {
    let directory = written(true, Dtype::F32, usize::MAX);
    let other = decoder(shape(true), device(), Use::Train);
    other.save(directory.path(), Dtype::F32).unwrap();
    let again = load(directory.path(), Use::Train).unwrap();
    assert!(again.parameters().eq(other.parameters()));
}

/// Reads a safetensors file apart, lets `change` loose on header and data, puts it back.
fn edit(path: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>, &mut Vec<u8>)) {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut data = bytes[8 + length..].to_vec();
    change(header.as_object_mut().unwrap(), &mut data);
    let mut whole = file(&header, 0);
    whole.append(&mut data);
    put(path, &whole);
}

#[test]
fn damaged_checkpoints_are_named_in_full() {
    type Edit = fn(&mut serde_json::Map<String, Value>, &mut Vec<u8>);
    let cases: [(Edit, &[&str]); 6] = [
        (
            // 20 bytes short: whatever lies at the end is cut.
            |_, data| data.truncate(data.len() - 20),
            &[
                "model.safetensors is damaged",
                "model.norm.weight: its data should reach to byte",
            ],
        ),
        (
            |header, _| {
                let entry = header.remove("model.norm.weight").unwrap();
                header.insert("model.nrom.weight".to_owned(), entry);
            },
            &[
                "model.norm.weight is missing",
                "model.nrom.weight [10] is one too many",
            ],
        ),
        (
            |header, _| {
                header["model.layers.0.self_attn.q_proj.weight"]["shape"] = json!([10, 24]);
                header["model.layers.1.mlp.up_proj.weight"]["shape"] = json!([140]);
            },
            &[
                "model.layers.0.self_attn.q_proj.weight is [10, 24], but config.json makes it [24, 10]",
                "model.layers.1.mlp.up_proj.weight is [140], but config.json makes it [14, 10]",
            ],
        ),
        (
            |header, _| header["model.norm.weight"]["dtype"] = json!("I32"),
            &["model.norm.weight is of type I32, and only F32, BF16 and F16 are read"],
        ),
        (
            |header, _| {
                let before = header["model.layers.0.mlp.gate_proj.weight"]["data_offsets"].clone();
                header["model.layers.0.mlp.up_proj.weight"]["data_offsets"] = before;
            },
            &[
                "overlaps that of model.layers.0.mlp.",
                "560 bytes before it belong to no tensor",
            ],
        ),
        (
            |header, _| header["model.norm.weight"]["data_offsets"] = json!([0, 40000]),
            &["model.norm.weight: its data should reach to byte 40000"],
        ),
    ];
    for (change, expected) in cases {
        let directory = written(true, Dtype::F32, usize::MAX);
        edit(&directory.path().join("model.safetensors"), change);
        let error = load(directory.path(), Use::Infer)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains(directory.path().to_str().unwrap()),
            "{error}"
        );
        for part in expected {
            assert!(error.contains(part), "{error:?} should say {part:?}");
        }
    }
}

#[test]
fn damaged_directories_are_named_in_full() {
    let error = |directory: &Path| format!("{:#}", load(directory, Use::Infer).err().unwrap());
    // Nothing there; a configuration without weights; one that is no JSON.
    let empty = tempdir().unwrap();
    assert!(error(empty.path()).contains("config.json, and it could not be read"));
    let directory = written(true, Dtype::F32, usize::MAX);
    disk::rename(
        &directory.path().join("model.safetensors"),
        &directory.path().join("pytorch_model.bin"),
    )
    .unwrap();
    assert!(error(directory.path()).contains("neither model.safetensors nor"));
    put(
        &directory.path().join("config.json"),
        "{\"가\": ".as_bytes(),
    );
    assert!(error(directory.path()).contains("does not describe a decoder of ours"));

    // Shards: one gone, one of another model, an index that promises, or reaches outside.
    let index = |directory: &Path, change: fn(&mut Value)| {
        let path = directory.join(super::INDEX);
        let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut index["weight_map"]);
        put(&path, &serde_json::to_vec(&index).unwrap());
    };
    let sharded = || written(false, Dtype::F32, 2000);
    let directory = sharded();
    index(directory.path(), |map| {
        map["model.norm.weight"] = json!("model-00099-of-00099.safetensors");
    });
    assert!(
        error(directory.path()).contains("model-00099-of-00099.safetensors could not be opened")
    );
    let directory = sharded();
    index(directory.path(), |map| {
        map["model.norm.weight"] = map["model.embed_tokens.weight"].clone();
    });
    assert!(error(directory.path()).contains("the index says that model.norm.weight is in"));
    for outside in ["../model.safetensors", "/etc/passwd", ".."] {
        let directory = sharded();
        let path = directory.path().join(super::INDEX);
        put(
            &path,
            &serde_json::to_vec(&json!({ "weight_map": { "a": outside } })).unwrap(),
        );
        assert!(
            error(directory.path()).contains("not a file of the same folder"),
            "{outside}"
        );
    }
    let directory = sharded();
    put(&directory.path().join(super::INDEX), b"[]");
    assert!(error(directory.path()).contains("is no index of shards"));
}

#[test]
fn a_tied_head_may_be_written_out() {
    let directory = written(true, Dtype::F32, usize::MAX);
    edit(
        &directory.path().join("model.safetensors"),
        |header, data| {
            let end = data.len();
            let head =
                json!({ "dtype": "F32", "shape": [23, 10], "data_offsets": [end, end + 920] });
            header.insert("lm_head.weight".to_owned(), head);
            // What the configuration implies was saved too, long ago.
            let buffer =
                json!({ "dtype": "F32", "shape": [3], "data_offsets": [end + 920, end + 932] });
            header.insert(
                "model.layers.0.self_attn.rotary_emb.inv_freq".to_owned(),
                buffer,
            );
            data.resize(end + 932, 0);
        },
    );
    let plain = written(true, Dtype::F32, usize::MAX);
    let [with, without] = [&directory, &plain].map(|d| load(d.path(), Use::Train).unwrap());
    assert!(with.parameters().eq(without.parameters()));
    // Untied, a file without the head is incomplete.
    let mut config = super::config(&shape(true), &special(), Dtype::F32);
    config["tie_word_embeddings"] = json!(false);
    put(
        &plain.path().join("config.json"),
        &serde_json::to_vec(&config).unwrap(),
    );
    let error = load(plain.path(), Use::Train).err().unwrap().to_string();
    assert!(
        error.ends_with("cannot be used: lm_head.weight is missing"),
        "{error}"
    );
}

#[test]
fn halves_are_read_too() {
    let directory = written(true, Dtype::Bf16, usize::MAX);
    let path = directory.path().join("model.safetensors");
    edit(&path, |header, data| {
        for entry in header.values_mut().filter(|e| e.get("dtype").is_some()) {
            entry["dtype"] = json!("F16");
        }
        for half in data.as_chunks_mut::<2>().0 {
            let value = half::bf16::from_le_bytes(*half).to_f32();
            *half = half::f16::from_f32(value).to_le_bytes();
        }
    });
    let bf16 = written(true, Dtype::Bf16, usize::MAX);
    let [halves, bf16] = [&directory, &bf16].map(|d| load(d.path(), Use::Infer).unwrap());
    for ((spec, half), (_, bf16)) in halves.parameters().zip(bf16.parameters()) {
        for (half, bf16) in half.iter().zip(bf16) {
            // Below 2⁻¹⁴ halves are coarser than bfloat16.
            assert!((half - bf16).abs() <= 3e-8, "{}: {half} {bf16}", spec.name);
        }
    }
}

#[test]
fn a_loaded_decoder_computes_the_same() {
    let directory = tempdir().unwrap();
    let original = decoder(shape(false), device(), Use::Train);
    original.save(directory.path(), Dtype::F32).unwrap();
    let again = load(directory.path(), Use::Infer).unwrap();
    let [a, b] = [original, again].map(|decoder| {
        let mut tape = Tape::new(&decoder, 13, Recompute::None, false);
        decoder.forward(&batch(), &mut tape);
        decoder.device.read(&tape.hidden_nd, 130)
    });
    assert_eq!(a, b);
}

#[test]
fn named_tensors_come_back() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("moments.safetensors");
    let values = |seed: usize| move || (0..6).map(|i| (i * seed) as f32 - 0.5).collect();
    let tensors = || {
        [
            Named::new("first/layers.0.attn.q", [2, 3], values(3)),
            Named::new("second/가", vec![6], values(5)),
            Named::new("empty", [0], Vec::new),
        ]
    };
    write_tensors(&path, tensors()).unwrap();
    let read = read_tensors(&path).unwrap();
    assert_eq!(read.names().count(), 3);
    assert_eq!(read.shape("first/layers.0.attn.q"), Some(&[2, 3][..]));
    assert_eq!(read.read("second/가", 6).unwrap(), values(5)());
    assert!(read.read("empty", 0).unwrap().is_empty());
    for (name, len, expected) in [
        ("third", 6, "moments.safetensors has no tensor third"),
        ("second/가", 7, "second/가 in"),
    ] {
        let error = read.read(name, len).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = write_tensors(&path, tensors().into_iter().chain(tensors())).unwrap_err();
    assert!(
        format!("{error:#}").contains("two tensors first/layers.0.attn.q"),
        "{error:#}"
    );
    // The failed attempt left the good file alone, and no half of another.
    assert_eq!(files(directory.path()).len(), 1);
    let mut cut = std::fs::read(&path).unwrap();
    cut.pop();
    put(&path, &cut);
    let error = format!("{:#}", read_tensors(&path).err().unwrap());
    assert!(error.contains("moments.safetensors is damaged"), "{error}");
}

#[test]
fn a_checkpoint_can_be_written_that_never_was_in_memory() {
    // The same numbers as a decoder that begins from this seed.
    let shape: Shape = shape(false);
    let directory = tempdir().unwrap();
    let initial = Initial::default();
    let settings = Settings::of(Dtype::F32);
    write(directory.path(), &shape, &special(), settings, |spec| {
        initial.values(5, &shape, spec)
    })
    .unwrap();
    let streamed = load(directory.path(), Use::Train).unwrap();
    let begun = Decoder::init(shape, Arc::new(device()), 5, initial).unwrap();
    assert!(streamed.parameters().eq(begun.parameters()));
}
