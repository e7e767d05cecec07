//! The three files that `transformers` and others load: `tokenizer.json` and what stands beside it.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::Tokenizer;

/// The tokenizer itself.
pub const TOKENIZER: &str = "tokenizer.json";
/// Its class and its begin and end tokens.
pub const CONFIG: &str = "tokenizer_config.json";
/// The same tokens once more, for older readers.
pub const SPECIAL_TOKENS_MAP: &str = "special_tokens_map.json";
/// How a chat is written, where that lies in a file of its own: not read here, but carried along.
pub const CHAT_TEMPLATE: &str = "chat_template.jinja";
/// The folder of further ones, such as that for tools, each in a file that is called as it is.
pub const MORE_TEMPLATES: &str = "additional_chat_templates";

impl Tokenizer {
    /// The files by name: `tokenizer.json` byte for byte as it was loaded or trained.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let pretty = |map| {
            let mut text = serde_json::to_vec_pretty(map).expect("JSON of our own making");
            text.push(b'\n');
            text
        };
        vec![
            (TOKENIZER, self.json.clone()),
            (CONFIG, pretty(&self.config)),
            (SPECIAL_TOKENS_MAP, pretty(&self.special_tokens_map)),
        ]
    }

    /// Writes the files into a folder, which is made where it is missing.
    ///
    /// # Errors
    /// The disk's.
    pub fn save(&self, folder: &Path) -> Result<()> {
        disk::create_dir(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            disk::write(&path, &bytes)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }
}
