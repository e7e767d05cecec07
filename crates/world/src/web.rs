//! The world as a crawl would find it: its documents on pages of sites, among everything else there is.
//!
//! Curation can be judged only where the truth is known, so every page says what was planted in it:
//! the text that is its main text, copies and near copies of which page, personal data by kind, spam,
//! other languages. Sites have navigation, adverts, related links, notices and footers in the
//! language of the page, and six ways of marking up the same text.
//!
//! Everything follows from a seed; a page depends on its document and its number, not on the others.

mod filler;
mod personal;
mod site;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::{Document, Language, Quality};

pub use personal::Personal;

/// What a page is, truly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A document of the world.
    Page,
    /// The same text once more, on another site.
    Copy,
    /// The same text with a few words changed.
    NearCopy,
    /// Advertising.
    Spam,
    /// Text in a language that is neither Korean nor English.
    Foreign,
    /// Links and nothing else.
    Links,
}

/// How good the text of a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Whole and well written.
    Good,
    /// Good text cut into pieces, with remarks in between.
    Middling,
    /// The world's poor documents, spam, links.
    Poor,
}

/// What was planted in a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// The page's id.
    pub id: String,
    /// Its address.
    pub url: String,
    /// What it is.
    pub role: Role,
    /// How good its text is.
    pub grade: Grade,
    /// `ko`, `en`, or the language of a foreign page.
    pub language: String,
    /// The documents that it tells.
    pub documents: Vec<String>,
    /// The page that it copies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub copy_of: Option<String>,
    /// Personal data in its text.
    pub personal: Vec<Personal>,
    /// Its main text, a paragraph a line.
    pub text: String,
}

/// A page of HTML and the truth about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPage {
    /// The page.
    pub html: String,
    /// What was planted in it.
    pub planted: Planted,
}

/// How much of everything else there is, as shares of the world's documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebSettings {
    /// Exact copies.
    pub copies: f64,
    /// Near copies.
    pub near_copies: f64,
    /// Pages with personal data in them.
    pub personal: f64,
    /// Good documents that are told in pieces.
    pub middling: f64,
    /// Pages of advertising.
    pub spam: f64,
    /// Pages in other languages.
    pub foreign: f64,
    /// Pages of links.
    pub links: f64,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            copies: 0.05,
            near_copies: 0.05,
            personal: 0.05,
            middling: 0.2,
            spam: 0.08,
            foreign: 0.05,
            links: 0.03,
        }
    }
}

impl WebSettings {
    /// The shares with their names, as the recipe spells them.
    pub fn shares(&self) -> [(&'static str, f64); 7] {
        [
            ("copies", self.copies),
            ("near_copies", self.near_copies),
            ("personal", self.personal),
            ("middling", self.middling),
            ("spam", self.spam),
            ("foreign", self.foreign),
            ("links", self.links),
        ]
    }
}

/// All pages about these documents, in an order in which copies follow their originals somewhere later.
pub fn web_pages<'a>(
    seed: u64,
    documents: &'a [Document],
    settings: &'a WebSettings,
) -> impl Iterator<Item = WebPage> + 'a {
    let subjects = subjects(seed, documents);
    (0..subjects.len()).flat_map(move |number| around(seed, number, &subjects, settings))
}

/// Documents of one language and quality that are told on one page.
struct Subject<'a> {
    language: Language,
    quality: Quality,
    documents: Vec<&'a Document>,
    letters: usize,
    /// Letters that fill the page: from a short notice to a long article.
    full: usize,
}

/// The documents dealt out to pages, in the order in which pages become full.
fn subjects(seed: u64, documents: &[Document]) -> Vec<Subject<'_>> {
    let mut random = Random::new(seed, "web subjects");
    let mut filling: Vec<Subject<'_>> = Vec::new();
    let mut subjects = Vec::new();
    for document in documents {
        let of = |subject: &Subject<'_>| {
            subject.language == document.language && subject.quality == document.quality
        };
        let at = filling.iter().position(of).unwrap_or_else(|| {
            filling.push(Subject {
                language: document.language,
                quality: document.quality,
                documents: Vec::new(),
                letters: 0,
                full: random.between(300, 1_500),
            });
            filling.len() - 1
        });
        let subject = &mut filling[at];
        subject.letters += document.text.chars().count();
        subject.documents.push(document);
        if subject.letters >= subject.full {
            subjects.push(filling.swap_remove(at));
        }
    }
    subjects.extend(filling);
    subjects
}

/// The page of one subject, and what else the crawl meets before the next.
fn around(
    seed: u64,
    number: usize,
    subjects: &[Subject<'_>],
    settings: &WebSettings,
) -> Vec<WebPage> {
    let mut random = Random::new(seed, &format!("web page {number}"));
    let mut pages = vec![original(seed, number, &subjects[number], settings)];
    // A copy is of a page some way back, so that it lies in another part of the crawl.
    for (role, share) in [
        (Role::Copy, settings.copies),
        (Role::NearCopy, settings.near_copies),
    ] {
        let back = 1 + random.below(200.min(number.max(1)));
        if random.chance(share)
            && let Some(at) = number.checked_sub(back)
        {
            let page = original(seed, at, &subjects[at], settings);
            pages.push(again(page, number, role, &mut random));
        }
    }
    for (role, share) in [
        (Role::Spam, settings.spam),
        (Role::Foreign, settings.foreign),
        (Role::Links, settings.links),
    ] {
        if random.chance(share) {
            pages.push(other(role, number, &mut random));
        }
    }
    pages
}

/// The page that tells a subject.
fn original(seed: u64, number: usize, subject: &Subject<'_>, settings: &WebSettings) -> WebPage {
    let mut random = Random::new(seed, &format!("web document {number}"));
    let language = subject.language;
    let texts = subject
        .documents
        .iter()
        .flat_map(|document| document.text.lines());
    let mut lines: Vec<String> = texts.map(str::to_owned).collect();
    lines.retain(|line| !line.trim().is_empty());
    let middling = subject.quality == Quality::Good && random.chance(settings.middling);
    if middling {
        lines = filler::in_pieces(&lines, language, &mut random);
    }
    let mut planted_personal = Vec::new();
    if random.chance(settings.personal) {
        let (line, found) = personal::line(language, &mut random);
        let place = random.below(lines.len() + 1);
        lines.insert(place, line);
        planted_personal = found;
    }
    let grade = match (subject.quality, middling) {
        (Quality::Poor, _) => Grade::Poor,
        (_, true) => Grade::Middling,
        _ => Grade::Good,
    };
    let url = site::address(language, number, &mut random);
    let html = site::render(&lines, language, &mut random);
    WebPage {
        html,
        planted: Planted {
            id: format!("page-{number:06}"),
            url,
            role: Role::Page,
            grade,
            language: language.code().to_owned(),
            documents: subject
                .documents
                .iter()
                .map(|document| document.id.clone())
                .collect(),
            copy_of: None,
            personal: planted_personal,
            text: lines.join("\n"),
        },
    }
}

/// A page's text once more, on another site, as it is or with a few words changed.
fn again(page: WebPage, number: usize, role: Role, random: &mut Random) -> WebPage {
    let mut planted = page.planted;
    let language = match planted.language.as_str() {
        "ko" => Language::Korean,
        _ => Language::English,
    };
    let mut lines: Vec<String> = planted.text.lines().map(str::to_owned).collect();
    if role == Role::NearCopy {
        lines = filler::nearly(&lines, language, random);
    }
    planted.copy_of = Some(planted.id);
    planted.id = match role {
        Role::Copy => format!("copy-{number:06}"),
        _ => format!("near-{number:06}"),
    };
    planted.role = role;
    planted.url = site::address(language, 1_000_000 + number, random);
    planted.text = lines.join("\n");
    WebPage {
        html: site::render(&lines, language, random),
        planted,
    }
}

/// A page that no document of the world is on.
fn other(role: Role, number: usize, random: &mut Random) -> WebPage {
    let language = match random.below(2) {
        0 => Language::Korean,
        _ => Language::English,
    };
    let (name, lines) = match role {
        Role::Spam => (language.code(), filler::spam(language, random)),
        Role::Foreign => filler::foreign(random),
        _ => (language.code(), Vec::new()),
    };
    let kind = match role {
        Role::Spam => "spam",
        Role::Foreign => "foreign",
        _ => "links",
    };
    let html = match role {
        Role::Links => site::links(language, random),
        _ => site::render(&lines, language, random),
    };
    WebPage {
        html,
        planted: Planted {
            id: format!("{kind}-{number:06}"),
            url: site::address(language, 2_000_000 + number, random),
            role,
            grade: if role == Role::Foreign {
                Grade::Good
            } else {
                Grade::Poor
            },
            language: name.to_owned(),
            documents: Vec::new(),
            copy_of: None,
            personal: Vec::new(),
            text: lines.join("\n"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, World};

    #[test]
    fn every_role_occurs_and_the_same_seed_gives_the_same_pages() {
        let world = World::new(3, &Settings::default()).unwrap();
        let documents: Vec<Document> = world.documents().take(20_000).cloned().collect();
        let settings = WebSettings::default();
        let pages: Vec<WebPage> = web_pages(3, &documents, &settings).collect();
        let again: Vec<WebPage> = web_pages(3, &documents, &settings).collect();
        assert!(pages == again);
        let count = |role: Role| {
            pages
                .iter()
                .filter(|page| page.planted.role == role)
                .count()
        };
        let told: usize = pages
            .iter()
            .filter(|page| page.planted.role == Role::Page)
            .map(|page| page.planted.documents.len())
            .sum();
        assert_eq!(told, documents.len());
        for role in [
            Role::Copy,
            Role::NearCopy,
            Role::Spam,
            Role::Foreign,
            Role::Links,
        ] {
            assert!(
                (20..250).contains(&count(role)),
                "{role:?}: {}",
                count(role)
            );
        }
        let ids: std::collections::BTreeSet<&str> =
            pages.iter().map(|page| page.planted.id.as_str()).collect();
        assert_eq!(ids.len(), pages.len());
        for page in &pages {
            let planted = &page.planted;
            for personal in &planted.personal {
                assert!(
                    planted.text.contains(&personal.value) && page.html.contains(&personal.value)
                );
            }
            if let Some(original) = &planted.copy_of {
                let original = pages
                    .iter()
                    .find(|page| page.planted.id == *original)
                    .unwrap();
                let same = original.planted.text == planted.text;
                assert_eq!(same, planted.role == Role::Copy, "{}", planted.id);
            }
            assert!(planted.role == Role::Links || !planted.text.is_empty());
        }
    }
}
