//! Documents that say the same: found by a hash of the whole, or by MinHash and bands; the best of each cluster is kept.
//!
//! Three passes, and one more each where paragraphs or passages are cut. Sketch: every document becomes the keys of its bands (`dedup/signature.rs`), in
//! sorted runs on the disk. Cluster: documents that share a key are joined by union–find. Keep: the best of each
//! cluster by a stated rule, with the size of its cluster (for up-sampling, as FineWeb-2 does), the others go into
//! the ledger. Similarity is not computed again: documents of a cluster met in a band, with the odds
//! that `signature.rs` states, and clusters are transitive. Memory is 29 bytes a document and one run;
//! neither the result nor its bytes depend on threads or runs. The keys stay as an index, against which a later crawl
//! can be held without its texts.

mod clusters;
mod cuts;
mod fate;
mod pairs;
mod paragraphs;
mod passages;
mod seen;
mod settings;
mod shingles;
mod shuffle;
mod signature;
mod sketch;
mod winnow;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::clusters::Clusters;
use self::cuts::Cuts;
use self::fate::Clustered;
use self::paragraphs::Paragraphs;
use self::passages::Passages;
use self::seen::Seen;
use self::shuffle::{DiskShuffle, Record, Shuffle as _};
use crate::curate::{piece, pool};
use crate::{Account, Corpus, Curation, Document};

pub use settings::{DedupSettings, Keep};
pub use shingles::{ShingleSettings, Unit};
pub use sketch::{Sketch, Sketcher};

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

/// How a text becomes keys. Raise it, and the version of the stage `dedup`, when the same text gets others.
const HASH: u32 = 1;

/// What keys of two runs must have in common to be compared.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct About {
    /// [`HASH`] of the program that made them; 0 where an index does not say, as none did at first.
    #[serde(default)]
    hash: u32,
    near: bool,
    bands: usize,
    rows: usize,
    shingle: ShingleSettings,
}

impl About {
    fn of(settings: &DedupSettings) -> Self {
        Self {
            hash: HASH,
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
        let mut cuts = Cuts::default();
        let threads = self.threads;
        if self.settings.paragraph_characters > 0 {
            let (least, folder) = (
                self.settings.paragraph_characters,
                self.partial.join("paragraphs"),
            );
            let run = self.run_documents;
            cuts.paragraphs =
                Paragraphs::find(self.corpus, &clustered, least, &folder, threads, run)?;
        }
        if self.settings.passage_bytes > 0 {
            let (least, folder) = (self.settings.passage_bytes, self.partial.join("passages"));
            cuts.passages = Passages::find(self.corpus, &clustered, least, &folder, threads)?;
        }
        let curation = Curation {
            corpus: self.corpus,
            partial: self.partial,
            out: self.out,
            threads: self.threads,
            names: &["cut_paragraphs", "cut_passages"],
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
                about.hash == own.hash,
                "keys that were hashed in another way cannot be compared: {} has those of way {}, this program makes those of way {HASH}. Deduplicate that corpus again with this version",
                artifact.display(),
                about.hash
            );
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

#[cfg(test)]
mod tests;
