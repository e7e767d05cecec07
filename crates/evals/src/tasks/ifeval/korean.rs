//! What an instruction means where the prompt is Korean.
//!
//! - A prompt or an answer is Korean where at least half of its letters are Hangul (three in ten of a prompt:
//!   Korean prompts quote English), whatever terms in Latin letters stand between.
//! - A word is an eojeol: what stands between spaces and holds a letter or a digit.
//! - A sentence ends with `.`, `?`, `!`, `…` or their wide forms before a space, a closing quote or the end; right
//!   before the next word if an ending such as 다, 요, 죠, 까 stands before the mark (`했다.그리고`); and with a line.
//!   A number of a list (`1.`) is none.
//! - A word is named also where a particle follows it: 사과는 names 사과, 사과나무 does not.
//! - A letter may be a syllable, or a jamo, which is then looked for within syllables.
//! - Commas are also `，` and `、`, quotation marks also `“ ”`.
//!
//! Everything else is as in English; capital letters are asked for of Latin letters only, and Hangul has none.

/// The first syllables' first code.
const HANGUL: u32 = 0xAC00;
const SYLLABLES: u32 = 11_172;

/// Particles and forms of 이다 that follow a noun, the plural first.
const PARTICLES: &[&str] = &[
    "들",
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "의",
    "에",
    "에서",
    "에게",
    "에게서",
    "께",
    "께서",
    "한테",
    "와",
    "과",
    "랑",
    "이랑",
    "하고",
    "도",
    "만",
    "뿐",
    "로",
    "으로",
    "로서",
    "으로서",
    "로써",
    "으로써",
    "부터",
    "까지",
    "마저",
    "조차",
    "보다",
    "처럼",
    "같이",
    "만큼",
    "마다",
    "밖에",
    "대로",
    "나",
    "이나",
    "든지",
    "이든지",
    "라도",
    "이라도",
    "라는",
    "이라는",
    "란",
    "이란",
    "라고",
    "이라고",
    "야",
    "이야",
    "아",
    "여",
    "이여",
    "며",
    "이며",
    "입니다",
    "이다",
    "다",
    "예요",
    "이에요",
    "이었다",
    "였다",
    "이었습니다",
    "였습니다",
    "인",
    "일",
    "이고",
    "이지만",
    "지만",
    "이죠",
    "죠",
    "이네요",
    "네요",
    "씨",
    "님",
];

/// Endings after which a mark ends a sentence even without a space.
const ENDINGS: &[char] = &[
    '다', '요', '죠', '까', '네', '라', '자', '오', '음', '함', '임', '지', '군', '걸',
];

fn is_hangul(c: char) -> bool {
    matches!(u32::from(c), 0xAC00..=0xD7A3 | 0x1100..=0x11FF | 0x3131..=0x318E)
}

/// Whether an answer is Korean.
pub(super) fn is_korean(text: &str) -> bool {
    has_hangul(text, 5)
}

/// Whether a prompt is Korean.
pub(super) fn is_korean_prompt(text: &str) -> bool {
    has_hangul(text, 3)
}

/// Whether so many tenths of the letters are Hangul.
fn has_hangul(text: &str, tenths: usize) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let hangul = text.chars().filter(|c| is_hangul(*c)).count();
    hangul > 0 && hangul * 10 >= letters * tenths
}

/// Eojeols.
pub(super) fn words(text: &str) -> usize {
    let chunks = text.split_whitespace();
    chunks
        .filter(|chunk| chunk.chars().any(char::is_alphanumeric))
        .count()
}

/// Sentences.
pub(super) fn sentences(text: &str) -> usize {
    text.lines().map(in_line).sum()
}

fn in_line(line: &str) -> usize {
    let letters: Vec<char> = line.chars().collect();
    let is_mark = |c: char| matches!(c, '.' | '?' | '!' | '…' | '。' | '？' | '！');
    let closing = |c: char| {
        matches!(
            c,
            '"' | '\'' | ')' | ']' | '”' | '’' | '」' | '』' | '》' | '*'
        )
    };
    let mut number = 0;
    let mut begun = 0;
    let mut at = 0;
    while at < letters.len() {
        if !is_mark(letters[at]) {
            at += 1;
            continue;
        }
        let mark = at;
        while at < letters.len() && is_mark(letters[at]) {
            at += 1;
        }
        while at < letters.len() && closing(letters[at]) {
            at += 1;
        }
        let said: Vec<char> = letters[begun..mark]
            .iter()
            .copied()
            .filter(|c| c.is_alphanumeric())
            .collect();
        // `1.` and `가.` number what follows
        let counts =
            said.iter().all(char::is_ascii_digit) || (said.len() == 1 && mark - begun == 1);
        let ends = letters.get(at).is_none_or(|c| c.is_whitespace());
        let run_on = mark > 0
            && ENDINGS.contains(&letters[mark - 1])
            && letters.get(at).is_some_and(|c| is_hangul(*c));
        if !counts && (ends || run_on) {
            number += 1;
            begun = at;
        } else if counts && ends {
            begun = at;
        }
        while begun < letters.len() && letters[begun].is_whitespace() {
            begun += 1;
        }
    }
    // what is left of a line without a mark
    number
        + usize::from(
            letters[begun.min(letters.len())..]
                .iter()
                .any(|c| c.is_alphabetic()),
        )
}

/// Whether a text names this word: alone, or with particles behind it.
pub(super) fn names(word: &str, text: &str) -> bool {
    if word.is_empty() || !word.chars().any(is_hangul) {
        return false;
    }
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let rest: String = text[at + word.len()..]
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        !before.is_some_and(char::is_alphanumeric) && are_particles(&rest)
    })
}

/// Whether nothing is left once particles are taken off, three at most: 들에게도.
fn are_particles(rest: &str) -> bool {
    fn taken(rest: &str, more: usize) -> bool {
        rest.is_empty()
            || (more > 0
                && PARTICLES
                    .iter()
                    .filter_map(|particle| rest.strip_prefix(particle))
                    .any(|rest| taken(rest, more - 1)))
    }
    taken(rest, 3)
}

const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const VOWELS: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
const FINALS: &str = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// How often a jamo stands within the syllables of a text; of another letter, never.
pub(super) fn letters(jamo: char, text: &str) -> usize {
    if !matches!(u32::from(jamo), 0x3131..=0x3163) {
        return 0;
    }
    let place = |list: &str| list.chars().position(|c| c == jamo);
    let (first, vowel, last) = (place(INITIALS), place(VOWELS), place(FINALS));
    let codes = text.chars().map(|c| u32::from(c).wrapping_sub(HANGUL));
    let codes = codes
        .filter(|code| *code < SYLLABLES)
        .map(|code| code as usize);
    codes
        .map(|code| {
            usize::from(first == Some(code / 588))
                + usize::from(vowel == Some(code % 588 / 28))
                + usize::from(last == Some(code % 28))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_as_they_do_in_korean() {
        let check = |text: &str, wanted: usize| assert_eq!(sentences(text), wanted, "{text}");
        check("오늘은 비가 온다. 내일은 갤까? 글쎄요!", 3);
        check("비가 왔다.그래서 집에 있었다.", 2);
        check("1. 물을 끓인다.\n2. 면을 넣는다.\n", 2);
        check("가격은 3.5달러이고 버전은 2.0입니다.", 1);
        check("“정말요?” 그가 물었다. \"네.\"", 3);
        check("안녕하세요\n반갑습니다", 2);
        check("글쎄… 잘 모르겠어요... 정말…", 3);
        check("참고: https://example.com/a.html 을 보세요.", 1);
        check("", 0);
        check("...\n***\n", 0);
        check("그는 갔다.\n\n나는 남았다.", 2);
    }

    #[test]
    fn words_are_what_stands_between_spaces() {
        assert_eq!(words("나는 사과를  먹었다. — 그리고 C++도!"), 5);
        assert_eq!(words(" \n"), 0);
    }

    #[test]
    fn a_word_is_named_with_its_particles() {
        for text in [
            "사과",
            "사과는 달다",
            "빨간 사과들에게도.",
            "(사과)",
            "사과입니다",
            "'사과'라고",
        ] {
            assert!(names("사과", text), "{text}");
        }
        for text in ["사과나무", "파인사과", "사과문을 냈다", ""] {
            assert!(!names("사과", text), "{text}");
        }
        assert!(!names("apple", "apple"));
    }

    #[test]
    fn korean_is_told_by_its_letters() {
        assert!(is_korean("GPU에서 CUDA 커널을 돌리는 방법을 알려 주세요."));
        assert!(!is_korean("How do I say 안녕 in English, please?"));
        for of in [is_korean, is_korean_prompt] {
            assert!(!of("1234 !!") && !of(""));
        }
    }

    #[test]
    fn a_prompt_may_quote_more_english_than_an_answer() {
        let text = "다음을 번역하세요: Hello world.";
        assert!(is_korean_prompt(text) && !is_korean(text));
        assert!(!is_korean_prompt(
            "Translate into English: 다음을 번역하세요"
        ));
    }

    #[test]
    fn jamo_are_counted_within_syllables() {
        assert_eq!(letters('ㄱ', "각 국"), 4);
        assert_eq!(letters('ㅏ', "아가"), 2);
        assert_eq!(letters('a', "아가"), 0);
        assert_eq!(letters('가', "가가"), 0);
    }
}
