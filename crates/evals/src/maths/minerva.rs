//! The normal form of lm-eval's `minerva_math` (Lewkowycz et al. 2022, appendix D, as 0.4.13 mends it).

use regex::Regex;
use std::sync::LazyLock;

/// Replaced in this order, once spaces no longer delimit units.
const REPLACED: [(&str, &str); 10] = [
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    ("\\$", ""),
    ("\\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (",\\text{and}", ","),
    ("\\text{and}", ","),
    ("\\text{m}", "\\text{}"),
];

/// Units and ornaments that say nothing, in lm-eval's order.
const REMOVED: [&str; 40] = [
    "square",
    "ways",
    "integers",
    "dollars",
    "mph",
    "inches",
    "ft",
    "hours",
    "km",
    "units",
    "\\ldots",
    "sue",
    "points",
    "feet",
    "minutes",
    "digits",
    "cents",
    "degrees",
    "cm",
    "gm",
    "pounds",
    "meters",
    "meals",
    "edges",
    "students",
    "childrentickets",
    "multiples",
    "\\text{s}",
    "\\text{.}",
    "\\text{\ns}",
    "\\text{}^2",
    "\\text{}^3",
    "\\text{\n}",
    "\\text{}",
    "\\mathrm{th}",
    "^\\circ",
    "^{\\circ}",
    "\\;",
    ",\\!",
    "{,}",
];

/// The rest of [`REMOVED`].
const REMOVED_LAST: [&str; 2] = ["\"", "\\dots"];

/// Patterns and what they become, in order.
static PATTERNS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"(.*?)(\$)(.*?)(\$)(.*)", "$$${3}$$"),
        (r"(\\text\{)(.*?)(\})", "${2}"),
        (r"(\\textbf\{)(.*?)(\})", "${2}"),
        (r"(\\overline\{)(.*?)(\})", "${2}"),
        (r"(\\boxed\{)(.*)(\})", "${2}"),
        (r"(frac)([^{])(.)", "frac{${2}}{${3}}"),
        (r"(sqrt)(\[[^\]]*\])(\w)", "${1}${2}{${3}}"),
        (r"(sqrt)([^{\[])", "sqrt{${2}}"),
    ]
    .map(|(pattern, to)| (Regex::new(pattern).expect("a pattern of ours"), to))
    .into()
});

static THOUSANDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^-?\d{1,3}(,\d{3})+$").expect("a pattern of ours"));

static COMMANDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\[a-zA-Z]+").expect("a pattern of ours"));

/// lm-eval's `normalize_final_answer`.
pub(crate) fn normal(answer: &str) -> String {
    let removed = || REMOVED.into_iter().chain(REMOVED_LAST);
    let word = |text: &&str| text.chars().all(char::is_alphabetic);
    let mut answer = answer.rsplit('=').next().unwrap_or_default().to_owned();
    for unit in removed().filter(word) {
        answer = without_word(&answer, unit);
    }
    for (from, to) in REPLACED {
        answer = answer.replace(from, to);
    }
    for text in removed() {
        answer = match word(&text) {
            true => outside_commands(&answer, |part| part.replace(text, "")),
            false => answer.replace(text, ""),
        };
    }
    for (pattern, to) in PATTERNS.iter() {
        answer = pattern.replace_all(&answer, *to).into_owned();
    }
    answer = answer.replace('$', "");
    match THOUSANDS.is_match(&answer) {
        true => answer.replace(',', ""),
        false => answer,
    }
}

/// Without a unit where it stands as a word of its own that no backslash begins.
fn without_word(text: &str, unit: &str) -> String {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(found) = text[from..].find(unit) {
        let (start, end) = (from + found, from + found + unit.len());
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        kept.push_str(&text[from..start]);
        if before.is_some_and(|letter| letter == '\\' || is_word(letter))
            || after.is_some_and(is_word)
        {
            kept.push_str(unit);
        }
        from = end;
    }
    kept.push_str(&text[from..]);
    kept
}

/// The text with everything changed but LaTeX's commands.
fn outside_commands(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut from = 0;
    for command in COMMANDS.find_iter(text) {
        changed.push_str(&change(&text[from..command.start()]));
        changed.push_str(command.as_str());
        from = command.end();
    }
    changed.push_str(&change(&text[from..]));
    changed
}
