//! The same fact in both languages: pairs of sentences that translate each other.
//!
//! Each language tells the fact in the first phrasing of its relation: the first ones are translations
//! (`{s} was born in {o}.`, `{s:은} {o}에서 태어났다.`), the later ones are not in one order. Documents
//! use these phrasings too, so a sentence may have been read as it stands, in the languages that
//! [`Pair::told`] says. There are no pairs of sums, which are written alike in both languages.

use crate::fact::{Fact, Language, Told};
use crate::phrase::{Mention, capitalised, fill, phrases};
use crate::relation::Relation;
use serde::{Deserialize, Serialize};

/// A fact in Korean and in English.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Unique in the world, such as `fact-000041`.
    pub id: String,
    /// The sentence in Korean.
    pub ko: String,
    /// The sentence in English.
    pub en: String,
    /// What the fact says of its subject.
    pub relation: Relation,
    /// In which languages the documents tell it.
    pub told: Told,
}

impl Fact {
    /// The fact as a pair of sentences; none of a sum.
    pub fn pair(&self) -> Option<Pair> {
        if self.relation.is_arithmetic() {
            return None;
        }
        let sentence = |language| {
            let template = phrases(self.relation, language).tells[0];
            let subject = Mention::name(self.subject_in(language));
            capitalised(&fill(
                template,
                language,
                &subject,
                self.object_in(language),
            ))
        };
        Some(Pair {
            id: format!("fact-{:06}", self.id.0),
            ko: sentence(Language::Korean),
            en: sentence(Language::English),
            relation: self.relation,
            told: self.told,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Language, Relation, Settings, Told, World};
    use std::collections::BTreeSet;

    #[test]
    fn every_fact_but_sums_is_a_pair_of_sentences_that_documents_tell() {
        let world = World::new(7, &Settings::default()).expect("a world");
        let text = |language: Language| -> String {
            let documents = world.documents().filter(|told| told.language == language);
            documents
                .map(|told| told.text.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        };
        let (english, korean) = (text(Language::English), text(Language::Korean));
        let (mut seen, mut relations) = (BTreeSet::new(), BTreeSet::new());
        let (mut told, mut read) = (0, 0);
        for fact in world.facts() {
            let Some(pair) = fact.pair() else {
                assert!(fact.relation.is_arithmetic());
                continue;
            };
            assert!(
                pair.ko.contains(&fact.subject_korean) && pair.ko.contains(&fact.object_korean)
            );
            assert!(
                pair.en.contains(&fact.object) && pair.en.ends_with('.'),
                "{pair:?}"
            );
            assert!(
                !pair.ko.contains(['{', ':']) && !pair.en.contains(['{', ':']),
                "{pair:?}"
            );
            assert!(
                seen.insert(pair.ko.clone()) && seen.insert(pair.en.clone()),
                "{pair:?}"
            );
            relations.insert(pair.relation);
            if pair.told == Told::Both {
                told += 1;
                read += usize::from(english.contains(&pair.en) && korean.contains(&pair.ko));
            }
        }
        assert_eq!(relations.len(), Relation::ALL.len() - 2);
        assert!(
            told > 100 && read * 2 > told,
            "{read} of {told} stand in documents"
        );
    }

    #[test]
    fn particles_follow_the_names() {
        let world = World::new(7, &Settings::default()).expect("a world");
        let mut facts = world.facts().iter();
        let fact = facts
            .find(|fact| fact.relation == Relation::Birthplace)
            .expect("somebody was born");
        let pair = fact.pair().expect("a pair");
        let (name, town) = (&fact.subject_korean, &fact.object_korean);
        let particle = crate::josa::attach(name, "은");
        assert_eq!(pair.ko, format!("{particle} {town}에서 태어났다."));
        assert_eq!(
            pair.en,
            format!("{} was born in {}.", fact.subject, fact.object)
        );
    }
}
