//! Rows of a task of one's own: fields by name, from JSON lines, a JSON array or a table.

use crate::read::{Place, Table, json_array, json_lines};
use anyhow::Result;
use serde_json::{Map, Value};
use std::path::Path;

/// A row: fields by name. A table's cells are text, whatever they look like.
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) fields: Map<String, Value>,
}

/// The rows of a file.
pub(super) fn rows(path: &Path) -> Result<Vec<Row>> {
    let ending = path.extension().unwrap_or_default();
    if ending == "csv" || ending == "tsv" {
        let table = Table::headed(path)?;
        let columns = table.columns().to_vec();
        let row = |record: crate::read::Record| Row {
            place: record.place,
            fields: columns
                .iter()
                .cloned()
                .zip(record.cells.into_iter().map(Value::String))
                .collect(),
        };
        return Ok(table.records.into_iter().map(row).collect());
    }
    let row = |row: crate::read::Row<Map<String, Value>>| Row {
        place: row.place,
        fields: row.value,
    };
    let rows = match ending == "json" {
        true => json_array(path)?,
        false => json_lines(path)?,
    };
    Ok(rows.into_iter().map(row).collect())
}
