//! Papers out of arXiv's bulk archives: a tar of papers, each a gzipped tar of TeX or one gzipped file.
//!
//! A tar that holds TeX itself is one paper. Nothing is ever unpacked to a disk: members are read into
//! memory under a cap, links are passed over, and a member whose name is absolute or climbs with
//! `..` is counted as bad, so no name in an archive can mean a file outside of it.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use anyhow::Result;
use tar::{Archive, Entry, EntryType};

use super::metered::Metered;
use super::{Body, Page, PageSettings, Taker, damaged, too_large};
use crate::{BadLine, Reason, Refusal, Refused};

/// Files of a paper that are read: sources, macros, bibliographies.
const KEPT: [&str; 8] = [
    ".tex", ".ltx", ".latex", ".sty", ".cls", ".bbl", ".txt", ".def",
];
/// Members of one paper.
const MEMBERS: usize = 2_000;

pub(super) fn papers(
    file: &str,
    input: Box<dyn BufRead + Send>,
    settings: &PageSettings,
    take: &mut Taker<'_>,
) -> Result<()> {
    let (input, meter) = Metered::new(input);
    let mut archive = Archive::new(input);
    let mut own = Files::new(settings.longest);
    let mut number = 0;
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return broken(file, 1, &error, take),
    };
    for entry in entries {
        number += 1;
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return broken(file, number, &error, take),
        };
        meter.member(entry.size());
        let name = match member(&entry) {
            Ok(Some(name)) => name,
            Ok(None) => continue,
            Err(detail) => {
                take(Err(BadLine::new(
                    file,
                    number,
                    Reason::OutsideArchive,
                    detail,
                    b"",
                )))?;
                continue;
            }
        };
        let lower = name.to_lowercase();
        if [".gz", ".tgz", ".tar"]
            .iter()
            .any(|end| lower.ends_with(end))
        {
            let mut bytes = Vec::new();
            if let Err(error) = (&mut entry)
                .take(settings.longest + 1)
                .read_to_end(&mut bytes)
            {
                return broken(file, number, &error, take);
            }
            let id = paper_id(&name);
            let body = match bytes.len() as u64 > settings.longest {
                true => too_large(bytes.len() as u64, settings),
                false => paper(&bytes, settings),
            };
            take(Ok(page(id, body)))?;
        } else if lower.ends_with(".pdf") {
            let detail = "only a PDF was deposited";
            let body = Body::Refused(Refused::new(Refusal::NoSource, detail));
            take(Ok(page(paper_id(&name), body)))?;
        } else if let Err(error) = own.add(name, &mut entry) {
            return broken(file, number, &error, take);
        }
    }
    if !own.is_empty() {
        take(Ok(page(paper_id(file), own.body(settings))))?;
    }
    Ok(())
}

fn broken(file: &str, number: u64, error: &std::io::Error, take: &mut Taker<'_>) -> Result<()> {
    if error.raw_os_error().is_some() {
        return Err(std::io::Error::new(error.kind(), error.to_string()).into());
    }
    take(Err(damaged(file, number, error, 0)))
}

fn page(id: String, body: Body) -> Page {
    let mut page = Page::new(id.as_str(), body);
    let old = id.chars().next().is_some_and(char::is_alphabetic) && id.contains('/');
    let new = id.split_once('.').is_some_and(|(year, number)| {
        year.len() == 4 && number.len() >= 4 && year.chars().all(|digit| digit.is_ascii_digit())
    });
    if old || new {
        page.url = Some(format!("https://arxiv.org/abs/{id}"));
    }
    page
}

/// `2101/2101.00001.gz` → `2101.00001`; `math0301001.gz` → `math/0301001`.
fn paper_id(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let mut stem = last;
    for end in [".gz", ".tgz", ".tar", ".pdf", ".bz2", ".zst"] {
        stem = stem.strip_suffix(end).unwrap_or(stem);
    }
    stem = stem.strip_suffix(".tar").unwrap_or(stem);
    let letters = stem.len()
        - stem
            .trim_start_matches(|letter: char| letter.is_ascii_lowercase() || letter == '-')
            .len();
    let digits = &stem[letters..];
    if letters > 1 && digits.len() == 7 && digits.chars().all(|digit| digit.is_ascii_digit()) {
        return format!("{}/{digits}", &stem[..letters]);
    }
    stem.to_owned()
}

/// The name of a regular member, `None` for folders and links; an error for one that leads outside.
fn member<R: Read>(entry: &Entry<'_, R>) -> Result<Option<String>, String> {
    let bytes = entry.path_bytes();
    let name = String::from_utf8_lossy(&bytes).into_owned();
    let outside =
        name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..");
    if outside {
        return Err(format!("the member {name:?} lies outside the archive"));
    }
    let regular = matches!(
        entry.header().entry_type(),
        EntryType::Regular | EntryType::Continuous
    );
    let name = name.trim_start_matches("./").to_owned();
    Ok((regular && !name.is_empty()).then_some(name))
}

/// The TeX of one paper: gzipped or not, a tar or a single file.
fn paper(bytes: &[u8], settings: &PageSettings) -> Body {
    let mut plain = Vec::new();
    let bytes = if bytes.starts_with(&[0x1F, 0x8B]) {
        // What breaks off is read as far as it goes; a paper cut short is still judged by its text.
        let _ = flate2::read::MultiGzDecoder::new(bytes)
            .take(settings.longest + 1)
            .read_to_end(&mut plain);
        if plain.len() as u64 > settings.longest {
            return too_large(plain.len() as u64, settings);
        }
        &plain
    } else {
        bytes
    };
    if bytes.starts_with(b"%PDF") {
        return Body::Refused(Refused::new(Refusal::NoSource, "only a PDF was deposited"));
    }
    let is_tar = bytes.len() > 512 && &bytes[257..262] == b"ustar";
    if !is_tar {
        return Body::Tex(vec![("main.tex".to_owned(), bytes.to_owned())]);
    }
    let mut files = Files::new(settings.longest);
    let mut archive = Archive::new(bytes);
    if let Ok(entries) = archive.entries() {
        for mut entry in entries.map_while(Result::ok) {
            if let Ok(Some(name)) = member(&entry)
                && files.add(name, &mut entry).is_err()
            {
                break; // what came before a damaged member is kept
            }
        }
    }
    files.body(settings)
}

/// The files of a paper under a cap for all of them together.
struct Files {
    kept: BTreeMap<String, Vec<u8>>,
    left: u64,
    full: bool,
}

impl Files {
    fn new(longest: u64) -> Self {
        Self {
            kept: BTreeMap::new(),
            left: longest,
            full: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn add(&mut self, name: String, entry: &mut impl Read) -> std::io::Result<()> {
        let lower = name.to_lowercase();
        if !KEPT.iter().any(|end| lower.ends_with(end)) || self.kept.len() >= MEMBERS {
            return Ok(());
        }
        let mut bytes = Vec::new();
        entry.take(self.left + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.left {
            self.full = true;
            return Ok(());
        }
        self.left -= bytes.len() as u64;
        self.kept.insert(name, bytes);
        Ok(())
    }

    fn body(self, settings: &PageSettings) -> Body {
        if self.full {
            return too_large(settings.longest, settings);
        }
        Body::Tex(self.kept.into_iter().collect())
    }
}
