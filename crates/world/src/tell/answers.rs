//! Question–answer pages: natural questions in training phrasings, with short answers.
//!
//! The layout is the one of [`crate::Question::asked`], so that a model learns from these
//! pages how a question is answered.

use super::Teller;
use crate::fact::Language;
use crate::phrase::{capitalised, fill, first, phrases};

impl Teller<'_> {
    pub(super) fn answers(&mut self, facts: &[usize]) -> String {
        let mut lines = Vec::new();
        if self.random.chance(0.3) {
            lines.push(
                self.choose(&["Questions and answers"], &["묻고 답하기"])
                    .to_string(),
            );
        }
        for &fact in facts {
            let lists = phrases(self.truth.facts[fact].relation, self.language);
            let template = self.random.pick(first(lists.asks, self.settings.phrasings));
            let question = capitalised(&fill(template, self.language, &self.name(fact), ""));
            lines.push(question_and_answer(
                self.language,
                &question,
                self.object(fact),
            ));
        }
        lines.join("\n")
    }
}

pub(super) fn question_and_answer(language: Language, question: &str, answer: &str) -> String {
    match language {
        Language::English => format!("Q: {question}\nA: {answer}"),
        Language::Korean => format!("질문: {question}\n답: {answer}"),
    }
}
