//! What a page may be, judged from its bytes before anything is built of it: size, tags, depth.
//!
//! A browser-grade parser makes a tree of anything, and some trees are bombs: a tag that opens
//! inside a hundred thousand others costs as many steps, and unclosed `<font>`s are copied into
//! every paragraph that follows. One pass over the angle brackets bounds both. It counts; it
//! reads no clock, so the same page is refused on every machine. What comes out is bounded as well:
//! [`longest_text`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Refusal, Refused};

/// Limits of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Bytes of a page after HTTP's compression is undone.
    pub bytes: u64,
    /// Elements of a page, those counted that the parser would copy.
    pub nodes: u64,
    /// How deep elements may lie in each other.
    pub depth: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            nodes: 200_000,
            depth: 400,
        }
    }
}

/// Bytes of text that a page may give for each of its own, and how many more: rows of a table are padded to its widest,
/// lines of lists and quotations are indented. A page that people read gives less text than it has bytes.
const TIMES: usize = 8;
const ROOM: usize = 4 << 10;

/// How many bytes of text a page of so many bytes may give.
pub fn longest_text(page: usize) -> usize {
    page.saturating_mul(TIMES).saturating_add(ROOM)
}

/// Elements that never have an end tag, or may leave it out: they say nothing about depth.
fn is_shallow(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"br"
            | b"col"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
            | b"p"
            | b"li"
            | b"dt"
            | b"dd"
            | b"option"
            | b"optgroup"
            | b"tr"
            | b"td"
            | b"th"
            | b"thead"
            | b"tbody"
            | b"tfoot"
            | b"colgroup"
            | b"rt"
            | b"rp"
            | b"html"
            | b"body"
    )
}

/// Elements that the parser opens again in the next block where they were not closed.
fn is_formatting(name: &[u8]) -> bool {
    matches!(
        name,
        b"a" | b"b"
            | b"big"
            | b"code"
            | b"em"
            | b"font"
            | b"i"
            | b"nobr"
            | b"s"
            | b"small"
            | b"strike"
            | b"strong"
            | b"tt"
            | b"u"
    )
}

/// How many times deeper than allowed the count of unclosed tags may go: unclosed is not deep yet.
const SLACK: u64 = 8;

/// Whether the page may be parsed.
///
/// # Errors
/// The refusal, with what was counted.
pub(super) fn check(html: &str, caps: &Caps) -> Result<(), Refused> {
    let bytes = html.as_bytes();
    if bytes.len() as u64 > caps.bytes {
        return Err(too_large(bytes.len() as u64, caps));
    }
    let (mut open, mut formatting, mut nodes) = (0u64, 0u64, 0u64);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', &bytes[at..]) {
        at += found + 1;
        let closes = bytes.get(at) == Some(&b'/');
        let start = at + usize::from(closes);
        let length = bytes[start..]
            .iter()
            .take(12)
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        if length == 0 {
            continue;
        }
        let mut name = [0u8; 12];
        name[..length].copy_from_slice(&bytes[start..start + length]);
        name.make_ascii_lowercase();
        let name = &name[..length];
        at = start + length;
        let formats = is_formatting(name);
        let shallow = is_shallow(name);
        match (closes, formats) {
            (true, true) => formatting = formatting.saturating_sub(1),
            (false, true) => formatting += 1,
            _ => {}
        }
        if !formats {
            nodes += formatting; // what a new block would copy
        }
        if closes {
            open = open.saturating_sub(u64::from(!shallow));
            continue;
        }
        nodes += 1;
        open += u64::from(!shallow);
        if nodes > caps.nodes.saturating_mul(2) {
            return Err(too_many(nodes, caps));
        }
        if open > caps.depth.saturating_mul(SLACK) {
            return Err(too_deep(open, caps));
        }
    }
    Ok(())
}

pub(super) fn too_large(bytes: u64, caps: &Caps) -> Refused {
    let detail = format!("{bytes} bytes, and at most {} are read", caps.bytes);
    Refused::new(Refusal::TooLarge, detail)
}

pub(super) fn too_long(page: usize) -> Refused {
    let most = longest_text(page);
    let detail = format!("more than {most} bytes of text in a page of {page}");
    Refused::new(Refusal::TooLarge, detail)
}

pub(super) fn too_many(nodes: u64, caps: &Caps) -> Refused {
    let detail = format!("more than {} elements, counted to {nodes}", caps.nodes);
    Refused::new(Refusal::TooManyNodes, detail)
}

pub(super) fn too_deep(depth: u64, caps: &Caps) -> Refused {
    let detail = format!("elements lie {depth} deep, and at most {} may", caps.depth);
    Refused::new(Refusal::TooDeep, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(html: &str) -> Option<Refusal> {
        check(html, &Caps::default())
            .err()
            .map(|refused| refused.refusal)
    }

    #[test]
    fn ordinary_pages_pass_and_bombs_do_not() {
        assert_eq!(verdict("<p>안녕<br>하세요</p>"), None);
        assert_eq!(verdict(&"<p>끝 태그가 없는 문단".repeat(50_000)), None);
        assert_eq!(verdict(&"<div>".repeat(5_000)), Some(Refusal::TooDeep));
        assert_eq!(
            verdict(&"<br>".repeat(500_000)),
            Some(Refusal::TooManyNodes)
        );
        assert_eq!(verdict(&" ".repeat(9 << 20)), Some(Refusal::TooLarge));
        let fonts: String = (0..2_000)
            .map(|size| format!("<font size={size}>"))
            .collect();
        let bomb = fonts + &"<p>x".repeat(2_000);
        assert_eq!(verdict(&bomb), Some(Refusal::TooManyNodes));
    }
}
