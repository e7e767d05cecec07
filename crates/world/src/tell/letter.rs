//! Letters and conversations: what people tell each other, in Korean in the -요 style.

use super::Teller;
use crate::fact::Language;
use crate::phrase::{Mention, TALK_FRAMES, capitalised, fill, first, phrases};

impl Teller<'_> {
    pub(super) fn letter(&mut self, facts: &[usize]) -> String {
        let greeting = self.choose(
            &["Dear friend,", "My dear friend,", "Hello from far away,"],
            &[
                "보고 싶은 친구에게",
                "그리운 친구에게",
                "멀리 있는 친구에게",
            ],
        );
        let opening = self.choose(
            &[
                "I hope you are well. Let me tell you about {s}.",
                "How are you? Today I want to write about {s}.",
                "Thank you for your letter. You asked about {s}.",
            ],
            &[
                "잘 지내고 있나요? 오늘은 {s} 이야기를 들려줄게요.",
                "편지 잘 받았어요. {s}에 대해 물어봤지요?",
                "그동안 별일 없었나요? 오늘은 {s}에 대해 쓸게요.",
            ],
        );
        let closing = self.choose(
            &["Write to me soon.", "With best wishes.", "Until next time."],
            &["또 편지할게요.", "답장 기다릴게요.", "늘 건강하세요."],
        );
        let mut sentences = vec![fill(opening, self.language, &self.name(facts[0]), "")];
        for (place, &fact) in facts.iter().enumerate() {
            sentences.push(self.said(fact, place > 0));
        }
        format!("{greeting}\n{}\n{closing}", sentences.join(" "))
    }

    pub(super) fn talk(&mut self, facts: &[usize]) -> String {
        let [one, other] = match self.language {
            Language::English => ["A", "B"],
            Language::Korean => ["가", "나"],
        };
        let opening = self.choose(
            &[
                "Do you know {s}?",
                "Have you heard of {s}?",
                "Can you tell me something about {s}?",
            ],
            &[
                "{s:을} 아세요?",
                "{s:을} 알고 있나요?",
                "{s}에 대해 들어 봤어요?",
            ],
        );
        let mut lines = vec![format!(
            "{one}: {}",
            fill(opening, self.language, &self.name(facts[0]), "")
        )];
        for (place, &fact) in facts.iter().enumerate() {
            if place > 0 {
                let reply = self.choose(
                    &[
                        "I see. What else?",
                        "Really?",
                        "I did not know that.",
                        "Tell me more.",
                    ],
                    &["그렇군요.", "정말요?", "몰랐어요.", "더 이야기해 주세요."],
                );
                lines.push(format!("{one}: {reply}"));
            }
            let yes = match (place, self.language) {
                (0, Language::English) => "Yes. ",
                (0, Language::Korean) => "네. ",
                _ => "",
            };
            lines.push(format!("{other}: {yes}{}", self.said(fact, place > 0)));
        }
        lines.join("\n")
    }

    /// One fact as it is said; `later` when the subject has been named already.
    fn said(&mut self, fact: usize, later: bool) -> String {
        let pronoun = later && self.random.chance(self.settings.pronouns);
        let lists = phrases(self.truth.facts[fact].relation, self.language);
        match self.language {
            Language::English => {
                let template = self.statement(fact);
                let mention = if pronoun && template.starts_with("{s") {
                    self.thing(fact).pronoun(self.language)
                } else {
                    self.name(fact)
                };
                let sentence = fill(template, self.language, &mention, self.object(fact));
                let frame = self.random.pick(TALK_FRAMES);
                // A plain statement is the most frequent of all.
                let frame = if self.random.chance(0.4) {
                    "{x}"
                } else {
                    frame
                };
                capitalised(&frame.replace("{x}", &sentence))
            }
            Language::Korean => {
                let template: &str = self
                    .random
                    .pick(first(lists.talks, self.settings.phrasings));
                // In talk a known subject is left out rather than replaced.
                match template.strip_prefix("{s:은} ") {
                    Some(rest) if pronoun => {
                        fill(rest, self.language, &Mention::name(""), self.object(fact))
                    }
                    _ => fill(template, self.language, &self.name(fact), self.object(fact)),
                }
            }
        }
    }
}
