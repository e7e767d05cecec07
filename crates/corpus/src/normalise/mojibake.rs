//! Text that was decoded in the wrong encoding, read again in the right one where that is beyond doubt.
//!
//! Three accidents, in the spirit of `ftfy` (Speer 2019) and for Korean: UTF-8 read as Windows-1252
//! (`í•œê¸€`), CP949 read as Windows-1252 (`ÇÑ±Û`), UTF-8 read as CP949 (`�븳湲�` where nothing was
//! lost). A run is changed only if its every letter goes back to a byte and the bytes are valid in
//! the other encoding; pairs such as `É»`, which occur in honest French, are not evidence.

use encoding_rs::{EUC_KR, WINDOWS_1252};

/// The repaired text, or `None` where nothing is to be repaired.
pub(super) fn repair(text: &str, count: &mut u64) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut latin = 0usize;
    let mut others = 0usize;
    for letter in text.chars().filter(|letter| !letter.is_ascii()) {
        if byte_1252(letter).is_some() {
            latin += 1;
        } else {
            others += 1;
        }
    }
    if latin >= 2 {
        if let Some(repaired) = utf8_as_latin(text, count) {
            return Some(repaired);
        }
        if latin >= 8 && latin > 8 * others {
            return korean_as_latin(text, count);
        }
    }
    if others >= 4 {
        return utf8_as_korean(text, count);
    }
    None
}

/// The byte that Windows-1252 has for a letter; the five it has none for map to themselves.
fn byte_1252(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x00..=0x7F | 0xA0..=0xFF | 0x81 | 0x8D | 0x8F | 0x90 | 0x9D) => Some(code as u8),
        0x2123.. => None, // ™ is the last
        _ => {
            let mut buffer = [0; 4];
            let (bytes, _, lost) = WINDOWS_1252.encode(letter.encode_utf8(&mut buffer));
            (!lost && bytes.len() == 1).then(|| bytes[0])
        }
    }
}

/// `í•œ` is 한. Every sequence of its own is judged, so good text around it stays.
fn utf8_as_latin(text: &str, count: &mut u64) -> Option<String> {
    // What is certain begins with one of Ã and á to ó, which all begin with this byte.
    memchr::memchr(0xC3, text.as_bytes())?;
    let letters: Vec<char> = text.chars().collect();
    let bytes: Vec<Option<u8>> = letters.iter().map(|letter| byte_1252(*letter)).collect();
    let mut found: Vec<(usize, usize, char)> = Vec::new();
    let mut certain = 0u64;
    let mut at = 0;
    while at < letters.len() {
        if let Some((length, decoded, sure)) = sequence(&bytes[at..], &letters[at..]) {
            found.push((at, length, decoded));
            certain += u64::from(sure);
            at += length;
        } else {
            at += 1;
        }
    }
    if certain == 0 {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut last_end = usize::MAX;
    for (at, length, decoded) in found {
        out.extend(&letters[from..at]);
        out.push(decoded);
        *count += u64::from(at != last_end); // a run counts once
        from = at + length;
        last_end = from;
    }
    out.extend(&letters[from..]);
    Some(out)
}

/// A UTF-8 sequence of two to four bytes, and whether it could be nothing else.
fn sequence(bytes: &[Option<u8>], letters: &[char]) -> Option<(usize, char, bool)> {
    let first = (*bytes.first()?)?;
    let length = match first {
        0xC2 | 0xC3 => 2, // Latin-1 itself; the rest of the two-byte range is too often honest
        0xE1..=0xEF => 3,
        0xF0..=0xF3 => 4,
        _ => return None,
    };
    let mut buffer = [0u8; 4];
    for (place, slot) in buffer.iter_mut().enumerate().take(length) {
        *slot = (*bytes.get(place)?)?;
        if place > 0 && !(0x80..=0xBF).contains(slot) {
            return None;
        }
    }
    let decoded = std::str::from_utf8(&buffer[..length])
        .ok()?
        .chars()
        .next()?;
    // A capital before a closing quotation mark, as in «MAÇÃ», is honest.
    let closing = matches!(letters[1], '»' | '”' | '’' | '…' | '—' | '–' | '™' | '°');
    let sure = match length {
        2 => !closing && !decoded.is_control() && letters[0] == 'Ã',
        _ => !decoded.is_control(),
    };
    Some((length, decoded, sure))
}

/// `ÇÑ±Û` is 한글: only where the whole text is of that kind.
fn korean_as_latin(text: &str, count: &mut u64) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut hangul, mut other, mut runs) = (0usize, 0usize, 0u64);
    let mut run: Vec<u8> = Vec::new();
    let mut flush = |run: &mut Vec<u8>, out: &mut String| {
        if run.is_empty() {
            return;
        }
        let whole = run.len().is_multiple_of(2);
        let (decoded, malformed) = EUC_KR.decode_without_bom_handling(run);
        if whole && !malformed {
            let good = decoded
                .chars()
                .filter(|letter| ('가'..='힣').contains(letter))
                .count();
            hangul += good;
            other += decoded.chars().count() - good;
            runs += 1;
            out.push_str(&decoded);
        } else {
            other += run.len();
            out.extend(
                run.iter()
                    .map(|byte| WINDOWS_1252.decode(&[*byte]).0.into_owned()),
            );
        }
        run.clear();
    };
    for letter in text.chars() {
        match byte_1252(letter) {
            Some(byte) if byte >= 0x80 => run.push(byte),
            _ => {
                flush(&mut run, &mut out);
                out.push(letter);
            }
        }
    }
    flush(&mut run, &mut out);
    let good = hangul >= 4 && other * 10 <= hangul;
    good.then(|| {
        *count += runs;
        out
    })
}

fn is_hanja(letter: char) -> bool {
    matches!(letter, '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}')
}

/// UTF-8 read as CP949: Hangul's own bytes there are never valid UTF-8, so nothing honest matches.
///
/// The first byte of a run that is UTF-8 after all is one of E2, E3 and EA to ED, and where these lead, CP949 has
/// nothing but Hanja: only runs that begin with one are looked at.
fn utf8_as_korean(text: &str, count: &mut u64) -> Option<String> {
    if !text.chars().any(is_hanja) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    let mut run = String::new();
    let mut flush = |run: &mut String, out: &mut String| {
        if run.starts_with(is_hanja) && run.chars().count() >= 3 {
            let (bytes, _, lost) = EUC_KR.encode(run);
            if !lost
                && let Ok(decoded) = std::str::from_utf8(&bytes)
                && decoded.chars().all(|letter| {
                    letter.is_ascii() || matches!(letter, '가'..='힣' | '\u{3000}'..='\u{303F}' | '\u{2010}'..='\u{2027}' | 'ㄱ'..='ㅣ')
                })
                && decoded.chars().any(|letter| ('가'..='힣').contains(&letter))
            {
                *count += 1;
                changed = true;
                out.push_str(decoded);
                run.clear();
                return;
            }
        }
        out.push_str(run);
        run.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii() {
            flush(&mut run, &mut out);
            out.push(letter);
        } else {
            run.push(letter);
        }
    }
    flush(&mut run, &mut out);
    changed.then_some(out)
}
