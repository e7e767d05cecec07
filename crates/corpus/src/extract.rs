//! The main text of a web page as Markdown: what a person came to read, without what surrounds it.
//!
//! Bytes become text ([`charset`]), a page is judged before a tree of it is built ([`caps`]), the
//! tree is prepared (code, tables and formulas set aside), an extractor finds the main part, and
//! what it leaves is written as Markdown. Two modes: *quality* asks the `trafilatura` crate with
//! its fallbacks (Barbaresi 2021), *fast* asks `dom_smoothie`, Mozilla's Readability.
//!
//! The whole is a function of the bytes and the settings: no clock, no network, and a panic of an
//! extractor is a refusal like any other. What bounds its time is outside of it: see [`Extractor`].
//! Deliberately absent: rendering, JavaScript, images.

mod about;
mod blocks;
mod caps;
pub(crate) mod charset;
mod extractor;
mod formula;
mod markdown;
mod prepare;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::about::About;
pub use self::caps::{Caps, longest_text};
pub use self::extractor::{Extractor, Here};

/// How the main text is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `trafilatura` with its fallbacks.
    #[default]
    Quality,
    /// `dom_smoothie`: several times as fast, a few points less exact.
    Fast,
}

/// Why a page gives no document. The names are stable: reports and ledgers go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The server answered with something else than 200.
    HttpStatus,
    /// The answer is not HTTP, or its compression is damaged.
    BrokenHttp,
    /// It is not HTML or plain text.
    NotAPage,
    /// More bytes than the caps allow, before or after decompression; or more text than such a page can have.
    TooLarge,
    /// More elements than the caps allow.
    TooManyNodes,
    /// Elements lie deeper than the caps allow.
    TooDeep,
    /// No main text was found.
    NoText,
    /// The extractor gave up or panicked.
    ExtractorFailed,
    /// The process that the extractor ran in died of the page.
    Crashed,
    /// The extractor took longer than a page may take.
    TimedOut,
    /// The domain is on the user's list.
    BlockedDomain,
    /// The address holds a word of the user's list.
    BlockedWord,
    /// The domain has given as many documents as it may.
    DomainFull,
    /// The licence is not one of those asked for.
    Licence,
    /// Its removal was asked for, by id or address.
    Removed,
    /// The page asks robots to leave it alone.
    OptedOut,
    /// A document of this id came before.
    DuplicateId,
    /// A redirection of Wikipedia.
    Redirect,
    /// A page of Wikipedia that is no article.
    NotAnArticle,
    /// A paper without TeX in it.
    NoSource,
}

impl Refusal {
    /// The stable name, as it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpStatus => "http_status",
            Self::BrokenHttp => "broken_http",
            Self::NotAPage => "not_a_page",
            Self::TooLarge => "too_large",
            Self::TooManyNodes => "too_many_nodes",
            Self::TooDeep => "too_deep",
            Self::NoText => "no_text",
            Self::ExtractorFailed => "extractor_failed",
            Self::Crashed => "crashed",
            Self::TimedOut => "timed_out",
            Self::BlockedDomain => "blocked_domain",
            Self::BlockedWord => "blocked_word",
            Self::DomainFull => "domain_full",
            Self::Licence => "licence",
            Self::Removed => "removed",
            Self::OptedOut => "opted_out",
            Self::DuplicateId => "duplicate_id",
            Self::Redirect => "redirect",
            Self::NotAnArticle => "not_an_article",
            Self::NoSource => "no_source",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A refusal and what exactly was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What was found, in words.
    pub detail: String,
}

impl Refused {
    /// A refusal and what was found, in words.
    pub fn new(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            refusal,
            detail: detail.into(),
        }
    }
}

/// The main text of a page, and what the page says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// Markdown, not yet normalised.
    pub text: String,
    /// Title, language, licence …
    pub about: About,
}

/// Finds the main text of a page.
///
/// # Errors
/// The refusal: a cap, no text, or an extractor that failed.
pub fn main_text(html: &str, mode: Mode, caps: &Caps) -> Result<Extracted, Refused> {
    // The extractors and the parser are other people's code on other people's pages.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let prepared = prepare::prepare(html, caps)?;
        let prepare::Prepared {
            document,
            blocks,
            about,
        } = prepared;
        let most = longest_text(html.len());
        let text = match mode {
            Mode::Quality => quality(&document, is_korean(html, &about))
                .map(|content| markdown::markdown(&content, &blocks, most)),
            Mode::Fast => fast(document, &blocks, most),
        };
        let text = text.map_err(|detail| Refused::new(Refusal::NoText, detail))?;
        let text = text.ok_or_else(|| caps::too_long(html.len()))?;
        Ok(Extracted { text, about })
    }));
    let extracted = outcome.unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|said| (*said).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let detail = format!("it panicked: {said}");
        Err(Refused::new(Refusal::ExtractorFailed, detail))
    })?;
    if extracted.text.trim().is_empty() {
        return Err(Refused::new(
            Refusal::NoText,
            "nothing was left when navigation was taken away",
        ));
    }
    Ok(extracted)
}

fn quality(document: &dom_query::Document, korean: bool) -> Result<String, String> {
    // Below so many characters trafilatura takes the words of the whole article as they come. Its
    // number is for alphabets; a page of Hangul says as much in half of it.
    let least = if korean { 125 } else { 250 };
    let options = trafilatura::Options::default()
        .with_config(trafilatura::Config::default().with_min_extracted_size(least))
        .with_fallback(true)
        .with_exclude_comments(true);
    trafilatura::extract(&spaced(&document.html()), &options)
        .map(|result| result.content_html)
        .map_err(|error| error.to_string())
}

/// Whether a page is Korean enough for Korean measures: it says so, or is full of syllables.
fn is_korean(html: &str, about: &About) -> bool {
    let declared = about
        .language
        .as_deref()
        .is_some_and(|language| language.starts_with("ko"));
    declared || {
        let syllables = html
            .bytes()
            .filter(|byte| (0xEA..=0xED).contains(byte))
            .count();
        syllables * 30 > html.len()
    }
}

/// A line break behind every block that has none: where an extractor takes the bare words of a
/// minified page, the last word of a paragraph must not run into the first of the next.
fn spaced(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 16);
    let mut from = 0;
    for at in memchr::memmem::find_iter(html.as_bytes(), b"</") {
        let name = &html.as_bytes()[at + 2..];
        let length = name
            .iter()
            .take(11)
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let block = matches!(
            &name[..length],
            b"p" | b"div"
                | b"h1"
                | b"h2"
                | b"h3"
                | b"h4"
                | b"h5"
                | b"h6"
                | b"li"
                | b"td"
                | b"th"
                | b"tr"
                | b"dt"
                | b"dd"
                | b"section"
                | b"article"
                | b"header"
                | b"blockquote"
        );
        let end = at + 2 + length + 1;
        if block && html.as_bytes().get(end - 1) == Some(&b'>') && end >= from {
            out.push_str(&html[from..end]);
            out.push('\n');
            from = end;
        }
    }
    out.push_str(&html[from..]);
    out
}

fn fast(
    document: dom_query::Document,
    blocks: &[String],
    most: usize,
) -> Result<Option<String>, String> {
    let config = dom_smoothie::Config {
        disable_json_ld: true,
        // Nobody reads them any more, so that nobody needs to take them away.
        keep_classes: true,
        ..dom_smoothie::Config::default()
    };
    let mut page = dom_smoothie::Readability::with_document(document, None, Some(config))
        .map_err(|error| error.to_string())?;
    page.parse().map_err(|error| error.to_string())?;
    // The tree that it leaves is read as it is: its HTML would have to be parsed once more.
    let main = page.doc.select_single("#readability-page-1");
    let main = main.nodes().first().ok_or("it left no article")?;
    Ok(markdown::of_tree(main, blocks, most))
}

#[cfg(test)]
mod tests;
