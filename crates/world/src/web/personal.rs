//! Personal data to plant: of the right form and with right check digits, and nobody's.

use serde::{Deserialize, Serialize};

use crate::Language;
use crate::random::Random;

/// One piece of personal data in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// `email`, `mobile`, `landline`, `resident_number`, `card` or `ip`.
    pub kind: String,
    /// As it stands in the text.
    pub value: String,
}

/// A line with one or two pieces of personal data in it.
pub(super) fn line(language: Language, random: &mut Random) -> (String, Vec<Personal>) {
    let first = piece(language, random);
    let second = piece(language, random);
    let line = match (language, random.below(2)) {
        (Language::Korean, 0) => format!("문의는 {} 로 해 주십시오.", first.value),
        (Language::Korean, _) => {
            let line = format!("작성자 연락처: {}, {}", first.value, second.value);
            return (line, vec![first, second]);
        }
        (Language::English, 0) => format!("Please write to {} for details.", first.value),
        (Language::English, _) => {
            let line = format!("Contact of the author: {}, {}", first.value, second.value);
            return (line, vec![first, second]);
        }
    };
    (line, vec![first])
}

fn piece(language: Language, random: &mut Random) -> Personal {
    let (kind, value) = match (language, random.below(6)) {
        (_, 0) => ("email", email(random)),
        (_, 1) => ("card", card(random)),
        // Addresses for documentation would rightly be taken for harmless ones.
        (_, 2) => (
            "ip",
            format!(
                "{}.{}.{}.{}",
                11 + random.below(110),
                random.below(256),
                random.below(256),
                1 + random.below(254)
            ),
        ),
        (Language::Korean, 3) => ("resident_number", resident(random)),
        (Language::Korean, 4) => (
            "landline",
            format!(
                "02-{}-{}",
                digits(random, 4, true),
                digits(random, 4, false)
            ),
        ),
        (Language::Korean, _) => (
            "mobile",
            format!(
                "010-{}-{}",
                digits(random, 4, true),
                digits(random, 4, false)
            ),
        ),
        (Language::English, _) => ("email", email(random)),
    };
    Personal {
        kind: kind.to_owned(),
        value,
    }
}

fn digits(random: &mut Random, count: usize, whole: bool) -> String {
    let mut text = String::new();
    for place in 0..count {
        let least = usize::from(place == 0 && whole) * 2;
        text.push_str(&(least + random.below(10 - least)).to_string());
    }
    text
}

fn email(random: &mut Random) -> String {
    const NAMES: [&str; 6] = [
        "minsu.kim",
        "jiyoung",
        "a.walker",
        "contact",
        "sales_team",
        "hong123",
    ];
    const HOSTS: [&str; 4] = ["mail.kr", "post.co.kr", "letters.net", "inbox.org"];
    format!(
        "{}{}@{}",
        NAMES[random.below(NAMES.len())],
        random.below(100),
        HOSTS[random.below(HOSTS.len())]
    )
}

/// Sixteen digits whose last makes the Luhn sum a multiple of ten.
fn card(random: &mut Random) -> String {
    let mut number = vec![4];
    number.extend((0..14).map(|_| random.below(10)));
    let sum: usize = number
        .iter()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit * 2 / 10 + digit * 2 % 10,
            _ => *digit,
        })
        .sum();
    number.push((10 - sum % 10) % 10);
    let groups: Vec<String> = number
        .chunks(4)
        .map(|group| group.iter().map(ToString::to_string).collect())
        .collect();
    groups.join("-")
}

/// A resident registration number whose last digit is its check digit.
fn resident(random: &mut Random) -> String {
    let (year, month, day) = (
        60 + random.below(39),
        1 + random.below(12),
        1 + random.below(28),
    );
    let mut number = format!("{year:02}{month:02}{day:02}{}", 1 + random.below(2));
    number.push_str(&digits(random, 5, false));
    let weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let sum: u32 = number
        .chars()
        .zip(weights)
        .map(|(digit, weight)| digit.to_digit(10).unwrap_or(0) * weight)
        .sum();
    number.push_str(&((11 - sum % 11) % 10).to_string());
    format!("{}-{}", &number[..6], &number[6..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_right() {
        let mut random = Random::new(1, "test");
        for _ in 0..200 {
            let card: Vec<u32> = card(&mut random)
                .chars()
                .filter_map(|digit| digit.to_digit(10))
                .collect();
            let sum: u32 = card
                .iter()
                .rev()
                .enumerate()
                .map(|(place, digit)| {
                    if place % 2 == 1 {
                        digit * 2 / 10 + digit * 2 % 10
                    } else {
                        *digit
                    }
                })
                .sum();
            assert_eq!((card.len(), sum % 10), (16, 0));
            let resident = resident(&mut random);
            assert_eq!((resident.len(), resident.as_bytes()[6]), (14, b'-'));
        }
    }
}
