//! English words as spaCy cuts them: prefixes and suffixes off what stands between spaces, then infixes.
//!
//! For each piece: known exceptions as they are listed; else, while something changes, one prefix
//! and one suffix off; an address of the web stays whole; the rest is cut at its infixes (a hyphen
//! between letters, a full stop between a small and a capital letter …).

use super::exceptions::exception;
use super::signs;

/// Appends the words of a text.
pub(super) fn split<'a>(text: &'a str, words: &mut Vec<&'a str>) {
    for piece in super::eojeol(text) {
        split_piece(piece, words);
    }
}

fn split_piece<'a>(piece: &'a str, words: &mut Vec<&'a str>) {
    if let Some(parts) = exception(piece) {
        return push_parts(piece, parts, words);
    }
    if let Some((word, sign)) = plain(piece) {
        match exception(word) {
            Some(parts) => push_parts(word, parts, words),
            None => words.push(word),
        }
        words.extend((!sign.is_empty()).then_some(sign));
        return;
    }
    let mut suffixes = Vec::new();
    let mut rest = piece;
    while !rest.is_empty() && exception(rest).is_none() {
        let before = prefix(rest);
        let stripped = &rest[before..];
        if before > 0 && !stripped.is_empty() && exception(stripped).is_some() {
            words.push(&rest[..before]);
            rest = stripped;
            break;
        }
        let after = suffix(stripped);
        let kept = &rest[..rest.len() - after];
        if after > 0 && !kept.is_empty() && exception(kept).is_some() {
            suffixes.push(&rest[kept.len()..]);
            rest = kept;
            break;
        }
        if before + after == 0 {
            break;
        }
        if before > 0 {
            words.push(&rest[..before]);
        }
        if after > 0 {
            suffixes.push(&rest[rest.len() - after..]);
        }
        rest = &rest[before..rest.len() - after];
    }
    match exception(rest) {
        Some(parts) => push_parts(rest, parts, words),
        None if rest.is_empty() => {}
        None if address(rest) => words.push(rest),
        None => split_infixes(rest, words),
    }
    words.extend(suffixes.into_iter().rev());
}

/// A piece that needs no rules: letters or digits alone, or letters and one sign that is always cut off.
fn plain(piece: &str) -> Option<(&str, &str)> {
    let (last, rest) = piece.as_bytes().split_last()?;
    let letters = rest.iter().all(u8::is_ascii_alphabetic);
    let cut = match last {
        b',' | b':' | b';' | b'!' | b'?' | b')' => 1,
        // After a capital it may be an initial's.
        b'.' if rest.last().is_some_and(u8::is_ascii_lowercase) => 1,
        last if last.is_ascii_alphabetic() => 0,
        last if last.is_ascii_digit() && rest.iter().all(u8::is_ascii_digit) => {
            return Some((piece, ""));
        }
        _ => return None,
    };
    (letters && !rest.is_empty() || cut == 0 && rest.is_empty())
        .then(|| piece.split_at(piece.len() - cut))
}

fn push_parts<'a>(piece: &'a str, parts: &[u8], words: &mut Vec<&'a str>) {
    let mut at = 0;
    for part in parts {
        let end = at + usize::from(*part);
        words.push(&piece[at..end]);
        at = end;
    }
}

/// Bytes of what is cut off at the beginning.
fn prefix(piece: &str) -> usize {
    let mut characters = piece.chars();
    let Some(first) = characters.next() else {
        return 0;
    };
    if first.is_ascii_alphanumeric() {
        let dollars = ["US$", "C$", "A$"]
            .into_iter()
            .find(|sign| piece.starts_with(sign));
        return dollars.map_or(0, str::len);
    }
    let cut = match first {
        '§' | '%' | '=' | '—' | '–' => true,
        '+' => !characters.next().is_some_and(|c| c.is_ascii_digit()),
        '.' => {
            return if piece.starts_with("..") {
                dots(piece.bytes())
            } else {
                0
            };
        }
        c => signs::punctuation(c) || signs::quote(c) || signs::currency(c) || signs::picture(c),
    };
    if cut { first.len_utf8() } else { 0 }
}

fn dots(bytes: impl Iterator<Item = u8>) -> usize {
    bytes.take_while(|byte| *byte == b'.').count()
}

const UNITS: [&str; 46] = [
    "km", "km²", "km³", "m", "m²", "m³", "dm", "cm", "cm²", "cm³", "mm", "mm²", "ha", "µm", "nm",
    "yd", "in", "ft", "kg", "g", "mg", "µg", "t", "lb", "oz", "m/s", "km/h", "kmh", "mph", "hPa",
    "Pa", "mbar", "mb", "MB", "kb", "KB", "gb", "GB", "tb", "TB", "T", "G", "M", "K", "%", "mm³",
];

/// Bytes of what is cut off at the end: the longest of what may be.
fn suffix(piece: &str) -> usize {
    let mut characters = piece.chars().rev();
    let Some(last) = characters.next() else {
        return 0;
    };
    let previous = characters.next();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match last {
        '.' => {
            let run = dots(piece.bytes().rev());
            if run > 1 {
                return run;
            }
            let second = characters.next();
            usize::from(previous.is_some_and(|c| {
                c.is_ascii_digit()
                    || uncapital(c)
                    || matches!(c, '%' | '²' | '-' | '+')
                    || signs::punctuation(c)
                    || signs::quote(c)
                    || (capital(c) && second.is_some_and(capital))
            }))
        }
        's' | 'S' if matches!(previous, Some('\'')) => 2,
        's' | 'S' if matches!(previous, Some('’')) => 4,
        '+' => usize::from(digit(previous)),
        '…' if previous == Some('…') => 6,
        '—' | '–' => last.len_utf8(),
        c if signs::punctuation(c) || signs::quote(c) || signs::picture(c) => c.len_utf8(),
        c if signs::currency(c) => {
            let dollars = ["US$", "C$", "A$"]
                .into_iter()
                .find(|sign| piece.ends_with(sign));
            let sign = dollars.map_or(c.len_utf8(), str::len);
            let before = |bytes: usize| digit(piece[..piece.len() - bytes].chars().next_back());
            if before(sign) {
                sign
            } else if before(c.len_utf8()) {
                c.len_utf8()
            } else {
                0
            }
        }
        c if c.is_ascii_alphabetic() || matches!(c, '%' | '²' | '³') => {
            let fits = |unit: &&&str| {
                piece
                    .strip_suffix(**unit)
                    .is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit()))
            };
            UNITS
                .iter()
                .filter(fits)
                .map(|unit| unit.len())
                .max()
                .unwrap_or(0)
        }
        _ => 0,
    }
}

fn capital(c: char) -> bool {
    c.is_alphabetic() && !c.is_lowercase()
}

fn uncapital(c: char) -> bool {
    c.is_alphabetic() && !c.is_uppercase()
}

/// Cuts at infixes, each a word of its own; one at the very beginning is none.
fn split_infixes<'a>(piece: &'a str, words: &mut Vec<&'a str>) {
    let (mut start, mut previous, mut skip_to) = (0, None, 0);
    for (at, c) in piece.char_indices() {
        if at >= skip_to && !c.is_ascii_alphanumeric() {
            let length = infix(&piece[at..], c, previous);
            if length > 0 {
                skip_to = at + length;
                if at > 0 {
                    if at > start {
                        words.push(&piece[start..at]);
                    }
                    words.push(&piece[at..skip_to]);
                    start = skip_to;
                }
            }
        }
        previous = Some(c);
    }
    if start < piece.len() {
        words.push(&piece[start..]);
    }
}

/// Bytes of the infix that begins here, after the character `previous`; 0 where there is none.
fn infix(rest: &str, c: char, previous: Option<char>) -> usize {
    let next = |bytes: usize| rest[bytes..].chars().next();
    let alphabetic = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let known = previous.is_some_and(|c| c.is_alphabetic() || c.is_ascii_digit());
    let width = c.len_utf8();
    if c == '.' && rest.starts_with("..") {
        return dots(rest.bytes());
    }
    if c == '…' || signs::picture(c) {
        return width;
    }
    let arithmetic = matches!(c, '+' | '-' | '*' | '^')
        && previous.is_some_and(|c| c.is_ascii_digit())
        && next(1).is_some_and(|c| c.is_ascii_digit() || c == '-');
    let stop = c == '.'
        && previous.is_some_and(|c| uncapital(c) || signs::quote(c))
        && next(1).is_some_and(|c| capital(c) || signs::quote(c));
    let comma = c == ',' && alphabetic(previous) && alphabetic(next(1));
    if arithmetic || stop || comma {
        return 1;
    }
    if known {
        if matches!(c, ':' | '<' | '>' | '=' | '/') && alphabetic(next(1)) {
            return 1;
        }
        for hyphen in ["-", "–", "—", "--", "---", "——", "~"] {
            if rest.starts_with(hyphen) && alphabetic(next(hyphen.len())) {
                return hyphen.len();
            }
        }
    }
    0
}

/// Whether a piece is an address: `example.com/path`, `https://…`, `someone@example.org`.
fn address(piece: &str) -> bool {
    if !piece.contains('.') {
        return false;
    }
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '+' | '-' | '.');
    let rest = match piece.split_once("://") {
        Some((scheme, rest)) if scheme.chars().count() >= 2 && scheme.chars().all(word) => rest,
        _ => piece,
    };
    let after_at = rest
        .match_indices('@')
        .filter(|(at, _)| *at > 0)
        .map(|(at, _)| &rest[at + 1..]);
    std::iter::once(rest).chain(after_at).any(host)
}

/// `label.label.tld`, then maybe a port, then maybe anything after `/`, `?` or `#`. What follows a host is not
/// looked at: a piece may hold a list of ten thousand addresses, each of which is asked.
fn host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&c);
    let inner = |c: char| plain(c) || matches!(c, '_' | '-');
    let end = text
        .find(|c: char| !(inner(c) || c == '.' || uncapital(c)))
        .unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if let Some(port) = rest.strip_prefix(':') {
        let digits = port.bytes().take(6).take_while(u8::is_ascii_digit).count();
        if !(2..=5).contains(&digits) {
            return false;
        }
        rest = &port[digits..];
    }
    if !(rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
        return false;
    }
    let Some((labels, top)) = name.rsplit_once('.') else {
        return false;
    };
    (2..=63).contains(&top.chars().count())
        && top.chars().all(uncapital)
        && labels.split('.').all(|label| {
            label.starts_with(plain) && label.ends_with(plain) && label.chars().all(inner)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As it is said: everything up to `/`, `?` or `#` is a name and maybe a port.
    fn host_as_said(text: &str) -> bool {
        let end = text.find(['/', '?', '#']).unwrap_or(text.len());
        let (name, port) = text[..end].split_once(':').unwrap_or((&text[..end], "80"));
        let plain = |c: char| c.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&c);
        let label = |label: &str| {
            label.starts_with(plain)
                && label.ends_with(plain)
                && label.chars().all(|c| plain(c) || matches!(c, '_' | '-'))
        };
        let port = (2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        port && name.rsplit_once('.').is_some_and(|(labels, top)| {
            (2..=63).contains(&top.chars().count())
                && top.chars().all(uncapital)
                && labels.split('.').all(label)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_host_is_told_without_reading_on(
            text in "(a|kr|가|é|É|𝐚|7|_|-|\\.|\\.|:80|:443|:|/|\\?|#|@|,){0,9}"
        ) {
            prop_assert_eq!(host(&text), host_as_said(&text), "{}", text);
        }
    }

    /// A list without spaces, as they leak: an address in it costs its own length, not that of the list.
    #[test]
    fn a_long_list_of_addresses_is_read_to_its_end() {
        let list: String = (0..100_000)
            .map(|number| format!("user{number}@example.com,"))
            .collect();
        let counts = ["kim@학교.한국", "kim@"].map(|last| {
            let list = format!("{list}{last}");
            let mut words = Vec::new();
            split(&list, &mut words);
            words.len()
        });
        // An address as a whole; else the parts between commas, and these.
        assert_eq!(counts, [1, 200_001]);
    }
}
