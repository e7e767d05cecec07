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
    /// `)`, as after an area code.
    Bracket,
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
        match next(&text[end..]) {
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
    let spaces_after = |width: usize| {
        bare[width..]
            .bytes()
            .take(2)
            .take_while(|byte| *byte == b' ')
            .count()
    };
    match first {
        '-' | '‐' | '‑' | '–' | '−' if spaces <= 1 => Some((
            Joint::Hyphen,
            spaces + first.len_utf8() + spaces_after(first.len_utf8()),
        )),
        '.' if spaces == 0 => Some((Joint::Dot, 1)),
        ')' if spaces == 0 => Some((Joint::Bracket, 1 + spaces_after(1))),
        c if c.is_ascii_digit() && spaces == 1 => Some((Joint::Space, 1)),
        _ => None,
    }
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
            // Letters before digits: only a passport is written so.
            () if glued => named::passport(&chain),
            () => korean::resident(&chain)
                .or_else(|| card::card(&chain))
                .or_else(|| phone::phone(&chain))
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
