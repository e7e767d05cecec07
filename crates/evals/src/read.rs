//! Rows of a benchmark's files, each with the place it came from.
//!
//! JSON lines (plain or `.gz`) here; tables of cells in `read/table.rs`, Parquet in `read/parquet.rs`. A row that is not whole is an
//! error that names file and line: a benchmark with one question less is another benchmark.

mod parquet;
mod table;

pub(crate) use table::{Record, Table};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a row stands, for sentences: `mmlu/test/anatomy_test.csv, line 3`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    file: Arc<Path>,
    /// From 1; of rows where a file's lines mean nothing.
    line: u64,
    counted: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, counted, .. } = self;
        write!(to, "{}, {counted} {line}", self.file.display())
    }
}

/// A row and its place.
#[derive(Clone, Debug)]
pub(crate) struct Row<T> {
    pub(crate) place: Place,
    pub(crate) value: T,
}

/// The text of a file, unpacked where its name ends in `.gz`, without a byte-order mark.
pub(crate) fn text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow!(
            "wanted {}, and it is not there: put the benchmark's file there",
            path.display()
        ),
        _ => anyhow!("cannot read {}: {error}", path.display()),
    })?;
    let bytes = if path.extension().is_some_and(|ending| ending == "gz") {
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_end(&mut unpacked)
            .with_context(|| format!("{}: not a whole gzip file", path.display()))?;
        unpacked
    } else {
        bytes
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        anyhow!(
            "{}, line {}: wanted UTF-8, found other bytes",
            path.display(),
            good.iter().filter(|byte| **byte == b'\n').count() + 1
        )
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The JSON values of a file, one a line; empty lines are passed over.
pub(crate) fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<Row<T>>> {
    let rows = json_lines_and_text(path)?.into_iter();
    Ok(rows.map(|(row, _)| row).collect())
}

/// The same with each line as it stands: numbers that only Python has survive in it.
pub(crate) fn json_lines_and_text<T: DeserializeOwned>(
    path: &Path,
) -> Result<Vec<(Row<T>, String)>> {
    let file: Arc<Path> = path.into();
    let rows: Result<Vec<_>> = text(path)?
        .split('\n')
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let place = Place {
                file: file.clone(),
                line: index as u64 + 1,
                counted: "line",
            };
            let value = serde_json::from_str(line)
                .map_err(|error| anyhow!("{place}: not a row of this benchmark: {error}"))?;
            Ok((Row { place, value }, line.to_owned()))
        })
        .collect();
    let rows = rows?;
    if rows.is_empty() {
        bail!("{}: wanted rows, found none", path.display());
    }
    Ok(rows)
}

/// The objects of a file that is one JSON array.
pub(crate) fn json_array<T: DeserializeOwned>(path: &Path) -> Result<Vec<Row<T>>> {
    let file: Arc<Path> = path.into();
    let values: Vec<serde_json::Value> = serde_json::from_str(&text(path)?)
        .map_err(|error| anyhow!("{}: wanted a JSON array: {error}", path.display()))?;
    if values.is_empty() {
        bail!("{}: wanted rows, found none", path.display());
    }
    let row = |(index, value)| {
        let place = Place {
            file: file.clone(),
            line: index as u64 + 1,
            counted: "row",
        };
        let value = serde_json::from_value(value)
            .map_err(|error| anyhow!("{place}: not a row of this benchmark: {error}"))?;
        Ok(Row { place, value })
    };
    values.into_iter().enumerate().map(row).collect()
}

/// The rows of a file in whichever form its ending says, fields by name. A table's cells are text, whatever
/// they look like; `quoted` says whether quotes hold a cell together.
pub(crate) fn objects(path: &Path, quoted: bool) -> Result<Vec<Row<Map<String, Value>>>> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv" | "tsv") => {
            let table = Table::headed_as(path, quoted)?;
            let columns = table.columns().to_vec();
            let row = |record: Record| Row {
                place: record.place,
                value: columns
                    .iter()
                    .cloned()
                    .zip(record.cells.into_iter().map(Value::String))
                    .collect(),
            };
            Ok(table.records.into_iter().map(row).collect())
        }
        Some("parquet") => parquet::parquet(path),
        Some("json") => json_array(path),
        _ => json_lines(path),
    }
}

/// The files of a folder whose names end so, by name.
pub(crate) fn folder(path: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path)
        .map_err(|error| anyhow!("wanted the folder {}: {error}", path.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry
            .with_context(|| format!("cannot list {}", path.display()))?
            .path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if !disk::is_hidden(&file) && endings.iter().any(|ending| name.ends_with(ending)) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!(
            "{}: wanted files that end in {}, found none",
            path.display(),
            endings.join(" or ")
        );
    }
    Ok(files)
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tests write bad files on purpose"
)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::io::Write as _;

    #[derive(Debug, Deserialize)]
    struct Question {
        question: String,
    }

    fn refused(name: &str, bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = json_lines::<Question>(&path).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn lines_are_read_with_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.gz");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed
            .write_all("\u{feff}{\"question\": \"하나\"}\r\n\n{\"question\": \"둘\"}".as_bytes())
            .unwrap();
        std::fs::write(&path, packed.finish().unwrap()).unwrap();
        let rows: Vec<Row<Question>> = json_lines(&path).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].value.question, "하나");
        assert_eq!(rows[1].value.question, "둘");
        assert!(rows[1].place.to_string().ends_with("a.jsonl.gz, line 3"));
    }

    #[test]
    fn what_is_not_whole_is_named() {
        let half = refused("a.jsonl", b"{\"question\": \"one\"}\n{\"questi");
        assert!(half.contains("a.jsonl, line 2: not a row"), "{half}");
        let other = refused("a.jsonl", b"{\"question\": \"one\"}\n{\"text\": 1}\n");
        assert!(other.contains("line 2"), "{other}");
        assert!(other.contains("question"), "{other}");
        assert!(refused("a.jsonl", b"\n\n").contains("found none"));
        let bytes = refused("a.jsonl", b"{\"question\": \"one\"}\n\xff\xfe\n");
        assert!(bytes.contains("line 2: wanted UTF-8"), "{bytes}");
        assert!(refused("a.jsonl.gz", b"no gzip").contains("not a whole gzip file"));
        let missing = json_lines::<Question>(Path::new("/nowhere/at/all.jsonl")).unwrap_err();
        assert!(missing.to_string().contains("it is not there"), "{missing}");
    }
}
