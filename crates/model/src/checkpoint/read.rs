//! Reading: a checkpoint directory, checked whole before the first weight is used; or named tensors.
//!
//! Files are memory-mapped and copied out a tensor at a time. The map is opened anew for each, so
//! that pages already copied do not stay counted beside the device's own copy: reading 4 GB for
//! inference takes 4 GB, not 8.

use super::header::{self, Entry, Stored};
use super::read_config;
use crate::gguf::Kind;
use crate::{Axis, Numbers, ParameterSpec, Shape, SpecialTokens, table};
use anyhow::{Context, Result, bail, ensure};
use disk::Map;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A checkpoint directory whose every file has been checked against the parameter table.
pub struct Checkpoint {
    /// The decoder that its configuration describes.
    pub shape: Shape,
    /// The tokens that its configuration names.
    pub special: SpecialTokens,
    pub(super) tensors: BTreeMap<String, (PathBuf, Entry)>,
}

impl Checkpoint {
    /// Opens a Hugging Face directory: configuration, then one file or shards with their index.
    ///
    /// # Errors
    /// One error that names everything found wrong: missing and extra tensors, wrong shapes and
    /// types, files cut off or lying about themselves.
    pub fn open(directory: &Path) -> Result<Self> {
        let (shape, special) = read_config(directory)?;
        let files = files(directory)?;
        let mut problems = Vec::new();
        let mut tensors: BTreeMap<String, (PathBuf, Entry)> = BTreeMap::new();
        for (path, promised) in files {
            let entries = match open(&path) {
                Ok(entries) => entries,
                Err(error) => {
                    problems.push(format!("{error:#}"));
                    continue;
                }
            };
            if let Some(promised) = promised {
                let within: BTreeSet<String> = entries.keys().cloned().collect();
                for name in promised.difference(&within) {
                    let file = path.display();
                    problems.push(format!(
                        "the index says that {name} is in {file}; it is not"
                    ));
                }
            }
            for (name, entry) in entries {
                if let Some((other, _)) = tensors.get(&name) {
                    problems.push(twice(&name, other, &path));
                } else {
                    tensors.insert(name, (path.clone(), entry));
                }
            }
        }
        // With a file unreadable, everything in it would be reported missing as well.
        if problems.is_empty() {
            problems = compare(&shape, &tensors);
        }
        if !problems.is_empty() {
            bail!(
                "the checkpoint {} cannot be used: {}",
                directory.display(),
                problems.join("; ")
            );
        }
        Ok(Checkpoint {
            shape,
            special,
            tensors,
        })
    }

    /// Copies one parameter out: bf16 stays bf16, f16 becomes f32.
    ///
    /// # Errors
    /// The file has changed or vanished since it was opened.
    pub fn read(&self, spec: &ParameterSpec) -> Result<Numbers> {
        let (path, entry) = self
            .tensors
            .get(&spec.hugging_face)
            .with_context(|| format!("the checkpoint has no tensor {}", spec.hugging_face))?;
        copy(path, entry)
    }
}

impl Checkpoint {
    /// One parameter where it lies: bf16 and f32 are not copied, f16 becomes f32.
    ///
    /// # Errors
    /// The file has changed or vanished since it was opened.
    pub fn mapped(&self, spec: &ParameterSpec) -> Result<Numbers> {
        let (path, entry) = self
            .tensors
            .get(&spec.hugging_face)
            .with_context(|| format!("the checkpoint has no tensor {}", spec.hugging_face))?;
        let map = Map::open(path)?;
        ensure!(
            map.bytes().get(entry.range.clone()).is_some(),
            "{} has become shorter while it was read",
            path.display()
        );
        let kind = match entry.stored() {
            Some(Stored::F32) => Kind::F32,
            Some(Stored::Bf16) => Kind::Bf16,
            _ => Kind::F16,
        };
        Ok(Numbers::mapped(kind, map, entry.range.clone()))
    }
}

fn twice(name: &str, one: &Path, other: &Path) -> String {
    format!(
        "{name} is both in {} and in {}",
        one.display(),
        other.display()
    )
}

/// The files of a directory, each with the tensors that the index promises to be in it.
fn files(directory: &Path) -> Result<Vec<(PathBuf, Option<BTreeSet<String>>)>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let single = directory.join(super::SINGLE);
    if single.exists() {
        return Ok(vec![(single, None)]);
    }
    let path = directory.join(super::INDEX);
    ensure!(
        path.exists(),
        "the checkpoint {} has neither {} nor {}; PyTorch's own .bin files are not read",
        directory.display(),
        super::SINGLE,
        super::INDEX
    );
    let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let index: Index = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no index of shards", path.display()))?;
    let mut files: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for (tensor, file) in index.weight_map {
        // Only plain names: an index must not reach outside its own folder.
        let plain = Path::new(&file)
            .file_name()
            .is_some_and(|name| name == file.as_str());
        ensure!(
            plain,
            "{} places {tensor} in \"{file}\", which is not a file of the same folder",
            path.display()
        );
        files
            .entry(directory.join(file))
            .or_default()
            .insert(tensor);
    }
    Ok(files
        .into_iter()
        .map(|(f, names)| (f, Some(names)))
        .collect())
}

fn open(path: &Path) -> Result<BTreeMap<String, Entry>> {
    let map = Map::open(path).with_context(|| format!("{} could not be opened", path.display()))?;
    header::read(map.bytes()).with_context(|| format!("{} is damaged", path.display()))
}

/// Everything in which the tensors differ from the table.
fn compare(shape: &Shape, tensors: &BTreeMap<String, (PathBuf, Entry)>) -> Vec<String> {
    let specs = table(shape);
    let mut problems = Vec::new();
    for spec in &specs {
        let name = &spec.hugging_face;
        match tensors.get(name) {
            None => problems.push(format!("{name} is missing")),
            Some((_, entry)) if entry.shape != spec.dimensions => problems.push(format!(
                "{name} is {:?}, but config.json makes it {:?}",
                entry.shape, spec.dimensions
            )),
            Some((_, entry)) if entry.stored().is_none() => problems.push(format!(
                "{name} is of type {}, and only F32, BF16 and F16 are read",
                entry.dtype
            )),
            Some(_) => {}
        }
    }
    let known: BTreeSet<&str> = specs.iter().map(|s| s.hugging_face.as_str()).collect();
    for (name, (_, entry)) in tensors {
        if known.contains(name.as_str()) {
            continue;
        }
        // A tied head is sometimes written out as well; the embedding is what counts.
        let tied_head = name == "lm_head.weight"
            && entry.shape == [shape.size(Axis::Vocabulary), shape.size(Axis::Width)];
        // Buffers that old versions of transformers saved; they follow from the configuration.
        let buffer = name.ends_with(".rotary_emb.inv_freq");
        if !tied_head && !buffer {
            problems.push(format!(
                "{name} {:?} is one too many: the decoder of config.json has no such tensor",
                entry.shape
            ));
        }
    }
    problems
}

/// Copies the numbers of one entry out of its file.
fn copy(path: &Path, entry: &Entry) -> Result<Numbers> {
    let map = Map::open(path).with_context(|| format!("{} could not be opened", path.display()))?;
    let bytes = map
        .bytes()
        .get(entry.range.clone())
        .with_context(|| format!("{} has become shorter while it was read", path.display()))?;
    let halves = || {
        bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| u16::from_le_bytes(*b))
    };
    Ok(match entry.stored() {
        Some(Stored::F32) => Numbers::F32(
            bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
        ),
        Some(Stored::Bf16) => Numbers::Bf16(halves().collect()),
        Some(Stored::F16) => Numbers::F32(
            halves()
                .map(|bits| half::f16::from_bits(bits).to_f32())
                .collect(),
        ),
        None => bail!(
            "a tensor of {} is of type {}, and only F32, BF16 and F16 are read",
            path.display(),
            entry.dtype
        ),
    })
}

/// A safetensors file of named tensors that belong to no decoder, such as an optimizer's moments.
pub struct Tensors {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// Opens a file that [`write_tensors`](super::write_tensors) wrote; its header is checked whole.
///
/// # Errors
/// The file is missing, cut off or lies about itself.
pub fn read_tensors(path: &Path) -> Result<Tensors> {
    Ok(Tensors {
        entries: open(path)?,
        path: path.to_owned(),
    })
}

impl Tensors {
    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The values of a tensor, `len` of them.
    ///
    /// # Errors
    /// No such tensor, or not of that length; the sentence names it and the file.
    pub fn read(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let entry = self
            .entries
            .get(name)
            .with_context(|| format!("{} has no tensor {name}", self.path.display()))?;
        let found: usize = entry.shape.iter().product();
        ensure!(
            found == len,
            "{name} in {} has {found} numbers, {len} were wanted",
            self.path.display()
        );
        Ok(copy(&self.path, entry)?.into_f32())
    }
}
