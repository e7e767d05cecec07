//! WARC and WET (ISO 28500): records one after the other, each with its header and its block.
//!
//! `response` and `conversion` records become pages, and `resource` records that are HTML; all
//! others are passed over. Lenient where crawls are: lines may end in a bare line feed, versions
//! back to 0.18 are read, blank lines are skipped. After a header that cannot be read the next
//! line that begins with `WARC/` is looked for, and the loss is counted once. A damaged member of
//! gzip costs the record in it: a page is handed on only when what stands behind it could be read,
//! and when that is damaged, only if it lies in another member. Where all records are one member,
//! damage costs the page before it as well.

use std::io::{BufRead, ErrorKind, Read};

use anyhow::Result;

use super::{Body, Page, PageSettings, Taker, damaged, too_large};
use crate::read::members::Damage;
use crate::{BadLine, Reason};

/// Bytes of a record's header.
const HEADER: u64 = 256 << 10;

pub(super) fn records(
    file: &str,
    input: Box<dyn BufRead + Send>,
    settings: &PageSettings,
    take: &mut Taker<'_>,
) -> Result<()> {
    let mut stream = Stream {
        input: Pieces::new(input),
        line: Vec::new(),
        whole: 0,
    };
    let mut number = 0;
    let mut waiting: Option<Box<Page>> = None;
    let mut end = 0; // of the page that waits
    loop {
        number += 1;
        let record = stream.record(settings);
        let apart = end <= stream.whole;
        match &record {
            Err(error) if !apart && spoils(error) => waiting = None,
            // Rubbish that a damaged member gives behind its record, perhaps.
            Ok(Some(Record::Broken(_))) if !apart => {}
            _ => hand_on(&mut waiting, take)?,
        }
        match record {
            Ok(Some(Record::Page(mut page))) => {
                if page.id.is_empty() {
                    page.id = format!("{file}:{number}");
                }
                waiting = Some(page);
                end = stream.input.offset;
            }
            Ok(Some(Record::Other)) => {}
            Ok(Some(Record::Broken(detail))) => {
                let bad = BadLine::new(file, number, Reason::BrokenRecord, detail, &stream.line);
                take(Err(bad))?;
                if let Err(error) = go_on(file, number, &mut stream, &mut waiting, take)? {
                    return stop(file, number, error, &stream, take);
                }
            }
            Ok(None) => return Ok(()),
            Err(error) if Damage::of(&error).is_some() => {
                take(Err(damaged(file, number, &error, stream.input.offset)))?;
                if let Err(error) = go_on(file, number, &mut stream, &mut waiting, take)? {
                    return stop(file, number, error, &stream, take);
                }
            }
            Err(error) => return stop(file, number, error, &stream, take),
        }
    }
}

/// Whether bytes that came before this error are no good, so that nobody knows of which a page was made.
fn spoils(error: &std::io::Error) -> bool {
    Damage::of(error).is_some_and(|damage| damage.begun)
}

fn hand_on(waiting: &mut Option<Box<Page>>, take: &mut Taker<'_>) -> Result<()> {
    match waiting.take() {
        Some(page) => take(Ok(*page)),
        None => Ok(()),
    }
}

/// Goes to the next record; an error of reading that ends the input. A page still waits only where
/// rubbish stood behind it: what is met first says whether they were one damaged member.
fn go_on(
    file: &str,
    number: u64,
    stream: &mut Stream,
    waiting: &mut Option<Box<Page>>,
    take: &mut Taker<'_>,
) -> Result<std::io::Result<()>> {
    loop {
        let Err(error) = stream.resynchronise() else {
            return Ok(Ok(()));
        };
        if spoils(&error) {
            *waiting = None;
        }
        hand_on(waiting, take)?;
        if Damage::of(&error).is_none() {
            return Ok(Err(error));
        }
        take(Err(damaged(file, number, &error, stream.input.offset)))?;
    }
}

/// The input ends here: by the disk's fault, which is an error, or by its own, which is counted.
fn stop(
    file: &str,
    number: u64,
    error: std::io::Error,
    stream: &Stream,
    take: &mut Taker<'_>,
) -> Result<()> {
    if error.raw_os_error().is_some() {
        return Err(error.into());
    }
    take(Err(damaged(file, number, &error, stream.input.offset)))
}

enum Record {
    Page(Box<Page>),
    Other,
    Broken(String),
}

#[derive(Default)]
struct Header {
    kind: String,
    id: String,
    url: Option<String>,
    date: Option<String>,
    content_type: String,
    length: Option<u64>,
    languages: Option<String>,
    payload: Option<String>,
}

/// The input, and where the piece of it begins that is at hand.
///
/// Members are read in pieces, each of one member alone: what does not lie in one piece with the
/// bytes before it may be of another member, and if a member is no longer than a piece, it is.
struct Pieces {
    input: Box<dyn BufRead + Send>,
    /// Bytes that were taken.
    offset: u64,
    /// Where the piece at hand begins, and its bytes that were not taken.
    start: u64,
    left: usize,
}

impl Pieces {
    fn new(input: Box<dyn BufRead + Send>) -> Self {
        Self {
            input,
            offset: 0,
            start: 0,
            left: 0,
        }
    }

    /// Where the piece begins that holds the next byte.
    fn piece(&self) -> u64 {
        match self.left {
            0 => self.offset,
            _ => self.start,
        }
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let bytes = self.input.fill_buf()?;
        if self.left == 0 {
            self.start = self.offset;
            self.left = bytes.len();
        }
        Ok(bytes)
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
        self.offset += count as u64;
        self.left -= count;
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let count = bytes.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

struct Stream {
    input: Pieces,
    line: Vec<u8>,
    /// What ends here or before lies in another piece than the beginning of the last record.
    whole: u64,
}

impl Stream {
    /// Reads a line without its end; `false` at the end of the input.
    fn line(&mut self) -> std::io::Result<bool> {
        self.line.clear();
        let bytes = (&mut self.input)
            .take(HEADER)
            .read_until(b'\n', &mut self.line)?;
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(bytes > 0)
    }

    fn record(&mut self, settings: &PageSettings) -> std::io::Result<Option<Record>> {
        loop {
            let piece = self.input.piece();
            let line = self.line();
            let begun = !self.line.trim_ascii().is_empty();
            if begun {
                self.whole = piece;
            }
            if !line? {
                return Ok(None);
            }
            if begun {
                break;
            }
        }
        if !self.line.starts_with(b"WARC/") {
            return Ok(Some(Record::Broken(
                "wanted a line that begins with WARC/".to_owned(),
            )));
        }
        let header = match self.header()? {
            Ok(header) => header,
            Err(detail) => return Ok(Some(Record::Broken(detail))),
        };
        let Some(length) = header.length else {
            return Ok(Some(Record::Broken(
                "the record has no Content-Length that is a number".to_owned(),
            )));
        };
        let http = header.content_type.starts_with("application/http")
            || (header.kind == "response" && header.content_type.is_empty());
        let web = header
            .url
            .as_deref()
            .is_none_or(|url| url.starts_with("http"));
        let html = header.content_type.starts_with("text/html")
            || header.content_type.starts_with("application/xhtml");
        let wanted = match header.kind.as_str() {
            "response" => web && (http || html),
            "conversion" => header.content_type.starts_with("text/plain"),
            "resource" => html,
            _ => false,
        };
        if !wanted {
            self.skip(length)?;
            return Ok(Some(Record::Other));
        }
        let body = if length > settings.longest {
            self.skip(length)?;
            too_large(length, settings)
        } else {
            let bytes = self.block(length)?;
            match header.kind.as_str() {
                "conversion" => Body::Text(String::from_utf8_lossy(&bytes).into_owned()),
                "response" if http => Body::Http(bytes),
                _ => Body::Html(bytes),
            }
        };
        let mut page = Page::new(header.id, body);
        page.url = header.url;
        page.date = header.date;
        if let Some(languages) = header.languages {
            page = page.with("crawl_languages", languages);
        }
        if let Some(payload) = header.payload {
            page = page.with("content_type", payload);
        }
        Ok(Some(Record::Page(Box::new(page))))
    }

    fn header(&mut self) -> std::io::Result<Result<Header, String>> {
        let mut header = Header::default();
        let start = self.input.offset;
        loop {
            if !self.line()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.line.is_empty() {
                return Ok(Ok(header));
            }
            if self.input.offset - start > HEADER {
                return Ok(Err(format!("a header of more than {HEADER} bytes")));
            }
            let text = String::from_utf8_lossy(&self.line);
            let Some((name, value)) = text.split_once(':') else {
                continue; // a folded or a foreign line
            };
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "warc-type" => header.kind = value.to_ascii_lowercase(),
                "warc-record-id" => {
                    header.id = value.trim_matches(['<', '>']).to_owned();
                }
                "warc-target-uri" => {
                    header.url = Some(value.trim_matches(['<', '>']).to_owned());
                }
                "warc-date" => header.date = Some(value.to_owned()),
                "content-type" => header.content_type = value.to_ascii_lowercase(),
                "content-length" => header.length = value.parse().ok(),
                "warc-identified-content-language" => header.languages = Some(value.to_owned()),
                "warc-identified-payload-type" if !value.is_empty() => {
                    header.payload = Some(value.to_owned());
                }
                _ => {}
            }
        }
    }

    fn block(&mut self, length: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length.min(1 << 20) as usize);
        let read = (&mut self.input).take(length).read_to_end(&mut bytes)?;
        if (read as u64) < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }

    fn skip(&mut self, length: u64) -> std::io::Result<()> {
        let skipped = std::io::copy(&mut (&mut self.input).take(length), &mut std::io::sink())?;
        if skipped < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Looks for the next line that begins a record, and leaves it to be read.
    fn resynchronise(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() || buffer.starts_with(b"WARC/") {
                return Ok(());
            }
            if !self.line()? {
                return Ok(());
            }
        }
    }
}
