//! Accents and signs of TeX as the letters they set.

use unicode_normalization::UnicodeNormalization as _;

/// The combining mark of an accent command.
pub(super) fn accent(name: &str) -> Option<char> {
    Some(match name {
        "'" => '\u{301}',
        "`" => '\u{300}',
        "^" => '\u{302}',
        "\"" => '\u{308}',
        "~" => '\u{303}',
        "=" => '\u{304}',
        "." => '\u{307}',
        "u" => '\u{306}',
        "v" => '\u{30C}',
        "H" => '\u{30B}',
        "c" => '\u{327}',
        "k" => '\u{328}',
        "r" => '\u{30A}',
        "d" => '\u{323}',
        "b" => '\u{331}',
        _ => return None,
    })
}

/// A letter with an accent, as one character where there is one.
pub(super) fn accented(letter: &str, mark: char) -> String {
    let letter = match letter.trim() {
        "\\i" | "ı" => "i",
        "\\j" | "ȷ" => "j",
        letter => letter,
    };
    let mut letters = letter.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let composed: String = [first, mark].into_iter().nfc().collect();
    composed + letters.as_str()
}

/// What a command without arguments sets in text.
pub(super) fn sign(name: &str) -> Option<&'static str> {
    Some(match name {
        "&" => "&",
        "%" => "%",
        "$" => "$",
        "#" => "#",
        "_" => "_",
        "{" => "{",
        "}" => "}",
        " " | "," | ";" | ":" | "\n" | "quad" | "qquad" | "space" | "enspace" | "thinspace"
        | "hfill" | "hspace" => " ",
        "!" | "/" | "-" | "@" | "(" | ")" => "",
        "ldots" | "dots" | "textellipsis" => "…",
        "textbackslash" => "\\",
        "textasciitilde" => "~",
        "textasciicircum" => "^",
        "textbar" => "|",
        "textless" => "<",
        "textgreater" => ">",
        "textendash" => "–",
        "textemdash" => "—",
        "textquoteleft" | "lq" => "‘",
        "textquoteright" | "rq" => "’",
        "textquotedblleft" => "“",
        "textquotedblright" => "”",
        "textregistered" => "®",
        "texttrademark" => "™",
        "textcopyright" | "copyright" => "©",
        "textdegree" | "degree" => "°",
        "textmu" => "µ",
        "S" => "§",
        "P" => "¶",
        "pounds" => "£",
        "euro" => "€",
        "ss" => "ß",
        "ae" => "æ",
        "AE" => "Æ",
        "oe" => "œ",
        "OE" => "Œ",
        "o" => "ø",
        "O" => "Ø",
        "aa" => "å",
        "AA" => "Å",
        "l" => "ł",
        "L" => "Ł",
        "i" => "ı",
        "j" => "ȷ",
        "LaTeX" => "LaTeX",
        "TeX" => "TeX",
        "slash" => "/",
        _ => return None,
    })
}
