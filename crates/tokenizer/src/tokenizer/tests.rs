use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::pattern::tests::mixed_text;
use crate::{TrainSettings, Utf8Stream, train};

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let text =
        "학교에서 한글을 배운다. 학교에 간다. I'll go to school, and we'll learn. 👨‍👩‍👧 👍🏽 1234\n\n";
    let settings = TrainSettings {
        vocabulary: 420,
        ..TrainSettings::default()
    };
    train(std::iter::repeat_n(text, 50), &settings)
        .unwrap()
        .tokenizer
});

static PEER: LazyLock<tokenizers::Tokenizer> =
    LazyLock::new(|| tokenizers::Tokenizer::from_bytes(&TOKENIZER.json).unwrap());

/// The same vocabulary with the merges obeyed, which sends both encoders another way.
static STRICT: LazyLock<(Tokenizer, tokenizers::Tokenizer)> = LazyLock::new(|| {
    let json = String::from_utf8(TOKENIZER.json.clone()).unwrap();
    let json = json
        .replace("\"ignore_merges\": true", "\"ignore_merges\": false")
        .into_bytes();
    (
        Tokenizer::from_bytes(&json).unwrap(),
        tokenizers::Tokenizer::from_bytes(&json).unwrap(),
    )
});

#[test]
fn the_name_of_a_special_token_is_text_unless_we_mean_it() {
    let text = "<|begin_of_text|>학교<|eot_id|><|eot_id";
    let plain = TOKENIZER.encode(text);
    assert!(plain.iter().all(|id| !TOKENIZER.is_special(*id)));
    assert_eq!(TOKENIZER.decode(&plain), text);
    let meant = TOKENIZER.encode_with_specials(text);
    assert_eq!(meant[0], TOKENIZER.bos().unwrap());
    assert!(meant.contains(&TOKENIZER.id_of("<|eot_id|>").unwrap()));
    assert_eq!(TOKENIZER.decode(&meant), "학교<|eot_id");
    assert_eq!(TOKENIZER.decode_with_specials(&meant), text);
    assert_eq!(meant, PEER.encode_fast(text, false).unwrap().get_ids());
}

#[test]
fn ids_that_do_not_exist_write_nothing() {
    assert_eq!(TOKENIZER.decode(&[u32::MAX]), "");
    assert!(TOKENIZER.bytes_of(100_000).is_empty());
    assert_eq!(TOKENIZER.token_of(100_000), None);
    assert!(!TOKENIZER.decode(&TOKENIZER.encode("한")[..1]).is_empty());
}

#[test]
fn many_texts_keep_their_order() {
    let texts: Vec<String> = (0..500).map(|number| format!("학교 {number}")).collect();
    let one_by_one: Vec<Vec<u32>> = texts.iter().map(|text| TOKENIZER.encode(text)).collect();
    assert_eq!(TOKENIZER.encode_batch(&texts), one_by_one);
    assert_eq!(
        TOKENIZER.encode_documents(&texts)[499],
        TOKENIZER.encode_document(&texts[499])
    );
}

#[test]
fn what_is_saved_is_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    TOKENIZER.save(folder.path()).unwrap();
    for path in [folder.path(), &folder.path().join("tokenizer.json")] {
        let loaded = Tokenizer::load(path).unwrap();
        assert_eq!(
            (loaded.bos(), loaded.eos()),
            (TOKENIZER.bos(), TOKENIZER.eos())
        );
        assert_eq!(
            loaded.encode("학교에서, we'll"),
            TOKENIZER.encode("학교에서, we'll")
        );
        assert_eq!(loaded.files(), TOKENIZER.files());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_back(text in mixed_text()) {
        let ids = TOKENIZER.encode(&text);
        prop_assert_eq!(&TOKENIZER.decode(&ids), &text);
        let mut stream = Utf8Stream::new();
        let mut streamed = String::new();
        for id in ids {
            streamed.push_str(&stream.push(&TOKENIZER.bytes_of(id)));
        }
        prop_assert_eq!(stream.finish(), "");
        prop_assert_eq!(streamed, text);
    }

    #[test]
    fn ids_are_those_of_the_peer(text in mixed_text()) {
        let peers = PEER.encode_fast(&*text, false).unwrap();
        prop_assert_eq!(TOKENIZER.encode_with_specials(&text), peers.get_ids());
        let peers = STRICT.1.encode_fast(&*text, false).unwrap();
        prop_assert_eq!(STRICT.0.encode_with_specials(&text), peers.get_ids());
    }

    #[test]
    fn any_ids_can_be_decoded(ids in proptest::collection::vec(0..430u32, 0..30)) {
        let ours = TOKENIZER.decode(&ids);
        prop_assert_eq!(ours, PEER.decode(&ids, true).unwrap());
    }
}
