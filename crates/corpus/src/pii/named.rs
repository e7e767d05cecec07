//! Numbers whose shape says too little: bank accounts and passports, where a word before them names them.

use super::number::{Chain, Joint};
use super::{Found, Kind};

/// How far before a number its name may stand, in characters.
const REACH: usize = 24;

const ACCOUNT: [&str; 15] = [
    "계좌",
    "은행",
    "예금주",
    "입금",
    "농협",
    "수협",
    "신협",
    "새마을금고",
    "카카오뱅크",
    "케이뱅크",
    "토스뱅크",
    "우체국",
    "kb국민",
    "account",
    "iban",
];
/// Banks by names that are words like others too: 국민청원, 국민서관. They must stand alone, before three groups.
const BANKS: [&str; 2] = ["국민", "신한"];
/// A tree, by which streets and a publisher are called: no bank.
const TREE: &str = "은행나무";
/// Numbers that say themselves that they are another kind.
const NO_ACCOUNT: [&str; 2] = ["isbn", "issn"];
const PASSPORT: [&str; 2] = ["여권", "passport"];

fn named(before: &str, words: &[&str]) -> bool {
    let before = before.to_lowercase();
    words.iter().any(|word| before.contains(word))
}

/// Ten to sixteen digits in up to five groups, held together by hyphens.
pub(super) fn account(chain: &Chain<'_>) -> Option<Found> {
    let most = chain.groups.len().min(5);
    let groups = (1..=most).rev().find(|groups| {
        let digits: usize = chain.groups[..*groups]
            .iter()
            .map(super::number::Group::len)
            .sum();
        (10..=16).contains(&digits) && chain.joined(*groups, &[Joint::Hyphen])
    })?;
    let before = chain.before(REACH).to_lowercase();
    // What stands before the name of another kind is about that one, or about nothing.
    let from = NO_ACCOUNT
        .iter()
        .filter_map(|word| before.rfind(*word))
        .max()
        .unwrap_or(0);
    let before = &before[from..];
    let named = ACCOUNT.iter().any(|word| {
        before
            .match_indices(*word)
            .any(|(at, _)| !before[at..].starts_with(TREE))
    });
    let banked = groups >= 3 && BANKS.iter().any(|bank| stands_alone(before, bank));
    (named || banked).then(|| chain.found(groups, Kind::Account, false))
}

/// Whether a word stands in the text that is not part of a longer one.
fn stands_alone(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}

/// A letter and eight digits, or since 2021 a letter, three digits, a letter, four digits.
pub(super) fn passport(chain: &Chain<'_>) -> Option<Found> {
    let bytes = chain.text.as_bytes();
    let group = chain.groups[0];
    let start = group.start - 1;
    let single = matches!(bytes[start], b'M' | b'S' | b'R' | b'O' | b'D' | b'G' | b'P')
        && !(start > 0 && bytes[start - 1].is_ascii_alphanumeric());
    if !single {
        return None;
    }
    let end = match group.len() {
        8 => group.end,
        3 => {
            let rest = &bytes[group.end..];
            let shaped = rest.len() >= 5
                && rest[0].is_ascii_uppercase()
                && rest[1..5].iter().all(u8::is_ascii_digit);
            let ends = !rest.get(5).is_some_and(u8::is_ascii_alphanumeric);
            if !(shaped && ends) {
                return None;
            }
            group.end + 5
        }
        _ => return None,
    };
    let before = Chain {
        text: chain.text,
        groups: &[super::number::Group {
            start,
            end,
            joint: None,
        }],
    };
    named(before.before(REACH), &PASSPORT).then_some(Found {
        start,
        end,
        kind: Kind::Passport,
        checked: false,
    })
}
