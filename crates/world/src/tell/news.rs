//! Newspaper pieces: a headline, facts about one subject in the paper's voice, a last line.

use super::Teller;
use crate::phrase::{capitalised, fill};

impl Teller<'_> {
    pub(super) fn news(&mut self, facts: &[usize]) -> String {
        let paper = self.choose(
            &["The Morning Post", "The Evening News", "The Weekly Herald"],
            &["아침 신문", "저녁 신문", "주간 소식"],
        );
        let lead = self.choose(
            &[
                "This week we present {s}.",
                "Our readers asked about {s}.",
                "Today's subject is {s}.",
            ],
            &[
                "이번 주에는 {s:을} 소개한다.",
                "독자들이 {s}에 대해 물어 왔다.",
                "오늘의 주인공은 {s}이다.",
            ],
        );
        let mut sentences = vec![capitalised(&fill(
            lead,
            self.language,
            &self.name(facts[0]),
            "",
        ))];
        for &fact in facts {
            let template = self.statement(fact);
            let sentence = fill(template, self.language, &self.name(fact), self.object(fact));
            let voice = if self.random.chance(0.4) {
                self.choose(
                    &["According to our reporter, ", "According to old records, "],
                    &["본지 기자에 따르면 ", "옛 기록에 따르면 "],
                )
            } else {
                ""
            };
            sentences.push(capitalised(&format!("{voice}{sentence}")));
        }
        if self.random.chance(0.3) {
            let last = self.choose(
                &[
                    "More in our next issue.",
                    "We thank all readers for their questions.",
                ],
                &[
                    "자세한 소식은 다음 호에 싣는다.",
                    "질문을 보내 준 독자들에게 감사드린다.",
                ],
            );
            sentences.push(last.to_string());
        }
        format!("{paper}\n{}", sentences.join(" "))
    }
}
