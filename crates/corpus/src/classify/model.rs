//! A classifier read from a file of fastText (`.bin`, or `.ftz` quantised), and what it says of texts.
//!
//! The file is mapped, not copied: the two gigabytes of a published one are there at once, and only
//! the rows that texts name are ever read. Probabilities are those of the C++ original, its addition of
//! 1e-5 to each included, because published thresholds are of such numbers.
//!
//! Why not a crate: of the two there are, one misreads quantised files and long texts, and the other
//! hashes n-grams unsigned, which puts half of the bigrams into other rows (tests against the
//! original's output are beside this file).

use anyhow::{Context as _, Result, bail, ensure};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

use super::matrix::{Bytes, Matrix};
use super::words::{Cut, Entry, Words};

const MAGIC: i32 = 793_712_314;
/// What the original adds to whatever it takes the logarithm of.
const LITTLE: f32 = 1e-5;

/// A label and how likely it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<'a> {
    /// Its name, with the prefix `__label__`.
    pub label: &'a str,
    /// Its probability as fastText gives it: 1e-5 too large, and with a tree of labels a little more.
    pub probability: f32,
}

/// How the output becomes probabilities.
#[derive(Debug)]
enum Loss {
    /// One of the labels is true.
    Softmax,
    /// Each label may be true or not: one-versus-all, and negative sampling.
    Each,
    /// A path through a tree of the labels: of each inner node its two children, the root last.
    Tree(Vec<[usize; 2]>),
}

/// A linear classifier of texts.
#[derive(Debug)]
pub struct Classifier {
    file: disk::Map,
    path: PathBuf,
    words: Words,
    names: Vec<String>,
    input: Matrix,
    output: Matrix,
    loss: Loss,
}

impl Classifier {
    /// Maps a file that fastText, or [`Examples::train`](super::Examples::train), has written.
    ///
    /// # Errors
    /// The disk's, and what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = disk::Map::open(path)?;
        Self::read(file, path).with_context(|| {
            format!(
                "{} cannot be read as a fastText classifier (.bin or .ftz)",
                path.display()
            )
        })
    }

    fn read(file: disk::Map, path: &Path) -> Result<Self> {
        let bytes = &mut Bytes {
            all: file.bytes(),
            at: 0,
        };
        ensure!(bytes.i32()? == MAGIC, "it does not begin as one");
        let version = bytes.i32()?;
        ensure!(
            matches!(version, 11 | 12),
            "it has the version {version}, and 11 and 12 are known"
        );
        let mut settings = [0; 12];
        for setting in &mut settings {
            *setting = bytes.i32()?;
        }
        bytes.take(8)?;
        let [
            width,
            _,
            _,
            _,
            _,
            ngrams,
            loss,
            kind,
            buckets,
            shortest,
            longest,
            _,
        ] = settings;
        ensure!(
            kind == 3,
            "it holds word vectors, not a classifier (train it with `supervised`)"
        );
        // Files of the older version classify without parts of words, whatever they say.
        let longest = if version == 11 { 0 } else { longest };
        let cut = Cut {
            word_ngrams: ngrams.max(1) as usize,
            buckets: buckets.max(0) as u32,
            parts: (shortest.max(0) as usize, longest.max(0) as usize),
        };
        let (words, names, counts) = vocabulary(bytes, cut)?;

        let is_quantised = bytes.flag()?;
        let input = match is_quantised {
            true => Matrix::quantised(bytes)?,
            false => Matrix::plain(bytes)?,
        };
        let output = match bytes.flag()? && is_quantised {
            true => Matrix::quantised(bytes)?,
            false => Matrix::plain(bytes)?,
        };
        let (labels, width) = (names.len(), width.max(0) as usize);
        ensure!(
            input.cols == width && output.cols == width && output.rows >= labels,
            "its matrices are {} × {} and {} × {}, for {labels} labels and a width of {width}",
            input.rows,
            input.cols,
            output.rows,
            output.cols
        );
        let loss = match loss {
            1 => Loss::Tree(tree(&counts)),
            2 | 4 => Loss::Each,
            3 => Loss::Softmax,
            other => bail!("its loss has the number {other}, and 1 to 4 are known"),
        };
        Ok(Classifier {
            file,
            path: path.to_owned(),
            words,
            names,
            input,
            output,
            loss,
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its labels, with their prefix.
    pub fn labels(&self) -> &[String] {
        &self.names
    }

    /// The index of a label, given with or without its prefix.
    ///
    /// # Errors
    /// A label that it does not have.
    pub fn label(&self, name: &str) -> Result<usize> {
        let found = self.names.iter().position(|label| {
            label == name || label.strip_prefix(super::LABEL_PREFIX) == Some(name)
        });
        found.with_context(|| {
            format!(
                "{} has no label {name:?}; it has {}",
                self.path.display(),
                self.names.join(", ")
            )
        })
    }

    /// The probability of every label, in their order; empty for a text that names no row at all.
    pub fn probabilities(&self, text: &str) -> Vec<f32> {
        let file = self.file.bytes();
        let mut hidden = vec![0.0; self.input.cols];
        let mut named = 0_u32;
        self.words.rows(text, &mut Vec::new(), &mut |row| {
            // A file whose vocabulary names rows that it does not have is read as if they were zero.
            if row < self.input.rows {
                self.input.add(file, row, &mut hidden);
            }
            named += 1;
        });
        if named == 0 {
            return Vec::new();
        }
        let share = 1.0 / named as f32;
        hidden.iter_mut().for_each(|x| *x *= share);

        let logit = |row: usize| self.output.dot(file, row, &hidden);
        let labels = 0..self.names.len();
        match &self.loss {
            Loss::Softmax => {
                let logits: Vec<f32> = labels.map(logit).collect();
                let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f32> = logits.iter().map(|x| (x - most).exp()).collect();
                let sum: f32 = powers.iter().sum();
                powers.iter().map(|power| power / sum + LITTLE).collect()
            }
            Loss::Each => labels
                .map(|label| tabulated(logit(label)) + LITTLE)
                .collect(),
            Loss::Tree(tree) => walk(tree, labels.len(), logit),
        }
    }

    /// The probability of one label; 0 for a text that names no row at all.
    pub fn score(&self, label: usize, text: &str) -> f32 {
        let probabilities = self.probabilities(text);
        probabilities.get(label).copied().unwrap_or(0.0)
    }

    /// [`score`](Self::score) of many texts, by these threads ([`pool`](crate::pool)), in their order.
    pub fn scores(&self, threads: &rayon::ThreadPool, label: usize, texts: &[&str]) -> Vec<f32> {
        let scores = || {
            texts
                .par_iter()
                .map(|text| self.score(label, text))
                .collect()
        };
        threads.install(scores)
    }

    /// The `k` likeliest labels, likeliest first; of two equally likely ones the earlier.
    pub fn predict(&self, text: &str, k: usize) -> Vec<Prediction<'_>> {
        let probabilities = self.probabilities(text);
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        order
            .into_iter()
            .take(k)
            .map(|label| Prediction {
                label: &self.names[label],
                probability: probabilities[label],
            })
            .collect()
    }
}

fn vocabulary(bytes: &mut Bytes<'_>, cut: Cut) -> Result<(Words, Vec<String>, Vec<i64>)> {
    let [size, words, labels] = [bytes.i32()?, bytes.i32()?, bytes.i32()?].map(i64::from);
    let _tokens = bytes.i64()?;
    let pruned = bytes.i64()?;
    // A word is at least its end, its count and its kind.
    let size = bytes.count(size, 10, "words")?;
    ensure!(
        words >= 0 && labels >= 1 && words + labels == size as i64,
        "it says that {size} entries are {words} words and {labels} labels"
    );
    let mut entries = Vec::with_capacity(size);
    for _ in 0..size {
        let text = bytes.word()?.into();
        let count = bytes.i64()?;
        let is_label = bytes.flag()?;
        entries.push(Entry {
            text,
            count,
            is_label,
        });
    }
    let kept = match pruned {
        ..0 => None,
        pruned => {
            let mut kept = Vec::with_capacity(bytes.count(pruned, 8, "kept n-grams")?);
            for _ in 0..pruned {
                let pair = (bytes.i32()?, bytes.i32()?);
                ensure!(pair.1 >= 0, "a kept n-gram in it has the row {}", pair.1);
                kept.push(pair);
            }
            kept.sort_unstable();
            Some(kept)
        }
    };
    let words = Words::new(entries, words as usize, cut, kept)?;
    let labels = words.labels().iter();
    let names = labels
        .map(|label| Ok(std::str::from_utf8(&label.text)?.to_owned()))
        .collect::<Result<Vec<_>>>()
        .context("a label in it is not UTF-8")?;
    let counts = words.labels().iter().map(|label| label.count).collect();
    Ok((words, names, counts))
}

/// Huffman's tree over the labels, which are sorted by count, largest first; built from the smallest.
fn tree(counts: &[i64]) -> Vec<[usize; 2]> {
    let labels = counts.len();
    let mut weights: Vec<i64> = counts.to_vec();
    let mut nodes: Vec<[usize; 2]> = Vec::new();
    let (mut label, mut node) = (labels, labels);
    for _ in labels..(2 * labels).saturating_sub(1) {
        let mut least = || {
            let inner = weights.get(node).copied().unwrap_or(i64::MAX);
            if label > 0 && weights[label - 1] < inner {
                label -= 1;
                label
            } else {
                node += 1;
                node - 1
            }
        };
        let pair = [least(), least()];
        nodes.push(pair);
        weights.push(weights[pair[0]].saturating_add(weights[pair[1]]));
    }
    nodes
}

/// The probability of every leaf: at each inner node the right child has σ(its row · hidden).
fn walk(tree: &[[usize; 2]], labels: usize, logit: impl Fn(usize) -> f32) -> Vec<f32> {
    let mut reached = vec![1.0_f32; labels + tree.len()];
    for (inner, [left, right]) in tree.iter().enumerate().rev() {
        let here = reached[labels + inner];
        let to_the_right = 1.0 / (1.0 + (-logit(inner)).exp());
        reached[*left] = here * (1.0 - to_the_right + LITTLE);
        reached[*right] = here * (to_the_right + LITTLE);
    }
    reached.truncate(labels);
    reached
}

/// The original looks σ up in a table of 513 places.
fn tabulated(x: f32) -> f32 {
    const MOST: f32 = 8.0;
    const PLACES: f32 = 512.0;
    if x < -MOST {
        return 0.0;
    }
    if x > MOST {
        return 1.0;
    }
    let place = ((x + MOST) * PLACES / MOST / 2.0) as i64 as f32;
    1.0 / (1.0 + (-(place * 2.0 * MOST / PLACES - MOST)).exp())
}

#[cfg(test)]
mod tests;
