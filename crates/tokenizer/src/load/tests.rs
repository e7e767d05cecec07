use serde_json::{Value, json};

use super::*;
use crate::{TrainSettings, train};

fn ours() -> Value {
    let settings = TrainSettings {
        vocabulary: 300,
        ..TrainSettings::default()
    };
    let trained = train(["학교에 간다 학교에 온다 학교에 산다"], &settings).unwrap();
    serde_json::from_slice(&trained.tokenizer.json).unwrap()
}

fn load(json: &Value) -> Result<Tokenizer> {
    Tokenizer::from_bytes(json.to_string().as_bytes())
}

/// A small BPE in the manner of Llama 2: `▁` for spaces, bytes as `<0xEA>`.
fn sentencepiece() -> Value {
    let mut vocabulary = serde_json::Map::new();
    for (id, token) in ["<unk>", "<s>", "</s>"].into_iter().enumerate() {
        vocabulary.insert(token.to_owned(), id.into());
    }
    for byte in 0..256 {
        vocabulary.insert(format!("<0x{byte:02X}>"), (3 + byte).into());
    }
    for (id, token) in (259..).zip(["▁", "학", "교", "a", "학교", "▁학교"]) {
        vocabulary.insert(token.to_owned(), id.into());
    }
    let added = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    json!({
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                  "vocab": vocabulary, "merges": ["학 교", "▁ 학교"]},
    })
}

#[test]
fn another_bpe_is_loaded_too() {
    let tokenizer = load(&sentencepiece()).unwrap();
    assert!(matches!(tokenizer.engine, Engine::Other { .. }));
    assert_eq!(
        (tokenizer.bos(), tokenizer.eos(), tokenizer.vocabulary()),
        (Some(1), Some(2), 265)
    );
    let ids = tokenizer.encode("학교 a가");
    assert_eq!(
        ids.len(),
        6,
        "the truncation of the file is not ours: {ids:?}"
    );
    assert_eq!(ids[0], 264);
    assert_eq!(tokenizer.decode(&ids), "학교 a가");
    let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes_of(*id)).collect();
    assert_eq!(bytes, " 학교 a가".as_bytes());
    assert!(!tokenizer.encode("</s>").contains(&2));
    assert!(tokenizer.encode_with_specials("</s>").contains(&2));
    assert_eq!(tokenizer.encode_document("학교"), [1, 264, 2]);
}

#[test]
fn what_differs_from_llama_3_is_left_to_the_library() {
    let kind = |change: &dyn Fn(&mut Value)| {
        let mut json = ours();
        change(&mut json);
        matches!(load(&json).unwrap().engine, Engine::Llama3(_))
    };
    assert!(kind(&|_| {}));
    assert!(!kind(&|json| json["normalizer"] = json!({"type": "NFC"})));
    assert!(!kind(
        &|json| json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!(r"\p{N}")
    ));
    assert!(!kind(
        &|json| json["added_tokens"][3]["lstrip"] = json!(true)
    ));
    assert!(!kind(
        &|json| json["added_tokens"][3]["special"] = json!(false)
    ));
    assert!(kind(&|json| json["model"]["ignore_merges"] = json!(false)));
}

#[test]
fn merges_in_both_spellings_are_the_same() {
    let mut json = ours();
    let text = load(&json).unwrap().encode("학교에 간다");
    for merge in json["model"]["merges"].as_array_mut().unwrap() {
        let (left, right) = merge.as_str().unwrap().split_once(' ').unwrap();
        *merge = json!([left, right]);
    }
    assert_eq!(load(&json).unwrap().encode("학교에 간다"), text);
}

#[test]
fn files_beside_say_where_a_text_begins_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, json: Value| {
        disk::write(&folder.path().join(name), json.to_string().as_bytes()).unwrap()
    };
    let ends = || {
        let tokenizer = Tokenizer::load(folder.path()).unwrap();
        let name = |id: Option<u32>| id.map(|id| tokenizer.token_of(id).unwrap().to_owned());
        (name(tokenizer.bos()), name(tokenizer.eos()))
    };
    let some = |name: &str| Some(name.to_owned());
    put(TOKENIZER, ours());
    assert_eq!(ends(), (some("<|begin_of_text|>"), some("<|end_of_text|>")));
    put(
        SPECIAL_TOKENS_MAP,
        json!({"bos_token": {"content": "<|begin_of_text|>"}, "eos_token": "<|end_of_text|>"}),
    );
    put(
        CONFIG,
        json!({"bos_token": null, "eos_token": {"content": "<|eot_id|>"}, "chat_template": "{{ messages }}"}),
    );
    assert_eq!(ends(), (None, some("<|eot_id|>")));
    let config = Tokenizer::load(folder.path())
        .unwrap()
        .files()
        .swap_remove(1)
        .1;
    assert!(
        String::from_utf8(config).unwrap().contains("chat_template"),
        "what stood there stays there"
    );
    put(CONFIG, json!({"eos_token": "<끝>"}));
    let error = Tokenizer::load(folder.path()).err().unwrap();
    assert!(
        format!("{error:#}")
            .contains("the eos_token beside it is \"<끝>\", which is not in the vocabulary")
    );
}

/// A folder with a tokenizer of ours in it, changed, and the `tokenizer_config.json` beside it.
fn beside(change: impl Fn(&mut Value), config: &Value) -> Tokenizer {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = ours();
    change(&mut whole);
    for (name, json) in [(TOKENIZER, &whole), (CONFIG, config)] {
        disk::write(&folder.path().join(name), json.to_string().as_bytes()).unwrap();
    }
    Tokenizer::load(folder.path()).unwrap()
}

#[test]
fn add_bos_token_decides_for_the_classes_that_read_it() {
    let without = |whole: &mut Value| {
        whole["post_processor"] = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true});
    };
    // The class, the key, whether texts begin with the token where the template does not and where it does.
    let yes = Some(json!(true));
    let no = Some(json!(false));
    for (class, key, expected) in [
        (Some("LlamaTokenizerFast"), &yes, [true, true]),
        (Some("LlamaTokenizerFast"), &no, [false, false]),
        (Some("LlamaTokenizer"), &None, [true, true]),
        (
            Some("LlamaTokenizerFast"),
            &Some(json!("yes")),
            [false, true],
        ),
        (Some("GemmaTokenizer"), &no, [false, false]),
        // The class of Llama 3 and of Kanana, and that of SmolLM2.
        (Some("PreTrainedTokenizerFast"), &yes, [false, true]),
        (Some("PreTrainedTokenizerFast"), &no, [false, true]),
        (Some("GPT2TokenizerFast"), &None, [false, true]),
        (None, &yes, [true, true]),
        (None, &no, [false, false]),
        (None, &None, [false, true]),
    ] {
        let mut config = json!({"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"});
        if let Some(class) = class {
            config["tokenizer_class"] = json!(class);
        }
        if let Some(key) = key {
            config["add_bos_token"] = key.clone();
        }
        let found = [beside(without, &config), beside(|_| {}, &config)].map(|tokenizer| {
            let parts = tokenizer.parts(tokenizer.vocabulary()).unwrap();
            assert_eq!(parts.add_bos, Some(tokenizer.begins_texts()));
            tokenizer.begins_texts()
        });
        assert_eq!(found, expected, "{config}");
    }
    let none = json!({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, "eos_token": "<|end_of_text|>"});
    assert!(
        !beside(|_| {}, &none).begins_texts(),
        "there is none to begin with"
    );
    let written_by_5 = json!({"tokenizer_class": "LlamaTokenizer", "backend": "tokenizers", "bos_token": "<|begin_of_text|>"});
    assert!(!beside(without, &written_by_5).begins_texts());
    assert!(beside(|_| {}, &written_by_5).begins_texts());
}

#[test]
fn a_template_begins_a_text_only_by_its_first_piece() {
    let token = "<|begin_of_text|>";
    let piece = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let template = |single: Value, name: &str| {
        json!({"type": "TemplateProcessing", "single": single, "pair": [],
               "special_tokens": {name: {"id": name, "ids": [0], "tokens": [token]}}})
    };
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true});
    let sequence = |last: &Value| json!({"type": "Sequence", "processors": [bytes, last]});
    let begins = template(json!([piece(token), text]), token);
    let ends = template(json!([text, piece(token)]), token);
    let other = template(json!([piece("<|eot_id|>"), text]), "none");
    for (post_processor, expected) in [
        (sequence(&begins), true),
        (begins, true),
        (sequence(&ends), false),
        (ends, false),
        (other, false),
        (template(json!([piece("처음"), text]), "처음"), true),
        (
            json!({"type": "RobertaProcessing", "cls": [token, 0], "sep": ["<|eot_id|>", 1], "trim_offsets": true, "add_prefix_space": true}),
            true,
        ),
        (bytes.clone(), false),
        (Value::Null, false),
    ] {
        let whole = json!({"post_processor": post_processor});
        assert_eq!(begin::begins(&whole, None, token), expected, "{whole}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let check = |json: &[u8], expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TOKENIZER);
        disk::write(&path, json).unwrap();
        let error = format!(
            "{:#}",
            Tokenizer::load(&path)
                .err()
                .unwrap_or_else(|| panic!("{expected}"))
        );
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains(expected), "{error}\nand not: {expected}");
    };
    let whole = ours().to_string().into_bytes();
    check(b"", "it is not JSON");
    check(&whole[..whole.len() / 2], "it is not JSON");
    check(b"{}", "it has no `model`");
    check(
        br#"{"model":{"type":"WordPiece","vocab":{}}}"#,
        "its model is WordPiece, and only BPE is known here",
    );
    check(
        br#"{"model":{"type":"BPE","merges":[]}}"#,
        "its model has no `vocab`",
    );
    check(
        br#"{"model":{"type":"BPE","vocab":{},"merges":[]}}"#,
        "its vocabulary is empty",
    );
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut json = ours();
        change(&mut json);
        json.to_string().into_bytes()
    };
    check(
        &changed(&|json| json["model"]["vocab"]["!"] = json!(5)),
        "the id 5 belongs to two tokens",
    );
    check(
        &changed(&|json| json["model"]["vocab"]["!"] = json!(-1)),
        "the token \"!\" has no id",
    );
    check(
        &changed(&|json| json["model"]["vocab"]["!"] = json!(4_000_000_000u32)),
        "an id of 4000000000",
    );
    check(
        &changed(&|json| json["model"]["merges"][0] = json!("끝 !")),
        "a merge needs the token \"끝\"",
    );
    check(
        &changed(&|json| json["model"]["merges"][0] = json!("!")),
        "merge 0 is not two tokens",
    );
    check(
        &changed(&|json| json["added_tokens"][0]["id"] = json!(3)),
        "the id 3 belongs to",
    );
    check(
        &changed(&|json| {
            json["normalizer"] = json!({"type": "NFC"});
            json["added_tokens"][3]["id"] = json!(400);
        }),
        "has the id 400, and the `tokenizers` library gives it ",
    );
    check(
        &changed(&|json| json["added_tokens"][0] = json!("x")),
        "an added token has no id and content",
    );
    check(
        &changed(&|json| json["model"]["unk_token"] = json!("<unk>")),
        "its unknown token \"<unk>\"",
    );
    check(
        &changed(&|json| json["normalizer"] = json!({"type": "Magic"})),
        "the `tokenizers` library refuses it",
    );
    let missing = Tokenizer::load(std::path::Path::new("/no/such/folder"))
        .err()
        .unwrap();
    assert!(format!("{missing:#}").starts_with("there is no tokenizer at /no/such/folder"));
}

/// `fixtures/tokenizer`: a tokenizer.json and texts with the ids that `transformers` gave them.
#[test]
fn ids_are_those_of_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tokenizer");
    let Ok(expected) = std::fs::read(folder.join("expected.json")) else {
        return; // the fixtures are made by a script, and not everywhere
    };
    let expected: Vec<Value> = serde_json::from_slice(&expected).unwrap();
    let tokenizer = Tokenizer::load(&folder).unwrap();
    for row in &expected {
        let text = row["text"].as_str().unwrap();
        let ids: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
        assert_eq!(tokenizer.encode_with_specials(text), ids, "{text:?}");
    }
    assert!(!expected.is_empty());
}
