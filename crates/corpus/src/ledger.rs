//! The ledger: for every document that came in, what became of it, why, and every number it was judged by.
//!
//! Parquet beside the data, one file for each shard that was read, so that "what did this rule cost me in
//! Korean?" is one query of any engine, and other limits can be laid on without the texts. A row has the fields of
//! [`Entry`]; the numbers are columns of the names the stage gives them, null where they are not defined.

mod read;
mod write;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

pub use read::LedgerReader;
pub use write::{LedgerWriter, is_ledger_column};

/// The folder of an artifact that holds its ledger.
pub const LEDGER: &str = "ledger";

/// What became of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its address, where it has one.
    pub url: Option<String>,
    /// Its source, where it states one.
    pub source: Option<String>,
    /// Its language, as it was found or stated; empty where neither is known.
    pub language: String,
    /// Why it was dropped; `None` where it was kept.
    pub reason: Option<String>,
    /// All reasons that would have dropped it, with commas between.
    pub reasons: String,
    /// Bytes of its text as it came.
    pub bytes: u64,
    /// Characters of its text as it came.
    pub characters: u64,
    /// Words of its text as it came.
    pub words: u64,
    /// Bytes that are left of it; 0 where it was dropped.
    pub bytes_kept: u64,
    /// The number of its cluster of near-duplicates, where they were looked for.
    pub cluster: Option<u64>,
    /// How many documents the cluster has.
    pub cluster_size: Option<u64>,
    /// The numbers it was judged by, in the order of the ledger's columns; NaN is null.
    pub numbers: Vec<f64>,
}

impl Entry {
    /// An entry for a document that has not been judged.
    pub fn of(document: &crate::Document) -> Self {
        Self {
            id: document.id.clone(),
            url: document.string("url").map(str::to_owned),
            source: document.source().map(str::to_owned),
            language: document.language().unwrap_or_default().to_owned(),
            bytes: document.text.len() as u64,
            characters: document.text.chars().count() as u64,
            words: document.text.split_whitespace().count() as u64,
            bytes_kept: document.text.len() as u64,
            ..Self::default()
        }
    }

    /// Whether the document was kept.
    pub fn kept(&self) -> bool {
        self.reason.is_none()
    }

    /// Says that it was dropped, and why.
    pub fn drop(&mut self, reason: &str) {
        self.reason = Some(reason.to_owned());
        self.bytes_kept = 0;
        if self.reasons.is_empty() {
            reason.clone_into(&mut self.reasons);
        }
    }
}

/// The ledger files of an artifact, in order; none where it has no ledger.
///
/// # Errors
/// The disk's.
pub fn ledger_files(artifact: &Path) -> Result<Vec<PathBuf>> {
    let folder = artifact.join(LEDGER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let context = || format!("the ledger {} cannot be read", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "parquet")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Visits every entry of an artifact's ledger, in the order of the documents, with the names of its numbers.
///
/// # Errors
/// When a file cannot be read as a ledger, and the visitor's.
pub fn visit_ledger(
    artifact: &Path,
    mut visit: impl FnMut(&[String], Entry) -> Result<()>,
) -> Result<()> {
    for file in ledger_files(artifact)? {
        let reader = LedgerReader::open(&file)?;
        let names = reader.names().to_vec();
        for entry in reader {
            visit(&names, entry?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        disk::create_dir(&folder.path().join(LEDGER)).unwrap();
        let path = folder.path().join(LEDGER).join("part-00000.parquet");
        let mut entries = Vec::new();
        for index in 0..LedgerWriter::GROUP as u64 + 7 {
            let mut entry = Entry::of(
                &crate::Document::new(format!("문서 {index}"), "가 나")
                    .with("url", "https://예.kr/"),
            );
            entry.numbers = vec![
                index as f64 / 3.0,
                if index % 2 == 0 { f64::NAN } else { 1.0 },
            ];
            if index % 3 == 0 {
                entry.drop("few_words");
                entry.cluster = Some(index);
            }
            entries.push(entry);
        }
        let mut writer = LedgerWriter::create(&path, &["first", "second"]).unwrap();
        for entry in &entries {
            writer.write(entry.clone()).unwrap();
        }
        writer.finish().unwrap();
        let mut read = Vec::new();
        visit_ledger(folder.path(), |names, entry| {
            assert_eq!(names, ["first", "second"]);
            read.push(entry);
            Ok(())
        })
        .unwrap();
        // NaN is not equal to itself.
        assert_eq!(format!("{read:?}"), format!("{entries:?}"));
        let bytes = std::fs::read(&path).unwrap();
        disk::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = format!(
            "{:#}",
            visit_ledger(folder.path(), |_, _| Ok(())).unwrap_err()
        );
        assert!(error.contains("part-00000.parquet"), "{error}");
    }
}
