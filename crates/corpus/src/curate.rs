//! Judges every document of a corpus: what is kept becomes a corpus, what became of each a ledger.
//!
//! The corpus is taken shard by shard, a shard in pieces that fit into memory, a piece by all
//! threads; what comes out is in the order of what went in, whatever the number of threads. A finished
//! shard is finished for good: a run that is killed goes on with the one it was at. Nothing is lost
//! silently: that every document that came was kept or dropped for a reason is asserted, not assumed.

use std::collections::BTreeMap;
use std::path::Path;
#[cfg(test)]
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ledger::{Entry, LEDGER, LedgerWriter};
use crate::write::INDEX;
use crate::{Corpus, Document, Documents, Index, Shard, WriteSettings, Writer};

/// A document after it was judged.
pub struct Verdict {
    /// The document as it is kept; `None` where it is dropped.
    pub document: Option<Document>,
    /// What the ledger says of it.
    pub entry: Entry,
}

/// Documents and bytes of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Documents.
    pub documents: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.documents += 1;
        self.bytes += bytes;
    }

    fn join(&mut self, other: Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
    }
}

/// What came, what was kept, and what was dropped for which reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Everything that came.
    pub came: Amount,
    /// What was kept, with the bytes that are left of it.
    pub kept: Amount,
    /// What was dropped, by the first reason.
    pub dropped: BTreeMap<String, Amount>,
}

impl Flow {
    fn add(&mut self, entry: &Entry) {
        self.came.add(entry.bytes);
        match &entry.reason {
            None => self.kept.add(entry.bytes_kept),
            Some(reason) => self
                .dropped
                .entry(reason.clone())
                .or_default()
                .add(entry.bytes),
        }
    }

    fn join(&mut self, other: &Self) {
        self.came.join(other.came);
        self.kept.join(other.kept);
        for (reason, amount) in &other.dropped {
            self.dropped
                .entry(reason.clone())
                .or_default()
                .join(*amount);
        }
    }
}

/// The account of a stage that judged documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Everything.
    pub total: Flow,
    /// By language, as the ledger has it.
    pub languages: BTreeMap<String, Flow>,
}

impl Account {
    fn add(&mut self, entry: &Entry) {
        self.total.add(entry);
        if !self.languages.contains_key(&entry.language) {
            self.languages
                .insert(entry.language.clone(), Flow::default());
        }
        self.languages
            .get_mut(&entry.language)
            .expect("it was inserted above")
            .add(entry);
    }

    fn join(&mut self, other: &Self) {
        self.total.join(&other.total);
        for (language, flow) in &other.languages {
            self.languages
                .entry(language.clone())
                .or_default()
                .join(flow);
        }
    }
}

/// A corpus to be judged, and where unfinished work is kept.
pub struct Curation<'a> {
    /// What is judged.
    pub corpus: &'a Corpus,
    /// A folder that outlives a killed run.
    pub partial: &'a Path,
    /// Where the corpus and its ledger are put.
    pub out: &'a Path,
    /// Threads to judge with.
    pub threads: usize,
    /// The names of the numbers in the ledger.
    pub names: &'a [&'a str],
}

/// Texts that are in memory at once: of so many bytes, or so many.
pub(crate) const PIECE_BYTES: usize = 8 << 20;
pub(crate) const PIECE_DOCUMENTS: usize = 4096;

impl Curation<'_> {
    /// Judges every document; `judge` is given its place in the corpus, counted from 0.
    /// `progress` hears how many are done and how many there are; its error stops the work, which can be taken up again.
    ///
    /// # Errors
    /// The disk's, a damaged corpus, and those of `progress`.
    pub fn run(
        &self,
        judge: impl Fn(u64, Document) -> Verdict + Sync,
        mut progress: impl FnMut(u64, u64) -> Result<()>,
    ) -> Result<Account> {
        let pool = pool(self.threads)?;
        let total = self.corpus.len();
        let (mut account, mut index, mut first) = (Account::default(), Index::default(), 0);
        disk::create_dir(&self.out.join(LEDGER))?;
        for (number, shard) in self.corpus.index().shards.iter().enumerate() {
            let part = self.partial.join(format!("part-{number:05}"));
            // The index is written last: with it, the part is whole.
            if !part.join(INDEX).is_file() {
                disk::remove_dir(&part)?;
                self.part(&part, number, first, &judge, &pool, &mut |done| {
                    progress(done, total)
                })?;
            }
            first += shard.documents;
            let text = std::fs::read(part.join(ACCOUNT))
                .with_context(|| format!("{} has no account", part.display()))?;
            let of_part: Account = serde_json::from_slice(&text)
                .with_context(|| format!("the account in {} is damaged", part.display()))?;
            ensure!(
                of_part.total.came.documents == shard.documents,
                "{} accounts for {} documents of {}: delete it and run again",
                part.display(),
                of_part.total.came.documents,
                shard.documents
            );
            account.join(&of_part);
            self.publish(&part, number, &mut index)?;
            progress(first, total)?;
        }
        let mut text = serde_json::to_vec_pretty(&index)?;
        text.push(b'\n');
        disk::write(&self.out.join(INDEX), &text)?;
        let dropped: u64 = account
            .total
            .dropped
            .values()
            .map(|amount| amount.documents)
            .sum();
        assert_eq!(
            account.total.came.documents, total,
            "every document has an entry"
        );
        assert_eq!(
            account.total.kept.documents + dropped,
            total,
            "every document was kept or dropped for a reason"
        );
        assert_eq!(
            account.total.kept.documents, index.statistics.total.documents,
            "what was kept was written"
        );
        Ok(account)
    }

    fn part(
        &self,
        part: &Path,
        number: usize,
        first: u64,
        judge: &(impl Fn(u64, Document) -> Verdict + Sync),
        pool: &rayon::ThreadPool,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let one_shard = WriteSettings {
            shard_bytes: u64::MAX,
            ..WriteSettings::default()
        };
        let mut writer = Writer::create(part, one_shard)?;
        let mut ledger = LedgerWriter::create(&part.join(LEDGER_FILE), self.names)?;
        let (mut account, mut at) = (Account::default(), first);
        let mut documents = self.corpus.shard(number);
        loop {
            let piece = piece(&mut documents)?;
            if piece.is_empty() {
                break;
            }
            let start = at;
            at += piece.len() as u64;
            let judged: Vec<Verdict> = pool.install(|| {
                let numbered = piece.into_par_iter().enumerate();
                numbered
                    .map(|(place, document)| judge(start + place as u64, document))
                    .collect()
            });
            for verdict in judged {
                account.add(&verdict.entry);
                assert_eq!(
                    verdict.document.is_some(),
                    verdict.entry.kept(),
                    "the ledger says what was done"
                );
                if let Some(document) = &verdict.document {
                    writer.write(document)?;
                }
                ledger.write(verdict.entry)?;
            }
            progress(at)?;
        }
        ledger.finish()?;
        disk::write(&part.join(ACCOUNT), &serde_json::to_vec(&account)?)?;
        writer.finish().map(drop)
    }

    /// Gives the files of a finished part their names in the artifact.
    fn publish(&self, part: &Path, number: usize, index: &mut Index) -> Result<()> {
        let text = std::fs::read(part.join(INDEX))?;
        let of_part: Index = serde_json::from_slice(&text)
            .with_context(|| format!("the index in {} is damaged", part.display()))?;
        disk::link(
            &part.join(LEDGER_FILE),
            &self
                .out
                .join(LEDGER)
                .join(format!("part-{number:05}.parquet")),
        )?;
        for shard in of_part.shards {
            let name = format!("documents-{:05}.jsonl.zst", index.shards.len());
            disk::link(&part.join(&shard.name), &self.out.join(&name))?;
            index.shards.push(Shard { name, ..shard });
        }
        index.statistics.merge(&of_part.statistics);
        Ok(())
    }
}

const ACCOUNT: &str = "account.json";
const LEDGER_FILE: &str = "ledger.parquet";

/// Threads of our own, so that their number is the caller's.
///
/// # Errors
/// The system gives none.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .context("no threads can be started")
}

/// As many documents as fit into memory at once.
pub(crate) fn piece(documents: &mut Documents) -> Result<Vec<Document>> {
    let (mut piece, mut bytes) = (Vec::new(), 0);
    while bytes < PIECE_BYTES && piece.len() < PIECE_DOCUMENTS {
        let Some(document) = documents.next().transpose()? else {
            break;
        };
        bytes += document.text.len();
        piece.push(document);
    }
    Ok(piece)
}

/// The folder of a part, for tests that look into unfinished work.
#[cfg(test)]
pub(crate) fn parts(partial: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<_> = std::fs::read_dir(partial)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    parts.sort();
    parts
}

#[cfg(test)]
mod tests;
