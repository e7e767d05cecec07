//! A tokenizer in parts, as a GGUF file holds one, and back.
//!
//! llama.cpp keeps the tokens in the order of ids with a type for each, the merges, and a name (`pre`)
//! for the pre-tokenizer, which its own code knows and the file does not hold. From these a
//! `tokenizer.json` is made that gives the same ids, and everything else happens there.
//!
//! Deliberately absent: SentencePiece (`llama`) and the other models that are no byte-level BPE.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

use crate::{Tokenizer, pattern};

/// The parts, by llama.cpp's meaning of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// The kind of model; `gpt2` is byte-level BPE.
    pub model: String,
    /// The name of the pre-tokenizer.
    pub pre: String,
    /// The tokens, in the order of their ids.
    pub tokens: Vec<String>,
    /// A type for each: 1 is a normal one, 2 the unknown, 3 control, 4 of the user's, 5 unused.
    pub types: Vec<i64>,
    /// The merges, two tokens with a space between.
    pub merges: Vec<String>,
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Whether a text begins with `bos` without being told to; by default as `pre` has it.
    pub add_bos: Option<bool>,
}

const NORMAL: i64 = 1;
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER: i64 = 4;
const UNUSED: i64 = 5;

const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How a text is cut before merging.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// By an expression.
    Split(&'static str),
    /// As GPT-2.
    Gpt2,
    /// Every digit apart, the rest as GPT-2.
    Digits,
}

/// `(names, cut, whether whole words that are tokens skip the merges, whether a text begins with bos)`;
/// the first name is the one written.
const PRES: [(&[&str], Cut, bool, bool); 5] = [
    (
        &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "pixtral",
            "midm-2.0",
        ],
        Cut::Split(pattern::LLAMA3),
        true,
        true,
    ),
    (&["tekken"], Cut::Split(TEKKEN), true, true),
    (
        &["qwen2", "deepseek-r1-qwen", "megrez"],
        Cut::Split(QWEN2),
        false,
        false,
    ),
    (
        &[
            "smollm",
            "starcoder",
            "refact",
            "command-r",
            "codeshell",
            "exaone",
            "minerva-7b",
        ],
        Cut::Digits,
        false,
        false,
    ),
    (
        &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
        ],
        Cut::Gpt2,
        false,
        false,
    ),
];

impl Tokenizer {
    /// A tokenizer from its parts.
    ///
    /// # Errors
    /// It is no byte-level BPE, its pre-tokenizer is not known here, or its parts contradict each other.
    pub fn from_parts(parts: &Parts) -> Result<Self> {
        ensure!(
            parts.model == "gpt2",
            "its tokenizer is of kind \"{}\", and only byte-level BPE (\"gpt2\") is read; take the \
             model's Hugging Face directory instead",
            parts.model
        );
        let Some((_, cut, ignore_merges, usual_bos)) =
            PRES.iter().find(|pre| pre.0.contains(&&*parts.pre))
        else {
            let known: Vec<&str> = PRES.iter().flat_map(|pre| pre.0).copied().collect();
            bail!(
                "its pre-tokenizer is \"{}\", which is not known here; {} are",
                parts.pre,
                known.join(", ")
            );
        };
        ensure!(
            parts.types.is_empty() || parts.types.len() == parts.tokens.len(),
            "it has {} tokens and {} types of tokens",
            parts.tokens.len(),
            parts.types.len()
        );
        let kind = |id: usize| parts.types.get(id).copied().unwrap_or(NORMAL);
        let mut vocabulary = Map::new();
        let (mut added, mut named) = (vec![], vec![]);
        for (id, token) in parts.tokens.iter().enumerate() {
            match kind(id) {
                CONTROL | UNKNOWN | USER => {
                    added.push(json!({
                        "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                        "normalized": false, "special": kind(id) != USER,
                    }));
                    named.push((id, token));
                }
                // Rows of a padded embedding: no token, and never chosen.
                UNUSED if ![parts.bos, parts.eos].contains(&Some(id as u32)) => {}
                _ => {
                    vocabulary.insert(token.clone(), json!(id));
                }
            }
        }
        // The `tokenizers` library takes an added token's id from the vocabulary, and counts those that are
        // not there on from its end. Hugging Face's own files are so too: Llama 3's leaves them out of the
        // vocabulary, as they follow it; SmolLM2's, whose first ids they are, has them in it.
        let end = vocabulary.len();
        if !named.iter().map(|(id, _)| *id).eq(end..end + named.len()) {
            for (id, token) in named {
                // Where an ordinary token is spelt the same, that one keeps its place, and loading says so.
                vocabulary.entry(token.clone()).or_insert(json!(id));
            }
        }
        let byte_level = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex});
        let sequence = |parts: [Value; 2]| json!({"type": "Sequence", "pretokenizers": parts});
        let pre = match cut {
            Cut::Split(expression) => sequence([
                json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false}),
                byte_level(false),
            ]),
            Cut::Digits => sequence([
                json!({"type": "Digits", "individual_digits": true}),
                byte_level(true),
            ]),
            Cut::Gpt2 => byte_level(true),
        };
        let begins = parts.add_bos.unwrap_or(*usual_bos);
        let bos = parts.bos.filter(|_| begins);
        let begin = bos.and_then(|id| Some((id, parts.tokens.get(id as usize)?)));
        let post = begin.map_or(Value::Null, |(id, token)| {
            let special = |kind: u8| json!({"SpecialToken": {"id": token, "type_id": kind}});
            let text = |of: &str, kind: u8| json!({"Sequence": {"id": of, "type_id": kind}});
            json!({
                "type": "TemplateProcessing",
                "single": [special(0), text("A", 0)],
                "pair": [special(0), text("A", 0), special(1), text("B", 1)],
                "special_tokens": {(token.as_str()): {"id": token, "ids": [id], "tokens": [token]}},
            })
        });
        let whole = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": null, "pre_tokenizer": pre, "post_processor": post,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                "ignore_merges": ignore_merges, "vocab": vocabulary, "merges": parts.merges,
            },
        });
        let mut map = Map::new();
        // Whether or not texts begin with it, it has its name: templates of conversations say it.
        for (name, id) in [("bos_token", parts.bos), ("eos_token", parts.eos)] {
            if let Some(id) = id {
                let token = parts.tokens.get(id as usize);
                let token =
                    token.with_context(|| format!("its {name} is {id}, which no token has"))?;
                map.insert(name.to_owned(), json!(token));
            }
        }
        let mut json = serde_json::to_vec_pretty(&whole)?;
        json.push(b'\n');
        Self::assemble(json, None, Some(map))
    }

    /// The parts, for a model whose embedding has `rows` rows: ids that no token has are unused ones.
    ///
    /// # Errors
    /// llama.cpp knows no such pre-tokenizer, or the tokenizer is no byte-level BPE.
    pub fn parts(&self, rows: usize) -> Result<Parts> {
        let whole: Value = serde_json::from_slice(&self.json)?;
        let cut = cut(&whole).context(
            "llama.cpp knows no pre-tokenizer like this tokenizer's, so a GGUF file cannot name it",
        )?;
        let pre = PRES.iter().find(|pre| pre.1 == cut);
        let (names, ..) = pre.context("a way of cutting without a name")?;
        ensure!(
            self.vocabulary() <= rows,
            "the tokenizer has {} tokens and the model's embedding {rows} rows",
            self.vocabulary()
        );
        let special = |id: usize| self.entries[id].special;
        let added = whole.get("added_tokens").and_then(Value::as_array);
        let added: HashSet<&str> = added
            .into_iter()
            .flatten()
            .filter_map(|one| one["content"].as_str())
            .collect();
        let (mut tokens, mut types) = (vec![], vec![]);
        for id in 0..rows {
            let token = self.entries.get(id).map(|entry| entry.token.as_str());
            let (token, kind) = match token.filter(|token| !token.is_empty()) {
                None => (format!("[PAD{id}]"), UNUSED),
                Some(token) if special(id) => (token.to_owned(), CONTROL),
                // Raw text, not bytes by their letters, whatever it looks like.
                Some(token) if added.contains(token) => (token.to_owned(), USER),
                Some(token) => (token.to_owned(), NORMAL),
            };
            tokens.push(token);
            types.push(kind);
        }
        let merges = whole.pointer("/model/merges").and_then(Value::as_array);
        let merge = |merge: &Value| match merge {
            Value::String(text) => Some(text.clone()),
            Value::Array(pair) => Some(format!(
                "{} {}",
                pair.first()?.as_str()?,
                pair.get(1)?.as_str()?
            )),
            _ => None,
        };
        let merges = merges.context("it has no merges")?.iter().map(merge);
        let merges = merges
            .collect::<Option<_>>()
            .context("a merge that is not two tokens")?;
        Ok(Parts {
            model: "gpt2".to_owned(),
            pre: names[0].to_owned(),
            tokens,
            types,
            merges,
            bos: self.bos,
            eos: self.eos,
            // Its own files say so.
            add_bos: Some(self.begins),
        })
    }
}

/// How a `tokenizer.json` cuts, if it is a way that has a name.
fn cut(whole: &Value) -> Option<Cut> {
    let nothing = |name: &str| whole.get(name).is_none_or(Value::is_null);
    if !nothing("normalizer") || whole.pointer("/model/byte_fallback") == Some(&json!(true)) {
        return None;
    }
    let pre = whole.get("pre_tokenizer")?;
    let one = std::slice::from_ref(pre);
    let parts = pre.get("pretokenizers").and_then(Value::as_array);
    let byte_level = |part: &Value, regex: bool| {
        let usual = part["use_regex"].as_bool().unwrap_or(true);
        part["type"] == "ByteLevel" && part["add_prefix_space"] != true && usual == regex
    };
    match parts.map_or(one, Vec::as_slice) {
        [only] if byte_level(only, true) => Some(Cut::Gpt2),
        [digits, last] if digits["type"] == "Digits" && byte_level(last, true) => {
            (digits["individual_digits"] == true).then_some(Cut::Digits)
        }
        [split, last] if split["type"] == "Split" && byte_level(last, false) => {
            let expression = split.pointer("/pattern/Regex")?.as_str()?;
            let whole = split["behavior"] == "Isolated" && split["invert"] != true;
            let known = [pattern::LLAMA3, TEKKEN, QWEN2];
            let found = known.into_iter().find(|known| *known == expression);
            found.filter(|_| whole).map(Cut::Split)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn golden() -> Tokenizer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tokenizer");
        Tokenizer::load(&folder).unwrap()
    }

    const TEXTS: [&str; 6] = [
        "안녕하세요, 세계! 2026년 11월 26일입니다.",
        "The quick brown fox's 12345 jumps;\n\n  fn main() { }",
        "한글과 English가 섞인 문장 👨‍👩‍👧 ᄒᆞᆫ글 ㅋㅋㅋ",
        "",
        "   \t trailing   ",
        "<|begin_of_text|>가",
    ];

    #[test]
    fn parts_make_the_same_tokenizer_again() {
        let tokenizer = golden();
        let parts = tokenizer.parts(tokenizer.vocabulary() + 3).unwrap();
        assert_eq!(parts.pre, "llama-bpe");
        assert_eq!(parts.types[tokenizer.vocabulary()], UNUSED);
        assert_eq!(parts.add_bos, Some(true));
        let again = Tokenizer::from_parts(&parts).unwrap();
        assert_eq!(
            (again.bos(), again.eos()),
            (tokenizer.bos(), tokenizer.eos())
        );
        for text in TEXTS {
            assert_eq!(again.encode(text), tokenizer.encode(text), "{text}");
            let with = tokenizer.encode_with_specials(text);
            assert_eq!(again.encode_with_specials(text), with, "{text}");
            assert_eq!(again.decode_with_specials(&with), text);
        }
        let third = again.parts(parts.tokens.len()).unwrap();
        assert_eq!(third.tokens, parts.tokens);
        assert_eq!(third.types, parts.types);
        assert_eq!(third.add_bos, parts.add_bos);
        assert_eq!(
            again.vocabulary(),
            tokenizer.vocabulary(),
            "padding is no token"
        );
    }

    #[test]
    fn every_way_of_cutting_has_its_name() {
        let tokenizer = golden();
        for (names, cut_by, _, begins) in PRES {
            for name in names {
                let mut parts = tokenizer.parts(tokenizer.vocabulary()).unwrap();
                parts.pre = (*name).to_owned();
                parts.add_bos = None;
                let made = Tokenizer::from_parts(&parts).unwrap();
                assert_eq!(made.begins_texts(), begins, "{name}");
                assert_eq!(made.bos(), tokenizer.bos(), "{name}");
                let whole = serde_json::from_slice(&made.json).unwrap();
                assert_eq!(cut(&whole), Some(cut_by), "{name}");
                assert_eq!(made.parts(parts.tokens.len()).unwrap().pre, names[0]);
                for text in TEXTS {
                    assert_eq!(made.decode(&made.encode(text)), text, "{name}");
                }
            }
        }
    }

    /// As SmolLM2 and tekken have it: the control tokens are the first ids, and everything else follows.
    fn control_first(pre: &str) -> Parts {
        let tokenizer = golden();
        let parts = tokenizer.parts(tokenizer.vocabulary()).unwrap();
        let all = parts.tokens.iter().cloned().zip(parts.types.clone());
        let (control, other): (Vec<_>, Vec<_>) = all.partition(|(_, kind)| *kind == CONTROL);
        let (tokens, types): (Vec<String>, Vec<i64>) = control.into_iter().chain(other).unzip();
        let place = |id: Option<u32>| -> Option<u32> {
            let token = &parts.tokens[id? as usize];
            let at = tokens.iter().position(|other| other == token)?;
            u32::try_from(at).ok()
        };
        let (bos, eos) = (place(parts.bos), place(parts.eos));
        Parts {
            pre: pre.to_owned(),
            tokens,
            types,
            bos,
            eos,
            ..parts
        }
    }

    #[test]
    fn control_tokens_that_come_first_keep_their_ids() {
        let names = |tokenizer: &Tokenizer, text: &str| -> Vec<String> {
            let ids = tokenizer.encode(text);
            let name = |id: &u32| tokenizer.token_of(*id).unwrap().to_owned();
            ids.iter().map(name).collect()
        };
        let whole = golden();
        for pre in ["llama-bpe", "tekken", "qwen2", "smollm", "gpt-2"] {
            let parts = control_first(pre);
            assert_eq!(parts.types[0], CONTROL);
            assert_eq!(parts.types.last(), Some(&NORMAL));
            let made = Tokenizer::from_parts(&parts).unwrap();
            assert_eq!((made.bos(), made.eos()), (parts.bos, parts.eos), "{pre}");
            for (at, token) in parts.tokens.iter().enumerate() {
                let id = u32::try_from(at).unwrap();
                assert_eq!(made.token_of(id), Some(token.as_str()), "{pre}");
                assert_eq!(made.id_of(token), Some(id), "{pre}");
                if parts.types[at] == CONTROL {
                    assert_eq!(made.encode_with_specials(token), [id], "{pre}: {token}");
                    assert!(!made.encode(token).contains(&id), "{pre}: {token} is text");
                    assert_eq!(made.decode(&[id]), "", "{pre}: {token}");
                    assert_eq!(&made.decode_with_specials(&[id]), token, "{pre}");
                }
            }
            for text in TEXTS {
                assert_eq!(made.decode(&made.encode(text)), text, "{pre}");
                if pre == "llama-bpe" {
                    assert_eq!(names(&made, text), names(&whole, text), "{text}");
                }
            }
            let again = made.parts(parts.tokens.len()).unwrap();
            assert_eq!((again.tokens, again.types), (parts.tokens, parts.types));
        }
    }

    #[test]
    fn control_tokens_that_follow_the_vocabulary_stay_out_of_it() {
        let tokenizer = golden();
        let parts = tokenizer.parts(tokenizer.vocabulary()).unwrap();
        let made = Tokenizer::from_parts(&parts).unwrap();
        let vocabulary = |tokenizer: &Tokenizer| -> Value {
            let whole: Value = serde_json::from_slice(&tokenizer.json).unwrap();
            whole["model"]["vocab"].clone()
        };
        assert_eq!(vocabulary(&made), vocabulary(&tokenizer), "as it was");
        let first = Tokenizer::from_parts(&control_first("smollm")).unwrap();
        assert_eq!(vocabulary(&first)["<|begin_of_text|>"], 0);
        // A row that no token has: what follows it would be counted wrongly.
        let mut holed = parts;
        let at = holed.types.iter().position(|kind| *kind == CONTROL);
        holed.tokens.insert(at.unwrap(), "[PAD]".to_owned());
        holed.types.insert(at.unwrap(), UNUSED);
        holed.pre = "qwen2".to_owned();
        (holed.bos, holed.eos) = (None, None);
        let holed = Tokenizer::from_parts(&holed).unwrap();
        let id = holed.id_of("<|begin_of_text|>").unwrap();
        assert_eq!(Some(id), tokenizer.bos().map(|bos| bos + 1));
        assert_eq!(holed.encode_with_specials("<|begin_of_text|>"), [id]);
    }

    #[test]
    fn a_control_token_spelt_as_an_ordinary_one_is_refused() {
        let mut parts = control_first("smollm");
        parts.tokens[1] = "!".to_owned();
        let said = format!(
            "{:#}",
            Tokenizer::from_parts(&parts).err().expect("refused")
        );
        assert!(
            said.contains("the added token \"!\" has the id 1"),
            "{said}"
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let tokenizer = golden();
        let good = tokenizer.parts(tokenizer.vocabulary()).unwrap();
        let refused = |change: &dyn Fn(&mut Parts)| {
            let mut parts = good.clone();
            change(&mut parts);
            format!(
                "{:#}",
                Tokenizer::from_parts(&parts).err().expect("refused")
            )
        };
        assert!(refused(&|p| p.model = "llama".to_owned()).contains("Hugging Face directory"));
        assert!(refused(&|p| p.pre = "klingon".to_owned()).contains("llama-bpe"));
        assert!(refused(&|p| p.types.truncate(5)).contains("types"));
        assert!(refused(&|p| p.eos = Some(1 << 30)).contains("eos_token"));
        assert!(refused(&|p| p.merges = vec!["one".to_owned()]).contains("merge"));
        assert!(tokenizer.parts(10).is_err());
    }
}
