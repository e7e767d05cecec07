//! Chunks of a harvest on the disk: a shard, its refusals, the ids in it, and last its account.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use disk::AtomicFile;
use serde::{Deserialize, Serialize};

use super::document::Made;
use super::{HarvestSettings, Harvested, RefusedPage, domain_of};
use crate::statistics::Counter;
use crate::{BadLine, BadLines, INDEX, Index, Refusal, Refused, Repairs, Shard, Statistics};

type Encoder = zstd::stream::write::Encoder<'static, BufWriter<AtomicFile>>;

/// Where the stream of pages stands: so many records of a file have been taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) records: u64,
}

/// What a finished chunk says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Account {
    /// Where the stream stands behind it.
    place: Place,
    shard: Shard,
    pub(super) records: u64,
    pub(super) refused: BTreeMap<Refusal, u64>,
    pub(super) bad: BadLines,
    pub(super) repairs: Repairs,
    pub(super) encodings: BTreeMap<String, u64>,
    pub(super) statistics: Statistics,
    /// Documents by domain, where that is limited.
    domains: BTreeMap<String, u64>,
}

pub(super) struct Chunks {
    folder: PathBuf,
    samples: usize,
    chunk_bytes: u64,
    done: Vec<Account>,
    ids: HashSet<[u8; 16]>,
    domains: HashMap<String, u64>,
    open: Option<Open>,
    bytes: u64,
}

/// The chunk under way.
struct Open {
    documents: Encoder,
    refusals: Encoder,
    ids: Vec<u8>,
    account: Account,
    counter: Counter,
    line: Vec<u8>,
}

impl Chunks {
    /// Takes up what an earlier attempt finished.
    pub(super) fn open(folder: &Path, settings: &HarvestSettings) -> Result<Self> {
        disk::create_dir(folder)?;
        let mut chunks = Self {
            folder: folder.to_owned(),
            samples: settings.samples,
            chunk_bytes: settings.chunk_bytes.max(1),
            done: Vec::new(),
            ids: HashSet::new(),
            domains: HashMap::new(),
            open: None,
            bytes: 0,
        };
        loop {
            let number = chunks.done.len();
            let path = folder.join(format!("chunk-{number:05}.json"));
            let Ok(text) = std::fs::read(&path) else {
                return Ok(chunks);
            };
            let account: Account = serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged", path.display()))?;
            let path = folder.join(format!("ids-{number:05}"));
            let ids = std::fs::read(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            for id in ids.chunks_exact(16) {
                chunks.ids.insert(id.try_into().expect("sixteen bytes"));
            }
            for (domain, count) in &account.domains {
                *chunks.domains.entry(domain.clone()).or_default() += count;
            }
            chunks.done.push(account);
        }
    }

    /// Where the stream is to be taken up.
    pub(super) fn place(&self) -> Place {
        self.done
            .last()
            .map(|account| account.place)
            .unwrap_or_default()
    }

    /// What depends on the documents before: ids that came already, domains that are full.
    pub(super) fn admit(
        &mut self,
        made: Made,
        url: Option<&str>,
        settings: &HarvestSettings,
    ) -> Result<Made, Refused> {
        let domain = settings
            .admit
            .most_of_a_domain
            .and_then(|most| Some((domain_of(url?), most)));
        if let Some((domain, most)) = &domain
            && self.domains.get(domain).is_some_and(|count| count >= most)
        {
            return Err(Refused::new(Refusal::DomainFull, domain.clone()));
        }
        if settings.unique_ids {
            let hash = blake3::hash(made.document.id.as_bytes());
            let short: [u8; 16] = hash.as_bytes()[..16]
                .try_into()
                .expect("a hash has 32 bytes");
            if !self.ids.insert(short) {
                let detail = format!("{} came before", made.document.id);
                return Err(Refused::new(Refusal::DuplicateId, detail));
            }
        }
        if let Some((domain, _)) = domain {
            *self.domains.entry(domain).or_default() += 1;
        }
        Ok(made)
    }

    /// Writes a document.
    pub(super) fn document(&mut self, made: &Made) -> Result<()> {
        let limited = !self.domains.is_empty();
        let folder = self.folder.clone();
        let open = self.begun()?;
        open.line.clear();
        serde_json::to_writer(&mut open.line, &made.document)?;
        open.line.push(b'\n');
        open.documents
            .write_all(&open.line)
            .with_context(|| format!("a shard in {} cannot be written", folder.display()))?;
        let hash = blake3::hash(made.document.id.as_bytes());
        open.ids.extend_from_slice(&hash.as_bytes()[..16]);
        open.counter.add(&made.document);
        let account = &mut open.account;
        account.records += 1;
        account.shard.documents += 1;
        account.shard.bytes += open.line.len() as u64;
        account.repairs.add(&made.repairs);
        if let Some(encoding) = made.encoding {
            *account.encodings.entry(encoding.to_owned()).or_default() += 1;
        }
        if limited && let Some(url) = made.document.string("url") {
            *account.domains.entry(domain_of(url)).or_default() += 1;
        }
        Ok(())
    }

    /// Writes a refusal.
    pub(super) fn refuse(&mut self, page: &RefusedPage) -> Result<()> {
        let folder = self.folder.clone();
        let open = self.begun()?;
        open.line.clear();
        serde_json::to_writer(&mut open.line, page)?;
        open.line.push(b'\n');
        open.refusals
            .write_all(&open.line)
            .with_context(|| format!("the refusals in {} cannot be written", folder.display()))?;
        open.account.records += 1;
        *open.account.refused.entry(page.reason).or_default() += 1;
        Ok(())
    }

    /// Counts a record that could not be read.
    pub(super) fn bad(&mut self, bad: BadLine) -> Result<()> {
        let samples = self.samples;
        let open = self.begun()?;
        open.account.records += 1;
        open.account.bad.add(bad, samples);
        Ok(())
    }

    /// So many raw bytes have been worked on, and the stream stands there: ends the chunk if it is full.
    pub(super) fn advance(&mut self, bytes: u64, place: Place) -> Result<()> {
        self.bytes += bytes;
        if let Some(open) = &mut self.open {
            open.account.place = place;
        }
        if self.bytes >= self.chunk_bytes {
            self.end()?;
        }
        Ok(())
    }

    /// Puts all chunks together as a corpus.
    pub(super) fn finish(mut self, out: &Path) -> Result<Harvested> {
        self.end()?;
        let mut index = Index::default();
        let mut harvested = Harvested::default();
        for (number, account) in self.done.iter().enumerate() {
            harvested.add(account, self.samples);
            let refusals = super::refused_file(number);
            for name in [&account.shard.name, &refusals] {
                let (from, to) = (self.folder.join(name), out.join(name));
                disk::link(&from, &to)
                    .with_context(|| format!("{} cannot be put into {}", name, out.display()))?;
            }
            index.shards.push(account.shard.clone());
        }
        index.statistics = harvested.statistics.clone();
        let mut text = serde_json::to_vec_pretty(&index)?;
        text.push(b'\n');
        disk::write(&out.join(INDEX), &text)?;
        Ok(harvested)
    }

    fn begun(&mut self) -> Result<&mut Open> {
        if self.open.is_none() {
            let number = self.done.len();
            let shard = format!("documents-{number:05}.jsonl.zst");
            let refusals = super::refused_file(number);
            self.open = Some(Open {
                documents: encoder(&self.folder.join(&shard))?,
                refusals: encoder(&self.folder.join(&refusals))?,
                ids: Vec::new(),
                account: Account {
                    shard: Shard {
                        name: shard,
                        documents: 0,
                        bytes: 0,
                    },
                    ..Account::default()
                },
                counter: Counter::default(),
                line: Vec::new(),
            });
        }
        Ok(self.open.as_mut().expect("it was begun"))
    }

    fn end(&mut self) -> Result<()> {
        self.bytes = 0;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let number = self.done.len();
        let context = || format!("a chunk in {} cannot be finished", self.folder.display());
        for encoder in [open.documents, open.refusals] {
            let buffered = encoder.finish().with_context(context)?;
            let file = buffered
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)
                .with_context(context)?;
            file.commit().with_context(context)?;
        }
        disk::write(&self.folder.join(format!("ids-{number:05}")), &open.ids)
            .with_context(context)?;
        let mut account = open.account;
        account.statistics = open.counter.finish();
        let text = serde_json::to_vec(&account)?;
        // Last of all: what it names is there.
        disk::write(&self.folder.join(format!("chunk-{number:05}.json")), &text)
            .with_context(context)?;
        self.done.push(account);
        Ok(())
    }
}

fn encoder(path: &Path) -> Result<Encoder> {
    let file = AtomicFile::create(path)
        .with_context(|| format!("{} cannot be created", path.display()))?;
    let mut encoder = Encoder::new(BufWriter::new(file), 3)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}
