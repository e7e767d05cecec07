//! Whether an answer is in Korean.
//!
//! By words outside code: it is when at least half of the words that have letters have Hangul in them, so
//! that `API를` is Korean and a paragraph in English with one Korean name is not. An answer without
//! a letter (`42`) is in no language, and so not in a wrong one; one that is all code is judged by the
//! code's words. KoMT-Bench asks a neural detector and takes the *less* likely of its two best guesses;
//! on answers in one language both say the same.

/// Whether it is, or is in no language at all.
pub fn is_korean(text: &str) -> bool {
    let (korean, others) = words(&without_code(text));
    let (korean, others) = match korean + others {
        0 => words(text),
        _ => (korean, others),
    };
    korean >= others
}

/// Words with Hangul, and other words that have letters.
fn words(text: &str) -> (usize, usize) {
    let hangul = |c: char| matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}');
    let (mut korean, mut others) = (0, 0);
    for word in text.split_whitespace() {
        if word.chars().any(hangul) {
            korean += 1;
        } else if word.chars().any(char::is_alphabetic) {
            // Scripts without spaces would count as one word a sentence.
            let dense = word.chars().filter(|c| is_dense(*c)).count();
            others += (dense / 2).max(1);
        }
    }
    (korean, others)
}

/// Kana and Chinese characters.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
}

/// What stands outside ``` fences.
fn without_code(text: &str) -> String {
    let mut inside = false;
    let mut outside = String::with_capacity(text.len());
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            outside.push_str(line);
            outside.push('\n');
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_with_foreign_words_is_korean() {
        for text in [
            "하와이는 정말 아름다운 섬입니다.",
            "REST API를 JSON으로 호출하면 됩니다.",
            "다음 코드를 보세요.\n```python\ndef add(first, second):\n    return first + second\n```\n",
            "42",
            "",
            "ㅋㅋㅋ",
        ] {
            assert!(is_korean(text), "{text}");
        }
    }

    #[test]
    fn other_languages_are_not() {
        for text in [
            "Hawaii is a wonderful place to visit.",
            "The Korean word for water is 물 and it is short.",
            "東京は日本の首都です。",
            "北京是中国的首都。",
            "```python\nprint('only code here')\n```",
            "Сеул — столица.",
        ] {
            assert!(!is_korean(text), "{text}");
        }
    }
}
