//! Encyclopedia entries: several facts about one subject as connected prose.
//!
//! The subject is named at first and later often replaced by a pronoun; some sentences are
//! joined into one, and some begin with a linking word.

use super::Teller;
use crate::ending::linked;
use crate::fact::Language;
use crate::phrase::{Mention, capitalised, fill};
use crate::relation::Class;

/// Share of sentences that are joined to the one before, where grammar allows it.
const JOINED: f64 = 0.3;

impl Teller<'_> {
    pub(super) fn entry(&mut self, facts: &[usize]) -> String {
        let thing = self.thing(facts[0]);
        let name = thing.name.in_language(self.language);
        let mut text = String::new();
        if self.random.chance(0.4) {
            text.push_str(&capitalised(name));
            text.push('\n');
        }
        let sentences = self.prose(facts);
        let introduction = introduction(thing.class, self.language);
        if let Some(introduction) = introduction
            && self.random.chance(0.3)
        {
            let sentence = fill(introduction, self.language, &Mention::name(name), "");
            text.push_str(&capitalised(&sentence));
            text.push(' ');
        }
        text.push_str(&sentences);
        text
    }

    /// The facts as connected sentences.
    pub(super) fn prose(&mut self, facts: &[usize]) -> String {
        let mut sentences: Vec<String> = Vec::new();
        // The phrasing of the last sentence, while a clause may still be joined to it.
        let mut open: Option<&str> = None;
        for (place, &fact) in facts.iter().enumerate() {
            let template = self.statement(fact);
            if let Some(previous) = open
                && self.random.chance(JOINED)
                && let Some(last) = sentences.last_mut()
                && let Some(joined) = self.joined(previous, last, template, fact)
            {
                *last = joined;
                open = None;
                continue;
            }
            let mention = self.mention(fact, template, place == 0);
            let sentence = fill(template, self.language, &mention, self.object(fact));
            let linked = place > 0 && self.random.chance(0.15);
            let link = if linked {
                self.choose(&["In addition, ", "Also, "], &["또한 ", "그리고 ", "한편 "])
            } else {
                ""
            };
            sentences.push(capitalised(&format!("{link}{sentence}")));
            open = Some(template);
        }
        sentences.join(" ")
    }

    /// The two sentences as one, or none where the result would not be clear or correct.
    fn joined(&self, previous: &str, last: &str, template: &str, fact: usize) -> Option<String> {
        let object = self.object(fact);
        match self.language {
            Language::English => {
                let clear = previous.starts_with("{s") && template.starts_with("{s");
                let pronoun = self.thing(fact).pronoun(self.language);
                let clause = fill(template, self.language, &pronoun, object);
                clear.then(|| format!("{}, and {clause}", last.trim_end_matches('.')))
            }
            // The second clause drops its subject, which is only clear when both begin alike.
            Language::Korean => {
                let start = ["{s:은} ", "{s}의 "]
                    .into_iter()
                    .find(|start| previous.starts_with(start) && template.starts_with(start))?;
                let rest = &template[start.len()..];
                let clause = fill(rest, self.language, &Mention::name(""), object);
                Some(format!("{}, {clause}", linked(last)?))
            }
        }
    }

    fn mention(&mut self, fact: usize, template: &str, is_first: bool) -> Mention {
        let thing = self.thing(fact);
        let name = thing.mention(self.language);
        if is_first {
            let fits = self.language == Language::Korean || !template.contains("{s:'s}");
            if fits && self.random.chance(self.settings.other_name) {
                return Mention::name(&match self.language {
                    Language::English => format!("{} ({})", name.plain, thing.name.korean),
                    Language::Korean => format!("{}({})", name.plain, thing.name.english_alone()),
                });
            }
        } else if template.starts_with("{s") && self.random.chance(self.settings.pronouns) {
            return thing.pronoun(self.language);
        }
        name
    }
}

/// A sentence that says what sort of thing the subject is, where its name does not.
fn introduction(class: Class, language: Language) -> Option<&'static str> {
    Some(match (class, language) {
        (Class::Town, Language::English) => "{s} is a town.",
        (Class::Town, Language::Korean) => "{s:은} 도시이다.",
        (Class::Book, Language::English) => "{s} is a book.",
        (Class::Book, Language::Korean) => "{s:은} 책이다.",
        (Class::Song, Language::English) => "{s} is a song.",
        (Class::Song, Language::Korean) => "{s:은} 노래이다.",
        (Class::Building, Language::English) => "{s} is a building.",
        (Class::Building, Language::Korean) => "{s:은} 건물이다.",
        _ => return None,
    })
}
