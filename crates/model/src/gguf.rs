//! GGUF, llama.cpp's file of a whole model: metadata, then tensors, quantised or not.
//!
//! Format: `GGUF`, a version, the counts of tensors and of metadata; the metadata (`key → type,
//! value`); of each tensor its name, sizes (the fastest first), type and place; padding; the data.
//! Every length is checked against what is left of the file before anything is made of it.
//!
//! Read are decoders of architecture `llama` with tensors of F32, F16, BF16 and the formats of
//! [`Blocks`]; written are F32, F16, BF16, Q8_0 and Q4_0. Queries and keys lie in the file in another order
//! of rows than here (`names.rs`). The tokenizer in the metadata is carried as it is; it is the
//! tokenizer's own business.

mod decoder;
mod metadata;
mod names;
mod parse;
mod rope;
mod write;

pub use metadata::{Metadata, Value};
pub use write::write;

use crate::{Numbers, ParameterSpec, Shape, SpecialTokens, table};
use anyhow::{Context, Result, bail, ensure};
use disk::Map;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tensor::Blocks;

/// What a GGUF file begins with.
pub const MAGIC: &[u8; 4] = b"GGUF";

/// The type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// Quantised.
    Blocks(Blocks),
}

impl Kind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Kind> {
        let plain = [Kind::F32, Kind::F16, Kind::Bf16];
        plain
            .into_iter()
            .chain(Blocks::ALL.into_iter().map(Kind::Blocks))
    }

    /// llama.cpp's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::F32 => "F32",
            Kind::F16 => "F16",
            Kind::Bf16 => "BF16",
            Kind::Blocks(format) => format.name(),
        }
    }

    /// llama.cpp's number.
    fn number(self) -> u32 {
        match self {
            Kind::F32 => 0,
            Kind::F16 => 1,
            Kind::Bf16 => 30,
            Kind::Blocks(format) => match format {
                Blocks::Q4_0 => 2,
                Blocks::Q4_1 => 3,
                Blocks::Q5_0 => 6,
                Blocks::Q5_1 => 7,
                Blocks::Q8_0 => 8,
                Blocks::Q4K => 12,
                Blocks::Q5K => 13,
                Blocks::Q6K => 14,
            },
        }
    }

    /// Bytes of so many numbers of one row after another; nothing where they are no whole blocks.
    pub fn bytes(self, numbers: usize) -> Option<usize> {
        match self {
            Kind::F32 => numbers.checked_mul(4),
            Kind::F16 | Kind::Bf16 => numbers.checked_mul(2),
            Kind::Blocks(format) => {
                let whole = numbers.is_multiple_of(format.numbers());
                let blocks = whole.then_some(numbers / format.numbers())?;
                blocks.checked_mul(format.bytes())
            }
        }
    }
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its type.
    pub kind: Kind,
    /// `[rows, cols]`, or `[len]`: the slowest first.
    pub shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub range: Range<usize>,
}

/// An open file whose every claim has been checked, but for what the metadata means.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    /// Everything that is said about the model.
    pub metadata: Metadata,
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Whether a path is a GGUF file: by its first bytes, not by its name.
pub fn is_gguf(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *MAGIC
}

impl Gguf {
    /// Opens a file and checks its header whole.
    ///
    /// # Errors
    /// The file is missing, cut off, of another kind, or lies about itself.
    pub fn open(path: &Path) -> Result<Gguf> {
        let map = Map::open(path)?;
        let (metadata, tensors) = parse::read(map.bytes())
            .with_context(|| format!("{} is no GGUF file that can be used", path.display()))?;
        Ok(Gguf {
            path: path.to_owned(),
            metadata,
            tensors,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The decoder that the metadata describes, checked against the tensors.
    ///
    /// # Errors
    /// One that names everything found wrong: metadata that is missing or says what is not computed
    /// here, tensors that are missing, too many, or of another shape.
    pub fn decoder(&self) -> Result<(Shape, SpecialTokens)> {
        decoder::understand(self)
            .and_then(|(shape, special)| {
                self.compare(&shape)?;
                Ok((shape, special))
            })
            .with_context(|| format!("{} holds no decoder of ours", self.path.display()))
    }

    fn compare(&self, shape: &Shape) -> Result<()> {
        let specs = table(shape);
        let mut problems = Vec::new();
        for spec in &specs {
            let name = names::of(spec);
            match self.tensors.get(&name) {
                None => problems.push(format!("{name} is missing")),
                Some(tensor) if tensor.shape != spec.dimensions => problems.push(format!(
                    "{name} is {:?}, but the metadata makes it {:?}",
                    tensor.shape, spec.dimensions
                )),
                Some(_) => {}
            }
        }
        let known: BTreeSet<String> = specs.iter().map(names::of).collect();
        let more = self.tensors.keys().filter(|name| !known.contains(*name));
        for name in more.filter(|name| *name != rope::FACTORS) {
            problems.push(format!(
                "{name} is one too many: no such decoder is computed here"
            ));
        }
        if !problems.is_empty() {
            const MOST: usize = 8;
            let count = problems.len();
            problems.truncate(MOST);
            if count > MOST {
                problems.push(format!("and {} more", count - MOST));
            }
            bail!("{}", problems.join("; "));
        }
        Ok(())
    }

    /// The type in which a parameter lies in the file.
    ///
    /// # Errors
    /// There is no such parameter.
    pub fn kind(&self, spec: &ParameterSpec) -> Result<Kind> {
        Ok(self.tensor(&names::of(spec))?.kind)
    }

    /// One parameter, its rows in our order: quantised blocks stay blocks, bf16 stays bf16, f16
    /// becomes f32. What lies in our order already is not copied but mapped.
    ///
    /// # Errors
    /// There is no such parameter, or the file has changed since it was opened.
    pub fn read(&self, shape: &Shape, spec: &ParameterSpec) -> Result<Numbers> {
        let name = names::of(spec);
        let tensor = self.tensor(&name)?;
        let map = Map::open(&self.path)?;
        let Some(bytes) = map.bytes().get(tensor.range.clone()) else {
            bail!(
                "{} has become shorter while it was read",
                self.path.display()
            )
        };
        if let Some(rows) = names::rows(shape, spec) {
            ensure!(!bytes.is_empty(), "{name} is empty");
            let row = bytes.len() / rows.len();
            let mut ordered = Vec::with_capacity(bytes.len());
            for at in rows {
                ordered.extend_from_slice(&bytes[at * row..(at + 1) * row]);
            }
            return Ok(Numbers::of_bytes(tensor.kind, ordered));
        }
        Ok(Numbers::mapped(tensor.kind, map, tensor.range.clone()))
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        let found = self.tensors.get(name);
        found.with_context(|| format!("{} has no tensor {name}", self.path.display()))
    }
}

#[cfg(test)]
mod tests;
