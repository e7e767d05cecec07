//! Classes of characters as the rules' reference implementations know them (Python's `str`, spaCy's classes).

use unicode_normalization::char::is_combining_mark;

/// White space as Python has it: Unicode's, and the four separators of ASCII.
pub(crate) fn space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Without white space at both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(space)
}

/// A letter as Python has it: general category L. Rust's alphabetic is wider.
pub(crate) fn letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    c.is_alphabetic()
        && !c.is_numeric()
        && !is_combining_mark(c)
        && !matches!(c, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f189}')
}

/// Hangul: syllables, jamo, compatibility and half-width jamo.
pub(crate) fn hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7af}' | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}'
        | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' | '\u{ffa0}'..='\u{ffdc}')
}

/// Lines as Python's `splitlines` cuts them: the last line break begins no line.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((end, width)) = line_break(rest.as_bytes()) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..end];
        rest = &rest[end + width..];
        Some(line)
    })
}

/// Where the first line break is, and its bytes: most of a text is passed over a byte at a time.
fn line_break(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while at < bytes.len() {
        let width = match bytes[at] {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => 2,
            b'\n'..=b'\r' | 0x1c..=0x1e => 1,
            0xc2 if bytes[at + 1] == 0x85 => 2,
            // U+2028 and U+2029
            0xe2 if bytes[at + 1] == 0x80 && matches!(bytes[at + 2], 0xa8 | 0xa9) => 3,
            _ => 0,
        };
        if width > 0 {
            return Some((at, width));
        }
        at += 1;
    }
    None
}

/// What stands between white space, as [`space`] has it.
pub(crate) fn between_spaces(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let width = white(text, at)?;
            if width == 0 {
                break;
            }
            at += width;
        }
        let start = at;
        while at < bytes.len() && white(text, at) == Some(0) {
            at += 1;
        }
        Some(&text[start..at])
    })
}

/// Bytes of the white space that begins here, 0 where none does; `None` at the end. Inside a character
/// none begins, so that a text can be passed over a byte at a time.
#[inline(always)]
fn white(text: &str, at: usize) -> Option<usize> {
    let byte = *text.as_bytes().get(at)?;
    Some(match byte {
        b'\t'..=b'\r' | 0x1c..=0x20 => 1,
        // The only first bytes of white space beyond ASCII.
        0xc2 | 0xe1 | 0xe2 | 0xe3 => {
            let c = text[at..].chars().next()?;
            if c.is_whitespace() { c.len_utf8() } else { 0 }
        }
        _ => 0,
    })
}

/// A sign as datatrove's rules have it: a word of nothing else is not counted.
#[rustfmt::skip]
pub(crate) fn symbol(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '!'..='/' | ':'..='@' | '['..='`' | '{'..='\u{9f}'
        | '«' | '´' | '»' | '–'..='—' | '’' | '“'..='„' | '…' | '∶' | '━' | '►' | '、' | '〈'..='」'
        | '【'..='】' | '％' | '（'..='）' | '，' | '１' | '：'..='；' | '～')
        || ends_sentence(c)
}

/// A mark that ends a sentence, in any script, as datatrove lists them.
#[rustfmt::skip]
pub(crate) fn ends_sentence(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '.' | '!' | '?');
    }
    matches!(c, '\u{589}' | '\u{61d}'..='\u{61f}' | '\u{6d4}' | '\u{700}'..='\u{702}' | '\u{7f9}'
        | '\u{837}' | '\u{839}' | '\u{83d}'..='\u{83e}' | '\u{964}'..='\u{965}' | '\u{104a}'..='\u{104b}'
        | '\u{1362}' | '\u{1367}'..='\u{1368}' | '\u{166e}' | '\u{1735}'..='\u{1736}'
        | '\u{17d4}'..='\u{17d6}' | '\u{17d9}'..='\u{17da}' | '\u{1803}' | '\u{1809}'
        | '\u{1944}'..='\u{1945}' | '\u{1aa8}'..='\u{1aab}' | '\u{1b5a}'..='\u{1b5b}'
        | '\u{1b5e}'..='\u{1b5f}' | '\u{1b7d}'..='\u{1b7e}' | '\u{1c3b}'..='\u{1c3c}'
        | '\u{1c7e}'..='\u{1c7f}' | '‼'..='‽' | '⁇'..='⁉' | '\u{2e2e}' | '\u{2e3c}'
        | '\u{2e53}'..='\u{2e54}' | '。' | '\u{a4ff}' | '\u{a60e}'..='\u{a60f}' | '\u{a6f3}' | '\u{a6f7}'
        | '\u{a876}'..='\u{a877}' | '\u{a8ce}'..='\u{a8cf}' | '\u{a92f}' | '\u{a9c8}'..='\u{a9c9}'
        | '\u{aa5d}'..='\u{aa5f}' | '\u{aaf0}'..='\u{aaf1}' | '\u{abeb}' | '﹒' | '﹖'..='﹗' | '！' | '．'
        | '？' | '｡' | '\u{10a56}'..='\u{10a57}' | '\u{10f55}'..='\u{10f59}' | '\u{10f86}'..='\u{10f89}'
        | '\u{11047}'..='\u{11048}' | '\u{110be}'..='\u{110c1}' | '\u{11141}'..='\u{11143}'
        | '\u{111c5}'..='\u{111c6}' | '\u{111cd}' | '\u{111de}'..='\u{111df}' | '\u{11238}'..='\u{11239}'
        | '\u{1123b}'..='\u{1123c}' | '\u{112a9}' | '\u{1144b}'..='\u{1144c}' | '\u{115c2}'..='\u{115c3}'
        | '\u{115c9}'..='\u{115d7}' | '\u{11641}'..='\u{11642}' | '\u{1173c}'..='\u{1173e}' | '\u{11944}'
        | '\u{11946}' | '\u{11a42}'..='\u{11a43}' | '\u{11a9b}'..='\u{11a9c}' | '\u{11c41}'..='\u{11c42}'
        | '\u{11ef7}'..='\u{11ef8}' | '\u{11f43}'..='\u{11f44}' | '\u{16a6e}'..='\u{16a6f}' | '\u{16af5}'
        | '\u{16b37}'..='\u{16b38}' | '\u{16b44}' | '\u{16e98}' | '\u{1bc9f}' | '\u{1da88}')
}

/// Punctuation that spaCy cuts off at both ends of a word.
pub(crate) fn punctuation(c: char) -> bool {
    matches!(
        c,
        ',' | ':'
            | ';'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '<'
            | '>'
            | '_'
            | '#'
            | '*'
            | '&'
            | '…'
            | '¿'
            | '؟'
            | '¡'
            | '。'
            | '？'
            | '！'
            | '，'
            | '、'
            | '；'
            | '：'
            | '～'
            | '·'
            | '।'
            | '،'
            | '۔'
            | '؛'
            | '٪'
    )
}

/// Quotation marks that spaCy cuts off at both ends of a word.
pub(crate) fn quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"'
            | '”'
            | '“'
            | '`'
            | '‘'
            | '´'
            | '’'
            | '‚'
            | ','
            | '„'
            | '»'
            | '«'
            | '「'
            | '」'
            | '『'
            | '』'
            | '（'
            | '）'
            | '〔'
            | '〕'
            | '【'
            | '】'
            | '《'
            | '》'
            | '〈'
            | '〉'
            | '\u{2329}'
            | '\u{232a}'
            | '⟦'
            | '⟧'
    )
}

/// Signs of currencies.
pub(crate) fn currency(c: char) -> bool {
    matches!(c, '$' | '£' | '¥' | '฿' | '﷼' | '\u{20a0}'..='\u{20bf}')
}

/// Pictures and other symbols, which spaCy makes words of their own; the common blocks of them.
pub(crate) fn picture(c: char) -> bool {
    match c {
        '\0'..='\u{a5}' => false,
        '¦' | '©' | '®' | '°' | '№' | '™' | '℃' | '℉' | '〒' | '〓' | '\u{fffc}' | '\u{fffd}' => {
            true
        }
        '\u{2195}'..='\u{2199}' | '\u{219c}'..='\u{21ff}' => !matches!(
            c,
            '\u{21a0}' | '\u{21a3}' | '\u{21a6}' | '\u{21d2}' | '\u{21d4}'
        ),
        '\u{2300}'..='\u{23db}' => !matches!(
            c,
            '\u{2308}'
                ..='\u{230b}' | '\u{2320}' | '\u{2321}' | '\u{2329}' | '\u{232a}' | '\u{237c}'
        ),
        '\u{2400}'..='\u{2426}' | '\u{249c}'..='\u{24e9}' => true,
        '\u{2500}'..='\u{27bf}' => {
            !matches!(c, '\u{25b7}' | '\u{25c1}' | '\u{25f8}'..='\u{25ff}' | '\u{266f}' | '\u{2768}'..='\u{2793}')
        }
        '\u{2800}'..='\u{28ff}' | '\u{2b00}'..='\u{2b2f}' | '\u{2e80}'..='\u{2fd5}' => true,
        '\u{3200}'..='\u{321e}'
        | '\u{322a}'..='\u{3247}'
        | '\u{3260}'..='\u{327f}'
        | '\u{328a}'..='\u{33ff}' => true,
        _ => matches!(c, '\u{1f000}'..='\u{1f9ff}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_pythons() {
        let all = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(
            all("가\r\n나\n\n다\u{2028}라\u{b}"),
            ["가", "나", "", "다", "라"]
        );
        assert_eq!(all(""), Vec::<&str>::new());
        assert_eq!(all("\n"), [""]);
    }

    #[test]
    fn letters_are_of_category_l() {
        for (c, is) in [
            ('가', true),
            ('ㅋ', true),
            ('é', true),
            ('Ⅷ', false),
            ('ⓐ', false),
            ('्', false),
            ('ा', false),
            ('5', false),
        ] {
            assert_eq!(letter(c), is, "{c}");
        }
    }
}
