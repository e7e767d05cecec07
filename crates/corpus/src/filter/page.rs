//! A text while it is judged: its words, its language, and what an earlier filter made of it.

use crate::language::{Guess, Identified, LanguageModel, identify_by};
use crate::words::words;
use crate::{FilterSettings, Language, WordLists};

/// What the user brings along to judge texts by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Words that are not wanted.
    pub lists: Option<&'a WordLists>,
    /// A model of languages.
    pub languages: Option<&'a LanguageModel>,
}

/// A text under judgement.
pub struct Page<'a> {
    /// As it came.
    pub(super) original: &'a str,
    /// The words of the original.
    pub(super) words: Vec<&'a str>,
    /// What it is in.
    pub(super) identified: Identified,
    /// What the model of languages says, where there is one.
    pub(super) guess: Option<Guess<'a>>,
    /// Whether its language is one that is kept.
    pub(super) wanted: bool,
    /// Whether its lines are to be cleaned.
    pub(super) clean: bool,
    /// The user's lists of words.
    pub(super) lists: Option<&'a WordLists>,
    /// The text after a filter edited it, and how many words are left.
    pub(super) edited: Option<(String, usize)>,
}

impl<'a> Page<'a> {
    /// Finds the language and the words of a text.
    pub fn new(text: &'a str, settings: &FilterSettings, given: Given<'a>) -> Self {
        let identified = identify_by(text, given.languages);
        Self {
            original: text,
            words: words(text, identified.language),
            identified,
            wanted: settings.keep.contains(&identified.language),
            clean: settings.clean_lines.contains(&identified.language),
            guess: given.languages.and_then(|model| model.guess(text)),
            lists: given.lists,
            edited: None,
        }
    }

    /// The language it was found to be in.
    pub fn language(&self) -> Language {
        self.identified.language
    }

    /// Its language by name: where it is none of ours, as the model of languages has it (`de`).
    pub fn language_name(&self) -> &'a str {
        let language = self.language();
        match (language, self.guess) {
            // The model may call a text Korean or English that rules call another.
            (Language::Other, Some(guess)) if Language::of(guess.name) == language => guess.name,
            _ => language.name(),
        }
    }

    /// How many words it came with.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// The text as it stands now.
    pub fn text(&self) -> &str {
        self.edited.as_ref().map_or(self.original, |(text, _)| text)
    }

    /// The text, if a filter changed it.
    pub fn into_edited(self) -> Option<String> {
        self.edited.map(|(text, _)| text)
    }

    /// How many words the text has as it stands now.
    pub(super) fn words_left(&self) -> usize {
        self.edited
            .as_ref()
            .map_or(self.words.len(), |(_, words)| *words)
    }
}

/// A share; NaN of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Characters of a text.
pub(super) fn characters(text: &str) -> usize {
    text.chars().count()
}
