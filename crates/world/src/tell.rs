//! Puts the facts into documents, each as often as was planned.
//!
//! Every fact has a number of tellings per language. They are allotted to the kinds of
//! document below; then documents of each kind are written about facts drawn in proportion
//! to what is left to tell, until nothing is left. So the counts are exact, the company in
//! which a fact appears changes from document to document, and so does its place in it.
//! Poor documents come on top and are counted apart.

mod answers;
mod dictionary;
mod entry;
mod letter;
mod list;
mod news;
mod poor;
mod sums;

pub(crate) use sums::number;

use crate::fact::{FactId, Language, Quality};
use crate::phrase::{Mention, first, phrases};
use crate::random::Random;
use crate::relation::Relation;
use crate::thing::Thing;
use crate::truth::{About, Truth};
use crate::{Document, Settings};

/// All documents of the world, in a shuffled order.
pub(crate) fn documents(seed: u64, truth: &Truth, settings: &Settings) -> Vec<Document> {
    let mut documents = Vec::new();
    for language in Language::ALL {
        let mut teller = Teller::new(seed, truth, settings, language);
        let good = teller.good();
        let poor = teller.poor(bytes_of(&good));
        for (quality, drafts) in [(Quality::Good, good), (Quality::Poor, poor)] {
            documents.extend(
                drafts
                    .into_iter()
                    .enumerate()
                    .map(|(number, draft)| Document {
                        id: format!("{}-{}-{number:06}", language.code(), quality.code()),
                        text: draft.text,
                        language,
                        quality,
                        kind: draft.kind.to_string(),
                        facts: ids(truth, &draft.facts),
                        contradicted: ids(truth, &draft.contradicted),
                    }),
            );
        }
    }
    Random::new(seed, "order").shuffle(&mut documents);
    documents
}

fn ids(truth: &Truth, facts: &[usize]) -> Vec<FactId> {
    facts.iter().map(|&at| truth.facts[at].id).collect()
}

fn bytes_of(drafts: &[Draft]) -> usize {
    drafts.iter().map(|draft| draft.text.len()).sum()
}

/// A document before it has a number.
struct Draft {
    kind: &'static str,
    text: String,
    facts: Vec<usize>,
    contradicted: Vec<usize>,
}

impl Draft {
    fn new(kind: &'static str, text: String, facts: Vec<usize>) -> Draft {
        Draft {
            kind,
            text,
            facts,
            contradicted: Vec::new(),
        }
    }
}

/// What the facts of one document have in common.
#[derive(Clone, Copy)]
enum Shared {
    Subject,
    Relation,
    Nothing,
}

/// The kinds of document among which tellings are divided, with their share in hundredths;
/// entries take what is left, answers have a share of their own.
const DIVIDED: [(&str, u32); 4] = [("list", 10), ("letter", 15), ("talk", 13), ("news", 12)];

/// Writes the documents of one language.
struct Teller<'a> {
    truth: &'a Truth,
    settings: &'a Settings,
    language: Language,
    random: Random,
    by_subject: Vec<Vec<usize>>,
    by_relation: Vec<Vec<usize>>,
    all: Vec<usize>,
}

impl<'a> Teller<'a> {
    fn new(seed: u64, truth: &'a Truth, settings: &'a Settings, language: Language) -> Self {
        let mut by_subject = vec![Vec::new(); truth.things.len()];
        let mut by_relation = vec![Vec::new(); Relation::ALL.len()];
        let mut all = Vec::new();
        for (at, about) in truth.about.iter().enumerate() {
            if let About::Thing(subject) = *about
                && truth.facts[at].told.includes(language)
            {
                by_subject[subject].push(at);
                by_relation[truth.facts[at].relation as usize].push(at);
                all.push(at);
            }
        }
        let random = Random::new(seed, language.code());
        Teller {
            truth,
            settings,
            language,
            random,
            by_subject,
            by_relation,
            all,
        }
    }

    fn good(&mut self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let [answers, entry, divided @ ..] = self.allotments();
        for (kind, left) in ["answers", "entry"]
            .into_iter()
            .chain(DIVIDED.map(|(kind, _)| kind))
            .zip([answers, entry].into_iter().chain(divided))
        {
            self.tell_all(kind, left, &mut drafts);
        }
        // Arithmetic and word lists are given as shares of the whole good text.
        let share = self.settings.arithmetic + self.settings.dictionary;
        let whole = bytes_of(&drafts) as f64 / (1.0 - share);
        let sums = (whole * self.settings.arithmetic) as usize;
        let words = (whole * self.settings.dictionary) as usize;
        self.sums(sums, &mut drafts);
        self.dictionary(words, &mut drafts);
        drafts
    }

    /// How often each fact is to be told in answers, entries and each of [`DIVIDED`].
    fn allotments(&self) -> [Vec<u32>; 2 + DIVIDED.len()] {
        let mut left: [Vec<u32>; 2 + DIVIDED.len()] =
            std::array::from_fn(|_| vec![0; self.truth.facts.len()]);
        for &at in &self.all {
            let level = self.truth.level[at];
            let answers = if self.truth.facts[at].qa_trained {
                (f64::from(level) * self.settings.qa_tellings).round() as u32
            } else {
                0
            };
            let rest = level - answers;
            left[0][at] = answers;
            left[1][at] = rest;
            for (kind, (_, hundredths)) in DIVIDED.iter().enumerate() {
                let share = rest * hundredths / 100;
                left[2 + kind][at] = share;
                left[1][at] -= share;
            }
        }
        left
    }

    /// Writes documents of one kind until each fact has been told as often as `left` says.
    fn tell_all(&mut self, kind: &'static str, mut left: Vec<u32>, drafts: &mut Vec<Draft>) {
        while let Some(seed_fact) = self.random.weighted(&left) {
            let (shared, low, high) = match kind {
                "entry" => (Shared::Subject, 3, 6),
                "list" => (Shared::Relation, 4, 8),
                "answers" if self.random.chance(0.5) => (Shared::Nothing, 3, 6),
                "answers" => (Shared::Subject, 2, 5),
                _ => (Shared::Subject, 2, 4),
            };
            let wanted = self.random.between(low, high);
            let facts = self.gather(seed_fact, shared, wanted, &mut left);
            let text = match kind {
                "entry" => self.entry(&facts),
                "list" => self.list(&facts),
                "answers" => self.answers(&facts),
                "letter" => self.letter(&facts),
                "talk" => self.talk(&facts),
                "news" => self.news(&facts),
                other => unreachable!("no documents of kind {other}"),
            };
            drafts.push(Draft::new(kind, text, facts));
        }
    }

    /// Up to `wanted` different facts that share something with the first, drawn in
    /// proportion to what is left of them and taken off it.
    fn gather(
        &mut self,
        first: usize,
        shared: Shared,
        wanted: usize,
        left: &mut [u32],
    ) -> Vec<usize> {
        let mut candidates = match (shared, self.truth.about[first]) {
            (Shared::Subject, About::Thing(subject)) => self.by_subject[subject].clone(),
            (Shared::Relation, _) => {
                self.by_relation[self.truth.facts[first].relation as usize].clone()
            }
            _ => self.all.clone(),
        };
        let mut weights: Vec<u32> = candidates.iter().map(|&at| left[at]).collect();
        let mut facts = Vec::new();
        while facts.len() < wanted
            && let Some(drawn) = self.random.weighted(&weights)
        {
            facts.push(candidates.swap_remove(drawn));
            weights.swap_remove(drawn);
        }
        for &at in &facts {
            left[at] -= 1;
        }
        facts
    }

    fn thing(&self, fact: usize) -> &'a Thing {
        match self.truth.about[fact] {
            About::Thing(at) => &self.truth.things[at],
            About::Numbers(..) => unreachable!("sums are not about a thing"),
        }
    }

    fn object(&self, fact: usize) -> &'a str {
        self.truth.facts[fact].object_in(self.language)
    }

    fn name(&self, fact: usize) -> Mention {
        self.thing(fact).mention(self.language)
    }

    /// One of the training statements about a fact.
    fn statement(&mut self, fact: usize) -> &'static str {
        let lists = phrases(self.truth.facts[fact].relation, self.language);
        self.random
            .pick(first(lists.tells, self.settings.phrasings))
    }

    /// One of `english` or `korean`, as the language has it.
    fn choose(&mut self, english: &[&'static str], korean: &[&'static str]) -> &'static str {
        match self.language {
            Language::English => self.random.pick(english),
            Language::Korean => self.random.pick(korean),
        }
    }
}
