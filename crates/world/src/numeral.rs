//! Numbers in words: English, Sino-Korean (일, 이, 삼) and native Korean before a counter (한, 두, 세).

/// English words for numbers up to 9,999, such as `twenty-one`.
pub(crate) fn english(number: u32) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let (head, rest) = match number {
        0..20 => return SMALL[number as usize].to_string(),
        20..100 => {
            let tens = TENS[(number / 10) as usize];
            return match number % 10 {
                0 => tens.to_string(),
                ones => format!("{tens}-{}", SMALL[ones as usize]),
            };
        }
        100..1_000 => (format!("{} hundred", english(number / 100)), number % 100),
        _ => (
            format!("{} thousand", english(number / 1_000)),
            number % 1_000,
        ),
    };
    if rest == 0 {
        head
    } else {
        format!("{head} {}", english(rest))
    }
}

/// Sino-Korean words for numbers up to 9,999, such as `이십일`; a leading one is not said
/// (`십`, not `일십`).
pub(crate) fn sino(number: u32) -> String {
    const DIGITS: [&str; 10] = ["", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
    if number == 0 {
        return "영".to_string();
    }
    let mut words = String::new();
    for (unit, name) in [(1_000, "천"), (100, "백"), (10, "십"), (1, "")] {
        match (number / unit) % 10 {
            0 => {}
            1 if unit > 1 => words.push_str(name),
            digit => {
                words.push_str(DIGITS[digit as usize]);
                words.push_str(name);
            }
        }
    }
    words
}

/// Native Korean words before a counter, from 1 to 99, such as `세` (명) or `스물한` (개).
pub(crate) fn native(number: u32) -> String {
    const ONES: [&str; 10] = [
        "", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉",
    ];
    const TENS: [&str; 10] = [
        "", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔",
    ];
    assert!(
        (1..100).contains(&number),
        "native numerals run from 1 to 99, not {number}"
    );
    if number == 20 {
        return "스무".to_string();
    }
    format!(
        "{}{}",
        TENS[(number / 10) as usize],
        ONES[(number % 10) as usize]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_read_them() {
        for (number, words, korean) in [
            (0, "zero", "영"),
            (7, "seven", "칠"),
            (10, "ten", "십"),
            (11, "eleven", "십일"),
            (21, "twenty-one", "이십일"),
            (90, "ninety", "구십"),
            (101, "one hundred one", "백일"),
            (
                1_834,
                "one thousand eight hundred thirty-four",
                "천팔백삼십사",
            ),
            (6_010, "six thousand ten", "육천십"),
        ] {
            assert_eq!(english(number), words);
            assert_eq!(sino(number), korean);
        }
        for (number, words) in [
            (1, "한"),
            (4, "네"),
            (10, "열"),
            (12, "열두"),
            (20, "스무"),
            (21, "스물한"),
        ] {
            assert_eq!(native(number), words);
        }
    }
}
