//! Which option was said, in an answer in words, in English or Korean.
//!
//! The report asks for `Therefore, the answer is: X` and `따라서, 정답은: X` (section 10); models write
//! `**정답: (B)**`, `정답은 ③번입니다`, `Ｂ`, `\boxed{\text{B}}`. The last place that names an answer and
//! a letter behind it counts; without one, an answer that is nothing but its letter, or that begins
//! with it. Letters in the middle of the reasons are never taken.

/// Words after which the answer stands.
const MARKERS: [&str; 6] = ["answer", "정답", "답은", "답:", "답 :", "\\boxed"];

/// What may stand between those words and the letter.
const BETWEEN: [&str; 16] = [
    "is",
    "option",
    "choice",
    "은",
    "는",
    "이",
    "보기",
    "선택지",
    "번호",
    "\\text",
    "\\textbf",
    "\\mathrm",
    "\\mathbf",
    "\\boxed",
    "should be",
    "would be",
];

/// Words with which a sentence goes on after the letter A; before others it is an article.
const GOES_ON: [&str; 9] = [
    "because", "since", "as", "and", "for", "which", "with", "due", "based",
];

/// What a Korean sentence goes on with after a letter that is the answer: `B입니다`, `B번`, `B라고`.
const PARTICLES: &str = "입이번라가다임을를은는와과로예였야";

/// The option (0 for A) that the text names as the answer, of so many.
pub(crate) fn said(text: &str, options: usize) -> Option<usize> {
    let letters = plain(text);
    let lower: Vec<char> = letters.iter().map(char::to_ascii_lowercase).collect();
    let mut found = None;
    for start in 0..lower.len() {
        for marker in MARKERS {
            if starts_with(&lower[start..], marker) {
                let end = start + marker.chars().count();
                found = after(&letters, &lower, end, !marker.is_ascii(), options).or(found);
            }
        }
    }
    found.or_else(|| alone(&letters, options))
}

/// Full-width forms as ASCII, circled letters as letters in brackets, without Markdown's marks.
fn plain(text: &str) -> Vec<char> {
    let mut letters = Vec::with_capacity(text.len());
    for letter in text.chars() {
        let code = letter as u32;
        let bracketed = |first: u32, base: char| {
            let inner = char::from_u32(code - first + base as u32).unwrap_or(letter);
            ['(', inner, ')']
        };
        match code {
            0xff01..=0xff5e => letters.extend(char::from_u32(code - 0xfee0)),
            0x3000 => letters.push(' '),
            0x24b6..=0x24cf => letters.extend(bracketed(0x24b6, 'A')),
            0x24d0..=0x24e9 => letters.extend(bracketed(0x24d0, 'a')),
            0x249c..=0x24b5 => letters.extend(bracketed(0x249c, 'a')),
            0x2474..=0x247c => letters.extend(bracketed(0x2474, '1')),
            _ if "*`$_".contains(letter) => {}
            _ => letters.push(letter),
        }
    }
    letters
}

fn starts_with(letters: &[char], word: &str) -> bool {
    let mut letters = letters.iter();
    word.chars().all(|letter| letters.next() == Some(&letter))
}

/// The option named right after a marker that ends at `at`.
fn after(
    letters: &[char],
    lower: &[char],
    mut at: usize,
    korean: bool,
    options: usize,
) -> Option<usize> {
    let mut opened = false;
    while at < letters.len() {
        let letter = letters[at];
        if letter.is_whitespace() || ":-=.\"'“‘「『".contains(letter) {
            at += 1;
        } else if "([{<〈《【".contains(letter) {
            opened = true;
            at += 1;
        } else if let Some(word) = BETWEEN.iter().find(|word| between(&lower[at..], word)) {
            at += word.chars().count();
        } else {
            break;
        }
    }
    label(letters, at, opened, korean, options).map(|(option, _)| option)
}

/// Whether the word stands here, and not only its beginning.
fn between(lower: &[char], word: &str) -> bool {
    let next = lower.get(word.chars().count());
    let ends = !word.is_ascii() || !next.is_some_and(char::is_ascii_alphanumeric);
    ends && starts_with(lower, word)
}

/// The option whose letter or number stands at `at`, and where it ends.
fn label(
    letters: &[char],
    at: usize,
    opened: bool,
    korean: bool,
    options: usize,
) -> Option<(usize, usize)> {
    let letter = *letters.get(at)?;
    let rest = &letters[at + 1..];
    let of = |code: u32| (code < options as u32).then_some((code as usize, at + 1));
    match letter {
        '①'..='⑨' => of(letter as u32 - '①' as u32),
        '1'..='9' => {
            let named = starts_with(rest, "번") || (opened && starts_with(rest, ")번"));
            let closes_the_line = rest
                .iter()
                .take_while(|letter| **letter != '\n')
                .all(|letter| !letter.is_alphanumeric());
            let whole = named || (korean && closes_the_line);
            whole.then(|| of(letter as u32 - '1' as u32)).flatten()
        }
        'A'..='Z' | 'a'..='z' => {
            let closed = match rest.first() {
                Some('+' | '\'' | '’') => false,
                Some('-') => !rest.get(1).is_some_and(|next| next.is_alphanumeric()),
                Some(next) => !next.is_alphanumeric() || PARTICLES.contains(*next),
                None => true,
            };
            let article = letter.eq_ignore_ascii_case(&'a') && !opened && is_article(letter, rest);
            let code = letter.to_ascii_uppercase() as u32 - 'A' as u32;
            (closed && !article).then(|| of(code)).flatten()
        }
        _ => None,
    }
}

/// Whether an `A` without brackets is an English article.
fn is_article(letter: char, rest: &[char]) -> bool {
    if rest.first() != Some(&' ') {
        return letter == 'a' && !rest.is_empty() && !".,)\n".contains(rest[0]);
    }
    let word: String = rest[1..]
        .iter()
        .take_while(|letter| letter.is_ascii_alphabetic())
        .collect();
    let lower = word.starts_with(|first: char| first.is_ascii_lowercase());
    letter == 'a' || (lower && !GOES_ON.contains(&word.as_str()))
}

/// An answer without a marker: its last line is a letter alone, or it begins with one and no other
/// line begins with another (which would be the options, told once more).
fn alone(letters: &[char], options: usize) -> Option<usize> {
    let opening = |line: &[char]| {
        let opened = line
            .iter()
            .take_while(|letter| letter.is_whitespace() || "([\"'".contains(**letter))
            .count();
        let (option, end) = label(line, opened, opened > 0, true, options)?;
        Some((option, line[end..].to_vec()))
    };
    let lines: Vec<&[char]> = letters
        .split(|letter| *letter == '\n')
        .filter(|line| line.iter().any(|letter| !letter.is_whitespace()))
        .collect();
    if let Some((option, rest)) = opening(lines.last()?)
        && !rest.iter().any(|letter| letter.is_alphanumeric())
    {
        return Some(option);
    }
    let marked = |line: &&[char]| {
        let (option, rest) = opening(line)?;
        matches!(rest.first(), Some('.' | ')' | ':' | ']')).then_some(option)
    };
    let first = marked(&lines[0])?;
    let others = lines.iter().filter_map(marked);
    others
        .into_iter()
        .all(|option| option == first)
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, wanted: Option<char>) {
        let found = said(text, 4).map(|at| char::from(b'A' + at as u8));
        assert_eq!(found, wanted, "{text:?}");
    }

    #[test]
    fn english() {
        check(
            "Paris is the capital. Therefore, the answer is: B",
            Some('B'),
        );
        check("Therefore, the answer is: **(C)**.", Some('C'));
        check("The answer is A because it is so.", Some('A'));
        check(
            "The answer is a dog. Therefore, the answer is: D",
            Some('D'),
        );
        check("The answer is A dog of some size", None);
        check("The answer is not A. The answer is option B.", Some('B'));
        check("the correct answer is b.", Some('B'));
        check("Final answer: $\\boxed{\\text{C}}$", Some('C'));
        check("Answer:\nB", Some('B'));
        check("The answer is: D, since A, B and C are wrong.", Some('D'));
        check("The answer is Berlin", None);
        check("The answer is C++", None);
        check("The answer is 4", None);
        check("The answer is E", None);
        check("The answer is \"B\"", Some('B'));
        check("The answer should be [D]", Some('D'));
    }

    #[test]
    fn korean() {
        check("따라서, 정답은: B", Some('B'));
        check("정답은 (B)입니다.", Some('B'));
        check("**정답: C**", Some('C'));
        check("정답은 ③번입니다.", Some('C'));
        check("정답은 ③", Some('C'));
        check("답은 3번이다", Some('C'));
        check("정답은 (2)번 보기이다", Some('B'));
        check("정답: 2", Some('B'));
        check("정답은 2 m 이상이다", None);
        check("정답은：Ｂ", Some('B'));
        check("정답은 「Ａ」이다", Some('A'));
        check("정답은 ⓑ", Some('B'));
        check("정답은 ⑵", Some('B'));
        check(
            "정답은 D이다. 다만 A를 답으로 고르는 사람도 있다.",
            Some('D'),
        );
        check("정답이 A라고 생각하기 쉽지만, 따라서 정답은: C", Some('C'));
        check("정답은 보기 B번입니다", Some('B'));
        check("정답은 A형 간염이다", None);
        check("정답은 없다", None);
        check("정답은 ⑤", None);
        check("답은 B라고 할 수 있다", Some('B'));
    }

    #[test]
    fn a_letter_alone() {
        check("B", Some('B'));
        check(" (c) ", Some('C'));
        check("③", Some('C'));
        check("B. 서울", Some('B'));
        check("(D) 부산은 항구이다", Some('D'));
        check("생각해 보자.\n\nＡ.", Some('A'));
        check("A dog is an animal.", None);
        check("A. 서울은 아니다.\nB. 부산도 아니다.", None);
        check("A와 B를 견주면 B가 크다.", None);
        check("", None);
        check("모르겠습니다.", None);
    }

    #[test]
    fn five_options() {
        assert_eq!(said("따라서, 정답은: (E)", 5), Some(4));
        assert_eq!(said("정답은 ⑤", 5), Some(4));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(\\PC|\n|정답|answer|\\(|A|B|③| )*", options in 2usize..6) {
            if let Some(option) = said(&text, options) {
                prop_assert!(option < options);
            }
        }

        #[test]
        fn the_wanted_phrase_is_found_after_anything(text in "(\\PC|\n)*", option in 0usize..4) {
            let letter = char::from(b'A' + option as u8);
            let english = format!("{text}\nTherefore, the answer is: {letter}");
            prop_assert_eq!(said(&english, 4), Some(option));
            let korean = format!("{text}\n따라서, 정답은: ({letter})입니다.");
            prop_assert_eq!(said(&korean, 4), Some(option));
        }
    }
}
