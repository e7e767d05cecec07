//! What is cut out of a document that is kept: paragraphs and passages that an earlier one has.

use std::ops::Range;

use super::paragraphs::Paragraphs;
use super::passages::Passages;

/// Everything that is to be cut.
#[derive(Default)]
pub(super) struct Cuts {
    pub(super) paragraphs: Paragraphs,
    pub(super) passages: Passages,
}

/// A document after its cuts.
pub(super) struct Cut {
    pub(super) text: String,
    /// How many paragraphs went.
    pub(super) paragraphs: usize,
    /// How many passages went.
    pub(super) passages: usize,
}

impl Cuts {
    /// A document without what is to be cut; `None` where nothing is.
    pub(super) fn apply(&self, document: usize, text: &str) -> Option<Cut> {
        let mut ranges = self.paragraphs.of(document, text);
        let paragraphs = ranges.len();
        ranges.extend(self.passages.of(document, text));
        let passages = ranges.len() - paragraphs;
        (!ranges.is_empty()).then(|| Cut {
            text: without(text, ranges),
            paragraphs,
            passages,
        })
    }
}

/// A text without some ranges, which may overlap. Where two letters would meet that never stood together, a
/// line break comes between them.
fn without(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        if range.start > at {
            join(&mut kept, &text[at..range.start]);
        }
        at = at.max(range.end);
    }
    join(&mut kept, &text[at..]);
    kept.truncate(kept.trim_end().len());
    kept
}

fn join(kept: &mut String, more: &str) {
    let meets = |letter: Option<char>| letter.is_some_and(|letter| !letter.is_whitespace());
    if meets(kept.chars().next_back()) && meets(more.chars().next()) {
        kept.push('\n');
    }
    kept.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_joined() {
        let check = |text: &str, ranges: &[(usize, usize)], wanted: &str| {
            let ranges: Vec<Range<usize>> = ranges.iter().map(|(from, to)| *from..*to).collect();
            assert_eq!(without(text, ranges), wanted);
        };
        check("one two three", &[(4, 8)], "one three");
        check("가나다라", &[(3, 9)], "가\n라");
        check("a\nb\nc\n", &[(2, 4)], "a\nc");
        check("abcdef", &[(3, 5), (1, 4), (2, 3)], "a\nf");
        check("abc", &[(0, 3)], "");
        check("abc", &[(0, 1)], "bc");
    }
}
