//! Who is asked, which a recipe says, and how this machine gets there, which the command line says.

use crate::{Budget, Endpoint, Key, Patience, Recorded};
use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// Which model at which address: part of what is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The base address: `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Fields put into every body as they are, over ours: `reasoning_effort`, `chat_template_kwargs`.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

impl Address {
    /// Whether it can be asked at all; for a check before anything runs.
    ///
    /// # Errors
    /// What is no address, or a model without a name.
    pub fn check(&self) -> Result<()> {
        crate::endpoint::checked(&self.url)?;
        ensure!(
            !self.model.trim().is_empty(),
            "the model at {} has no name",
            self.url
        );
        Ok(())
    }
}

/// How to get there: keys, how many calls at once, how long to wait, how much to spend. Never part of
/// what is made.
#[derive(Clone, Debug)]
pub struct Access {
    /// Sent to whatever address is asked. One that was read from a file, which somebody named, goes before
    /// all others; any other gives way to a service's own.
    pub key: Option<Key>,
    /// Sent to addresses that begin like this, before the general key: a key that belongs to one service
    /// is not shown to another that a recipe names.
    pub keys: Vec<(String, Key)>,
    /// Calls at once.
    pub parallel: usize,
    /// Waiting and trying.
    pub patience: Patience,
    /// Calls and tokens, for each transcript.
    pub budget: Budget,
}

impl Default for Access {
    /// No key, eight calls at once, no end.
    fn default() -> Self {
        Access {
            key: None,
            keys: Vec::new(),
            parallel: 8,
            patience: Patience::default(),
            budget: Budget::default(),
        }
    }
}

impl Access {
    /// The endpoint at an address.
    ///
    /// # Errors
    /// What is no address.
    pub fn endpoint(&self, address: &Address) -> Result<Endpoint> {
        address.check()?;
        Endpoint::new(&address.url, self.key(&address.url), self.patience)
    }

    /// The endpoint at an address, with the journal at `path` around it, until `stop` says so.
    ///
    /// # Errors
    /// What is no address; a journal that cannot be read or written.
    pub fn recorded(
        &self,
        address: &Address,
        path: &Path,
        stop: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Recorded<Endpoint>> {
        Recorded::open(self.endpoint(address)?.until(stop), path, self.budget)
    }

    fn key(&self, url: &str) -> Option<Key> {
        // A whole host, so that `https://api.openai.com.evil` gets nothing.
        let at = |begin: &str| {
            url.strip_prefix(begin)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let own = self
            .keys
            .iter()
            .find(|(begin, _)| at(begin.trim_end_matches('/')));
        let named = self.key.as_ref().filter(|key| key.named());
        named
            .or(own.map(|(_, key)| key))
            .or(self.key.as_ref())
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_one_service_is_not_shown_to_another() {
        let key = |text: &str| Key::new(text).expect("a key");
        let mut access = Access {
            keys: vec![("https://api.openai.com".into(), key("sk"))],
            ..Access::default()
        };
        let secret =
            |access: &Access, url: &str| access.key(url).map(|key| key.secret().to_owned());
        assert_eq!(
            secret(&access, "https://api.openai.com/v1").as_deref(),
            Some("sk")
        );
        for other in [
            "https://api.openai.com.evil/v1",
            "http://api.openai.com/v1",
            "https://evil/v1",
        ] {
            assert_eq!(secret(&access, other), None, "{other}");
        }
        access.key = Some(key("own"));
        assert_eq!(secret(&access, "https://evil/v1").as_deref(), Some("own"));
    }

    #[test]
    fn a_services_own_key_goes_before_the_general_one_but_not_before_a_file() {
        let key = |text: &str| Key::new(text).expect("a key");
        let mut access = Access {
            key: Some(key("general")),
            keys: vec![("https://api.openai.com".into(), key("sk"))],
            ..Access::default()
        };
        let secret = |access: &Access, url: &str| {
            let key = access.key(url).expect("a key");
            key.secret().to_owned()
        };
        assert_eq!(secret(&access, "https://api.openai.com/v1"), "sk");
        assert_eq!(secret(&access, "https://other/v1"), "general");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        disk::write(&file, b"named").expect("written");
        access.key = Some(Key::read(&file).expect("a key"));
        assert_eq!(secret(&access, "https://api.openai.com/v1"), "named");
        assert_eq!(secret(&access, "https://other/v1"), "named");
    }

    #[test]
    fn an_address_is_looked_at_before_anything_runs() {
        let check = |url: &str, model: &str| {
            let address = Address {
                url: url.into(),
                model: model.into(),
                extra: Map::new(),
            };
            address.check()
        };
        assert!(check("http://127.0.0.1:8080/v1/", "m").is_ok());
        for bad in [
            "",
            "127.0.0.1:8080",
            "ftp://a",
            "http://",
            "http://a b",
            "http://me:key@a/v1",
            "http://a/v1?key=1",
        ] {
            assert!(check(bad, "m").is_err(), "{bad:?}");
        }
        assert!(check("http://a", " ").is_err());
    }
}
