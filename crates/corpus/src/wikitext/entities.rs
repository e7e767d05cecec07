//! Entities of HTML in a text, by their names and by their numbers.

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

use super::tags::{CLOSE, OPEN};

/// Bytes of the longest, `&CounterClockwiseContourIntegral;`, behind its `&`.
const LONGEST: usize = 32;

/// The text with its entities read, each of them once: `&amp;lt;` shows `&lt;`. One without its `;`, or with a name
/// that HTML does not know, is text.
pub(super) fn entities(text: &str) -> String {
    read(text, |letter, out| out.push(letter))
}

/// The same, `put` being given what entities stand for and the text before it.
pub(super) fn read(text: &str, mut put: impl FnMut(char, &mut String)) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest
            .bytes()
            .take(LONGEST)
            .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#')
            .filter(|end| rest.as_bytes()[*end] == b';');
        match end.and_then(|end| Some((end, letters(&rest[..end], &rest[..=end])?))) {
            Some((end, (first, second))) => {
                put(first, &mut out);
                out.extend(second);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

/// The one letter, or the two, that an entity stands for; `closed` is its name with the `;`.
fn letters(name: &str, closed: &str) -> Option<(char, Option<char>)> {
    let Some(number) = name.strip_prefix('#') else {
        // Where there is no second letter, or no first because a longer name only begins so, it is 0.
        let &(first, second) = NAMED_ENTITIES.get(closed)?;
        let letter = |code| char::from_u32(code).filter(|letter| *letter != '\0');
        return Some((plain(letter(first)?), letter(second)));
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => number.parse().ok()?,
    };
    let letter = match code {
        // The second half of Windows' Western page, which these numbers meant before Unicode.
        0x80..=0x9F => C1_REPLACEMENTS[code as usize - 0x80]?,
        _ => char::from_u32(code)?,
    };
    let refused = matches!(letter, OPEN | CLOSE) || letter.is_control() && !letter.is_whitespace();
    (!refused).then_some((plain(letter), None))
}

/// A space of any width is a space.
fn plain(letter: char) -> char {
    match letter.is_whitespace() && !letter.is_control() {
        true => ' ',
        false => letter,
    }
}
