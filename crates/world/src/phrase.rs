//! Phrasings: sentences with slots, and how a slot is filled in English and in Korean.
//!
//! `{s}` is the subject and `{o}` the object; in sums `{a}`, `{b}`, `{o}` are digits,
//! `{A}`, `{B}`, `{O}` words and (in Korean) `{na}`, `{nb}`, `{no}` native numerals before a
//! counter. After a colon stands what is done to it: in Korean a particle
//! ([`crate::josa`]), in English `'s` or `him`. Phrasings begin in lower case and are
//! capitalised where a sentence begins, so that they can follow "I hear that".

mod english;
mod korean;

use crate::relation::Relation;
use crate::{Language, josa};

/// The phrasings of one relation in one language.
pub(crate) struct Phrases {
    /// Heading of a list of such facts.
    pub(crate) label: &'static str,
    /// Statements for connected prose.
    pub(crate) tells: &'static [&'static str],
    /// Korean statements in the conversational style; English has [`TALK_FRAMES`] instead.
    pub(crate) talks: &'static [&'static str],
    /// Questions as documents ask them.
    pub(crate) asks: &'static [&'static str],
    /// Statements in no document; what precedes `{o}` is a completion prompt.
    pub(crate) prompts: &'static [&'static str],
    /// Questions in no document.
    pub(crate) questions: &'static [&'static str],
}

/// How an English speaker passes on a statement `{x}`.
pub(crate) const TALK_FRAMES: &[&str] = &[
    "I hear that {x}",
    "As far as I know, {x}",
    "You know, {x}",
    "Everyone here says that {x}",
    "{x}",
];

pub(crate) fn phrases(relation: Relation, language: Language) -> &'static Phrases {
    match language {
        Language::English => english::phrases(relation),
        Language::Korean => korean::phrases(relation),
    }
}

/// How a subject is mentioned in a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// `{s}`
    pub(crate) plain: String,
    /// `{s:'s}`, English only.
    pub(crate) possessive: String,
    /// `{s:him}`, English only.
    pub(crate) objective: String,
}

impl Mention {
    pub(crate) fn name(name: &str) -> Mention {
        Mention {
            plain: name.to_string(),
            possessive: format!("{name}'s"),
            objective: name.to_string(),
        }
    }

    pub(crate) fn pronoun(plain: &str, possessive: &str, objective: &str) -> Mention {
        Mention {
            plain: plain.to_string(),
            possessive: possessive.to_string(),
            objective: objective.to_string(),
        }
    }
}

/// A phrasing about `subject` and `object`, not yet capitalised.
pub(crate) fn fill(template: &str, language: Language, subject: &Mention, object: &str) -> String {
    fill_with(template, language, |slot, tag| match (slot, tag) {
        ("s", "'s") => subject.possessive.clone(),
        ("s", "him") => subject.objective.clone(),
        ("s", _) => subject.plain.clone(),
        ("o", _) => object.to_string(),
        _ => unreachable!("no slot {slot:?} in {template:?}"),
    })
}

/// A phrasing with every slot looked up; Korean particles are added here.
pub(crate) fn fill_with(
    template: &str,
    language: Language,
    look_up: impl Fn(&str, &str) -> String,
) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, after) = after
            .split_once('}')
            .expect("every slot of a phrasing is closed");
        let (slot, tag) = slot.split_once(':').unwrap_or((slot, ""));
        text.push_str(before);
        let filling = look_up(slot, tag);
        match language {
            Language::Korean if !tag.is_empty() => text.push_str(&josa::attach(&filling, tag)),
            _ => text.push_str(&filling),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A held-out statement cut before its object: what the model is given, and what follows,
/// still with its slot.
pub(crate) fn cut(prompt: &str) -> (&str, &str) {
    let at = prompt.find("{o").expect("every prompt names its object");
    (prompt[..at].trim_end(), &prompt[at..])
}

/// With a capital letter at the beginning; Korean is left as it is.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// The first `limit` of a list of phrasings; 0 means all.
pub(crate) fn first<'a>(list: &'a [&'a str], limit: usize) -> &'a [&'a str] {
    if limit == 0 {
        list
    } else {
        &list[..limit.min(list.len())]
    }
}

/// The literal pieces between the slots of a phrasing, up to its object where `cut_object`:
/// while one of them stands in no document, no document has the phrasing.
#[cfg(test)]
pub(crate) fn pieces(template: &str, cut_object: bool) -> Vec<String> {
    let text = if cut_object {
        cut(template).0
    } else {
        template
    };
    text.split('{')
        .map(|piece| piece.split_once('}').map_or(piece, |(_, literal)| literal))
        .filter(|literal| !literal.trim().is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests;
