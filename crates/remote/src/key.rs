//! What says who asks: a secret that no page, error or debugging line shows.

use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// An API key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key as it was given; white space around it is dropped.
    ///
    /// # Errors
    /// An empty one, or one that could not stand in a header.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        ensure!(!text.is_empty(), "the API key is empty");
        ensure!(
            text.bytes().all(|byte| byte.is_ascii_graphic()),
            "the API key holds a space, a line break or a letter outside ASCII: wanted one word"
        );
        Ok(Key(text.to_owned()))
    }

    /// The key that a file holds, and nothing else.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the API key from {}", path.display()))?;
        Key::new(&text).with_context(|| path.display().to_string())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_is_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        disk::write(&file, b" sk-123\n").expect("written");
        let key = Key::read(&file).expect("a key");
        assert_eq!(key.secret(), "sk-123");
        assert_eq!(format!("{key:?}"), "Key(…)");
        for bad in ["", "  \n", "a b", "열쇠", "a\r\nHost: b"] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
        let told = format!(
            "{:#}",
            Key::read(&folder.path().join("none")).expect_err("none")
        );
        assert!(told.contains("cannot read the API key"), "{told}");
    }
}
