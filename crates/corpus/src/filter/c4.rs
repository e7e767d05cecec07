//! C4's rules: lines that are no prose go, and texts that hold a template's remains.
//!
//! Raffel et al. 2019 (arXiv 1910.10683), section 2.2, computed as datatrove 0.10.1 does with
//! FineWeb's setting: a line without a closing mark may stay. Lines go that have fewer than three words or
//! a word of more than a thousand characters, and those on JavaScript, cookies and terms of use; citations
//! such as `[3]` and `[edit]` are cut out. Where lines are cleaned, the filters after this one see what is left.
//! FineWeb-2 applies none of it to other languages, so in Korean every rule is off and no line goes
//! unless a recipe says so; the signals are measured in any case.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::{Filter, Page, Rule, Side};
use crate::words::signs::{lines, space, trim};
use crate::words::{eojeol, sentences, words};

pub(super) struct C4;

const fn rule(
    reason: &'static str,
    signal: &'static str,
    side: Side,
    english: f64,
    says: &'static str,
) -> Rule {
    Rule {
        reason,
        signal,
        side,
        english: Some(english),
        korean: None,
        korean_from: "FineWeb-2 does without C4's rules",
        says,
    }
}

impl Filter for C4 {
    fn name(&self) -> &'static str {
        "c4"
    }

    fn about(&self) -> &'static str {
        "lines that are no prose, remains of templates: C4 (arXiv 1910.10683), section 2.2, as FineWeb applies it"
    }

    fn signals(&self) -> &'static [&'static str] {
        &["lorem_ipsum", "curly_brackets", "sentences"]
    }

    fn rules(&self) -> &'static [Rule] {
        const RULES: [Rule; 3] = [
            rule(
                "lorem_ipsum",
                "lorem_ipsum",
                Side::Above,
                0.0,
                "it holds a typesetter's dummy text",
            ),
            rule(
                "curly_bracket",
                "curly_brackets",
                Side::Above,
                0.0,
                "it has a line with a curly bracket, as programs do",
            ),
            rule(
                "few_sentences",
                "sentences",
                Side::Below,
                5.0,
                "too few sentences are left of it",
            ),
        ];
        &RULES
    }

    fn measure(&self, page: &mut Page<'_>, signals: &mut Vec<f64>) {
        let language = page.language();
        let cleaned = clean(page.original, |line| {
            // Words of a line are words of the text, unless something was cut out of it.
            let of_line = within(&page.words, page.original, line);
            let anew = of_line.is_none().then(|| words(line, language));
            let words = anew.as_deref().or(of_line).unwrap_or_default();
            (words.len(), sentences(words, language))
        });
        signals.extend([
            cleaned.lorem_ipsum as f64,
            cleaned.curly_brackets as f64,
            cleaned.sentences as f64,
        ]);
        if page.clean {
            page.edited = Some((cleaned.text, cleaned.words));
        }
    }
}

/// Those of a text's words that lie in a part of it; `None` where the part is not of this text.
fn within<'a, 'b>(words: &'a [&'b str], text: &str, part: &str) -> Option<&'a [&'b str]> {
    let place = |of: &str| of.as_ptr() as usize;
    let (start, end) = (place(part), place(part) + part.len());
    if start < place(text) || end > place(text) + text.len() {
        return None;
    }
    let first = words.partition_point(|word| place(word) < start);
    let count = words[first..].partition_point(|word| place(word) < end);
    Some(&words[first..first + count])
}

/// A word of more characters is none.
const LONGEST_WORD: usize = 1000;
/// A line of fewer words is no prose.
const FEWEST_WORDS: usize = 3;

/// What a line may hold: a dummy text, a bracket, or what is said on every page of a site.
const PHRASES: [&str; 9] = [
    "lorem ipsum",
    "{",
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
];

static AUTOMATON: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(PHRASES)
        .expect("nine short phrases")
});

/// A text after its lines were cleaned.
#[derive(Default)]
pub(super) struct Cleaned {
    pub(super) text: String,
    /// Words in it.
    pub(super) words: usize,
    /// Sentences in it.
    pub(super) sentences: usize,
    /// Lines with a dummy text, which are not counted as gone.
    pub(super) lorem_ipsum: usize,
    /// Lines with a curly bracket.
    pub(super) curly_brackets: usize,
}

/// Cleans the lines of a text; `count` gives words and sentences of a line.
pub(super) fn clean(text: &str, count: impl Fn(&str) -> (usize, usize)) -> Cleaned {
    let mut cleaned = Cleaned {
        text: String::with_capacity(text.len()),
        ..Cleaned::default()
    };
    for line in lines(text) {
        let line = trim(line);
        let mut pieces = 0;
        let too_long = eojeol(line).any(|word| {
            pieces += 1;
            word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD
        });
        if too_long || pieces < FEWEST_WORDS {
            continue;
        }
        let mut found = [false; PHRASES.len()];
        let without = without_citations(line);
        for phrase in AUTOMATON.find_overlapping_iter(without.as_ref()) {
            found[phrase.pattern().as_usize()] = true;
        }
        cleaned.lorem_ipsum += usize::from(found[0]);
        if found[2] {
            continue;
        }
        cleaned.curly_brackets += usize::from(found[1]);
        if found[3..].contains(&true) {
            continue;
        }
        let (words, sentences) = count(&without);
        cleaned.words += words;
        cleaned.sentences += sentences;
        cleaned.text.push_str(&without);
        cleaned.text.push('\n');
    }
    // Ends are trimmed in place; only a line of citations alone can leave white space at the beginning.
    cleaned
        .text
        .truncate(cleaned.text.trim_end_matches(space).len());
    let start = cleaned.text.len() - cleaned.text.trim_start_matches(space).len();
    cleaned.text.drain(..start);
    cleaned
}

/// Without `[12]`, `[]`, `[edit]` and `[citation needed]`.
fn without_citations(line: &str) -> std::borrow::Cow<'_, str> {
    if memchr::memchr(b'[', line.as_bytes()).is_none() {
        return line.into();
    }
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('[') {
        let inside = &rest[at + 1..];
        let bare =
            inside.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '０'..='９'));
        let digits = inside.len() - bare.len();
        let length = match () {
            () if inside[digits..].starts_with(']') => digits + 2,
            () if inside.starts_with("edit]") => "[edit]".len(),
            () if inside.starts_with("citation needed]") => "[citation needed]".len(),
            () => {
                kept.push_str(&rest[..=at]);
                rest = inside;
                continue;
            }
        };
        kept.push_str(&rest[..at]);
        rest = &rest[at + length..];
    }
    kept.push_str(rest);
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_prose_go() {
        let text = "Home\nThis is prose [12] with a note.[edit]\nPlease enable JavaScript to see this.\n\
                    We use cookies to make it better.\nLorem ipsum dolor sit amet.\nIt is [not] a note.";
        let cleaned = clean(text, |line| (line.split(' ').count(), 1));
        assert_eq!(
            cleaned.text,
            "This is prose  with a note.\nLorem ipsum dolor sit amet.\nIt is [not] a note."
        );
        assert_eq!(
            (
                cleaned.lorem_ipsum,
                cleaned.curly_brackets,
                cleaned.sentences
            ),
            (1, 0, 3)
        );
    }

    #[test]
    fn a_text_may_lose_everything() {
        assert_eq!(clean("a\nb\n\n", |_| (0, 0)).text, "");
    }
}
