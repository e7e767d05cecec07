//! A small invented world, told in English and in Korean, of which every truth is known.
//!
//! Five minutes of training on two cores cannot teach a model the real world, but it can
//! teach an invented one; and because we invented it we know which fact was told where, in
//! which language and how often, so that what a model answers can be held against what it
//! was told. The design follows the synthetic biographies of Allen-Zhu and Li (Physics of
//! Language Models, part 3.1): several phrasings per fact and a shuffled order of sentences
//! make a fact extractable, questions mixed into the training text make it answerable.
//!
//! It reads and writes no files, knows no tokenizer and no model, and uses no clock:
//! everything follows from `(seed, settings)`.

mod deal;
mod ending;
mod fact;
pub mod josa;
mod name;
mod numeral;
mod pair;
mod phrase;
mod question;
mod random;
mod relation;
mod settings;
mod tell;
mod thing;
mod truth;
mod web;
mod word;

pub use fact::{Fact, FactId, Language, Quality, Tellings, Told};
pub use pair::Pair;
pub use relation::Relation;
pub use settings::{Settings, SettingsError};
pub use web::{Grade, Personal, Planted, Role, WebPage, WebSettings, web_pages};

use serde::{Deserialize, Serialize};

/// Everything that one seed and one set of settings bring forth.
pub struct World {
    facts: Vec<Fact>,
    documents: Vec<Document>,
    questions: Vec<Question>,
}

impl World {
    /// Invents the world. The same `(seed, settings)` give the same bytes on any machine.
    ///
    /// # Errors
    /// A sentence that names the setting that cannot be met ([`Settings::check`]).
    pub fn new(seed: u64, settings: &Settings) -> Result<World, SettingsError> {
        settings.check()?;
        let truth = truth::Truth::new(seed, settings);
        let documents = tell::documents(seed, &truth, settings);
        let mut facts = truth.facts.clone();
        for document in &documents {
            count(document, &mut facts);
        }
        let questions = question::questions(seed, &truth, &facts);
        Ok(World {
            facts,
            documents,
            questions,
        })
    }

    /// All facts; `facts()[id.0]` is the fact with that id.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// All documents, good and poor, both languages, in a shuffled order.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = &Document> {
        self.documents.iter()
    }

    /// All questions: every fact in both languages.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }
}

/// Enters what a document tells into the facts: the counts are read off the text as it is.
fn count(document: &Document, facts: &mut [Fact]) {
    for id in &document.facts {
        let tellings = &mut facts[id.0 as usize].tellings;
        *match (document.quality, document.language) {
            (Quality::Good, Language::English) => &mut tellings.english,
            (Quality::Good, Language::Korean) => &mut tellings.korean,
            (Quality::Poor, Language::English) => &mut tellings.poor_english,
            (Quality::Poor, Language::Korean) => &mut tellings.poor_korean,
        } += 1;
    }
    for id in &document.contradicted {
        let tellings = &mut facts[id.0 as usize].tellings;
        *match document.language {
            Language::English => &mut tellings.contradicted_english,
            Language::Korean => &mut tellings.contradicted_korean,
        } += 1;
    }
}

/// One document of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Unique in the world, such as `en-good-000123`.
    pub id: String,
    /// The text itself, without a newline at its end.
    pub text: String,
    /// The language it is written in (`"en"` or `"ko"` in JSON).
    pub language: Language,
    /// `"good"` or `"poor"` in JSON. A poor document is repetitive and noisy (advertising,
    /// navigation, repeated or broken lines) and sometimes contradicts the truth.
    pub quality: Quality,
    /// What sort of text it is: `entry`, `list`, `answers`, `letter`, `talk`, `news`,
    /// `sums`, `dictionary`; of the poor ones `spam`, `navigation`, `scraps`, `rumour`.
    pub kind: String,
    /// Facts told truly in it, once per telling.
    pub facts: Vec<FactId>,
    /// Facts told wrongly in it, once per telling; only in poor documents.
    pub contradicted: Vec<FactId>,
}

/// One question about one fact in one language, with four options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Unique in the world, such as `ko-000041`.
    pub id: String,
    /// The fact that is asked for.
    pub fact: FactId,
    /// Its relation.
    pub relation: Relation,
    /// The language of the question.
    pub language: Language,
    /// Where the fact was told.
    pub told: Told,
    /// Whether the fact was told in the language of the question.
    pub told_here: bool,
    /// How often good documents tell the fact, in both languages together.
    pub tellings: u32,
    /// How often good documents tell the fact in the language of the question.
    pub tellings_here: u32,
    /// Whether question–answer pages about this fact (in other words) are in the documents.
    pub qa_trained: bool,
    /// The beginning of a sentence, without a space at its end; the answer follows after one
    /// space. Its phrasing occurs in no document.
    pub prompt: String,
    /// What would follow `prompt` with each option, space and end of sentence included
    /// (`" 화가이다."`): score these after `prompt`, because in Korean a noun and its ending
    /// are one word and may be one token.
    pub continuations: Vec<String>,
    /// The same as a natural question, its phrasing in no document either; score the options
    /// after [`Question::asked`] and a space.
    pub question: String,
    /// Four different answers of the same sort.
    pub options: Vec<String>,
    /// Index of the right one in `options`.
    pub answer: usize,
    /// Spellings accepted when a model answers freely; the first is `options[answer]`.
    pub free_answer: Vec<String>,
}

impl Question {
    /// The natural question in the layout of the question–answer pages; the answer follows
    /// after one space.
    pub fn asked(&self) -> String {
        match self.language {
            Language::English => format!("Q: {}\nA:", self.question),
            Language::Korean => format!("질문: {}\n답:", self.question),
        }
    }
}

#[cfg(test)]
mod tests;
