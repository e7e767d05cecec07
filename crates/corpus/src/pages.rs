//! Raw pages out of what crawlers, Wikipedia and arXiv hand out, one at a time and in order.
//!
//! A file is read as a stream with bounded memory and gives [`Page`]s: what is known of a page and
//! its body, still undecoded. Records that cannot be read are counted as everywhere; a file that
//! breaks off keeps everything before the break. What becomes of a page is [`crate::main_text`]'s
//! and the other extractors' business: nothing here looks into a body.

mod arxiv;
pub(crate) mod http;
mod metered;
mod rows;
mod warc;
mod wikipedia;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use crate::read::source;
use crate::{BadLine, Format, ReadSettings, Reason, Refusal, Refused, SourceFile};

/// What a page is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An HTTP response: status line, headers, body.
    Http(Vec<u8>),
    /// HTML in an encoding yet to be found.
    Html(Vec<u8>),
    /// Text that somebody else extracted, as in WET files.
    Text(String),
    /// An article of Wikipedia.
    Wikitext {
        /// Its title.
        title: String,
        /// Its source.
        source: String,
    },
    /// A paper: its TeX files by their names in the archive, sorted.
    Tex(Vec<(String, Vec<u8>)>),
    /// Nothing: the reader already knows why it is refused.
    Refused(Refused),
}

impl Body {
    /// Bytes that the page holds in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Http(bytes) | Self::Html(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Wikitext { title, source } => title.len() + source.len(),
            Self::Tex(files) => files
                .iter()
                .map(|(name, bytes)| name.len() + bytes.len())
                .sum(),
            Self::Refused(_) => 0,
        }
    }
}

/// A raw page and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Its id: the record's, the file's, the article's or the paper's.
    pub id: String,
    /// Its address.
    pub url: Option<String>,
    /// When it was fetched, or last changed.
    pub date: Option<String>,
    /// What is known otherwise.
    pub metadata: Map<String, Value>,
    /// What it is made of.
    pub body: Body,
}

impl Page {
    fn new(id: impl Into<String>, body: Body) -> Self {
        Self {
            id: id.into(),
            url: None,
            date: None,
            metadata: Map::new(),
            body,
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }
}

/// Whoever takes the pages; an error stops the reading.
pub(crate) type Taker<'a> = dyn FnMut(Result<Page, BadLine>) -> Result<()> + 'a;

/// How raw files are read.
#[derive(Clone, Debug)]
pub(crate) struct PageSettings {
    /// Bytes of the largest body; what is larger is refused unread.
    pub(crate) longest: u64,
    /// How rows of JSONL and Parquet that hold HTML are read.
    pub(crate) rows: ReadSettings,
}

/// Reads a file page by page; `read` counts the bytes taken from the disk.
///
/// # Errors
/// The disk's and the taker's.
pub(crate) fn pages(
    file: &SourceFile,
    settings: &PageSettings,
    read: &Arc<AtomicU64>,
    take: &mut Taker<'_>,
) -> Result<()> {
    let context = || {
        format!(
            "{} cannot be read: is it still there, and may it be read?",
            file.path.display()
        )
    };
    match file.format {
        Format::Warc => {
            let input = source::open(file, read).with_context(context)?;
            warc::records(&file.name, input, settings, take).with_context(context)
        }
        Format::Html => html(file, settings, read, take).with_context(context),
        Format::Wikipedia => {
            let input = source::open(file, read).with_context(context)?;
            wikipedia::articles(&file.name, input, settings, take).with_context(context)
        }
        Format::Arxiv => {
            let input = source::open(file, read).with_context(context)?;
            arxiv::papers(&file.name, input, settings, take).with_context(context)
        }
        Format::JsonLines | Format::Parquet | Format::Text => {
            rows::rows(file, settings, read, take)
        }
    }
}

/// A file of HTML is a page whose id is its name.
fn html(
    file: &SourceFile,
    settings: &PageSettings,
    read: &Arc<AtomicU64>,
    take: &mut Taker<'_>,
) -> Result<()> {
    let mut input = source::open(file, read)?;
    let mut bytes = Vec::new();
    let outcome = (&mut input)
        .take(settings.longest + 1)
        .read_to_end(&mut bytes);
    match outcome {
        Ok(_) => {}
        Err(error) if error.raw_os_error().is_some() => return Err(error.into()),
        Err(error) => return take(Err(damaged(&file.name, 1, &error, bytes.len() as u64))),
    }
    let body = match bytes.len() as u64 > settings.longest {
        true => too_large(bytes.len() as u64, settings),
        false => Body::Html(bytes),
    };
    take(Ok(Page::new(file.name.as_str(), body)))
}

fn too_large(bytes: u64, settings: &PageSettings) -> Body {
    let detail = format!(
        "{bytes} bytes or more, and at most {} are read",
        settings.longest
    );
    Body::Refused(Refused::new(Refusal::TooLarge, detail))
}

/// What a decoder says of a damaged file.
fn damaged(file: &str, record: u64, error: &std::io::Error, offset: u64) -> BadLine {
    let reason = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Reason::TruncatedFile,
        _ => Reason::CorruptFile,
    };
    BadLine::new(
        file,
        record,
        reason,
        format!("{error} after {offset} bytes"),
        b"",
    )
}

/// Progress of a reading over all of its files.
pub(crate) fn bytes_read(read: &AtomicU64) -> u64 {
    read.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
