//! Files written and read back, and files that lie.

use super::{Gguf, Kind, Metadata, Value, parse, write};
use crate::example::{batch, decoder, shape};
use crate::{
    Decoder, Numbers, Recompute, Scaling, Shape, SpecialTokens, Storage, Tape, Use, table,
};
use std::path::Path;
use std::sync::Arc;
use tensor::{Blocks, Forward as _, Precision, Reference};

/// Sizes that are whole blocks of 32.
fn wide(tied: bool) -> Shape {
    Shape {
        width: 64,
        ffn: 96,
        head_dim: 16,
        ..shape(tied)
    }
}

fn special() -> SpecialTokens {
    SpecialTokens {
        bos: Some(1),
        eos: vec![2, 7],
        pad: Some(3),
    }
}

fn metadata() -> Metadata {
    let mut metadata = Metadata::default();
    let tokens = ["가", "나다", "Ġa", "\u{1F600}"].map(str::to_owned);
    metadata.set("tokenizer.ggml.tokens", Value::Texts(tokens.to_vec()));
    metadata.set("tokenizer.ggml.token_type", Value::Integers(vec![1, 3, -1]));
    metadata.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
    metadata.set("some.number", Value::Float(0.5));
    metadata.set("some.numbers", Value::Floats(vec![0.25, -1.0]));
    metadata.set("some.answers", Value::Bools(vec![true, false]));
    metadata.set("far.below", Value::Integer(-5));
    metadata
}

fn written(folder: &Path, shape: &Shape, kind: Kind) -> (Gguf, Decoder<Reference>) {
    let model = decoder(shape.clone(), Reference::new(Precision::F32), Use::Train);
    let path = folder.join("model.gguf");
    let all: Vec<Vec<f32>> = model.parameters().map(|(_, values)| values).collect();
    let mut values = all.into_iter();
    write(&path, shape, &special(), metadata(), kind, |_| {
        Ok(Numbers::F32(values.next().unwrap()))
    })
    .unwrap();
    (Gguf::open(&path).unwrap(), model)
}

fn hidden(model: &Decoder<Reference>) -> Vec<f32> {
    let batch = batch();
    let mut tape = Tape::new(model, batch.rows(), Recompute::None, false);
    model.forward(&batch, &mut tape);
    model
        .device
        .read(&tape.hidden_nd, batch.rows() * model.shape.width)
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for tied in [true, false] {
        let (file, model) = written(folder.path(), &wide(tied), Kind::F32);
        for (key, value) in metadata().0 {
            assert_eq!(file.metadata.0.get(&key), Some(&value), "{key}");
        }
        let device = Arc::new(Reference::new(Precision::F32));
        let read = Decoder::load(file.path(), device.clone(), Use::Infer).unwrap();
        assert_eq!(read.shape, model.shape);
        assert_eq!(read.special, special());
        for ((spec, found), (_, wanted)) in read.parameters().zip(model.parameters()) {
            assert_eq!(found, wanted, "{}", spec.name);
        }
        assert_eq!(hidden(&read), hidden(&model));
        let train = Decoder::load(file.path(), device, Use::Train).unwrap();
        assert_eq!(hidden(&train), hidden(&model));
    }
}

#[test]
fn queries_and_keys_are_interleaved_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, model) = written(folder.path(), &wide(true), Kind::F32);
    let map = disk::Map::open(file.path()).unwrap();
    let (e, d) = (model.shape.head_dim, model.shape.width);
    for (name, which) in [("attn_q", "q"), ("attn_k", "k")] {
        let tensor = &file.tensors[&format!("blk.1.{name}.weight")];
        let theirs = map.f32s_of(tensor.range.clone()).unwrap();
        let (_, ours) = model
            .parameters()
            .find(|(spec, _)| spec.name == format!("layers.1.attn.{which}"))
            .unwrap();
        // the second head: row 2i is i of the first half, row 2i + 1 of the second
        for i in 0..e / 2 {
            for (theirs_at, ours_at) in [(2 * i, i), (2 * i + 1, i + e / 2)] {
                let row = |rows: &[f32], at: usize| rows[(e + at) * d..(e + at + 1) * d].to_vec();
                assert_eq!(row(theirs, theirs_at), row(&ours, ours_at), "{name}");
            }
        }
    }
}

#[test]
fn quantised_files_hold_what_quantising_gives() {
    let folder = tempfile::tempdir().unwrap();
    let device = || Arc::new(Reference::new(Precision::F32));
    for format in [Blocks::Q8_0, Blocks::Q4_0] {
        let (file, model) = written(folder.path(), &wide(false), Kind::Blocks(format));
        let read = Decoder::load(file.path(), device(), Use::Infer).unwrap();
        let dense = Decoder::load(file.path(), device(), Use::InferIn(Storage::Dense)).unwrap();
        for (((spec, found), (_, dense)), (_, exact)) in read
            .parameters()
            .zip(dense.parameters())
            .zip(model.parameters())
        {
            let kind = file.kind(spec).unwrap();
            let tokens = matches!(spec.name.as_str(), "embed" | "head");
            let wanted = match (spec.is_matrix(), tokens) {
                (false, _) => Kind::F32,
                (_, true) => Kind::Blocks(Blocks::Q8_0),
                _ => Kind::Blocks(format),
            };
            assert_eq!(kind, wanted, "{}", spec.name);
            let mut wanted = exact.clone();
            if let Kind::Blocks(format) = kind {
                let bytes = format.quantise(&exact).unwrap();
                format.dequantise(&bytes, &mut wanted);
            }
            assert_eq!(found, wanted, "{}", spec.name);
            assert_eq!(dense, wanted, "{}", spec.name);
        }
        let train = Decoder::load(file.path(), device(), Use::Train).unwrap();
        assert!(
            train
                .parameters()
                .zip(read.parameters())
                .all(|(a, b)| a.1 == b.1)
        );
    }
}

#[test]
fn storages_are_chosen_when_loading() {
    let folder = tempfile::tempdir().unwrap();
    let (file, model) = written(folder.path(), &wide(true), Kind::F32);
    let device = || Arc::new(Reference::new(Precision::F32));
    for (storage, format) in [(Storage::Int8, Blocks::Q8_0), (Storage::Int4, Blocks::Q4_0)] {
        let read = Decoder::load(file.path(), device(), Use::InferIn(storage)).unwrap();
        for ((spec, found), (_, mut wanted)) in read.parameters().zip(model.parameters()) {
            let format = if spec.name == "embed" {
                Blocks::Q8_0
            } else {
                format
            };
            if spec.is_matrix() {
                let bytes = format.quantise(&wanted).unwrap();
                format.dequantise(&bytes, &mut wanted);
            }
            assert_eq!(found, wanted, "{}", spec.name);
        }
    }
    // rows that are no whole blocks stay numbers
    let odd = decoder(
        shape(true),
        Reference::new(Precision::F32),
        Use::InferIn(Storage::Int4),
    );
    let plain = decoder(shape(true), Reference::new(Precision::F32), Use::Infer);
    assert!(
        odd.parameters()
            .zip(plain.parameters())
            .all(|(a, b)| a.1 == b.1)
    );
}

#[test]
fn scalings_survive_the_way_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let llama = |factor, high, original| Scaling::Llama3 {
        factor,
        low_frequency_factor: 1.0,
        high_frequency_factor: high,
        original_context: original,
    };
    let yarn = |attention_factor| Scaling::Yarn {
        factor: 4.0,
        original_context: 8192,
        beta_fast: 16.0,
        beta_slow: 1.0,
        attention_factor,
        mscale: None,
        mscale_all_dim: None,
        truncate: true,
    };
    for scaling in [
        None,
        Some(Scaling::Linear { factor: 2.0 }),
        Some(llama(8.0, 4.0, 8192)),
        Some(llama(32.0, 4.0, 8192)),
        Some(llama(4.0, 8.0, 2048)),
        Some(yarn(None)),
        Some(yarn(Some(1.5))),
    ] {
        let mut shape = Shape {
            head_dim: 64,
            context: 32768,
            ..wide(true)
        };
        shape.rope.scaling = scaling.clone();
        let (file, model) = written(folder.path(), &shape, Kind::Bf16);
        let (read, _) = file.decoder().unwrap();
        let (found, wanted) = (
            read.rope.rotation(64, 200),
            model.shape.rope.rotation(64, 200),
        );
        for (found, wanted) in found.cos.iter().zip(&wanted.cos) {
            assert!(
                (found - wanted).abs() < 1e-5,
                "{scaling:?} became {:?}",
                read.rope
            );
        }
        if !matches!(
            scaling,
            Some(Scaling::Yarn {
                attention_factor: Some(_),
                ..
            })
        ) {
            assert_eq!(read.rope, shape.rope);
        }
    }
}

/// llama.cpp takes linear scaling where no type is said, and the key of older files has none.
#[test]
fn a_factor_without_a_type_is_linear() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, _) = written(folder.path(), &wide(true), Kind::F16);
    let (new, old) = ("llama.rope.scaling.factor", "llama.rope.scale_linear");
    let linear = |factor| Some(Scaling::Linear { factor });
    let scaling = |file: &Gguf| file.decoder().unwrap().0.rope.scaling;
    assert_eq!(scaling(&file), None);
    for key in [new, old] {
        for (factor, wanted) in [(4.0, linear(4.0)), (1.0, None), (0.0, None)] {
            file.metadata.set(key, Value::Float(factor));
            assert_eq!(scaling(&file), wanted, "{key} = {factor}");
        }
        file.metadata.0.remove(key);
    }
    file.metadata.set(new, Value::Float(2.0));
    file.metadata.set(old, Value::Float(8.0));
    assert_eq!(scaling(&file), linear(2.0), "the newer key goes first");
    let none = Value::Text("none".to_owned());
    file.metadata.set("llama.rope.scaling.type", none);
    assert_eq!(scaling(&file), None, "where none is wanted there is none");
}

/// A model that diverged must not become one that answers.
#[test]
fn what_is_no_number_is_not_quantised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("갈라진.gguf");
    let shape = wide(true);
    let model = decoder(shape.clone(), Reference::new(Precision::F32), Use::Train);
    let spoilt = "layers.1.mlp.down";
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9] {
        let write_as = |kind| {
            let mut values = model.parameters().map(|(spec, mut values)| {
                if spec.name == spoilt {
                    values[70] = bad;
                }
                values
            });
            write(&path, &shape, &special(), metadata(), kind, |_| {
                Ok(Numbers::F32(values.next().unwrap()))
            })
        };
        for format in [Blocks::Q8_0, Blocks::Q4_0] {
            let error = write_as(Kind::Blocks(format)).unwrap_err();
            let error = format!("{error:#}");
            for word in [spoilt, format.name(), "not finite"] {
                assert!(error.contains(word), "{bad}: {error}");
            }
            assert!(!path.exists(), "{bad}");
        }
        write_as(Kind::F32).unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}

/// A file in which one thing is changed must be refused with a sentence that says what.
#[test]
fn lies_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = written(folder.path(), &wide(true), Kind::Blocks(Blocks::Q8_0));
    let good = std::fs::read(file.path()).unwrap();
    let refused = |bytes: &[u8]| format!("{:#}", parse::read(bytes).unwrap_err());
    let find = |text: &str| {
        good.windows(text.len())
            .position(|window| window == text.as_bytes())
            .unwrap()
    };
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    assert!(refused(b"PK\x03\x04 something else").contains("does not begin with GGUF"));
    assert!(refused(&changed(4, &[1])).contains("version is 1"));
    assert!(refused(&changed(4, &[0, 0, 0, 3])).contains("big-endian"));
    let huge = u64::MAX.to_le_bytes();
    assert!(refused(&changed(8, &huge)).contains("tensors"));
    assert!(refused(&changed(16, &huge)).contains("metadata"));
    assert!(refused(&good[..good.len() - 1]).contains("past the end of the file"));
    let tokens = find("tokenizer.ggml.tokens") + "tokenizer.ggml.tokens".len() + 8;
    assert!(refused(&changed(tokens, &huge)).contains("entries of a list"));
    assert!(refused(&changed(tokens - 4, &[9])).contains("list of lists"));
    // blk.0.attn_v.weight: dimensions, two sizes, type, offset
    let v = find("blk.0.attn_v.weight") + "blk.0.attn_v.weight".len();
    assert!(refused(&changed(v, &[9])).contains("9 dimensions"));
    assert!(refused(&changed(v + 20, &[10])).contains("is of type 10"));
    assert!(refused(&changed(v + 24, &[1])).contains("no multiple of 32"));
    assert!(refused(&changed(v + 24, &[0; 8])).contains("overlaps"));
    assert!(refused(&changed(v + 4, &[33])).contains("no whole blocks of Q8_0"));
    assert!(refused(&changed(v + 4, &huge)).contains("blk.0.attn_v.weight"));
}

#[test]
fn what_is_not_computed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut file, _) = written(folder.path(), &wide(true), Kind::F16);
    let mut refused = |key: &str, value: Value| {
        let before = file.metadata.0.insert(key.to_owned(), value);
        let error = format!("{:#}", file.decoder().unwrap_err());
        match before {
            Some(before) => file.metadata.0.insert(key.to_owned(), before),
            None => file.metadata.0.remove(key),
        };
        error
    };
    let text = |text: &str| Value::Text(text.to_owned());
    assert!(refused("general.architecture", text("gemma3")).contains("gemma3"));
    assert!(refused("llama.expert_count", Value::Integer(8)).contains("expert_count"));
    assert!(refused("llama.block_count", text("two")).contains("a text"));
    assert!(refused("llama.block_count", Value::Integer(-1)).contains("below 0"));
    assert!(
        refused("llama.block_count", Value::Integer(3)).contains("blk.2.attn_q.weight is missing")
    );
    assert!(refused("llama.block_count", Value::Integer(1)).contains("one too many"));
    assert!(refused("llama.block_count", Value::Integer(1 << 40)).contains("layers"));
    assert!(refused("llama.attention.head_count", Value::Integer(0)).contains("head_count"));
    assert!(refused("llama.feed_forward_length", Value::Integer(64)).contains("ffn_down"));
    let lists = Value::Integers(vec![2, 4]);
    assert!(refused("llama.attention.head_count_kv", lists).contains("layer to layer"));
    assert!(refused("llama.rope.dimension_count", Value::Integer(8)).contains("rotated whole"));
    assert!(file.decoder().is_ok());
}

/// Bytes flipped, overwritten and cut off by chance: an error or a model, never a panic.
#[test]
fn mutations_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = written(folder.path(), &wide(true), Kind::Blocks(Blocks::Q4_0));
    let good = std::fs::read(file.path()).unwrap();
    let header = file
        .tensors
        .values()
        .map(|tensor| tensor.range.start)
        .min()
        .unwrap();
    let mut state = 1u64;
    let mut chance = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let path = folder.path().join("mutated.gguf");
    let mut opened = 0;
    for round in 0..4000 {
        let mut bytes = good.clone();
        for _ in 0..1 + chance(4) {
            let at = 4 + chance(header - 4);
            match chance(4) {
                0 => bytes[at] ^= 1 << chance(8),
                1 => bytes[at] = [0, 255, 127, 128][chance(4)],
                2 => {
                    let end = bytes.len().min(at + 8);
                    bytes[at..end].fill([0, 255][chance(2)]);
                }
                _ => bytes.truncate(at.max(chance(good.len()))),
            }
            if bytes.len() < header {
                break;
            }
        }
        let Ok((metadata, tensors)) = parse::read(&bytes) else {
            continue;
        };
        opened += 1;
        let file = Gguf {
            path: path.clone(),
            metadata,
            tensors,
        };
        let Ok((shape, _)) = file.decoder() else {
            continue;
        };
        if round % 40 == 0 {
            disk::write(&path, &bytes).unwrap();
            for spec in table(&shape) {
                assert_eq!(file.read(&shape, &spec).unwrap().len(), spec.len());
            }
        }
    }
    assert!(opened > 100, "only {opened} mutations were plausible");
}

/// The tokenizer names one end, the checkpoint three: none is lost, whichever comes first.
#[test]
fn every_end_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ends.gguf");
    let shape = wide(true);
    let model = decoder(shape.clone(), Reference::new(Precision::F32), Use::Train);
    let all: Vec<Vec<f32>> = model.parameters().map(|(_, values)| values).collect();
    for named in [2, 7, 9] {
        let mut metadata = metadata();
        metadata.set("tokenizer.ggml.eos_token_id", Value::Integer(named));
        let special = SpecialTokens {
            eos: vec![2, 7, 9],
            ..special()
        };
        let mut values = all.iter().cloned();
        write(&path, &shape, &special, metadata, Kind::F32, |_| {
            Ok(Numbers::F32(values.next().unwrap()))
        })
        .unwrap();
        let (_, mut read) = Gguf::open(&path).unwrap().decoder().unwrap();
        read.eos.sort_unstable();
        assert_eq!(read.eos, [2, 7, 9], "with {named} named");
    }
}
