//! Pages of arithmetic: equations, sentences in digits and in words, and questions.

use super::answers::question_and_answer;
use super::{Draft, Teller, bytes_of};
use crate::fact::Language;
use crate::numeral;
use crate::phrase::{capitalised, fill_with, first, phrases};
use crate::truth::About;

impl Teller<'_> {
    /// Tells every sum of this language equally often, in whole rounds, until `bytes` are full.
    pub(super) fn sums(&mut self, bytes: usize, drafts: &mut Vec<Draft>) {
        let mut told: Vec<usize> = (0..self.truth.facts.len())
            .filter(|&at| self.truth.facts[at].relation.is_arithmetic())
            .filter(|&at| self.truth.facts[at].told.includes(self.language))
            .collect();
        if told.is_empty() {
            return;
        }
        let begin = drafts.len();
        while bytes_of(&drafts[begin..]) < bytes {
            self.random.shuffle(&mut told);
            let mut rest: &[usize] = &told;
            while !rest.is_empty() {
                let (page, after) = rest.split_at(self.random.between(5, 10).min(rest.len()));
                rest = after;
                let mut lines = Vec::new();
                if self.random.chance(0.3) {
                    lines.push(self.choose(&["Arithmetic"], &["셈하기"]).to_string());
                }
                for &fact in page {
                    lines.push(self.sum(fact));
                }
                drafts.push(Draft::new("sums", lines.join("\n"), page.to_vec()));
            }
        }
    }

    fn sum(&mut self, fact: usize) -> String {
        let lists = phrases(self.truth.facts[fact].relation, self.language);
        let (language, about) = (self.language, self.truth.about[fact]);
        let result = self.object(fact);
        let write = |template: &str| {
            fill_with(template, language, |slot, _| {
                number(slot, about, result, language)
            })
        };
        let asked =
            self.truth.facts[fact].qa_trained && self.random.chance(self.settings.qa_tellings);
        if asked {
            let question = write(self.random.pick(first(lists.asks, self.settings.phrasings)));
            return question_and_answer(language, &capitalised(&question), result);
        }
        capitalised(&write(
            self.random
                .pick(first(lists.tells, self.settings.phrasings)),
        ))
    }
}

/// What a slot of a sum holds; see [`crate::phrase`].
pub(crate) fn number(slot: &str, about: About, result: &str, language: Language) -> String {
    let About::Numbers(a, b) = about else {
        unreachable!("only sums have number slots")
    };
    let o: u32 = result.parse().expect("the result of a sum is a number");
    let words = |n: u32| match language {
        Language::English => numeral::english(n),
        Language::Korean => numeral::sino(n),
    };
    match slot {
        "a" => a.to_string(),
        "b" => b.to_string(),
        "o" => result.to_string(),
        "A" => words(a),
        "B" => words(b),
        "O" => words(o),
        "na" => numeral::native(a),
        "nb" => numeral::native(b),
        "no" => numeral::native(o),
        _ => unreachable!("no slot {slot:?} in a sum"),
    }
}
