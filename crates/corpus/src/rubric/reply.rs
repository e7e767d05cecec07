//! The grade in a model's reply: the last number after the words that the rubrics ask for, where they begin a line and
//! state it; else after any word for a grade, or the reply itself where it is one.
//!
//! Models write `교육 점수: 3`, `**Educational score:** 3/5`, `{"score": 3}`, `점수는 5점 만점에 3점`, or a bare
//! `3`; what a reasoning model thinks aloud before `</think>` does not count. What cannot be read is told
//! apart by why, because the remedies differ, and is never guessed at.

use super::HIGHEST;

/// Why a reply is no grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bad {
    /// There is no number where one was asked for.
    NoGrade,
    /// The number is not on the scale.
    OutOfRange,
    /// The number is no whole one.
    NotWhole,
}

impl Bad {
    /// The reason, as it stands in a ledger.
    pub fn reason(self) -> &'static str {
        match self {
            Bad::NoGrade => "no_grade",
            Bad::OutOfRange => "out_of_range",
            Bad::NotWhole => "not_whole",
        }
    }
}

/// Words that a grade follows.
const MARKS: [&str; 6] = ["점수", "평점", "등급", "score", "grade", "rating"];
/// Words that the rubrics ask for on a line of their own: what stands before a mark, and the mark. A number that they
/// state is the grade, whatever other marks follow: `Educational score: 4. It is suited to grade 3 pupils.`
const ASKED_FOR: [(&str, &str); 2] = [("교육", "점수"), ("educational", "score")];
/// What may stand between the word and the number, besides white space.
const BETWEEN: &str = ":=-–—*_`'\"#>는은이가을를";
/// Words that may stand there too.
const FILLERS: [&str; 4] = ["is", "of", "입니다", "총"];

/// The grade that a reply gives, 0 to [`HIGHEST`].
///
/// # Errors
/// Why it gives none.
pub fn grade(reply: &str) -> Result<u8, Bad> {
    let said = reply.rsplit("</think>").next().unwrap_or_default();
    // Digits of full width, as Korean keyboards type them, are digits.
    let said: String = said.chars().map(narrow).collect();
    // Small letters are all that is compared; every byte stays in its place.
    let small = said.to_ascii_lowercase();
    let mut found: Option<((bool, bool, usize), f64)> = None;
    for mark in MARKS {
        for (at, _) in small.match_indices(mark) {
            let after = at + mark.len();
            let begins = begins(said.as_bytes(), at);
            if !begins && !small[after..].starts_with([':', '=', '"', '\'', '`', '”', '’']) {
                continue;
            }
            let Some((number, left)) = number_after(&small[after..]) else {
                continue;
            };
            let asked = is_asked_for(&small[..at], mark) && is_stated(&small[after..], left);
            // Within words it counts where it names a value, as in `eduscore: 3`; but English is full of words that
            // end in `rating`, so that one goes behind all others.
            let place = (asked, begins || mark != "rating", after);
            if found.is_none_or(|(best, _)| place > best) {
                found = Some((place, number));
            }
        }
    }
    let number = found.map(|(_, number)| number);
    let number = number.or_else(|| alone(&small));
    let number = number.ok_or(Bad::NoGrade)?;
    if !(0.0..=f64::from(HIGHEST)).contains(&number) {
        return Err(Bad::OutOfRange);
    }
    if number.fract() != 0.0 {
        return Err(Bad::NotWhole);
    }
    Ok(number as u8)
}

/// Whether a mark and what stands before it are words that a rubric asks for, and begin their line or are a key:
/// `교육 점수`, `**교육** 점수`, `- educational_score`.
fn is_asked_for(before: &str, mark: &str) -> bool {
    let before = before.trim_end_matches([' ', '_', '-', '*']);
    let line = ASKED_FOR
        .iter()
        .filter(|(_, second)| *second == mark)
        .find_map(|(first, _)| before.strip_suffix(*first));
    let Some(line) = line else {
        return false;
    };
    let start = line.trim_end_matches(|c: char| {
        c != '\n' && (c.is_whitespace() || c.is_ascii_digit() || "*_#`\"{>-+•·.)".contains(c))
    });
    let key = line.ends_with('"') && start.ends_with(',');
    start.is_empty() || start.ends_with('\n') || key
}

/// Whether a number is stated `after` a mark, and not only named with it: `: 4`, `는 4점입니다.`, `is 4.`, but not
/// ` 1점을 주고 시작한다`. What is `left` follows the number.
fn is_stated(after: &str, left: &str) -> bool {
    let signs = |c: char| c != '\n' && (c.is_whitespace() || "*_`'\"".contains(c));
    let after = after.trim_start_matches(signs);
    // The scale in brackets.
    let after = after
        .strip_prefix('(')
        .and_then(|inside| inside.split_once(')'))
        .map_or(after, |(_, after)| after.trim_start_matches(signs));
    let left = left.strip_prefix("점").unwrap_or(left);
    let left = left.trim_start_matches(signs);
    after.starts_with([':', '=', '–', '—', '\n'])
        || (["는", "은", "is"].iter().any(|is| after.starts_with(is))
            && (left.is_empty()
                || ["입니다", "이다", ".", ",", "/", "\n"]
                    .iter()
                    .any(|end| left.starts_with(end))))
}

/// Whether a word begins here, and not inside another: the `rating` of `generating 5` is none. Capitals tell words
/// apart too, as in `qualityScore`.
fn begins(said: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map_or(b' ', |before| said[before]);
    let inside = said[at].is_ascii_alphabetic() && before.is_ascii_alphabetic();
    !inside || (before.is_ascii_lowercase() && said[at].is_ascii_uppercase())
}

/// The number that follows a word for a grade, and what is left behind it.
fn number_after(mut rest: &str) -> Option<(f64, &str)> {
    loop {
        let trimmed =
            rest.trim_start_matches(|c: char| c.is_whitespace() || BETWEEN.contains(c) && c != '-');
        // A scale in brackets: `score (0-5): 3`.
        let trimmed = match trimmed
            .strip_prefix('(')
            .and_then(|inside| inside.split_once(')'))
        {
            Some((inside, after)) if number(inside).is_none_or(|(_, left)| !left.is_empty()) => {
                after
            }
            Some((inside, _)) => inside,
            None => trimmed,
        };
        let trimmed = FILLERS
            .iter()
            .find_map(|word| trimmed.strip_prefix(word))
            .unwrap_or(trimmed);
        if trimmed.len() == rest.len() {
            break;
        }
        rest = trimmed;
    }
    let (value, behind) = number(rest)?;
    let left = behind.trim_start();
    // `5점 만점에 3점` and `5점 만점 중 3점`: the first is the scale.
    if let Some(after) = left
        .strip_prefix("점")
        .unwrap_or(left)
        .trim_start()
        .strip_prefix("만점")
    {
        let after =
            after.trim_start_matches(|c: char| c.is_whitespace() || ":에의중기준으로".contains(c));
        return number(after);
    }
    // A range is a scale and no grade: `점수: 0~5`.
    let ranged = left
        .strip_prefix(['~', '-', '–', '∼'])
        .is_some_and(|after| number(after.trim_start()).is_some());
    (!ranged).then_some((value, behind))
}

/// A reply that is a number and nothing else: `3`, `3점`, `**3**`, `3/5`.
fn alone(said: &str) -> Option<f64> {
    let said = said.trim_matches(|c: char| c.is_whitespace() || "*_`'\"#.".contains(c));
    let (value, left) = number(said)?;
    let left = left.trim_start();
    let ends = ["", "점", "/5", "/ 5", "점입니다", "/5점"];
    ends.contains(&left.trim_end_matches(['.', '*']))
        .then_some(value)
}

/// The number a text begins with, and what is left of it.
fn number(text: &str) -> Option<(f64, &str)> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(&text[sign..]);
    if whole == 0 {
        return None;
    }
    let mut end = sign + whole;
    if text[end..].starts_with('.') {
        let part = digits(&text[end + 1..]);
        end += if part > 0 { 1 + part } else { 0 };
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn narrow(letter: char) -> char {
    match letter {
        '０'..='９' | '：' | '（' | '）' | '．' | '－' | '／' | '＝' | '～' => {
            char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(reply: &str, wanted: Result<u8, Bad>) {
        assert_eq!(grade(reply), wanted, "{reply:?}");
    }

    #[test]
    fn a_grade_is_read_as_models_write_it() {
        for (reply, wanted) in [
            ("광합성을 차근차근 설명한다.\n교육 점수: 4", 4),
            ("교육 점수: 0", 0),
            ("교육 점수 : 5점", 5),
            ("**교육 점수:** 3/5", 3),
            ("교육 점수: **2**", 2),
            ("점수는 3점입니다.", 3),
            ("점수: 5점 만점에 3점", 3),
            ("점수는 5점 만점 중 2점입니다", 2),
            ("교육 점수：４", 4),
            ("교육 점수 (0~5): 1", 1),
            ("점수는 0~5 사이에서 매긴다.\n교육 점수: 2", 2),
            ("Educational score: 3", 3),
            ("Educational Score is 4.", 4),
            ("Score (0-5): 3", 3),
            ("score: (4)", 4),
            ("{\"reason\": \"…\", \"score\": 1}", 1),
            ("Final rating = 4.0", 4),
            ("3", 3),
            (" **3** ", 3),
            ("3점", 3),
            ("2/5", 2),
            ("<think>score: 5? No.</think>\n교육 점수: 1", 1),
            (
                "A score of 1 for facts, a score of 2 in all.\nEducational score: 2",
                2,
            ),
            ("교육 점수: 3\n\n(5점 중)", 3),
        ] {
            check(reply, Ok(wanted));
        }
    }

    #[test]
    fn the_words_that_were_asked_for_go_before_others() {
        for (reply, wanted) in [
            ("Educational score: 4. It is suited to grade 3 pupils.", 4),
            (
                "**Educational** Score: 1 – a rating of 5 would be unfair",
                1,
            ),
            ("{\"educational_score\": 2, \"readability_score\": 5}", 2),
            ("교육 점수: 4\n초등학교 3학년, 등급 2 수준의 글이다.", 4),
            ("교육점수는 2점입니다. 문체 점수: 5", 2),
            ("교육 점수: 3 (난이도 등급: 1, grade 5)", 3),
            ("등급 1인 글과 비교하면 낫다.\n교육 점수: 3", 3),
            // Of several that were asked for, the last.
            ("교육 점수는 0점에서 시작한다.\n점수 5\n교육 점수: 2", 2),
            // Words without a number say nothing.
            ("교육 점수를 매긴다. 평점: 3", 3),
            ("Score: 1, then score: 2", 2),
        ] {
            check(reply, Ok(wanted));
        }
    }

    #[test]
    fn words_that_were_asked_for_state_the_grade_only_where_they_begin_a_line() {
        for (reply, wanted) in [
            ("교육 점수 1점 수준의 내용이다.\n품질 점수: 4", 4),
            (
                "교육 점수 1점을 주고 시작한다. 조건을 채운다. 최종 점수: 4",
                4,
            ),
            ("교육 점수는 0점에서 시작한다. 최종 점수: 4", 4),
            ("이 글에 교육 점수: 1은 박하다.\n품질 점수: 4", 4),
            ("성교육 점수: 1\n품질 점수: 4", 4),
            ("\"재교육 점수\": 1, \"품질 점수\": 4", 4),
            ("Coeducational score: 1\nquality score: 4", 4),
            ("Educational score is 4. It is suited to grade 3 pupils.", 4),
            ("- **교육 점수**: 4\n- 난이도 등급: 2", 4),
            ("2) 교육 점수 (0~5) = 4\n3) 문체 점수: 1", 4),
            ("## 교육 점수\n4\n\n등급 2 수준이 아니다.", 4),
            (
                "{\"reason\": \"좋다\", \"educational_score\": 4, \"readability_score\": 5}",
                4,
            ),
        ] {
            check(reply, Ok(wanted));
        }
    }

    #[test]
    fn a_compound_that_names_a_value_is_a_word_for_a_grade() {
        for (reply, wanted) in [
            ("{\"eduscore\": 3}", 3),
            ("totalscore: 3", 3),
            ("AIScore: 3", 3),
            ("EDUSCORE=3", 3),
            (
                "{\"reason\": \"a score of 1 for facts\", \"eduscore\": 3}",
                3,
            ),
            ("점수: 2 (generating 5, upgrade 3)", 2),
        ] {
            check(reply, Ok(wanted));
        }
        check("It is about an upgrade 3 of 5.", Err(Bad::NoGrade));
    }

    #[test]
    fn a_word_inside_another_is_no_word_for_a_grade() {
        for (reply, wanted) in [
            ("Educational score: 2 (about generating 5 numbers)", 2),
            ("Score: 2 (about generating 5 numbers)", 2),
            ("점수: 3 (underscore 5, upgrade 4)", 3),
            ("{\"qualityScore\": 4, \"operating\": 1}", 4),
            ("quality_score: 1", 1),
            ("AI점수: 3", 3),
            ("최종score: 2", 2),
        ] {
            check(reply, Ok(wanted));
        }
        check("It is about generating 5 numbers.", Err(Bad::NoGrade));
        check("발전기 operating 3대", Err(Bad::NoGrade));
    }

    #[test]
    fn what_is_no_grade_says_why() {
        for reply in [
            "",
            "좋은 글입니다.",
            "교육 점수: 정수",
            "Educational score: high",
            "2024년에 쓴 글",
            "점수: 0~5",
            "점수: ",
            "</think>",
        ] {
            check(reply, Err(Bad::NoGrade));
        }
        for reply in [
            "교육 점수: 6",
            "교육 점수: -1",
            "score: 85/100",
            "7",
            "교육 점수: 99999999999999999999",
        ] {
            check(reply, Err(Bad::OutOfRange));
        }
        for reply in ["교육 점수: 3.5", "2.5", "score: 0.5"] {
            check(reply, Err(Bad::NotWhole));
        }
    }

    proptest! {
        #[test]
        fn whatever_a_model_says_is_a_grade_or_a_reason(reply in "(점수|score|[0-9０-９.~()/*:점만에<> -]|\\PC){0,20}") {
            if let Ok(grade) = grade(&reply) {
                prop_assert!(grade <= HIGHEST);
            }
        }

        #[test]
        fn a_grade_at_the_end_is_read_whatever_stands_before(before in "\\PC{0,80}", wanted in 0_u8..=5) {
            prop_assume!(!before.contains("</think"));
            let reply = format!("{before}\n교육 점수: {wanted}");
            prop_assert_eq!(grade(&reply), Ok(wanted));
        }
    }
}
