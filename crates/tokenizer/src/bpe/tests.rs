use proptest::prelude::*;

use super::*;

/// Every merge of two letters out of `ab`, in a scrambled order, three levels deep.
fn bpe(ignore_merges: bool) -> Bpe {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let mut merges = Vec::new();
    for (left, right) in [
        ("b", "a"),
        ("a", "b"),
        ("ab", "ab"),
        ("a", "a"),
        ("ba", "b"),
        ("aa", "ba"),
        ("b", "ab"),
    ] {
        let id = |text: &str| {
            tokens
                .iter()
                .position(|token| token == text.as_bytes())
                .unwrap() as u32
        };
        let (left_id, right_id) = (id(left), id(right));
        let joined = format!("{left}{right}").into_bytes();
        let merged = tokens
            .iter()
            .position(|token| *token == joined)
            .unwrap_or(tokens.len());
        if merged == tokens.len() {
            tokens.push(joined);
        }
        merges.push((left_id, right_id, merged as u32));
    }
    tokens.push(b"aab".to_vec()); // in the vocabulary, but no merge leads to it
    Bpe::new(tokens.into_iter().zip(0..), merges, ignore_merges).unwrap()
}

#[test]
fn a_whole_word_is_one_token_only_where_merges_are_ignored() {
    let ids = |ignore: bool| {
        let mut ids = Vec::new();
        bpe(ignore).encode("aab", &mut Scratch::default(), &mut ids);
        ids
    };
    assert_eq!(ids(true).len(), 1);
    assert_eq!(ids(false).len(), 2);
}

#[test]
fn a_vocabulary_without_all_bytes_is_not_ours() {
    assert!(Bpe::new([(b"a".to_vec(), 0)], [], true).is_none());
}

#[test]
fn a_million_letters_are_merged_in_a_moment() {
    let mut ids = Vec::new();
    bpe(false).encode(&"ab".repeat(500_000), &mut Scratch::default(), &mut ids);
    assert!(ids.len() < 700_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scanning_and_the_heap_agree(word in "[abc]{2,90}") {
        let bpe = bpe(false);
        let (mut scanned, mut heaped) = (Vec::new(), Vec::new());
        bpe.scan(word.as_bytes(), &mut Scratch::default(), &mut scanned);
        bpe.heap(word.as_bytes(), &mut heaped);
        prop_assert_eq!(scanned, heaped);
    }
}
