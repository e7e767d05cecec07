//! How curation did, where the truth is known: what each step kept of every kind of page, duplicates
//! found, personal data masked, quality told, each with precision and recall.

use crate::kinds;
use anyhow::{Context as _, Result};
use corpus::Document;
use page::{Cell, Column, Page, Table};
use recipe::Artifact;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead as _;
use world::{Grade, Planted, Role};

/// Right among what was chosen, and chosen among what was right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Found {
    chosen: u64,
    right: u64,
    wanted: u64,
}

impl Found {
    fn see(&mut self, chosen: bool, wanted: bool) {
        self.chosen += u64::from(chosen);
        self.wanted += u64::from(wanted);
        self.right += u64::from(chosen && wanted);
    }

    fn cells(self) -> [Cell; 4] {
        let share = |of: u64| (of > 0).then(|| 100.0 * self.right as f64 / of as f64);
        [
            Cell::from(self.wanted),
            Cell::from(self.chosen),
            Cell::from(share(self.chosen)),
            Cell::from(share(self.wanted)),
        ]
    }
}

pub(super) fn draw(
    page: &mut Page,
    truth: &Artifact<kinds::Crawl>,
    corpora: &[Artifact<kinds::Corpus>],
) -> Result<()> {
    let truth = read(truth)?;
    let mut steps = Vec::new();
    for artifact in corpora {
        let mut kept = BTreeMap::new();
        for document in corpus::Corpus::open(artifact.path())?.documents() {
            let document = document?;
            kept.insert(document.id.clone(), document);
        }
        let stage = artifact.manifest()?.stage().unwrap_or_default().to_owned();
        steps.push((artifact.name().to_owned(), stage, kept));
    }
    page.heading("Against the truth");
    page.paragraph(
        "The pages were rendered from a world whose truth is known: which page copies which, what is \
         advertising, where personal data was planted, how good a text is.",
    );
    page.table(roles(&truth, &steps));
    page.table(found(&truth, &steps));
    Ok(())
}

type Steps = [(String, String, BTreeMap<String, Document>)];

fn read(truth: &Artifact<kinds::Crawl>) -> Result<BTreeMap<String, Planted>> {
    let path = truth.file(kinds::Crawl::TRUTH);
    let file =
        std::fs::File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut planted = BTreeMap::new();
    for line in std::io::BufReader::new(file).lines() {
        let one: Planted = serde_json::from_str(&line?)
            .with_context(|| format!("{} is no list of planted pages", path.display()))?;
        planted.insert(one.id.clone(), one);
    }
    Ok(planted)
}

/// What is left of every kind of page after every step, in per cent.
fn roles(truth: &BTreeMap<String, Planted>, steps: &Steps) -> Table {
    const ROLES: [(Role, &str); 6] = [
        (Role::Page, "pages"),
        (Role::Copy, "copies"),
        (Role::NearCopy, "near copies"),
        (Role::Spam, "advertising"),
        (Role::Foreign, "other languages"),
        (Role::Links, "links"),
    ];
    let mut columns = vec![Column::text("left after")];
    columns.extend(
        ROLES
            .iter()
            .map(|(_, name)| Column::number(format!("{name}, %"), 1)),
    );
    let mut table = Table::new(columns);
    let count = |role: Role| truth.values().filter(|page| page.role == role).count();
    let mut first = vec![Cell::from("planted, pages")];
    first.extend(ROLES.iter().map(|(role, _)| Cell::from(count(*role))));
    table.row(first);
    for (name, _, kept) in steps {
        let mut cells = vec![Cell::from(name.as_str())];
        cells.extend(ROLES.iter().map(|(role, _)| {
            let of = truth.values().filter(|page| page.role == *role);
            let left = of.filter(|page| kept.contains_key(&page.id)).count();
            Cell::from(100.0 * left as f64 / count(*role).max(1) as f64)
        }));
        table.row(cells);
    }
    table
}

fn found(truth: &BTreeMap<String, Planted>, steps: &Steps) -> Table {
    let mut table = Table::new([
        Column::text("step"),
        Column::text("what it is to find"),
        Column::number("planted", 0),
        Column::number("found", 0),
        Column::number("precision, %", 1),
        Column::number("recall, %", 1),
    ]);
    let mut row = |step: &str, what: &str, found: Found| {
        let mut cells = vec![Cell::from(step), Cell::from(what)];
        cells.extend(found.cells());
        table.row(cells);
    };
    let mut before: BTreeSet<&str> = truth.keys().map(String::as_str).collect();
    for (name, stage, kept) in steps {
        let here = before.iter().filter_map(|id| truth.get(*id));
        match stage.as_str() {
            "filter" => {
                let mut unwanted = Found::default();
                for page in here {
                    let junk = matches!(page.role, Role::Spam | Role::Foreign | Role::Links);
                    unwanted.see(!kept.contains_key(&page.id), junk);
                }
                row(name, "advertising, other languages, links", unwanted);
            }
            "dedup" => row(name, "copies and near copies", duplicates(here, kept)),
            "pii" => row(name, "personal data", personal(truth, kept)),
            "classify" => {
                let mut good = Found::default();
                for (id, document) in kept {
                    if let Some(page) = truth.get(id) {
                        good.see(
                            document.quality() == Some("good"),
                            page.grade == Grade::Good,
                        );
                    }
                }
                row(name, "good text", good);
            }
            _ => {}
        }
        before = kept.keys().map(String::as_str).collect();
    }
    table
}

/// Of every cluster all but one should go, whichever stays.
fn duplicates<'a>(
    here: impl Iterator<Item = &'a Planted>,
    kept: &BTreeMap<String, Document>,
) -> Found {
    let mut clusters: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for page in here {
        let root = page.copy_of.as_deref().unwrap_or(&page.id);
        let (size, gone) = clusters.entry(root).or_default();
        *size += 1;
        *gone += u64::from(!kept.contains_key(&page.id));
    }
    let mut found = Found::default();
    for (size, gone) in clusters.into_values() {
        found.wanted += size - 1;
        found.chosen += gone;
        found.right += gone.min(size - 1);
    }
    found
}

/// A planted number is found where it no longer stands in the text; placeholders beyond the planted are
/// false finds.
fn personal(truth: &BTreeMap<String, Planted>, kept: &BTreeMap<String, Document>) -> Found {
    let mut found = Found::default();
    for (id, document) in kept {
        let Some(page) = truth.get(id) else { continue };
        let gone = page
            .personal
            .iter()
            .filter(|one| !document.text.contains(&one.value))
            .count() as u64;
        let masked = document
            .metadata
            .get("masked")
            .and_then(|masked| masked.as_object());
        let masked: u64 = masked.map_or(0, |masked| {
            masked.values().filter_map(serde_json::Value::as_u64).sum()
        });
        found.wanted += page.personal.len() as u64;
        found.chosen += masked;
        found.right += gone.min(masked);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(id: &str, copy_of: Option<&str>) -> Planted {
        Planted {
            id: id.to_owned(),
            url: String::new(),
            role: Role::Page,
            grade: Grade::Good,
            language: "ko".to_owned(),
            documents: vec![],
            copy_of: copy_of.map(str::to_owned),
            personal: vec![],
            text: String::new(),
        }
    }

    #[test]
    fn of_a_cluster_one_stays_whichever_it_is() {
        let pages = [
            page("a", None),
            page("b", Some("a")),
            page("c", Some("a")),
            page("d", None),
            page("e", None),
        ];
        let kept = |ids: &[&str]| -> BTreeMap<String, Document> {
            let all = ids.iter();
            all.map(|id| ((*id).to_owned(), Document::new(*id, "x")))
                .collect()
        };
        // The original went and a copy stayed: right. `e` went for nothing.
        let found = duplicates(pages.iter(), &kept(&["c", "d"]));
        assert_eq!((found.wanted, found.chosen, found.right), (2, 3, 2));
        // A copy too many stayed.
        let found = duplicates(pages.iter(), &kept(&["a", "c", "d", "e"]));
        assert_eq!((found.wanted, found.chosen, found.right), (2, 1, 1));
    }
}
