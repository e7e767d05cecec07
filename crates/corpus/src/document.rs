//! A document: an id, a text, and everything else as metadata (the shape of Dolma and datatrove).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One document, as it lies on a line of a shard: `{"id": …, "text": …, "metadata": {…}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Names the document; what the held-out split and the lists of skipped documents go by.
    pub id: String,
    /// The text, in UTF-8.
    pub text: String,
    /// Everything else that is known: language, source, licence, quality, date …
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl Document {
    /// A document without metadata.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            text: text.into(),
            metadata: Map::new(),
        }
    }

    /// The same document with one more fact about it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }

    /// The language, from `language` or, as many collections call it, `lang`.
    pub fn language(&self) -> Option<&str> {
        self.string("language").or_else(|| self.string("lang"))
    }

    /// Where the document comes from.
    pub fn source(&self) -> Option<&str> {
        self.string("source")
    }

    /// The stated quality, where a collection states one in words.
    pub fn quality(&self) -> Option<&str> {
        self.string("quality")
    }

    /// A fact that is a string; `None` where it is missing or something else.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_document_and_back() {
        let line = r#"{"id":"가","text":"안녕하세요\n","metadata":{"lang":"ko","rating":10}}"#;
        let document: Document = serde_json::from_str(line).unwrap();
        assert_eq!(document.language(), Some("ko"));
        assert_eq!(document.source(), None);
        assert_eq!(document.string("rating"), None);
        assert_eq!(serde_json::to_string(&document).unwrap(), line);
    }

    #[test]
    fn language_comes_before_lang() {
        let document = Document::new("1", "x")
            .with("lang", "en")
            .with("language", "ko");
        assert_eq!(document.language(), Some("ko"));
    }
}
