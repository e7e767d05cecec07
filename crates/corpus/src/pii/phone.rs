//! Telephone numbers: Korean mobile and land lines as they are dialled, and any with `+` and a country code.
//!
//! Service numbers of businesses (1588-1234) are nobody's, and stay.

use super::number::{Chain, Group, Joint};
use super::{Found, Kind, korean};

pub(super) fn phone(chain: &Chain<'_>) -> Option<Found> {
    let bytes = chain.text.as_bytes();
    let start = chain.groups[0].start;
    // No country's code begins with 0: what does is dialled as it stands, whatever the plus is for.
    if bytes[..start].last() == Some(&b'+') && bytes[start] != b'0' {
        return international(chain);
    }
    let groups = domestic(chain).or_else(|| without_plus(chain))?;
    Some(chain.found(groups, Kind::Phone, false))
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
    // Columns of a table begin so too: 0.031 123 4567. Hyphens are of no table.
    let fraction = is_fraction(chain);
    let apart = |groups: usize| fraction && !chain.joined(groups, &[Joint::Hyphen]);
    if area && all.len() >= 3 && begins(&all[1]) && !apart(3) {
        let [_, middle, last] = chain.lengths::<3>()?;
        if matches!(middle, 3 | 4) && last == 4 {
            return Some(3);
        }
    }
    // In one run, or in two: only mobile numbers, which begin like nothing else.
    // Behind any number and a dot two runs are columns: 1.018 2034567.
    let decimal = all[0].joint == Some(Joint::Dot);
    let second = all
        .get(1)
        .filter(|group| !decimal || group.joint == Some(Joint::Hyphen));
    match (head, second) {
        ([b'0', b'1', b'0'], Some(rest)) if rest.len() == 8 && begins(rest) => Some(2),
        ([b'0', b'1', b'1' | b'6'..=b'9'], Some(rest))
            if matches!(rest.len(), 7 | 8) && begins(rest) =>
        {
            Some(2)
        }
        ([b'0', b'1', b'0', b'1'..=b'9', ..], _) if head.len() == 11 && !fraction => Some(1),
        ([b'0', b'1', b'1' | b'6'..=b'9', b'1'..=b'9', ..], _)
            if matches!(head.len(), 10 | 11) && !fraction =>
        {
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

/// Whether the first group stands behind `0.`, by which no list is numbered.
fn is_fraction(chain: &Chain<'_>) -> bool {
    match &chain.text.as_bytes()[..chain.groups[0].start] {
        [before @ .., b'0', b'.'] => !before.last().is_some_and(u8::is_ascii_digit),
        _ => false,
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

/// What stands behind `+` and begins with a country's code.
fn international(chain: &Chain<'_>) -> Option<Found> {
    let groups = if is_registered(chain) {
        2
    } else {
        grouped(chain)?
    };
    let mut found = chain.found(groups, Kind::Phone, false);
    found.start -= 1;
    Some(found)
}

/// `+82.212345678`: a code, a dot and all the rest, as registries of domains write numbers (RFC 5733).
/// A rest that is shorter, or behind what no country has, is a fraction: +37.56653512, +3.141592653.
fn is_registered(chain: &Chain<'_>) -> bool {
    let [code, rest, ..] = chain.groups else {
        return false;
    };
    let bytes = chain.text.as_bytes();
    let (code, digits) = (&bytes[code.start..code.end], &bytes[rest.start..rest.end]);
    let long = match code {
        // North America and Russia: ten digits, the first of an area.
        [_] => digits.len() == 10 && digits[0] >= b'2',
        // Seoul has numbers of seven digits.
        b"82" if digits[0] == b'2' => (8..=13).contains(&digits.len()),
        _ => digits.len() >= 9 && code.len() + digits.len() <= 15,
    };
    matches!(rest.joint, Some(Joint::Dot | Joint::Stop)) && long && is_country(code)
}

/// Whether digits are the code of a country, by the zones of E.164: what is not taken by two has three.
fn is_country(code: &[u8]) -> bool {
    match code {
        [b'1' | b'7']
        | [b'2', b'0' | b'7']
        | [b'3', b'0'..=b'4' | b'6' | b'9']
        | [b'4', b'0' | b'1' | b'3'..=b'9']
        | [b'5', b'1'..=b'8']
        | [b'6', b'0'..=b'6']
        | [b'8', b'1' | b'2' | b'4' | b'6']
        | [b'9', b'0'..=b'5' | b'8'] => true,
        [b'2'..=b'6' | b'8' | b'9', _, _] => !is_country(&code[..2]),
        _ => false,
    }
}

/// `+82-10-1234-5678`, `+82 (0)2 …` and, for any country, eight to fifteen digits: how many groups.
fn grouped(chain: &Chain<'_>) -> Option<usize> {
    let bytes = chain.text.as_bytes();
    let all = chain.groups;
    let code = &bytes[all[0].start..all[0].end];
    let (mut digits, mut groups) = (0, 0);
    for group in all {
        let other = groups > 0
            && (is_other(&all[..groups], digits, group) || begins_date(bytes, &all[groups..]));
        if other || digits + group.len() > 15 {
            break;
        }
        digits += group.len();
        groups += 1;
        // Numbers of Korea and North America end where they are complete; the 0 of +82-0505 does not count.
        let zero = usize::from(groups > 1 && bytes[all[1].start] == b'0');
        let complete = match code {
            [b'8', b'2', ..] => {
                let own = digits - zero;
                own >= 11 || own >= 10 && group.len() == 4 && groups >= 3
            }
            [b'1', ..] => digits >= 11,
            _ => false,
        };
        if complete {
            break;
        }
    }
    if digits < 8 {
        // Also where the first run is too long for any number.
        return None;
    }
    let count = |joint: Joint| {
        let by = all[1..groups]
            .iter()
            .filter(|group| group.joint == Some(joint));
        by.count()
    };
    // Other numbers have dots too: +1234.56789, +5 1234.5678; or a sentence ends: +15. 2024 1234.
    let decimal = match (count(Joint::Dot), count(Joint::Space)) {
        (0, _) => false,
        (_, 0) => groups < 3,
        (1, _) => true,
        _ => !is_country(code),
    };
    let stopped = count(Joint::Stop) > 0 && (groups < 3 || code.len() <= 3 && !is_country(code));
    (!decimal && !stopped).then_some(groups)
}

/// Whether a group is no more of the number that these are of, as what holds it to them says.
/// Behind the country's code a number is written in one way.
fn is_other(taken: &[Group], digits: usize, group: &Group) -> bool {
    let Some(joint) = group.joint else {
        return true;
    };
    let among =
        |groups: &[Group], joint: Joint| groups.iter().any(|group| group.joint == Some(joint));
    let used = |joint: Joint| among(&taken[1..], joint);
    let inner = taken.get(2..).unwrap_or_default();
    // Ten digits are a number: what is held to them in a new way is something else.
    let new = digits >= 10 && !used(joint);
    // Dates and amounts have one or two digits where numbers have more. French numbers have an area of one digit.
    let short = group.len() < 3 && taken.get(1).is_some_and(|area| area.len() > 1);
    match joint {
        Joint::Hyphen | Joint::Bracket => false,
        Joint::Space => used(Joint::Dot) || among(inner, Joint::Stop),
        Joint::Sign => new || used(Joint::Dot) || among(inner, Joint::Stop),
        Joint::Dot => {
            let spaced = used(Joint::Space) && short;
            let mixed = [Joint::Space, Joint::Sign, Joint::Stop];
            new || spaced || mixed.into_iter().any(|joint| among(inner, joint))
        }
        // It ends a sentence unless it stands throughout.
        Joint::Stop => {
            let mixed = inner.iter().any(|group| group.joint != Some(Joint::Stop));
            new || short || mixed || used(Joint::Dot)
        }
    }
}

/// `2024-01-15`, `2024. 1. 5`: a year, a month and a day, as they stand behind +1 on boards.
fn begins_date(bytes: &[u8], groups: &[Group]) -> bool {
    let [year, month, day, ..] = groups else {
        return false;
    };
    let value = |group: &Group| {
        let digits = bytes[group.start..group.end].iter();
        digits.fold(0, |value, byte| value * 10 + (byte - b'0'))
    };
    matches!(
        &bytes[year.start..year.end],
        [b'1', b'9', _, _] | [b'2', b'0', _, _]
    ) && month.joint == day.joint
        && month.joint != Some(Joint::Space)
        && month.len() < 3
        && day.len() < 3
        && korean::is_date(value(month), value(day))
}
