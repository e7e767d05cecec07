//! Parquet rows through the record interface of the `parquet` crate (no Arrow in the build).
//!
//! Text and id are columns by name; other columns become metadata as JSON: groups objects, lists
//! arrays, maps with string keys objects, dates and decimals strings. A row is one record, and
//! rows after a damaged page are lost, which is said in the refused record.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::Result;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Number, Value};

use super::{Raw, ReadSettings, Records, from_object};
use crate::{BadLine, Reason};

pub(super) struct Rows {
    file: String,
    /// The rows that are left, or why there are none; `None` after the end.
    rows: Option<Result<RowIter<'static>, ParquetError>>,
    row: u64,
    expected: u64,
    settings: ReadSettings,
}

impl Rows {
    pub(super) fn new(file: &str, input: File, settings: &ReadSettings) -> Self {
        let opened = guarded(|| open(input, settings));
        let (rows, expected) = match opened {
            Ok((rows, expected)) => (Ok(rows), expected),
            Err(error) => (Err(error), 0),
        };
        Self {
            file: file.to_owned(),
            rows: Some(rows),
            row: 0,
            expected,
            settings: settings.clone(),
        }
    }

    fn refuse(&self, error: &ParquetError) -> BadLine {
        let reason = match error {
            ParquetError::NYI(_) => Reason::UnsupportedParquet,
            ParquetError::General(text)
                if text.contains("feature flag") || text.contains("odec") =>
            {
                Reason::UnsupportedParquet
            }
            _ => Reason::CorruptParquet,
        };
        let lost = (self.expected + 1).saturating_sub(self.row.max(1));
        let detail = format!("{error}; {lost} rows of this file are lost");
        BadLine::new(&self.file, self.row, reason, detail, b"")
    }
}

impl Records for Rows {
    fn next(&mut self) -> Result<Option<Result<Raw, BadLine>>> {
        let rows = match &mut self.rows {
            None => return Ok(None),
            Some(Ok(rows)) => rows,
            Some(Err(_)) => {
                let Some(Err(error)) = self.rows.take() else {
                    unreachable!("matched above")
                };
                return Ok(Some(Err(self.refuse(&error))));
            }
        };
        let next = guarded(|| rows.next().transpose());
        match next {
            Ok(None) => {
                self.rows = None;
                Ok(None)
            }
            Ok(Some(row)) => {
                self.row += 1;
                let raw = from_object(object(row), &self.settings, self.row);
                Ok(Some(raw.map_err(|(reason, detail)| {
                    BadLine::new(&self.file, self.row, reason, detail, b"")
                })))
            }
            Err(error) => {
                self.row += 1;
                self.rows = None; // what comes after a damaged page cannot be trusted
                Ok(Some(Err(self.refuse(&error))))
            }
        }
    }
}

fn open(input: File, settings: &ReadSettings) -> Result<(RowIter<'static>, u64), ParquetError> {
    let reader = SerializedFileReader::new(input)?;
    let metadata = reader.metadata().file_metadata();
    let expected = u64::try_from(metadata.num_rows()).unwrap_or(0);
    let schema = metadata.schema();
    let wanted: Vec<Arc<Type>> = schema
        .get_fields()
        .iter()
        .filter(|field| {
            let name = field.name();
            let Some(fields) = &settings.metadata_fields else {
                return true;
            };
            name == settings.text_field
                || name == settings.id_field
                || name == "metadata"
                || fields.iter().any(|field| field == name)
        })
        .cloned()
        .collect();
    let projection = if wanted.len() == schema.get_fields().len() || wanted.is_empty() {
        None // all columns; or none of ours, and then the rows say what there is instead
    } else {
        Some(
            Type::group_type_builder(schema.name())
                .with_fields(wanted)
                .build()?,
        )
    };
    Ok((
        RowIter::from_file_into(Box::new(reader)).project(projection)?,
        expected,
    ))
}

/// Damaged files can reach assertions inside the decoder: to us that is one more kind of damage.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(ParquetError::General(
            said.unwrap_or("the decoder gave up").to_owned(),
        ))
    })
}

fn object(row: Row) -> Map<String, Value> {
    let columns = row.into_columns().into_iter();
    columns
        .filter_map(|(name, field)| Some((name, value(field)?)))
        .collect()
}

/// `None` for what is null, or bytes that are no text.
fn value(field: Field) -> Option<Value> {
    Some(match field {
        Field::Null => return None,
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float16(value) => number(f64::from(value.to_f32()))?,
        Field::Float(value) => number(f64::from(value))?,
        Field::Double(value) => number(value)?,
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok()?.into(),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list
            .elements()
            .iter()
            .map(|field| value(field.clone()).unwrap_or(Value::Null))
            .collect(),
        Field::MapInternal(map) => {
            let entries = map.entries().iter().filter_map(|(key, field)| match key {
                Field::Str(key) => Some((key.clone(), value(field.clone())?)),
                _ => None,
            });
            Value::Object(entries.collect())
        }
        dated => dated.to_string().into(), // decimals, dates and times print as they are read
    })
}

fn number(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number) // not a number is nothing JSON can say
}

#[cfg(test)]
mod tests;
