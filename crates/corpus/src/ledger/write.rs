//! Writes entries as Parquet, a group of rows at a time, without Arrow.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use disk::AtomicFile;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::Entry;

/// Columns that every ledger has: strings, then whole numbers.
pub(super) const STRINGS: [&str; 6] = ["id", "url", "source", "language", "reason", "reasons"];
pub(super) const COUNTS: [&str; 6] = [
    "bytes",
    "characters",
    "words",
    "bytes_kept",
    "cluster",
    "cluster_size",
];

/// Whether a name is that of a column that every ledger has, so that no number can be called so.
pub fn is_ledger_column(name: &str) -> bool {
    STRINGS.contains(&name) || COUNTS.contains(&name)
}

/// Writes one ledger file, which appears when it is finished.
pub struct LedgerWriter {
    file: SerializedFileWriter<AtomicFile>,
    entries: Vec<Entry>,
    numbers: usize,
}

impl LedgerWriter {
    /// Rows in a group: what is held in memory.
    pub const GROUP: usize = 1 << 14;

    /// Begins a ledger whose entries have numbers of these names.
    ///
    /// # Errors
    /// When a name is taken by a column that every ledger has; the disk's.
    pub fn create(path: &Path, names: &[&str]) -> Result<Self> {
        if let Some(taken) = names.iter().find(|name| is_ledger_column(name)) {
            bail!("a ledger has a column {taken:?} already: the number needs another name");
        }
        let column = |name: &str, physical, logical| {
            Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()
                .map(Arc::new)
        };
        let mut fields = Vec::new();
        for name in STRINGS {
            fields.push(column(
                name,
                Physical::BYTE_ARRAY,
                Some(LogicalType::String),
            )?);
        }
        for name in COUNTS {
            fields.push(column(name, Physical::INT64, None)?);
        }
        for name in names {
            fields.push(column(name, Physical::DOUBLE, None)?);
        }
        let schema = Type::group_type_builder("ledger")
            .with_fields(fields)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_created_by("kanana".to_owned())
            .build();
        let output = AtomicFile::create(path)?;
        let file = SerializedFileWriter::new(output, Arc::new(schema), Arc::new(properties))?;
        Ok(Self {
            file,
            entries: Vec::new(),
            numbers: names.len(),
        })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When it has another number of numbers than the ledger; the disk's.
    pub fn write(&mut self, entry: Entry) -> Result<()> {
        ensure!(
            entry.numbers.len() == self.numbers,
            "an entry has {} numbers, and the ledger {}",
            entry.numbers.len(),
            self.numbers
        );
        self.entries.push(entry);
        if self.entries.len() == Self::GROUP {
            self.end_group()
        } else {
            Ok(())
        }
    }

    /// Ends the file: now it is there.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(mut self) -> Result<()> {
        if !self.entries.is_empty() {
            self.end_group()?;
        }
        let output = self
            .file
            .into_inner()
            .context("the ledger cannot be finished")?;
        Ok(output.commit()?)
    }

    fn end_group(&mut self) -> Result<()> {
        let entries = std::mem::take(&mut self.entries);
        let mut group = self.file.next_row_group()?;
        for column in 0..STRINGS.len() + COUNTS.len() + self.numbers {
            let mut writer = group
                .next_column()?
                .context("the ledger has fewer columns than its schema")?;
            let (mut levels, mut strings, mut counts, mut doubles) =
                (Vec::with_capacity(entries.len()), vec![], vec![], vec![]);
            for entry in &entries {
                let before = strings.len() + counts.len() + doubles.len();
                match column {
                    0..6 => strings.extend(string(entry, column).map(ByteArray::from)),
                    6..12 => counts.extend(count(entry, column - 6).map(|count| count as i64)),
                    _ => doubles
                        .extend(Some(entry.numbers[column - 12]).filter(|number| !number.is_nan())),
                }
                levels.push((strings.len() + counts.len() + doubles.len() - before) as i16);
            }
            match column {
                0..6 => {
                    writer
                        .typed::<ByteArrayType>()
                        .write_batch(&strings, Some(&levels), None)?
                }
                6..12 => writer
                    .typed::<Int64Type>()
                    .write_batch(&counts, Some(&levels), None)?,
                _ => writer
                    .typed::<DoubleType>()
                    .write_batch(&doubles, Some(&levels), None)?,
            };
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn string(entry: &Entry, column: usize) -> Option<&str> {
    match column {
        0 => Some(&entry.id),
        1 => entry.url.as_deref(),
        2 => entry.source.as_deref(),
        3 => Some(&entry.language),
        4 => entry.reason.as_deref(),
        _ => Some(&entry.reasons),
    }
}

fn count(entry: &Entry, column: usize) -> Option<u64> {
    match column {
        0 => Some(entry.bytes),
        1 => Some(entry.characters),
        2 => Some(entry.words),
        3 => Some(entry.bytes_kept),
        4 => entry.cluster,
        _ => entry.cluster_size,
    }
}
