//! Rows of a Parquet file, by the record interface of the crate `parquet` (no Arrow): fields by name, as JSON.
//!
//! Numbers, texts, truth values, lists and groups are what benchmarks hold; anything else (dates, decimals)
//! becomes the text that it is printed as. A file that is damaged anywhere is an error, as a benchmark with
//! fewer rows is another benchmark.

use super::{Place, Row};
use anyhow::{Result, anyhow, bail};
use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Number, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Every row of a file, in its order.
pub(crate) fn parquet(path: &Path) -> Result<Vec<Row<Map<String, Value>>>> {
    let input =
        File::open(path).map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?;
    // A damaged file can reach assertions inside the decoder.
    let read = catch_unwind(AssertUnwindSafe(|| objects(input))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(ParquetError::General(
            said.unwrap_or_else(|| "the decoder gave up".to_owned()),
        ))
    });
    let objects =
        read.map_err(|error| anyhow!("{}: not a whole Parquet file: {error}", path.display()))?;
    if objects.is_empty() {
        bail!("{}: wanted rows, found none", path.display());
    }
    let file: Arc<Path> = path.into();
    let row = |(index, value)| Row {
        place: Place {
            file: file.clone(),
            line: index as u64 + 1,
            counted: "row",
        },
        value,
    };
    Ok(objects.into_iter().enumerate().map(row).collect())
}

fn objects(input: File) -> Result<Vec<Map<String, Value>>, ParquetError> {
    let reader = SerializedFileReader::new(input)?;
    let rows = RowIter::from_file_into(Box::new(reader));
    rows.map(|row| Ok(object(row?))).collect()
}

fn object(row: parquet::record::Row) -> Map<String, Value> {
    let columns = row.into_columns().into_iter();
    columns.map(|(name, field)| (name, value(field))).collect()
}

fn value(field: Field) -> Value {
    let number = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float(value) => number(f64::from(value)),
        Field::Double(value) => number(value),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.into(),
            Err(_) => Value::Null,
        },
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests;
