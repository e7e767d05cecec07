//! The things of the world, their names and the pronouns that stand for them.

use crate::name::{Name, Namer};
use crate::numeral;
use crate::phrase::Mention;
use crate::random::Random;
use crate::relation::{Class, Objects};
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

/// All things, class by class.
pub(crate) fn things(seed: u64, settings: &Settings, namer: &mut Namer) -> Vec<Thing> {
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

/// `count` small numbers, or all the years and measures there are to choose from.
pub(crate) fn numbers_of(objects: Objects, count: usize) -> Vec<Name> {
    let small = || 2..2 + count as u32;
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
