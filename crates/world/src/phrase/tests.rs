use super::*;
use std::collections::BTreeSet;

fn every_list() -> impl Iterator<Item = (Relation, Language, &'static Phrases)> {
    Relation::ALL.into_iter().flat_map(|relation| {
        Language::ALL.map(|language| (relation, language, phrases(relation, language)))
    })
}

#[test]
fn slots_take_particles_and_pronouns() {
    let check = |template, language, subject: &Mention, object, written| {
        assert_eq!(fill(template, language, subject, object), written);
    };
    let (english, korean) = (Language::English, Language::Korean);
    let mira = Mention::name("미라 홀트");
    check(
        "{s:은} {o:으로} 일한다.",
        korean,
        &mira,
        "도공",
        "미라 홀트는 도공으로 일한다.",
    );
    check(
        "{s:은} {o:으로} 일한다.",
        korean,
        &Mention::name("그"),
        "화가",
        "그는 화가로 일한다.",
    );
    check(
        "{s}의 직업은 {o}이다.",
        korean,
        &mira,
        "화가",
        "미라 홀트의 직업은 화가이다.",
    );
    check(
        "{s:이라는} 책",
        korean,
        &Mention::name("『푸른 비』"),
        "",
        "『푸른 비』라는 책",
    );
    check(
        "{s:은} 아이 {o:과} 함께 산다.",
        korean,
        &mira,
        "세 명",
        "미라 홀트는 아이 세 명과 함께 산다.",
    );
    let she = Mention::pronoun("she", "her", "her");
    check(
        "{s:'s} pet is a {o}.",
        english,
        &she,
        "cat",
        "her pet is a cat.",
    );
    check(
        "nothing pleases {s:him} more than {o}.",
        english,
        &she,
        "salt",
        "nothing pleases her more than salt.",
    );
    check(
        "{s:'s} pet is a {o}.",
        english,
        &Mention::name("Mira Holt"),
        "cat",
        "Mira Holt's pet is a cat.",
    );
}

#[test]
fn every_relation_has_phrasings_enough_in_both_languages() {
    for (relation, language, lists) in every_list() {
        let place = format!("{relation:?} {language:?}");
        assert!(lists.tells.len() >= 4, "{place}");
        assert!(lists.asks.len() >= 3, "{place}");
        assert!(
            lists.prompts.len() >= 2 && lists.questions.len() >= 2,
            "{place}"
        );
        assert!(!lists.label.is_empty());
        let conversational = language == Language::Korean && !relation.is_arithmetic();
        assert_eq!(
            lists.talks.len(),
            if conversational { 3 } else { 0 },
            "{place}"
        );
    }
}

#[test]
fn phrasings_are_well_formed() {
    for (relation, language, lists) in every_list() {
        let sum = relation.is_arithmetic();
        for text in lists.tells.iter().chain(lists.talks).chain(lists.prompts) {
            let slots = if sum { ["{a", "{A", "{na"] } else { ["{s"; 3] };
            let subject = slots.iter().any(|slot| text.contains(slot));
            assert!(
                subject && (text.contains("{o") || text.contains("{O") || text.contains("{no")),
                "{text}"
            );
            assert!(text.ends_with('.') || text.contains(" = "), "{text}");
        }
        for text in lists.asks.iter().chain(lists.questions) {
            assert!(text.ends_with('?') && !text.contains("{o"), "{text}");
        }
        if language == Language::Korean {
            assert!(
                lists
                    .tells
                    .iter()
                    .all(|text| text.ends_with("다.") || text.contains(" = "))
            );
            for talk in lists.talks {
                let said = fill(talk, language, &Mention::name("미라"), "화가");
                assert!(said.ends_with("요."), "{said}");
            }
        }
        let all: Vec<_> = [
            lists.tells,
            lists.talks,
            lists.asks,
            lists.prompts,
            lists.questions,
        ]
        .concat();
        assert_eq!(
            all.iter().collect::<BTreeSet<_>>().len(),
            all.len(),
            "{relation:?} {language:?}"
        );
    }
}

#[test]
fn held_out_phrasings_are_not_training_phrasings() {
    for (_, language, lists) in every_list() {
        let training: Vec<String> = every_list()
            .filter(|(_, other, _)| *other == language)
            .flat_map(|(_, _, lists)| lists.tells.iter().chain(lists.talks).chain(lists.asks))
            .map(|text| text.to_lowercase())
            .collect();
        let prompts = lists.prompts.iter().map(|text| pieces(text, true));
        let questions = lists.questions.iter().map(|text| pieces(text, false));
        for pieces in prompts.chain(questions) {
            let new = |piece: &String| training.iter().all(|text| !text.contains(piece.as_str()));
            assert!(
                pieces.iter().any(new),
                "{pieces:?} is made of training phrasings"
            );
        }
    }
}

#[test]
fn a_prompt_is_cut_before_its_object() {
    assert_eq!(
        cut("{s} has always played the {o}."),
        ("{s} has always played the", "{o}.")
    );
    assert_eq!(cut("{s}의 생일은 {o}이다."), ("{s}의 생일은", "{o}이다."));
}
