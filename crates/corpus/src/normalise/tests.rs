use super::*;
use encoding_rs::{EUC_KR, WINDOWS_1252};
use proptest::prelude::*;

fn check(before: &str, after: &str) -> Repairs {
    let (text, repairs) = normalise(before);
    assert_eq!(text, after, "of {before:?}");
    repairs
}

/// Bytes of one encoding read as Windows-1252, as careless programs do.
fn misread(bytes: &[u8]) -> String {
    WINDOWS_1252
        .decode_without_bom_handling(bytes)
        .0
        .into_owned()
}

#[test]
fn jamo_become_syllables() {
    assert_eq!(
        check("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}", "한글").composed,
        1
    );
    assert_eq!(check("ﾾￂﾤﾡￚﾩ", "한글").jamo, 6);
    assert_eq!(check("ﾡￂﾤￂ", "가나").jamo, 4);
    assert_eq!(
        check("\u{110F}\u{110F}\u{110F} 웃긴다", "ㅋㅋㅋ 웃긴다").jamo,
        3
    );
    // What people type stays what they typed.
    assert!(check("ㅋㅋㅋ ㅠㅠ ㅎㅏㄴ", "ㅋㅋㅋ ㅠㅠ ㅎㅏㄴ").is_empty());
    // Old Hangul has no other spelling.
    check("\u{1102}\u{119E}\u{11AF}", "\u{1102}\u{119E}\u{11AF}");
}

#[test]
fn misread_korean_is_read_again() {
    let text = "한글은 세종대왕이 만들었다.";
    assert!(check(&misread(text.as_bytes()), text).mojibake > 0);
    assert!(check(&misread(&EUC_KR.encode(text).0), text).mojibake > 0);
    // Even numbers of syllables come back whole from CP949.
    let (wrong, _) = EUC_KR.decode_without_bom_handling("한글".as_bytes());
    if !wrong.contains(char::REPLACEMENT_CHARACTER) {
        check(&format!("제목: {wrong}"), "제목: 한글");
    }
    check("cafÃ© naÃ¯ve Â© 2024", "café naïve © 2024");
    check("itâ€™s", "it’s");
}

#[test]
fn honest_text_is_left_alone() {
    for text in [
        "«MAÇÃ» et CAFÉ»",
        "SÃO PAULO, NÃO",
        "Ångström, Ærø, ÇAĞRI",
        "한글은 漢字와 다르다. 똠방각하 펲시콜라",
        "naïve façade — déjà vu…",
        "x² ½ ① ㈜ ℃ ㎢",
        "👨‍👩‍👧 می‌خواهم",
    ] {
        assert_eq!(normalise(text).0, text.nfc().collect::<String>());
        assert_eq!(normalise(text).1.mojibake, 0, "{text}");
    }
}

#[test]
fn the_invisible_goes_and_code_keeps_its_shape() {
    let repairs = check(
        "\u{FEFF}가\u{200B}나\u{200D}다\u{0}라\r\n마\u{A0}\u{3000}바  \n\n\n\n사\u{3164}",
        "가나다라\n마 바\n\n사",
    );
    assert_eq!((repairs.invisible, repairs.control), (4, 2));
    check("ＡＢＣ１２３ ﬁn", "ABC123 fin");
    let code = "말:\n\n```python\ndef  f():\n    a  =  1\n\n\n    return a\n```\n\n끝";
    check(code, code);
    check("- 하나\n  - 둘   셋", "- 하나\n  - 둘 셋");
    check("\n\n \n", "");
}

proptest! {
    #[test]
    fn twice_is_once(text in "[\\PC\u{0}-\u{20}\u{80}-\u{FF}가-힣ᄀ-ᇿﾡ-ￜ`\n ]{0,60}") {
        let (once, _) = normalise(&text);
        let (twice, repairs) = normalise(&once);
        prop_assert_eq!(&once, &twice);
        prop_assert!(repairs.is_empty(), "{:?}", repairs);
    }

    #[test]
    fn misread_utf8_of_korean_comes_back(text in "[가-힣]{2,20}( [가-힣]{1,9}){0,4}") {
        prop_assert_eq!(normalise(&misread(text.as_bytes())).0, text);
    }
}
