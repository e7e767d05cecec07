//! Exact match and F1 between an answer and the right ones, as SQuAD's and KorQuAD's scripts have them.

use std::collections::HashMap;

/// Exact match and F1 of the best of the right answers, each on its own.
pub(super) fn best(answer: &str, right: &[String], korean: bool) -> (f64, f64) {
    let found = normal(answer, korean);
    right
        .iter()
        .map(|right| normal(right, korean))
        .map(|right| (f64::from(found == right), f1(&found, &right, korean)))
        .fold((0.0, 0.0), |best, one| {
            (f64::max(best.0, one.0), f64::max(best.1, one.1))
        })
}

/// Lower case, without punctuation, spaces made one; in English without articles, in Korean without
/// the brackets and quotes that KorQuAD's script removes (a space in their place).
pub(super) fn normal(text: &str, korean: bool) -> String {
    let text: String = match korean {
        true => {
            let mark = |letter: char| match letter {
                '\'' | '"' | '《' | '》' | '<' | '>' | '〈' | '〉' | '(' | ')' | '‘' | '’' => {
                    ' '
                }
                other => other,
            };
            text.chars().map(mark).collect()
        }
        false => text.to_owned(),
    };
    let lower = text.to_lowercase();
    let bare = lower.replace(|letter: char| letter.is_ascii_punctuation(), "");
    let words = bare.split_whitespace();
    let kept: Vec<&str> = match korean {
        true => words.collect(),
        false => words
            .filter(|word| !["a", "an", "the"].contains(word))
            .collect(),
    };
    kept.join(" ")
}

/// Of two normalised texts, over words or (Korean) characters.
fn f1(found: &str, right: &str, korean: bool) -> f64 {
    let pieces = |text: &str| -> Vec<String> {
        match korean {
            true => text
                .chars()
                .filter(|letter| !letter.is_whitespace())
                .map(String::from)
                .collect(),
            false => text
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    };
    let (found, right) = (pieces(found), pieces(right));
    if found.is_empty() || right.is_empty() {
        return f64::from(found == right);
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for piece in &right {
        *left.entry(piece).or_default() += 1;
    }
    let shared = found
        .iter()
        .filter(|piece| match left.get_mut(piece.as_str()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .count() as f64;
    if shared == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (shared / found.len() as f64, shared / right.len() as f64);
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(answer: &str, right: &[&str], korean: bool) -> (f64, f64) {
        let right: Vec<String> = right.iter().map(|&text| text.to_owned()).collect();
        best(answer, &right, korean)
    }

    #[test]
    fn english() {
        assert_eq!(
            worth("The Eiffel Tower!", &["Eiffel tower"], false),
            (1.0, 1.0)
        );
        assert_eq!(
            worth("the tower", &["Eiffel tower"], false),
            (0.0, 2.0 / 3.0)
        );
        assert_eq!(worth("Rome", &["Paris", "rome"], false), (1.0, 1.0));
        assert_eq!(worth("", &["Paris"], false), (0.0, 0.0));
        assert_eq!(worth("a theatre", &["theatre"], false), (1.0, 1.0));
        assert_eq!(worth("x x y", &["x y y"], false).1, 2.0 / 3.0);
    }

    #[test]
    fn korean() {
        assert_eq!(worth("《무정》", &["무정"], true), (1.0, 1.0));
        assert_eq!(worth("이 광 수", &["이광수"], true), (0.0, 1.0));
        // 이광수는 / 이광수: three of four characters, three of three
        let (exact, f1) = worth("이광수는", &["이광수"], true);
        assert_eq!(exact, 0.0);
        assert!((f1 - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(worth("1,234명.", &["1234명"], true), (1.0, 1.0));
        assert_eq!(worth("the 무정", &["무정"], true).0, 0.0);
    }
}
