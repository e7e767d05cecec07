//! The `model` of a `tokenizer.json`: that it is a BPE, its vocabulary, its merges.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

use crate::bpe::Bpe;
use crate::letters;
use crate::tokenizer::Entry;

pub(super) struct Model {
    pub(super) vocabulary: Vec<(String, u32)>,
    merges: Vec<(String, String)>,
    ignore_merges: bool,
    byte_fallback: bool,
    /// No prefix, suffix, dropout, unknown token or fallback: nothing but merges.
    pub(super) plain: bool,
}

impl Model {
    pub(super) fn read(whole: &Value) -> Result<Self> {
        let model = whole
            .get("model")
            .and_then(Value::as_object)
            .context("it has no `model`: wanted what Hugging Face calls tokenizer.json")?;
        match model.get("type").and_then(Value::as_str) {
            Some("BPE") => {}
            // Old files do not say; only a BPE has merges.
            None if model.contains_key("merges") => {}
            Some(other) => bail!("its model is {other}, and only BPE is known here"),
            None => bail!(
                "its model does not say what it is, and has no merges: only BPE is known here"
            ),
        }
        let vocabulary = vocabulary(model)?;
        let merges = merges(model)?;
        let unknown = model.get("unk_token").and_then(Value::as_str);
        if let Some(unknown) = unknown {
            ensure!(
                vocabulary.iter().any(|(token, _)| token == unknown),
                "its unknown token {unknown:?} is not in the vocabulary"
            );
        }
        let flag = |name: &str| model.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| model.get(name).and_then(Value::as_str).unwrap_or_default();
        let dropout = model.get("dropout").and_then(Value::as_f64).unwrap_or(0.0);
        Ok(Self {
            ignore_merges: flag("ignore_merges"),
            byte_fallback: flag("byte_fallback"),
            plain: unknown.is_none()
                && !flag("byte_fallback")
                && !flag("fuse_unk")
                && text("continuing_subword_prefix").is_empty()
                && text("end_of_word_suffix").is_empty()
                && dropout == 0.0,
            vocabulary,
            merges,
        })
    }

    /// What a token of the vocabulary writes.
    pub(super) fn bytes(&self, token: &str, byte_level: bool) -> Vec<u8> {
        if byte_level {
            return letters::bytes(token).unwrap_or_else(|| token.as_bytes().to_vec());
        }
        if self.byte_fallback {
            let digits = token
                .strip_prefix("<0x")
                .and_then(|rest| rest.strip_suffix('>'));
            if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                return vec![byte];
            }
        }
        token.replace('▁', " ").into_bytes()
    }

    /// Our encoder over this model; `None` where a byte has no token.
    pub(super) fn bpe(&self, entries: &[Entry], ids: &HashMap<String, u32>) -> Result<Option<Bpe>> {
        let id = |token: &str| {
            let known = ids.get(token).copied();
            known.with_context(|| {
                format!("a merge needs the token {token:?}, which is not in the vocabulary")
            })
        };
        let mut ranked = Vec::with_capacity(self.merges.len());
        let mut joined = String::new();
        for (left, right) in &self.merges {
            joined.clear();
            joined.push_str(left);
            joined.push_str(right);
            ranked.push((id(left)?, id(right)?, id(&joined)?));
        }
        // The name of a special token is no word of a text, though it may stand in the vocabulary.
        let tokens = self
            .vocabulary
            .iter()
            .filter(|(_, id)| !entries[*id as usize].special)
            .map(|(_, id)| (entries[*id as usize].bytes.clone(), *id));
        Ok(Bpe::new(tokens, ranked, self.ignore_merges))
    }
}

fn vocabulary(model: &Map<String, Value>) -> Result<Vec<(String, u32)>> {
    let tokens = model
        .get("vocab")
        .and_then(Value::as_object)
        .context("its model has no `vocab`")?;
    let id = |(token, id): (&String, &Value)| {
        let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
        Ok((
            token.clone(),
            id.with_context(|| format!("the token {token:?} has no id"))?,
        ))
    };
    tokens.iter().map(id).collect()
}

/// Merges are pairs, or, in older files, two tokens with a space between.
fn merges(model: &Map<String, Value>) -> Result<Vec<(String, String)>> {
    let list = model
        .get("merges")
        .and_then(Value::as_array)
        .context("its model has no `merges`")?;
    let pair = |merge: &Value| -> Option<(String, String)> {
        match merge {
            Value::String(text) => {
                let (left, right) = text.split_once(' ')?;
                (!right.contains(' ')).then(|| (left.to_owned(), right.to_owned()))
            }
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(left), Value::String(right)] => Some((left.clone(), right.clone())),
                _ => None,
            },
            _ => None,
        }
    };
    let read = |(number, merge): (usize, &Value)| {
        pair(merge).with_context(|| format!("merge {number} is not two tokens: {merge}"))
    };
    list.iter().enumerate().map(read).collect()
}
