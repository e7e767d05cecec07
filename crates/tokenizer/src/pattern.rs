//! The pre-tokenizer of Llama 3 written out by hand: the words that BPE never merges across.
//!
//! ```text
//! (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//! | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//! ```
//!
//! A regular-expression engine needs backtracking for the look-ahead, is several times slower,
//! and gives up in the middle of very long runs of spaces; this is one pass with one character of
//! look-ahead over a table of classes. The table comes from `regex-syntax`, so that a letter is
//! what `\p{L}` says it is, and the tests compare with the expression itself.

use std::sync::LazyLock;

use regex_syntax::hir::{Class as HirClass, HirKind};

/// The expression as `tokenizer.json` writes it.
pub(crate) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Other,
    Letter,
    Number,
    Space,
}

/// Classes of all characters in blocks of 256, equal blocks kept once.
struct Classes {
    block_of: Vec<u8>,
    blocks: Vec<[Class; 256]>,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(|| {
    let mut flat = vec![Class::Other; 0x11_0000];
    for (expression, class) in [
        (r"\p{L}", Class::Letter),
        (r"\p{N}", Class::Number),
        (r"\s", Class::Space),
    ] {
        let parsed = regex_syntax::parse(expression).expect("the expression is ours");
        let HirKind::Class(HirClass::Unicode(ranges)) = parsed.into_kind() else {
            unreachable!("a class of characters parses as one")
        };
        for range in ranges.iter() {
            flat[range.start() as usize..=range.end() as usize].fill(class);
        }
    }
    let mut classes = Classes {
        block_of: Vec::new(),
        blocks: Vec::new(),
    };
    for block in flat.chunks_exact(256) {
        let place = classes
            .blocks
            .iter()
            .position(|known| known == block)
            .unwrap_or_else(|| {
                classes.blocks.push(block.try_into().expect("256 of them"));
                classes.blocks.len() - 1
            });
        classes
            .block_of
            .push(u8::try_from(place).expect("Unicode has fewer kinds of blocks"));
    }
    classes
});

impl Classes {
    #[inline]
    fn of(&self, character: char) -> Class {
        let code = character as usize;
        self.blocks[self.block_of[code >> 8] as usize][code & 255]
    }
}

/// The words of a text, one after the other; joined they are the text again.
pub(crate) fn words(text: &str) -> Words<'_> {
    Words {
        rest: text,
        classes: &CLASSES,
    }
}

pub(crate) struct Words<'a> {
    rest: &'a str,
    classes: &'static Classes,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let first = self.rest.chars().next()?;
        let length = self.length(first);
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(word)
    }
}

impl Words<'_> {
    /// Bytes of the word that begins the rest of the text; `first` is its first character.
    #[inline]
    fn length(&self, first: char) -> usize {
        let rest = self.rest;
        let after = first.len_utf8();
        let class = self.classes.of(first);
        match class {
            Class::Letter => self.run(after, Class::Letter),
            Class::Number => {
                let two = rest[after..]
                    .chars()
                    .take(2)
                    .take_while(|next| self.classes.of(*next) == Class::Number);
                after + two.map(char::len_utf8).sum::<usize>()
            }
            Class::Other | Class::Space => {
                if let Some(length) = contraction(rest) {
                    return length;
                }
                let next = rest[after..]
                    .chars()
                    .next()
                    .map(|next| self.classes.of(next));
                if next == Some(Class::Letter) && first != '\r' && first != '\n' {
                    return self.run(after, Class::Letter);
                }
                if class == Class::Other || (first == ' ' && next == Some(Class::Other)) {
                    let end = self.run(after, Class::Other);
                    let newlines = rest.as_bytes()[end..]
                        .iter()
                        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
                    return end + newlines.count();
                }
                self.spaces(after)
            }
        }
    }

    /// Where a run of one class ends that goes on at `from`.
    #[inline]
    fn run(&self, from: usize, class: Class) -> usize {
        let rest = &self.rest[from..];
        let end = rest
            .char_indices()
            .find(|(_, next)| self.classes.of(*next) != class);
        from + end.map_or(rest.len(), |(at, _)| at)
    }

    /// White space: up to its last line end; else all of it but the last character where text
    /// follows (which takes that character, if it is a space); else all of it.
    fn spaces(&self, after: usize) -> usize {
        let end = self.run(after, Class::Space);
        let run = &self.rest[..end];
        if let Some(last) = run.rfind(['\r', '\n']) {
            return last + 1;
        }
        if end == self.rest.len() {
            return end;
        }
        let last = run.chars().next_back().map_or(0, char::len_utf8);
        if end > last { end - last } else { end }
    }
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`; the long s folds to s.
fn contraction(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'\'') {
        return None;
    }
    match bytes.get(1)?.to_ascii_lowercase() {
        b's' | b't' | b'm' | b'd' => Some(2),
        b'r' | b'v' if bytes.get(2)?.eq_ignore_ascii_case(&b'e') => Some(3),
        b'l' if bytes.get(2)?.eq_ignore_ascii_case(&b'l') => Some(3),
        _ => text[1..].starts_with('ſ').then_some(1 + 'ſ'.len_utf8()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
