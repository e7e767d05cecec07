//! The header of a GGUF file, believed only after every claim in it has been checked.
//!
//! Nothing is allocated for more than the file has bytes for: a count is compared with what is left
//! before a list is begun, and lists beyond [`MOST`] entries are refused whatever the file's size.

use super::{Kind, MAGIC, Metadata, Tensor, Value};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::ops::Range;

/// Entries of a list, metadata or tensors that no model has.
const MOST: u64 = 1 << 24;

/// Dimensions that a tensor may have.
const DIMENSIONS: u32 = 4;

/// Where the data begins and each tensor is aligned, unless the metadata says otherwise.
const ALIGNMENT: usize = 32;

/// Metadata and tensors of a whole file.
pub(super) fn read(file: &[u8]) -> Result<(Metadata, BTreeMap<String, Tensor>)> {
    let mut rest = Rest { file, at: 0 };
    ensure!(
        file.starts_with(MAGIC),
        "it does not begin with GGUF, as such files do"
    );
    rest.at = MAGIC.len();
    let version = rest.u32()?;
    ensure!(
        version.swap_bytes() > 0xffff,
        "its numbers are big-endian; make it again for this kind of machine"
    );
    ensure!(
        matches!(version, 2 | 3),
        "its version is {version}; 2 and 3 are read"
    );
    let (tensors, entries) = (rest.u64()?, rest.u64()?);
    let mut metadata = Metadata::default();
    rest.room(entries, 13, "metadata")?;
    for number in 0..entries {
        let read = (|| -> Result<()> {
            let key = rest.text()?;
            let kind = rest.u32()?;
            let value = rest
                .value(kind)
                .with_context(|| format!("the value of {key}"))?;
            ensure!(
                metadata.0.insert(key.clone(), value).is_none(),
                "{key} comes twice"
            );
            Ok(())
        })();
        read.with_context(|| format!("entry {number} of its metadata"))?;
    }
    let alignment = match metadata.size("general.alignment")? {
        None => ALIGNMENT,
        Some(size) if size.is_power_of_two() && size <= 1 << 20 => size,
        Some(size) => bail!("general.alignment is {size}, which is no alignment"),
    };
    rest.room(tensors, 24, "tensors")?;
    let mut claims = Vec::new();
    for number in 0..tensors {
        let claim = rest.claim();
        claims.push(claim.with_context(|| format!("tensor {number}"))?);
    }
    let data = rest.at.next_multiple_of(alignment).min(file.len());
    let tensors = place(claims, data, file.len(), alignment)?;
    Ok((metadata, tensors))
}

/// What a file says of a tensor: its name, type, shape, and where its data begins.
type Claim = (String, Kind, Vec<usize>, u64);

/// Checks where tensors lie: inside the file, aligned, apart from each other.
fn place(
    claims: Vec<Claim>,
    data: usize,
    end: usize,
    alignment: usize,
) -> Result<BTreeMap<String, Tensor>> {
    let mut problems = Vec::new();
    let mut tensors = BTreeMap::new();
    for (name, kind, shape, offset) in claims {
        let placed = (|| -> Result<Range<usize>> {
            let numbers = shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
            let cols = shape.last().copied().unwrap_or(1);
            ensure!(
                kind.bytes(cols).is_some(),
                "rows of {cols} are no whole blocks of {}",
                kind.name()
            );
            let bytes = numbers.and_then(|numbers| kind.bytes(numbers));
            let bytes = bytes.context("it claims more numbers than can be counted")?;
            let start = usize::try_from(offset)
                .ok()
                .and_then(|at| at.checked_add(data));
            let range = start.and_then(|start| Some(start..start.checked_add(bytes)?));
            let range = range.filter(|range| range.end <= end);
            let range = range.with_context(|| {
                format!("its {bytes} bytes from {offset} on reach past the end of the file, which is cut off")
            })?;
            ensure!(
                offset.is_multiple_of(alignment as u64),
                "its data begins at {offset}, which is no multiple of {alignment}"
            );
            Ok(range)
        })();
        match placed {
            Err(error) => problems.push(format!("{name}: {error}")),
            Ok(range) => {
                let tensor = Tensor { kind, shape, range };
                if tensors.insert(name.clone(), tensor).is_some() {
                    problems.push(format!("{name} comes twice"));
                }
            }
        }
    }
    let mut ranges: Vec<(&Range<usize>, &String)> = tensors
        .iter()
        .map(|(name, tensor)| (&tensor.range, name))
        .collect();
    ranges.sort_by_key(|(range, _)| (range.start, range.end));
    for pair in ranges.windows(2) {
        let ((before, one), (after, other)) = (pair[0], pair[1]);
        if after.start < before.end {
            problems.push(format!("the data of {other} overlaps that of {one}"));
        }
    }
    if !problems.is_empty() {
        let more = problems.len().saturating_sub(8);
        problems.truncate(8);
        if more > 0 {
            problems.push(format!("and {more} more"));
        }
        bail!("{}", problems.join("; "));
    }
    Ok(tensors)
}

/// What has not been read yet.
struct Rest<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn left(&self) -> usize {
        self.file.len() - self.at
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let left = self.left();
        ensure!(
            count <= left,
            "{count} bytes were to follow at {}, but only {left} do; the file is cut off",
            self.at
        );
        self.at += count;
        Ok(&self.file[self.at - count..self.at])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("as many as were asked for"))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Whether so many things of at least `size` bytes each can follow.
    fn room(&self, count: u64, size: usize, what: &str) -> Result<()> {
        let most = (self.left() / size) as u64;
        ensure!(
            count <= most && count <= MOST,
            "it claims {count} {what} at byte {}, and {} bytes follow; the file is cut off or lies",
            self.at,
            self.left()
        );
        Ok(())
    }

    fn text(&mut self) -> Result<String> {
        let length = self.u64()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(String::from_utf8_lossy(self.bytes(length)?).into_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Value> {
        Ok(match kind {
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 => self.list()?,
            10 => {
                let large = self.u64()?;
                i64::try_from(large).map_or(Value::Large(large), Value::Integer)
            }
            _ => Value::Integer(self.integer(kind)?),
        })
    }

    fn integer(&mut self, kind: u32) -> Result<i64> {
        Ok(match kind {
            0 => i64::from(self.array::<1>()?[0]),
            1 => i64::from(i8::from_le_bytes(self.array()?)),
            2 => i64::from(u16::from_le_bytes(self.array()?)),
            3 => i64::from(i16::from_le_bytes(self.array()?)),
            4 => i64::from(self.u32()?),
            5 => i64::from(i32::from_le_bytes(self.array()?)),
            10 => i64::try_from(self.u64()?).context("an integer too large to be one here")?,
            11 => i64::from_le_bytes(self.array()?),
            other => bail!("its type is {other}, which is none of GGUF's"),
        })
    }

    fn list(&mut self) -> Result<Value> {
        let (kind, count) = (self.u32()?, self.u64()?);
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 => bail!("it is a list of lists, which no model has"),
            other => bail!("it is a list of type {other}, which is none of GGUF's"),
        };
        self.room(count, size, "entries of a list")?;
        Ok(match kind {
            6 | 12 => {
                let mut read = || match kind {
                    6 => self.array().map(|b| f64::from(f32::from_le_bytes(b))),
                    _ => self.array().map(f64::from_le_bytes),
                };
                Value::Floats((0..count).map(|_| read()).collect::<Result<_>>()?)
            }
            7 => Value::Bools(
                self.bytes(count as usize)?
                    .iter()
                    .map(|&b| b != 0)
                    .collect(),
            ),
            8 => Value::Texts((0..count).map(|_| self.text()).collect::<Result<_>>()?),
            _ => Value::Integers(
                (0..count)
                    .map(|_| self.integer(kind))
                    .collect::<Result<_>>()?,
            ),
        })
    }

    fn claim(&mut self) -> Result<Claim> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        ensure!(
            (1..=DIMENSIONS).contains(&dimensions),
            "{name} has {dimensions} dimensions; 1 to {DIMENSIONS} were expected"
        );
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let size = self.u64()?;
            shape.push(
                usize::try_from(size).with_context(|| format!("{name} has a size of {size}"))?,
            );
        }
        // The fastest comes first in the file; a dimension of 1 after it says nothing.
        while shape.len() > 2 && shape.last() == Some(&1) {
            shape.pop();
        }
        shape.reverse();
        let number = self.u32()?;
        let kind = Kind::all().find(|kind| kind.number() == number);
        let kind = kind.with_context(|| {
            let names: Vec<&str> = Kind::all().map(Kind::name).collect();
            format!(
                "{name} is of type {number}, which is not read; {} are. Convert the model again, \
                 to one of these",
                names.join(", ")
            )
        })?;
        Ok((name, kind, shape, self.u64()?))
    }
}
