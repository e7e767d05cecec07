//! What is true: the facts about the things of the world.
//!
//! Each value of a relation is true of equally many subjects, so that knowing the values says
//! nothing about a subject. Where a fact is told is decided in `deal.rs`.

use crate::Settings;
use crate::fact::{Fact, FactId, Tellings, Told};
use crate::name::{Name, Namer};
use crate::random::Random;
use crate::relation::{Objects, Relation};
use crate::settings::values_for;
use crate::thing::{Thing, numbers_of, things};
use crate::word;

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Index of a thing.
    Thing(usize),
    /// Two numbers.
    Numbers(u32, u32),
}

/// The whole truth.
pub(crate) struct Truth {
    pub(crate) things: Vec<Thing>,
    pub(crate) facts: Vec<Fact>,
    /// What each fact is about, in the order of the facts.
    pub(crate) about: Vec<About>,
    /// How often each fact is to be told in each of its languages; 0 for arithmetic, which
    /// is told by its share of the text.
    pub(crate) level: Vec<u32>,
    /// Which value of its relation each fact has.
    pub(crate) value: Vec<usize>,
    /// The values of each relation, in the order of [`Relation::ALL`].
    pub(crate) values: Vec<Vec<Name>>,
}

impl Truth {
    pub(crate) fn new(seed: u64, settings: &Settings) -> Truth {
        let mut namer = Namer::new(seed);
        let mut truth = Truth {
            things: things(seed, settings, &mut namer),
            facts: Vec::new(),
            about: Vec::new(),
            level: Vec::new(),
            value: Vec::new(),
            values: Vec::new(),
        };
        let elders: Vec<Name> = (0..settings.choices).map(|_| namer.person()).collect();
        for relation in Relation::ALL {
            if relation.is_arithmetic() {
                truth.add_arithmetic(relation, settings);
            } else {
                truth.add_relation(seed, relation, settings, &elders);
            }
        }
        truth.deal(seed, settings);
        truth
    }

    /// The values a fact's object was drawn from.
    pub(crate) fn values_of(&self, relation: Relation) -> &[Name] {
        let at = Relation::ALL.iter().position(|other| *other == relation);
        &self.values[at.expect("Relation::ALL has every relation")]
    }

    fn add_relation(
        &mut self,
        seed: u64,
        relation: Relation,
        settings: &Settings,
        elders: &[Name],
    ) {
        let class = relation.subjects().expect("arithmetic is added elsewhere");
        let subjects: Vec<usize> = (0..self.things.len())
            .filter(|&at| self.things[at].class == class)
            .collect();
        let mut random = Random::new(seed, relation.code());
        let count = |available: usize| {
            values_for(subjects.len(), available.min(settings.choices)).unwrap_or(0)
        };
        let mut values: Vec<Name> = match relation.objects() {
            Objects::Things(class) => self
                .things
                .iter()
                .filter(|thing| thing.class == class)
                .map(|thing| thing.name.clone())
                .collect(),
            Objects::Elders => elders.to_vec(),
            Objects::Words => word::words(relation),
            numbers => numbers_of(numbers, count(usize::MAX)),
        };
        random.shuffle(&mut values);
        values.truncate(count(values.len()));
        let mut dealt: Vec<usize> = (0..subjects.len()).map(|n| n % values.len()).collect();
        random.shuffle(&mut dealt);
        for (&subject, &value) in subjects.iter().zip(&dealt) {
            let name = self.things[subject].name.clone();
            self.push(About::Thing(subject), relation, name, value, &values[value]);
        }
        self.values.push(values);
    }

    fn add_arithmetic(&mut self, relation: Relation, settings: &Settings) {
        let largest = settings.largest_number;
        let number = |n: u32| Name::new(n.to_string(), n.to_string());
        let values: Vec<Name> = (0..=2 * largest).map(number).collect();
        for first in 1..=largest {
            for second in 1..=largest {
                // Differences are sums read backwards, so that none is below one.
                let (a, b, sign, result) = match relation {
                    Relation::Sum => (first, second, '+', first + second),
                    _ => (first + second, second, '-', first),
                };
                let text = format!("{a} {sign} {b}");
                let name = Name::new(text.clone(), text);
                let value = result as usize;
                self.push(About::Numbers(a, b), relation, name, value, &values[value]);
            }
        }
        self.values.push(values);
    }

    fn push(
        &mut self,
        about: About,
        relation: Relation,
        subject: Name,
        value: usize,
        object: &Name,
    ) {
        self.facts.push(Fact {
            id: FactId(self.facts.len() as u32),
            subject: subject.english,
            subject_korean: subject.korean,
            relation,
            object: object.english.clone(),
            object_korean: object.korean.clone(),
            told: Told::Nowhere,
            tellings: Tellings::default(),
            qa_trained: false,
        });
        self.about.push(about);
        self.value.push(value);
        self.level.push(0);
    }
}
