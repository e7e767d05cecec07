//! What there is and what is true: things with names, facts about them, and where each will be told.
//!
//! Two designs matter here. Objects are dealt evenly: each value of a relation is true of
//! equally many subjects, so that knowing the values says nothing about a subject. And
//! languages, levels of repetition and questions are dealt like cards over the facts sorted
//! by object, so that every arm has its exact share and no object belongs to one language.

use crate::fact::{Fact, FactId, Tellings, Told};
use crate::name::{Name, Namer};
use crate::numeral;
use crate::phrase::Mention;
use crate::random::Random;
use crate::relation::{Class, Objects, Relation};
use crate::word;
use crate::{Language, Settings};

/// Something that facts are about.
pub(crate) struct Thing {
    pub(crate) class: Class,
    pub(crate) name: Name,
    she: bool,
}

impl Thing {
    pub(crate) fn mention(&self, language: Language) -> Mention {
        Mention::name(self.name.in_language(language))
    }

    pub(crate) fn pronoun(&self, language: Language) -> Mention {
        match language {
            Language::English => match (self.class, self.she) {
                (Class::Person, true) => Mention::pronoun("she", "her", "her"),
                (Class::Person, false) => Mention::pronoun("he", "his", "him"),
                _ => Mention::pronoun("it", "its", "it"),
            },
            Language::Korean => Mention::name(match self.class {
                Class::Person => "그",
                Class::Town => "이 도시",
                Class::Island => "이 섬",
                Class::Mountain => "이 산",
                Class::River => "이 강",
                Class::Book => "이 책",
                Class::Song => "이 노래",
                Class::Building => "이 건물",
                Class::Institution => "이곳",
            }),
        }
    }
}

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
        let mut values = match relation.objects() {
            Objects::Things(class) => self
                .things
                .iter()
                .filter(|thing| thing.class == class)
                .map(|thing| thing.name.clone())
                .collect(),
            Objects::Elders => elders.to_vec(),
            Objects::Words => word::words(relation),
            numbers => numbers_of(numbers, settings.choices),
        };
        random.shuffle(&mut values);
        values.truncate(settings.choices.min(subjects.len()));
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

    /// Deals languages, levels and questions over the facts of each relation, sorted by
    /// object.
    fn deal(&mut self, seed: u64, settings: &Settings) {
        let mut random = Random::new(seed, "deal");
        let levels = settings.tellings.len();
        for arithmetic in [false, true] {
            let nowhere = if arithmetic {
                settings.sums_held_out
            } else {
                settings.nowhere
            };
            let both = 1.0 - nowhere - settings.english_only - settings.korean_only;
            let shares = [both, settings.english_only, settings.korean_only, nowhere];
            let mut arms = Arms {
                shares: shares.map(millionths),
                owed: [0; 4],
            };
            let answers = [1.0 - settings.qa_trained, settings.qa_trained].map(millionths);
            let mut questions: Vec<Dealer> = (0..Told::ALL.len() * levels)
                .map(|_| Dealer::new(&answers))
                .collect();
            let mut dealt = [0_usize; Told::ALL.len()];
            for relation in Relation::ALL {
                if relation.is_arithmetic() != arithmetic {
                    continue;
                }
                let mut order: Vec<(usize, u64, usize)> = (0..self.facts.len())
                    .filter(|&at| self.facts[at].relation == relation)
                    .map(|at| (self.value[at], random.next(), at))
                    .collect();
                order.sort_unstable();
                // Spread evenly over the sorted facts, an arm meets each value about equally
                // often, and a small arm no value twice.
                let mut arm_of = Dealer::new(&arms.counts(order.len()).map(|n| n as i64));
                for (_, _, at) in order {
                    let arm = arm_of.next();
                    let level = dealt[arm] % levels;
                    dealt[arm] += 1;
                    let fact = &mut self.facts[at];
                    fact.told = Told::ALL[arm];
                    if fact.told == Told::Nowhere {
                        continue;
                    }
                    fact.qa_trained = questions[arm * levels + level].next() == 1;
                    if !arithmetic {
                        self.level[at] = settings.tellings[level];
                    }
                }
            }
        }
    }
}

/// Shares in millionths, so that what is dealt does not hang on rounding.
fn millionths(share: f64) -> i64 {
    (share * 1e6).round() as i64
}

/// How many facts of each relation are told in both languages, in one, or nowhere.
///
/// An arm gets none or at least four facts of a relation, because a question needs four
/// options and they should come from its own arm; what is owed is carried to the next relation.
struct Arms {
    shares: [i64; 4],
    owed: [i64; 4],
}

impl Arms {
    fn counts(&mut self, facts: usize) -> [usize; 4] {
        const ONE: i64 = 1_000_000;
        let mut left = facts;
        let mut counts = [0; 4];
        for (arm, count) in counts.iter_mut().enumerate() {
            self.owed[arm] += self.shares[arm] * facts as i64;
            let wanted = ((self.owed[arm] + ONE / 2) / ONE).max(0) as usize;
            if wanted.min(left) >= 4 {
                *count = wanted.min(left);
                left -= *count;
            }
        }
        let most = (0..4)
            .filter(|&arm| self.shares[arm] > 0)
            .max_by_key(|&arm| (counts[arm] > 0, self.owed[arm] - counts[arm] as i64 * ONE));
        counts[most.unwrap_or(0)] += left;
        for (owed, count) in self.owed.iter_mut().zip(counts) {
            *owed -= count as i64 * ONE;
        }
        counts
    }
}

/// Deals cards in fixed shares, as evenly as can be: always the kind that is most behind.
struct Dealer {
    shares: Vec<i64>,
    owed: Vec<i64>,
}

impl Dealer {
    fn new(shares: &[i64]) -> Dealer {
        Dealer {
            owed: vec![0; shares.len()],
            shares: shares.to_vec(),
        }
    }

    fn next(&mut self) -> usize {
        for (owed, share) in self.owed.iter_mut().zip(&self.shares) {
            *owed += share;
        }
        let most = (0..self.owed.len())
            .filter(|&kind| self.shares[kind] > 0)
            .max_by_key(|&kind| (self.owed[kind], std::cmp::Reverse(kind)))
            .unwrap_or(0);
        self.owed[most] -= self.shares.iter().sum::<i64>();
        most
    }
}

fn things(seed: u64, settings: &Settings, namer: &mut Namer) -> Vec<Thing> {
    let mut random = Random::new(seed, "things");
    let mut things = Vec::new();
    let counts = [
        (Class::Person, settings.people),
        (Class::Town, settings.towns),
        (Class::Island, settings.islands),
        (Class::Mountain, settings.mountains),
        (Class::River, settings.rivers),
        (Class::Book, settings.books),
        (Class::Song, settings.songs),
        (Class::Building, settings.buildings),
        (Class::Institution, settings.institutions),
    ];
    for (class, count) in counts {
        for number in 0..count {
            let name = thing_name(class, number, namer);
            things.push(Thing {
                class,
                name,
                she: random.chance(0.5),
            });
        }
    }
    things
}

fn thing_name(class: Class, number: usize, namer: &mut Namer) -> Name {
    const BUILDINGS: [(&str, &str); 6] = [
        ("Tower", "탑"),
        ("Palace", "궁전"),
        ("Hall", "회관"),
        ("Castle", "성"),
        ("Inn", "여관"),
        ("Manor", "저택"),
    ];
    const INSTITUTIONS: [(&str, &str); 6] = [
        ("Library", "도서관"),
        ("School", "학교"),
        ("Hospital", "병원"),
        ("Museum", "박물관"),
        ("Theater", "극장"),
        ("Institute", "연구소"),
    ];
    let with_kind = |namer: &mut Namer, kinds: &[(&str, &str)]| {
        let root = namer.place();
        let (english, korean) = kinds[number % kinds.len()];
        Name::new(
            format!("{} {english}", root.english),
            format!("{} {korean}", root.korean),
        )
    };
    let around = |root: Name, english: [&str; 2], korean: [&str; 2]| {
        Name::new(
            format!("{}{}{}", english[0], root.english, english[1]),
            format!("{}{}{}", korean[0], root.korean, korean[1]),
        )
    };
    match class {
        Class::Person => namer.person(),
        Class::Town => namer.place(),
        Class::Island => around(namer.place(), ["", " Island"], ["", "섬"]),
        Class::Mountain => around(namer.place(), ["Mount ", ""], ["", "산"]),
        Class::River => around(namer.place(), ["the ", " River"], ["", "강"]),
        Class::Book => around(namer.title(), ["", ""], ["『", "』"]),
        Class::Song => around(namer.title(), ["", ""], ["「", "」"]),
        Class::Building => with_kind(namer, &BUILDINGS),
        Class::Institution => with_kind(namer, &INSTITUTIONS),
    }
}

fn numbers_of(objects: Objects, choices: usize) -> Vec<Name> {
    let small = || 2..2 + choices as u32;
    match objects {
        Objects::Years(first, last) => (first..=last)
            .map(|year| Name::new(year.to_string(), format!("{year}년")))
            .collect(),
        Objects::Metres => (81..=298)
            .map(|tens| {
                Name::new(
                    format!("{} meters", tens * 10),
                    format!("{}미터", tens * 10),
                )
            })
            .collect(),
        Objects::Kilometres => (7..=79)
            .map(|fives| {
                Name::new(
                    format!("{} kilometers", fives * 5),
                    format!("{}킬로미터", fives * 5),
                )
            })
            .collect(),
        Objects::People => small()
            .map(|n| Name::new(numeral::english(n), format!("{} 명", numeral::native(n))))
            .collect(),
        Objects::Floors => small()
            .map(|n| Name::new(numeral::english(n), format!("{n}층")))
            .collect(),
        other => unreachable!("{other:?} are not numbers of a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dealer_keeps_its_shares_at_every_moment() {
        let mut dealer = Dealer::new(&[2, 1, 1]);
        let mut seen = [0_usize; 3];
        for n in 1..=400 {
            seen[dealer.next()] += 1;
            assert!(
                seen[0].abs_diff(n / 2) <= 1 && seen[1].abs_diff(n / 4) <= 1,
                "{n}: {seen:?}"
            );
        }
        assert_eq!(seen, [200, 100, 100]);
        let mut never = Dealer::new(&[1, 0]);
        assert!((0..100).all(|_| never.next() == 0));
    }

    #[test]
    fn arms_are_none_or_at_least_four_and_right_in_the_long_run() {
        let mut arms = Arms {
            shares: [480_000, 240_000, 240_000, 40_000],
            owed: [0; 4],
        };
        let mut sum = [0; 4];
        for _ in 0..100 {
            let counts = arms.counts(16);
            assert_eq!(counts.iter().sum::<usize>(), 16);
            assert!(
                counts.iter().all(|&count| count == 0 || count >= 4),
                "{counts:?}"
            );
            sum.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
        }
        for (sum, share) in sum.into_iter().zip([768_usize, 384, 384, 64]) {
            assert!(sum.abs_diff(share) <= 8, "{sum} against {share}");
        }
        let mut single = Arms {
            shares: [0, 1_000_000, 0, 0],
            owed: [0; 4],
        };
        assert_eq!(single.counts(5), [0, 5, 0, 0]);
    }
}
