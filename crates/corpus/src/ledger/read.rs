//! Reads the entries of a ledger file, in order.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use super::Entry;
use super::write::{COUNTS, STRINGS};

/// The entries of one ledger file.
pub struct LedgerReader {
    path: PathBuf,
    names: Vec<String>,
    rows: RowIter<'static>,
}

impl LedgerReader {
    /// Opens a file that [`LedgerWriter`](super::LedgerWriter) wrote.
    ///
    /// # Errors
    /// When it is no Parquet file, or one of other columns.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("{} cannot be read as a ledger", path.display());
        let file = File::open(path).with_context(context)?;
        let reader = SerializedFileReader::new(file).with_context(context)?;
        let fields = reader.metadata().file_metadata().schema().get_fields();
        let columns: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let fixed: Vec<&str> = [STRINGS, COUNTS].concat();
        ensure!(
            columns.len() >= fixed.len()
                && columns
                    .iter()
                    .zip(&fixed)
                    .all(|(column, fixed)| column == fixed),
            "{} is no ledger: wanted the columns {}, found {}",
            path.display(),
            fixed.join(", "),
            columns.join(", ")
        );
        let names = columns[fixed.len()..].to_vec();
        Ok(Self {
            path: path.to_owned(),
            names,
            rows: RowIter::from_file_into(Box::new(reader)),
        })
    }

    /// The names of the numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Iterator for LedgerReader {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        Some(
            row.with_context(|| format!("{} is damaged", self.path.display()))
                .map(entry),
        )
    }
}

fn entry(row: Row) -> Entry {
    let mut entry = Entry::default();
    for (column, (_, field)) in row.into_columns().into_iter().enumerate() {
        match (column, field) {
            (0, Field::Str(text)) => entry.id = text,
            (1, Field::Str(text)) => entry.url = Some(text),
            (2, Field::Str(text)) => entry.source = Some(text),
            (3, Field::Str(text)) => entry.language = text,
            (4, Field::Str(text)) => entry.reason = Some(text),
            (5, Field::Str(text)) => entry.reasons = text,
            (6, Field::Long(count)) => entry.bytes = count as u64,
            (7, Field::Long(count)) => entry.characters = count as u64,
            (8, Field::Long(count)) => entry.words = count as u64,
            (9, Field::Long(count)) => entry.bytes_kept = count as u64,
            (10, Field::Long(count)) => entry.cluster = Some(count as u64),
            (11, Field::Long(count)) => entry.cluster_size = Some(count as u64),
            (12.., Field::Double(number)) => entry.numbers.push(number),
            (12.., _) => entry.numbers.push(f64::NAN),
            _ => {}
        }
    }
    entry
}
