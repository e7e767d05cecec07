//! A collection to search in as BEIR lays it out: passages, questions, and which passage answers which.
//!
//! `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`), and the judgements:
//! `qrels/test.tsv` or `qrels.tsv` (question, passage, relevance, a header above them) or a `qrels.txt`
//! of TREC (question, 0, passage, relevance). Questions without a judgement are not asked, as in
//! BEIR; judgements of passages that are not in the corpus count as never found, as in `trec_eval`.

use crate::read::{self, Row};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Passages, questions, judgements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collection {
    /// Every passage.
    pub passages: Vec<Passage>,
    /// The questions that have a judgement, in their order.
    pub questions: Vec<Question>,
}

/// Something to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Its name.
    pub id: String,
    /// Title and text with a space between, as BEIR embeds them.
    pub text: String,
}

/// A question, and what answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its name.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Passage → relevance; 0 and less says that it does not answer it.
    pub judged: HashMap<String, i64>,
}

#[derive(Deserialize)]
struct PassageRow {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: Option<String>,
    text: String,
}

#[derive(Deserialize)]
struct QuestionRow {
    #[serde(rename = "_id")]
    id: String,
    text: String,
}

const QRELS: [&str; 4] = ["qrels/test.tsv", "qrels.tsv", "qrels/test.txt", "qrels.txt"];

impl Collection {
    /// Whether a folder looks like one.
    pub fn is_at(folder: &Path) -> bool {
        folder.join("corpus.jsonl").is_file()
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// Files that are missing or not as they should be, a name that is there twice, a judgement of a
    /// question that is not there.
    pub fn read(folder: &Path) -> Result<Self> {
        let rows: Vec<Row<PassageRow>> = read::json_lines(&folder.join("corpus.jsonl"))?;
        let mut passages = Vec::with_capacity(rows.len());
        let mut seen = HashMap::with_capacity(rows.len());
        for Row { place, value } in rows {
            if let Some(before) = seen.insert(value.id.clone(), place.clone()) {
                bail!("{place}: the passage {:?} is in {before} already", value.id);
            }
            let title = value.title.unwrap_or_default();
            let text = format!("{title} {}", value.text).trim().to_owned();
            passages.push(Passage { id: value.id, text });
        }
        let mut judged = judgements(&qrels(folder)?)?;
        let rows: Vec<Row<QuestionRow>> = read::json_lines(&folder.join("queries.jsonl"))?;
        let mut questions = Vec::with_capacity(judged.len());
        for Row { value, .. } in rows {
            if let Some(judged) = judged.remove(&value.id) {
                questions.push(Question {
                    id: value.id,
                    text: value.text,
                    judged,
                });
            }
        }
        if let Some(id) = judged.keys().min() {
            bail!(
                "{}: there are judgements of {} questions that queries.jsonl does not have \
                 (or has twice), {id:?} among them: are the files of one collection?",
                folder.display(),
                judged.len()
            );
        }
        Ok(Collection {
            passages,
            questions,
        })
    }
}

fn qrels(folder: &Path) -> Result<PathBuf> {
    let mut there = QRELS.iter().map(|name| folder.join(name));
    there.find(|path| path.is_file()).ok_or_else(|| {
        anyhow!(
            "{}: wanted the judgements in one of {}, and found none of them",
            folder.display(),
            QRELS.join(", ")
        )
    })
}

/// Question → passage → relevance.
fn judgements(path: &Path) -> Result<HashMap<String, HashMap<String, i64>>> {
    let text = read::text(path)?;
    let mut judged: HashMap<String, HashMap<String, i64>> = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        // Names between tabs may hold spaces.
        let cells: Vec<&str> = match line.contains('\t') {
            true => line.split('\t').collect(),
            false => line.split_whitespace().collect(),
        };
        let (question, passage, relevance) = match cells[..] {
            [] => continue,
            [question, passage, relevance] => (question, passage, relevance),
            [question, _, passage, relevance] => (question, passage, relevance),
            _ => bail!(
                "{}, line {}: wanted question, passage and relevance (TREC's has a 0 after the first), found {} columns",
                path.display(),
                index + 1,
                cells.len()
            ),
        };
        let relevance = match relevance.trim().parse::<i64>() {
            Ok(relevance) => relevance,
            // The names of the columns.
            Err(_) if index == 0 => continue,
            Err(_) => {
                return Err(anyhow!("wanted a whole number, found {relevance:?}"))
                    .with_context(|| format!("{}, line {}", path.display(), index + 1));
            }
        };
        let of_question = judged.entry(question.to_owned()).or_default();
        of_question.insert(passage.to_owned(), relevance);
    }
    ensure!(
        !judged.is_empty(),
        "{}: wanted judgements, found none",
        path.display()
    );
    Ok(judged)
}
