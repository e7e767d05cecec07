//! Where the hub is and where its files are kept, by the names that Hugging Face's own tools give their settings.
//!
//! The caller looks the names up: a library reads no environment.

use anyhow::{Result, ensure};
use std::path::PathBuf;

const ENDPOINT: &str = "https://huggingface.co";

/// What `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` say.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder of the cache.
    pub cache: PathBuf,
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// What says who asks.
    pub token: Option<String>,
    /// Whether nothing may be asked of the network.
    pub offline: bool,
}

impl Settings {
    /// Settings by a look-up of names, such as that of the environment.
    ///
    /// # Errors
    /// An endpoint that is no address of the web.
    pub fn new(look_up: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let word = |name: &str| {
            look_up(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let home = || word("HOME").or_else(|| word("USERPROFILE"));
        let under = |folder: String, rest: &str| PathBuf::from(folder).join(rest);
        let hugging = word("HF_HOME")
            .map(PathBuf::from)
            .or_else(|| word("XDG_CACHE_HOME").map(|folder| under(folder, "huggingface")))
            .or_else(|| home().map(|folder| under(folder, ".cache/huggingface")))
            .unwrap_or_else(|| PathBuf::from(".huggingface"));
        let endpoint = word("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        ensure!(
            endpoint.starts_with("https://") || endpoint.starts_with("http://"),
            "HF_ENDPOINT is {endpoint:?}: wanted an address that begins with https:// or http://"
        );
        let kept = word("HF_TOKEN_PATH").map_or_else(|| hugging.join("token"), PathBuf::from);
        let read = || std::fs::read_to_string(kept).ok();
        let token = word("HF_TOKEN").or_else(|| word("HUGGING_FACE_HUB_TOKEN"));
        Ok(Settings {
            cache: word("HF_HUB_CACHE")
                .or_else(|| word("HUGGINGFACE_HUB_CACHE"))
                .map_or_else(|| hugging.join("hub"), PathBuf::from),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token
                .or_else(read)
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty()),
            offline: word("HF_HUB_OFFLINE").is_some_and(|value| {
                ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(words: &[(&str, &str)]) -> Result<Settings> {
        Settings::new(|name| {
            let found = words.iter().find(|(word, _)| *word == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn folders_are_those_of_other_tools() {
        let cache = |words: &[_]| settings(words).expect("settings").cache;
        let home = ("HOME", "/집");
        assert_eq!(cache(&[home]), PathBuf::from("/집/.cache/huggingface/hub"));
        assert_eq!(
            cache(&[home, ("XDG_CACHE_HOME", "/x")]),
            PathBuf::from("/x/huggingface/hub")
        );
        assert_eq!(cache(&[home, ("HF_HOME", "/h")]), PathBuf::from("/h/hub"));
        assert_eq!(
            cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]),
            PathBuf::from("/c")
        );
    }

    #[test]
    fn a_token_is_said_or_kept_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        disk::write(&folder.path().join("token"), b"kept\n").expect("written");
        let home = ("HF_HOME", folder.path().to_str().expect("UTF-8"));
        let token = |words: &[_]| settings(words).expect("settings").token;
        assert_eq!(token(&[home]).as_deref(), Some("kept"));
        assert_eq!(
            token(&[home, ("HF_TOKEN", " said ")]).as_deref(),
            Some("said")
        );
        assert_eq!(token(&[("HF_HOME", "/nowhere")]), None);
    }

    #[test]
    fn the_rest_is_read_and_checked() {
        let found = settings(&[("HF_ENDPOINT", "http://h/"), ("HF_HUB_OFFLINE", "TRUE")]);
        let found = found.expect("settings");
        assert_eq!((found.endpoint.as_str(), found.offline), ("http://h", true));
        assert!(settings(&[("HF_ENDPOINT", "ftp://h")]).is_err());
    }
}
