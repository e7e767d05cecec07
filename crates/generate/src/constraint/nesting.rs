//! How deep the parentheses of a Lark grammar are nested, in llguidance's dialect.
//!
//! Parentheses in strings, regular expressions, comments, JSON and the names of special tokens are none.
//! Where a text is no Lark at all the depth may be wrong: such a text is refused before anybody parses it.

/// The most parentheses that are open at once.
pub(super) fn depth(lark: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut rest = lark.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'(', _) => {
                depth += 1;
                deepest = deepest.max(depth);
                after
            }
            (b')', _) => {
                depth = depth.saturating_sub(1);
                after
            }
            (b'#', _) | (b'/', [b'/', ..]) => behind(after, b'\n'),
            (b'<', _) => behind(after, b'>'),
            // JSON has no other place for a parenthesis than its strings, which are like those of Lark.
            (b'"' | b'/', _) => behind_quote(after, *first),
            _ => after,
        };
    }
    deepest
}

/// What follows the first such byte; nothing where there is none.
fn behind(text: &[u8], end: u8) -> &[u8] {
    let at = text.iter().position(|byte| *byte == end);
    at.map_or(&[], |at| &text[at + 1..])
}

/// The same where a `\` takes its meaning from the byte that follows it.
fn behind_quote(text: &[u8], end: u8) -> &[u8] {
    let mut escaped = false;
    let at = text.iter().position(|byte| {
        let found = *byte == end && !escaped;
        escaped = *byte == b'\\' && !escaped;
        found
    });
    at.map_or(&[], |at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn only_parentheses_that_nest_are_counted() {
        for (lark, expected) in [
            ("start: \"가\"", 0),
            ("start: (\"가\" | (\"나\" \"다\")) (\"라\")", 2),
            ("start: \"((((\" /[(](\\/(()/ (\"가\")", 1),
            ("start: \"\\\"((\" /\\\\/ (\"\\\\\" (\"가\"))", 2),
            ("# ((((\nstart: (\"가\") // (((\n", 1),
            (
                "start: %json {\"enum\": [\"((\\\"((\", \"/\"]} (<|끝(((|> \"나\")",
                1,
            ),
            (
                "a::_: \"가\" %if and(not(eq(_, 1)), or(true, not (true)))",
                3,
            ),
            ("a::_: \"가\" %if not # (((\n (not(true))", 2),
            // A quotation mark in the name of a token begins no string, and a backslash ends no comment later.
            ("start: <\"> (((\"가\")))", 3),
            ("start: <|\\> (((\"가\")))", 3),
            ("# \\\nstart: (((\"가\")))", 3),
            ("))((", 2),
            ("\"((", 0),
            ("", 0),
        ] {
            assert_eq!(depth(lark), expected, "{lark}");
        }
        assert_eq!(depth(&"not(".repeat(6000)), 6000);
    }
}
