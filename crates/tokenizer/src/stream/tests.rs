use proptest::prelude::*;

use super::*;

#[test]
fn half_a_syllable_is_never_shown() {
    let bytes = "한글".as_bytes();
    let mut stream = Utf8Stream::new();
    let shown: Vec<String> = bytes.iter().map(|byte| stream.push(&[*byte])).collect();
    assert_eq!(shown, ["", "", "한", "", "", "글"]);
    assert_eq!(stream.finish(), "");
}

#[test]
fn what_can_never_be_a_character_is_shown_as_such() {
    for (pushed, shown, rest) in [
        (&b"\xED\x95"[..], "", "\u{FFFD}"), // two bytes of 한, and then the end
        (b"\xED\x95a", "\u{FFFD}a", ""),    // … and then something else
        (b"\xFFa", "\u{FFFD}a", ""),        // never the beginning of anything
        (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}", ""), // a lone surrogate
        (b"\xF0\x9F\x91", "", "\u{FFFD}"),  // three bytes of an emoji
    ] {
        let mut stream = Utf8Stream::new();
        assert_eq!(stream.push(pushed), shown, "{pushed:x?}");
        assert_eq!(stream.finish(), rest, "{pushed:x?}");
        assert_eq!(stream.finish(), "", "a stream ends once");
    }
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = crate::pattern::tests::mixed_text().prop_map(String::into_bytes);
    let bytes = prop_oneof![3 => text, 1 => proptest::collection::vec(any::<u8>(), 0..40)];
    let cuts = proptest::collection::vec(1..5usize, 1..20);
    (bytes, cuts).prop_map(|(bytes, cuts)| {
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        pieces
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_text(pieces in pieces()) {
        let bytes = pieces.concat();
        let mut stream = Utf8Stream::new();
        let mut text = String::new();
        for piece in &pieces {
            text.push_str(&stream.push(piece));
            // At any moment all but the last three bytes are out, and nothing of a character is.
            prop_assert!(stream.pending.len() <= 3);
        }
        text.push_str(&stream.finish());
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
    }
}
