//! Numbers: groups of digits that signs hold together, each asked what it could be.
//!
//! `010-1234-5678` is three groups; so is `010 1234 5678`. From every group on, the kinds are asked
//! how many groups are theirs, the more certain kinds first.

use super::{Found, card, korean, named, network, phone};

/// How two groups are held together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// A hyphen or a dash, with or without spaces around it.
    Hyphen,
    Space,
    Dot,
    /// `)`, as after an area code, with a hyphen or without; `(0)` and `(`, as after a country code.
    Bracket,
    /// A slash or a middle dot: only telephone numbers are written so.
    Sign,
    /// A dot and a space: telephone numbers are written so, and sentences end so.
    Stop,
}

/// A run of digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What holds it to the group before.
    pub(super) joint: Option<Joint>,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Groups from one on, and the text they stand in.
pub(super) struct Chain<'a> {
    pub(super) text: &'a str,
    pub(super) groups: &'a [Group],
}

impl Chain<'_> {
    /// The digits of the first `groups` groups.
    pub(super) fn digits(&self, groups: usize) -> Vec<u8> {
        let bytes = self.text.as_bytes();
        self.groups[..groups]
            .iter()
            .flat_map(|group| bytes[group.start..group.end].iter().map(|byte| byte - b'0'))
            .collect()
    }

    /// The lengths of the first groups.
    pub(super) fn lengths<const N: usize>(&self) -> Option<[usize; N]> {
        let groups = self.groups.get(..N)?;
        Some(std::array::from_fn(|at| groups[at].len()))
    }

    /// Whether the first `groups` groups are held together by nothing else.
    pub(super) fn joined(&self, groups: usize, by: &[Joint]) -> bool {
        self.groups[1..groups]
            .iter()
            .all(|group| group.joint.is_some_and(|joint| by.contains(&joint)))
    }

    /// What stands before, at most so many characters of it.
    pub(super) fn before(&self, characters: usize) -> &str {
        let text = &self.text[..self.groups[0].start];
        text.char_indices()
            .rev()
            .take(characters)
            .last()
            .map_or("", |(at, _)| &text[at..])
    }

    /// The first `groups` groups as something found.
    pub(super) fn found(&self, groups: usize, kind: super::Kind, checked: bool) -> Found {
        Found {
            start: self.groups[0].start,
            end: self.groups[groups - 1].end,
            kind,
            checked,
        }
    }
}

/// More digits in a run are no number of a person's.
const LONGEST: usize = 19;
const BLOCK: usize = 64;

pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut groups = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        // Most blocks of a text have no digit, and a block is asked at once.
        let block = &bytes[at..bytes.len().min(at + BLOCK)];
        if !block
            .iter()
            .fold(false, |any, byte| any | byte.is_ascii_digit())
        {
            at += block.len();
            continue;
        }
        at += block.iter().position(u8::is_ascii_digit).unwrap_or(0);
        at = chain(text, at, &mut groups);
        judge(text, &groups, found);
    }
}

/// Collects the groups that are held together from here on; where they end.
fn chain(text: &str, start: usize, groups: &mut Vec<Group>) -> usize {
    let bytes = text.as_bytes();
    groups.clear();
    let (mut at, mut joint) = (start, None);
    loop {
        let end = at
            + bytes[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
        groups.push(Group {
            start: at,
            end,
            joint,
        });
        // Only behind a country's code: 2,024 (12) and the like are everywhere.
        let country = groups.len() == 1 && bytes[..start].last() == Some(&b'+');
        let held = next(&text[end..]).or_else(|| country.then(|| area(&text[end..])).flatten());
        match held {
            Some((how, width)) if bytes.get(end + width).is_some_and(u8::is_ascii_digit) => {
                at = end + width;
                joint = Some(how);
            }
            _ => return end,
        }
    }
}

/// What holds the next group to this one, and how many bytes it takes.
fn next(rest: &str) -> Option<(Joint, usize)> {
    let bare = rest.trim_start_matches(' ');
    let spaces = rest.len() - bare.len();
    let first = bare.chars().next()?;
    let after = |width: usize| {
        let spaces = bare[width..]
            .bytes()
            .take(2)
            .take_while(|byte| *byte == b' ');
        width + spaces.count()
    };
    match first {
        // The last two are what Korean keyboards have for a dash: U+2014, and the vowel ㅡ.
        '-' | '‐' | '‑' | '–' | '−' | '—' | 'ㅡ' if spaces <= 1 => {
            Some((Joint::Hyphen, spaces + after(first.len_utf8())))
        }
        '.' if spaces == 0 && bare[1..].starts_with(' ') => Some((Joint::Stop, 2)),
        '.' if spaces == 0 => Some((Joint::Dot, 1)),
        '/' | '·' | 'ㆍ' if spaces == 0 => Some((Joint::Sign, first.len_utf8())),
        ')' if spaces == 0 => {
            let end = after(1);
            let hyphen = bare[end..].starts_with('-');
            Some((Joint::Bracket, if hyphen { after(end + 1) } else { end }))
        }
        '(' if spaces <= 1 && bare.starts_with("(0)") => {
            let end = after(3);
            let hyphen = bare[end..].starts_with('-');
            Some((
                Joint::Bracket,
                spaces + if hyphen { after(end + 1) } else { end },
            ))
        }
        c if c.is_ascii_digit() && spaces == 1 => Some((Joint::Space, 1)),
        _ => None,
    }
}

/// What opens an area in brackets: `+1 (415) 555-2671`.
fn area(rest: &str) -> Option<(Joint, usize)> {
    let open = rest.strip_prefix(' ').unwrap_or(rest).strip_prefix('(')?;
    let digits = open.bytes().take_while(u8::is_ascii_digit).count();
    let closed = (1..=5).contains(&digits) && open[digits..].starts_with(')');
    closed.then(|| (Joint::Bracket, rest.len() - open.len()))
}

/// Words that telephone numbers are glued to: `Tel010-1234-5678`.
const CALLS: [&str; 14] = [
    "tel", "hp", "h", "p", "m", "t", "c", "ph", "phone", "mobile", "cell", "fax", "call", "tell",
];

/// Whether the letters right before are such a word.
fn is_called(before: &str) -> bool {
    let letters = before
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let (rest, word) = before.split_at(before.len() - letters);
    !rest.ends_with(|c: char| c.is_ascii_digit() || c == '_')
        && CALLS.contains(&word.to_ascii_lowercase().as_str())
}

fn judge(text: &str, groups: &[Group], found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < groups.len() {
        let chain = Chain {
            text,
            groups: &groups[at..],
        };
        let group = groups[at];
        let glued = group.start > 0
            && (bytes[group.start - 1].is_ascii_alphanumeric() || bytes[group.start - 1] == b'_');
        let hit = match () {
            () if group.len() > LONGEST => None,
            // Letters before digits: a passport is written so, and what is called.
            () if glued => named::passport(&chain).or_else(|| {
                let called = is_called(&text[..group.start]);
                called.then(|| phone::phone(&chain)).flatten()
            }),
            () => korean::resident(&chain)
                .or_else(|| card::card(&chain))
                .or_else(|| {
                    // An account may begin as a telephone number does, and go on.
                    let phone = phone::phone(&chain)?;
                    let account = named::account(&chain).filter(|account| account.end > phone.end);
                    Some(account.unwrap_or(phone))
                })
                .or_else(|| korean::licence(&chain))
                .or_else(|| korean::business(&chain))
                .or_else(|| network::four(&chain))
                .or_else(|| named::account(&chain)),
        };
        match hit {
            // A unit or a name may not follow at once: 010-1234-5678px is something else.
            Some(hit)
                if !bytes
                    .get(hit.end)
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') =>
            {
                at += groups[at..]
                    .iter()
                    .take_while(|group| group.start < hit.end)
                    .count();
                found.push(hit);
            }
            _ => at += 1,
        }
    }
}
