//! What says who asks: a secret that no page, error or debugging line shows.

use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// Shorter keys (`EMPTY`, which local servers are fond of) are no secret, and words of ordinary replies.
const SECRET: usize = 8;

/// An API key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    secret: String,
    named: bool,
}

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
        Ok(Key {
            secret: text.to_owned(),
            named: false,
        })
    }

    /// The key that a file holds, and nothing else.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the API key from {}", path.display()))?;
        let key = Key::new(&text).with_context(|| path.display().to_string())?;
        Ok(Key { named: true, ..key })
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether somebody named the file it is in: one from the environment just happens to be there.
    pub(crate) fn named(&self) -> bool {
        self.named
    }

    /// What a server said, with `…` for the key wherever it says the key back. A slash may be escaped
    /// there, as in JSON.
    pub(crate) fn hide(&self, said: Vec<u8>) -> Vec<u8> {
        if self.secret.len() < SECRET {
            return said;
        }
        let escaped = self.secret.replace('\\', "\\\\").replace('"', "\\\"");
        let forms = [&self.secret, &escaped, &escaped.replace('/', "\\/")];
        let text = String::from_utf8_lossy(&said);
        if !forms.iter().any(|form| text.contains(form.as_str())) {
            return said;
        }
        let hidden = forms.iter().fold(text.into_owned(), |text, form| {
            text.replace(form.as_str(), "…")
        });
        hidden.into_bytes()
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

    #[test]
    fn a_key_that_is_said_back_is_hidden() {
        let hide = |key: &str, said: &str| {
            let hidden = Key::new(key).expect("a key").hide(said.as_bytes().to_vec());
            String::from_utf8(hidden).expect("text")
        };
        assert_eq!(
            hide("sk-123456", "열쇠 sk-123456, sk-123456!"),
            "열쇠 …, …!"
        );
        assert_eq!(hide("sk-123456", "다른 말"), "다른 말");
        assert_eq!(
            hide("sk/12+456", r#"{"a":"sk\/12+456","b":"sk/12+456"}"#),
            r#"{"a":"…","b":"…"}"#
        );
        assert_eq!(
            hide(r#"a"b\c/def"#, r#"{"a":"a\"b\\c\/def"}"#),
            r#"{"a":"…"}"#
        );
        // No secret, and no reply would survive it.
        assert_eq!(hide("content", r#"{"content":""}"#), r#"{"content":""}"#);
    }
}
