//! Writing pages as a crawler keeps them: WARC 1.1, a gzip member a record.
//!
//! The same pages give the same bytes: no times of now, no names of machines.

use std::io::{BufWriter, Write};

use anyhow::{Context as _, Result};
use disk::AtomicFile;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The date of every record: a crawl of an invented world happens on a day that never changes.
const DATE: &str = "2024-01-01T00:00:00Z";

/// A WARC file under way.
pub struct WarcWriter {
    file: BufWriter<AtomicFile>,
}

impl WarcWriter {
    /// Begins a file with its `warcinfo` record.
    ///
    /// # Errors
    /// The disk's.
    pub fn new(file: AtomicFile) -> Result<Self> {
        let mut writer = Self {
            file: BufWriter::new(file),
        };
        writer.record(
            "warcinfo",
            "urn:warcinfo",
            None,
            "application/warc-fields",
            b"format: WARC File Format 1.1\r\n",
        )?;
        Ok(writer)
    }

    /// Adds a page as the answer of a server.
    ///
    /// # Errors
    /// The disk's.
    pub fn page(&mut self, id: &str, url: &str, html: &[u8]) -> Result<()> {
        let mut block = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            html.len()
        )
        .into_bytes();
        block.extend_from_slice(html);
        self.record(
            "response",
            id,
            Some(url),
            "application/http; msgtype=response",
            &block,
        )
    }

    fn record(
        &mut self,
        kind: &str,
        id: &str,
        url: Option<&str>,
        content_type: &str,
        block: &[u8],
    ) -> Result<()> {
        let url = url.map_or(String::new(), |url| format!("WARC-Target-URI: {url}\r\n"));
        let head = format!(
            "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <{id}>\r\n{url}WARC-Date: {DATE}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            block.len()
        );
        let mut member = GzEncoder::new(&mut self.file, Compression::fast());
        for part in [head.as_bytes(), block, b"\r\n\r\n"] {
            member
                .write_all(part)
                .context("a record cannot be written")?;
        }
        member.finish().context("a record cannot be written")?;
        Ok(())
    }

    /// Ends the file: now it is there.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self) -> Result<()> {
        let file = self
            .file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.commit().context("a WARC file cannot be finished")
    }
}
