//! Who may come in: the user's lists of domains, words and removals, licences, and shares of a domain.
//!
//! Crawlers keep addresses as they were sent (`%EA%B8%80`, `xn--3e0b707e`), people write 글 and 한국: both are
//! brought into one form before they are compared.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use percent_encoding::{percent_decode_str, percent_encode_byte};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use unicode_normalization::UnicodeNormalization as _;

use crate::{Refusal, Refused};

/// What becomes of a document that states no licence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unlicensed {
    /// It is kept.
    #[default]
    Keep,
    /// It is refused.
    Refuse,
}

/// Which pages may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admission {
    /// Licences that are allowed, `CC-BY-4.0` or `CC-BY` for all its versions; any where nothing is said.
    pub licences: Vec<String>,
    /// What becomes of a document that states none.
    pub without_licence: Unlicensed,
    /// How many documents of one domain are taken, in the order of the files; all where nothing is said.
    pub most_of_a_domain: Option<u64>,
    /// Whether pages that ask robots to stay away (`noindex`, `noai`) are refused.
    pub heed_robots: bool,
    /// Ids and addresses of documents whose removal was asked for; the lists' `remove*.txt` add to it.
    pub remove: Vec<String>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            licences: Vec::new(),
            without_licence: Unlicensed::default(),
            most_of_a_domain: None,
            heed_robots: true,
            remove: Vec::new(),
        }
    }
}

/// The user's lists: a line an entry, `#` begins a comment.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    domains: HashSet<String>,
    words: HashSet<String>,
    removed: HashSet<String>,
}

impl Lists {
    /// Reads `domains*.txt`, `words*.txt` and `remove*.txt` of a folder.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds none of these.
    pub fn load(folder: &Path) -> Result<Self> {
        let context = || format!("the lists in {} cannot be read", folder.display());
        let mut lists = Self::default();
        let mut files = std::fs::read_dir(folder)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .with_context(context)?;
        files.sort_by_key(std::fs::DirEntry::file_name);
        let mut found = 0;
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            let list = match name.strip_suffix(".txt") {
                Some(stem) if stem.starts_with("domains") => &mut lists.domains,
                Some(stem) if stem.starts_with("words") => &mut lists.words,
                Some(stem) if stem.starts_with("remove") => &mut lists.removed,
                _ => continue,
            };
            found += 1;
            let text = std::fs::read_to_string(file.path())
                .with_context(|| format!("{} is no list of UTF-8 lines", file.path().display()))?;
            for line in text.lines() {
                let entry = line.split('#').next().unwrap_or("").trim();
                let is_removal = name.starts_with("remove");
                // An address may hold `#`: in removals only a line's first sign begins a comment.
                let entry = if is_removal && !line.trim_start().starts_with('#') {
                    line.trim()
                } else {
                    entry
                };
                if !entry.is_empty() {
                    list.insert(match &*name {
                        name if name.starts_with("remove") => readable(entry),
                        name if name.starts_with("domains") => readable_host(entry),
                        _ => entry.nfc().collect::<String>().to_lowercase(),
                    });
                }
            }
        }
        ensure!(
            found > 0,
            "{} holds no list: wanted files called domains*.txt, words*.txt or remove*.txt",
            folder.display()
        );
        Ok(lists)
    }

    /// These and what the settings ask to remove, so that no page is held against every request.
    pub(super) fn with(&self, admission: &Admission) -> Self {
        let mut lists = self.clone();
        let asked = admission.remove.iter().map(|asked| readable(asked));
        lists.removed.extend(asked);
        lists
    }

    /// Judges a page by its name and address, before its text is looked at.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn judge(&self, id: &str, url: Option<&str>) -> Result<(), Refused> {
        if self.removed.is_empty() && self.domains.is_empty() && self.words.is_empty() {
            return Ok(());
        }
        let url = url.map(readable);
        let asked = |name: &str| self.removed.contains(name);
        let named = !self.removed.is_empty() && asked(&readable(id));
        if named || url.as_deref().is_some_and(asked) {
            return Err(Refused::new(Refusal::Removed, "its removal was asked for"));
        }
        let Some(url) = url else {
            return Ok(());
        };
        if !self.domains.is_empty() {
            let host = readable_host(&host_of(&url));
            // `example.com` on the list is `a.b.example.com` as well.
            let mut name: &str = &host;
            loop {
                if self.domains.contains(name) {
                    return Err(Refused::new(Refusal::BlockedDomain, name.to_owned()));
                }
                match name.split_once('.') {
                    Some((_, rest)) if !rest.is_empty() => name = rest,
                    _ => break,
                }
            }
        }
        if !self.words.is_empty() {
            let lower = url.to_lowercase();
            let word = lower
                .split(|letter: char| !letter.is_alphanumeric())
                .find(|word| self.words.contains(*word));
            if let Some(word) = word {
                return Err(Refused::new(Refusal::BlockedWord, word.to_owned()));
            }
        }
        Ok(())
    }
}

impl Admission {
    /// Judges a document by the licence that it states.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn licence(&self, stated: Option<&str>) -> Result<(), Refused> {
        let Some(stated) = stated.filter(|stated| !stated.is_empty()) else {
            return match self.without_licence {
                Unlicensed::Keep => Ok(()),
                Unlicensed::Refuse => Err(Refused::new(Refusal::Licence, "it states none")),
            };
        };
        let matches = |allowed: &String| {
            let (allowed, stated) = (allowed.to_uppercase(), stated.to_uppercase());
            // `CC-BY` allows `CC-BY-4.0`, and not `CC-BY-NC-4.0`.
            stated == allowed
                || stated
                    .strip_prefix(&format!("{allowed}-"))
                    .is_some_and(|version| {
                        version
                            .chars()
                            .all(|letter| letter.is_ascii_digit() || letter == '.')
                    })
        };
        if self.licences.is_empty() || self.licences.iter().any(matches) {
            return Ok(());
        }
        Err(Refused::new(Refusal::Licence, stated.to_owned()))
    }
}

/// A licence by its short name: the address of a Creative Commons licence becomes `CC-BY-SA-4.0`.
pub(super) fn licence_name(stated: &str) -> String {
    let lower = stated.to_lowercase();
    let Some((_, path)) = lower.split_once("creativecommons.org/") else {
        return stated.trim().to_owned();
    };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some("licenses"), Some(kind), version) => {
            let version = version
                .filter(|version| version.starts_with(|letter: char| letter.is_ascii_digit()));
            let version = version.map_or(String::new(), |version| format!("-{version}"));
            format!("CC-{}{version}", kind.to_uppercase())
        }
        (Some("publicdomain"), Some("zero"), _) => "CC0-1.0".to_owned(),
        (Some("publicdomain"), ..) => "PDM-1.0".to_owned(),
        _ => stated.trim().to_owned(),
    }
}

/// An address as people read it: percent signs decoded where they spell UTF-8, Hangul composed, the host's
/// letters instead of their ASCII form. What is no address stays what it is, but for that.
fn readable(address: &str) -> String {
    let address: String = decoded(address).nfc().collect();
    let Some((scheme, rest)) = address.split_once("://") else {
        return address;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    format!("{}://{}{path}", scheme.to_lowercase(), readable_host(host))
}

/// Percent signs decoded where they spell UTF-8; other bytes stay `%B1`. A query in EUC-KR or a letter
/// that was cut in half does not hide the rest of the address.
fn decoded(address: &str) -> Cow<'_, str> {
    if let Ok(whole) = percent_decode_str(address).decode_utf8() {
        return whole;
    }
    let bytes: Vec<u8> = percent_decode_str(address).collect();
    let mut text = String::with_capacity(address.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(percent_encode_byte));
    }
    Cow::Owned(text)
}

/// A host in letters, lower-case: `xn--3e0b707e` is `한국`.
fn readable_host(host: &str) -> String {
    let host: String = host.nfc().collect();
    // What cannot be read whole is as far as it can be.
    idna::domain_to_unicode(&host.to_lowercase()).0
}

/// The host of an address, lower-case, without user and port.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.starts_with('[') {
        true => host, // an IPv6 address
        false => host.split(':').next().unwrap_or(host),
    };
    host.trim_end_matches('.').to_lowercase()
}

/// The domain that an address belongs to: `blog.example.co.kr` → `example.co.kr`.
///
/// Second levels that registries hand names out under (`co.kr`, `ac.uk`) are known by their usual
/// words; no list of public suffixes is shipped, so `a.github.io` counts as `github.io`.
pub fn domain_of(url: &str) -> String {
    const SECOND: [&str; 15] = [
        "co", "or", "go", "ac", "ne", "re", "pe", "com", "org", "net", "edu", "gov", "mil", "ed",
        "es",
    ];
    let host = host_of(url);
    if host.starts_with('[')
        || host
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.')
    {
        return host;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let count = labels.len();
    let country = labels.last().is_some_and(|last| last.chars().count() == 2);
    let take = match count >= 3 && country && SECOND.contains(&labels[count - 2]) {
        true => 3,
        false => 2,
    };
    labels[count.saturating_sub(take)..].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: impl AsRef<Path>, text: &str) -> std::io::Result<()> {
        disk::write(path.as_ref(), text.as_bytes())
    }

    #[test]
    fn domains_are_those_of_their_owners() {
        for (url, domain) in [
            ("http://blog.example.co.kr/a?b", "example.co.kr"),
            ("https://user@WWW.Example.com:8080/", "example.com"),
            ("https://한글.한국", "한글.한국"),
            ("https://sub.한글.한국/글", "한글.한국"),
            ("http://10.0.0.1/a", "10.0.0.1"),
            ("localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(domain_of(url), domain, "{url}");
        }
    }

    #[test]
    fn licences_go_by_their_short_names() {
        for (stated, name) in [
            (
                "https://creativecommons.org/licenses/by-nc/4.0/deed.ko",
                "CC-BY-NC-4.0",
            ),
            ("//creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
            (" MIT ", "MIT"),
        ] {
            assert_eq!(licence_name(stated), name);
        }
        let admission = Admission {
            licences: vec!["CC-BY".to_owned(), "MIT".to_owned()],
            without_licence: Unlicensed::Refuse,
            ..Admission::default()
        };
        assert!(admission.licence(Some("CC-BY-4.0")).is_ok());
        assert!(admission.licence(Some("mit")).is_ok());
        assert!(admission.licence(Some("CC-BY-NC-4.0")).is_err());
        assert!(admission.licence(None).is_err());
        assert!(Admission::default().licence(None).is_ok());
    }

    #[test]
    fn lists_are_files_of_lines() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Lists::load(folder.path())
                .unwrap_err()
                .to_string()
                .contains("domains*.txt")
        );
        put(folder.path().join("domains.txt"), "Spam.kr # 스팸\n\n").unwrap();
        put(folder.path().join("words-ko.txt"), "도박\n").unwrap();
        put(
            folder.path().join("remove.txt"),
            "# 요청\nhttp://a.kr/#1\nurn:7\n",
        )
        .unwrap();
        let lists = Lists::load(folder.path()).unwrap();
        let judge = |id: &str, url: &str| {
            lists
                .judge(id, Some(url))
                .err()
                .map(|refused| refused.refusal)
        };
        assert_eq!(
            judge("1", "http://a.b.spam.kr/x"),
            Some(Refusal::BlockedDomain)
        );
        assert_eq!(judge("1", "http://notspam.kr/x"), None);
        assert_eq!(
            judge("1", "http://a.kr/온라인-도박"),
            Some(Refusal::BlockedWord)
        );
        assert_eq!(judge("1", "http://a.kr/#1"), Some(Refusal::Removed));
        assert_eq!(judge("urn:7", "http://b.kr"), Some(Refusal::Removed));
    }

    /// Lists are written by people, addresses by crawlers.
    #[test]
    fn addresses_are_compared_as_people_read_them() {
        let folder = tempfile::tempdir().unwrap();
        put(
            folder.path().join("domains.txt"),
            "도박.한국\nxn--hq1bt1n.com\n",
        )
        .unwrap();
        put(folder.path().join("words.txt"), "도박\n").unwrap();
        put(
            folder.path().join("remove.txt"),
            "http://b.kr/글\nhttps://ko.wikipedia.org/wiki/%EA%B8%80\nhttp://b.kr/글?q=%B1%DB\n",
        )
        .unwrap();
        let lists = Lists::load(folder.path()).unwrap();
        let judge = |url: &str| {
            let judged = lists.judge("1", Some(url));
            judged.err().map(|refused| refused.refusal)
        };
        for (url, refusal) in [
            (
                "http://xn--hq1bt1n.xn--3e0b707e/1",
                Some(Refusal::BlockedDomain),
            ),
            ("http://www.도박.한국/1", Some(Refusal::BlockedDomain)),
            ("http://도박.com:80/", Some(Refusal::BlockedDomain)),
            ("http://xn--hq1bt1n.com:80/", Some(Refusal::BlockedDomain)),
            (
                "http://%EB%8F%84%EB%B0%95.com/",
                Some(Refusal::BlockedDomain),
            ),
            (
                "http://a.kr/%EB%8F%84%EB%B0%95-%EC%82%AC%EC%9D%B4%ED%8A%B8",
                Some(Refusal::BlockedWord),
            ),
            (
                "http://a.kr/%eb%8f%84%eb%b0%95?x",
                Some(Refusal::BlockedWord),
            ),
            ("http://a.kr/도박", Some(Refusal::BlockedWord)),
            ("HTTP://B.kr/%EA%B8%80", Some(Refusal::Removed)),
            ("https://ko.wikipedia.org/wiki/글", Some(Refusal::Removed)),
            // A path in UTF-8 with a query in EUC-KR, and a path that was cut within a letter.
            (
                "http://a.kr/%EB%8F%84%EB%B0%95?q=%B1%DB",
                Some(Refusal::BlockedWord),
            ),
            (
                "http://a.kr/?q=%B1%DB&r=%EB%8F%84%EB%B0%95",
                Some(Refusal::BlockedWord),
            ),
            (
                "http://a.kr/%EB%8F%84%EB%B0%95%EC%82",
                Some(Refusal::BlockedWord),
            ),
            ("http://b.kr/%EA%B8%80?q=%B1%DB", Some(Refusal::Removed)),
            ("http://b.kr/글?q=%b1%db", Some(Refusal::Removed)),
            ("http://b.kr/%EA%B8%80?q=%B1%DC", None),
            ("http://b.kr/글자", None),
            ("http://a.kr/100%", None),
            ("http://a.kr/%FF%FE", None),
        ] {
            assert_eq!(judge(url), refusal, "{url}");
        }
        let admission = Admission {
            remove: vec!["http://c.kr/%EA%B8%80".to_owned()],
            ..Admission::default()
        };
        let asked = |lists: &Lists| lists.judge("1", Some("http://c.kr/글")).is_err();
        assert!(!asked(&lists) && asked(&lists.with(&admission)));
    }
}
