//! Words of a text: Python's `\w+`, and NLTK's `word_tokenize` (a Treebank tokenizer within Punkt's sentences).

use super::contractions;
use super::sentences;
use fancy_regex::Regex;
use std::sync::LazyLock;

/// How many runs of letters, digits and underscores there are. Python's `\w` leaves out the marks that
/// are written around letters, so that a word in Hindi counts as several, and so it is here.
pub(super) fn count(text: &str) -> usize {
    static WORD: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"[\p{L}\p{N}_]+").expect("a pattern of ours"));
    WORD.find_iter(text).count()
}

/// Python's `str.isupper`: letters with case, all of them upper.
pub(super) fn is_upper(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

/// Python's `str.islower`.
pub(super) fn is_lower(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
}

/// `nltk.word_tokenize`.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = String> {
    let sentences: Vec<String> = sentences::split(text).into_iter().map(tokenized).collect();
    sentences.into_iter().flat_map(|sentence| {
        let words: Vec<String> = sentence.split_whitespace().map(str::to_owned).collect();
        words
    })
}

/// What is found, and what stands in its place; in this order.
const STEPS: &[(&str, &str)] = &[
    // opening quotes
    ("([«“‘„]|[`]+)", " ${1} "),
    ("^\"", "``"),
    ("(``)", " ${1} "),
    (r#"([ \(\[{<])("|'{2})"#, "${1} `` "),
    (r"(?i)(?<!\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", "${1} "),
    // punctuation
    (r#"([^\.])(\.)([\]\)}>"'»”’ ]*+)\s*$"#, "${1} ${2} ${3} "),
    (r"([:,])([^\d])", " ${1} ${2}"),
    (r"([:,])$", " ${1} "),
    (r"\.{2,}", " ${0} "),
    (r"[;@#$%&]", " ${0} "),
    (r"[\u{2012}-\u{2015}]", " ${0} "),
    (r#"([^\.])(\.)([\]\)}>"']*)\s*$"#, "${1} ${2}${3} "),
    (r"[?!]", " ${0} "),
    (r"([^'])' ", "${1} ' "),
    (r"[*]", " ${0} "),
    (r"[\]\[\(\)\{\}\<\>]", " ${0} "),
    ("--", " -- "),
];

/// The same, after a space was put at both ends: closing quotes and contractions.
const LATER: &[(&str, &str)] = &[
    ("([»”’])", " ${1} "),
    ("''", " '' "),
    ("\"", " '' "),
    (r"\s+", " "),
    (r"([^' ])('[sS]|'[mM]|'[dD]|') ", "${1} ${2} "),
    (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "${1} ${2} "),
];

type Steps = Vec<(Regex, &'static str)>;

fn compiled(steps: &[(&str, &'static str)]) -> Steps {
    let steps = steps.iter();
    let steps =
        steps.map(|(pattern, with)| (Regex::new(pattern).expect("a pattern of ours"), *with));
    steps.collect()
}

fn tokenized(sentence: &str) -> String {
    static FIRST: LazyLock<Steps> = LazyLock::new(|| compiled(STEPS));
    static THEN: LazyLock<Steps> = LazyLock::new(|| compiled(LATER));
    static LAST: LazyLock<Steps> = LazyLock::new(|| compiled(contractions::ALL));
    let apply = |steps: &Steps, text: String| {
        let steps = steps.iter();
        steps.fold(text, |text, (pattern, with)| {
            pattern.replace_all(&text, *with).into_owned()
        })
    };
    let text = apply(&FIRST, sentence.to_owned());
    let text = apply(&THEN, format!(" {text} "));
    apply(&LAST, text)
}
