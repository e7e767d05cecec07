//! Finding passages: every collection in the folder `retrieval`, in BEIR's layout.
//!
//! The model gives a vector to each passage and each question; a passage's score is the cosine. What
//! rankings are worth is in `retrieval.rs`; beside it stands BM25, which needs no model, so that
//! a figure can be told from a good one. A question whose vector is missing finds nothing; a passage
//! without one is never found, and both are said. As in BEIR a passage that bears the question's own
//! name is not among the found.

use crate::ask::{Answer, Ask, Draw, Request};
use crate::retrieval::beir::{Collection, Passage, Question};
use crate::retrieval::{self, DEPTH, Worth, bm25::Bm25};
use crate::task::{About, Aggregate, Asked, Kind, Metric, Score, Setup, Task, Told};
use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The shelf's lines.
pub const KINDS: &[Kind] = &[Kind {
    name: "retrieval",
    needs: &["retrieval"],
    open,
}];

const METRICS: [&str; 7] = [
    "ndcg@10",
    "recall@10",
    "recall@100",
    "mrr@10",
    "map@1000",
    "bm25_ndcg@10",
    "bm25_mrr@10",
];

struct Retrieval {
    about: About,
    folder: PathBuf,
    collections: OnceLock<Arc<Vec<(String, Collection)>>>,
}

fn open(setup: &Setup) -> Result<Box<dyn Task>> {
    let metric = |name: &str| Metric {
        name: name.to_owned(),
        aggregate: Aggregate::Mean,
        higher_is_better: true,
    };
    Ok(Box::new(Retrieval {
        about: About {
            name: "retrieval".to_owned(),
            summary: "finds the passages that answer a question, among all of a collection"
                .to_owned(),
            language: "en, ko".to_owned(),
            protocol: "cosine of vectors, every passage compared; BM25 beside it".to_owned(),
            source: "any BEIR folder: corpus.jsonl, queries.jsonl, qrels/test.tsv".to_owned(),
            version: 1,
            metrics: METRICS.iter().map(|name| metric(name)).collect(),
        },
        folder: setup.data.join("retrieval"),
        collections: OnceLock::new(),
    }))
}

impl Retrieval {
    /// The collections by name, read once.
    fn collections(&self) -> Result<Arc<Vec<(String, Collection)>>> {
        if let Some(read) = self.collections.get() {
            return Ok(read.clone());
        }
        let listing = std::fs::read_dir(&self.folder)
            .with_context(|| format!("wanted collections in {}", self.folder.display()))?;
        let mut folders = listing
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<PathBuf>>>()?;
        folders.retain(|folder| !disk::is_hidden(folder) && Collection::is_at(folder));
        folders.sort();
        ensure!(
            !folders.is_empty(),
            "{}: wanted folders with corpus.jsonl, queries.jsonl and qrels, found none",
            self.folder.display()
        );
        let mut collections = Vec::new();
        for folder in folders {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            collections.push((name.into_owned(), Collection::read(&folder)?));
        }
        Ok(self
            .collections
            .get_or_init(|| Arc::new(collections))
            .clone())
    }
}

fn embed(id: String, group: &str, text: &str, query: bool) -> Ask {
    Ask {
        id,
        group: group.to_owned(),
        request: Request::Embed {
            text: text.to_owned(),
            query,
        },
        draw: Draw::default(),
    }
}

impl Task for Retrieval {
    fn about(&self) -> &About {
        &self.about
    }

    fn ground(&self) -> Result<Vec<Ask>> {
        let collections = self.collections()?;
        let passages = collections.iter().flat_map(|(name, collection)| {
            let of = move |passage: &Passage| format!("{name}/passage/{}", passage.id);
            let asks = collection.passages.iter();
            asks.map(move |passage| embed(of(passage), name, &passage.text, false))
        });
        Ok(passages.collect())
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let collections = self.collections()?;
        let questions = collections.iter().flat_map(|(name, collection)| {
            let of = move |question: &Question| format!("{name}/{}", question.id);
            let asks = collection.questions.iter();
            asks.map(move |question| embed(of(question), name, &question.text, true))
        });
        Ok(questions.collect())
    }

    fn score(&self, _: &Ask, _: &[Answer], _: &[Answer]) -> Score {
        Score {
            note: "a ranking needs every passage: scored with all of them together".to_owned(),
            ..Score::default()
        }
    }

    fn scores(
        &self,
        ground: &[Answer],
        asked: &[Asked<'_>],
        _: &mut Told<'_>,
    ) -> Result<Vec<Score>> {
        let collections = match self.collections() {
            Ok(collections) => collections,
            Err(error) => {
                let note = format!("{error:#}");
                return Ok(asked.iter().map(|_| unknown(&note)).collect());
            }
        };
        let mut searches = HashMap::new();
        let mut rest = ground;
        for (name, collection) in collections.iter() {
            let vectors;
            (vectors, rest) = rest.split_at(collection.passages.len().min(rest.len()));
            searches.insert(name.as_str(), Search::new(collection, vectors));
        }
        let score = |one: &Asked<'_>| {
            let of = one.ask.id.split_once('/');
            let found = of.and_then(|(name, id)| {
                let search = searches.get(name)?;
                Some((search, *search.questions.get(id)?))
            });
            match found {
                Some((search, question)) => search.score(question, one.answers.first()),
                None => unknown("this question is not in the collections"),
            }
        };
        Ok(asked.par_iter().map(score).collect())
    }
}

fn unknown(note: &str) -> Score {
    Score {
        note: note.to_owned(),
        ..Score::default()
    }
}

/// A collection made ready.
struct Search<'a> {
    passages: &'a [Passage],
    questions: HashMap<&'a str, &'a Question>,
    /// In the passages' order; empty where there is none.
    vectors: Vec<&'a [f32]>,
    missing: usize,
    names: Vec<u32>,
    words: Bm25,
}

impl<'a> Search<'a> {
    fn new(collection: &'a Collection, answers: &'a [Answer]) -> Self {
        let passages = &collection.passages;
        let vectors: Vec<&[f32]> = (0..passages.len())
            .map(|at| answers.get(at).map_or(&[][..], vector))
            .collect();
        let names: Vec<&str> = passages.iter().map(|passage| &*passage.id).collect();
        let questions = collection.questions.iter();
        Search {
            passages,
            questions: questions
                .map(|question| (&*question.id, question))
                .collect(),
            missing: vectors.iter().filter(|vector| vector.is_empty()).count(),
            vectors,
            names: retrieval::order(&names),
            words: Bm25::new(passages.iter().map(|passage| &*passage.text)),
        }
    }

    fn score(&self, question: &Question, answer: Option<&Answer>) -> Score {
        let asked = answer.map_or(&[][..], vector);
        let mut other_length = 0;
        let similarity = |passage: &&[f32]| {
            if passage.len() == asked.len() && !asked.is_empty() {
                retrieval::cosine(passage, asked)
            } else {
                other_length += usize::from(!passage.is_empty() && !asked.is_empty());
                f32::NEG_INFINITY
            }
        };
        let scores: Vec<f32> = self.vectors.iter().map(similarity).collect();
        let ranking = self.rank(question, &scores);
        let by_words = self.rank(question, &self.words.scores(&question.text));
        let of = self.worth(question, &ranking);
        let words = self.worth(question, &by_words);
        let figures = [
            of.ndcg_10,
            of.recall_10,
            of.recall_100,
            of.reciprocal_10,
            of.precision_1000,
            words.ndcg_10,
            words.reciprocal_10,
        ];
        let named = METRICS.iter().map(|name| (*name).to_owned());
        Score {
            values: named.zip(figures).collect::<BTreeMap<_, _>>(),
            expected: first(relevant(question), 5),
            taken: first(
                ranking
                    .iter()
                    .map(|passage| &*self.passages[*passage as usize].id),
                5,
            ),
            note: self.note(answer, other_length),
            ..Score::default()
        }
    }

    fn rank(&self, question: &Question, scores: &[f32]) -> Vec<u32> {
        let mut ranking = retrieval::rank(scores, &self.names, DEPTH + 1);
        ranking.retain(|passage| self.passages[*passage as usize].id != question.id);
        ranking.truncate(DEPTH);
        ranking
    }

    fn worth(&self, question: &Question, ranking: &[u32]) -> Worth {
        let relevance = |passage: &u32| {
            let id = &self.passages[*passage as usize].id;
            question.judged.get(id).copied().unwrap_or(0)
        };
        let ranked: Vec<i64> = ranking.iter().map(relevance).collect();
        let judged: Vec<i64> = question.judged.values().copied().collect();
        retrieval::worth(&ranked, &judged)
    }

    fn note(&self, answer: Option<&Answer>, other_length: usize) -> String {
        let mut notes = Vec::new();
        match answer {
            Some(Answer::Vector(vector)) if !vector.is_empty() => {}
            Some(Answer::Failed(why)) => notes.push(format!("no vector: {why}")),
            _ => notes.push("no vector".to_owned()),
        }
        if self.missing > 0 {
            let all = self.passages.len();
            notes.push(format!("{} of {all} passages have no vector", self.missing));
        }
        if other_length > 0 {
            notes.push(format!(
                "{other_length} passages have vectors of another length"
            ));
        }
        notes.join("; ")
    }
}

fn vector(answer: &Answer) -> &[f32] {
    match answer {
        Answer::Vector(vector) => vector,
        _ => &[],
    }
}

/// The passages that answer a question, the most relevant first.
fn relevant(question: &Question) -> impl Iterator<Item = &str> {
    let mut relevant: Vec<(i64, &str)> = question
        .judged
        .iter()
        .filter(|(_, relevance)| **relevance > 0)
        .map(|(id, relevance)| (-relevance, id.as_str()))
        .collect();
    relevant.sort_unstable();
    relevant.into_iter().map(|(_, id)| id)
}

/// The first names, and that there are more.
fn first<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.peekable();
    let shown: Vec<&str> = names.by_ref().take(most).collect();
    let more = if names.peek().is_some() { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files of their own")]
mod tests;
