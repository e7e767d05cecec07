//! Writing a GGUF file, streamed a tensor at a time, whole or absent.
//!
//! The header says where everything will lie, so it is made before any weight is fetched. Matrices
//! are written in the type that is asked for, or in bf16 where their rows are no whole blocks; of
//! four bits, embedding and head get eight, as in llama.cpp's own files: they are the most sensitive.
//! Gains of norms stay f32.

use super::{Kind, MAGIC, Metadata, Value, decoder, names, rope};
use crate::checkpoint::{Stored, encode};
use crate::{Axis, Numbers, ParameterSpec, Shape, SpecialTokens, table};
use anyhow::{Context, Result, ensure};
use disk::AtomicFile;
use std::io::Write as _;
use std::path::Path;
use tensor::Blocks;

/// Where the data begins, and each tensor.
const ALIGNMENT: usize = 32;

/// Numbers that become bytes at once, about: whole rows.
const PART: usize = 1 << 18;

/// GGUF's numbers for the types of values. A single integer is u32 where it fits, as llama.cpp wants.
const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const LIST: u32 = 9;
const U64: u32 = 10;
const I64: u32 = 11;

/// Writes a decoder of this shape into one file. `metadata` is what is known beside the shape: name,
/// tokenizer, chat template. `values` is asked for every line of the table, in order.
///
/// # Errors
/// The disk's, those of `values`, a type that is not written, or a rotation that GGUF cannot say.
pub fn write(
    path: &Path,
    shape: &Shape,
    special: &SpecialTokens,
    mut metadata: Metadata,
    kind: Kind,
    mut values: impl FnMut(&ParameterSpec) -> Result<Numbers>,
) -> Result<()> {
    let factors = decoder::describe(shape, special, &mut metadata)?;
    metadata.set("general.file_type", Value::Integer(file_type(kind)?));
    metadata.set("general.quantization_version", Value::Integer(2));
    metadata.set("general.alignment", Value::Integer(ALIGNMENT as i64));
    let specs = table(shape);
    // (name, type, shape) of each, and where it begins.
    let mut layout: Vec<(String, Kind, Vec<usize>)> = specs
        .iter()
        .map(|spec| {
            (
                names::of(spec),
                kind_of(kind, spec),
                spec.dimensions.clone(),
            )
        })
        .collect();
    if let Some(factors) = &factors {
        layout.push((rope::FACTORS.to_owned(), Kind::F32, vec![factors.len()]));
    }
    let written = (|| -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        let header = header(&metadata, &layout)?;
        file.write_all(&header)?;
        for (spec, (name, kind, _)) in specs.iter().zip(&layout) {
            let numbers = values(spec).with_context(|| format!("making {name}"))?;
            let bytes = tensor(&mut file, shape, spec, *kind, &numbers)?;
            pad(&mut file, bytes)?;
        }
        if let Some(factors) = &factors {
            let bytes = encode(factors, Stored::F32);
            file.write_all(&bytes)?;
            pad(&mut file, bytes.len())?;
        }
        Ok(file.commit()?)
    })();
    written.with_context(|| format!("writing {}", path.display()))
}

/// llama.cpp's number for a file of mostly this type.
fn file_type(kind: Kind) -> Result<i64> {
    Ok(match kind {
        Kind::F32 => 0,
        Kind::F16 => 1,
        Kind::Blocks(Blocks::Q4_0) => 2,
        Kind::Blocks(Blocks::Q8_0) => 7,
        Kind::Bf16 => 32,
        Kind::Blocks(other) => anyhow::bail!(
            "{} is read but not written; F32, F16, BF16, Q8_0 and Q4_0 are",
            other.name()
        ),
    })
}

/// The type of one tensor.
fn kind_of(kind: Kind, spec: &ParameterSpec) -> Kind {
    let Kind::Blocks(format) = kind else {
        return if spec.is_matrix() { kind } else { Kind::F32 };
    };
    let of_tokens = spec.axes[0].contains(&Axis::Vocabulary);
    match spec.dimensions[..] {
        [_, cols] if !cols.is_multiple_of(format.numbers()) => Kind::Bf16,
        [_, _] if of_tokens => Kind::Blocks(Blocks::Q8_0),
        [_, _] => kind,
        _ => Kind::F32,
    }
}

/// Writes one tensor; gives its bytes.
fn tensor(
    file: &mut AtomicFile,
    shape: &Shape,
    spec: &ParameterSpec,
    kind: Kind,
    numbers: &Numbers,
) -> Result<usize> {
    let cols = spec.dimensions.last().copied().unwrap_or(1);
    let rows = spec.len() / cols;
    ensure!(
        numbers.len() == spec.len(),
        "{} has {} numbers and was given {}",
        spec.name,
        spec.len(),
        numbers.len()
    );
    let order = names::rows_of_file(shape, spec);
    let mut written = 0;
    let mut part = vec![];
    let most = (PART / cols).max(1);
    for first in (0..rows).step_by(most) {
        part.clear();
        for row in first..rows.min(first + most) {
            let ours = order.as_ref().map_or(row, |order| order[row]);
            numbers.extend_f32(ours * cols..(ours + 1) * cols, &mut part);
        }
        let bytes = match kind {
            Kind::F32 => encode(&part, Stored::F32),
            Kind::F16 => encode(&part, Stored::F16),
            Kind::Bf16 => encode(&part, Stored::Bf16),
            Kind::Blocks(format) => {
                let bytes = format.quantise(&part);
                let bytes = bytes.with_context(|| format!("{} is not written", format.name()))?;
                ensure!(
                    format.is_finite(&bytes),
                    "{} holds numbers that are not finite, or too large for a scale of {}: the model \
                     has diverged; quantise an earlier one, or write this one as F32",
                    spec.name,
                    format.name()
                );
                bytes
            }
        };
        written += bytes.len();
        file.write_all(&bytes)?;
    }
    Ok(written)
}

fn pad(file: &mut AtomicFile, written: usize) -> Result<()> {
    let missing = written.next_multiple_of(ALIGNMENT) - written;
    Ok(file.write_all(&[0; ALIGNMENT][..missing])?)
}

fn header(metadata: &Metadata, layout: &[(String, Kind, Vec<usize>)]) -> Result<Vec<u8>> {
    let mut header = MAGIC.to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend((layout.len() as u64).to_le_bytes());
    header.extend((metadata.0.len() as u64).to_le_bytes());
    for (key, value) in &metadata.0 {
        text(&mut header, key);
        value_of(&mut header, value);
    }
    let mut at = 0u64;
    for (name, kind, shape) in layout {
        text(&mut header, name);
        header.extend((shape.len() as u32).to_le_bytes());
        for size in shape.iter().rev() {
            header.extend((*size as u64).to_le_bytes());
        }
        header.extend(kind.number().to_le_bytes());
        header.extend(at.to_le_bytes());
        let bytes = kind.bytes(shape.iter().product());
        let bytes = bytes.with_context(|| format!("{name} has rows of no whole blocks"))?;
        at += bytes.next_multiple_of(ALIGNMENT) as u64;
    }
    header.resize(header.len().next_multiple_of(ALIGNMENT), 0);
    Ok(header)
}

fn text(header: &mut Vec<u8>, text: &str) {
    header.extend((text.len() as u64).to_le_bytes());
    header.extend(text.as_bytes());
}

fn value_of(header: &mut Vec<u8>, value: &Value) {
    let kind = |header: &mut Vec<u8>, kind: u32| header.extend(kind.to_le_bytes());
    let list = |header: &mut Vec<u8>, of: u32, count: usize| {
        header.extend(LIST.to_le_bytes());
        header.extend(of.to_le_bytes());
        header.extend((count as u64).to_le_bytes());
    };
    match value {
        Value::Integer(x) => match u32::try_from(*x) {
            Ok(x) => {
                kind(header, U32);
                header.extend(x.to_le_bytes());
            }
            Err(_) => {
                kind(header, I64);
                header.extend(x.to_le_bytes());
            }
        },
        Value::Large(x) => {
            kind(header, U64);
            header.extend(x.to_le_bytes());
        }
        Value::Float(x) => {
            kind(header, F32);
            header.extend((*x as f32).to_le_bytes());
        }
        Value::Bool(x) => {
            kind(header, BOOL);
            header.push(u8::from(*x));
        }
        Value::Text(x) => {
            kind(header, TEXT);
            text(header, x);
        }
        Value::Texts(x) => {
            list(header, TEXT, x.len());
            x.iter().for_each(|x| text(header, x));
        }
        // llama.cpp reads token types as i32, and everything else that it lists.
        Value::Integers(x) if x.iter().all(|&x| i32::try_from(x).is_ok()) => {
            list(header, I32, x.len());
            x.iter()
                .for_each(|&x| header.extend((x as i32).to_le_bytes()));
        }
        Value::Integers(x) => {
            list(header, I64, x.len());
            x.iter().for_each(|&x| header.extend(x.to_le_bytes()));
        }
        Value::Floats(x) => {
            list(header, F32, x.len());
            x.iter()
                .for_each(|&x| header.extend((x as f32).to_le_bytes()));
        }
        Value::Bools(x) => {
            list(header, BOOL, x.len());
            header.extend(x.iter().map(|&x| u8::from(x)));
        }
    }
}
