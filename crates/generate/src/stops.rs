//! Stop strings in a stream of text: found across any boundary, never shown.
//!
//! Text that might be the beginning of a stop string is held back until it is decided. Of several
//! matches the one that is complete first counts (the longest among those), so that the result does
//! not depend on the pieces in which the text arrives.

/// Watches a stream for stop strings.
pub(crate) struct Stops {
    strings: Vec<String>,
    held: String,
}

impl Stops {
    /// `strings` must not be empty texts.
    pub(crate) fn new(strings: Vec<String>) -> Self {
        Stops {
            strings,
            held: String::new(),
        }
    }

    /// Takes text; gives what can be shown, and the stop string that ended it if one did.
    pub(crate) fn push(&mut self, text: &str) -> (String, Option<String>) {
        self.held.push_str(text);
        let matches = self.strings.iter().filter_map(|stop| {
            let start = self.held.find(stop.as_str())?;
            Some((start + stop.len(), start, stop))
        });
        if let Some((_, start, stop)) = matches.min() {
            let (shown, stop) = (self.held[..start].to_owned(), stop.clone());
            self.held.clear();
            return (shown, Some(stop));
        }
        let undecided = self
            .strings
            .iter()
            .map(|stop| self.begins(stop))
            .max()
            .unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - undecided);
        (std::mem::replace(&mut self.held, kept), None)
    }

    /// The end of the text: what was held back was no stop string after all.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes of the longest beginning of `stop` that the held text ends with.
    fn begins(&self, stop: &str) -> usize {
        let beginnings = stop.char_indices().map(|(at, _)| at).rev();
        beginnings
            .into_iter()
            .find(|at| self.held.ends_with(&stop[..*at]))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(text: &str, stops: &[&str], cuts: &[usize]) -> (String, Option<String>) {
        let strings: Vec<String> = stops.iter().map(|s| (*s).to_owned()).collect();
        let mut watch = Stops::new(strings);
        let mut shown = String::new();
        let mut piece = String::new();
        for (i, c) in text.chars().enumerate() {
            piece.push(c);
            if cuts.contains(&i) {
                let (new, stop) = watch.push(&std::mem::take(&mut piece));
                shown.push_str(&new);
                if let Some(stop) = stop {
                    return (shown, Some(stop));
                }
            }
        }
        let (new, stop) = watch.push(&piece);
        shown.push_str(&new);
        if stop.is_none() {
            shown.push_str(&watch.finish());
        }
        (shown, stop)
    }

    #[test]
    fn stops_are_found_and_never_shown() {
        for (text, stops, shown, stop) in [
            ("답: 42\n질문:", &["\n질문"][..], "답: 42", Some("\n질문")),
            ("하나\n둘\n\n셋", &["\n\n"], "하나\n둘", Some("\n\n")),
            ("aab", &["ab"], "a", Some("ab")),
            ("끝나지 않는 글", &["끝!"], "끝나지 않는 글", None),
            ("글 끝", &["끝!"], "글 끝", None),
            ("아무 것도", &[], "아무 것도", None),
            // Complete first, not begun first.
            ("xabcd", &["abcd", "bc"], "xa", Some("bc")),
            ("xabc", &["bc", "abc"], "x", Some("abc")),
        ] {
            let all: Vec<usize> = (0..20).collect();
            for cuts in [&[][..], &all, &[1, 3, 4]] {
                let expected = (shown.to_owned(), stop.map(str::to_owned));
                assert_eq!(run(text, stops, &[]).1.is_some(), stop.is_some());
                if cuts.len() == all.len() {
                    assert_eq!(run(text, stops, cuts), expected, "{text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[가ab\n]{0,12}", stop in "[가ab\n]{1,3}", cuts in prop::collection::vec(0usize..12, 0..6)) {
            let whole = run(&text, &[&stop], &[]);
            prop_assert_eq!(&run(&text, &[&stop], &cuts), &whole);
            let expected = text.find(&stop).map_or(text.as_str(), |at| &text[..at]);
            prop_assert_eq!(whole.0, expected);
        }
    }
}
