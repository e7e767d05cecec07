//! How large the world is and how it is told.

use crate::name::{MOST_PEOPLE, MOST_PLACES, MOST_TITLES};
use crate::relation::{Class, Objects, Relation};
use crate::word::MOST_CHOICES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Settings of the world; the defaults are those of `recipes/tiny.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// At most so many different values of a relation (professions, birthplaces, years); a
    /// relation has one for every four subjects, and at least four.
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
            people: 20,
            towns: 16,
            islands: 16,
            mountains: 16,
            rivers: 16,
            books: 16,
            songs: 16,
            buildings: 16,
            institutions: 16,
            choices: 8,
            english_only: 0.24,
            korean_only: 0.24,
            nowhere: 0.04,
            tellings: vec![50, 100, 200],
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
        let wrong = |sentence: String| Err(SettingsError(sentence));
        for (name, share) in [
            ("english_only", self.english_only),
            ("korean_only", self.korean_only),
            ("nowhere", self.nowhere),
            ("qa_trained", self.qa_trained),
            ("qa_tellings", self.qa_tellings),
            ("pronouns", self.pronouns),
            ("other_name", self.other_name),
            ("arithmetic", self.arithmetic),
            ("sums_held_out", self.sums_held_out),
            ("dictionary", self.dictionary),
            ("poor", self.poor),
            ("contradictions", self.contradictions),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return wrong(format!(
                    "{name} is a share from 0 to 1, but {share} was given"
                ));
            }
        }
        for (name, control) in [
            ("nowhere", self.nowhere),
            ("sums_held_out", self.sums_held_out),
        ] {
            let sum = self.english_only + self.korean_only + control;
            if sum > 1.0 + 1e-9 {
                return wrong(format!(
                    "english_only, korean_only and {name} are shares of the same facts, but \
                     together they are {sum}; make them 1 or less"
                ));
            }
        }
        if self.arithmetic + self.dictionary > 0.9 || self.poor > 0.9 {
            return wrong(format!(
                "the facts need room: arithmetic and dictionary together may take 0.9 of the good \
                 text and poor documents 0.9 of all, but arithmetic is {}, dictionary {} and poor {}",
                self.arithmetic, self.dictionary, self.poor
            ));
        }
        if self.tellings.is_empty() || self.tellings.contains(&0) {
            return wrong(format!(
                "tellings lists how often facts are told, each at least once, but it is {:?}",
                self.tellings
            ));
        }
        if !(4..=MOST_CHOICES).contains(&self.choices) {
            return wrong(format!(
                "choices is how many values a relation has, from 4 (a question has four options) \
                 to {MOST_CHOICES} (the words there are), but {} was given",
                self.choices
            ));
        }
        if matches!(self.largest_number, 1..4) || self.largest_number > 45 {
            return wrong(format!(
                "largest_number is 0 (no arithmetic) or from 4 (four different sums) to 45, \
                 but {} was given",
                self.largest_number
            ));
        }
        if self.largest_number == 0 && self.arithmetic > 0.0 {
            return wrong(format!(
                "arithmetic is {} of the text, but largest_number is 0, so there are no numbers; \
                 set arithmetic to 0 too",
                self.arithmetic
            ));
        }
        self.check_counts()
    }

    /// Whether every relation has subjects and objects enough for balanced options.
    fn check_counts(&self) -> Result<(), SettingsError> {
        let places = self.towns
            + self.islands
            + self.mountains
            + self.rivers
            + self.buildings
            + self.institutions;
        for (what, count, most) in [
            ("people", self.people, MOST_PEOPLE),
            (
                "towns, islands, mountains, rivers, buildings and institutions",
                places,
                MOST_PLACES,
            ),
            ("books and songs", self.books + self.songs, MOST_TITLES),
        ] {
            if count > most {
                return Err(SettingsError(format!(
                    "there are names for at most {most} {what}, but {count} were asked for"
                )));
            }
        }
        for relation in Relation::ALL {
            let Some(class) = relation.subjects() else {
                continue;
            };
            let subjects = self.count(class);
            let objects = match relation.objects() {
                Objects::Things(class) => self.count(class).min(self.choices),
                _ => self.choices,
            };
            if subjects > 0 && values_for(subjects, objects).is_none() {
                return Err(SettingsError(format!(
                    "the relation {} has {subjects} subjects ({class:?}) and {objects} objects; for \
                     four balanced options it needs at least four of each, and no object true of \
                     more than a quarter of the subjects: raise the smaller count or set the \
                     subjects' count to 0",
                    relation.code(),
                )));
            }
        }
        Ok(())
    }

    fn count(&self, class: Class) -> usize {
        match class {
            Class::Person => self.people,
            Class::Town => self.towns,
            Class::Island => self.islands,
            Class::Mountain => self.mountains,
            Class::River => self.rivers,
            Class::Book => self.books,
            Class::Song => self.songs,
            Class::Building => self.buildings,
            Class::Institution => self.institutions,
        }
    }
}

/// How many different values a relation with so many subjects gets, of those there are.
///
/// One for every four subjects: then each value can be told once in English only, once in
/// Korean only and twice in both, and no language hears more of one value than of another.
/// With few subjects as many as balanced options need: every value is offered four times as
/// often as it is right (question.rs), so none may be right for more than a quarter.
pub(crate) fn values_for(subjects: usize, available: usize) -> Option<usize> {
    let balanced = |values: &usize| subjects >= 4 * subjects.div_ceil(*values);
    let most = available.min(subjects);
    (most.min((subjects / 4).max(4))..=most)
        .filter(|&values| values > 0)
        .find(balanced)
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

#[cfg(test)]
mod tests {
    use super::{Settings, values_for};

    fn check(change: impl FnOnce(&mut Settings), part: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        let sentence = settings.check().expect_err(part).to_string();
        assert!(
            sentence.contains(part),
            "{sentence:?} does not say {part:?}"
        );
    }

    #[test]
    fn settings_that_make_no_world_are_refused_with_a_reason() {
        assert_eq!(Settings::default().check(), Ok(()));
        check(
            |s| s.poor = 1.5,
            "poor is a share from 0 to 1, but 1.5 was given",
        );
        check(|s| s.korean_only = f64::NAN, "korean_only");
        check(|s| s.english_only = 0.9, "make them 1 or less");
        check(|s| s.dictionary = 0.89, "the facts need room");
        check(|s| s.tellings = vec![], "at least once");
        check(|s| s.tellings = vec![5, 0], "at least once");
        check(|s| s.choices = 3, "from 4");
        check(|s| s.choices = 99, "to 16");
        check(|s| s.largest_number = 2, "largest_number");
        check(|s| s.largest_number = 0, "set arithmetic to 0");
        check(|s| s.people = 1_000_000, "at most 4000 people");
        check(|s| s.towns = 3, "birthplace");
        check(|s| s.islands = 3, "town_island");
        check(|s| s.people = 0, "author");
    }

    #[test]
    fn a_value_is_true_of_at_most_a_quarter() {
        for (subjects, available, values) in [
            (16, 8, Some(4)),
            (20, 8, Some(5)),
            (200, 8, Some(8)),
            (6, 8, Some(6)),
            (9, 8, Some(5)),
            (4, 4, Some(4)),
            (6, 5, None),
            (3, 8, None),
            (16, 3, None),
            (16, 0, None),
        ] {
            assert_eq!(
                values_for(subjects, available),
                values,
                "{subjects} {available}"
            );
        }
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let error = serde_json::from_str::<Settings>(r#"{"poeple": 3}"#).expect_err("misspelt");
        assert!(error.to_string().contains("poeple"));
        let read: Settings = serde_json::from_str(r#"{"people": 30}"#).expect("a partial setting");
        assert_eq!(
            read,
            Settings {
                people: 30,
                ..Settings::default()
            }
        );
    }
}
