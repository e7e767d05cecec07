//! Korean particles: the form of 은/는, 이/가, 을/를, 과/와, 으로/로 … that a word calls for.
//!
//! The choice depends on the last sound as the word is *read*: 3 is 삼, 10 is 십, `km` after a
//! number is 킬로미터, `KBS` is 케이비에스, and what stands in round brackets is not read at
//! all. Latin words are read by a rule of thumb after the official transcription rules
//! (외래어 표기법, chapter 3.1), which is right for ordinary names and wrong for some.

/// The last sound of a word, as far as particles care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Vowel,
    /// ㄹ: a consonant to all particles but 으로/로.
    Rieul,
    Consonant,
}

/// Pairs by their form after a consonant.
const PAIRS: &[(&str, &str)] = &[
    ("은", "는"),
    ("이", "가"),
    ("을", "를"),
    ("과", "와"),
    ("아", "야"),
    ("으로", "로"),
    ("으로서", "로서"),
    ("으로써", "로써"),
    ("으로부터", "로부터"),
    ("이나", "나"),
    ("이나마", "나마"),
    ("이든", "든"),
    ("이든지", "든지"),
    ("이란", "란"),
    ("이랑", "랑"),
    ("이며", "며"),
    ("이고", "고"),
    ("이야", "야"),
    ("이다", "다"),
    ("이라", "라"),
    ("이라는", "라는"),
    ("이라고", "라고"),
    ("이래요", "래요"),
    ("이었다", "였다"),
    ("이었어요", "였어요"),
    ("이에요", "예요"),
];

/// `word` with the particle whose form after a consonant is `particle` (`"은"` for 은/는,
/// `"으로"` for 으로/로, `"이에요"` for 이에요/예요).
///
/// ```text
/// attach("등불", "으로") = "등불로"     attach("3", "은") = "3은"
/// ```
///
/// # Panics
/// On a particle it does not know: particles come from this crate's own tables.
pub fn attach(word: &str, particle: &str) -> String {
    format!("{word}{}", particle_for(word, particle))
}

/// The form alone, without the word; see [`attach`].
///
/// # Panics
/// As [`attach`].
pub fn particle_for(word: &str, particle: &str) -> &'static str {
    let (after_consonant, after_vowel) = PAIRS
        .iter()
        .find(|(form, _)| *form == particle)
        .unwrap_or_else(|| panic!("josa has no particle {particle:?}; add the pair to PAIRS"));
    match ending(word) {
        Ending::Vowel => after_vowel,
        Ending::Rieul if after_consonant.starts_with("으로") => after_vowel,
        _ => after_consonant,
    }
}

fn ending(word: &str) -> Ending {
    let word = spoken(word);
    let Some(last) = word.chars().next_back() else {
        return Ending::Vowel;
    };
    match last {
        '가'..='힣' => of_coda((last as u32 - '가' as u32) % 28),
        'ㄹ' => Ending::Rieul,            // 리을
        'ㄱ'..='ㅎ' => Ending::Consonant, // 기역, 니은 …: all their names end in a consonant
        '0'..='9' => of_number(word),
        '%' | '℃' | '°' => Ending::Vowel, // 퍼센트, 도
        'a'..='z' | 'A'..='Z' => of_latin(word),
        _ => Ending::Vowel,
    }
}

/// The word without what is not read at its end: bracketed glosses, quotation marks.
fn spoken(mut word: &str) -> &str {
    loop {
        word = word.trim_end_matches(|c: char| {
            c.is_whitespace() || "\"'”’»›」』》〉】］}.,!?…~".contains(c)
        });
        let Some(inner) = word.strip_suffix([')', '）']) else {
            return word;
        };
        match inner.rfind(['(', '（']) {
            // Someone may ask about "(가)", where the bracket is all there is.
            Some(0) | None => word = inner,
            Some(open) => word = &word[..open],
        }
    }
}

fn of_coda(coda: u32) -> Ending {
    match coda {
        0 => Ending::Vowel,
        8 => Ending::Rieul,
        _ => Ending::Consonant,
    }
}

/// The last sound of a number in digits: 십, 백, 천, 만, 억, 조 where it ends in zeros.
fn of_number(word: &str) -> Ending {
    let start = word
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_ascii_digit() || *c == ',' || *c == '.')
        .last()
        .map_or(0, |(at, _)| at);
    let number = word[start..].trim_start_matches([',', '.']);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    // After a decimal point digits are read one by one; 0 and 00 are 영.
    if zeros == 0 || number.contains('.') || zeros == digits.len() {
        return match digits.as_bytes().last() {
            Some(b'1' | b'7' | b'8') => Ending::Rieul, // 일, 칠, 팔
            Some(b'0' | b'3' | b'6') => Ending::Consonant, // 영, 삼, 육
            _ => Ending::Vowel,                        // 이, 사, 오, 구
        };
    }
    match zeros {
        12..16 => Ending::Vowel, // 조
        _ => Ending::Consonant,  // 십, 백, 천, 만, 억, 경
    }
}

fn of_latin(word: &str) -> Ending {
    let start = word
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_ascii_alphabetic())
        .last()
        .map_or(0, |(at, _)| at);
    let latin = &word[start..];
    if word[..start].ends_with(|c: char| c.is_ascii_digit()) {
        match latin {
            "kg" | "g" | "mg" => return Ending::Consonant, // 그램
            "m" | "km" | "cm" | "mm" | "L" | "l" | "ml" | "mL" | "ha" | "s" => {
                return Ending::Vowel; // 미터, 리터, 헥타르, 초
            }
            _ => {}
        }
    }
    if latin.chars().all(|c| c.is_ascii_uppercase()) || latin.len() == 1 {
        return match latin.to_ascii_uppercase().as_bytes()[latin.len() - 1] {
            b'L' | b'R' => Ending::Rieul,     // 엘, 알
            b'M' | b'N' => Ending::Consonant, // 엠, 엔
            _ => Ending::Vowel,
        };
    }
    of_latin_word(&latin.to_ascii_lowercase())
}

/// A Latin word read as Korean writes it: Holt 홀트, King 킹, book 북, Apple 애플.
fn of_latin_word(word: &str) -> Ending {
    let letters = word.as_bytes();
    let from_end = |n: usize| {
        if letters.len() >= n {
            letters[letters.len() - n]
        } else {
            b' '
        }
    };
    let vowel = |letter: u8| matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u');
    match from_end(1) {
        b'l' => Ending::Rieul,
        b'm' | b'n' => Ending::Consonant,
        b'g' if from_end(2) == b'n' => Ending::Consonant, // king 킹
        // A silent e shows through: name 네임, line 라인, apple 애플 (but Chloe, Jane-Lee).
        b'e' if letters.len() > 3 && from_end(2) == b'l' => Ending::Rieul,
        b'e' if letters.len() > 3 && matches!(from_end(2), b'm' | b'n') => Ending::Consonant,
        // Stops close the syllable after one short vowel: cat 캣, music 뮤직, book 북, web 웹.
        b'k' if from_end(2) == b'c' => Ending::Consonant,
        b'p' | b't' | b'k' | b'c' | b'b' if vowel(from_end(2)) => {
            let double = vowel(from_end(3));
            let book = from_end(2) == b'o' && from_end(3) == b'o';
            if double && !book {
                Ending::Vowel
            } else {
                Ending::Consonant
            }
        }
        _ => Ending::Vowel,
    }
}

#[cfg(test)]
mod tests;
