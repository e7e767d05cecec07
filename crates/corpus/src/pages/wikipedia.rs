//! Wikipedia dumps (MediaWiki's XML export), `pages-articles.xml.bz2` with or without multistream.
//!
//! Articles are the pages of namespace 0; redirections and pages of other namespaces are refused by
//! name. The address is that of the site's main page with the title in it, the date that of the last
//! change, the language the dump's. Numbers of pages are those of one wiki, so an id is the wiki's name and the
//! number: `kowiki:5`. A dump that breaks off gives every page before the break.

use std::io::{BufRead, Read};

use anyhow::Result;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::{Body, Page, PageSettings, Taker, too_large};
use crate::{BadLine, Reason, Refusal, Refused};

#[derive(Default)]
struct Article {
    title: String,
    namespace: String,
    id: String,
    redirect: bool,
    date: String,
    text: String,
}

/// What a dump says of its wiki, before the first page.
#[derive(Default)]
struct Site {
    /// The name of its database, `kowiki`; older dumps do not say it.
    database: String,
    /// The address of its main page.
    base: String,
    language: String,
}

/// Bytes of a name or an address in it: each stands in the id or the address of every page.
const SITE: usize = 1_000;

impl Site {
    /// A name that no other wiki has: that of the database, else the host, else the file.
    fn name<'a>(&'a self, file: &'a str) -> &'a str {
        let host = self.base.split_once("//").map_or("", |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or("");
        [self.database.trim(), host.trim()]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or(file)
    }
}

/// An element may be this many times as long as the longest article: marks, and histories that are skipped.
const LONGER: u64 = 16;

/// Input that ends with an error when one element goes on and on: the XML reader holds it whole.
struct Bounded {
    input: Box<dyn BufRead + Send>,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.fill_buf()?.read(to)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Bounded {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.left == 0 {
            let kind = std::io::ErrorKind::InvalidData;
            return Err(std::io::Error::new(kind, "an element has no end"));
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.input.consume(count);
    }
}

pub(super) fn articles(
    file: &str,
    input: Box<dyn BufRead + Send>,
    settings: &PageSettings,
    take: &mut Taker<'_>,
) -> Result<()> {
    let mut reader = Reader::from_reader(Bounded { input, left: 0 });
    reader.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut article = Article::default();
    let (mut site, mut number) = (Site::default(), 0u64);
    loop {
        buffer.clear();
        reader.get_mut().left = LONGER * settings.longest;
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(quick_xml::Error::Io(error)) if error.raw_os_error().is_some() => {
                return Err(std::io::Error::new(error.kind(), error.to_string()).into());
            }
            Err(error) => {
                let reason = match &error {
                    quick_xml::Error::Io(error)
                        if error.kind() == std::io::ErrorKind::UnexpectedEof =>
                    {
                        Reason::TruncatedFile
                    }
                    _ => Reason::CorruptFile,
                };
                let detail = format!("{error} after {} bytes of XML", reader.buffer_position());
                return take(Err(BadLine::new(file, number + 1, reason, detail, b"")));
            }
        };
        match event {
            Event::Start(start) => {
                let name = start.local_name().into_inner().to_owned();
                match name.as_str() {
                    "page" => article = Article::default(),
                    "mediawiki" => {
                        let declared = start.try_get_attribute("xml:lang").ok().flatten();
                        site = Site {
                            language: declared
                                .map_or(String::new(), |value| value.value.to_string()),
                            ..Site::default()
                        };
                    }
                    _ => {}
                }
                if path.len() < 64 {
                    path.push(name);
                }
            }
            Event::Empty(empty) if empty.local_name().into_inner() == "redirect" => {
                article.redirect = true;
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                put(&path, &text, &mut article, &mut site, settings);
            }
            Event::CData(text) => {
                let text = text.xml10_content();
                put(&path, &text, &mut article, &mut site, settings);
            }
            Event::GeneralRef(reference) => {
                let letter = resolve(&reference);
                put(&path, &letter, &mut article, &mut site, settings);
            }
            Event::End(_) if path.pop().as_deref() == Some("page") => {
                number += 1;
                let done = std::mem::take(&mut article);
                take(Ok(page(done, &site, file, settings)))?;
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if path.iter().any(|name| name == "mediawiki") {
        let detail = format!(
            "the XML ends inside <{}>",
            path.last().map_or("", String::as_str)
        );
        let bad = BadLine::new(file, number + 1, Reason::TruncatedFile, detail, b"");
        return take(Err(bad));
    }
    Ok(())
}

/// Adds text to the field that it stands in. More than the cap of a page is not kept.
fn put(
    path: &[String],
    text: &str,
    article: &mut Article,
    site: &mut Site,
    settings: &PageSettings,
) {
    let mut inner = path.iter().rev().map(String::as_str);
    let (last, parent) = (inner.next().unwrap_or(""), inner.next().unwrap_or(""));
    let field = match (parent, last) {
        ("siteinfo", "dbname") => &mut site.database,
        ("siteinfo", "base") => &mut site.base,
        ("page", "title") => &mut article.title,
        ("page", "ns") => &mut article.namespace,
        ("page", "id") => &mut article.id,
        ("revision", "timestamp") => &mut article.date,
        ("revision", "text") => &mut article.text,
        _ => return,
    };
    let fits = match parent {
        "siteinfo" => field.len() + text.len() <= SITE,
        _ => field.len() as u64 <= settings.longest,
    };
    if fits {
        field.push_str(text);
    }
}

fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return letter.to_string();
    }
    let name = reference.xml10_content();
    match &*name {
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "amp" => "&".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        other => format!("&{other};"),
    }
}

fn page(article: Article, site: &Site, file: &str, settings: &PageSettings) -> Page {
    let refuse = |refusal, detail: String| Body::Refused(Refused::new(refusal, detail));
    let body = if article.redirect {
        refuse(Refusal::Redirect, article.title.clone())
    } else if article.namespace.trim() != "0" && !article.namespace.trim().is_empty() {
        let detail = format!("namespace {}: {}", article.namespace.trim(), article.title);
        refuse(Refusal::NotAnArticle, detail)
    } else if article.text.len() as u64 > settings.longest {
        too_large(article.text.len() as u64, settings)
    } else {
        Body::Wikitext {
            title: article.title.clone(),
            source: article.text,
        }
    };
    let id = format!("{}:{}", site.name(file), article.id.trim());
    let mut page = Page::new(id, body);
    // `https://ko.wikipedia.org/wiki/위키백과:대문` → everything before the title.
    if let Some(at) = site.base.find("/wiki/") {
        let title = article.title.replace(' ', "_");
        page.url = Some(format!("{}{title}", &site.base[..at + "/wiki/".len()]));
    }
    if !article.date.is_empty() {
        page.date = Some(article.date);
    }
    if !site.language.is_empty() {
        page = page.with("language", site.language.as_str());
    }
    page.with("title", article.title)
}
