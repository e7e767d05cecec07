//! Questions with four options such that only knowledge of the fact beats one in four.
//!
//! The wrong options of a group of questions are the group's right answers dealt out three
//! more times: every value is offered exactly four times as often as it is right, so that
//! choosing by frequency, or by what a relation's answers look like, is guessing. A group is
//! one relation told in one way: otherwise a value that English documents never mention
//! would be a wrong option more often than a right one, and a model that knows nothing of
//! Korean-only facts would score below a quarter on them in English. The right option stands
//! equally often in each place. Both languages get the same options in the same order, so
//! that they can be compared question by question.

use crate::Question;
use crate::fact::{Fact, Language, Told};
use crate::name::Name;
use crate::numeral;
use crate::phrase::{capitalised, cut, fill_with, phrases};
use crate::random::Random;
use crate::relation::{Objects, Relation};
use crate::tell::number;
use crate::truth::{About, Truth};

/// All questions: English first, then Korean, in the order of the facts.
pub(crate) fn questions(seed: u64, truth: &Truth, facts: &[Fact]) -> Vec<Question> {
    let mut offers: Vec<Option<Offer>> = facts.iter().map(|_| None).collect();
    for relation in Relation::ALL {
        let asked: Vec<usize> = (0..facts.len())
            .filter(|&at| facts[at].relation == relation)
            .collect();
        let mut random = Random::new(seed, &format!("options of {}", relation.code()));
        for group in groups(truth, facts, asked) {
            let answers: Vec<usize> = group.iter().map(|&at| truth.value[at]).collect();
            for (&at, offer) in group.iter().zip(offer(&answers, &mut random)) {
                offers[at] = Some(offer);
            }
        }
    }
    let mut questions = Vec::new();
    for language in Language::ALL {
        let mut random = Random::new(seed, &format!("questions in {}", language.code()));
        for (fact, offer) in facts.iter().zip(&offers) {
            let offer = offer.as_ref().expect("every relation was dealt");
            questions.push(question(truth, fact, offer, language, &mut random));
        }
    }
    questions
}

/// The facts of a relation by where they were told; those told in ways that are too few or
/// too alike for four balanced options are asked together, if need be with all the others.
fn groups(truth: &Truth, facts: &[Fact], asked: Vec<usize>) -> Vec<Vec<usize>> {
    let balanced = |group: &[usize]| {
        let answers: Vec<usize> = group.iter().map(|&at| truth.value[at]).collect();
        group.len() >= 4 * most_frequent(&answers)
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut rest = Vec::new();
    for told in Told::ALL {
        let group: Vec<usize> = asked
            .iter()
            .copied()
            .filter(|&at| facts[at].told == told)
            .collect();
        if balanced(&group) {
            groups.push(group);
        } else {
            rest.extend(group);
        }
    }
    if !balanced(&rest) {
        return vec![asked];
    }
    groups.push(rest);
    groups
}

/// How often the most frequent of some values occurs.
fn most_frequent(values: &[usize]) -> usize {
    let mut values = values.to_vec();
    values.sort_unstable();
    values
        .chunk_by(|a, b| a == b)
        .map(<[usize]>::len)
        .max()
        .unwrap_or(0)
}

/// Four values of a relation, and which is right.
struct Offer {
    values: [usize; 4],
    right: usize,
}

fn question(
    truth: &Truth,
    fact: &Fact,
    offer: &Offer,
    language: Language,
    random: &mut Random,
) -> Question {
    let at = fact.id.0 as usize;
    let lists = phrases(fact.relation, language);
    let names = truth.values_of(fact.relation);
    let write = |template: &str, object: &Name| {
        let object = object.in_language(language);
        match truth.about[at] {
            About::Thing(thing) => {
                let mention = truth.things[thing].mention(language);
                crate::phrase::fill(template, language, &mention, object)
            }
            about => fill_with(template, language, |slot, _| {
                number(slot, about, object, language)
            }),
        }
    };
    let right = &names[offer.values[offer.right]];
    let (before, after) = cut(random.pick(lists.prompts));
    let asked = random.pick(lists.questions);
    let options = offer
        .values
        .map(|value| names[value].in_language(language).to_string());
    Question {
        id: format!("{}-{at:06}", language.code()),
        fact: fact.id,
        relation: fact.relation,
        language,
        told: fact.told,
        told_here: fact.told.includes(language),
        tellings: fact.tellings.good(),
        tellings_here: fact.tellings.good_in(language),
        qa_trained: fact.qa_trained,
        prompt: capitalised(&write(before, right)),
        question: capitalised(&write(asked, right)),
        continuations: offer
            .values
            .map(|value| format!(" {}", write(after, &names[value])))
            .to_vec(),
        free_answer: spellings(fact.relation, right, language),
        options: options.to_vec(),
        answer: offer.right,
    }
}

/// How an answer may be written; the option itself comes first.
fn spellings(relation: Relation, answer: &Name, language: Language) -> Vec<String> {
    let here = answer.in_language(language).to_string();
    let digits: String = here.chars().filter(char::is_ascii_digit).collect();
    let counted = || (0..100).find(|&n| numeral::english(n) == answer.english);
    let mut spellings = vec![here];
    match (relation.objects(), language) {
        (Objects::Years(..), Language::Korean) => spellings.push(digits),
        (Objects::Metres, Language::English) => spellings.extend([format!("{digits} m"), digits]),
        (Objects::Metres, Language::Korean) => spellings.extend([format!("{digits}m"), digits]),
        (Objects::Kilometres, Language::English) => {
            spellings.extend([format!("{digits} km"), digits]);
        }
        (Objects::Kilometres, Language::Korean) => {
            spellings.extend([format!("{digits}km"), digits]);
        }
        (Objects::People | Objects::Floors, Language::English) => {
            spellings.extend(counted().map(|n| n.to_string()));
        }
        (Objects::People, Language::Korean) => {
            spellings.extend(counted().map(|n| format!("{n}명")));
        }
        (Objects::Floors, Language::Korean) => {
            spellings.extend(counted().map(|n| format!("{}층", numeral::sino(n))));
        }
        (Objects::Numbers, _) => {
            let n = digits.parse().expect("the result of a sum is a number");
            spellings.push(match language {
                Language::English => numeral::english(n),
                Language::Korean => numeral::sino(n),
            });
        }
        _ => {}
    }
    spellings
}

/// Deals options for questions with these right answers.
///
/// Sorted by answer, equal answers stand together in blocks no longer than the longest, `m`.
/// Looking ahead by shifts that leave gaps of at least `m` all around the circle therefore
/// meets four different answers, and every position is met once per shift. Random swaps that
/// keep the four different then break up the regularity without touching any count.
fn offer(answers: &[usize], random: &mut Random) -> Vec<Offer> {
    let count = answers.len();
    if count == 0 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..count).collect();
    let rank: Vec<u64> = {
        let most = answers.iter().max().map_or(0, |&most| most + 1);
        (0..most).map(|_| random.next()).collect()
    };
    order.sort_by_key(|&at| (rank[answers[at]], answers[at], at));
    let longest = order
        .chunk_by(|&a, &b| answers[a] == answers[b])
        .map(<[usize]>::len)
        .max();
    let longest = longest.expect("there is at least one answer");
    assert!(
        count >= 4 * longest,
        "Settings::check keeps answers below a quarter"
    );
    let mut gaps = [longest; 4];
    for _ in 0..count - 4 * longest {
        gaps[random.below(4)] += 1;
    }
    let shifts = [0, gaps[0], gaps[0] + gaps[1], gaps[0] + gaps[1] + gaps[2]];
    let mut values = vec![[0; 4]; count];
    for (place, &at) in order.iter().enumerate() {
        values[at] = shifts.map(|shift| answers[order[(place + shift) % count]]);
    }
    for _ in 0..20 * count {
        let (slot, one, other) = (
            random.between(1, 3),
            random.below(count),
            random.below(count),
        );
        let (a, b) = (values[one][slot], values[other][slot]);
        let free = |list: &[usize; 4], value| !list.contains(&value);
        if free(&values[one], b) && free(&values[other], a) {
            values[one][slot] = b;
            values[other][slot] = a;
        }
    }
    let mut places: Vec<usize> = (0..count).map(|n| n % 4).collect();
    random.shuffle(&mut places);
    values
        .into_iter()
        .zip(places)
        .map(|(mut values, right)| {
            random.shuffle(&mut values[1..]);
            values.swap(0, right);
            Offer { values, right }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_offered_four_times_as_often_as_it_is_right() {
        for (count, kinds) in [(4, 4), (6, 6), (8, 6), (24, 8), (81, 17), (100, 4)] {
            let answers: Vec<usize> = (0..count).map(|n| n % kinds).collect();
            let offers = offer(&answers, &mut Random::new(9, "options"));
            let mut offered = vec![0; kinds];
            let mut right = vec![0; kinds];
            for (offer, &answer) in offers.iter().zip(&answers) {
                assert_eq!(offer.values[offer.right], answer);
                let mut different = offer.values;
                different.sort_unstable();
                assert!(different.windows(2).all(|pair| pair[0] != pair[1]));
                right[answer] += 1;
                offer.values.iter().for_each(|&value| offered[value] += 1);
            }
            assert!(
                (0..kinds).all(|kind| offered[kind] == 4 * right[kind]),
                "{count} {kinds}"
            );
        }
    }
}
