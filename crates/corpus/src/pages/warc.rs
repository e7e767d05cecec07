//! WARC and WET (ISO 28500): records one after the other, each with its header and its block.
//!
//! `response` and `conversion` records become pages, and `resource` records that are HTML; all
//! others are passed over. Lenient where crawls are: lines may end in a bare line feed, versions
//! back to 0.18 are read, blank lines are skipped. After a header that cannot be read the next
//! line that begins with `WARC/` is looked for, and the loss is counted once. A damaged member of
//! gzip costs the record in it: a page is handed on only when what stands behind it could be read.

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
        input,
        offset: 0,
        line: Vec::new(),
        begun: false,
    };
    let mut number = 0;
    let mut waiting: Option<Box<Page>> = None;
    loop {
        number += 1;
        let record = stream.record(settings);
        let damage = record.as_ref().err().and_then(Damage::of);
        // Its last bytes were no good, so that nobody knows of which bytes it was made.
        let spoilt = damage.is_some_and(|damage| damage.begun) && !stream.begun;
        if let Some(page) = waiting.take().filter(|_| !spoilt) {
            take(Ok(*page))?;
        }
        match record {
            Ok(Some(Record::Page(mut page))) => {
                if page.id.is_empty() {
                    page.id = format!("{file}:{number}");
                }
                waiting = Some(page);
            }
            Ok(Some(Record::Other)) => {}
            Ok(Some(Record::Broken(detail))) => {
                let bad = BadLine::new(file, number, Reason::BrokenRecord, detail, &stream.line);
                take(Err(bad))?;
                if let Err(error) = go_on(file, number, &mut stream, take)? {
                    return stop(file, number, error, &stream, take);
                }
            }
            Ok(None) => return Ok(()),
            Err(error) if Damage::of(&error).is_some() => {
                take(Err(damaged(file, number, &error, stream.offset)))?;
                if let Err(error) = go_on(file, number, &mut stream, take)? {
                    return stop(file, number, error, &stream, take);
                }
            }
            Err(error) => return stop(file, number, error, &stream, take),
        }
    }
}

/// Goes to the next record; an error of reading that ends the input.
fn go_on(
    file: &str,
    number: u64,
    stream: &mut Stream,
    take: &mut Taker<'_>,
) -> Result<std::io::Result<()>> {
    loop {
        match stream.resynchronise() {
            Err(error) if Damage::of(&error).is_some() => {
                take(Err(damaged(file, number, &error, stream.offset)))?;
            }
            other => return Ok(other),
        }
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
    take(Err(damaged(file, number, &error, stream.offset)))
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

struct Stream {
    input: Box<dyn BufRead + Send>,
    offset: u64,
    line: Vec<u8>,
    /// Whether anything of the record that is being read was there.
    begun: bool,
}

impl Stream {
    /// Reads a line without its end; `false` at the end of the input.
    fn line(&mut self) -> std::io::Result<bool> {
        self.line.clear();
        let bytes = (&mut self.input)
            .take(HEADER)
            .read_until(b'\n', &mut self.line)?;
        self.offset += bytes as u64;
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(bytes > 0)
    }

    fn record(&mut self, settings: &PageSettings) -> std::io::Result<Option<Record>> {
        loop {
            let line = self.line();
            self.begun = !self.line.trim_ascii().is_empty();
            if !line? {
                return Ok(None);
            }
            if self.begun {
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
        let start = self.offset;
        loop {
            if !self.line()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.line.is_empty() {
                return Ok(Ok(header));
            }
            if self.offset - start > HEADER {
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
        self.offset += read as u64;
        if (read as u64) < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }

    fn skip(&mut self, length: u64) -> std::io::Result<()> {
        let skipped = std::io::copy(&mut (&mut self.input).take(length), &mut std::io::sink())?;
        self.offset += skipped;
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
