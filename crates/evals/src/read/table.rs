//! Tables of cells: comma- or tab-separated, with quoted cells that may hold both, and line breaks.

use super::{Place, text};
use anyhow::{Result, anyhow, bail, ensure};
use std::path::Path;
use std::sync::Arc;

/// A table, read whole.
#[derive(Debug)]
pub(crate) struct Table {
    file: Arc<Path>,
    columns: Vec<String>,
    pub(crate) records: Vec<Record>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Where it begins.
    pub(crate) place: Place,
    /// As many as the table has columns.
    pub(crate) cells: Vec<String>,
}

impl Table {
    /// A file whose first row names the columns; tabs separate them where the name ends in `.tsv`.
    pub(crate) fn headed(path: &Path) -> Result<Table> {
        Table::headed_as(path, true)
    }

    /// The same; where not `quoted`, a quote is a letter like any other, as in KorNLI's files.
    pub(crate) fn headed_as(path: &Path, quoted: bool) -> Result<Table> {
        let mut records = records(path, quoted)?;
        let columns = match records.is_empty() {
            true => bail!(
                "{}: wanted a row of names, found an empty file",
                path.display()
            ),
            false => records.remove(0).cells,
        };
        Table::whole(path, columns, records)
    }

    /// A file without names, whose columns are these.
    pub(crate) fn bare(path: &Path, columns: &[&str]) -> Result<Table> {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Table::whole(path, columns, records(path, true)?)
    }

    fn whole(path: &Path, columns: Vec<String>, records: Vec<Record>) -> Result<Table> {
        ensure!(
            !records.is_empty(),
            "{}: wanted rows, found none",
            path.display()
        );
        for record in &records {
            ensure!(
                record.cells.len() == columns.len(),
                "{}: wanted {} cells ({}), found {}: half a row, or a quote that is not closed",
                record.place,
                columns.len(),
                columns.join(", "),
                record.cells.len()
            );
        }
        Ok(Table {
            file: path.into(),
            columns,
            records,
        })
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Which column has this name.
    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|column| column.trim() == name)
            .ok_or_else(|| {
                anyhow!(
                    "{}: wanted a column `{name}`, found {}",
                    self.file.display(),
                    self.columns.join(", ")
                )
            })
    }
}

/// Every row, the first one too; rows of nothing at all are passed over.
fn records(path: &Path, quoted: bool) -> Result<Vec<Record>> {
    let text = text(path)?;
    let tabs = path.extension().is_some_and(|ending| ending == "tsv");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .quoting(quoted)
        .delimiter(if tabs { b'\t' } else { b',' })
        .from_reader(text.as_bytes());
    let file: Arc<Path> = path.into();
    let mut records = Vec::new();
    let (mut seen, mut line) = (0, 1);
    for record in reader.records() {
        let record = record.map_err(|error| anyhow!("{}: {error}", path.display()))?;
        // the reader leaves the second half of a line break, and empty lines, to the next row
        let start = record.position().map_or(0, |place| place.byte() as usize);
        let before = text.len() - text[start..].trim_start_matches(['\r', '\n']).len();
        line += text[seen..before].matches('\n').count() as u64;
        seen = before;
        records.push(Record {
            place: Place {
                file: file.clone(),
                line,
                counted: "line",
            },
            cells: record.iter().map(str::to_owned).collect(),
        });
    }
    Ok(records)
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "tests write bad files on purpose"
)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn cells_hold_commas_quotes_and_lines() {
        let (_folder, path) = written(
            "a.csv",
            "question,answer\r\n\"하나, \"\"둘\"\"\n셋\",2\r\nplain \"inner\" quote,3\r\n",
        );
        let table = Table::headed(&path).unwrap();
        assert_eq!(table.column("answer").unwrap(), 1);
        assert_eq!(table.records[0].cells, ["하나, \"둘\"\n셋", "2"]);
        assert_eq!(table.records[1].cells, ["plain \"inner\" quote", "3"]);
        assert!(table.records[0].place.to_string().ends_with("line 2"));
        assert!(table.records[1].place.to_string().ends_with("line 4"));
    }

    #[test]
    fn tabs_and_bare_tables() {
        let (_folder, path) = written("a.tsv", "ID\tText\n1\t쉼표, 있음\n");
        let table = Table::headed(&path).unwrap();
        assert_eq!(table.records[0].cells, ["1", "쉼표, 있음"]);
        let (_folder, path) = written("b.csv", "one,A\ntwo,B\n");
        let table = Table::bare(&path, &["question", "answer"]).unwrap();
        assert_eq!(table.records.len(), 2);
        let missing = table.column("정답").unwrap_err().to_string();
        assert!(missing.contains("wanted a column `정답`, found question, answer"));
    }

    #[test]
    fn quotes_may_be_letters() {
        let (_folder, path) = written("a.tsv", "하나\t둘\n\"열린 인용\t값\n다음\t\"줄\"\n");
        let table = Table::headed_as(&path, false).unwrap();
        assert_eq!(table.records[0].cells, ["\"열린 인용", "값"]);
        assert_eq!(table.records[1].cells, ["다음", "\"줄\""]);
        assert!(Table::headed(&path).is_err());
    }

    #[test]
    fn half_a_row_is_named() {
        let (_folder, path) = written("a.csv", "question,A,B\n하나,1,2\n둘,1\n");
        let error = Table::headed(&path).unwrap_err().to_string();
        assert!(error.contains("a.csv, line 3: wanted 3 cells"), "{error}");
        assert!(error.contains("found 2"), "{error}");
        let (_folder, path) = written("a.csv", "question,A,B\n\"하나,1,2\n둘,1,2\n");
        let error = Table::headed(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(error.contains("quote that is not closed"), "{error}");
        let (_folder, path) = written("a.csv", "question,A,B\n");
        assert!(
            Table::headed(&path)
                .unwrap_err()
                .to_string()
                .contains("found none")
        );
        let (_folder, path) = written("a.csv", "");
        assert!(
            Table::headed(&path)
                .unwrap_err()
                .to_string()
                .contains("empty file")
        );
    }
}
