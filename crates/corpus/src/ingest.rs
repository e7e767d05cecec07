//! Raw files in, a corpus out, and an account of every record on the way.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{BadLines, ReadSettings, Reader, Skipped, Source, Statistics, Writer};

/// The account: every record that was met is either written or counted among the bad ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingested {
    /// Files read, in order.
    pub files: Vec<String>,
    /// Files left out, and why.
    pub skipped: Vec<Skipped>,
    /// Records met: `documents` of the statistics and `total` of the bad ones.
    pub records: u64,
    /// Texts that Unicode normalisation changed.
    pub normalised: u64,
    /// The bad ones: counted, the first of each kind kept.
    pub bad: BadLines,
    /// What was written.
    pub statistics: Statistics,
}

/// Reads a source into a writer; `progress` hears bytes read and bytes in all,
/// and its error stops the reading.
///
/// # Errors
/// The disk's; too large a share of bad records; a source without one document.
pub fn ingest(
    source: &Source,
    settings: ReadSettings,
    mut writer: Writer,
    mut progress: impl FnMut(u64, u64) -> Result<()>,
) -> Result<Ingested> {
    let mut reader = Reader::new(source, settings);
    while let Some(record) = reader.next_record()? {
        if let Ok(document) = &record {
            writer.write(document)?;
        }
        let (done, all) = reader.progress();
        progress(done, all)?;
    }
    let records = reader.records();
    ensure!(
        records > reader.bad().total,
        "{} gives an empty corpus: {} files were read and hold no document{}",
        source.root.display(),
        source.files.len(),
        match reader.bad().total {
            0 => String::new(),
            total => format!(", but {total} bad records ({})", reader.bad().summary()),
        }
    );
    Ok(Ingested {
        files: source.files.iter().map(|file| file.name.clone()).collect(),
        skipped: source.skipped.clone(),
        records,
        normalised: reader.normalised(),
        bad: reader.bad().clone(),
        statistics: writer.finish()?.statistics,
    })
}

#[cfg(test)]
mod tests;
