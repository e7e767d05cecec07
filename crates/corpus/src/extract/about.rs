//! What a page says of itself: title, language, licence, date, its proper address.

use dom_query::NodeRef;
use serde::{Deserialize, Serialize};

/// What was found; nothing where the page says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The title: Open Graph's, or the one in the head.
    pub title: Option<String>,
    /// The first heading of the first level.
    pub heading: Option<String>,
    /// The language that the page declares, `ko-KR` say.
    pub language: Option<String>,
    /// Where the licence is that the page links to with `rel="license"`, or states.
    pub licence: Option<String>,
    /// When it was published, as it says.
    pub date: Option<String>,
    /// Its address, as it would like to be known.
    pub canonical: Option<String>,
    /// Whether it asks robots to leave it out of indexes, or of training.
    pub opts_out: bool,
}

impl About {
    pub(super) fn html(&mut self, node: &NodeRef<'_>) {
        set(
            &mut self.language,
            node.attr("lang").or(node.attr("xml:lang")),
        );
    }

    /// A `<meta>`, `<link>`, `<title>`, `<h1>` or `<a>` as it is met.
    pub(super) fn hear(&mut self, name: &str, node: &NodeRef<'_>) {
        match name {
            "meta" => self.meta(node),
            "title" if self.title.is_none() => set(&mut self.title, Some(node.text())),
            "h1" if self.heading.is_none() => set(&mut self.heading, Some(node.text())),
            "link" | "a" => {
                let Some(relation) = node.attr("rel") else {
                    return;
                };
                let is = |wanted: &str| {
                    relation
                        .split_ascii_whitespace()
                        .any(|word| word.eq_ignore_ascii_case(wanted))
                };
                if is("license") {
                    set(&mut self.licence, node.attr("href"));
                } else if name == "link" && is("canonical") {
                    set(&mut self.canonical, node.attr("href"));
                }
            }
            _ => {}
        }
    }

    fn meta(&mut self, node: &NodeRef<'_>) {
        let key = node
            .attr("property")
            .or_else(|| node.attr("name"))
            .or_else(|| node.attr("itemprop"));
        let (Some(key), Some(content)) = (key, node.attr("content")) else {
            return;
        };
        match key.to_ascii_lowercase().as_str() {
            "og:title" if !content.trim().is_empty() => self.title = Some(clean(&content)),
            "og:url" => set(&mut self.canonical, Some(content)),
            "article:published_time" | "date" | "dc.date" | "datepublished" | "pubdate" => {
                set(&mut self.date, Some(content));
            }
            "license" | "dc.rights" | "dcterms.license" => set(&mut self.licence, Some(content)),
            "robots" | "googlebot" => {
                let content = content.to_ascii_lowercase();
                self.opts_out |= ["noindex", "noai", "none"]
                    .iter()
                    .any(|word| content.split([',', ' ']).any(|said| said.trim() == *word));
            }
            _ => {}
        }
    }
}

fn set<T: AsRef<str>>(place: &mut Option<String>, found: Option<T>) {
    if place.is_none()
        && let Some(found) = found
    {
        let found = clean(found.as_ref());
        if !found.is_empty() {
            *place = Some(found);
        }
    }
}

/// One line, at most three hundred characters of it.
fn clean(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}
