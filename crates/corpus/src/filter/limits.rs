//! The limits that a recipe may set: the published ones of each language, changed where it says so.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use super::{Rule, rules};
use crate::Language;

/// A limit for each rule; `None` switches it off. In a recipe: `{ few_words = 20, curly_bracket = false }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits(Vec<Option<f64>>);

impl Limits {
    /// The published limits for a language. Programs are judged by their language alone.
    pub fn of(language: Language) -> Self {
        let limit = |rule: &Rule| match language {
            Language::Korean => rule.korean,
            Language::English | Language::Other => rule.english,
            Language::Code if rule.signal == "unwanted_language" => rule.english,
            Language::Code => None,
        };
        Self(rules().map(limit).collect())
    }

    /// All limits, in the order of the rules.
    pub(crate) fn all(&self) -> &[Option<f64>] {
        &self.0
    }

    /// The limit of a rule; `None` where it is off.
    pub fn get(&self, reason: &str) -> Option<f64> {
        let place = rules().position(|rule| rule.reason == reason)?;
        self.0[place]
    }

    /// Sets the limit of a rule, or switches it off.
    ///
    /// # Errors
    /// When there is no such rule.
    pub fn set(&mut self, reason: &str, limit: Option<f64>) -> Result<(), String> {
        let Some(place) = rules().position(|rule| rule.reason == reason) else {
            let names: Vec<_> = rules().map(|rule| rule.reason).collect();
            return Err(format!(
                "there is no rule {reason:?}; there are {}",
                names.join(", ")
            ));
        };
        self.0[place] = limit;
        Ok(())
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (rule, limit) in rules().zip(&self.0) {
            match limit {
                Some(limit) => map.serialize_entry(rule.reason, limit)?,
                None => map.serialize_entry(rule.reason, &false)?,
            }
        }
        map.end()
    }
}

/// How texts are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
pub struct FilterSettings {
    /// Languages that are kept at all.
    pub keep: Vec<Language>,
    /// Languages whose lines C4's rules clean (menus, cookie notices, citations go).
    pub clean_lines: Vec<Language>,
    /// Limits for English texts.
    #[schemars(with = "BTreeMap<String, Limit>")]
    pub english: Limits,
    /// Limits for Korean texts.
    #[schemars(with = "BTreeMap<String, Limit>")]
    pub korean: Limits,
    /// Limits for programs.
    #[schemars(with = "BTreeMap<String, Limit>")]
    pub code: Limits,
}

impl Default for FilterSettings {
    fn default() -> Self {
        Self {
            keep: vec![Language::Korean, Language::English, Language::Code],
            clean_lines: vec![Language::English],
            english: Limits::of(Language::English),
            korean: Limits::of(Language::Korean),
            code: Limits::of(Language::Code),
        }
    }
}

impl FilterSettings {
    /// The limits for a text of this language; what is neither is judged like English.
    pub fn limits(&self, language: Language) -> &Limits {
        match language {
            Language::Korean => &self.korean,
            Language::Code => &self.code,
            Language::English | Language::Other => &self.english,
        }
    }

    /// The same, to change them.
    pub fn limits_mut(&mut self, language: Language) -> &mut Limits {
        match language {
            Language::Korean => &mut self.korean,
            Language::Code => &mut self.code,
            Language::English | Language::Other => &mut self.english,
        }
    }
}

/// As a recipe writes it: only what differs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Written {
    /// Languages that are kept at all.
    keep: Vec<Language>,
    /// Languages whose lines C4's rules clean (menus, cookie notices, citations go).
    clean_lines: Vec<Language>,
    /// Limits for English texts; `kanana filters` says what each rule means.
    english: BTreeMap<String, Limit>,
    /// Limits for Korean texts.
    korean: BTreeMap<String, Limit>,
    /// Limits for programs.
    code: BTreeMap<String, Limit>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Limit {
    Number(f64),
    Switch(bool),
}

impl Default for Written {
    fn default() -> Self {
        let settings = FilterSettings::default();
        let nothing = BTreeMap::new;
        Self {
            keep: settings.keep,
            clean_lines: settings.clean_lines,
            english: nothing(),
            korean: nothing(),
            code: nothing(),
        }
    }
}

impl TryFrom<Written> for FilterSettings {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut settings = Self {
            keep: written.keep,
            clean_lines: written.clean_lines,
            ..Self::default()
        };
        let changes = [
            (Language::English, written.english),
            (Language::Korean, written.korean),
            (Language::Code, written.code),
        ];
        for (language, changes) in changes {
            for (reason, limit) in changes {
                let limit = match limit {
                    Limit::Number(number) => Some(number),
                    Limit::Switch(false) => None,
                    Limit::Switch(true) => {
                        return Err(format!(
                            "{reason} = true says no limit: wanted a number, or false to switch the rule off"
                        ));
                    }
                };
                settings.limits_mut(language).set(&reason, limit)?;
            }
        }
        Ok(settings)
    }
}
