//! Numbers whose shape says too little: bank accounts and passports, where a word before them names them.

use super::number::{Chain, Joint};
use super::{Found, Kind};

/// How far before a number its name may stand, in characters.
const REACH: usize = 24;

/// 국민 and 신한 alone are words like others: the banks say 은행.
const ACCOUNT: [&str; 14] = [
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
    "account",
    "iban",
];
/// Numbers that say themselves that they are another kind.
const NO_ACCOUNT: [&str; 3] = ["isbn", "issn", "은행나무"];
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
    let before = chain.before(REACH);
    (named(before, &ACCOUNT) && !named(before, &NO_ACCOUNT))
        .then(|| chain.found(groups, Kind::Account, false))
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
