//! JSONL and Parquet whose text field holds HTML, as collections of pages are often handed round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use super::{Body, Page, PageSettings, Taker, too_large};
use crate::{ReadSettings, Reader, Source, SourceFile};

pub(super) fn rows(
    file: &SourceFile,
    settings: &PageSettings,
    read: &Arc<AtomicU64>,
    take: &mut Taker<'_>,
) -> Result<()> {
    let source = Source {
        root: file.path.clone(),
        files: vec![file.clone()],
        skipped: Vec::new(),
    };
    // Whether too many are bad is judged over all files, and ids over all kinds of them.
    let rows = ReadSettings {
        stop_past_share: 1.0,
        unique_ids: false,
        normalise: false,
        ..settings.rows.clone()
    };
    let mut reader = Reader::new(&source, rows);
    let mut counted = 0;
    while let Some(record) = reader.next_record()? {
        let (done, _) = reader.progress();
        read.fetch_add(done - counted, Ordering::Relaxed);
        counted = done;
        take(record.map(|mut document| {
            let body = match document.text.len() as u64 > settings.longest {
                true => too_large(document.text.len() as u64, settings),
                false => Body::Html(document.text.into_bytes()),
            };
            let text = |value: Option<serde_json::Value>| match value {
                Some(serde_json::Value::String(text)) => Some(text),
                _ => None,
            };
            let url = text(document.metadata.remove("url"));
            let date = text(document.metadata.remove("date"));
            Page {
                id: document.id,
                url,
                date,
                metadata: document.metadata,
                body,
            }
        }))?;
    }
    Ok(())
}
