//! Bytes of a page into text: which encoding they are in, whatever the page says of itself.
//!
//! In this order: a byte order mark; bytes that are UTF-8 throughout, or nearly, are UTF-8; the HTTP header; the
//! page's own `<meta>`; a guess from the bytes (chardetng). Of the candidates the one with the
//! fewest malformed sequences wins, and the earlier one where they tie. A Latin-1 can never be
//! malformed. Declared, it yields to a guessed East Asian encoding that fits without a fault:
//! Korean pages are declared `iso-8859-1` more often than one would hope. Guessed, it yields to an
//! encoding of several bytes that reads nearly everything, declared or Hangul: one letter that a board
//! has cut in half rules the right one out for a guess. `euc-kr` and `ks_c_5601-1987` mean CP949
//! (UHC), as in the Encoding Standard. It gives rare syllables to bytes that Latin text is full of, an
//! apostrophe and the letter behind it, so that Hangul is guessed only where common syllables are most of it.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_KR, Encoding, UTF_8, WINDOWS_1252};

use crate::words::signs::hangul;

/// How the encoding was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// The bytes begin with a byte order mark.
    Mark,
    /// The bytes are valid UTF-8.
    Valid,
    /// The HTTP header said so.
    Header,
    /// The page said so.
    Meta,
    /// Nothing fitted better than a guess.
    Guess,
}

/// Text, and how it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text; U+FFFD stands where bytes were malformed.
    pub text: String,
    /// The encoding by its name in the Encoding Standard.
    pub encoding: &'static str,
    /// How it was found.
    pub by: Sniffed,
    /// Whether some bytes were malformed.
    pub malformed: bool,
}

/// How far into a page its `<meta>` is looked for; browsers look at 1,024 bytes, pages do worse.
const META_BYTES: usize = 4096;
/// How much of a page the guess looks at.
const GUESS_BYTES: usize = 128 << 10;

/// Decodes the bytes of a page; `header` is the `charset` of the HTTP header.
pub fn decode(bytes: &[u8], header: Option<&str>) -> Decoded {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return read(&bytes[mark..], encoding, Sniffed::Mark);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Decoded {
            text: text.to_owned(),
            encoding: UTF_8.name(),
            by: Sniffed::Valid,
            malformed: false,
        };
    }
    if let Some(decoded) = nearly_utf8(bytes) {
        return decoded;
    }
    let header = header.and_then(label).map(|found| (found, Sniffed::Header));
    let meta = declared(&bytes[..bytes.len().min(META_BYTES)]).map(|found| (found, Sniffed::Meta));
    let mut guess = guess(bytes);
    let latin = guess.is_single_byte();
    if latin {
        let korean = Letters::of(&read(bytes, EUC_KR, Sniffed::Guess).text);
        if korean.mostly_read() && korean.mostly_hangul() && korean.mostly_common(bytes) {
            guess = EUC_KR;
        }
    }
    let mut best: Option<(u64, Decoded)> = None;
    let guessed = Some((guess, Sniffed::Guess));
    for (encoding, by) in [header, meta, guessed].into_iter().flatten() {
        let decoded = read(bytes, encoding, by);
        let forgiven = latin && !encoding.is_single_byte();
        let faults = match forgiven && Letters::of(&decoded.text).mostly_read() {
            true => 0,
            false => faults(&decoded, guess),
        };
        if best.as_ref().is_none_or(|(least, _)| faults < *least) {
            best = Some((faults, decoded));
        }
    }
    best.expect("the guess is always a candidate").1
}

/// UTF-8 with a few broken bytes: sequences of the right form are no accident where they are most.
fn nearly_utf8(bytes: &[u8]) -> Option<Decoded> {
    let decoded = read(bytes, UTF_8, Sniffed::Guess);
    let letters = Letters::of(&decoded.text);
    (letters.good > 4 * letters.bad).then_some(decoded)
}

/// What bytes that are not ASCII were read as.
struct Letters {
    good: usize,
    hangul: usize,
    bad: usize,
}

impl Letters {
    fn of(text: &str) -> Self {
        let mut letters = Letters {
            good: 0,
            hangul: 0,
            bad: 0,
        };
        for letter in text.chars().filter(|letter| !letter.is_ascii()) {
            match letter {
                char::REPLACEMENT_CHARACTER => letters.bad += 1,
                letter => {
                    letters.good += 1;
                    letters.hangul += usize::from(hangul(letter));
                }
            }
        }
        letters
    }

    fn mostly_read(&self) -> bool {
        self.good > 10 * self.bad
    }

    /// Latin letters with accents, read two by two, come out as anything but that.
    fn mostly_hangul(&self) -> bool {
        self.good >= 8 && 5 * self.hangul >= 4 * self.good
    }

    /// The 2,350 common syllables have two bytes from 0xA1 on, those that CP949 adds (뷁, 똠) often one
    /// or none. As those it reads `’t` and `“H`, `¿Q`, `’é` and two no-break spaces of windows-1252.
    fn mostly_common(&self, bytes: &[u8]) -> bool {
        let high = bytes.iter().filter(|byte| **byte >= 0xA1).count();
        5 * high >= 8 * self.hangul
    }
}

/// Malformed sequences; one more than none for a Latin-1 that a two-byte guess contradicts.
fn faults(decoded: &Decoded, guess: &'static Encoding) -> u64 {
    if decoded.encoding == WINDOWS_1252.name() && !guess.is_single_byte() && guess != UTF_8 {
        return 1;
    }
    if !decoded.malformed {
        return 0;
    }
    let replaced = decoded
        .text
        .chars()
        .filter(|letter| *letter == char::REPLACEMENT_CHARACTER);
    1 + replaced.count() as u64
}

fn read(bytes: &[u8], encoding: &'static Encoding, by: Sniffed) -> Decoded {
    let (text, malformed) = encoding.decode_without_bom_handling(bytes);
    Decoded {
        text: text.into_owned(),
        encoding: encoding.name(),
        by,
        malformed,
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let cut = bytes.len().min(GUESS_BYTES);
    detector.feed(&bytes[..cut], cut == bytes.len());
    detector.guess(None, Utf8Detection::Allow)
}

/// An encoding by what people call it, `cp949` and `uhc` included.
fn label(name: &str) -> Option<&'static Encoding> {
    let name = name
        .trim()
        .trim_matches(|letter| matches!(letter, '"' | '\'' | ';'));
    let name = match name.to_ascii_lowercase().as_str() {
        "cp949" | "ms949" | "uhc" | "x-windows-949" | "euckr" => "euc-kr",
        _ => name,
    };
    Encoding::for_label(name.as_bytes())
}

/// What the page declares: the first `charset=` inside a `<meta` or an XML declaration.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = head.to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let mut rest: &str = &head;
    if let Some(inside) = rest
        .trim_start()
        .strip_prefix("<?xml")
        .and_then(|after| after.split("?>").next())
        && let Some(found) = value_after(inside, "encoding")
    {
        return ascii_compatible(found);
    }
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + 5..];
        let inside = rest.split('>').next().unwrap_or(rest);
        if let Some(found) = value_after(inside, "charset") {
            return ascii_compatible(found);
        }
    }
    None
}

/// `name = "value"` or `name=value;`: the value.
fn value_after<'a>(inside: &'a str, name: &str) -> Option<&'a str> {
    let after = inside.split_once(name)?.1.trim_start().strip_prefix('=')?;
    let after = after.trim_start();
    let value = match after.chars().next()? {
        quote @ ('"' | '\'') => after[1..].split(quote).next()?,
        _ => after
            .split(|letter: char| {
                letter.is_whitespace() || matches!(letter, ';' | '"' | '\'' | '/')
            })
            .next()?,
    };
    (!value.is_empty()).then_some(value)
}

/// A page whose declaration could be read as ASCII is not UTF-16, whatever it declares.
fn ascii_compatible(name: &str) -> Option<&'static Encoding> {
    let found = label(name)?;
    Some(if found.is_ascii_compatible() {
        found
    } else {
        UTF_8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "<p>서울특별시 종로구에서 열린 회의는 내일까지 계속됩니다. 똠방각하는 홰를 쳤다.</p>";

    fn cp949(text: &str) -> Vec<u8> {
        EUC_KR.encode(text).0.into_owned()
    }

    fn check(bytes: &[u8], header: Option<&str>, encoding: &str, by: Sniffed) {
        let decoded = decode(bytes, header);
        assert_eq!((decoded.encoding, decoded.by), (encoding, by));
        assert!(decoded.text.contains("똠방각하는"), "{}", decoded.text);
    }

    #[test]
    fn a_korean_page_is_read_however_it_is_labelled() {
        let euc = cp949(TEXT);
        check(TEXT.as_bytes(), None, "UTF-8", Sniffed::Valid);
        check(TEXT.as_bytes(), Some("euc-kr"), "UTF-8", Sniffed::Valid);
        check(&euc, Some("ks_c_5601-1987"), "EUC-KR", Sniffed::Header);
        check(&euc, Some("CP949"), "EUC-KR", Sniffed::Header);
        check(&euc, None, "EUC-KR", Sniffed::Guess);
        check(&euc, Some("utf-8"), "EUC-KR", Sniffed::Guess);
        check(&euc, Some("iso-8859-1"), "EUC-KR", Sniffed::Guess);
        let mut marked = b"\xEF\xBB\xBF".to_vec();
        marked.extend_from_slice(TEXT.as_bytes());
        check(&marked, Some("euc-kr"), "UTF-8", Sniffed::Mark);
    }

    #[test]
    fn the_page_says_so_itself() {
        for meta in [
            "<meta charset=euc-kr>",
            "<META HTTP-EQUIV='Content-Type' content='text/html; charset=euc-kr'>",
            "<?xml version='1.0' encoding=\"EUC-KR\"?>",
        ] {
            let page = cp949(&format!("{meta}{TEXT}"));
            check(&page, None, "EUC-KR", Sniffed::Meta);
        }
    }

    #[test]
    fn utf16_with_its_mark_is_read() {
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend(TEXT.encode_utf16().flat_map(u16::to_le_bytes));
        check(&bytes, None, "UTF-16LE", Sniffed::Mark);
    }

    #[test]
    fn a_few_broken_bytes_do_not_turn_utf8_into_something_else() {
        let mut bytes = TEXT.repeat(50).into_bytes();
        bytes[4] = 0xFF;
        let decoded = decode(&bytes, Some("utf-8"));
        assert_eq!(decoded.encoding, "UTF-8");
        assert!(decoded.malformed && decoded.text.contains("종로구"));
    }

    /// Boards cut titles by bytes, in the middle of a letter; the page is Korean all the same.
    #[test]
    fn a_letter_that_was_cut_in_half_does_not_turn_a_page_into_latin() {
        for paragraphs in [1, 2, 10, 200] {
            let mut title = cp949("<title>서울시 종로구의 새 소식과 안내 말씀");
            title.pop();
            let body = cp949(&format!("</title>{}", TEXT.repeat(paragraphs)));
            let page = [&title[..], &body].concat();
            for header in [Some("euc-kr"), Some("utf-8"), Some("iso-8859-1"), None] {
                let decoded = decode(&page, header);
                assert_eq!(decoded.encoding, "EUC-KR", "{paragraphs} {header:?}");
                assert!(decoded.text.contains("홰를 쳤다") && decoded.malformed);
            }
        }
        let notice = "내일은 쉽니다. 모레 아침에 다시 문을 엽니다.";
        let cut = [&notice.as_bytes()[..notice.len() - 8], b" ..."].concat();
        let decoded = decode(&cut, None);
        assert!(
            decoded.encoding == "UTF-8" && decoded.text.starts_with("내일은 쉽니다."),
            "{}",
            decoded.text
        );
    }

    /// What is Latin stays Latin.
    #[test]
    fn accents_are_not_read_as_hangul() {
        let french =
            "Le café était fermé ; à l'été, les élèves préfèrent où l'âme rêve, déjà là-bas. "
                .repeat(5);
        let bytes = WINDOWS_1252.encode(&french).0.into_owned();
        for header in [None, Some("iso-8859-1"), Some("utf-8")] {
            assert_eq!(decode(&bytes, header).text, french, "{header:?}");
        }
        let russian = "Завтра в городе откроется выставка, которую ждали несколько лет. ".repeat(5);
        let bytes = encoding_rs::WINDOWS_1251.encode(&russian).0.into_owned();
        assert_eq!(decode(&bytes, None).text, russian);
        assert_eq!(decode(&bytes, Some("windows-1251")).text, russian);
    }

    /// In CP949 a curly apostrophe and the letter behind it are a syllable: `don뭪` and `we뭨e`.
    #[test]
    fn curly_quotes_are_not_read_as_hangul() {
        for line in [
            "I don’t think it’s what we’re used to, and they’d say it isn’t theirs; you’ll see that she’s right. ",
            "He wrote “Hello”, then “Thanks”… It’s all—or nothing—that they’ve got, don’t you think? I’m sure we’d agree. ",
            "C’est l’heure d’un choix qu’on n’a pas fait. Il m’a dit qu’il s’en va d’ici. L’été, l’un d’eux n’est plus. ",
            "J’ai vu l’île, l’école et l’église ; aujourd’hui, c’était fermé, et l’on n’a rien dit à l’élève. ",
            "¿Qué pasó? ¡Mira! El niño dijo “vamos” y “adiós”. ¿Dónde está? ¡Aquí! ¿Cuándo vienes? ¡Mañana! ",
            "L’anno dell’uomo, l’inizio dell’opera d’arte e un’altra cosa: c’è l’amico dell’albero, dov’era ieri. ",
            "\u{a0}\u{a0}\u{a0}\u{a0}First line\r\n\u{a0}\u{a0}\u{a0}\u{a0}second line: \u{a0}\u{a0}\u{a0}it’s here. ",
        ] {
            for times in [1, 3, 40] {
                let page = line.repeat(times);
                let bytes = WINDOWS_1252.encode(&page).0.into_owned();
                for header in [
                    None,
                    Some("windows-1252"),
                    Some("iso-8859-1"),
                    Some("utf-8"),
                ] {
                    assert_eq!(decode(&bytes, header).text, page, "{header:?}");
                }
            }
        }
    }

    /// Rare syllables have bytes as Latin text does; a page that has them is Korean all the same.
    #[test]
    fn a_cut_letter_among_rare_syllables_does_not_turn_a_page_into_latin() {
        for rest in [
            "뷁! 펲시 한 병과 똠방각하, 햏자들의 모임이 있습니다.",
            "뷁뷁 소리를 내며 펲펲 뛰는 똠방각하를 보았다는 소문이 있다.",
        ] {
            let mut page = cp949("<title>새 소식과 안내");
            page.pop();
            page.extend(cp949(&format!("</title>{rest}")));
            assert!(guess(&page).is_single_byte());
            let decoded = decode(&page, None);
            assert!(
                decoded.encoding == "EUC-KR" && decoded.text.contains(rest),
                "{}",
                decoded.text
            );
        }
    }

    #[test]
    fn nonsense_is_read_as_something() {
        assert_eq!(decode(b"", None).text, "");
        assert!(
            !decode(&[0xFF, 0xFE, 0xFF, 0x00, 0x81], Some("martian"))
                .text
                .is_empty()
        );
    }
}
