//! A dataset card: what a corpus holds and under which licences, in the form that Hugging Face's hub reads.
//!
//! YAML between two lines of dashes tells the hub languages, size, licence and files (fields of
//! `datasets` 4); the tables below it tell people. Everything in it is counted, nothing is claimed: a
//! document that states no licence is counted as one that states none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::{Account, Amount, Corpus, Language, Statistics};

/// What a card is made of.
#[derive(Default)]
pub struct Card {
    /// What the dataset is called.
    pub name: String,
    /// What is counted by language and source.
    pub statistics: Statistics,
    /// Documents and bytes by stated licence; under `""` what states none.
    pub licences: BTreeMap<String, Amount>,
    /// The documents that are held out, and the folder they lie in.
    pub held_out: Option<(String, Statistics)>,
    /// What was dropped on the way, by step.
    pub accounts: Vec<(String, Account)>,
    /// How it was made, as lines of Markdown.
    pub origin: String,
}

/// Licences that the hub knows, by its identifiers.
const KNOWN: [&str; 20] = [
    "apache-2.0",
    "mit",
    "cc0-1.0",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-nd-4.0",
    "odc-by",
    "pddl",
    "gfdl",
    "bsd-3-clause",
    "mpl-2.0",
];

/// Sources of a language that have a line of their own.
const SOURCES: usize = 40;

/// Counts documents by the licence that their metadata state, under either spelling.
///
/// # Errors
/// A damaged corpus, and those of `progress`, which hears documents done.
pub fn licences(
    corpus: &Corpus,
    mut progress: impl FnMut(u64) -> Result<()>,
) -> Result<BTreeMap<String, Amount>> {
    let mut found: BTreeMap<String, Amount> = BTreeMap::new();
    for (done, document) in (1_u64..).zip(corpus.documents()) {
        let document = document?;
        let stated = document
            .string("licence")
            .or_else(|| document.string("license"));
        let amount = found
            .entry(stated.unwrap_or_default().to_owned())
            .or_default();
        amount.documents += 1;
        amount.bytes += document.text.len() as u64;
        progress(done)?;
    }
    Ok(found)
}

impl Card {
    /// The card as Markdown.
    pub fn text(&self) -> String {
        let mut text = self.front();
        let _ = write!(text, "\n# {}\n\n", plain(&self.name));
        let total = &self.statistics.total;
        let _ = writeln!(
            text,
            "{} documents, {} of text ({} characters, {} words).",
            digits(total.documents),
            size(total.bytes),
            digits(total.characters),
            digits(total.words)
        );
        if let Some((folder, held_out)) = &self.held_out {
            let _ = writeln!(
                text,
                "{} further documents are held out in `{folder}/`.",
                digits(held_out.total.documents)
            );
        }
        self.contents(&mut text);
        self.rights(&mut text);
        self.dropped(&mut text);
        if !self.origin.is_empty() {
            let _ = write!(text, "\n## How it was made\n\n{}\n", self.origin.trim_end());
        }
        text.push_str(
            "\n## Form\n\nShards of JSON lines, compressed by Zstandard: `id`, `text`, and `metadata` with everything \
             else that is known of a document.\n\n```python\nfrom datasets import load_dataset\n\n\
             load_dataset(\"json\", data_files=\"documents-*.jsonl.zst\", split=\"train\")\n```\n",
        );
        text
    }

    /// What the hub reads.
    fn front(&self) -> String {
        let mut text = "---\n".to_owned();
        // The hub takes codes of ISO 639: what is no language of people has none.
        let mut codes: Vec<&str> = self
            .statistics
            .groups
            .iter()
            .map(|group| match Language::of(&group.language) {
                Language::Korean => "ko",
                Language::English => "en",
                _ => group.language.as_str(),
            })
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes.retain(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase()));
        if !codes.is_empty() {
            text.push_str("language:\n");
            codes
                .iter()
                .for_each(|code| text.push_str(&format!("- {code}\n")));
        }
        let stated: Vec<&String> = self.licences.keys().collect();
        match stated[..] {
            [one] if KNOWN.contains(&one.to_lowercase().as_str()) => {
                let _ = writeln!(text, "license: {}", one.to_lowercase());
            }
            [] => {}
            // Nobody has said anything.
            [one] if one.is_empty() => {}
            _ => text.push_str("license: other\nlicense_name: by-document\n"),
        }
        let _ = writeln!(
            text,
            "pretty_name: {}",
            serde_json::Value::from(self.name.as_str())
        );
        let _ = writeln!(
            text,
            "size_categories:\n- {}",
            category(self.statistics.total.documents)
        );
        text.push_str("task_categories:\n- text-generation\nconfigs:\n- config_name: default\n  data_files:\n");
        text.push_str("  - split: train\n    path: documents-*.jsonl.zst\n");
        if let Some((folder, _)) = self
            .held_out
            .as_ref()
            .filter(|(_, of)| of.total.documents > 0)
        {
            let _ = writeln!(
                text,
                "  - split: validation\n    path: {folder}/documents-*.jsonl.zst"
            );
        }
        text + "---\n"
    }

    fn contents(&self, text: &mut String) {
        text.push_str("\n## What is in it\n\n| language | source | documents | text | words |\n|---|---|--:|--:|--:|\n");
        let groups = &self.statistics.groups;
        for group in groups.iter().take(SOURCES) {
            let or = |name: &str| {
                if name.is_empty() {
                    "not stated".to_owned()
                } else {
                    plain(name)
                }
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                or(&group.language),
                or(&group.source),
                digits(group.documents),
                size(group.bytes),
                digits(group.words)
            );
        }
        if groups.len() > SOURCES {
            let _ = writeln!(text, "\nand {} further sources.", groups.len() - SOURCES);
        }
    }

    fn rights(&self, text: &mut String) {
        if self.licences.is_empty() {
            return;
        }
        text.push_str(
            "\n## Licences\n\nAs the documents state them. Whoever publishes this checks them.\n\n",
        );
        text.push_str("| licence | documents | text |\n|---|--:|--:|\n");
        let mut rows: Vec<(&String, &Amount)> = self.licences.iter().collect();
        rows.sort_by_key(|(_, amount)| std::cmp::Reverse(amount.bytes));
        for (licence, amount) in rows {
            let name = if licence.is_empty() {
                "none stated".to_owned()
            } else {
                plain(licence)
            };
            let _ = writeln!(
                text,
                "| {name} | {} | {} |",
                digits(amount.documents),
                size(amount.bytes)
            );
        }
    }

    fn dropped(&self, text: &mut String) {
        if self.accounts.is_empty() {
            return;
        }
        text.push_str(
            "\n## What was left out\n\n| step | came | kept | dropped for |\n|---|--:|--:|---|\n",
        );
        for (step, account) in &self.accounts {
            let total = &account.total;
            let mut reasons: Vec<(&String, &Amount)> = total.dropped.iter().collect();
            reasons.sort_by_key(|(_, amount)| std::cmp::Reverse(amount.documents));
            let reasons: Vec<String> = reasons
                .iter()
                .map(|(reason, amount)| format!("{reason} {}", digits(amount.documents)))
                .collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                plain(step),
                digits(total.came.documents),
                digits(total.kept.documents),
                reasons.join(", ")
            );
        }
    }
}

/// `n<1K`, `1K<n<10K` … as the hub names sizes.
fn category(documents: u64) -> &'static str {
    const SIZES: [(u64, &str); 7] = [
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
        (10_000_000, "1M<n<10M"),
        (100_000_000, "10M<n<100M"),
        (1_000_000_000, "100M<n<1B"),
    ];
    let size = SIZES.iter().find(|(below, _)| documents < *below);
    size.map_or("n>1B", |(_, name)| name)
}

/// A name within a cell of a table.
fn plain(name: &str) -> String {
    let calm = |letter: char| if letter.is_control() { ' ' } else { letter };
    name.chars()
        .map(calm)
        .collect::<String>()
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

/// `1,234,567`
fn digits(number: u64) -> String {
    let text = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `12.3 MB`
fn size(bytes: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, WriteSettings, Writer};

    fn card() -> Card {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path(), WriteSettings::default()).unwrap();
        for number in 0..1200 {
            let mut document = Document::new(number.to_string(), "나는 학교에 간다")
                .with("language", if number % 3 == 0 { "en" } else { "ko" })
                .with("source", "책|장\n<b>");
            if number % 4 > 0 {
                document = document.with(
                    if number % 2 == 0 {
                        "licence"
                    } else {
                        "license"
                    },
                    "CC-BY-SA-4.0",
                );
            }
            writer.write(&document).unwrap();
        }
        writer.finish().unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        Card {
            name: "두 언어: \"말뭉치\"".into(),
            licences: licences(&corpus, |_| Ok(())).unwrap(),
            statistics: corpus.statistics().clone(),
            ..Card::default()
        }
    }

    #[test]
    fn a_card_says_what_is_counted() {
        let mut card = card();
        let text = card.text();
        let front = "---\nlanguage:\n- en\n- ko\nlicense: other\nlicense_name: by-document\npretty_name: \"두 언어: \\\"말뭉치\\\"\"\nsize_categories:\n- 1K<n<10K\n";
        assert!(text.starts_with(front), "{text}");
        assert!(
            text.contains("| ko | 책\\|장 &lt;b> | 800 | 18.4 KB | 2,400 |"),
            "{text}"
        );
        assert!(
            text.contains("| CC-BY-SA-4.0 | 900 | 20.7 KB |\n| none stated | 300 |"),
            "{text}"
        );
        assert!(
            !text.contains("validation") && !text.contains("left out"),
            "{text}"
        );

        card.licences.remove("");
        card.held_out = Some(("held-out".into(), card.statistics.clone()));
        let mut account = Account::default();
        account.total.came.documents = 2000;
        account
            .total
            .dropped
            .entry("few_words".into())
            .or_default()
            .documents = 1800;
        card.accounts.push(("filter".into(), account));
        let text = card.text();
        assert!(text.contains("license: cc-by-sa-4.0\n"), "{text}");
        assert!(
            text.contains("- split: validation\n    path: held-out/documents-*.jsonl.zst\n---"),
            "{text}"
        );
        assert!(
            text.contains("| filter | 2,000 | 0 | few_words 1,800 |"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_card_is_one_too() {
        let text = Card::default().text();
        assert!(
            text.starts_with("---\npretty_name: \"\"\nsize_categories:\n- n<1K\n"),
            "{text}"
        );
    }
}
