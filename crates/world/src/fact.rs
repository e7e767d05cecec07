//! One fact, and the record of where and how often it was told.

use crate::Relation;
use serde::{Deserialize, Serialize};

/// One of the two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    /// English, `"en"` in JSON.
    #[serde(rename = "en")]
    English,
    /// Korean, `"ko"` in JSON.
    #[serde(rename = "ko")]
    Korean,
}

impl Language {
    /// Both, in the order in which everything is generated.
    pub const ALL: [Language; 2] = [Language::English, Language::Korean];

    /// `"en"` or `"ko"`.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
        }
    }
}

/// Whether a document is worth learning from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// True, connected, said once.
    Good,
    /// Repetitive and noisy, and sometimes in contradiction to the truth.
    Poor,
}

impl Quality {
    /// `"good"` or `"poor"`.
    pub fn code(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Poor => "poor",
        }
    }
}

/// In which documents a fact stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// In English documents only.
    English,
    /// In Korean documents only.
    Korean,
    /// In documents of both languages.
    Both,
    /// Nowhere: a control (a model can only guess) and the sums that must be worked out.
    Nowhere,
}

impl Told {
    /// All, in the order of a report's columns.
    pub const ALL: [Told; 4] = [Told::Both, Told::English, Told::Korean, Told::Nowhere];

    /// Whether documents of `language` tell it.
    pub fn includes(self, language: Language) -> bool {
        match self {
            Told::Both => true,
            Told::English => language == Language::English,
            Told::Korean => language == Language::Korean,
            Told::Nowhere => false,
        }
    }

    /// `"english"`, `"korean"`, `"both"` or `"nowhere"`.
    pub fn code(self) -> &'static str {
        match self {
            Told::English => "english",
            Told::Korean => "korean",
            Told::Both => "both",
            Told::Nowhere => "nowhere",
        }
    }
}

/// How often a fact is told, counted in the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tellings {
    /// Truly, in good English documents.
    pub english: u32,
    /// Truly, in good Korean documents.
    pub korean: u32,
    /// Truly, in poor English documents.
    pub poor_english: u32,
    /// Truly, in poor Korean documents.
    pub poor_korean: u32,
    /// Wrongly, in poor English documents.
    pub contradicted_english: u32,
    /// Wrongly, in poor Korean documents.
    pub contradicted_korean: u32,
}

impl Tellings {
    /// In good documents of both languages.
    pub fn good(&self) -> u32 {
        self.english + self.korean
    }

    /// In good documents of one language.
    pub fn good_in(&self, language: Language) -> u32 {
        match language {
            Language::English => self.english,
            Language::Korean => self.korean,
        }
    }
}

/// Index of a fact in [`crate::World::facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactId(pub u32);

/// One thing that is true in the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its index.
    pub id: FactId,
    /// What it is about, in English.
    pub subject: String,
    /// What it is about, in Korean.
    pub subject_korean: String,
    /// The relation.
    pub relation: Relation,
    /// What stands in the relation to the subject, in English.
    pub object: String,
    /// What stands in the relation to the subject, in Korean.
    pub object_korean: String,
    /// In which languages it was told.
    pub told: Told,
    /// How often, as the documents have it.
    pub tellings: Tellings,
    /// Whether question–answer pages about it are among the documents.
    pub qa_trained: bool,
}

impl Fact {
    /// What the fact is about, as `language` spells it.
    pub fn subject_in(&self, language: Language) -> &str {
        match language {
            Language::English => &self.subject,
            Language::Korean => &self.subject_korean,
        }
    }

    /// What is true of it, as `language` spells it.
    pub fn object_in(&self, language: Language) -> &str {
        match language {
            Language::English => &self.object,
            Language::Korean => &self.object_korean,
        }
    }
}
