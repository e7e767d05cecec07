//! Telephone numbers: Korean mobile and land lines as they are dialled, and any with `+` and a country code.
//!
//! Service numbers of businesses (1588-1234) are nobody's, and stay.

use super::number::{Chain, Group, Joint};
use super::{Found, Kind};

const JOINTS: [Joint; 5] = [
    Joint::Hyphen,
    Joint::Space,
    Joint::Dot,
    Joint::Bracket,
    Joint::Sign,
];

pub(super) fn phone(chain: &Chain<'_>) -> Option<Found> {
    let plus = chain.text.as_bytes()[..chain.groups[0].start].last() == Some(&b'+');
    if plus {
        return international(chain);
    }
    let groups = domestic(chain).or_else(|| without_plus(chain))?;
    Some(chain.found(groups, Kind::Phone, false))
}

/// Whether groups hold together in any of the ways that telephone numbers are written in.
fn held(groups: &[Group]) -> bool {
    groups
        .iter()
        .all(|group| group.joint.is_some_and(|joint| JOINTS.contains(&joint)))
}

/// How many groups are a Korean number with its leading 0.
fn domestic(chain: &Chain<'_>) -> Option<usize> {
    let bytes = chain.text.as_bytes();
    let all = chain.groups;
    let head = &bytes[all[0].start..all[0].end];
    #[rustfmt::skip]
    let area = matches!(
        head,
        [b'0', b'2'] | [b'0', b'1', b'0' | b'1' | b'6'..=b'9'] | [b'0', b'3', b'1'..=b'3'] | [b'0', b'4', b'1'..=b'4']
            | [b'0', b'5', b'0'..=b'5'] | [b'0', b'6', b'1'..=b'4'] | [b'0', b'7' | b'8', b'0'] | [b'0', b'5', b'0', _]
    );
    let begins = |group: &Group| bytes[group.start] != b'0';
    if area && all.len() >= 3 && held(&all[1..3]) && begins(&all[1]) {
        let [_, middle, last] = chain.lengths::<3>()?;
        if matches!(middle, 3 | 4) && last == 4 {
            return Some(3);
        }
    }
    // In one run, or in two: only mobile numbers, which begin like nothing else.
    let second = all.get(1).filter(|group| held(&[**group]));
    match (head, second) {
        ([b'0', b'1', b'0'], Some(rest)) if rest.len() == 8 && begins(rest) => Some(2),
        ([b'0', b'1', b'1' | b'6'..=b'9'], Some(rest))
            if matches!(rest.len(), 7 | 8) && begins(rest) =>
        {
            Some(2)
        }
        ([b'0', b'1', b'0', b'1'..=b'9', ..], _) if head.len() == 11 => Some(1),
        ([b'0', b'1', b'1' | b'6'..=b'9', b'1'..=b'9', ..], _) if matches!(head.len(), 10 | 11) => {
            Some(1)
        }
        ([b'0', b'1', b'0', b'1'..=b'9', ..], Some(rest))
            if head.len() == 7 && rest.len() == 4 && rest.joint == Some(Joint::Hyphen) =>
        {
            Some(2)
        }
        _ => None,
    }
}

/// `82-10-1234-5678`: Korea's code without its sign, before a mobile number in hyphens.
fn without_plus(chain: &Chain<'_>) -> Option<usize> {
    let bytes = chain.text.as_bytes();
    let [country, network, middle, last] = chain.lengths::<4>()?;
    let [first, second, ..] = chain.groups else {
        return None;
    };
    let mobile = matches!(
        &bytes[second.start..second.end],
        [b'1', b'0' | b'1' | b'6'..=b'9']
    );
    (&bytes[first.start..first.end] == b"82"
        && mobile
        && (country, network, last) == (2, 2, 4)
        && matches!(middle, 3 | 4)
        && chain.joined(4, &[Joint::Hyphen]))
    .then_some(4)
}

/// `+82-10-1234-5678`, `+82 (0)2 …` and, for any country, eight to fifteen digits after `+`.
fn international(chain: &Chain<'_>) -> Option<Found> {
    let bytes = chain.text.as_bytes();
    // No country's code begins with 0, and in no number do dots stand beside spaces: +1.25 2345.67.
    if bytes[chain.groups[0].start] == b'0' {
        return None;
    }
    let korean = bytes[chain.groups[0].start..].starts_with(b"82");
    let mut digits = 0;
    let mut groups = 0;
    for group in chain.groups {
        let joined = groups == 0 || held(&[*group]);
        if !joined || digits + group.len() > 15 {
            break;
        }
        digits += group.len();
        groups += 1;
        // A Korean number ends where it is complete.
        if korean && (digits >= 10 && group.len() == 4 && groups >= 3 || digits >= 11) {
            break;
        }
    }
    let by = |joint: Joint| {
        chain.groups[1..groups]
            .iter()
            .any(|group| group.joint == Some(joint))
    };
    if digits < 8 || by(Joint::Dot) && (by(Joint::Space) || groups < 3) {
        // Also where the first run is too long for any number.
        return None;
    }
    let mut found = chain.found(groups, Kind::Phone, false);
    found.start -= 1;
    Some(found)
}
