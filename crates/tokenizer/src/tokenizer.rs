//! The tokenizer as everybody else sees it: text in, ids out, and back, byte for byte.

use std::collections::HashMap;

use anyhow::Result;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde_json::{Map, Value};

use crate::bpe::{Bpe, Scratch};

/// A BPE tokenizer; every method may be called from several threads at once.
pub struct Tokenizer {
    pub(crate) engine: Engine,
    pub(crate) entries: Vec<Entry>,
    pub(crate) ids: HashMap<String, u32>,
    /// Special tokens by their text, the longest first.
    pub(crate) specials: Vec<(String, u32)>,
    pub(crate) bos: Option<u32>,
    pub(crate) eos: Option<u32>,
    /// Whether a text begins with `bos`, by its own files.
    pub(crate) begins: bool,
    /// `tokenizer.json`, byte for byte as it was read or made.
    pub(crate) json: Vec<u8>,
    pub(crate) config: Map<String, Value>,
    pub(crate) special_tokens_map: Map<String, Value>,
}

pub(crate) enum Engine {
    /// Of the Llama 3 kind.
    Llama3(Box<Bpe>),
    /// Any other BPE: as it is, and with the special tokens read as ordinary text.
    Other {
        inner: Box<tokenizers::Tokenizer>,
        plain: Box<tokenizers::Tokenizer>,
    },
}

/// One id: what it is called in `tokenizer.json`, and what it writes.
#[derive(Clone, Default)]
pub(crate) struct Entry {
    pub(crate) token: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) special: bool,
}

impl Tokenizer {
    /// The ids of a text, and of nothing but the text: no begin or end, and the name of a special
    /// token that stands in the text is text. What documents from outside are encoded with.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        self.encode_into(text, &mut Scratch::default(), &mut ids);
        ids
    }

    /// The ids of a text in which the names of special tokens mean the special tokens: for text
    /// that we rendered ourselves, such as a chat. What `transformers` does with
    /// `add_special_tokens=False`.
    pub fn encode_with_specials(&self, text: &str) -> Vec<u32> {
        let bpe = match &self.engine {
            Engine::Llama3(bpe) => bpe,
            Engine::Other { inner, .. } => return ids_of(inner, text),
        };
        let mut ids = Vec::with_capacity(text.len() / 3);
        let scratch = &mut Scratch::default();
        let mut rest = text;
        while let Some((at, name, id)) = self.first_special(rest) {
            bpe.encode(&rest[..at], scratch, &mut ids);
            ids.push(id);
            rest = &rest[at + name..];
        }
        bpe.encode(rest, scratch, &mut ids);
        ids
    }

    /// A document as the model is trained on it: begin, text, end, as far as they exist.
    pub fn encode_document(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 2);
        self.document_into(text, &mut Scratch::default(), &mut ids);
        ids
    }

    /// [`encode`](Self::encode) over many texts, on all threads, in their order.
    pub fn encode_batch<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Vec<u32>> {
        self.batch(texts, Self::encode_into)
    }

    /// [`encode_document`](Self::encode_document) over many texts, on all threads, in their order.
    pub fn encode_documents<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Vec<u32>> {
        self.batch(texts, Self::document_into)
    }

    /// The text of ids, special tokens left out; broken UTF-8 becomes U+FFFD. Ids that do not
    /// exist write nothing.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.text(ids, false)
    }

    /// The text of ids, special tokens by their names.
    pub fn decode_with_specials(&self, ids: &[u32]) -> String {
        self.text(ids, true)
    }

    /// The bytes that an id writes, which need not be whole characters; of a special token its
    /// name, of an id that does not exist none.
    pub fn bytes_of(&self, id: u32) -> Vec<u8> {
        self.entry(id)
            .map(|entry| entry.bytes.clone())
            .unwrap_or_default()
    }

    /// Ids are below this number: the rows that an embedding needs.
    pub fn vocabulary(&self) -> usize {
        self.entries.len()
    }

    /// What a document begins with.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Whether a text begins with [`bos`](Self::bos) by the tokenizer's own template or the
    /// `add_bos_token` beside it, as `transformers` and llama.cpp put it there; many have the token and
    /// never write it.
    pub fn begins_texts(&self) -> bool {
        self.begins
    }

    /// What a document ends with.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Whether an id is a special token, which is no text.
    pub fn is_special(&self, id: u32) -> bool {
        self.entry(id).is_some_and(|entry| entry.special)
    }

    /// The id of a token by its name in `tokenizer.json`, such as `<|eot_id|>`.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The name of an id in `tokenizer.json`, where a space is `Ġ`.
    pub fn token_of(&self, id: u32) -> Option<&str> {
        self.entry(id).map(|entry| &*entry.token)
    }

    fn entry(&self, id: u32) -> Option<&Entry> {
        self.entries.get(id as usize)
    }

    fn encode_into(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        match &self.engine {
            Engine::Llama3(bpe) => bpe.encode(text, scratch, ids),
            Engine::Other { plain, .. } => ids.extend(ids_of(plain, text)),
        }
    }

    fn document_into(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        ids.extend(self.bos);
        self.encode_into(text, scratch, ids);
        ids.extend(self.eos);
    }

    fn batch<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        encode: fn(&Self, &str, &mut Scratch, &mut Vec<u32>),
    ) -> Vec<Vec<u32>> {
        texts
            .par_iter()
            .map_init(Scratch::default, |scratch, text| {
                let text = text.as_ref();
                let mut ids = Vec::with_capacity(text.len() / 3 + 2);
                encode(self, text, scratch, &mut ids);
                ids
            })
            .collect()
    }

    /// Where the next special token stands in a text: its place, the length of its name, its id.
    fn first_special(&self, text: &str) -> Option<(usize, usize, u32)> {
        // Names share their first byte, nearly always `<`: look only where one can begin.
        let begins = |at: &usize| {
            self.specials
                .iter()
                .any(|(name, _)| text[*at..].starts_with(&**name))
        };
        let first: Vec<u8> = self
            .specials
            .iter()
            .map(|(name, _)| name.as_bytes()[0])
            .collect();
        let at = (0..text.len())
            .filter(|at| first.contains(&text.as_bytes()[*at]))
            .find(begins)?;
        let (name, id) = self
            .specials
            .iter()
            .find(|(name, _)| text[at..].starts_with(&**name))?;
        Some((at, name.len(), *id))
    }

    fn text(&self, ids: &[u32], with_specials: bool) -> String {
        if let Engine::Other { inner, .. } = &self.engine {
            // Its decoder may do more than join bytes; where it fails, joined bytes are still true.
            if let Ok(text) = inner.decode(ids, !with_specials) {
                return text;
            }
        }
        let wanted = ids
            .iter()
            .filter_map(|id| self.entry(*id))
            .filter(|entry| with_specials || !entry.special);
        let bytes: Vec<u8> = wanted
            .flat_map(|entry| entry.bytes.iter().copied())
            .collect();
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
        }
    }
}

fn ids_of(inner: &tokenizers::Tokenizer, text: &str) -> Vec<u32> {
    let encoded: Result<_, _> = inner.encode_fast(text, false);
    // BPE without dropout cannot fail on any text; were it to, silence would be a loss.
    encoded
        .unwrap_or_else(|error| panic!("BPE failed on a text: {error}"))
        .get_ids()
        .to_vec()
}

#[cfg(test)]
mod tests;
