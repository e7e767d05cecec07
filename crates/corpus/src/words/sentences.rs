//! How many sentences a line has: as spaCy's sentencizer counts them in English, by closing marks in Korean.
//!
//! A sentence ends with a word that is one mark such as `.`, and with what punctuation follows it;
//! so "Mr." and "3.5" end none.

use super::signs;
use crate::Language;

/// Sentences in a line whose words are these; 0 where there are none.
pub(crate) fn sentences(words: &[&str], language: Language) -> usize {
    match language {
        Language::Korean => korean(words),
        _ => english(words),
    }
}

fn english(words: &[&str]) -> usize {
    let (mut count, mut ended) = (usize::from(!words.is_empty()), false);
    for word in words {
        let mut characters = word.chars();
        let first = characters.next();
        let mark = characters.next().is_none() && first.is_some_and(ends);
        if mark {
            ended = true;
        } else if ended && !word.chars().all(is_punctuation) {
            count += 1;
            ended = false;
        }
    }
    count
}

/// spaCy's marks, which lack some of the rarer scripts' that datatrove lists.
fn ends(c: char) -> bool {
    signs::ends_sentence(c)
        && !matches!(
            c,
            '\u{837}' | '\u{839}' | '\u{83d}' | '\u{83e}' | '\u{17d4}'..='\u{17da}'
        )
}

/// Unicode's category P, where it can follow a sentence.
fn is_punctuation(c: char) -> bool {
    match c {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' | '´' => false,
        c if c.is_ascii() => c.is_ascii_punctuation(),
        '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205e}'
        | '\u{3001}'..='\u{3003}'
        | '\u{3008}'..='\u{3011}' => true,
        _ => signs::punctuation(c) || signs::quote(c) || signs::ends_sentence(c),
    }
}

/// Eojeol that end with a mark, closing quotes aside, and what is left after the last of them.
fn korean(words: &[&str]) -> usize {
    let closes = |word: &&str| {
        let bare = word.trim_end_matches(|c| signs::quote(c) || matches!(c, ')' | ']'));
        bare.chars()
            .next_back()
            .is_some_and(|c| signs::ends_sentence(c) || c == '…')
    };
    let ended = words.iter().filter(|word| closes(word)).count();
    ended + usize::from(words.last().is_some_and(|word| !closes(word)))
}
