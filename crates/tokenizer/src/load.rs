//! Reading a `tokenizer.json`, and `tokenizer_config.json` and `special_tokens_map.json` where they are.
//!
//! Ids are those of `transformers`. What is not a BPE, or contradicts itself, is refused with a
//! sentence; truncation and padding that the file may carry are left to whoever makes batches.

mod begin;
mod model;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Map, Value, json};

use self::begin::begins;
use self::model::Model;
use crate::save::{CONFIG, SPECIAL_TOKENS_MAP, TOKENIZER};
use crate::special::{BEGIN_OF_TEXT, END_OF_TEXT};
use crate::tokenizer::{Engine, Entry};
use crate::{Tokenizer, pattern};

/// A file without anything beside it does not say which tokens begin and end a text; these do.
const USUAL: [(&str, &str); 3] = [
    (BEGIN_OF_TEXT, END_OF_TEXT),
    ("<s>", "</s>"),
    ("<|endoftext|>", "<|endoftext|>"),
];

/// No vocabulary has so many entries; an id beyond it is a mistake that would only cost memory.
const MOST_IDS: usize = 1 << 24;

impl Tokenizer {
    /// Loads a tokenizer from its `tokenizer.json`, or from the folder of a model that holds one.
    ///
    /// # Errors
    /// When a file is missing or damaged, the model is not a BPE, or its parts contradict each other.
    pub fn load(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path)
            .with_context(|| format!("there is no tokenizer at {}", path.display()))?;
        let (file, folder) = match metadata.is_dir() {
            true => (path.join(TOKENIZER), path),
            false => (path.to_owned(), path.parent().unwrap_or(Path::new("."))),
        };
        let json = std::fs::read(&file).with_context(|| {
            format!(
                "{} cannot be read: wanted a tokenizer as Hugging Face writes it",
                file.display()
            )
        })?;
        let beside = |name: &str| -> Result<Option<Map<String, Value>>> {
            let path = folder.join(name);
            match std::fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => {
                    Err(error).with_context(|| format!("{} cannot be read", path.display()))
                }
                Ok(text) => serde_json::from_slice(&text)
                    .map(Some)
                    .with_context(|| format!("{} is not a JSON object", path.display())),
            }
        };
        let (config, map) = (beside(CONFIG)?, beside(SPECIAL_TOKENS_MAP)?);
        Self::assemble(json, config, map)
            .with_context(|| format!("{} is not a tokenizer that can be used", file.display()))
    }

    /// Loads a tokenizer from the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(json: &[u8]) -> Result<Self> {
        Self::assemble(json.to_vec(), None, None)
    }

    pub(crate) fn assemble(
        json: Vec<u8>,
        config: Option<Map<String, Value>>,
        map: Option<Map<String, Value>>,
    ) -> Result<Self> {
        let mut whole: Value = serde_json::from_slice(&json).context("it is not JSON")?;
        let model = Model::read(&whole)?;
        let added = added_tokens(&whole)?;
        let (entries, ids) = entries(&model, &added, byte_level(&whole))?;

        let bpe = if llama3_kind(&whole, &model, &added) {
            model.bpe(&entries, &ids)?
        } else {
            None
        };
        let engine = match bpe {
            Some(bpe) => Engine::Llama3(Box::new(bpe)),
            None => other(&mut whole, &added)?,
        };
        let mut specials: Vec<(String, u32)> = added
            .iter()
            .filter(|token| token.special && !token.content.is_empty())
            .map(|token| (token.content.clone(), token.id))
            .collect();
        specials.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));

        let (bos, eos) = ends(&ids, config.as_ref(), map.as_ref())?;
        let name = |id: Option<u32>| id.map(|id| entries[id as usize].token.clone());
        let begins = name(bos).is_some_and(|bos| begins(&whole, config.as_ref(), &bos));
        let map = map.unwrap_or_else(|| ends_map(name(bos), name(eos)));
        let config = config.unwrap_or_else(|| plain_config(&map));
        Ok(Self {
            engine,
            entries,
            ids,
            specials,
            bos,
            eos,
            begins,
            json,
            config,
            special_tokens_map: map,
        })
    }
}

/// A token of `added_tokens`.
struct Added {
    id: u32,
    content: String,
    special: bool,
    /// Matched only in its own surroundings, which our encoder does not look at.
    peculiar: bool,
}

fn added_tokens(whole: &Value) -> Result<Vec<Added>> {
    let Some(list) = whole.get("added_tokens").filter(|list| !list.is_null()) else {
        return Ok(Vec::new());
    };
    let list = list.as_array().context("`added_tokens` is not a list")?;
    let read = |token: &Value| -> Option<Added> {
        let flag = |name: &str| token.get(name).and_then(Value::as_bool).unwrap_or(false);
        Some(Added {
            id: u32::try_from(token.get("id")?.as_u64()?).ok()?,
            content: token.get("content")?.as_str()?.to_owned(),
            special: flag("special"),
            peculiar: flag("lstrip") || flag("rstrip") || flag("single_word"),
        })
    };
    list.iter()
        .map(|token| {
            read(token).ok_or_else(|| anyhow!("an added token has no id and content: {token}"))
        })
        .collect()
}

/// All ids with what they write; an id that nothing has stays empty.
fn entries(
    model: &Model,
    added: &[Added],
    byte_level: bool,
) -> Result<(Vec<Entry>, HashMap<String, u32>)> {
    let all = model
        .vocabulary
        .iter()
        .map(|(_, id)| *id)
        .chain(added.iter().map(|token| token.id));
    let size = all.max().map_or(0, |id| id as usize + 1);
    ensure!(size > 0, "its vocabulary is empty");
    ensure!(
        size <= MOST_IDS,
        "it has an id of {}, more than any vocabulary has entries",
        size - 1
    );
    let mut entries = vec![Entry::default(); size];
    let mut ids = HashMap::with_capacity(size);
    for (token, id) in &model.vocabulary {
        let entry = &mut entries[*id as usize];
        ensure!(
            entry.token.is_empty(),
            "the id {id} belongs to two tokens, {:?} and {token:?}",
            entry.token
        );
        let bytes = model.bytes(token, byte_level);
        *entry = Entry {
            token: token.clone(),
            bytes,
            special: false,
        };
        ids.insert(token.clone(), *id);
    }
    for token in added {
        let entry = &mut entries[token.id as usize];
        ensure!(
            entry.token.is_empty() || entry.token == token.content,
            "the id {} belongs to {:?} and to the added token {:?}",
            token.id,
            entry.token,
            token.content
        );
        let bytes = token.content.clone().into_bytes();
        *entry = Entry {
            token: token.content.clone(),
            bytes,
            special: token.special,
        };
        ids.insert(token.content.clone(), token.id);
    }
    Ok((entries, ids))
}

fn byte_level(whole: &Value) -> bool {
    // Alone or in a sequence, as decoder or as pre-tokenizer: its name is all that matters here.
    let named = |value: &Value| {
        let kind = |value: &Value| value.get("type").and_then(Value::as_str) == Some("ByteLevel");
        let list = ["decoders", "pretokenizers"]
            .iter()
            .find_map(|name| value.get(*name)?.as_array());
        kind(value) || list.is_some_and(|list| list.iter().any(kind))
    };
    ["decoder", "pre_tokenizer"]
        .iter()
        .any(|name| whole.get(*name).is_some_and(named))
}

/// Whether our own encoder gives the ids: pre-tokenizer, model and added tokens as Llama 3 has them.
fn llama3_kind(whole: &Value, model: &Model, added: &[Added]) -> bool {
    let nothing = |name: &str| whole.get(name).is_none_or(Value::is_null);
    let field = |value: &Value, name: &str| value.get(name).cloned().unwrap_or(Value::Null);
    let pre_tokenizers = whole
        .pointer("/pre_tokenizer/pretokenizers")
        .and_then(Value::as_array);
    let Some([split, byte_level]) = pre_tokenizers.map(Vec::as_slice) else {
        return false;
    };
    nothing("normalizer")
        && model.plain
        && added.iter().all(|token| token.special && !token.peculiar)
        && field(split, "type") == "Split"
        && split.pointer("/pattern/Regex") == Some(&json!(pattern::LLAMA3))
        && field(split, "behavior") == "Isolated"
        && field(split, "invert") == false
        && field(byte_level, "type") == "ByteLevel"
        && field(byte_level, "add_prefix_space") == false
        && field(byte_level, "use_regex") == false
}

fn other(whole: &mut Value, added: &[Added]) -> Result<Engine> {
    whole["truncation"] = Value::Null;
    whole["padding"] = Value::Null;
    let inner = tokenizers::Tokenizer::from_bytes(serde_json::to_vec(whole)?)
        .map_err(|error| anyhow!("the `tokenizers` library refuses it: {error}"))?;
    // An added token that is not in the vocabulary gets the next free id there, whatever the file says.
    for token in added.iter().filter(|token| !token.content.is_empty()) {
        let found = inner.token_to_id(&token.content);
        ensure!(
            found == Some(token.id),
            "the added token {:?} has the id {}, and the `tokenizers` library gives it {}: wanted it in \
             `model.vocab` under its own id; write it there",
            token.content,
            token.id,
            found.map_or("none".to_owned(), |id| id.to_string())
        );
    }
    let mut plain = inner.clone();
    plain.set_encode_special_tokens(true);
    Ok(Engine::Other {
        inner: Box::new(inner),
        plain: Box::new(plain),
    })
}

/// Begin and end: as the files beside say, else by the names that are usual.
fn ends(
    ids: &HashMap<String, u32>,
    config: Option<&Map<String, Value>>,
    map: Option<&Map<String, Value>>,
) -> Result<(Option<u32>, Option<u32>)> {
    if config.is_none() && map.is_none() {
        let usual = USUAL
            .iter()
            .find(|(bos, eos)| ids.contains_key(*bos) && ids.contains_key(*eos));
        return Ok(usual.map_or((None, None), |(bos, eos)| {
            (Some(ids[*bos]), Some(ids[*eos]))
        }));
    }
    let stated = |name: &str| -> Result<Option<u32>> {
        let Some(value) = config
            .and_then(|config| config.get(name))
            .or_else(|| map?.get(name))
        else {
            return Ok(None);
        };
        let token = match value {
            Value::Null => return Ok(None),
            Value::String(token) => token,
            Value::Object(token) => token
                .get("content")
                .and_then(Value::as_str)
                .with_context(|| format!("the {name} beside it has no content"))?,
            _ => bail!("the {name} beside it is neither a string nor an object"),
        };
        let id = ids.get(token).with_context(|| {
            format!("the {name} beside it is {token:?}, which is not in the vocabulary")
        })?;
        Ok(Some(*id))
    };
    Ok((stated("bos_token")?, stated("eos_token")?))
}

fn ends_map(bos: Option<String>, eos: Option<String>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, token) in [("bos_token", bos), ("eos_token", eos)] {
        if let Some(token) = token {
            map.insert(name.to_owned(), token.into());
        }
    }
    map
}

/// What `transformers` needs to load the tokenizer: its class, and decoding that adds nothing.
fn plain_config(map: &Map<String, Value>) -> Map<String, Value> {
    let mut config = map.clone();
    config.insert(
        "tokenizer_class".to_owned(),
        "PreTrainedTokenizerFast".into(),
    );
    config.insert("clean_up_tokenization_spaces".to_owned(), false.into());
    let inputs = json!(["input_ids", "attention_mask"]); // no token types: Llama has none
    config.insert("model_input_names".to_owned(), inputs);
    config
}

#[cfg(test)]
mod tests;
