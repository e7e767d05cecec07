use proptest::prelude::*;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _, SplitDelimiterBehavior,
};

use super::*;

fn ours(text: &str) -> Vec<&str> {
    words(text).collect()
}

/// What the expression itself says.
fn theirs(text: &str) -> Vec<String> {
    let pattern = SplitPattern::Regex(LLAMA3.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).unwrap();
    let mut pieces = PreTokenizedString::from(text);
    split.pre_tokenize(&mut pieces).unwrap();
    let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
    pieces
        .into_iter()
        .map(|(piece, _, _)| piece.to_owned())
        .filter(|piece| !piece.is_empty())
        .collect()
}

#[test]
fn words_as_the_expression_cuts_them() {
    for (text, expected) in [
        ("", &[][..]),
        ("나는 학교에 간다.", &["나는", " 학교에", " 간다", "."]),
        (
            "I'll, I'LL; it'ſ don'ts",
            &[
                "I", "'ll", ",", " I", "'LL", ";", " it", "'ſ", " don", "'t", "s",
            ],
        ),
        (
            "1234567 제21대 ½²",
            &["123", "456", "7", " 제", "21", "대", " ", "½²"],
        ),
        ("  두 칸\t탭", &[" ", " 두", " 칸", "\t탭"]),
        ("줄\r\n\r\n  다음", &["줄", "\r\n\r\n", " ", " 다음"]),
        ("끝 \n ", &["끝", " \n", " "]),
        ("a!!\n\nb", &["a", "!!\n\n", "b"]),
        ("'가", &["'가"]),
        ("\u{3000}가 \u{a0}!", &["\u{3000}가", " ", "\u{a0}", "!"]),
        ("한글", &["한글"]),
        ("👨\u{200d}👩 🇰🇷", &["👨\u{200d}👩", " 🇰🇷"]),
    ] {
        assert_eq!(ours(text), expected, "{text:?}");
        assert_eq!(theirs(text), expected, "{text:?}: the expression");
    }
}

#[test]
fn a_run_of_a_million_spaces_is_one_word() {
    // The backtracking engine loses count somewhere in here, and silently stops splitting.
    let text = format!("가{}나 다", " ".repeat(2_000_000));
    let pieces = ours(&text);
    assert_eq!(pieces.len(), 4);
    assert_eq!(
        (pieces[1].len(), pieces[2], pieces[3]),
        (1_999_999, " 나", " 다")
    );
}

/// Characters that the expression treats differently, mixed at random.
pub(crate) fn mixed_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "\u{a0}",
            "\u{3000}",
            "\u{85}",
            "\u{2028}",
            "'",
            "'s",
            "'RE",
            "'ſ",
            "'l",
            "''",
            "!",
            "...",
            "<|eot_id|>",
            "1",
            "23",
            "４",
            "Ⅳ",
            "½",
            "٣",
            "ᆨ",
            "각",
            "ㄱㄴ",
            "가",
            "학교",
            "에서",
            "한",
            "é",
            "e\u{301}",
            "ﬁ",
            "中文",
            "かな",
            "👍🏽",
            "👨‍👩‍👧",
            "🇰🇷",
            "\u{200d}",
            "\u{fe0f}",
            "\0",
            "\u{feff}",
            "\u{10ffff}",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[a-zA-Z ]{0,6}",
        "[가-힣ᄀ-ᇿ ]{0,6}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_cut_as_the_expression_cuts_it(text in mixed_text()) {
        prop_assert_eq!(ours(&text), theirs(&text));
        prop_assert_eq!(ours(&text).concat(), text);
    }
}

#[test]
fn every_character_has_the_class_of_the_expression() {
    // Beside a letter, a number and a space each class is cut differently.
    let all: Vec<char> = (0..0x11_0000)
        .filter_map(char::from_u32)
        .filter(|code| *code < '\u{40000}')
        .collect();
    for some in all.chunks(10_000) {
        let text: String = some
            .iter()
            .flat_map(|code| ['a', *code, '1', *code, ' ', *code])
            .collect();
        assert!(ours(&text) == theirs(&text), "somewhere from {:?}", some[0]);
    }
}
