//! What a local model is made of, so that answers are kept under it and found again.
//!
//! The bytes of the weights, of the tokenizer and of the chat template, and the precision; never the
//! path: a model that was moved is the same, one that was trained on under the same name is not. A model that is
//! served is known by the same in a few digits.

use anyhow::{Context as _, Result};
use chat::Template;
use recipe::Manifest;
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
    let weights = weights(path, |file| Ok(disk::hash_file(file)?))?;
    Ok(with_weights(weights, tokenizer, template, precision))
}

/// What a model that is served is known by: 16 hexadecimal digits, found out when it is called. Of an artifact of a
/// store the manifest knows the hashes of the files; elsewhere they are read, as for an evaluation.
pub(crate) fn fingerprint(
    path: &Path,
    tokenizer: &Tokenizer,
    template: Option<&Template>,
    precision: String,
) -> impl FnOnce() -> Option<String> + Send + 'static {
    let path = path.to_owned();
    let known = with_weights(String::new(), tokenizer, template, precision);
    move || {
        let manifest = Manifest::read(&path).map(|manifest| manifest.files);
        let manifest = manifest.unwrap_or_default();
        let weights = weights(&path, |file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let recorded = manifest.iter().find(|record| record.name == *name);
            // A file that was put in another's place is no longer what the manifest says.
            let size = file.metadata().map_or(0, |data| data.len());
            match recorded.filter(|record| record.bytes == size) {
                Some(record) => Ok(record.blake3.clone()),
                None => Ok(disk::hash_file(file)?),
            }
        });
        let identity = Identity {
            weights: weights.ok()?,
            ..known
        };
        let digits = blake3::hash(identity.to_string().as_bytes()).to_hex();
        Some(digits[..16].to_owned())
    }
}

/// BLAKE3 over configuration and weights, from the hash of each file.
fn weights(path: &Path, hash: impl Fn(&Path) -> Result<String>) -> Result<String> {
    let mut files: Vec<PathBuf> = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        files = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                (name.ends_with(".safetensors") && !disk::is_hidden(file))
                    || name == "config.json"
                    || name == "generation_config.json"
            })
            .collect();
        files.sort();
    }
    let mut weights = blake3::Hasher::new();
    for file in files {
        weights.update(hash(&file)?.as_bytes());
    }
    Ok(weights.finalize().to_hex().to_string())
}

fn with_weights(
    weights: String,
    tokenizer: &Tokenizer,
    template: Option<&Template>,
    precision: String,
) -> Identity {
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
    Identity {
        weights,
        tokenizer: tokens.finalize().to_hex().to_string(),
        template: template.map(of_template),
        precision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_model_is_known_by_its_weights_wherever_it_lies() {
        let settings = tokenizer::TrainSettings {
            vocabulary: 280,
            ..Default::default()
        };
        let trained = tokenizer::train(["가나다 라마바"], &settings).unwrap();
        let of = |folder: &Path, precision: &str| {
            fingerprint(folder, &trained.tokenizer, None, precision.to_owned())().unwrap()
        };
        let made = |weights: &[u8]| {
            let folder = tempfile::tempdir().unwrap();
            let put = |name: &str, bytes: &[u8]| {
                disk::write(&folder.path().join(name), bytes).unwrap();
            };
            put("model.safetensors", weights);
            put("config.json", b"{}");
            put("training.json", weights);
            folder
        };
        let (one, same, other) = (made(b"weights"), made(b"weights"), made(b"WEIGHTS"));
        disk::write(&same.path().join("._model.safetensors"), b"copied").unwrap();
        let print = of(one.path(), "bf16");
        assert!(print.len() == 16 && print.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(of(same.path(), "bf16"), print);
        assert_ne!(of(other.path(), "bf16"), print, "of the same size");
        assert_ne!(of(one.path(), "f32"), print);
    }
}
