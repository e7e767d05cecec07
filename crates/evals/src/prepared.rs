//! What all tasks with questions from files share: they are read once, and what is right is looked up by id.

use crate::ask::{Answer, Ask, Likelihood};
use crate::task::{About, Aggregate, Asked, Metric, Protocol, Score, Setup, Task};
use anyhow::{Result, bail, ensure};
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// A benchmark whose questions are independent of each other.
pub(crate) trait Benchmark: Send + Sync {
    /// What is known of a question and not asked: what is right.
    type Key: Send + Sync;

    /// Every question with its key, in the benchmark's order.
    fn questions(&self) -> Result<Vec<(Ask, Self::Key)>>;

    /// Whether answers could be scored on this machine, before any is asked for.
    fn ready(&self) -> Result<()> {
        Ok(())
    }

    /// What is to be said of all answers together.
    fn remarks(&self, _asked: &[(&Self::Key, &[Answer])]) -> Vec<String> {
        vec![]
    }

    /// What the answers to one question are worth.
    fn score(&self, ask: &Ask, key: &Self::Key, answers: &[Answer]) -> Score;

    /// What a group belongs to, where groups are gathered once more; nothing by default.
    fn category(&self, _group: &str) -> Option<&'static str> {
        None
    }
}

/// A [`Benchmark`] as a [`Task`].
pub(crate) struct Prepared<B: Benchmark> {
    about: About,
    benchmark: B,
    read: OnceLock<Read<B::Key>>,
}

struct Read<K> {
    questions: Vec<(Ask, K)>,
    places: HashMap<String, usize>,
}

impl<B: Benchmark + 'static> Prepared<B> {
    /// Nothing is read yet.
    pub(crate) fn task(about: About, benchmark: B) -> Box<dyn Task> {
        Box::new(Prepared {
            about,
            benchmark,
            read: OnceLock::new(),
        })
    }

    fn read(&self) -> Result<&Read<B::Key>> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let questions = self.benchmark.questions()?;
        ensure!(
            !questions.is_empty(),
            "{}: wanted questions, found none",
            self.about.name
        );
        let mut places = HashMap::with_capacity(questions.len());
        for (place, (ask, _)) in questions.iter().enumerate() {
            if places.insert(ask.id.clone(), place).is_some() {
                bail!("{}: two questions are called {}", self.about.name, ask.id);
            }
        }
        Ok(self.read.get_or_init(|| Read { questions, places }))
    }

    /// The first metric by category, weighted by questions, as lm-eval's groups are; nothing where
    /// groups belong to none.
    fn by_category(&self, asked: &[Asked<'_>]) -> Option<String> {
        let metric = &self.about.metrics.first()?.name;
        let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        for one in asked {
            let Some(category) = self.benchmark.category(&one.ask.group) else {
                continue;
            };
            let score = self.score(one.ask, one.answers, one.judged);
            let (sum, count) = sums.entry(category).or_default();
            *sum += score.values.get(metric).copied().unwrap_or_default();
            *count += 1;
        }
        let part = |(name, (sum, count)): (&str, (f64, usize))| {
            format!("{name} {:.4} ({count} questions)", sum / count as f64)
        };
        let parts: Vec<String> = sums.into_iter().map(part).collect();
        (!parts.is_empty()).then(|| format!("{metric} by category: {}", parts.join(", ")))
    }
}

impl<B: Benchmark + 'static> Task for Prepared<B> {
    fn about(&self) -> &About {
        &self.about
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let questions = &self.read()?.questions;
        Ok(questions.iter().map(|(ask, _)| ask.clone()).collect())
    }

    fn ground(&self) -> Result<Vec<Ask>> {
        self.benchmark.ready()?;
        Ok(vec![])
    }

    fn remarks(&self, asked: &[Asked<'_>]) -> Vec<String> {
        let Ok(read) = self.read() else {
            return vec![];
        };
        let known = asked.iter().filter_map(|one| {
            let place = read.places.get(&one.ask.id)?;
            Some((&read.questions[*place].1, one.answers))
        });
        let mut remarks = self.benchmark.remarks(&known.collect::<Vec<_>>());
        remarks.extend(self.by_category(asked));
        remarks
    }

    fn score(&self, ask: &Ask, answers: &[Answer], _judged: &[Answer]) -> Score {
        let found = self.read().map(|read| {
            let place = read.places.get(&ask.id);
            place.map(|place| &read.questions[*place].1)
        });
        match found {
            Ok(Some(key)) => self.benchmark.score(ask, key, answers),
            Ok(None) => wrong(
                &self.about.metrics,
                format!("{} has no question {}", self.about.name, ask.id),
            ),
            Err(error) => wrong(&self.about.metrics, format!("{error:#}")),
        }
    }
}

/// Zero in every metric, and why.
pub(crate) fn wrong(metrics: &[Metric], note: String) -> Score {
    Score {
        values: metrics
            .iter()
            .map(|metric| (metric.name.clone(), 0.0))
            .collect(),
        note,
        ..Score::default()
    }
}

/// The likelihoods of `options` continuations, or what came instead.
pub(crate) fn likelihoods(answers: &[Answer], options: usize) -> Result<&[Likelihood], String> {
    match answers.first() {
        Some(Answer::Likelihoods(found)) if found.len() == options => Ok(found),
        Some(Answer::Likelihoods(found)) => Err(format!(
            "wanted {options} likelihoods, found {}",
            found.len()
        )),
        other => Err(instead(other, "likelihoods")),
    }
}

/// What was said, one text a sample, or what came instead. Of an answer that thinks aloud first,
/// what follows its thoughts.
pub(crate) fn said(answers: &[Answer]) -> Result<Vec<&str>, String> {
    let texts: Vec<&str> = match answers.first() {
        Some(Answer::Texts(texts)) => texts.iter().map(String::as_str).collect(),
        Some(Answer::Messages(messages)) => messages
            .iter()
            .map(|message| message.content.as_deref().unwrap_or_default())
            .collect(),
        other => return Err(instead(other, "words")),
    };
    if texts.is_empty() {
        return Err("wanted words, found no sample".to_owned());
    }
    let after_thoughts = |text| match str::rsplit_once(text, "</think>") {
        Some((_, said)) => said,
        None => text,
    };
    Ok(texts.into_iter().map(after_thoughts).collect())
}

fn instead(answer: Option<&Answer>, wanted: &str) -> String {
    match answer {
        Some(Answer::Failed(why)) => why.clone(),
        Some(_) => format!("wanted {wanted}, found another sort of answer"),
        None => format!("wanted {wanted}, found no answer"),
    }
}

/// How many examples stand before a question: `usual` under the base protocol unless something
/// else is wanted, none under the instruct protocol.
pub(crate) fn shots(setup: &Setup, usual: usize) -> Result<usize> {
    match setup.protocol {
        Protocol::Base => Ok(setup.shots.unwrap_or(usual)),
        Protocol::Instruct => {
            let shots = setup.shots.unwrap_or(0);
            ensure!(
                shots == 0,
                "wanted {shots} examples before each question, and the instruct protocol puts \
                 questions without any: leave the number out, or take the base protocol"
            );
            Ok(0)
        }
    }
}

/// A metric whose questions' values are averaged; more is better.
pub(crate) fn mean(name: &str) -> Metric {
    Metric {
        name: name.to_owned(),
        aggregate: Aggregate::Mean,
        higher_is_better: true,
    }
}
