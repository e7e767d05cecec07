//! Telephone numbers: Korean mobile and land lines as they are dialled, and any with `+` and a country code.
//!
//! Service numbers of businesses (1588-1234) are nobody's, and stay.

use super::number::{Chain, Joint};
use super::{Found, Kind};

const JOINTS: [Joint; 4] = [Joint::Hyphen, Joint::Space, Joint::Dot, Joint::Bracket];

pub(super) fn phone(chain: &Chain<'_>) -> Option<Found> {
    let plus = chain.text.as_bytes()[..chain.groups[0].start].last() == Some(&b'+');
    if plus {
        return international(chain);
    }
    let groups = domestic(chain, 0)?;
    Some(chain.found(groups, Kind::Phone, false))
}

/// How many groups from `from` on are a Korean number with its leading 0.
fn domestic(chain: &Chain<'_>, from: usize) -> Option<usize> {
    let bytes = chain.text.as_bytes();
    let rest = &chain.groups[from..];
    let first = rest.first()?;
    let head = &bytes[first.start..first.end];
    #[rustfmt::skip]
    let area = matches!(
        head,
        [b'0', b'2'] | [b'0', b'1', b'0' | b'1' | b'6'..=b'9'] | [b'0', b'3', b'1'..=b'3'] | [b'0', b'4', b'1'..=b'4']
            | [b'0', b'5', b'1'..=b'5'] | [b'0', b'6', b'1'..=b'4'] | [b'0', b'7' | b'8', b'0'] | [b'0', b'5', b'0', _]
    );
    if area && rest.len() >= 3 {
        let held = rest[1..3]
            .iter()
            .all(|group| group.joint.is_some_and(|joint| JOINTS.contains(&joint)));
        if held
            && matches!(rest[1].len(), 3 | 4)
            && rest[2].len() == 4
            && bytes[rest[1].start] != b'0'
        {
            return Some(3);
        }
    }
    // In one run, or in two: only mobile numbers, which begin like nothing else.
    match head {
        [b'0', b'1', b'0', b'1'..=b'9', ..] if head.len() == 11 => Some(1),
        [b'0', b'1', b'1' | b'6'..=b'9', b'1'..=b'9', ..] if matches!(head.len(), 10 | 11) => {
            Some(1)
        }
        [b'0', b'1', b'0', b'1'..=b'9', ..]
            if head.len() == 7
                && rest.len() >= 2
                && rest[1].len() == 4
                && rest[1].joint == Some(Joint::Hyphen) =>
        {
            Some(2)
        }
        _ => None,
    }
}

/// `+82-10-1234-5678`, `+82 (0)2 …` and, for any country, eight to fifteen digits after `+`.
fn international(chain: &Chain<'_>) -> Option<Found> {
    let mut digits = 0;
    let mut groups = 0;
    for group in chain.groups {
        let held = groups == 0 || group.joint.is_some_and(|joint| JOINTS.contains(&joint));
        if !held || digits + group.len() > 15 {
            break;
        }
        digits += group.len();
        groups += 1;
        // A Korean number ends where it is complete.
        if chain.digits(1).starts_with(&[8, 2]) && digits >= 11 && group.len() == 4 {
            break;
        }
    }
    if digits < 8 {
        // Also where the first run is too long for any number.
        return None;
    }
    let mut found = chain.found(groups, Kind::Phone, false);
    found.start -= 1;
    Some(found)
}
