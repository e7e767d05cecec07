//! Documents that say the same: found by a hash of the whole, or by MinHash and bands; the best of each cluster is kept.
//!
//! Three passes, and a fourth where paragraphs are cut. Sketch: every document becomes the keys of its bands (`dedup/signature.rs`), in
//! sorted runs on the disk. Cluster: documents that share a key are joined by union–find. Keep: the best of each
//! cluster by a stated rule, with the size of its cluster (for up-sampling, as FineWeb-2 does), the others go into
//! the ledger. Similarity is not computed again: documents of a cluster met in a band, with the odds
//! that `signature.rs` states, and clusters are transitive. Memory is 24 bytes a document and one run;
//! neither the result nor its bytes depend on threads or runs. The keys stay as an index, against which a later crawl
//! can be held without its texts.

mod clusters;
mod paragraphs;
mod shingles;
mod shuffle;
mod signature;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::clusters::Clusters;
use self::paragraphs::Cuts;
use self::shingles::{NO_WORDS, Shingler};
use self::shuffle::{DiskShuffle, Record, Run, Shuffle as _};
use self::signature::Bands;
use crate::curate::{piece, pool};
use crate::{Account, Corpus, Curation, Document, Entry, Verdict};

pub use shingles::{ShingleSettings, Unit};

/// Which document of a cluster is kept; of equals the one that comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The longest, in characters other than white space.
    Longest,
    /// The one that comes first.
    First,
    /// The one with the highest number in its metadata, under the name in `by`.
    Highest,
}

/// How documents are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DedupSettings {
    /// Whether near-duplicates are looked for; else only texts that are equal after folding.
    pub near: bool,
    /// Bands of a signature.
    pub bands: usize,
    /// Rows of a band.
    pub rows: usize,
    /// What is hashed.
    pub shingle: ShingleSettings,
    /// Which document of a cluster is kept.
    pub keep: Keep,
    /// The number in the metadata that `keep = "highest"` goes by.
    pub by: Option<String>,
    /// Lines of at least so many characters (white space aside) that an earlier kept document has too are cut; 0 cuts none.
    pub paragraph_characters: usize,
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self {
            near: true,
            bands: 14,
            rows: 8,
            shingle: ShingleSettings::default(),
            keep: Keep::Longest,
            by: None,
            paragraph_characters: 0,
        }
    }
}

impl DedupSettings {
    /// Whether they make sense.
    ///
    /// # Errors
    /// Says which does not.
    pub fn check(&self) -> Result<()> {
        ensure!(
            (1..=256).contains(&self.bands) && (1..=64).contains(&self.rows),
            "bands = {} and rows = {}: wanted 1 to 256 and 1 to 64",
            self.bands,
            self.rows
        );
        ensure!(
            self.shingle.words > 0 && self.shingle.korean_length > 0,
            "a shingle of no words: wanted at least 1"
        );
        ensure!(
            (self.keep == Keep::Highest) == self.by.is_some(),
            "`by` names the number that keep = \"highest\" goes by: give both or neither"
        );
        Ok(())
    }

    fn score(&self, document: &Document) -> f64 {
        match self.keep {
            Keep::Longest => document.text.chars().filter(|c| !c.is_whitespace()).count() as f64,
            Keep::First => 0.0,
            Keep::Highest => {
                let number = self
                    .by
                    .as_ref()
                    .and_then(|name| document.metadata.get(name))
                    .and_then(Value::as_f64);
                number.unwrap_or(f64::NEG_INFINITY)
            }
        }
    }

    /// Partitions of the shuffle: a band each, then the hashes of whole texts, then the scores by document.
    fn whole(&self) -> usize {
        if self.near { self.bands } else { 0 }
    }
    fn scores(&self) -> usize {
        self.whole() + 1
    }
}

/// Deduplicates one corpus.
pub struct Dedup<'a> {
    /// What is deduplicated.
    pub corpus: &'a Corpus,
    /// How.
    pub settings: &'a DedupSettings,
    /// Artifacts of earlier deduplications, whose documents count as seen.
    pub against: &'a [PathBuf],
    /// A folder that outlives a killed run.
    pub partial: &'a Path,
    /// Where the corpus, its ledger and the index are put.
    pub out: &'a Path,
    /// Threads to work with.
    pub threads: usize,
    /// Documents in a run: 16 bytes for each of its bands are in memory at once.
    pub run_documents: usize,
}

/// The files of the index: keys by band, and what they are keys of.
const KEYS: &str = "index/keys";
const ABOUT: &str = "index/about.json";

/// What keys of two runs must have in common to be compared.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct About {
    near: bool,
    bands: usize,
    rows: usize,
    shingle: ShingleSettings,
}

impl About {
    fn of(settings: &DedupSettings) -> Self {
        Self {
            near: settings.near,
            bands: settings.bands,
            rows: settings.rows,
            shingle: settings.shingle.clone(),
        }
    }
}

impl Dedup<'_> {
    /// Documents in a run where nothing is said: 26 MB of keys with 14 bands.
    pub const RUN_DOCUMENTS: usize = 100_000;

    /// Does all three passes. `progress` hears documents done, of both passes over the texts together.
    ///
    /// # Errors
    /// The disk's, a damaged corpus or index, an index of other settings, and those of `progress`.
    pub fn run(&self, mut progress: impl FnMut(u64, u64) -> Result<()>) -> Result<Account> {
        self.settings.check()?;
        let total = self.corpus.len();
        ensure!(
            total < u64::from(u32::MAX),
            "{total} documents are too many for one deduplication: at most {}",
            u32::MAX
        );
        self.check_indices()?;
        let mut shuffle = DiskShuffle::open(&self.partial.join("keys"))?;
        self.sketch(&mut shuffle, &mut |done| progress(done, 2 * total))?;
        let clustered = self.cluster(&shuffle, total as usize)?;
        disk::create_dir(&self.out.join("index"))?;
        shuffle.merge_into(&self.out.join(KEYS), self.settings.scores())?;
        disk::write(
            &self.out.join(ABOUT),
            &serde_json::to_vec_pretty(&About::of(self.settings))?,
        )?;
        let cuts = match self.settings.paragraph_characters {
            0 => Cuts::default(),
            least => {
                let folder = self.partial.join("paragraphs");
                let (threads, run) = (self.threads, self.run_documents);
                Cuts::find(self.corpus, &clustered, least, &folder, threads, run)?
            }
        };
        let curation = Curation {
            corpus: self.corpus,
            partial: self.partial,
            out: self.out,
            threads: self.threads,
            names: &["cut_paragraphs"],
        };
        curation.run(
            |place, document| clustered.judge(place as usize, document, &cuts),
            |done, _| progress(total + done, 2 * total),
        )
    }

    fn check_indices(&self) -> Result<()> {
        for artifact in self.against {
            let path = artifact.join(ABOUT);
            let text = std::fs::read(&path).with_context(|| {
                format!(
                    "{} has no index of keys: wanted what `dedup` wrote",
                    artifact.display()
                )
            })?;
            let about: About = serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged", path.display()))?;
            let own = About::of(self.settings);
            ensure!(
                about == own,
                "keys of other settings cannot be compared: {} has {about:?}, this step {own:?}. Use the same settings, or deduplicate that corpus again",
                artifact.display()
            );
        }
        Ok(())
    }

    /// Writes the keys of all documents that no finished run has yet.
    fn sketch(
        &self,
        shuffle: &mut DiskShuffle,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let (settings, pool) = (self.settings, pool(self.threads)?);
        let sketcher = Sketcher::new(settings);
        let mut done = shuffle.records(settings.scores())?;
        let mut partitions: Vec<Vec<Record>> = vec![Vec::new(); settings.scores() + 1];
        let (mut first, mut waiting) = (0, 0);
        for (number, shard) in self.corpus.index().shards.iter().enumerate() {
            let start = first;
            first += shard.documents;
            if first <= done {
                continue;
            }
            let mut documents = self.corpus.shard(number);
            for _ in start..done {
                documents.next().transpose()?;
            }
            loop {
                let piece = piece(&mut documents)?;
                if piece.is_empty() {
                    break;
                }
                let sketches: Vec<_> = pool.install(|| {
                    let sketch = |document: &Document| {
                        (sketcher.sketch(&document.text), settings.score(document))
                    };
                    piece.par_iter().map(sketch).collect()
                });
                for (sketch, score) in sketches {
                    for (partition, key) in sketch.keys.into_iter().enumerate() {
                        partitions[partition].push((key, done));
                    }
                    if let Some(whole) = sketch.whole {
                        partitions[settings.whole()].push((whole, done));
                    }
                    partitions[settings.scores()].push((done, score.to_bits()));
                    done += 1;
                    waiting += 1;
                    if waiting == self.run_documents {
                        shuffle.add(&mut partitions)?;
                        waiting = 0;
                    }
                }
                progress(done)?;
            }
        }
        if waiting > 0 {
            shuffle.add(&mut partitions)
        } else {
            Ok(())
        }
    }

    fn cluster(&self, shuffle: &DiskShuffle, total: usize) -> Result<Clustered> {
        let mut clusters = Clusters::new(total);
        let mut twin: Vec<u32> = (0..total as u32).collect();
        let mut seen = vec![false; total];
        for partition in 0..=self.settings.whole() {
            let mut before = Seen::open(self.against, partition)?;
            shuffle.groups(partition, &mut |key, documents| {
                let first = documents[0] as u32;
                for document in &documents[1..] {
                    clusters.join(first, *document as u32);
                    if partition == self.settings.whole() {
                        twin[*document as usize] = first;
                    }
                }
                seen[first as usize] |= before.has(key)?;
                Ok(())
            })?;
        }
        let mut scores = vec![0.0; total];
        shuffle.groups(self.settings.scores(), &mut |document, score| {
            scores[document as usize] = f64::from_bits(score[0]);
            Ok(())
        })?;
        let root: Vec<u32> = (0..total as u32)
            .map(|document| clusters.root(document))
            .collect();
        let mut best: Vec<u32> = (0..total as u32).collect();
        let mut size = vec![0u32; total];
        for (document, root) in root.iter().map(|root| *root as usize).enumerate() {
            size[root] += 1;
            // Documents come in order, so of equals the first stays.
            if scores[document] > scores[best[root] as usize] {
                best[root] = document as u32;
            }
            seen[root] |= seen[document];
        }
        Ok(Clustered {
            root,
            best,
            size,
            seen,
            twin,
        })
    }
}

/// What is kept of a text to compare it with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// The keys of its bands; texts that share one are taken for near-duplicates. None where it has no words.
    pub keys: Vec<u64>,
    /// A hash of the whole folded text; `None` where it has no words.
    pub whole: Option<u64>,
}

/// Makes sketches by settings.
#[derive(Clone, Debug)]
pub struct Sketcher {
    near: bool,
    shingle: ShingleSettings,
    bands: Bands,
}

thread_local! {
    static SHINGLER: RefCell<Shingler> = RefCell::default();
}

impl Sketcher {
    /// Chooses the permutations, and the instructions to compute them by.
    pub fn new(settings: &DedupSettings) -> Self {
        let bands = Bands::new(settings.bands, settings.rows);
        Self {
            near: settings.near,
            shingle: settings.shingle.clone(),
            bands,
        }
    }

    /// The sketch of a text.
    pub fn sketch(&self, text: &str) -> Sketch {
        SHINGLER.with_borrow_mut(|shingler| {
            let (shingles, whole) = shingler.read(text, &self.shingle);
            let mut keys = Vec::new();
            if self.near && !shingles.is_empty() {
                self.bands.keys(shingles, &mut keys);
            }
            Sketch {
                keys,
                whole: (whole != NO_WORDS).then_some(whole),
            }
        })
    }
}

/// The keys of earlier crawls, walked in step with our own.
struct Seen(Vec<(Run, Option<u64>)>);

impl Seen {
    fn open(artifacts: &[PathBuf], partition: usize) -> Result<Self> {
        let open = |artifact: &PathBuf| {
            let mut run = Run::open(&artifact.join(KEYS), partition)?;
            let first = run.next()?.map(|(key, _)| key);
            Ok((run, first))
        };
        artifacts.iter().map(open).collect::<Result<_>>().map(Self)
    }

    /// Whether a key was seen; keys must be asked for in order.
    fn has(&mut self, key: u64) -> Result<bool> {
        let mut has = false;
        for (run, next) in &mut self.0 {
            while next.is_some_and(|next| next < key) {
                *next = run.next()?.map(|(key, _)| key);
            }
            has |= *next == Some(key);
        }
        Ok(has)
    }
}

/// Clusters, and what is kept of each.
struct Clustered {
    /// The cluster of a document: its smallest member.
    root: Vec<u32>,
    /// Of a cluster, by its root: which member is kept, how many there are, whether an earlier crawl had one.
    best: Vec<u32>,
    size: Vec<u32>,
    seen: Vec<bool>,
    /// The first document with exactly this text, folded.
    twin: Vec<u32>,
}

impl Clustered {
    /// Whether a document is the one that is kept of its cluster.
    fn keeps(&self, place: usize) -> bool {
        let root = self.root[place] as usize;
        !self.seen[root] && self.best[root] as usize == place
    }

    fn judge(&self, place: usize, mut document: Document, cuts: &Cuts) -> Verdict {
        let root = self.root[place] as usize;
        let best = self.best[root] as usize;
        let mut entry = Entry::of(&document);
        entry.cluster = Some(best as u64);
        entry.cluster_size = Some(u64::from(self.size[root]));
        entry.numbers = vec![0.0];
        let reason = match () {
            () if self.seen[root] => "seen_before",
            () if best == place => {
                if let Some((text, count)) = cuts.apply(place, &document.text) {
                    entry.numbers = vec![count as f64];
                    entry.bytes_kept = text.len() as u64;
                    document.text = text;
                }
                if document.text.trim().is_empty() {
                    entry.drop("only_repeated_paragraphs");
                    return Verdict {
                        document: None,
                        entry,
                    };
                }
                let document = document.with("cluster_size", self.size[root]);
                return Verdict {
                    document: Some(document),
                    entry,
                };
            }
            () if self.twin[place] == self.twin[best] => "exact_duplicate",
            () => "near_duplicate",
        };
        entry.drop(reason);
        Verdict {
            document: None,
            entry,
        }
    }
}

#[cfg(test)]
mod tests;
