//! A model by what the user typed: a Hugging Face directory, a GGUF file, a pulled model, or one of the store.
//!
//! Whatever generates opens its model here, so that a GGUF file works wherever a directory does.

mod templates;

use super::{Where, model_folder};
use crate::device::Machine;
use ::chat::Template;
use anyhow::{Context as _, Result, bail};
use model::gguf::{Gguf, is_gguf};
use model::{Decoder, Storage, Use};
use std::path::{Path, PathBuf};
pub(crate) use templates::Templates;
use tensor::{Cpu, Precision};
use tokenizer::{Parts, Tokenizer};

/// A model that is ready to be asked.
pub(crate) struct Opened {
    /// The folder or the file.
    pub(crate) path: PathBuf,
    pub(crate) decoder: Decoder<Cpu>,
    pub(crate) tokenizer: Tokenizer,
    /// A GGUF file's chat templates, if it has any; a directory's lie in its files.
    chat_templates: Option<Templates>,
}

impl Opened {
    /// The format of the model's conversations: its own, or the one its tokenizer was made for.
    ///
    /// # Errors
    /// A template that cannot be read or is none.
    pub(crate) fn template(&self) -> Result<Template> {
        let tokenizer = &self.tokenizer;
        let own = match &self.chat_templates {
            _ if self.path.is_dir() => Template::load(&self.path)?,
            Some(templates) => {
                let named = [
                    ("bos_token", tokenizer.bos()),
                    ("eos_token", tokenizer.eos()),
                ];
                let specials = named.into_iter().filter_map(|(name, id)| {
                    let token = tokenizer.token_of(id?)?;
                    Some((name.to_owned(), token.into()))
                });
                let template = templates.template(specials.collect())?;
                Some(template.with_origin("the GGUF file"))
            }
            None => None,
        };
        Ok(own.unwrap_or_else(|| Template::usual(|name| tokenizer.id_of(name).is_some())))
    }
}

/// How `--weights` says a storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Weights {
    /// As the model has them
    #[default]
    Auto,
    /// In the precision of products, quantised ones written out
    Dense,
    /// In 8 bits (what has 4 keeps them)
    Int8,
    /// In 4 bits, embedding and head in 8
    Int4,
}

impl Weights {
    /// What the weights are for.
    pub(crate) fn purpose(self) -> Use {
        match self {
            Weights::Auto => Use::Infer,
            Weights::Dense => Use::InferIn(Storage::Dense),
            Weights::Int8 => Use::InferIn(Storage::Int8),
            Weights::Int4 => Use::InferIn(Storage::Int4),
        }
    }
}

/// Opens a model with its tokenizer.
pub(crate) fn open(
    word: &str,
    place: &Where,
    machine: &Machine,
    precision: Precision,
    weights: Weights,
) -> Result<Opened> {
    let path = locate(word, place)?;
    let device = machine.cpu(precision)?;
    if is_gguf(&path) {
        let file = Gguf::open(&path)?;
        let tokenizer = tokenizer_of(&file)?;
        let decoder = Decoder::of_gguf(&file, device, weights.purpose())?;
        return Ok(Opened {
            chat_templates: Templates::of_gguf(&file.metadata)?,
            path,
            decoder,
            tokenizer,
        });
    }
    let tokenizer = Tokenizer::load(&path)
        .with_context(|| format!("{} has no tokenizer beside the model", path.display()))?;
    Ok(Opened {
        decoder: Decoder::load(&path, device, weights.purpose())?,
        chat_templates: None,
        tokenizer,
        path,
    })
}

/// Where a model lies: a GGUF file, or a folder with `config.json`. A folder that holds nothing but
/// one GGUF file stands for the file.
pub(crate) fn locate(word: &str, place: &Where) -> Result<PathBuf> {
    let path = Path::new(word);
    if is_gguf(path) {
        return Ok(path.to_owned());
    }
    if path.is_file() {
        bail!("{word} is a file, and no GGUF file: wanted one, or a Hugging Face model directory");
    }
    if path.is_dir() && !path.join("config.json").is_file() {
        let entries =
            std::fs::read_dir(path).with_context(|| format!("cannot look into {word}"))?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let files: Vec<PathBuf> = files.filter(|file| is_gguf(file)).collect();
        match files.as_slice() {
            [] => {}
            [only] => return Ok(only.clone()),
            several => bail!(
                "{word} holds {} GGUF files: name the one that is wanted",
                several.len()
            ),
        }
    }
    model_folder(word, place)
}

/// The tokenizer in a GGUF file's metadata.
pub(crate) fn tokenizer_of(file: &Gguf) -> Result<Tokenizer> {
    let data = &file.metadata;
    let key = |what: &str| format!("tokenizer.ggml.{what}");
    let texts = |what: &str| -> Result<Vec<String>> {
        let list = data.texts(&key(what))?;
        let list = list.with_context(|| format!("it has no {}", key(what)))?;
        Ok(list.to_vec())
    };
    let id = |what: &str| -> Result<Option<u32>> {
        let size = data.size(&key(what))?;
        Ok(size.and_then(|id| u32::try_from(id).ok()))
    };
    let read = || -> Result<Tokenizer> {
        Tokenizer::from_parts(&Parts {
            model: data.text(&key("model"))?.unwrap_or("none").to_owned(),
            pre: data.text(&key("pre"))?.unwrap_or("default").to_owned(),
            tokens: texts("tokens")?,
            types: data
                .integers(&key("token_type"))?
                .unwrap_or_default()
                .to_vec(),
            merges: match data.text(&key("model"))? {
                Some("gpt2") => texts("merges")?,
                _ => vec![],
            },
            bos: id("bos_token_id")?,
            eos: id("eos_token_id")?,
            add_bos: data.flag(&key("add_bos_token"))?,
        })
    };
    read().with_context(|| {
        format!(
            "{} has no tokenizer that can be used",
            file.path().display()
        )
    })
}
