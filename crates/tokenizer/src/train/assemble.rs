//! Writes a trained vocabulary as the `tokenizer.json` of a Llama 3 tokenizer.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

use super::merge::Merged;
use crate::letters::letters;
use crate::pattern;

/// Tokens in the order of their ids, which a JSON object of serde_json would not keep.
struct Vocabulary<'a>(&'a [String]);

impl Serialize for Vocabulary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, token) in self.0.iter().enumerate() {
            map.serialize_entry(token, &id)?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct Model<'a> {
    r#type: &'static str,
    dropout: Option<f32>,
    unk_token: Option<&'static str>,
    continuing_subword_prefix: Option<&'static str>,
    end_of_word_suffix: Option<&'static str>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    vocab: Vocabulary<'a>,
    merges: Vec<String>,
}

#[derive(serde::Serialize)]
struct Whole<'a> {
    version: &'static str,
    truncation: Option<Value>,
    padding: Option<Value>,
    added_tokens: Vec<Value>,
    normalizer: Option<Value>,
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: Value,
    model: Model<'a>,
}

pub(super) fn tokenizer_json(merged: &Merged, specials: &[String]) -> Vec<u8> {
    let tokens: Vec<String> = merged.tokens.iter().map(|bytes| letters(bytes)).collect();
    let base = tokens.len();
    let added = specials.iter().enumerate().map(|(number, token)| {
        json!({
            "id": base + number, "content": token, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        })
    });
    let byte_level = |prefix: bool, regex: bool, trim: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex});
    let split = json!({
        "type": "Split", "pattern": {"Regex": pattern::LLAMA3}, "behavior": "Isolated", "invert": false,
    });
    let begin = &specials[0];
    let special = |segment: u32| json!({"SpecialToken": {"id": begin, "type_id": segment}});
    let sequence = |name: &str, segment: u32| json!({"Sequence": {"id": name, "type_id": segment}});
    let template = json!({
        "type": "TemplateProcessing",
        "single": [special(0), sequence("A", 0)],
        "pair": [special(0), sequence("A", 0), special(1), sequence("B", 1)],
        "special_tokens": {begin: {"id": begin, "ids": [base], "tokens": [begin]}},
    });
    let whole = Whole {
        version: "1.0",
        truncation: None,
        padding: None,
        added_tokens: added.collect(),
        normalizer: None,
        pre_tokenizer: json!({"type": "Sequence", "pretokenizers": [split, byte_level(false, false, true)]}),
        post_processor: json!({"type": "Sequence", "processors": [byte_level(true, true, false), template]}),
        decoder: byte_level(true, true, true),
        model: Model {
            r#type: "BPE",
            dropout: None,
            unk_token: None,
            continuing_subword_prefix: None,
            end_of_word_suffix: None,
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: true,
            vocab: Vocabulary(&tokens),
            // Two tokens with a space between, which no token contains: every reader knows this form.
            merges: merged
                .merges
                .iter()
                .map(|(left, right)| {
                    format!("{} {}", tokens[*left as usize], tokens[*right as usize])
                })
                .collect(),
        },
    };
    let mut json = serde_json::to_vec_pretty(&whole).expect("JSON of our own making");
    json.push(b'\n');
    json
}
