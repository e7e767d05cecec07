//! The account of grades: how many of each, by language, and which replies were none.

use super::grading::{Graded, Outcome, Sample, Why};
use anyhow::{Result, bail};
use remote::{Address, Usage};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::Path;

/// Replies that were no grade, kept of each reason.
const SAMPLES: usize = 10;

/// `labels.json`.
#[derive(Serialize)]
pub(super) struct Labels {
    /// Who was asked.
    endpoint: Address,
    /// Documents asked about.
    documents: u64,
    /// Documents whose model had to be reminded of the form of a reply.
    reminded: u64,
    /// Grades by language: how many documents have 0, 1, … 5.
    languages: BTreeMap<&'static str, [u64; 6]>,
    /// Documents without a grade, by reason.
    without: BTreeMap<&'static str, Bads>,
    /// Calls and tokens.
    #[serde(serialize_with = "usage")]
    pub(super) usage: Usage,
}

/// Replies that were no grade, of one reason.
#[derive(Default, Serialize)]
struct Bads {
    documents: u64,
    /// The first few.
    samples: Vec<Sample>,
}

fn usage<S: Serializer>(usage: &Usage, to: S) -> Result<S::Ok, S::Error> {
    let named = [
        ("calls", usage.calls),
        ("tokens_read", usage.read),
        ("tokens_written", usage.written),
    ];
    to.collect_map(named)
}

impl Labels {
    pub(super) fn new(endpoint: &Address) -> Self {
        Labels {
            endpoint: endpoint.clone(),
            documents: 0,
            reminded: 0,
            languages: BTreeMap::new(),
            without: BTreeMap::new(),
            usage: Usage::default(),
        }
    }

    pub(super) fn add(&mut self, graded: Graded) {
        self.documents += 1;
        self.reminded += u64::from(graded.reminded > 0);
        match graded.outcome {
            Outcome::Grade(grade) => {
                let of = self.languages.entry(graded.language.name()).or_default();
                of[usize::from(grade)] += 1;
            }
            Outcome::Without(why) => {
                let of = self.without.entry(why.reason()).or_default();
                of.documents += 1;
                if of.samples.len() < SAMPLES {
                    of.samples.extend(graded.sample);
                }
            }
            Outcome::NotDrawn => {}
        }
    }

    /// Documents without a grade.
    pub(super) fn without(&self) -> u64 {
        self.without.values().map(|bads| bads.documents).sum()
    }

    /// How many documents have each grade, over all languages.
    pub(super) fn grades(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..6).map(|grade| (grade, self.languages.values().map(|of| of[grade]).sum()))
    }

    /// Grades 0 to 5 in a sentence, and what has none.
    pub(super) fn sentence(&self) -> String {
        let grades = self.grades().map(|(_, count)| count.to_string());
        let grades: Vec<String> = grades.collect();
        format!(
            "grades 0 to 5: {}; without one {}{}",
            grades.join(", "),
            self.without(),
            self.reasons()
        )
    }

    /// Ends the work where too many documents have no grade: it costs, and nothing comes of it. What was
    /// asked is in the transcript, declined questions too.
    pub(super) fn tolerate(&self, share: f64, transcript: &Path) -> Result<()> {
        let without = self.without();
        // Where nothing at all has a grade, no share of it is tolerable.
        let some = without < self.documents || self.documents == 0;
        if some && without as f64 <= share * self.documents as f64 {
            return Ok(());
        }
        let worst = self.without.values().max_by_key(|bads| bads.documents);
        let said = worst.and_then(|bads| bads.samples.first());
        let again = match self.without.get(Why::Declined.reason()) {
            Some(_) => format!(
                ". What the server declined is kept as declined: if it was set up wrongly, delete {} once it is \
                 put right, and everything is asked again",
                transcript.display()
            ),
            None => String::new(),
        };
        bail!(
            "{} of {} documents have no grade{}: the model does not do as the rubric says; it answered {:?}. \
             Name another model, give it more tokens (limit), or raise `tolerated`{again}",
            without,
            self.documents,
            self.reasons(),
            said.map_or("nothing", |sample| &sample.said)
        )
    }

    fn reasons(&self) -> String {
        if self.without.is_empty() {
            return String::new();
        }
        let reasons = self.without.iter();
        let reasons: Vec<String> = reasons
            .map(|(reason, bads)| format!("{reason} {}", bads.documents))
            .collect();
        format!(" ({})", reasons.join(", "))
    }
}
