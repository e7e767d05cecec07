//! Holds every document of a corpus against an index of questions, shard by shard, and sums up what was found.
//!
//! A finished shard is finished for good: a run that is killed goes on with the one it was at. What is kept of a
//! shard is bounded by its documents that hold questions and by the questions that were found.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Hit, Index, Name};
use crate::Corpus;
use crate::curate::{piece, pool};
use crate::read::Skipped;

/// A corpus to be held against questions.
pub struct Survey<'a> {
    /// What is looked into.
    pub corpus: &'a Corpus,
    /// What is looked for.
    pub index: &'a Index,
    /// A folder that outlives a killed run.
    pub partial: &'a Path,
    /// Threads to look with.
    pub threads: usize,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Of each document that holds questions, by its place in the corpus: which, by number.
    pub documents: BTreeMap<u64, Vec<Hit>>,
    /// Of each question of which anything was found: the document with the largest share, the first of equals.
    pub best: BTreeMap<u32, Best>,
}

/// The document that holds the most of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// To which share.
    pub share: f64,
    /// The document's id.
    pub document: String,
}

impl Survey<'_> {
    /// Looks into every document. `progress` hears how many are done and how many there are; its error
    /// stops the work, which can be taken up again.
    ///
    /// # Errors
    /// The disk's, a damaged corpus, and those of `progress`.
    pub fn run(&self, mut progress: impl FnMut(u64, u64) -> Result<()>) -> Result<Findings> {
        let pool = pool(self.threads)?;
        let total = self.corpus.len();
        let (mut findings, mut first) = (Findings::default(), 0);
        for (number, shard) in self.corpus.index().shards.iter().enumerate() {
            let path = self.partial.join(format!("found-{number:05}.json"));
            if !path.is_file() {
                let found = self.shard(number, first, &pool, &mut |done| progress(done, total))?;
                disk::write(&path, &serde_json::to_vec(&found)?)?;
            }
            let text = std::fs::read(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            let found: Findings = serde_json::from_slice(&text).with_context(|| {
                format!("{} is damaged: delete it and run again", path.display())
            })?;
            findings.documents.extend(found.documents);
            for (question, best) in found.best {
                findings.see(question, best);
            }
            first += shard.documents;
            progress(first, total)?;
        }
        Ok(findings)
    }

    fn shard(
        &self,
        number: usize,
        first: u64,
        pool: &rayon::ThreadPool,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Findings> {
        let (mut found, mut at) = (Findings::default(), first);
        let mut documents = self.corpus.shard(number);
        loop {
            let piece = piece(&mut documents)?;
            if piece.is_empty() {
                return Ok(found);
            }
            let hits: Vec<Vec<Hit>> = pool.install(|| {
                let each = piece.par_iter();
                each.map(|document| self.index.find(&document.text))
                    .collect()
            });
            for (document, hits) in piece.iter().zip(hits) {
                for hit in &hits {
                    found.see(
                        hit.question,
                        Best {
                            share: hit.share,
                            document: document.id.clone(),
                        },
                    );
                }
                let mut held = hits;
                held.retain(|hit| hit.share >= self.index.settings.share);
                if !held.is_empty() {
                    found.documents.insert(at, held);
                }
                at += 1;
            }
            progress(at)?;
        }
    }
}

impl Findings {
    fn see(&mut self, question: u32, best: Best) {
        match self.best.get_mut(&question) {
            Some(before) if before.share >= best.share => {}
            Some(before) => *before = best,
            None => drop(self.best.insert(question, best)),
        }
    }
}

/// What a corpus holds of benchmarks: the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// Whether the documents that held a question were dropped; else they were only marked.
    pub dropped: bool,
    /// By task.
    pub tasks: Vec<OfTask>,
    /// By file, in the order in which they were read.
    pub files: Vec<OfFile>,
    /// Every question that is held, in the order of the files.
    pub held: Vec<Held>,
    /// Files among the questions that were not read.
    pub skipped: Vec<Skipped>,
}

/// What is held of one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfTask {
    /// Its name.
    pub task: String,
    /// Its questions.
    pub questions: u64,
    /// Those that have an n-gram of their own: the others are too short to be looked for.
    pub looked_for: u64,
    /// Those that a document holds to the share that was set.
    pub held: u64,
    /// `held / looked_for`; 0 where none was looked for.
    pub share: f64,
    /// Documents that hold one of them.
    pub documents: u64,
}

/// What is held of the questions of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfFile {
    /// Its path below the folder that was bound.
    pub file: String,
    /// Its questions that could be looked for.
    pub looked_for: u64,
    /// Those that a document holds.
    pub held: u64,
}

/// A question that is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Its task, and its file and line.
    #[serde(flatten)]
    pub name: Name,
    /// To which share the document holds it that holds the most of it.
    pub share: f64,
    /// That document's id.
    pub document: String,
    /// How many documents hold it.
    pub documents: u64,
}

impl Findings {
    /// Sums up, and gives of each question that is held its place in [`Contamination::held`].
    pub fn sum_up(
        &self,
        index: &Index,
        skipped: Vec<Skipped>,
    ) -> (Contamination, BTreeMap<u32, usize>) {
        let mut documents: BTreeMap<u32, u64> = BTreeMap::new();
        let mut of_task: BTreeMap<&str, u64> = BTreeMap::new();
        let task = |question: u32| index.names[question as usize].task.as_str();
        for hits in self.documents.values() {
            let mut tasks: Vec<&str> = hits.iter().map(|hit| task(hit.question)).collect();
            tasks.sort_unstable();
            tasks.dedup();
            tasks
                .iter()
                .for_each(|task| *of_task.entry(task).or_default() += 1);
            hits.iter()
                .for_each(|hit| *documents.entry(hit.question).or_default() += 1);
        }
        let mut tasks: Vec<OfTask> = Vec::new();
        let mut files: Vec<OfFile> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (question, name) in index.names.iter().enumerate() {
            let place = *places.entry(&name.task).or_insert_with(|| {
                tasks.push(OfTask {
                    task: name.task.clone(),
                    documents: of_task.get(&*name.task).copied().unwrap_or(0),
                    ..OfTask::default()
                });
                tasks.len() - 1
            });
            let looked_for = u64::from(index.can_be_found(question));
            let held = u64::from(documents.contains_key(&(question as u32)));
            let task = &mut tasks[place];
            task.questions += 1;
            task.looked_for += looked_for;
            task.held += held;
            let file = name.file();
            if files.last().is_none_or(|last| last.file != file) {
                files.push(OfFile {
                    file: file.to_owned(),
                    ..OfFile::default()
                });
            }
            if let Some(last) = files.last_mut() {
                last.looked_for += looked_for;
                last.held += held;
            }
        }
        for task in &mut tasks {
            task.share = task.held as f64 / task.looked_for.max(1) as f64;
        }
        let mut places = BTreeMap::new();
        let mut held = Vec::with_capacity(documents.len());
        for (question, documents) in documents {
            let best = &self.best[&question];
            places.insert(question, held.len());
            held.push(Held {
                name: index.names[question as usize].clone(),
                share: best.share,
                document: best.document.clone(),
                documents,
            });
        }
        (
            Contamination {
                dropped: false,
                tasks,
                files,
                held,
                skipped,
            },
            places,
        )
    }
}

impl Contamination {
    /// Of the questions in these files and folders: how many are held, and how many were looked for; `None`
    /// where none of them was among what was looked for.
    pub fn of(&self, below: &[&str]) -> Option<(u64, u64)> {
        let is_below = |file: &str| {
            let mut prefixes = below.iter().filter_map(|path| file.strip_prefix(path));
            prefixes.any(|rest| rest.is_empty() || rest.starts_with('/') || path_ends(rest))
        };
        let mut found = self.files.iter().filter(|of| is_below(&of.file)).peekable();
        found.peek()?;
        Some(found.fold((0, 0), |(held, looked_for), of| {
            (held + of.held, looked_for + of.looked_for)
        }))
    }
}

/// What may stand after a file's name: how it is packed.
fn path_ends(rest: &str) -> bool {
    matches!(rest, ".gz" | ".zst")
}
