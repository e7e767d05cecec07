//! One raw page as a document: the only place where what it is made of decides how it is read.

use crate::extract::charset;
use crate::harvest::admission::licence_name;
use crate::harvest::{HarvestSettings, Lists};
use crate::pages::http;
use crate::{
    About, Body, Document, Extractor, Page, Refusal, Refused, Repairs, normalise, tex, wikitext,
};

/// A document, and what was done to make it.
pub(super) struct Made {
    pub(super) document: Document,
    pub(super) repairs: Repairs,
    pub(super) encoding: Option<&'static str>,
}

/// Why a page gave no document.
pub(super) enum Stopped {
    /// The page is refused.
    Refused(Refused),
    /// The machine failed, which says nothing of the page.
    Failed(anyhow::Error),
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// A text and what is known of it, before it is normalised.
#[derive(Default)]
struct Taken {
    text: String,
    about: About,
    encoding: Option<&'static str>,
    date: Option<String>,
    categories: Vec<String>,
}

/// Makes the document of a page.
///
/// # Errors
/// The refusal, or what the extractor's machine failed of.
pub(super) fn make(
    page: Page,
    settings: &HarvestSettings,
    lists: &Lists,
    extractor: &dyn Extractor,
) -> Result<Made, Stopped> {
    let Page {
        id,
        url,
        date,
        metadata,
        body,
    } = page;
    lists.judge(&id, url.as_deref())?;
    let taken = take(body, settings, extractor)?;
    if settings.admit.heed_robots && taken.about.opts_out {
        let detail = "it asks robots to stay away";
        return Err(Refused::new(Refusal::OptedOut, detail).into());
    }
    let mut document = Document {
        id,
        text: String::new(),
        metadata,
    };
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value
            && !document.metadata.contains_key(name)
        {
            document.metadata.insert(name.to_owned(), value.into());
        }
    };
    set("url", url);
    set("date", taken.about.date.or(date).or(taken.date));
    set("title", taken.about.title.or(taken.about.heading));
    // What a page declares; what it is written in is for the stage that tells languages apart.
    set("declared_language", taken.about.language);
    set("licence", taken.about.licence.as_deref().map(licence_name));
    set("encoding", taken.encoding.map(str::to_owned));
    if !taken.categories.is_empty() {
        document
            .metadata
            .insert("categories".to_owned(), taken.categories.into());
    }
    for (name, value) in &settings.add {
        document.metadata.insert(name.clone(), value.clone());
    }
    let licence = document
        .string("licence")
        .or_else(|| document.string("license"));
    settings.admit.licence(licence)?;
    let mut repairs = Repairs::default();
    document.text = match settings.normalise {
        true => {
            let (text, found) = normalise(&taken.text);
            repairs = found;
            text
        }
        false => taken.text,
    };
    if document.text.trim().is_empty() {
        return Err(Refused::new(Refusal::NoText, "the page holds no text").into());
    }
    Ok(Made {
        document,
        repairs,
        encoding: taken.encoding,
    })
}

fn take(
    body: Body,
    settings: &HarvestSettings,
    extractor: &dyn Extractor,
) -> Result<Taken, Stopped> {
    match body {
        Body::Refused(refused) => Err(refused.into()),
        Body::Text(text) => Ok(Taken {
            text,
            ..Taken::default()
        }),
        Body::Html(bytes) => html(&bytes, None, settings, extractor),
        Body::Http(block) => {
            let response = http::response(&block, settings.caps.bytes)?;
            let kind = response.content_type.as_str();
            let mut taken = if kind.is_empty() || kind.contains("html") {
                if kind.is_empty() && !looks_like_html(&response.body) {
                    let detail =
                        "the server did not say what it is, and it does not look like HTML";
                    return Err(Refused::new(Refusal::NotAPage, detail).into());
                }
                let charset = response.charset.as_deref();
                html(&response.body, charset, settings, extractor)?
            } else if kind == "text/plain" {
                let decoded = charset::decode(&response.body, response.charset.as_deref());
                Taken {
                    text: decoded.text,
                    encoding: Some(decoded.encoding),
                    ..Taken::default()
                }
            } else {
                return Err(Refused::new(Refusal::NotAPage, kind.to_owned()).into());
            };
            taken.date = response.last_modified;
            Ok(taken)
        }
        Body::Wikitext { title, source } => {
            let article = wikitext::article(&title, &source);
            Ok(Taken {
                text: article.text,
                categories: article.categories,
                ..Taken::default()
            })
        }
        Body::Tex(files) => {
            let paper = tex::paper(&files)?;
            let about = About {
                title: paper.title,
                ..About::default()
            };
            Ok(Taken {
                text: paper.text,
                about,
                ..Taken::default()
            })
        }
    }
}

fn html(
    bytes: &[u8],
    header: Option<&str>,
    settings: &HarvestSettings,
    extractor: &dyn Extractor,
) -> Result<Taken, Stopped> {
    if bytes.len() as u64 > settings.caps.bytes {
        let detail = format!(
            "{} bytes, and at most {} are read",
            bytes.len(),
            settings.caps.bytes
        );
        return Err(Refused::new(Refusal::TooLarge, detail).into());
    }
    let decoded = charset::decode(bytes, header);
    let extracted = extractor
        .main_text(&decoded.text, settings.mode, &settings.caps)
        .map_err(Stopped::Failed)??;
    Ok(Taken {
        text: extracted.text,
        about: extracted.about,
        encoding: Some(decoded.encoding),
        ..Taken::default()
    })
}

fn looks_like_html(body: &[u8]) -> bool {
    let head = body[..body.len().min(1_024)].to_ascii_lowercase();
    [
        b"<html".as_slice(),
        b"<!doctype",
        b"<body",
        b"<head",
        b"<div",
        b"<p>",
    ]
    .iter()
    .any(|sign| memchr::memmem::find(&head, sign).is_some())
}
