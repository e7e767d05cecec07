//! What the whole world promises: known truth, exact counts, clean languages, fair questions.

use super::*;
use crate::phrase::{Mention, capitalised, fill, phrases, pieces};
use std::collections::{BTreeMap, BTreeSet};

fn world() -> World {
    World::new(7, &Settings::default()).expect("the default settings make a world")
}

/// All relations and arms, but told so seldom that every pair can be searched for.
fn small() -> World {
    let settings = Settings {
        tellings: vec![12, 24],
        nowhere: 0.1,
        ..Settings::default()
    };
    World::new(11, &settings).expect("a small world")
}

fn text_in(world: &World, language: Language) -> String {
    let texts: Vec<&str> = world
        .documents()
        .filter(|document| document.language == language)
        .map(|document| document.text.as_str())
        .collect();
    texts.join("\n\n")
}

#[test]
fn a_seed_gives_one_world() {
    let bytes = |seed| {
        let settings = Settings {
            tellings: vec![4],
            ..Settings::default()
        };
        let world = World::new(seed, &settings).expect("a world");
        let documents: Vec<&Document> = world.documents().collect();
        serde_json::to_string(&(world.facts(), documents, world.questions())).expect("JSON")
    };
    let once = bytes(7);
    assert_eq!(once, bytes(7));
    assert_ne!(once, bytes(8));
}

#[test]
fn ids_and_names_are_unique() {
    let world = world();
    let distinct = |ids: Vec<&str>| ids.len() == ids.iter().collect::<BTreeSet<_>>().len();
    assert!(distinct(
        world
            .documents()
            .map(|document| document.id.as_str())
            .collect()
    ));
    assert!(distinct(
        world
            .questions()
            .iter()
            .map(|question| question.id.as_str())
            .collect()
    ));
    let mut pairs = BTreeSet::new();
    for (at, fact) in world.facts().iter().enumerate() {
        assert_eq!(fact.id.0 as usize, at);
        if !fact.relation.is_arithmetic() {
            pairs.insert((fact.subject.as_str(), fact.subject_korean.as_str()));
        }
    }
    assert!(distinct(pairs.iter().map(|pair| pair.0).collect()));
    assert!(distinct(pairs.iter().map(|pair| pair.1).collect()));
}

#[test]
fn every_fact_is_told_as_often_as_it_says_and_where_it_says() {
    let settings = Settings::default();
    let world = world();
    for fact in world.facts() {
        let told = &fact.tellings;
        for (language, good, poor, wrong) in [
            (
                Language::English,
                told.english,
                told.poor_english,
                told.contradicted_english,
            ),
            (
                Language::Korean,
                told.korean,
                told.poor_korean,
                told.contradicted_korean,
            ),
        ] {
            if !fact.told.includes(language) {
                assert_eq!((good, poor, wrong), (0, 0, 0), "{fact:?}");
            } else if fact.relation.is_arithmetic() {
                assert!(good > 0);
            } else {
                assert!(settings.tellings.contains(&good), "{fact:?}");
            }
        }
        if fact.told == Told::Both && !fact.relation.is_arithmetic() {
            assert_eq!(told.english, told.korean);
        }
    }
    let share = |told| {
        let facts = world
            .facts()
            .iter()
            .filter(|fact| !fact.relation.is_arithmetic());
        facts.clone().filter(|fact| fact.told == told).count() as f64 / facts.count() as f64
    };
    for (told, wanted) in [
        (Told::English, settings.english_only),
        (Told::Korean, settings.korean_only),
        (Told::Nowhere, settings.nowhere),
    ] {
        assert!(
            (share(told) - wanted).abs() < 0.02,
            "{told:?} {}",
            share(told)
        );
    }
    for language in Language::ALL {
        let bytes = |quality: Quality| -> usize {
            let of =
                |document: &&Document| document.language == language && document.quality == quality;
            world
                .documents()
                .filter(of)
                .map(|document| document.text.len())
                .sum()
        };
        let (good, poor) = (bytes(Quality::Good) as f64, bytes(Quality::Poor) as f64);
        assert!((poor / (good + poor) - settings.poor).abs() < 0.01);
    }
}

#[test]
fn documents_hold_the_facts_they_list() {
    let world = world();
    let mut wrong = 0;
    for document in world.documents() {
        for id in document.facts.iter().chain(&document.contradicted) {
            let fact = &world.facts()[id.0 as usize];
            assert!(fact.told.includes(document.language));
            if fact.relation.is_arithmetic() {
                continue;
            }
            let subject = fact
                .subject_in(document.language)
                .trim_start_matches("the ");
            assert!(document.text.contains(subject), "{fact:?} in {document:?}");
        }
        for id in &document.facts {
            let fact = &world.facts()[id.0 as usize];
            if !fact.relation.is_arithmetic() {
                let object = fact.object_in(document.language);
                let object = object.trim_start_matches("the ");
                assert!(document.text.contains(object), "{fact:?} in {document:?}");
            }
        }
        let pages = document.kind == "answers";
        let asked = |id: &FactId| world.facts()[id.0 as usize].qa_trained;
        assert!(!pages || document.facts.iter().all(asked));
        wrong += document.contradicted.len();
        assert!(document.quality == Quality::Poor || document.contradicted.is_empty());
        assert!(!document.text.is_empty() && !document.text.contains(['{', '}']));
        assert_eq!(document.text.trim(), document.text);
    }
    assert!(wrong > 100);
}

#[test]
fn answers_are_supported_where_told_and_nowhere_else() {
    let world = small();
    for language in Language::ALL {
        let text = text_in(&world, language);
        for fact in world
            .facts()
            .iter()
            .filter(|fact| !fact.relation.is_arithmetic())
        {
            let lists = phrases(fact.relation, language);
            let subject = Mention::name(fact.subject_in(language));
            let object = fact.object_in(language);
            let told = lists.tells.iter().chain(lists.talks).any(|template| {
                let sentence = fill(template, language, &subject, object);
                text.contains(&sentence) || text.contains(&capitalised(&sentence))
            });
            let listed = text.contains(&format!("- {}: {object}\n", capitalised(&subject.plain)));
            let asked = lists.asks.iter().any(|template| {
                let question = capitalised(&fill(template, language, &subject, ""));
                let answer = if language == Language::English {
                    "A"
                } else {
                    "답"
                };
                text.contains(&format!("{question}\n{answer}: {object}\n"))
            });
            if fact.told.includes(language) {
                assert!(
                    told || listed || asked,
                    "{fact:?} is not told in {language:?}"
                );
                assert!(fact.qa_trained || !asked, "{fact:?}");
            } else {
                assert!(
                    !told && !listed && !asked,
                    "{fact:?} is told in {language:?}"
                );
            }
        }
    }
}

#[test]
fn held_out_phrasings_stand_in_no_document() {
    let world = world();
    for language in Language::ALL {
        let text = text_in(&world, language).to_lowercase();
        for relation in Relation::ALL {
            let lists = phrases(relation, language);
            let prompts = lists.prompts.iter().map(|text| pieces(text, true));
            let questions = lists.questions.iter().map(|text| pieces(text, false));
            for pieces in prompts.chain(questions) {
                let absent = |piece: &String| !text.contains(piece.as_str());
                assert!(pieces.iter().any(absent), "{pieces:?}");
            }
        }
    }
}

#[test]
fn options_are_balanced_within_every_arm() {
    let world = world();
    let mut offered: BTreeMap<(Language, Relation, Told, &str), [u32; 2]> = BTreeMap::new();
    let mut places = [0_u32; 4];
    for question in world.questions() {
        let fact = &world.facts()[question.fact.0 as usize];
        assert_eq!(
            question.options[question.answer],
            fact.object_in(question.language)
        );
        assert_eq!(question.free_answer[0], question.options[question.answer]);
        assert_eq!(question.options.iter().collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(question.continuations.len(), 4);
        for (option, continuation) in question.options.iter().zip(&question.continuations) {
            assert!(
                continuation.starts_with(&format!(" {option}")),
                "{continuation}"
            );
        }
        assert!(!question.prompt.ends_with(' ') && question.question.ends_with('?'));
        assert_eq!(question.told_here, question.tellings_here > 0);
        places[question.answer] += 1;
        for (place, option) in question.options.iter().enumerate() {
            let key = (
                question.language,
                question.relation,
                question.told,
                option.as_str(),
            );
            let counts = offered.entry(key).or_default();
            counts[0] += 1;
            counts[1] += u32::from(place == question.answer);
        }
    }
    for (key, [offered, right]) in offered {
        assert_eq!(offered, 4 * right, "{key:?}");
    }
    let even = world.questions().len() as u32 / 4;
    assert!(
        places.iter().all(|&n| n.abs_diff(even) < even / 8),
        "{places:?}"
    );
}

/// A model that only knows how often each value is mentioned must not do better or worse
/// than guessing on facts that it was not told.
#[test]
fn frequency_does_not_answer_questions() {
    let (mut right, mut asked) = (0, 0);
    for seed in 1..=3 {
        let world = World::new(seed, &Settings::default()).expect("a world");
        let mut mentions: BTreeMap<(Language, Relation, &str), u32> = BTreeMap::new();
        for fact in world.facts() {
            for language in Language::ALL {
                let key = (language, fact.relation, fact.object_in(language));
                *mentions.entry(key).or_default() += fact.tellings.good_in(language);
            }
        }
        for question in world
            .questions()
            .iter()
            .filter(|question| !question.told_here)
        {
            let count = |place: &usize| {
                let option = question.options[*place].as_str();
                (
                    mentions[&(question.language, question.relation, option)],
                    *place,
                )
            };
            let guess = (0..4).max_by_key(count).expect("four options");
            right += usize::from(guess == question.answer);
            asked += 1;
        }
    }
    let share = f64::from(right as u32) / f64::from(asked as u32);
    assert!((0.21..0.29).contains(&share), "{share} of {asked}");
}

#[test]
fn arithmetic_is_true() {
    let world = world();
    let result = |subject: &str| {
        let words: Vec<&str> = subject.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().expect("a number");
        match words[1] {
            "+" => number(0) + number(2),
            "-" => number(0) - number(2),
            sign => panic!("no such sign: {sign}"),
        }
    };
    let mut held_out = 0;
    for fact in world
        .facts()
        .iter()
        .filter(|fact| fact.relation.is_arithmetic())
    {
        assert_eq!(fact.object, result(&fact.subject).to_string());
        held_out += usize::from(fact.told == Told::Nowhere);
    }
    assert!(held_out >= 8, "{held_out}");
    let mut equations = 0;
    for document in world.documents() {
        for (left, right) in document
            .text
            .lines()
            .filter_map(|line| line.split_once(" = "))
        {
            assert_eq!(right, result(left).to_string());
            equations += 1;
        }
    }
    assert!(equations > 500);
}

#[test]
fn other_settings_make_worlds_too() {
    let few = Settings {
        tellings: vec![2],
        ..Settings::default()
    };
    for settings in [
        Settings {
            phrasings: 1,
            pronouns: 0.0,
            other_name: 0.0,
            ..few.clone()
        },
        Settings {
            english_only: 1.0,
            korean_only: 0.0,
            nowhere: 0.0,
            sums_held_out: 0.0,
            ..few.clone()
        },
        Settings {
            english_only: 0.0,
            korean_only: 0.0,
            nowhere: 1.0,
            sums_held_out: 1.0,
            ..few.clone()
        },
        Settings {
            largest_number: 0,
            arithmetic: 0.0,
            ..few.clone()
        },
        Settings {
            choices: 16,
            people: 200,
            ..few.clone()
        },
        Settings {
            choices: 4,
            poor: 0.0,
            dictionary: 0.0,
            ..few.clone()
        },
        Settings {
            poor: 0.8,
            contradictions: 1.0,
            ..few.clone()
        },
        Settings {
            qa_trained: 0.0,
            largest_number: 20,
            ..few
        },
    ] {
        let world = World::new(3, &settings).expect("a world");
        let facts = world.facts().len();
        assert_eq!(world.questions().len(), 2 * facts);
        for question in world.questions() {
            assert_eq!(question.options.iter().collect::<BTreeSet<_>>().len(), 4);
        }
        if settings.qa_trained == 0.0 {
            assert!(!text_in(&world, Language::English).contains("Q: "));
        }
    }
}
