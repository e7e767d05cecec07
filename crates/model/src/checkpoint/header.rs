//! The header of a safetensors file, believed only after every claim in it has been checked.
//!
//! Format: eight bytes of little-endian length, that many bytes of JSON (`name → dtype, shape,
//! offsets`), then the data, which the tensors must cover without gap or overlap. All that is wrong
//! is collected, so that one look at the error is enough.

use super::Dtype;
use anyhow::{Context, Result, bail, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;

/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// The type of a tensor's numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stored {
    /// IEEE single precision.
    #[serde(rename = "float32")]
    F32,
    /// bfloat16.
    #[serde(rename = "bfloat16")]
    Bf16,
    /// IEEE half precision.
    #[serde(rename = "float16")]
    F16,
}

impl Stored {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Stored::F32 => 4,
            Stored::Bf16 | Stored::F16 => 2,
        }
    }

    /// The name that configurations give it.
    pub fn torch_name(self) -> &'static str {
        match self {
            Stored::F32 => "float32",
            Stored::Bf16 => "bfloat16",
            Stored::F16 => "float16",
        }
    }
}

impl From<Dtype> for Stored {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Stored::F32,
            Dtype::Bf16 => Stored::Bf16,
        }
    }
}

/// One tensor of a file: `dtype` is as the file spells it, `range` counts from the file's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
}

impl Entry {
    /// The type, where it is one that weights may have.
    pub(super) fn stored(&self) -> Option<Stored> {
        match self.dtype.as_str() {
            "F32" => Some(Stored::F32),
            "BF16" => Some(Stored::Bf16),
            "F16" => Some(Stored::F16),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Claim {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Reads and checks the header of a whole file.
///
/// # Errors
/// One sentence per thing that is wrong, each with the tensor's name. The caller adds the path.
pub(super) fn read(file: &[u8]) -> Result<BTreeMap<String, Entry>> {
    let (length, rest) = file
        .split_first_chunk::<8>()
        .with_context(|| format!("it is {} bytes long, too short for a header", file.len()))?;
    let length = u64::from_le_bytes(*length);
    ensure!(
        length <= LONGEST_HEADER && length <= rest.len() as u64,
        "its header claims {length} bytes, but only {} follow; the file is cut off or no \
         safetensors file",
        rest.len()
    );
    let (header, data) = rest.split_at(length as usize);
    let header: Map<String, Value> =
        serde_json::from_slice(header).context("its header is no JSON object")?;

    let mut problems = Vec::new();
    let mut entries = BTreeMap::new();
    for (name, value) in header {
        if name == "__metadata__" {
            continue;
        }
        match Claim::deserialize(value) {
            Err(error) => problems.push(format!("{name}: its entry cannot be read ({error})")),
            Ok(claim) => match check(&claim, data.len() as u64) {
                Err(problem) => problems.push(format!("{name}: {problem}")),
                Ok(range) => {
                    let before = file.len() - data.len();
                    entries.insert(
                        name,
                        Entry {
                            dtype: claim.dtype,
                            shape: claim.shape.iter().map(|&size| size as usize).collect(),
                            range: before + range.start..before + range.end,
                        },
                    );
                }
            },
        }
    }
    if problems.is_empty() {
        problems.extend(check_cover(&entries, file.len() - data.len(), file.len()));
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    Ok(entries)
}

/// Checks one claim alone; gives the range within the data.
fn check(claim: &Claim, data: u64) -> Result<Range<usize>> {
    let (start, end) = claim.data_offsets;
    ensure!(
        start <= end,
        "its data ends ({end}) before it starts ({start})"
    );
    ensure!(
        end <= data,
        "its data should reach to byte {end}, but the file has {data} bytes of data; it is cut off"
    );
    let numbers = claim
        .shape
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size));
    let bits = match claim.dtype.as_str() {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "I8" | "U8" | "BOOL" => 8,
        dtype if dtype.starts_with("F8") => 8,
        dtype => bail!("its type {dtype} is not known"),
    };
    let bytes = numbers.and_then(|n| n.checked_mul(bits / 8));
    ensure!(
        bytes == Some(end - start),
        "{:?} of type {} does not take the {} bytes that it claims",
        claim.shape,
        claim.dtype,
        end - start
    );
    Ok(start as usize..end as usize)
}

/// Checks that the tensors lie end to end over the whole data.
fn check_cover(entries: &BTreeMap<String, Entry>, start: usize, end: usize) -> Vec<String> {
    let mut sorted: Vec<(&String, &Range<usize>)> =
        entries.iter().map(|(name, e)| (name, &e.range)).collect();
    sorted.sort_by_key(|(_, range)| (range.start, range.end));
    let mut problems = Vec::new();
    let (mut at, mut before) = (start, "the header");
    for (name, range) in sorted {
        if range.start < at {
            problems.push(format!("{name}: its data overlaps that of {before}"));
        } else if range.start > at {
            let gap = range.start - at;
            problems.push(format!("{name}: {gap} bytes before it belong to no tensor"));
        }
        if range.end >= at {
            (at, before) = (range.end, name);
        }
    }
    if at < end {
        let gap = end - at;
        problems.push(format!("{gap} bytes at the end belong to no tensor"));
    }
    problems
}

#[cfg(test)]
pub(super) mod tests;
