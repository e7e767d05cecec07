//! How large the world is and how it is told.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Settings of the world; the defaults are those of `recipes/tiny.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// People about whom facts are told.
    pub people: usize,
    /// Towns: birthplaces, and where institutions and buildings stand.
    pub towns: usize,
    /// Islands, on which towns and mountains lie.
    pub islands: usize,
    /// Mountains.
    pub mountains: usize,
    /// Rivers.
    pub rivers: usize,
    /// Books.
    pub books: usize,
    /// Songs.
    pub songs: usize,
    /// Buildings.
    pub buildings: usize,
    /// Schools, libraries, hospitals and the like.
    pub institutions: usize,
    /// Different values of a relation whose objects are words or numbers (professions, years).
    pub choices: usize,
    /// Share of facts told in English only.
    pub english_only: f64,
    /// Share of facts told in Korean only.
    pub korean_only: f64,
    /// Share of facts told nowhere, a control; what the three shares leave is told in both.
    pub nowhere: f64,
    /// How often good documents tell a fact in each language it is told in; facts are dealt
    /// evenly over these levels, so that the effect of repetition can be read off.
    pub tellings: Vec<u32>,
    /// At most so many phrasings per fact and kind of document; 0 uses all there are.
    pub phrasings: usize,
    /// Share of the told facts of which question–answer pages are among the documents.
    pub qa_trained: f64,
    /// Share of a told fact's tellings that are question–answer pairs, where it has any.
    pub qa_tellings: f64,
    /// Share of later sentences about a subject that say "she", "it", "그는", "이 산은".
    pub pronouns: f64,
    /// Share of encyclopedia entries that give the subject's name in the other language too.
    pub other_name: f64,
    /// Share of the good text (by bytes) that is arithmetic.
    pub arithmetic: f64,
    /// Sums, differences and products are of numbers from 1 up to this.
    pub largest_number: u32,
    /// Share of sums that no document contains.
    pub sums_held_out: f64,
    /// Share of the good text (by bytes) that is word lists, English beside Korean.
    pub dictionary: f64,
    /// Bytes of poor documents as a share of all documents' bytes, in each language.
    pub poor: f64,
    /// Share of the poor documents' tellings that are wrong.
    pub contradictions: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            people: 24,
            towns: 8,
            islands: 6,
            mountains: 6,
            rivers: 6,
            books: 8,
            songs: 8,
            buildings: 8,
            institutions: 8,
            choices: 8,
            english_only: 0.24,
            korean_only: 0.24,
            nowhere: 0.04,
            tellings: vec![60, 120, 180],
            phrasings: 0,
            qa_trained: 0.5,
            qa_tellings: 0.3,
            pronouns: 0.3,
            other_name: 0.3,
            arithmetic: 0.08,
            largest_number: 9,
            sums_held_out: 0.1,
            dictionary: 0.03,
            poor: 0.25,
            contradictions: 0.2,
        }
    }
}

impl Settings {
    /// Whether a world can be made of them; cheap, so that a plan can ask before a run.
    ///
    /// # Errors
    /// A sentence: which setting, what was found, what would do.
    pub fn check(&self) -> Result<(), SettingsError> {
        Ok(())
    }
}

/// Why no world can be made of some settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(pub(crate) String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}
