//! `kanana card`: the dataset card of a corpus, as the README.md of a dataset repository has it.
//!
//! Made from the artifact and its manifests when it is asked for: nothing of it is in a key, and corpora
//! that were made long ago have one too.

use super::Where;
use crate::kinds::Corpus;
use crate::stages::{ACCOUNT, HELD_OUT};
use crate::terminal;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use corpus::{Account, Card, licences};
use recipe::{From, Kind as _, Lineage, Store};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Write the dataset card of a corpus.
#[derive(Args)]
pub(crate) struct CardCommand {
    /// A name, name-key, key, or the path of its folder
    artifact: String,
    /// A file to write it to, such as README.md [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the dataset is called [default: the artifact's name]
    #[arg(long, value_name = "NAME")]
    title: Option<String>,
    #[command(flatten)]
    store: Where,
}

impl CardCommand {
    pub(crate) fn run(self) -> Result<()> {
        let store = self.store.existing()?;
        let artifact = store.find(&self.artifact)?;
        Corpus::check(&artifact.path)
            .with_context(|| format!("{} is no dataset", artifact.folder()))?;
        let corpus = corpus::Corpus::open(&artifact.path)?;
        let held_out = artifact.path.join(HELD_OUT);
        let held_out = match held_out.is_dir() {
            true => Some((
                HELD_OUT.to_owned(),
                corpus::Corpus::open(&held_out)?.statistics().clone(),
            )),
            false => None,
        };
        let lineage = recipe::lineage(&store, &artifact)?;
        let mut card = Card {
            name: self.title.unwrap_or_else(|| lineage.name.clone()),
            licences: licences(&corpus, |_| Ok(()))?,
            statistics: corpus.statistics().clone(),
            held_out,
            ..Card::default()
        };
        told(&lineage, &store, &mut card, &mut BTreeSet::new())?;
        let text = card.text();
        match &self.out {
            Some(path) => write(path, &text),
            None => {
                terminal::say(text.trim_end());
                Ok(())
            }
        }
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    ensure!(
        !path.is_dir(),
        "{} is a folder: name the file, such as README.md",
        path.display()
    );
    // A README is easily somebody's: only an earlier card is replaced.
    if path.exists() {
        let there = std::fs::read(path)
            .with_context(|| format!("cannot read {}, which is there already", path.display()))?;
        let there = String::from_utf8_lossy(&there);
        ensure!(
            there.starts_with("---\n") && there.contains("\npretty_name: "),
            "{} is there already and is no dataset card: name another file, or move that one away",
            path.display()
        );
    }
    Ok(disk::write(path, text.as_bytes())?)
}

/// Goes through the lineage, sources first: what each step did, and what it left out.
fn told(
    lineage: &Lineage,
    store: &Store,
    card: &mut Card,
    seen: &mut BTreeSet<String>,
) -> Result<()> {
    let folder = format!("{}-{}", lineage.name, lineage.key);
    if !seen.insert(folder.clone()) {
        return Ok(());
    }
    match &lineage.from {
        From::Stage {
            stage,
            settings,
            inputs,
            ..
        } => {
            for input in inputs {
                told(input, store, card, seen)?;
            }
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            let _ = writeln!(
                card.origin,
                "- **{}** by `{stage}`{}, with `{settings}`",
                lineage.name,
                match names.is_empty() {
                    true => String::new(),
                    false => format!(" from {}", names.join(", ")),
                }
            );
            let path = store.find(&folder)?.path.join(ACCOUNT);
            if path.is_file() {
                let text = std::fs::read(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let account: Account = serde_json::from_slice(&text)
                    .with_context(|| format!("{} is damaged", path.display()))?;
                card.accounts.push((lineage.name.clone(), account));
            }
        }
        // Where it lay on this machine is nobody's business.
        From::Outside { files, .. } => {
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            let _ = writeln!(
                card.origin,
                "- **{}**: {} files from outside, {bytes} bytes",
                lineage.name,
                files.len()
            );
        }
        From::Above | From::Gone => {}
    }
    Ok(())
}
