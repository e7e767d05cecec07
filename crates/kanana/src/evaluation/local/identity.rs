//! What a local model is made of, so that answers are kept under it and found again.
//!
//! The bytes of the weights, of the tokenizer and of the chat template, and the precision; never the
//! path: a model that was moved is the same, one that was trained on under the same name is not.

use anyhow::{Context as _, Result};
use chat::Template;
use std::fmt;
use std::path::{Path, PathBuf};
use tensor::Precision;
use tokenizer::Tokenizer;

/// What makes an answer the one that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// BLAKE3 over configuration and weights.
    pub(crate) weights: String,
    /// BLAKE3 of the tokenizer's files.
    pub(crate) tokenizer: String,
    /// BLAKE3 of the chat template, where there is one.
    pub(crate) template: Option<String>,
    /// What products read, and how matrices are stored.
    pub(crate) precision: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |hash: &str| hash[..16].to_owned();
        write!(
            f,
            "weights {}, tokenizer {}, template {}, {}, kanana {}",
            short(&self.weights),
            short(&self.tokenizer),
            self.template.as_deref().map_or("none".to_owned(), short),
            self.precision,
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// How a precision is called in an identity.
pub(crate) fn precision_name(precision: Precision) -> String {
    format!("{precision:?}").to_lowercase()
}

/// Reads a model's files and says what it is.
pub(crate) fn identify(
    path: &Path,
    tokenizer: &Tokenizer,
    template: Option<&Template>,
    precision: String,
) -> Result<Identity> {
    let mut files: Vec<PathBuf> = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        files = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.ends_with(".safetensors")
                    || name == "config.json"
                    || name == "generation_config.json"
            })
            .collect();
        files.sort();
    }
    let mut weights = blake3::Hasher::new();
    for file in files {
        weights.update(disk::hash_file(&file)?.as_bytes());
    }
    let mut tokens = blake3::Hasher::new();
    for (name, bytes) in tokenizer.files() {
        tokens.update(name.as_bytes());
        tokens.update(&bytes);
    }
    let of_template = |template: &Template| {
        let specials = serde_json::to_string(template.specials()).unwrap_or_default();
        let text = format!("{}\0{specials}", template.source());
        blake3::hash(text.as_bytes()).to_hex().to_string()
    };
    Ok(Identity {
        weights: weights.finalize().to_hex().to_string(),
        tokenizer: tokens.finalize().to_hex().to_string(),
        template: template.map(of_template),
        precision,
    })
}
