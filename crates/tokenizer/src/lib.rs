//! Text into token ids and back: byte-level BPE, trained here or loaded from a Hugging Face `tokenizer.json`.
//!
//! [`Tokenizer`] encodes and decodes, [`Trainer`] makes a new one with the pre-tokenizer and the
//! special tokens of Llama 3, [`Utf8Stream`] turns tokens into text as they come without ever
//! showing half a character, [`FertilityCounter`] says how many tokens a word costs in each language.
//!
//! A tokenizer of the Llama 3 kind runs on the encoder of this crate; any other BPE runs on the
//! `tokenizers` crate, which is also the oracle that the first is tested against.
//!
//! Deliberately absent: chat templates, models other than BPE, sampling of segmentations (dropout).

mod bpe;
mod facts;
mod fertility;
mod ggml;
mod letters;
mod load;
mod pattern;
mod save;
mod special;
mod stream;
mod tokenizer;
mod train;

pub use facts::VocabularyFacts;
pub use fertility::{Fertility, FertilityCounter, FertilityRow};
pub use ggml::Parts;
pub use save::{CHAT_TEMPLATE, CONFIG, MORE_TEMPLATES, SPECIAL_TOKENS_MAP, TOKENIZER};
pub use special::{BEGIN_OF_TEXT, END_OF_TEXT, NAMED_SPECIALS, special_tokens};
pub use stream::Utf8Stream;
pub use tokenizer::Tokenizer;
pub use train::{TrainSettings, Trained, Trainer, Training, train};

/// The pre-tokenizer of Llama 3, as it stands in `tokenizer.json`.
pub const LLAMA3_PATTERN: &str = pattern::LLAMA3;
